// node:events: EventEmitter, `once`, `on` and the rest, as in Node.

import { N, coded, needsFunction, outOfRange } from "./native.js";
import { inspect } from "./inspect.js";

const CAPTURE = Symbol.for("nodejs.rejection");
const MONITOR = Symbol("events.errorMonitor");

export function EventEmitter(options) {
  EventEmitter.init.call(this, options);
}

EventEmitter.init = function (options) {
  if (this._events === undefined || this._events === Object.getPrototypeOf(this)._events) {
    this._events = { __proto__: null };
    this._eventsCount = 0;
  }
  this._maxListeners ??= undefined;
  if (options?.captureRejections) this._captures = true;
};

const prototype = EventEmitter.prototype;
prototype._events = undefined;
prototype._eventsCount = 0;
prototype._maxListeners = undefined;

EventEmitter.defaultMaxListeners = 10;
EventEmitter.errorMonitor = MONITOR;
EventEmitter.captureRejectionSymbol = CAPTURE;
EventEmitter.captureRejections = false;
EventEmitter.usingDomains = false;

function add(target, type, listener, first) {
  needsFunction(listener, "listener");
  if (target._events === undefined) EventEmitter.init.call(target);
  const events = target._events;
  if (events.newListener !== undefined) target.emit("newListener", type, listener.listener ?? listener);
  const known = target._events[type];
  if (known === undefined) {
    target._events[type] = listener;
    target._eventsCount += 1;
    return target;
  }
  let list = known;
  if (typeof known === "function") list = target._events[type] = first ? [listener, known] : [known, listener];
  else if (first) known.unshift(listener);
  else known.push(listener);
  const limit = target.getMaxListeners();
  if (limit > 0 && list.length > limit && !list.warned) {
    list.warned = true;
    const what = target.constructor?.name ?? "EventEmitter";
    N.log(
      3,
      `MaxListenersExceededWarning: Possible EventEmitter memory leak detected. ${list.length} ${String(type)} listeners added to [${what}]. MaxListeners is ${limit}. Use emitter.setMaxListeners() to increase limit`,
    );
  }
  return target;
}

function wrapOnce(target, type, listener) {
  needsFunction(listener, "listener");
  let fired = false;
  const wrapped = function (...args) {
    if (fired) return undefined;
    fired = true;
    target.removeListener(type, wrapped);
    return listener.apply(target, args);
  };
  wrapped.listener = listener;
  return wrapped;
}

function call(target, type, listener, args) {
  const result = listener.apply(target, args);
  if ((target._captures || EventEmitter.captureRejections) && typeof result?.then === "function") {
    result.then(undefined, (error) => {
      if (typeof target[CAPTURE] === "function") target[CAPTURE](error, type, ...args);
      else target.emit("error", error);
    });
  }
}

const methods = {
  setMaxListeners(count) {
    if (typeof count !== "number" || !(count >= 0)) throw outOfRange("n", "a non-negative number", count);
    this._maxListeners = count;
    return this;
  },

  getMaxListeners() {
    return this._maxListeners ?? EventEmitter.defaultMaxListeners;
  },

  emit(type, ...args) {
    const events = this._events;
    if (type === "error") {
      if (events?.[MONITOR] !== undefined) this.emit(MONITOR, ...args);
      if (events?.error === undefined) {
        const [error] = args;
        if (error instanceof Error) throw error;
        let shown;
        try {
          shown = inspect(error);
        } catch {
          shown = String(error);
        }
        const thrown = coded(Error, "ERR_UNHANDLED_ERROR", `Unhandled error. (${shown})`);
        thrown.context = error;
        throw thrown;
      }
    }
    const listener = events?.[type];
    if (listener === undefined) return false;
    if (typeof listener === "function") call(this, type, listener, args);
    else for (const each of [...listener]) call(this, type, each, args);
    return true;
  },

  addListener(type, listener) {
    return add(this, type, listener, false);
  },

  prependListener(type, listener) {
    return add(this, type, listener, true);
  },

  once(type, listener) {
    return add(this, type, wrapOnce(this, type, listener), false);
  },

  prependOnceListener(type, listener) {
    return add(this, type, wrapOnce(this, type, listener), true);
  },

  removeListener(type, listener) {
    needsFunction(listener, "listener");
    const list = this._events?.[type];
    if (list === undefined) return this;
    let found;
    if (typeof list === "function") {
      if (list !== listener && list.listener !== listener) return this;
      found = list;
      forget(this, type);
    } else {
      const index = list.findLastIndex((each) => each === listener || each.listener === listener);
      if (index < 0) return this;
      [found] = list.splice(index, 1);
      if (list.length === 1) this._events[type] = list[0];
    }
    if (this._events.removeListener !== undefined) this.emit("removeListener", type, found.listener ?? found);
    return this;
  },

  removeAllListeners(type) {
    const events = this._events;
    if (events === undefined) return this;
    if (events.removeListener === undefined) {
      if (arguments.length === 0) {
        this._events = { __proto__: null };
        this._eventsCount = 0;
      } else if (events[type] !== undefined) forget(this, type);
      return this;
    }
    if (arguments.length === 0) {
      for (const key of Reflect.ownKeys(events)) if (key !== "removeListener") this.removeAllListeners(key);
      this.removeAllListeners("removeListener");
      return this;
    }
    for (const listener of this.rawListeners(type).reverse()) this.removeListener(type, listener);
    return this;
  },

  listeners(type) {
    return this.rawListeners(type).map((listener) => listener.listener ?? listener);
  },

  rawListeners(type) {
    const list = this._events?.[type];
    return list === undefined ? [] : typeof list === "function" ? [list] : [...list];
  },

  listenerCount(type, listener) {
    const list = this.rawListeners(type);
    return listener == null ? list.length : list.filter((each) => each === listener || each.listener === listener).length;
  },

  eventNames() {
    return this._eventsCount > 0 ? Reflect.ownKeys(this._events) : [];
  },
};
methods.on = methods.addListener;
methods.off = methods.removeListener;
Object.assign(prototype, methods);

