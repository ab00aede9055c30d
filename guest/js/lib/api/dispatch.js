// From what the node tells to the script's functions: the life of sockets, and who serves them. Called by the hooks of
// boot.js. A client that vanishes while a middleware or a dynamic namespace still thinks about it is let go.

import { clientOf } from "./client.js";
import { fire } from "./emitter.js";
import { HELD_MESSAGES_MAX, HELD_MS } from "./limits.js";
import { decode } from "./payload.js";
import {
  CONNECTED, CONNECTING, GONE, Socket, acknowledge, closed, connected, forget, receive, runAll, turnAway,
} from "./socket.js";
import { N, enter, quoted, rt, startTimer, warn } from "./state.js";

const REFUSED = "Invalid namespace";
const BROKEN = "Internal server error";

// A socket whose namespace is not known yet; it stands for it in `rt.sockets`.
class Held {
  constructor(h, info) {
    this._h = h;
    this._state = undefined;
    this.info = info;
    this.isGone = false;
    this.messages = [];
    this.serve = null;
  }
}

// Finds the namespace of a socket and goes on with `found(nsp)`, or `none()`, at once if nobody has to think about it.
function findNamespace(h, info, found, none) {
  const { server } = rt;
  const known = server._nsps.get(info.namespace);
  if (known !== undefined) return found(known);
  const held = new Held(h, info);
  rt.sockets.set(h, held);
  const parents = server._parents.slice();
  const decided = (nsp) => {
    rt.sockets.delete(h);
    if (nsp === undefined) none();
    else found(nsp);
    if (held.messages.length > 0) replay(h, held.messages);
  };
  const ask = (i) => {
    if (i >= parents.length) return decided(undefined);
    let isCalled = false;
    enter("namespace function", null, null);
    const next = (failure, isAllowed) => {
      if (isCalled || held.isGone) return;
      isCalled = true;
      if (failure || !isAllowed) return ask(i + 1);
      decided(server._nsps.get(info.namespace) ?? parents[i]._createChild(info.namespace));
    };
    try {
      parents[i]._accepts(info.namespace, info.handshake.auth, next);
    } catch (reason) {
      next(null, false);
      throw reason;
    }
  };
  ask(0);
}

// ---------------------------------------------------------------------- coming

export function connecting(h, info, recovered) {
  if (rt.closed) return N.refuse(h, "Server closed", undefined);
  findNamespace(
    h,
    info,
    (nsp) => ask(nsp, h, info, recovered),
    () => N.refuse(h, REFUSED, undefined),
  );
}

function meet(nsp, h, info) {
  const before = rt.clients.size;
  const client = clientOf(info, h);
  const socket = new Socket(nsp, client, h, info);
  rt.sockets.set(h, socket);
  nsp._preConnectSockets.set(socket.id, socket);
  const { engine } = rt.server;
  if (rt.clients.size > before && engine._events !== undefined) fire(engine, "connection", [client.conn]);
  return socket;
}

function ask(nsp, h, info, recovered) {
  const socket = meet(nsp, h, info);
  if (recovered !== undefined) {
    socket.recovered = true;
    socket._rooms = new Set(recovered.rooms);
    socket._data = recovered.data;
    socket._dataText = undefined;
  }
  if (nsp._fns.length === 0 || recovered?.skipMiddlewares) return admit(socket);
  enter("middleware", nsp.name, null);
  runAll(
    nsp._fns,
    socket,
    (failure) => {
      if (socket._state !== CONNECTING) return; // The client has left meanwhile.
      if (!failure) return admit(socket);
      let data;
      try {
        data = JSON.stringify(failure.data);
      } finally {
        turnAway(socket, failure.message === undefined ? "" : String(failure.message), data);
      }
    },
    () => turnAway(socket, BROKEN, undefined),
  );
}

function admit(socket) {
  N.admit(socket._h);
  connected(socket);
}

// ---------------------------------------------------------------------- being there from before

export function resumed(h, info, rooms, data) {
  const serve = (nsp) => {
    const socket = meet(nsp, h, info);
    socket.recovered = true;
    socket.resumed = true;
    socket._rooms = new Set(rooms);
    socket._data = data;
    socket._dataText = undefined;
    if (rt.hearsRooms) nsp.adapter._count(rooms);
    connected(socket);
    serveOthers(nsp);
  };
  findNamespace(h, info, serve, () => hold(h, info, serve));
}

// No parent takes it, but one may take another socket of the same namespace, which is enough for all.
function hold(h, info, serve) {
  const held = new Held(h, info);
  held.serve = serve;
  rt.sockets.set(h, held);
  const { namespace } = info;
  const others = rt.heldBack.get(namespace);
  if (others !== undefined) return void others.push(held);
  rt.heldBack.set(namespace, [held]);
  startTimer(() => {
    const late = rt.heldBack.get(namespace);
    rt.heldBack.delete(namespace);
    for (const one of late ?? []) if (!one.isGone) N.disconnect(one._h, false);
  }, HELD_MS);
}

function serveOthers(nsp) {
  const waiting = rt.heldBack.get(nsp.name);
  if (waiting === undefined) return;
  rt.heldBack.delete(nsp.name);
  for (const held of waiting) {
    if (held.isGone) continue;
    held.serve(nsp);
    replay(held._h, held.messages);
  }
}

// ---------------------------------------------------------------------- being there

export function message(h, data, attachments, number) {
  const socket = rt.sockets.get(h);
  if (socket === undefined) return;
  if (socket._state !== CONNECTED) {
    if (socket instanceof Held) keep(socket, data, attachments, number);
    return;
  }
  if (attachments !== undefined) decode(data, attachments);
  enter("event", data[0], socket);
  if (number !== undefined) data.push(acknowledge(socket, number));
  receive(socket, data);
}

function keep(held, data, attachments, number) {
  if (held.messages.length < HELD_MESSAGES_MAX) held.messages.push([data, attachments, number]);
  else warn(`socket ${held.info.id} in ${quoted(held.info.namespace)}: more than ${HELD_MESSAGES_MAX} messages wait for its namespace, one is dropped`);
}

function replay(h, messages) {
  for (const [data, attachments, number] of messages) message(h, data, attachments, number);
}

// ---------------------------------------------------------------------- going

export function disconnected(h, reason, rooms) {
  const socket = rt.sockets.get(h);
  if (socket === undefined) return;
  rt.sockets.delete(h);
  if (socket instanceof Held) socket.isGone = true;
  else if (socket._state === CONNECTED) closed(socket, reason, rooms);
  else if (socket._state < GONE) forget(socket, reason);
}
