// One client in one namespace. What it is told, and what is told to it, goes through here; the life of a socket is
// steered by dispatch.js. Nothing is made for a socket before it is needed: no class, no closure, no Set.

import { awaitOne, forgetAcks } from "./acks.js";
import { BroadcastOperator, NOBODY, more } from "./broadcast.js";
import { handshakeOf } from "./client.js";
import { EventEmitter, fire } from "./emitter.js";
import { ROOMS_PER_SOCKET_MAX, ROOM_BYTES_MAX, SOCKET_DATA_BYTES_MAX } from "./limits.js";
import { attached, encode } from "./payload.js";
import { N, UNCOMPRESSED, VOLATILE, enter, error, rt, utf8Length, warn } from "./state.js";

// Names that neither side may emit.
export const RESERVED_EVENTS = new Set([
  "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
]);

// The life of a socket. LOST: the client may come back under the same id.
export const [CONNECTING, CONNECTED, GONE, LOST] = [0, 1, 2, 3];

export function checkName(event) {
  if (RESERVED_EVENTS.has(event)) throw new Error(`"${String(event)}" is a reserved event name`);
}

export class Socket extends EventEmitter {
  constructor(nsp, client, h, info) {
    super();
    this.nsp = nsp;
    this.client = client;
    this.id = info.id;
    this.recovered = info.recovered === true;
    this._h = h;
    this._state = CONNECTING;
    // What the node told: parsed, or as text, or null when it has become `_handshake`.
    this._raw = info.handshake;
    this._handshake = null;
    // Null: its own id alone when connected, else none.
    this._rooms = null;
    this._joining = null;
    this._data = undefined;
    // The JSON text of it that the node has. Undefined: that of what it was made with.
    this._dataText = "{}";
    this._isTouched = false;
    this._flags = 0;
    this._timeout = undefined;
    this._fns = null;
    this._any = null;
    this._anyOut = null;
    this._acks = null;
    client._add(this);
  }

  // ------------------------------------------------------------------ what it is

  get connected() {
    return this._state === CONNECTED;
  }

  get disconnected() {
    return this._state !== CONNECTED;
  }

  get server() {
    return rt.server;
  }

  get adapter() {
    return this.nsp.adapter;
  }

  get handshake() {
    if (this._handshake === null) {
      this._handshake = handshakeOf(typeof this._raw === "string" ? JSON.parse(this._raw) : this._raw);
      this._raw = null;
    }
    return this._handshake;
  }

  get request() {
    return this.client.request;
  }

  get conn() {
    return this.client.conn;
  }

  get rooms() {
    return (this._rooms ??= new Set(this._state === CONNECTED ? [this.id] : []));
  }

  get data() {
    touch(this);
    return (this._data === undefined && this._dataText === "{}" ? (this._data = {}) : this._data);
  }

  set data(value) {
    touch(this);
    this._data = value;
  }

  // ------------------------------------------------------------------ talking to it

  emit(...data) {
    const event = data[0];
    if (RESERVED_EVENTS.has(event)) checkName(event);
    const flags = this._flags;
    this._flags = 0;
    const timeout = this._timeout;
    this._timeout = undefined;
    let ack;
    if (typeof data[data.length - 1] === "function") {
      const done = data.pop();
      ack = awaitOne(this, done, timeout);
      if (ack === undefined) return true;
    }
    if (this._state > CONNECTED) {
      // It may come back: what is sent to the room of its id meanwhile is kept for it.
      if (this._state === LOST) N.broadcast(this.nsp.name, [this.id], NOBODY, encode(data), attached, flags, undefined);
      return true;
    }
    if (this._anyOut !== null) tellOutgoing(this, data);
    const json = encode(data);
    N.emit(this._h, json, attached, flags, ack);
    return true;
  }

  emitWithAck(...data) {
    const withError = this._timeout !== undefined;
    return new Promise((resolve, reject) => {
      const done = (first, second) => {
        if (!withError) resolve(first);
        else if (first) reject(first);
        else resolve(second);
      };
      done._reject = reject;
      data.push(done);
      this.emit(...data);
    });
  }

  send(...args) {
    this.emit("message", ...args);
    return this;
  }

  write(...args) {
    this.emit("message", ...args);
    return this;
  }

  compress(compressed) {
    this._flags = compressed ? this._flags & ~UNCOMPRESSED : this._flags | UNCOMPRESSED;
    return this;
  }

  get volatile() {
    this._flags |= VOLATILE;
    return this;
  }

  timeout(ms) {
    this._timeout = ms;
    return this;
  }

  disconnect(close = false) {
    if (this._state !== CONNECTED) return this;
    keepData(this);
    N.disconnect(this._h, close === true);
    const others = close ? this.client._sockets.slice() : [];
    closed(this, "server namespace disconnect", undefined);
    for (const socket of others) {
      if (socket._state === CONNECTED) closed(socket, "server namespace disconnect", undefined);
    }
    return this;
  }

  // ------------------------------------------------------------------ talking through it

