// `io`: the namespace `/` and the way to all others. One instance of the app has one Server; what the script asks of it
// becomes the manifest. Called by the script; dispatch.js calls the namespaces.

import { Engine } from "./engine.js";
import { EventEmitter, fire } from "./emitter.js";
import { NAMESPACES_MAX } from "./limits.js";
import { Namespace, ParentNamespace } from "./namespace.js";
import { decidesCors, settingsOf } from "./options.js";
import { closed, CONNECTED, turnAway } from "./socket.js";
import { INFO, N, error, quoted, rt, warn } from "./state.js";

export class Server extends EventEmitter {
  constructor(srv, opts = {}) {
    super();
    if (typeof srv === "object" && srv !== null && !srv.listen) {
      opts = srv;
      srv = undefined;
    }
    if (rt === null) throw new Error("new Server: there is no node here; run the script with `holdfast run`");
    if (rt.server !== null) {
      warn("new Server: there is one already, this is the same one; the options of the first count");
      return rt.server;
    }
    rt.server = this;
    this._take(opts);
    this.engine = this.eio = new Engine(opts);
    this.httpServer = undefined;
    this._nsps = new Map();
    // In the order in which they are asked.
    this._parents = [];
    this._path = (opts.path || "/socket.io").replace(/\/$/, "");
    this._connectTimeout = opts.connectTimeout || 45000;
    this._serveClient = opts.serveClient !== false;
    // What the methods changed, over the options.
    this._set = {};
    this.sockets = new Namespace(this, "/");
    this._nsps.set("/", this.sockets);
    if (srv || typeof srv === "number") this.attach(srv);
  }

  _take(opts) {
    this.opts = opts;
    rt.cleansUp = !!opts.cleanupEmptyChildNamespaces;
    rt.judge = typeof opts.allowRequest === "function" ? opts.allowRequest : null;
    rt.sharing = decidesCors(opts.cors) ? opts.cors : null;
  }

  get _opts() {
    return this.opts;
  }

  // ------------------------------------------------------------------ options as methods

  serveClient(is) {
    if (arguments.length === 0) return this._serveClient;
    this._serveClient = is;
    return this._change("serveClient", is);
  }

  path(path) {
    if (arguments.length === 0) return this._path;
    this._path = path.replace(/\/$/, "");
    return this._change("path", this._path);
  }

  connectTimeout(ms) {
    if (ms === undefined) return this._connectTimeout;
    this._connectTimeout = ms;
    return this._change("connectTimeout", ms);
  }

  adapter(adapter) {
    if (arguments.length === 0) return this._adapter;
    this._adapter = adapter;
    return this._change("adapter", adapter);
  }

  _change(name, value) {
    if (rt.started) warn(`io.${name}(…) counts only at the top of the script`);
    else this._set[name] = value;
    return this;
  }

  // ------------------------------------------------------------------ there is no listener of its own

  listen(srv, opts) {
    return this.attach(srv, opts);
  }

  attach(srv, opts) {
    if (typeof srv === "function") {
      throw new Error(
        "You are trying to attach socket.io to an express request handler function. Please pass a http.Server instance.",
      );
    }
    if (typeof srv === "object" && srv !== null) this.httpServer = srv;
    return this._attached(opts);
  }

  attachApp(app, opts) {
    return this._attached(opts);
  }

  bind() {
    return this._attached(undefined);
  }

  _attached(opts) {
    if (!rt.started) this._take({ ...opts, ...this.opts });
    if (!rt.warned.has("listen")) {
      rt.warned.add("listen");
      N.log(INFO, "the node listens where its config says; the port and the server that the script names are not used");
    }
    return this;
  }

  onconnection() {
    return this;
  }

  // ------------------------------------------------------------------ namespaces

