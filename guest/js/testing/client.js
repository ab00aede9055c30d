// A client as a test sees it: what it receives is kept until it is looked for. Used by index.js.

import { deepStrictEqual } from "node:assert";
import { setTimeout as later } from "node:timers/promises";
import { inspect } from "node:util";

const INBOX_MAX = 100_000;
const SHOWN_MAX = 20;

export class Client {
  #patienceMs;
  #log;
  #inbox = [];
  #waiting = new Set();
  #answers = new Map();
  #id;
  #reason;
  #refusal;

  constructor(socket, patienceMs, log) {
    /** The socket of socket.io-client. */
    this.socket = socket;
    this.#patienceMs = patienceMs;
    this.#log = log;
    socket.onAny((event, ...args) => {
      const answer = this.#answers.get(event);
      if (answer && typeof args.at(-1) === "function") return void this.#answer(answer, args);
      if (this.#inbox.length >= INBOX_MAX) this.#inbox.shift();
      this.#inbox.push({ event, args });
      this.#look();
    });
    socket.on("connect", () => {
      this.#id = socket.id;
      this.#reason = this.#refusal = undefined;
      this.#look();
    });
    socket.on("disconnect", (reason) => {
      this.#reason = reason;
      this.#look();
    });
    socket.on("connect_error", (error) => {
      this.#refusal = error;
      this.#look();
    });
  }

  /** The id it has, or had last. */
  get id() {
    return this.#id;
  }

  /** Waits until it is connected; throws what `connect_error` gets. */
  async connected() {
    await this.#wait("to be connected", () => {
      if (this.#refusal) throw this.#refusal;
      return this.socket.connected ? [] : undefined;
    });
  }

  /** Waits until it is refused; gives the error. */
  refused() {
    return this.#wait("to be refused", () => this.#refusal);
  }

  /** Waits until it is disconnected; gives the reason. */
  disconnected() {
    return this.#wait("to be disconnected", () => this.#reason);
  }

  emit(event, ...args) {
    this.socket.emit(event, ...args);
    return this;
  }

  /** Emits and waits for the answer, with a bound. */
  async emitWithAck(event, ...args) {
    try {
      return await this.socket.timeout(this.#patienceMs).emitWithAck(event, ...args);
    } catch (error) {
      throw this.#failure(`an answer to ${shown(event, args)}: ${error.message}`);
    }
  }

  /** Waits for the next message of an event; gives its arguments. */
  next(event) {
    return this.#wait(`the message ${event}`, () => this.#take(event)?.args, true);
  }

  /** Waits for the next message of an event and compares its arguments. */
  async expect(event, ...args) {
    const found = await this.next(event);
    deepStrictEqual(found, args, `expected ${shown(event, args)}, but got ${shown(event, found)}`);
  }

  /** Expects that nothing has come that was not looked at, and that nothing comes for so long. */
  async nothing(ms = 50) {
    await later(ms);
    const [first] = this.#inbox;
    if (first) throw this.#failure(`nothing, but got ${shown(first.event, first.args)}`);
  }

  /** The messages that were not looked at, and are now. */
  messages() {
    return this.#inbox.splice(0).map(({ event, args }) => [event, ...args]);
  }

  /** Answers all messages of an event that want an answer. They are not to be expected any more. */
  answer(event, answer) {
    this.#answers.set(event, answer);
    return this;
  }

  /** Leaves the namespace. */
  disconnect() {
    this.socket.disconnect();
  }

  /** Breaks the connection, as a network would. */
  cut() {
    this.socket.io.engine.close();
  }

  /** Connects again; with connection state recovery it is what it was. */
  async reconnect() {
    this.#reason = this.#refusal = undefined;
    this.socket.connect();
    await this.connected();
  }

  async #answer(answer, args) {
    const acknowledge = args.pop();
    const value = await answer(...args);
    if (value === undefined) acknowledge();
    else acknowledge(value);
  }

  #take(event) {
    const at = this.#inbox.findIndex((message) => message.event === event);
    return at < 0 ? undefined : this.#inbox.splice(at, 1)[0];
  }

  #look() {
    for (const look of [...this.#waiting]) look();
  }

  /** Waits until this gives something. A wait that needs a connection ends with it. */
  #wait(what, look, needsConnection = false) {
    return new Promise((resolve, reject) => {
      const end = (settle, value) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        settle(value);
      };
      const check = () => {
        try {
          const found = look();
          if (found !== undefined) end(resolve, found);
          else if (needsConnection && this.#reason !== undefined) end(reject, this.#failure(`${what}, but it is disconnected: ${this.#reason}`));
        } catch (error) {
          end(reject, error);
        }
      };
      const timer = setTimeout(() => end(reject, this.#failure(`${what}, but nothing of the kind came in ${this.#patienceMs} ms`)), this.#patienceMs);
      this.#waiting.add(check);
      check();
    });
  }

  /** An error that says what came instead, and what the node logged. */
  #failure(what) {
    const more = this.#inbox.length - SHOWN_MAX;
    const unread = this.#inbox.slice(0, SHOWN_MAX).map(({ event, args }) => `    ${shown(event, args)}`);
    const messages = unread.length > 0 ? `unread messages:\n${unread.join("\n")}${more > 0 ? `\n    … and ${more} more` : ""}` : "no other message is unread";
    return new Error(`client ${this.id ?? "(not connected)"} of ${this.socket.nsp} expected ${what}; ${messages}\n${this.#log.tail()}`);
  }
}

/** A message as one would write it. */
function shown(event, args) {
  return `${event}(${args.map((arg) => inspect(arg, { depth: 4, breakLength: Infinity })).join(", ")})`;
}