  get broadcast() {
    const flags = this._flags;
    const timeout = this._timeout;
    this._flags = 0;
    this._timeout = undefined;
    return new BroadcastOperator(this.nsp, NOBODY, [this.id], flags, timeout, false);
  }

  get local() {
    return this.broadcast.local;
  }

  to(rooms) {
    const flags = this._flags;
    const timeout = this._timeout;
    this._flags = 0;
    this._timeout = undefined;
    return new BroadcastOperator(this.nsp, more(NOBODY, rooms), [this.id], flags, timeout, false);
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return this.broadcast.except(rooms);
  }

  // ------------------------------------------------------------------ rooms

  join(rooms) {
    if (this._state > CONNECTED) return;
    rooms = more(NOBODY, rooms);
    if (rooms.length === 0) return;
    noteJoined(this, rooms);
    if (this._state === CONNECTED) N.join(this._h, rooms);
    else (this._joining ??= []).push(rooms);
  }

  leave(room) {
    if (this._state > CONNECTED) return;
    const rooms = more(NOBODY, room);
    noteLeft(this, rooms);
    if (this._state === CONNECTED) N.leave(this._h, rooms);
    else if (this._joining !== null) {
      this._joining = this._joining.map((joined) => joined.filter((known) => !rooms.includes(known)));
    }
  }

  // ------------------------------------------------------------------ hearing

  use(fn) {
    (this._fns ??= []).push(fn);
    return this;
  }

  onAny(listener) {
    (this._any ??= []).push(listener);
    return this;
  }

  prependAny(listener) {
    (this._any ??= []).unshift(listener);
    return this;
  }

  offAny(listener) {
    this._any = without(this._any, listener);
    return this;
  }

  listenersAny() {
    return (this._any ??= []);
  }

  onAnyOutgoing(listener) {
    rt.hearsOutgoing = true;
    (this._anyOut ??= []).push(listener);
    return this;
  }

  prependAnyOutgoing(listener) {
    rt.hearsOutgoing = true;
    (this._anyOut ??= []).unshift(listener);
    return this;
  }

  offAnyOutgoing(listener) {
    this._anyOut = without(this._anyOut, listener);
    return this;
  }

  listenersAnyOutgoing() {
    return (this._anyOut ??= []);
  }
}

// A list of catch-all listeners without one, or without any.
function without(listeners, listener) {
  if (listeners === null || listener === undefined) return null;
  const at = listeners.indexOf(listener);
  if (at >= 0) listeners.splice(at, 1);
  return listeners.length > 0 ? listeners : null;
}

export function tellOutgoing(socket, data) {
  for (const listener of socket._anyOut.slice()) listener.apply(socket, data);
}

// ---------------------------------------------------------------------- a message of the client

// Catch-all listeners, then the socket's middlewares, then the listeners of the event.
export function receive(socket, data) {
  if (socket._any !== null) {
    for (const listener of socket._any.slice()) listener.apply(socket, data);
  }
  if (socket._fns === null) return dispatch(socket, data);
  runAll(socket._fns, data, (failure) => {
    enter("event", data[0], socket);
    if (failure) fire(socket, "error", [failure]);
    else dispatch(socket, data);
  });
}

function dispatch(socket, data) {
  if (socket._state !== CONNECTED) return;
  const found = socket._events?.[data[0]];
  if (found === undefined) return;
  if (typeof found === "function") {
    // The commonest: without the arrays that `fire` needs.
    switch (data.length) {
      case 1:
        return void found.call(socket);
      case 2:
        return void found.call(socket, data[1]);
      case 3:
        return void found.call(socket, data[1], data[2]);
      default:
        return void found.apply(socket, data.slice(1));
    }
  }
  fire(socket, data[0], data.slice(1));
}

// Runs middlewares one after the other. `done` is called once, with what `next` was given or nothing, and never inside
// a middleware. `failed` is called when one throws, or the promise that it returned rejects, before it called `next`.
export function runAll(fns, subject, done, failed) {
  fns = fns.slice();
  let isInside = false;
  let finished = null;
  const finish = (failure) => {
    if (isInside) finished = { failure };
    else Promise.resolve().then(() => done(failure));
  };
  const run = (i) => {
    let isCalled = false;
    const fail = () => {
      if (!isCalled) failed?.();
      isCalled = true;
    };
    let answer;
    try {
      answer = fns[i](subject, (failure) => {
        if (isCalled) return;
        isCalled = true;
        if (failure) finish(failure);
        else if (i + 1 < fns.length) run(i + 1);
        else finish(undefined);
      });
    } catch (reason) {
      fail();
      throw reason;
    }
    if (failed !== undefined && !isCalled && typeof answer?.then === "function") {
      answer.then(undefined, (reason) => {
        fail();
        throw reason; // For the log of unhandled rejections.
      });
    }
  };
  isInside = true;
  try {
    run(0);
  } finally {
    isInside = false;
    if (finished !== null) done(finished.failure);
  }
}

