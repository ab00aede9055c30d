// A node's log: lines of JSON, kept for the test and shown when it fails. Used by index.js.

import { createInterface } from "node:readline";

const LINES_MAX = 10_000;
const SHOWN_MAX = 30;

export class Log {
  lines = [];
  #waiting = new Set();
  #end;
  #patienceMs;

  constructor(patienceMs) {
    this.#patienceMs = patienceMs;
  }

  read(stream) {
    createInterface({ input: stream }).on("line", (text) => {
      if (this.lines.length >= LINES_MAX) this.lines.shift();
      this.lines.push(parsed(text));
      for (const look of [...this.#waiting]) look();
    });
  }

  /** The node has ended: no further line comes. */
  end(reason) {
    this.#end = reason;
    // What it wrote last may still be on its way.
    setImmediate(() => [...this.#waiting].forEach((look) => look()));
  }

  /** The first line that fits, now or soon. */
  wait(filter) {
    const fits = Log.matching(filter);
    return new Promise((resolve, reject) => {
      const end = (settle, value) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        settle(value);
      };
      const fail = (reason) => end(reject, new Error(`no log line that fits ${filter}: ${reason}\n${this.tail()}`));
      const look = () => {
        const found = this.lines.find(fits);
        if (found) end(resolve, found);
        else if (this.#end) fail(`the node ${this.#end}`);
      };
      const timer = setTimeout(() => fail(`not in ${this.#patienceMs} ms`), this.#patienceMs);
      this.#waiting.add(look);
      look();
    });
  }

  /** The last lines, for people. */
  tail() {
    const lines = this.lines.slice(-SHOWN_MAX).map(({ level = "", message, timestamp, target, ...fields }) => {
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${value}`);
      return `  ${level.padStart(5)} ${message}${rest.join("")}`;
    });
    return ["--- the node's log", ...lines, "---"].join("\n");
  }

  /** Text anywhere in a line, a regular expression for its message, or a function of the line. */
  static matching(filter = () => true) {
    if (typeof filter === "function") return filter;
    if (filter instanceof RegExp) return ({ message }) => filter.test(message);
    return (line) => Object.values(line).some((value) => String(value).includes(filter));
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text };
  }
}
