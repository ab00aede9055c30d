// A namespace, and the parents of dynamic ones. Namespaces are made by Server; what happens in them is steered by
// dispatch.js.

import { Adapter } from "./adapter.js";
import { BroadcastOperator, NOBODY, more, send } from "./broadcast.js";
import { EventEmitter, fire } from "./emitter.js";
import { CHILD_NAMESPACES_MAX, SERVER_QUESTIONS_MAX, SERVER_TIMEOUT_MS } from "./limits.js";
import { attached, encode } from "./payload.js";
import { RESERVED_EVENTS, checkName } from "./socket.js";
import { N, enter, quoted, rt, startTimer, stopTimer, warn } from "./state.js";

// Names that `serverSideEmit` may not send.
const RESERVED_SERVER_EVENTS = new Set(["connect", "connection", "new_namespace"]);

export class Namespace extends EventEmitter {
  constructor(server, name) {
    super();
    this.server = server;
    this.name = name;
    this.sockets = new Map();
    this._preConnectSockets = new Map();
    this._fns = [];
    this._parent = null;
    // Whether the script does anything with it that clients meet.
    this._isUsed = false;
    this.adapter = new Adapter(this);
  }

  use(fn) {
    this._isUsed = true;
    this._fns.push(fn);
    return this;
  }

  _listening() {
    this._isUsed = true;
  }

  to(rooms) {
    return new BroadcastOperator(this, more(NOBODY, rooms), NOBODY, 0, undefined, false);
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return everybody(this).except(rooms);
  }

  compress(compressed) {
    return everybody(this).compress(compressed);
  }

  get volatile() {
    return everybody(this).volatile;
  }

  get local() {
    return everybody(this).local;
  }

  timeout(ms) {
    return everybody(this).timeout(ms);
  }

  emit(...data) {
    if (typeof data[data.length - 1] === "function") return everybody(this).emit(...data);
    if (RESERVED_EVENTS.has(data[0])) checkName(data[0]);
    send(this, NOBODY, NOBODY, 0, data);
    return true;
  }

  emitWithAck(...data) {
    return everybody(this).emitWithAck(...data);
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
    return everybody(this).allSockets();
  }

  fetchSockets() {
    return everybody(this).fetchSockets();
  }

  socketsJoin(rooms) {
    return everybody(this).socketsJoin(rooms);
  }

  socketsLeave(rooms) {
    return everybody(this).socketsLeave(rooms);
  }

  disconnectSockets(close = false) {
    return everybody(this).disconnectSockets(close);
  }

  serverSideEmit(...data) {
    if (RESERVED_SERVER_EVENTS.has(data[0])) throw new Error(`"${String(data[0])}" is a reserved event name`);
    const done = typeof data[data.length - 1] === "function" ? data.pop() : undefined;
    const json = encode(data);
    if (done === undefined) N.serve(this.name, json, attached, undefined);
    else ask(this, json, attached, done);
    return true;
  }

  serverSideEmitWithAck(...data) {
    return new Promise((resolve, reject) => {
      data.push((failure, responses) => {
        if (failure) {
          failure.responses = responses;
          reject(failure);
        } else {
          resolve(responses);
        }
      });
      this.serverSideEmit(...data);
    });
  }

  _onServerSideEmit(data) {
    fire(this, data[0], data.slice(1));
  }

  // A socket is gone, or was never let in.
  _remove(socket) {
    if (this.sockets.get(socket.id) === socket) this.sockets.delete(socket.id);
    else if (this._preConnectSockets.get(socket.id) === socket) this._preConnectSockets.delete(socket.id);
    if (this._parent !== null && rt.cleansUp && this.sockets.size === 0 && this._preConnectSockets.size === 0) {
      this.server._nsps.delete(this.name);
      if (this._parent._children.delete(this)) rt.children--;
    }
  }
}

function everybody(nsp) {
  return new BroadcastOperator(nsp, NOBODY, NOBODY, 0, undefined, false);
}

// ---------------------------------------------------------------------- other instances

function ask(nsp, json, bytes, done) {
  const expected = rt.instances - 1;
  if (expected <= 0) {
    Promise.resolve().then(() => done(null, []));
    return;
  }
  if (rt.questions.size >= SERVER_QUESTIONS_MAX) {
    const failure = new Error(`serverSideEmit: ${SERVER_QUESTIONS_MAX} await answers, which is the limit`);
    Promise.resolve().then(() => done(failure, []));
    return;
  }
  const token = N.number();
  const question = { expected, responses: [], done, timer: undefined };
  question.timer = startTimer(() => {
    rt.questions.delete(token);
    const { length } = question.responses;
    done(new Error(`timeout reached: only ${length} responses received out of ${expected}`), question.responses);
  }, SERVER_TIMEOUT_MS);
  rt.questions.set(token, question);
  N.serve(nsp.name, json, bytes, token);
}

export function answered(token, args) {
  const question = rt.questions.get(token);
  if (question === undefined) return;
  question.responses.push(args[0]);
  if (question.responses.length < question.expected) return;
  rt.questions.delete(token);
  stopTimer(question.timer);
  enter("server-side acknowledgement", null, null);
  question.done(null, question.responses);
}

export function served(name, data, place, token) {
  const nsp = rt.server?._nsps.get(name);
  if (nsp === undefined) return;
  if (token !== undefined) {
    let isAnswered = false;
    data.push((answer) => {
      if (isAnswered) return;
      const json = encode([answer]);
      isAnswered = true;
      N.serveReply(place, token, json, attached);
    });
  }
  enter("server-side handler", name, null);
  nsp._onServerSideEmit(data);
}

// ---------------------------------------------------------------------- dynamic namespaces

let parents = 0;

// What its children have in common: they get its middlewares and connection handlers when they come to be.
export class ParentNamespace extends Namespace {
  constructor(server, accepts, pattern) {
    super(server, "/_" + parents++);
    this._accepts = accepts;
    this._pattern = pattern;
    this._children = new Set();
  }

  emit(...data) {
    checkName(data[0]);
    for (const child of this._children) child.emit(...data);
    return true;
  }

  // Undefined when there are too many already.
  _createChild(name) {
    if (rt.children >= CHILD_NAMESPACES_MAX) {
      warn(`${quoted(name)}: ${CHILD_NAMESPACES_MAX} child namespaces are the limit, it does not come to be`);
      return undefined;
    }
    rt.children++;
    const child = new Namespace(this.server, name);
    child._parent = this;
    child._fns = this._fns.slice();
    for (const event of ["connect", "connection"]) {
      for (const listener of this.listeners(event)) child.on(event, listener);
    }
    this._children.add(child);
    this.server._nsps.set(name, child);
    fire(this.server.sockets, "new_namespace", [child]);
    return child;
  }

  fetchSockets() {
    throw new Error("fetchSockets() is not supported on parent namespaces");
  }
}

export function resetParents() {
  parents = 0;
}
