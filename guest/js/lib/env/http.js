// node:http for scripts, as far as it makes sense in Holdfast: programs that hand a server to socket.io make one here, and it
// does nothing, for the node listens by itself. It opens no socket and asks nobody; `fetch` does.

import { STATUS_CODES } from "./status.js";

const METHODS = ("ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY " +
  "OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK " +
  "UNSUBSCRIBE").split(" ");

let say = null;
let said = false;

// Where the one line goes that says who listens: a function of the text, or null.
export function setLog(log) {
  say = log;
  said = false;
}

function tell(what) {
  if (said) return;
  said = true;
  say?.(`${what} does nothing here: the node listens by itself, where \`listen\` in holdfast.toml says`);
}

// Later, as Node calls listeners of `listening`; a script has promises in any case.
const later = (fn, ...args) => void Promise.resolve().then(() => fn(...args));

export class Server {
  #listeners = new Map();
  listening = false;

  constructor(options = undefined, handler = undefined) {
    const listener = typeof options === "function" ? options : handler;
    if (listener === undefined) return;
    if (typeof listener !== "function") throw new TypeError('The "listener" argument must be of type function');
    this.on("request", listener);
    tell("The request listener of http.createServer");
  }

  on(name, fn) {
    if (typeof fn !== "function") throw new TypeError('The "listener" argument must be of type function');
    if (!this.#listeners.has(name)) this.#listeners.set(name, []);
    this.#listeners.get(name).push({ fn, once: false });
    return this;
  }

  addListener(name, fn) {
    return this.on(name, fn);
  }

  once(name, fn) {
    this.on(name, fn);
    this.#listeners.get(name).at(-1).once = true;
    return this;
  }

  off(name, fn) {
    const all = this.#listeners.get(name) ?? [];
    const at = all.findLastIndex((each) => each.fn === fn);
    if (at !== -1) this.#listeners.set(name, all.toSpliced(at, 1));
    return this;
  }

  removeListener(name, fn) {
    return this.off(name, fn);
  }

  removeAllListeners(name = undefined) {
    if (name === undefined) this.#listeners.clear();
    else this.#listeners.delete(name);
    return this;
  }

  listeners(name) {
    return (this.#listeners.get(name) ?? []).map(({ fn }) => fn);
  }

  listenerCount(name) {
    return this.listeners(name).length;
  }

  emit(name, ...args) {
    const all = this.#listeners.get(name) ?? [];
    this.#listeners.set(name, all.filter(({ once }) => !once));
    for (const { fn } of all) fn.apply(this, args);
    return all.length > 0;
  }

  // The callback is called, so that what programs do in it is done.
  listen(...args) {
    tell("http.Server.listen");
    const callback = args.at(-1);
    if (typeof callback === "function") this.once("listening", callback);
    this.listening = true;
    later(() => this.emit("listening"));
    return this;
  }

  close(callback = undefined) {
    if (typeof callback === "function") this.once("close", callback);
    this.listening = false;
    later(() => this.emit("close"));
    return this;
  }

  // A script is not told where the node listens.
  address() {
    return null;
  }

  closeAllConnections() {}

  closeIdleConnections() {}

  setTimeout() {
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }
}

function refuse(name) {
  return function () {
    throw new Error(`http.${name} is not there in Holdfast: use fetch, which asks through the host`);
  };
}

export const http = {
  Server,
  createServer: (options, handler) => new Server(options, handler),
  STATUS_CODES,
  METHODS,
  maxHeaderSize: 16_384,
  request: refuse("request"),
  get: refuse("get"),
};
http.default = http;