// The function that acknowledges a message of the client, once.
export function acknowledge(socket, number) {
  let isSent = false;
  return (...args) => {
    if (isSent) return;
    const json = encode(args);
    isSent = true;
    if (socket._state === CONNECTED) N.reply(socket._h, number, json, attached);
  };
}

// ---------------------------------------------------------------------- its data

function touch(socket) {
  if (socket._isTouched) return;
  socket._isTouched = true;
  if (socket._dataText === undefined) socket._dataText = textOf(socket) ?? "";
  if (rt.touched.push(socket) === 1) Promise.resolve().then(keepTouched);
}

function textOf(socket) {
  try {
    return JSON.stringify(socket._data) ?? "null";
  } catch (failure) {
    warn(`socket.data of socket ${socket.id} is not JSON, it stays with this instance: ${failure.message}`);
    return undefined;
  }
}

// Tells the node the data of a socket, if it has changed.
export function keepData(socket) {
  if (socket._state > CONNECTED || socket._dataText === undefined || socket._data === undefined && socket._dataText === "{}") return;
  const text = textOf(socket);
  if (text === undefined || text === socket._dataText) return;
  if (text.length > SOCKET_DATA_BYTES_MAX || N.utf8Encode(text).length > SOCKET_DATA_BYTES_MAX) {
    error(`socket.data of socket ${socket.id}: more than ${SOCKET_DATA_BYTES_MAX} bytes as JSON, which is the limit: others see what was set before`);
  } else {
    N.setData(socket._h, text);
  }
  socket._dataText = text;
}

// What was touched since the last time. It is looked at once more with the next event, for changes that a function
// made after it had waited for something.
export function keepTouched() {
  const { touched, touchedBefore } = rt;
  if (touched.length === 0 && touchedBefore.length === 0) return;
  rt.touched = [];
  rt.touchedBefore = touched;
  for (const socket of touched) socket._isTouched = false;
  for (const socket of touchedBefore) keepData(socket);
  for (const socket of touched) keepData(socket);
}

// ---------------------------------------------------------------------- its rooms

export function noteJoined(socket, joined) {
  const rooms = socket.rooms;
  const isTracked = socket.nsp.adapter._isTracked;
  for (const room of joined) {
    if (rooms.has(room) || rooms.size > ROOMS_PER_SOCKET_MAX || utf8Length(room) > ROOM_BYTES_MAX) continue;
    rooms.add(room);
    if (isTracked) socket.nsp.adapter._joined(socket, room);
  }
}

export function noteLeft(socket, left) {
  const rooms = socket.rooms;
  const isTracked = socket.nsp.adapter._isTracked;
  for (const room of left) {
    if (rooms.delete(room) && isTracked) socket.nsp.adapter._left(socket, room);
  }
}

// ---------------------------------------------------------------------- its life

// It is let in: what the script did with it before takes effect, then it hears of it. `rooms` are those that it has
// from before.
export function connected(socket) {
  socket._state = CONNECTED;
  if (socket.nsp.adapter._isTracked) socket.nsp.adapter._entered(socket);
  else socket._rooms?.add(socket.id);
  const joining = socket._joining;
  socket._joining = null;
  if (joining !== null) {
    for (const rooms of joining) if (rooms.length > 0) N.join(socket._h, rooms);
  }
  const { nsp } = socket;
  nsp._preConnectSockets.delete(socket.id);
  nsp.sockets.set(socket.id, socket);
  enter("connection", nsp.name, null);
  fire(nsp, "connect", [socket]);
  fire(nsp, "connection", [socket]);
  // A text takes less memory than the lists it was told in.
  if (socket._raw !== null && typeof socket._raw === "object") socket._raw = JSON.stringify(socket._raw);
}

// It is not let in.
export function turnAway(socket, message, data) {
  if (socket._state !== CONNECTING) return;
  rt.sockets.delete(socket._h);
  N.refuse(socket._h, message, data);
  forget(socket, undefined);
}

// It is gone. Its listeners hear of it; those of `disconnecting` still see its rooms.
export function closed(socket, reason, rooms) {
  const { nsp } = socket;
  if (rooms !== undefined && socket._rooms !== null && !nsp.adapter._isTracked) socket._rooms = new Set(rooms);
  else if (rooms !== undefined && rooms.length > 1) noteJoined(socket, rooms);
  enter("disconnect", null, socket);
  try {
    fire(socket, "disconnecting", [reason, undefined]);
  } finally {
    socket._state = reason.endsWith("namespace disconnect") ? GONE : LOST;
    forget(socket, reason);
    fire(socket, "disconnect", [reason, undefined]);
  }
}

// Nothing is heard of it, or sent to it, any more.
export function forget(socket, reason) {
  if (socket.nsp.adapter._isTracked) socket.nsp.adapter._went(socket);
  if (socket._state < GONE) socket._state = GONE;
  socket._rooms = null;
  socket._joining = null;
  forgetAcks(socket);
  socket.client._remove(socket, reason);
  socket.nsp._remove(socket);
}
