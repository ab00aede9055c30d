// A bridge for the tests of lib/env: virtual time, timers and log lines, and a place for the globals that is not this
// process's own. Used by env-*.test.mjs.

import { randomBytes } from "node:crypto";

import { install } from "../lib/env/index.js";

export const lines = [];
export const asked = [];
let now = 1_000_000;
let timers = new Map();
let order = 0;
let requests = {};

export const N = {
  now: () => now,
  random: (count) => new Uint8Array(randomBytes(count)),
  log: (level, text) => lines.push([level, text]),
  setTimer(id, delay) {
    asked.push(["set", id, delay]);
    timers.set(id, { id, due: now + delay, order: ++order });
  },
  clearTimer(id) {
    asked.push(["clear", id]);
    timers.delete(id);
  },
  utf8Encode: (text) => new Uint8Array(Buffer.from(String(text).toWellFormed())),
  utf8Decode: (bytes, fatal) => new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes),
  stack: (error) => error?.stack ?? "",
  require(path) {
    if (!Object.hasOwn(requests, path)) throw new Error(`the library has no file ${path}`);
    return requests[path];
  },
};

// Files of the library that stand in for what is loaded lazily.
export function standIn(files) {
  requests = files;
}

export const globals = {};
export const hooks = install(N, globals);

// Time passes: timers that are due run as the host runs them, by time and then by age. What they throw is returned.
export async function pass(ms) {
  const until = now + ms;
  const thrown = [];
  for (;;) {
    const due = [...timers.values()].filter((timer) => timer.due <= until);
    due.sort((a, b) => a.due - b.due || a.order - b.order);
    const [next] = due;
    if (next === undefined) break;
    now = Math.max(now, next.due);
    timers.delete(next.id);
    try {
      hooks.timer(next.id);
    } catch (error) {
      thrown.push(error);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  now = Math.max(now, until);
  return thrown;
}

// Time passes while the host runs nothing: what is due is late.
export function sleep(ms) {
  now += ms;
}

export const waiting = () => timers.size;

// What a function throws or gives, in a form to compare: Node's and ours.
export function outcome(run) {
  try {
    return { gave: run() };
  } catch (error) {
    return { threw: error.constructor.name, code: error.code, message: error.message };
  }
}