function forget(target, type) {
  delete target._events[type];
  target._eventsCount -= 1;
}

function aborted(signal) {
  const error = new Error("The operation was aborted", { cause: signal.reason });
  error.name = "AbortError";
  error.code = "ABORT_ERR";
  return error;
}

const isTarget = (emitter) => typeof emitter.on !== "function" && typeof emitter.addEventListener === "function";

function listen(emitter, type, listener) {
  if (isTarget(emitter)) emitter.addEventListener(type, listener);
  else emitter.on(type, listener);
}

function unlisten(emitter, type, listener) {
  if (isTarget(emitter)) emitter.removeEventListener(type, listener);
  else emitter.removeListener(type, listener);
}

export function once(emitter, type, options) {
  const signal = options?.signal;
  if (signal?.aborted) return Promise.reject(aborted(signal));
  return new Promise((resolve, reject) => {
    const end = () => {
      unlisten(emitter, type, got);
      if (type !== "error" && !isTarget(emitter)) unlisten(emitter, "error", failed);
      signal?.removeEventListener("abort", stop);
    };
    const got = (...args) => {
      end();
      resolve(args);
    };
    const failed = (error) => {
      end();
      reject(error);
    };
    const stop = () => failed(aborted(signal));
    listen(emitter, type, got);
    if (type !== "error" && !isTarget(emitter)) listen(emitter, "error", failed);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

// Events as an async iterator: those that nobody took yet wait in a list.
export function on(emitter, type, options) {
  const signal = options?.signal;
  if (signal?.aborted) throw aborted(signal);
  const waiting = [];
  const takers = [];
  let [error, done] = [null, false];
  const got = (...args) => {
    const taker = takers.shift();
    if (taker === undefined) waiting.push(args);
    else taker.resolve({ value: args, done: false });
  };
  const failed = (reason) => {
    const taker = takers.shift();
    if (taker === undefined) error = { reason };
    else taker.reject(reason);
    end();
  };
  const stop = () => failed(aborted(signal));
  const end = () => {
    unlisten(emitter, type, got);
    if (!isTarget(emitter)) unlisten(emitter, "error", failed);
    for (const close of options?.close ?? []) unlisten(emitter, close, end);
    signal?.removeEventListener("abort", stop);
    done = true;
    for (const taker of takers.splice(0)) taker.resolve({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  };
  listen(emitter, type, got);
  if (type !== "error" && !isTarget(emitter)) listen(emitter, "error", failed);
  for (const close of options?.close ?? []) listen(emitter, close, end);
  signal?.addEventListener("abort", stop, { once: true });
  return {
    next() {
      if (waiting.length > 0) return Promise.resolve({ value: waiting.shift(), done: false });
      if (error !== null) {
        const { reason } = error;
        error = null;
        return Promise.reject(reason);
      }
      if (done) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => takers.push({ resolve, reject }));
    },
    return: end,
    throw(reason) {
      failed(reason);
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

Object.assign(EventEmitter, {
  EventEmitter,
  once,
  on,
  listenerCount: (emitter, type) => emitter.listenerCount(type),
  getEventListeners: (emitter, type) => emitter.listeners?.(type) ?? [],
  getMaxListeners: (emitter) => emitter.getMaxListeners?.() ?? EventEmitter.defaultMaxListeners,
  setMaxListeners(count = EventEmitter.defaultMaxListeners, ...emitters) {
    if (emitters.length === 0) EventEmitter.defaultMaxListeners = count;
    for (const emitter of emitters) emitter.setMaxListeners?.(count);
  },
  addAbortListener(signal, listener) {
    signal.addEventListener("abort", listener, { once: true });
    return { [Symbol.dispose ?? Symbol.for("nodejs.dispose")]: () => signal.removeEventListener("abort", listener) };
  },
});
