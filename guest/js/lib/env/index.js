// The environment of scripts: the globals that programs for Node expect. `install` runs once, when the component is
// built, and its memory is part of what is shipped: it reads no clock, no randomness and no settings. The engine calls
// the hooks that it returns.

import { N, bind, needsFunction } from "./native.js";
import { Buffer } from "./buffer.js";
import { structuredClone } from "./clone.js";
import { createConsole } from "./console.js";
import { webcrypto } from "./crypto.js";
import { AbortController, AbortSignal, CustomEvent, Event, EventTarget } from "./events.js";
import { moduleOf } from "./modules.js";
import { PerformanceEntry, performance, process, start, stopping } from "./process.js";
import { completeStacks } from "./stack.js";
import { TextDecoder, TextEncoder, atob, btoa } from "./text.js";
import * as timers from "./timers.js";

// Globals that are made when they are first used, by the file that has them.
const OF_URL = ["URL", "URLSearchParams"];
const OF_FETCH = ["fetch", "Headers", "Request", "Response", "Blob", "File", "FormData"];

// `globals`: where they are put. Tests give an object of their own.
export function install(bridge, globals = globalThis) {
  bind(bridge);
  if (globals === globalThis) completeStacks();
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = timers;
  define(globals, {
    global: globals,
    self: globals,
    console: createConsole(),
    setTimeout,
    setInterval,
    setImmediate,
    clearTimeout,
    clearInterval,
    clearImmediate,
    structuredClone,
    TextEncoder,
    TextDecoder,
    atob,
    btoa,
    crypto: webcrypto,
    Event,
    EventTarget,
    CustomEvent,
    AbortController,
    AbortSignal,
    performance,
    PerformanceEntry,
    process,
    Buffer,
  });
  const native = globalThis.queueMicrotask;
  define(globals, {
    queueMicrotask(callback) {
      needsFunction(callback, "callback");
      native(() => {
        callback();
      });
    },
  });

  let web = null;
  const fetching = () => (web ??= N.require("env/fetch.js").create(N, setTimeout));
  for (const name of OF_URL) lazy(globals, name, () => N.require("env/url.js")[name]);
  for (const name of OF_FETCH) lazy(globals, name, () => fetching()[name]);

  return {
    start,
    timer: timers.fired,
    fetched: (...args) => fetching().fetched(...args),
    fetchFailed: (...args) => fetching().fetchFailed(...args),
    module: (name) => moduleOf(name, globals),
    stopping,
    setTimeout,
    clearTimeout,
  };
}

// As the engine's own globals are: to be replaced, but not listed.
function define(globals, values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globals, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

function lazy(globals, name, make) {
  Object.defineProperty(globals, name, {
    configurable: true,
    enumerable: false,
    get() {
      const value = make();
      define(globals, { [name]: value });
      return value;
    },
    set(value) {
      define(globals, { [name]: value });
    },
  });
}
