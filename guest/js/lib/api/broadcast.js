// Messages to, and orders for, everybody in some rooms. An operator never changes: each method gives a new one.
// Orders go to all shards of the node and to the other nodes; the protocol guest knows who is in a room.

import { awaitAll } from "./acks.js";
import { FETCHES_MAX, FETCH_TIMEOUT_MS } from "./limits.js";
import { attached, encode } from "./payload.js";
import { handshakeOf } from "./client.js";
import { RESERVED_EVENTS, checkName, keepTouched, noteJoined, noteLeft, tellOutgoing } from "./socket.js";
import { LOCAL, N, UNCOMPRESSED, VOLATILE, rt, startTimer, stopTimer, warn } from "./state.js";

// No rooms; never changed.
export const NOBODY = [];

// Rooms, and those that a script names: one or a list.
export function more(rooms, added) {
  if (typeof added === "string") return rooms.length === 0 ? [added] : rooms.concat(added);
  return rooms.concat(Array.isArray(added) ? added.map(String) : String(added));
}

export class BroadcastOperator {
  constructor(nsp, rooms, except, flags, timeout, single) {
    this._nsp = nsp;
    this._rooms = rooms;
    this._except = except;
    this._flags = flags;
    this._timeout = timeout;
    // Whether the answer of the one receiver is wanted, and not a list.
    this._single = single;
  }

  get adapter() {
    return this._nsp.adapter;
  }

  to(rooms) {
    return new BroadcastOperator(this._nsp, more(this._rooms, rooms), this._except, this._flags, this._timeout, this._single);
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return new BroadcastOperator(this._nsp, this._rooms, more(this._except, rooms), this._flags, this._timeout, this._single);
  }

  compress(compressed) {
    return this._with(compressed ? this._flags & ~UNCOMPRESSED : this._flags | UNCOMPRESSED);
  }

  get volatile() {
    return this._with(this._flags | VOLATILE);
  }

  get local() {
    return this._with(this._flags | LOCAL);
  }

  _with(flags) {
    return new BroadcastOperator(this._nsp, this._rooms, this._except, flags, this._timeout, this._single);
  }

  timeout(ms) {
    return new BroadcastOperator(this._nsp, this._rooms, this._except, this._flags, ms, this._single);
  }

  emit(...data) {
    if (RESERVED_EVENTS.has(data[0])) checkName(data[0]);
    if (typeof data[data.length - 1] === "function") {
      const done = data.pop();
      if (this._nsp._children !== undefined) {
        Promise.resolve().then(() => done.call(this, null, [])); // As in the reference: nobody is asked.
        return true;
      }
      const json = encode(data); // What cannot be encoded throws before anybody waits.
      const bytes = attached;
      const ack = awaitAll(this, done, this._timeout, this._single);
      if (ack === undefined) return true;
      if (rt.hearsOutgoing) hearOutgoing(this._nsp, this._rooms, this._except, data);
      N.broadcast(this._nsp.name, this._rooms, this._except, json, bytes, this._flags, ack);
      return true;
    }
    if (this._nsp._children === undefined) {
      send(this._nsp, this._rooms, this._except, this._flags, data);
    } else {
      for (const child of this._nsp._children) send(child, this._rooms, this._except, this._flags, data);
    }
    return true;
  }

  emitWithAck(...data) {
    return new Promise((resolve, reject) => {
      data.push((failure, responses) => {
        if (failure) {
          failure.responses = responses;
          reject(failure);
        } else {
          resolve(responses);
        }
      });
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

  allSockets() {
    return find(this._nsp, this._rooms, NOBODY, (this._flags & LOCAL) !== 0).then(
      (found) => new Set(found.map((socket) => socket.id)),
    );
  }

  fetchSockets() {
    if (this._nsp._children !== undefined) return Promise.resolve([]);
    return find(this._nsp, this._rooms, this._except, (this._flags & LOCAL) !== 0).then((found) =>
      found.map((details) => this._nsp.sockets.get(details.id) ?? new RemoteSocket(this._nsp, details)),
    );
  }

  socketsJoin(rooms) {
    rooms = more(NOBODY, rooms);
    for (const socket of this._known()) noteJoined(socket, rooms);
    N.audienceJoin(this._nsp.name, this._rooms, this._except, rooms, (this._flags & LOCAL) !== 0);
  }

  socketsLeave(rooms) {
    rooms = more(NOBODY, rooms);
    for (const socket of this._known()) noteLeft(socket, rooms);
    N.audienceLeave(this._nsp.name, this._rooms, this._except, rooms, (this._flags & LOCAL) !== 0);
  }

  disconnectSockets(close = false) {
    keepTouched();
    N.audienceDisconnect(this._nsp.name, this._rooms, this._except, (this._flags & LOCAL) !== 0, close === true);
  }

  // The receivers that this instance serves.
  _known() {
    return this._nsp.adapter._select(this._rooms, this._except);
  }
}

// A message that wants no answers.
export function send(nsp, rooms, except, flags, data) {
  if (rt.hearsOutgoing) hearOutgoing(nsp, rooms, except, data);
  const json = encode(data);
  N.broadcast(nsp.name, rooms, except, json, attached, flags, undefined);
}

// The receivers that this instance serves may listen to what goes out.
function hearOutgoing(nsp, rooms, except, data) {
  for (const socket of nsp.adapter._select(rooms, except)) {
    if (socket._anyOut !== null) tellOutgoing(socket, data);
  }
}

// A socket that this instance does not serve itself, as it was when it was asked for.
export class RemoteSocket {
  constructor(nsp, details) {
    this.id = details.id;
    this.handshake = handshakeOf(details.handshake);
    this.rooms = new Set(details.rooms);
    this.data = details.data;
    Object.defineProperty(this, "_operator", { value: new BroadcastOperator(nsp, [this.id], NOBODY, 0, undefined, true) });
  }

  timeout(ms) {
    return this._operator.timeout(ms);
  }

  emit(...data) {
    return this._operator.emit(...data);
  }

  join(rooms) {
    return this._operator.socketsJoin(rooms);
  }

  leave(room) {
    return this._operator.socketsLeave(room);
  }

  disconnect(close = false) {
    this._operator.disconnectSockets(close);
    return this;
  }
}

// ---------------------------------------------------------------------- who is there

function find(nsp, rooms, except, isLocal) {
  if (rt.fetches.size >= FETCHES_MAX) {
    return Promise.reject(new Error(`fetchSockets: ${FETCHES_MAX} are under way, which is the limit`));
  }
  keepTouched();
  return new Promise((resolve) => {
    const token = N.number();
    const fetch = { sockets: [], unanswered: rt.shards, resolve, timer: undefined };
    fetch.timer = startTimer(() => {
      rt.fetches.delete(token);
      warn(`fetchSockets: ${fetch.unanswered} of ${rt.shards} shards did not answer in time`);
      resolve(fetch.sockets);
    }, FETCH_TIMEOUT_MS);
    rt.fetches.set(token, fetch);
    N.find(token, nsp.name, rooms, except, isLocal);
  });
}

export function found(token, sockets) {
  const fetch = rt.fetches.get(token);
  if (fetch === undefined) return;
  for (const socket of sockets) fetch.sockets.push(socket);
  if (--fetch.unanswered > 0) return;
  rt.fetches.delete(token);
  stopTimer(fetch.timer);
  fetch.resolve(fetch.sockets);
}
