// Event, EventTarget, CustomEvent, AbortController and AbortSignal, as of the DOM and as Node has them. An exception of
// one listener does not keep the others from being called: it is thrown again in a microtask, for the engine to report.

import { N, coded, wrongType } from "./native.js";
import { setTimeout } from "./timers.js";

export class Event {
  #type;
  #bubbles;
  #cancelable;
  #composed;
  #stamp = N === null ? 0 : N.now();
  #prevented = false;
  _stopped = false;
  _target = null;
  _phase = 0;
  _passive = false;

  constructor(type, options = undefined) {
    if (arguments.length === 0) throw coded(TypeError, "ERR_MISSING_ARGS", 'The "type" argument must be specified');
    this.#type = `${type}`;
    this.#bubbles = Boolean(options?.bubbles);
    this.#cancelable = Boolean(options?.cancelable);
    this.#composed = Boolean(options?.composed);
    for (const name of ["_stopped", "_target", "_phase", "_passive"]) {
      Object.defineProperty(this, name, { enumerable: false });
    }
  }

  get type() {
    return this.#type;
  }

  get bubbles() {
    return this.#bubbles;
  }

  get cancelable() {
    return this.#cancelable;
  }

  get composed() {
    return this.#composed;
  }

  get timeStamp() {
    return this.#stamp;
  }

  get defaultPrevented() {
    return this.#cancelable && this.#prevented;
  }

  get returnValue() {
    return !this.defaultPrevented;
  }

  get target() {
    return this._target;
  }

  get srcElement() {
    return this._target;
  }

  get currentTarget() {
    return this._phase === 2 ? this._target : null;
  }

  get eventPhase() {
    return this._phase;
  }

  get isTrusted() {
    return false;
  }

  get cancelBubble() {
    return this._stopped;
  }

  composedPath() {
    return this._phase === 2 ? [this._target] : [];
  }

  preventDefault() {
    if (!this._passive) this.#prevented = true;
  }

  stopPropagation() {}

  stopImmediatePropagation() {
    this._stopped = true;
  }

  get [Symbol.toStringTag]() {
    return "Event";
  }

  static NONE = 0;
  static CAPTURING_PHASE = 1;
  static AT_TARGET = 2;
  static BUBBLING_PHASE = 3;
}

export class CustomEvent extends Event {
  #detail;

  constructor(type, options = undefined) {
    super(type, options);
    this.#detail = options?.detail ?? null;
  }

  get detail() {
    return this.#detail;
  }

  get [Symbol.toStringTag]() {
    return "CustomEvent";
  }
}

export class EventTarget {
  #listeners = new Map();

  addEventListener(type, listener, options = undefined) {
    if (listener == null) return;
    if (typeof listener !== "function" && typeof listener !== "object") {
      throw wrongType("listener", "an instance of EventListener", listener);
    }
    const capture = typeof options === "boolean" ? options : Boolean(options?.capture);
    const signal = options?.signal;
    if (signal?.aborted) return;
    const name = `${type}`;
    let list = this.#listeners.get(name);
    if (list === undefined) this.#listeners.set(name, (list = []));
    if (list.some((known) => known.listener === listener && known.capture === capture)) return;
    list.push({ listener, capture, once: Boolean(options?.once), passive: Boolean(options?.passive), removed: false });
    signal?.addEventListener("abort", () => this.removeEventListener(name, listener, { capture }), { once: true });
  }

  removeEventListener(type, listener, options = undefined) {
    const capture = typeof options === "boolean" ? options : Boolean(options?.capture);
    const list = this.#listeners.get(`${type}`);
    const index = list?.findIndex((known) => known.listener === listener && known.capture === capture) ?? -1;
    if (index < 0) return;
    list[index].removed = true;
    if (list.length === 1) this.#listeners.delete(`${type}`);
    else list.splice(index, 1);
  }