  of(name, fn) {
    if (typeof name === "function" || name instanceof RegExp) {
      const isPattern = name instanceof RegExp;
      const accepts = isPattern ? (asked, auth, next) => next(null, new RegExp(name).test(asked)) : name;
      const parent = new ParentNamespace(this, accepts, isPattern ? name : null);
      if (rt.started && this._parents.length === 0) {
        error("io.of: a dynamic namespace counts only if there is one at the top of the script");
      }
      this._parents.push(parent);
      if (fn) parent.on("connect", fn);
      return parent;
    }
    if (String(name)[0] !== "/") name = "/" + name;
    let nsp = this._nsps.get(name);
    if (nsp === undefined) {
      const parent = this._parents.find((known) => known._pattern !== null && new RegExp(known._pattern).test(name));
      if (parent !== undefined) {
        nsp = parent._createChild(name);
        if (nsp === undefined) throw new Error(`io.of: too many child namespaces, ${quoted(name)} does not come to be`);
        return nsp;
      }
      if (rt.started && this._parents.length === 0) {
        warn(`io.of(${quoted(name)}): clients reach only namespaces that the script names at its top`);
      }
      nsp = new Namespace(this, name);
      this._nsps.set(name, nsp);
      fire(this.sockets, "new_namespace", [nsp]);
    }
    nsp._isUsed = true;
    if (fn) nsp.on("connect", fn);
    return nsp;
  }

  // ------------------------------------------------------------------ everybody in `/`; more of it below

  to(rooms) {
    return this.sockets.to(rooms);
  }

  in(rooms) {
    return this.sockets.to(rooms);
  }

  emit(...data) {
    return this.sockets.emit(...data);
  }

  // ------------------------------------------------------------------ its end

  async close(fn) {
    rt.closed = true;
    for (const nsp of [...this._nsps.values()]) {
      for (const socket of [...nsp.sockets.values()]) {
        if (socket._state !== CONNECTED) continue;
        N.disconnect(socket._h, true);
        closed(socket, "server shutting down", undefined);
      }
      for (const socket of [...nsp._preConnectSockets.values()]) turnAway(socket, "Server closed", undefined);
    }
    fn?.();
  }

  // ------------------------------------------------------------------ the manifest

  _manifest() {
    let namespaces = [...this._nsps.values()].filter((nsp) => nsp._isUsed && nsp._parent === null).map((nsp) => nsp.name);
    if (namespaces.length === 0 && this._parents.length === 0) namespaces = ["/"];
    if (namespaces.length > NAMESPACES_MAX) {
      error(`${namespaces.length} namespaces are declared, ${NAMESPACES_MAX} is the limit`);
      namespaces.length = NAMESPACES_MAX;
    }
    const { engine } = this;
    const headers = engine.listenerCount("headers") + engine.listenerCount("initial_headers") > 0;
    return {
      namespaces,
      dynamic: this._parents.length > 0,
      judges: rt.judge !== null || headers,
      cors: rt.sharing !== null,
      denials: engine.listenerCount("connection_error") > 0,
      rooms: rt.hearsRooms,
      settings: settingsOf({ ...this.opts, ...this._set }),
    };
  }
}

// `io` is also the namespace `/`.
for (const name of [
  "use", "except", "send", "write", "serverSideEmit", "serverSideEmitWithAck", "allSockets", "compress",
  "timeout", "fetchSockets", "socketsJoin", "socketsLeave", "disconnectSockets", "emitWithAck",
  ...Object.getOwnPropertyNames(EventEmitter.prototype),
]) {
  if (name === "constructor" || name === "emit") continue;
  const method = Namespace.prototype[name];
  Object.defineProperty(Server.prototype, name, {
    configurable: true,
    writable: true,
    value(...args) {
      const answer = method.apply(this.sockets, args);
      return answer === this.sockets ? this : answer;
    },
  });
}
for (const name of ["volatile", "local"]) {
  Object.defineProperty(Server.prototype, name, {
    configurable: true,
    get() {
      return this.sockets[name];
    },
  });
}
