// Timers as Node has them. Each is one timer of the host, so that what one of them throws costs no other. The engine
// calls `fired`; nothing here reads a clock before a script starts a timer.

import { N, needsFunction } from "./native.js";

// Timers at a time; one more is a RangeError.
const TIMERS_MAX = 100_000;
// The longest delay, as in Node: a longer one counts as 1 ms.
const DELAY_MS_MAX = 2 ** 31 - 1;

const running = new Map();
let last = 0;

function delayOf(value) {
  const delay = Number(value);
  return delay >= 1 && delay <= DELAY_MS_MAX ? Math.trunc(delay) : 1;
}

function begin(timer, delay) {
  if (running.size >= TIMERS_MAX && !running.has(timer._id)) {
    throw new RangeError(`there are ${TIMERS_MAX} timers already: clear some, or use one for many things`);
  }
  N.setTimer(timer._id, delay);
  running.set(timer._id, timer);
}

class Timer {
  constructor(callback, args) {
    this._id = ++last;
    this._callback = callback;
    this._args = args;
    this._refed = true;
  }

  ref() {
    this._refed = true;
    return this;
  }

  unref() {
    this._refed = false;
    return this;
  }

  hasRef() {
    return this._refed;
  }
}

export class Timeout extends Timer {
  constructor(callback, delay, args, repeats) {
    super(callback, args);
    this._idleTimeout = delay;
    this._repeat = repeats ? delay : null;
    this._due = 0;
    this._destroyed = false;
    this._start();
  }

  _start() {
    this._due = N.now() + this._idleTimeout;
    begin(this, this._idleTimeout);
  }

  // Begins again, also when it has fired; not when it was cleared.
  refresh() {
    if (!this._destroyed) this._start();
    return this;
  }

  close() {
    stop(this);
    return this;
  }

  [Symbol.toPrimitive]() {
    return this._id;
  }

  [Symbol.dispose ?? Symbol.for("nodejs.dispose")]() {
    stop(this);
  }
}

export class Immediate extends Timer {
  constructor(callback, args) {
    super(callback, args);
    begin(this, 0);
  }
}

function stop(timer) {
  timer._destroyed = true;
  if (running.delete(timer._id)) N.clearTimer(timer._id);
}

function clear(timer) {
  if (timer instanceof Timer) return stop(timer);
  if (typeof timer === "number" || typeof timer === "string") {
    const found = running.get(Number(timer));
    if (found !== undefined) stop(found);
  }
}

export function setTimeout(callback, delay, ...args) {
  needsFunction(callback, "callback");
  return new Timeout(callback, delayOf(delay), args, false);
}

export function setInterval(callback, delay, ...args) {
  needsFunction(callback, "callback");
  return new Timeout(callback, delayOf(delay), args, true);
}

export function setImmediate(callback, ...args) {
  needsFunction(callback, "callback");
  return new Immediate(callback, args);
}

export function clearTimeout(timer) {
  clear(timer);
}

export function clearInterval(timer) {
  clear(timer);
}

export function clearImmediate(timer) {
  clear(timer);
}

// A timer of the host has run out. What its function throws is for the engine to report.
export function fired(id) {
  const timer = running.get(id);
  if (timer === undefined) return;
  running.delete(id);
  if (timer instanceof Timeout && timer._repeat !== null) {
    // By the clock, so that delays do not add up; what a pause made late happens once.
    const now = N.now();
    const every = timer._repeat;
    timer._due += every;
    if (timer._due <= now) timer._due = now + every - ((now - timer._due) % every);
    begin(timer, timer._due - now);
  }
  timer._callback(...timer._args);
}

// How many timers wait.
export function count() {
  return running.size;
}

function aborted(signal) {
  const error = new Error("The operation was aborted", { cause: signal.reason });
  error.name = "AbortError";
  error.code = "ABORT_ERR";
  return error;
}

function promised(start, options) {
  const signal = options?.signal;
  if (signal?.aborted) return Promise.reject(aborted(signal));
  return new Promise((resolve, reject) => {
    let timer = null;
    const abort = () => {
      clear(timer);
      reject(aborted(signal));
    };
    timer = start(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    signal?.addEventListener("abort", abort, { once: true });
  });
}

export const promises = {
  setTimeout: (delay, value, options) => promised((done) => setTimeout(done, delay), options).then(() => value),
  setImmediate: (value, options) => promised((done) => setImmediate(done), options).then(() => value),
  async *setInterval(delay, value, options) {
    const signal = options?.signal;
    if (signal?.aborted) throw aborted(signal);
    let ticks = 0;
    let wake = null;
    const tick = () => {
      wake?.();
      wake = null;
    };
    const timer = setInterval(() => {
      ticks += 1;
      tick();
    }, delay);
    signal?.addEventListener("abort", tick, { once: true });
    try {
      while (!signal?.aborted) {
        if (ticks === 0) await new Promise((resolve) => (wake = resolve));
        for (; ticks > 0 && !signal?.aborted; ticks--) yield value;
      }
      throw aborted(signal);
    } finally {
      clear(timer);
      signal?.removeEventListener("abort", tick);
    }
  },
  scheduler: {
    wait: (delay, options) => promises.setTimeout(delay, undefined, options),
    yield: () => promises.setImmediate(),
  },
};