  dispatchEvent(event) {
    if (!(event instanceof Event)) throw wrongType("event", "an instance of Event", event);
    if (event._phase !== 0) throw coded(Error, "ERR_EVENT_RECURSION", `The event "${event.type}" is already being dispatched`);
    event._target = this;
    event._phase = 2;
    for (const known of [...(this.#listeners.get(event.type) ?? [])]) {
      if (known.removed) continue;
      if (known.once) this.removeEventListener(event.type, known.listener, known);
      event._passive = known.passive;
      try {
        const { listener } = known;
        const result = typeof listener === "function" ? listener.call(this, event) : listener.handleEvent(event);
        if (typeof result?.then === "function") result.then(undefined, raise);
      } catch (error) {
        raise(error);
      }
      if (event._stopped) break;
    }
    event._passive = false;
    event._phase = 0;
    return !event.defaultPrevented;
  }

  get [Symbol.toStringTag]() {
    return "EventTarget";
  }
}

function raise(error) {
  queueMicrotask(() => {
    throw error;
  });
}

// `onabort` and the like: one listener that stands where it was set first.
export function handlerProperty(prototype, type) {
  const handlers = new WeakMap();
  Object.defineProperty(prototype, `on${type}`, {
    configurable: true,
    enumerable: true,
    get() {
      return handlers.get(this)?.fn ?? null;
    },
    set(value) {
      let handler = handlers.get(this);
      if (handler === undefined) {
        handler = { fn: null };
        handlers.set(this, handler);
        this.addEventListener(type, (event) => handler.fn?.call(this, event));
      }
      handler.fn = typeof value === "function" ? value : null;
    },
  });
}

let making = false;

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  // Signals made by `any` that follow this one, and what such a one follows.
  #followers = null;
  #sources = [];

  constructor() {
    if (!making) throw coded(TypeError, "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    super();
  }

  get aborted() {
    return this.#aborted;
  }

  get reason() {
    return this.#reason;
  }

  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }

  static #make() {
    making = true;
    try {
      return new AbortSignal();
    } finally {
      making = false;
    }
  }

  static _new() {
    return AbortSignal.#make();
  }

  static _abort(signal, reason = new DOMException("This operation was aborted", "AbortError")) {
    if (signal.#aborted) return;
    const all = [signal];
    signal.#aborted = true;
    signal.#reason = reason;
    for (const follower of signal.#followers ?? []) {
      if (follower.#aborted) continue;
      follower.#aborted = true;
      follower.#reason = reason;
      all.push(follower);
    }
    signal.#followers = null;
    for (const each of all) {
      for (const source of each.#sources) source.#followers?.delete(each);
      each.#sources = [];
    }
    for (const each of all) each.dispatchEvent(new Event("abort"));
  }

  static abort(reason) {
    const signal = AbortSignal.#make();
    AbortSignal._abort(signal, reason);
    return signal;
  }

  static timeout(delay) {
    if (typeof delay !== "number") throw wrongType("delay", "of type number", delay);
    if (!(delay >= 0 && delay <= Number.MAX_SAFE_INTEGER)) {
      throw coded(RangeError, "ERR_OUT_OF_RANGE", `The value of "delay" is out of range. It must be >= 0 && <= 9007199254740991. Received ${delay}`);
    }
    const signal = AbortSignal.#make();
    const late = () => AbortSignal._abort(signal, new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    setTimeout(late, delay);
    return signal;
  }

  static any(signals) {
    const signal = AbortSignal.#make();
    const sources = [...signals];
    const done = sources.find((source) => source.aborted);
    if (done !== undefined) {
      signal.#aborted = true;
      signal.#reason = done.reason;
      return signal;
    }
    signal.#sources = [...new Set(sources.flatMap((source) => (source.#sources.length > 0 ? source.#sources : [source])))];
    for (const source of signal.#sources) (source.#followers ??= new Set()).add(signal);
    return signal;
  }

  get [Symbol.toStringTag]() {
    return "AbortSignal";
  }
}
handlerProperty(AbortSignal.prototype, "abort");
Object.defineProperty(AbortSignal.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(depth, options, inspect) {
    return `AbortSignal ${inspect({ aborted: this.aborted }, options)}`;
  },
});
for (const name of ["_new", "_abort"]) Object.defineProperty(AbortSignal, name, { enumerable: false });

export class AbortController {
  #signal = AbortSignal._new();

  get signal() {
    return this.#signal;
  }

  abort(reason) {
    AbortSignal._abort(this.#signal, reason);
  }

  get [Symbol.toStringTag]() {
    return "AbortController";
  }
}
