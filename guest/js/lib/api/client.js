// What belongs to a session and not to one socket: `socket.client`, `socket.conn`, `socket.request`, and the handshake
// as scripts see it. Made when a script looks at it, as most never do. Never talks to the node.

import { EventEmitter, fire } from "./emitter.js";
import { turnAway } from "./socket.js";
import { rt, warnOnce } from "./state.js";

// Headers of which Node keeps the first, when there are several.
const FIRST_ONLY = new Set([
  "age", "authorization", "content-length", "content-type", "etag", "expires", "from", "host", "if-modified-since",
  "if-unmodified-since", "last-modified", "location", "max-forwards", "proxy-authorization", "referer", "retry-after",
  "server", "user-agent",
]);

// Headers as Node has them: one object, names in lower case.
export function headersOf(pairs) {
  const headers = {};
  for (const [name, value] of pairs) {
    const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (name === "set-cookie") (headers[name] ??= []).push(value);
    else if (known === undefined) Object.defineProperty(headers, name, { value, writable: true, enumerable: true, configurable: true });
    else if (name === "cookie") headers[name] = `${known}; ${value}`;
    else if (!FIRST_ONLY.has(name)) headers[name] = `${known}, ${value}`;
  }
  return headers;
}

// `socket.handshake`, from what the node tells.
export function handshakeOf(raw) {
  return {
    headers: headersOf(raw.headers),
    time: new Date(raw.issuedMs) + "",
    address: raw.address,
    xdomain: raw.crossDomain,
    secure: raw.secure,
    issued: raw.issuedMs,
    url: raw.url,
    query: Object.fromEntries(raw.query),
    auth: raw.auth,
  };
}

// What stands for Node's IncomingMessage: of the request that opened the session.
export function requestOf(handshake) {
  const connection = { remoteAddress: handshake.address, encrypted: handshake.secure };
  return {
    method: "GET",
    url: handshake.url,
    httpVersion: "1.1",
    headers: handshake.headers,
    connection,
    socket: connection,
    _query: handshake.query,
  };
}

// Engine.IO's events that the node does not tell.
const UNTOLD = new Set([
  "data", "message", "packet", "packetCreate", "upgrading", "upgrade", "flush", "drain", "heartbeat", "open",
]);

// What stands for Engine.IO's Socket: `socket.conn`.
class Connection extends EventEmitter {
  constructor(client) {
    super();
    this._client = client;
    this.readyState = "open";
  }

  get id() {
    return this._client.id;
  }

  get server() {
    return rt.server.engine;
  }

  get protocol() {
    return this.request._query.EIO === "4" ? 4 : 3;
  }

  get request() {
    return this._client.request;
  }

  get remoteAddress() {
    return this.request.connection.remoteAddress;
  }

  // That of the request that opened the session.
  get transport() {
    return { name: this.request._query.transport ?? "polling", writable: this.readyState === "open" };
  }

  get upgraded() {
    return false;
  }

  close() {
    this._client._close();
    return this;
  }

  _listening(event) {
    if (UNTOLD.has(event)) {
      warnOnce("conn:" + event, `socket.conn.on("${event}"): the node does not tell scripts of it, it will not be called`);
    }
  }
}

// `socket.client`: the sockets of one session that this instance serves.
export class Client {
  constructor(session) {
    this._session = session;
    this._sockets = [];
    this._request = null;
    this._conn = null;
  }

  get id() {
    return String(this._session);
  }

  get server() {
    return rt.server;
  }

  get sockets() {
    return new Map(this._sockets.map((socket) => [socket.id, socket]));
  }

  get nsps() {
    return new Map(this._sockets.map((socket) => [socket.nsp.name, socket]));
  }

  get request() {
    return (this._request ??= requestOf(this._first.handshake));
  }

  get conn() {
    return (this._conn ??= new Connection(this));
  }

  _add(socket) {
    this._first ??= socket;
    this._sockets.push(socket);
  }

  // One of its sockets is gone; with the last one it goes too, if that is the session's end.
  _remove(socket, reason) {
    const at = this._sockets.indexOf(socket);
    if (at < 0) return;
    this._sockets.splice(at, 1);
    if (this._sockets.length > 0) {
      if (this._first === socket && this._request === null) this._first = this._sockets[0];
      return;
    }
    rt.clients.delete(this._session);
    if (this._conn === null || reason === undefined || reason.endsWith("namespace disconnect")) return;
    this._conn.readyState = "closed";
    fire(this._conn, "close", [reason, undefined]);
  }

  // Disconnects all sockets, and the session with them.
  _close() {
    const socket = this._sockets.find((known) => known.connected);
    if (socket !== undefined) socket.disconnect(true);
    for (const waiting of this._sockets.slice()) turnAway(waiting, "Connection closed", undefined);
  }
}

// The client of a session that a socket belongs to. When the node does not tell the session, each socket has its own.
export function clientOf(info, h) {
  const session = info.session ?? "socket-" + h;
  let client = rt.clients.get(session);
  if (client === undefined) {
    client = new Client(session);
    rt.clients.set(session, client);
  }
  return client;
}
