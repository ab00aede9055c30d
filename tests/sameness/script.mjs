// What a row can do: clients that connect, talk and go, and the trace of what they saw. Used by run.mjs; the
// rows are in rows/.

import { createRequire } from "node:module";
import { setTimeout as later } from "node:timers/promises";

const require = createRequire(new URL("../clients/package.json", import.meta.url));
const { Manager } = require("socket.io-client");

const LIMIT_MS = 5_000;

/** One run of a row against one server. */
export class Script {
  #url;
  #roles = [];
  #managers = [];
  #ids = new Map();
  #notes = [];

  constructor(url, row) {
    this.#url = url;
    /** Unique to the row: for names of rooms and namespaces. */
    this.row = row;
  }

  /** A name of a room that no other row uses. */
  room(name) {
    return `${name}~${this.row}`;
  }

  /** A client in a namespace that has connected, or was refused. Options: auth, query, extraHeaders, transports, on (a role to share the connection of). */
  async client(name, namespace = "/", options = {}) {
    const role = this.begin(name, namespace, options);
    await role.until("connect", "connect_error");
    return role;
  }

  /** The same, without waiting. */
  begin(name, namespace = "/", { on, auth, ...options } = {}) {
    const manager = on?.manager ?? new Manager(this.#url, { transports: ["websocket"], reconnection: false, autoConnect: false, ...options });
    if (!on) this.#managers.push(manager);
    const role = new Role(name, manager, namespace, auth, this.#ids);
    this.#roles.push(role);
    return role;
  }

  /** Puts a value into the trace. */
  note(...value) {
    this.#notes.push(value);
  }

  /** A plain request: status, body and headers that begin with x-. */
  async http(target) {
    const answer = await fetch(`${this.#url}${target}`);
    const headers = Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith("x-")));
    const text = await answer.text();
    return { status: answer.status, headers, body: text.startsWith("0{") ? "an OPEN packet" : text };
  }

  /** Lets everything arrive that was sent: a round trip for everybody, twice. */
  async settle() {
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(this.#roles.map((role) => role.sync()));
    }
  }

  /** Lets time pass, for what must not come. */
  wait(ms) {
    return later(ms);
  }

  /** Ends it, and gives the trace. */
  async end() {
    await this.settle();
    const trace = Object.fromEntries(this.#roles.map((role) => [role.name, role.log]));
    if (this.#notes.length > 0) trace.notes = this.#notes;
    const plain = this.#plain(JSON.parse(JSON.stringify(trace, withBinary)));
    this.close();
    return plain;
  }

  close() {
    for (const role of this.#roles) role.socket.disconnect();
    for (const manager of this.#managers) manager._close();
  }

  /** Ids by the names of their roles. */
  #plain(value) {
    if (typeof value === "string") {
      for (const [id, name] of this.#ids) value = value.replaceAll(id, `<${name}>`);
      return value;
    }
    if (Array.isArray(value)) return value.map((item) => this.#plain(item));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, item]) => [this.#plain(key), this.#plain(item)])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }
}

/** Binary values as they are shown in traces. Buffers have been made objects by `toJSON` already. */
function withBinary(key, value) {
  const original = this[key];
  if (original instanceof Uint8Array) return { $binary: Buffer.from(original).toString("base64") };
  if (original === undefined && Array.isArray(this)) return "undefined";
  return value;
}

/** One client in one namespace, and all that it saw. */
class Role {
  #waiting = [];
  #times = 0;

  constructor(name, manager, namespace, auth, ids) {
    this.name = name;
    this.manager = manager;
    this.log = [];
    this.socket = manager.socket(namespace, { auth });
    this.socket.on("connect", () => {
      this.#times += 1;
      if (!ids.has(this.socket.id)) ids.set(this.socket.id, this.#times === 1 ? name : `${name} ${this.#times}`);
      this.see("connect", ...(this.#times > 1 ? [{ recovered: this.socket.recovered, id: this.socket.id }] : []));
    });
    this.socket.on("connect_error", ({ message, data }) => this.see("connect_error", message, data));
    this.socket.on("disconnect", (reason) => this.see("disconnect", reason));
    this.socket.onAny((event, ...args) => this.see(event, ...args.filter((arg) => typeof arg !== "function")));
    this.socket.connect();
  }

  get id() {
    return this.socket.id;
  }

  /** Puts something into its trace. */
  see(...what) {
    this.log.push(what);
    this.#waiting.forEach((check) => check());
  }

  emit(...args) {
    this.socket.emit(...args);
  }

  /** Emits with an acknowledgement, which goes into the trace; gives its arguments. */
  async ask(event, ...args) {
    const answer = await new Promise((resolve) => {
      const timer = setTimeout(resolve, LIMIT_MS, ["no answer"]);
      this.socket.emit(event, ...args, (...answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
    this.see(`${event} →`, ...answer);
    return answer;
  }

  /** Has the server call something of its API; the result goes into the trace. */
  async act(name, ...args) {
    const result = await this.quietly("act", name, ...args);
    this.see(`${name} →`, result);
    return result;
  }

  /** The same, without a trace. */
  quietly(event, ...args) {
    return this.socket.timeout(LIMIT_MS).emitWithAck(event, ...args);
  }

  /** Answers questions of the server. */
  answer(event, answer) {
    this.socket.on(event, (...args) => args.pop()?.(...answer(...args)));
  }

  /** Waits until it has seen one of these events, so many times in all. */
  async until(...events) {
    const times = typeof events.at(-1) === "number" ? events.pop() : 1;
    const isSeen = () => this.log.filter(([event]) => events.includes(event)).length >= times;
    if (isSeen()) return;
    await new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.splice(this.#waiting.indexOf(check), 1);
        resolve();
      };
      const check = () => isSeen() && end();
      const timer = setTimeout(() => {
        this.log.push(["waited in vain for", ...events]);
        end();
      }, LIMIT_MS);
      this.#waiting.push(check);
    });
  }

  /** A round trip. */
  async sync() {
    if (!this.socket.connected) return;
    await Promise.race([
      this.socket.timeout(LIMIT_MS).emitWithAck("sync"),
      new Promise((resolve) => this.socket.once("disconnect", resolve)),
    ]).catch((error) => this.see("sync", error.message));
  }

  /** Leaves the namespace. */
  leave() {
    this.socket.disconnect();
  }

  /** Closes the connection. */
  close() {
    this.manager.engine.close();
  }

  /** Connects again, on a new connection if there is none. */
  async again(auth) {
    if (auth) this.socket.auth = auth;
    const times = this.log.filter(([event]) => event === "connect" || event === "connect_error").length;
    this.socket.connect();
    await this.until("connect", "connect_error", times + 1);
  }
}
