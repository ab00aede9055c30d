// `process`, `performance` and what goes with them. Nothing here reads the clock before `start`: the library is loaded
// when the component is built, long before an app starts.

import { N, coded, needsFunction } from "./native.js";
import { EventTarget } from "./events.js";

const VERSION = "20.20.0";
// Marks and measures that are kept; older ones are forgotten.
const ENTRIES_MAX = 1000;
// Listeners of process that are kept for one event.
const LISTENERS_MAX = 1000;

let startedMs = 0;
let entry = "app";

const listeners = new Map();

function on(name, listener) {
  needsFunction(listener, "listener");
  const list = listeners.get(name) ?? [];
  if (list.length >= LISTENERS_MAX) throw new RangeError(`process has ${LISTENERS_MAX} listeners for ${String(name)} already`);
  list.push(listener);
  listeners.set(name, list);
  return process;
}

function off(name, listener) {
  const list = listeners.get(name) ?? [];
  const index = list.findLastIndex((known) => known === listener || known.listener === listener);
  if (index >= 0) list.splice(index, 1);
  if (list.length === 0) listeners.delete(name);
  return process;
}

function once(name, listener) {
  needsFunction(listener, "listener");
  const wrapped = (...args) => {
    off(name, wrapped);
    return listener.apply(process, args);
  };
  wrapped.listener = listener;
  return on(name, wrapped);
}

function emit(name, ...args) {
  const list = listeners.get(name);
  if (list === undefined) return false;
  for (const listener of [...list]) listener.apply(process, args);
  return true;
}

function notHere(what, instead) {
  return () => {
    throw coded(Error, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", `${what} is not there in a script: ${instead}`);
  };
}

const exit = notHere("process.exit()", "the host decides when an app ends; use io.close() to end all connections, or socket.disconnect(true) for one");

function hrtime(since) {
  const ms = N.now() - startedMs;
  const now = [Math.floor(ms / 1000), Math.floor((ms % 1000) * 1e6)];
  if (since === undefined) return now;
  const [seconds, nanos] = [now[0] - since[0], now[1] - since[1]];
  return nanos < 0 ? [seconds - 1, nanos + 1e9] : [seconds, nanos];
}
hrtime.bigint = () => BigInt(Math.floor((N.now() - startedMs) * 1e6));

function stream(fd, level) {
  return {
    fd,
    isTTY: false,
    writable: true,
    write(text, ...rest) {
      N.log(level, String(text).replace(/\n$/, ""));
      const callback = rest.pop();
      if (typeof callback === "function") queueMicrotask(() => callback());
      return true;
    },
    end(text) {
      if (text !== undefined) this.write(text);
    },
    on: () => undefined,
    once: () => undefined,
  };
}

function emitWarning(warning, options) {
  const name = (typeof options === "string" ? options : options?.type) ?? warning?.name ?? "Warning";
  N.log(3, warning instanceof Error ? `${warning.name}: ${warning.message}` : `${name}: ${String(warning)}`);
}

export const process = {
  title: "holdfast",
  version: `v${VERSION}`,
  versions: { node: VERSION, holdfast: "0.1.0" },
  release: { name: "node" },
  arch: "wasm32",
  platform: "linux",
  argv: ["holdfast", entry],
  argv0: "holdfast",
  execArgv: [],
  execPath: "holdfast",
  pid: 1,
  ppid: 0,
  exitCode: undefined,
  features: {},
  config: {},
  env: {},
  stdout: stream(1, 2),
  stderr: stream(2, 4),
  nextTick(callback, ...args) {
    needsFunction(callback, "callback");
    queueMicrotask(args.length === 0 ? () => callback() : () => callback(...args));
  },
  cwd: () => "/",
  chdir: notHere("process.chdir()", "there is no file system"),
  umask: () => 0o22,
  uptime: () => (N.now() - startedMs) / 1000,
  hrtime,
  // The host bounds and measures an app's memory; a script cannot.
  memoryUsage: Object.assign(() => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }), { rss: () => 0 }),
  cpuUsage: () => ({ user: 0, system: 0 }),
  exit,
  abort: exit,
  reallyExit: exit,
  kill: notHere("process.kill()", "there are no other processes"),
  binding: notHere("process.binding()", "there is no Node below"),
  emitWarning,
  on,
  addListener: on,
  prependListener: on,
  once,
  prependOnceListener: once,
  off,
  removeListener: off,
  removeAllListeners(name) {
    if (name === undefined) listeners.clear();
    else listeners.delete(name);
    return process;
  },
  emit,
  listeners: (name) => (listeners.get(name) ?? []).map((listener) => listener.listener ?? listener),
  listenerCount: (name) => listeners.get(name)?.length ?? 0,
  eventNames: () => [...listeners.keys()],
  setMaxListeners: () => process,
  getMaxListeners: () => LISTENERS_MAX,
  setUncaughtExceptionCaptureCallback() {},
  hasUncaughtExceptionCaptureCallback: () => false,
};
Object.defineProperty(process, Symbol.toStringTag, { value: "process", configurable: true });

// The app starts.
export function start(context) {
  startedMs = N.now();
  entry = context.name ?? entry;
  process.env = { ...context.env };
  process.argv = ["holdfast", entry];
}

// The host is about to end the app.
export function stopping() {
  emit("SIGTERM", "SIGTERM", 15);
  emit("beforeExit", 0);
  emit("exit", 0);
}

// performance.

class PerformanceEntry {
  constructor(name, entryType, startTime, length, detail) {
    Object.assign(this, { name, entryType, startTime, duration: length, detail });
  }

  toJSON() {
    return { ...this };
  }
}

let entries = [];

function add(made) {
  entries.push(made);
  if (entries.length > ENTRIES_MAX) entries = entries.slice(ENTRIES_MAX / 2);
  return made;
}

class Performance extends EventTarget {
  now() {
    return N.now() - startedMs;
  }

  get timeOrigin() {
    return startedMs;
  }

  mark(name, options) {
    return add(new PerformanceEntry(`${name}`, "mark", options?.startTime ?? this.now(), 0, options?.detail ?? null));
  }

  measure(name, from, to) {
    const options = typeof from === "object" && from !== null ? from : { start: from, end: to };
    const end = options.end === undefined && options.duration !== undefined ? this.#place(options.start, 0) + options.duration : this.#place(options.end, this.now());
    const begin = options.start === undefined && options.duration !== undefined ? end - options.duration : this.#place(options.start, 0);
    return add(new PerformanceEntry(`${name}`, "measure", begin, end - begin, options.detail ?? null));
  }

  #place(mark, otherwise) {
    if (mark === undefined) return otherwise;
    if (typeof mark === "number") return mark;
    const found = entries.findLast((known) => known.entryType === "mark" && known.name === mark);
    if (found === undefined) throw new DOMException(`The "${mark}" performance mark has not been set`, "SyntaxError");
    return found.startTime;
  }

  getEntries() {
    return entries.toSorted((a, b) => a.startTime - b.startTime);
  }

  getEntriesByName(name, type) {
    return this.getEntries().filter((known) => known.name === name && (type === undefined || known.entryType === type));
  }

  getEntriesByType(type) {
    return this.getEntries().filter((known) => known.entryType === type);
  }

  clearMarks(name) {
    entries = entries.filter((known) => known.entryType !== "mark" || (name !== undefined && known.name !== name));
  }

  clearMeasures(name) {
    entries = entries.filter((known) => known.entryType !== "measure" || (name !== undefined && known.name !== name));
  }

  toJSON() {
    return { timeOrigin: startedMs };
  }
}

export const performance = new Performance();
export { PerformanceEntry };
