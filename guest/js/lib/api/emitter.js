// Node's EventEmitter, as small as it goes: listeners are kept by name in one object without a prototype, a single one
// without an array, and the object comes to be with the first listener. Base of Server's namespaces, sockets, the
// engine and adapters. Never warns about many listeners.

const ONCE = Symbol("once");

// Calls the listeners of an event with an array of arguments; whether there were any.
export function fire(emitter, event, args) {
  const events = emitter._events;
  if (events === undefined) return false;
  const found = events[event];
  if (found === undefined) return false;
  if (typeof found === "function") {
    found.apply(emitter, args);
  } else {
    // Listeners added or removed meanwhile do not count.
    const listeners = found.slice();
    for (let i = 0; i < listeners.length; i++) listeners[i].apply(emitter, args);
  }
  return true;
}

function checkListener(listener) {
  if (typeof listener !== "function") {
    const shown = listener === null ? "null" : typeof listener === "object" ? "an instance of Object" : typeof listener;
    const error = new TypeError(`The "listener" argument must be of type function. Received ${shown}`);
    error.code = "ERR_INVALID_ARG_TYPE";
    throw error;
  }
}

function add(emitter, event, listener, first) {
  checkListener(listener);
  const events = (emitter._events ??= { __proto__: null });
  if (events.newListener !== undefined) fire(emitter, "newListener", [event, listener[ONCE] ?? listener]);
  const found = events[event];
  if (found === undefined) events[event] = listener;
  else if (typeof found === "function") events[event] = first ? [listener, found] : [found, listener];
  else if (first) found.unshift(listener);
  else found.push(listener);
  emitter._listening?.(event);
  return emitter;
}

function wrapOnce(emitter, event, listener) {
  checkListener(listener);
  const wrapper = function (...args) {
    emitter.removeListener(event, wrapper);
    return listener.apply(this, args);
  };
  wrapper[ONCE] = listener;
  wrapper.listener = listener;
  return wrapper;
}

function list(emitter, event, unwrap) {
  const found = emitter._events?.[event];
  if (found === undefined) return [];
  const listeners = typeof found === "function" ? [found] : found.slice();
  return unwrap ? listeners.map((listener) => listener[ONCE] ?? listener) : listeners;
}

export class EventEmitter {
  constructor() {
    this._events = undefined;
  }

  on(event, listener) {
    return add(this, event, listener, false);
  }

  addListener(event, listener) {
    return add(this, event, listener, false);
  }

  prependListener(event, listener) {
    return add(this, event, listener, true);
  }

  once(event, listener) {
    return add(this, event, wrapOnce(this, event, listener), false);
  }

  prependOnceListener(event, listener) {
    return add(this, event, wrapOnce(this, event, listener), true);
  }

  off(event, listener) {
    return this.removeListener(event, listener);
  }

  removeListener(event, listener) {
    checkListener(listener);
    const events = this._events;
    const found = events?.[event];
    if (found === undefined) return this;
    const fits = (known) => known === listener || known[ONCE] === listener;
    if (typeof found === "function") {
      if (!fits(found)) return this;
      delete events[event];
    } else {
      const at = found.findLastIndex(fits);
      if (at < 0) return this;
      found.splice(at, 1);
      if (found.length === 1) events[event] = found[0];
    }
    if (events.removeListener !== undefined) fire(this, "removeListener", [event, listener]);
    return this;
  }

  removeAllListeners(event) {
    const events = this._events;
    if (events === undefined) return this;
    if (events.removeListener !== undefined) {
      const names = event === undefined ? Reflect.ownKeys(events).filter((name) => name !== "removeListener") : [event];
      for (const name of names) {
        for (const listener of list(this, name, false).reverse()) this.removeListener(name, listener);
      }
    }
    if (event === undefined) this._events = undefined;
    else delete events[event];
    return this;
  }

  emit(event, ...args) {
    if (fire(this, event, args)) return true;
    if (event === "error") {
      throw args[0] instanceof Error ? args[0] : new Error(`Unhandled error. (${String(args[0])})`);
    }
    return false;
  }

  listeners(event) {
    return list(this, event, true);
  }

  rawListeners(event) {
    return list(this, event, false);
  }

  listenerCount(event, listener) {
    const listeners = list(this, event, true);
    return listener === undefined ? listeners.length : listeners.filter((known) => known === listener).length;
  }

  eventNames() {
    return this._events === undefined ? [] : Reflect.ownKeys(this._events);
  }

  setMaxListeners(count) {
    this._listenersMax = count;
    return this;
  }

  getMaxListeners() {
    return this._listenersMax ?? 10;
  }
}
