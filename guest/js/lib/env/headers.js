// `Headers`, for fetch.js.

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const tidy = (value) => value.replace(/^[\t\n\r ]+/, "").replace(/([^\t\n\r ])[\t\n\r ]+$/, "$1");

function checkedName(where, name) {
  const text = String(name);
  if (!NAME.test(text)) throw new TypeError(`Headers.${where}: ${text} is an invalid header name.`);
  return text.toLowerCase();
}

function checkedValue(where, value) {
  const text = String(value);
  const wide = Array.prototype.findIndex.call(text, (char) => char.charCodeAt(0) > 255);
  if (wide !== -1) {
    throw new TypeError(`Cannot convert argument to a ByteString because the character at index ${wide} has a value of ` +
      `${text.charCodeAt(wide)} which is greater than 255.`);
  }
  const short = tidy(text);
  if (/[\0\r\n]/.test(short)) throw new TypeError(`Headers.${where}: ${text} is an invalid header value.`);
  return short;
}

// For fetch.js: what the host is given, headers nobody may change, and headers as the host gave them.
export let pairsOf;
export let freeze;
export let fromHost;

export class Headers {
  // Name in lower case → values.
  #map = new Map();
  #frozen = false;

  static {
    pairsOf = (headers) => [...headers.#map].flatMap(([name, values]) =>
      name === "set-cookie" ? values.map((value) => [name, value]) : [[name, values.join(name === "cookie" ? "; " : ", ")]]);
    freeze = (headers) => {
      headers.#frozen = true;
      return headers;
    };
    fromHost = (pairs) => {
      const headers = new Headers();
      for (const [name, value] of pairs) headers.#add(name.toLowerCase(), tidy(value));
      return freeze(headers);
    };
  }

  constructor(init = undefined) {
    if (init === undefined) return;
    if (init === null || (typeof init !== "object" && typeof init !== "function")) {
      throw new TypeError("Headers constructor: init is neither a list of pairs nor a record");
    }
    if (typeof init[Symbol.iterator] === "function") {
      for (const pair of init) {
        const two = typeof pair === "object" && pair !== null && typeof pair[Symbol.iterator] === "function" ? [...pair] : [];
        if (two.length !== 2) throw new TypeError(`Headers constructor: expected name/value pair to be length 2, found ${two.length}.`);
        this.append(two[0], two[1]);
      }
      return;
    }
    for (const key of Reflect.ownKeys(init)) {
      if (!Object.getOwnPropertyDescriptor(init, key)?.enumerable) continue;
      if (typeof key === "symbol") throw new TypeError("Headers constructor: a symbol is an invalid header name.");
      this.append(key, init[key]);
    }
  }

  append(name, value) {
    this.#needs("append", 2, arguments.length);
    const [key, text] = [checkedName("append", name), checkedValue("append", value)];
    this.#open();
    this.#add(key, text);
  }

  set(name, value) {
    this.#needs("set", 2, arguments.length);
    const [key, text] = [checkedName("set", name), checkedValue("set", value)];
    this.#open();
    this.#map.set(key, [text]);
  }

  delete(name) {
    this.#needs("delete", 1, arguments.length);
    const key = checkedName("delete", name);
    this.#open();
    this.#map.delete(key);
  }

  get(name) {
    this.#needs("get", 1, arguments.length);
    const key = checkedName("get", name);
    return this.#map.get(key)?.join(key === "cookie" ? "; " : ", ") ?? null;
  }

  has(name) {
    this.#needs("has", 1, arguments.length);
    return this.#map.has(checkedName("has", name));
  }

  getSetCookie() {
    return [...(this.#map.get("set-cookie") ?? [])];
  }

  forEach(callback, self = undefined) {
    if (typeof callback !== "function") {
      throw new TypeError("Failed to execute 'forEach' on 'Headers': parameter 1 is not of type 'Function'.");
    }
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries() {
    for (const pair of pairsOf(this).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) yield pair;
  }

  *keys() {
    for (const [name] of this.entries()) yield name;
  }

  *values() {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  #add(name, value) {
    if (this.#map.has(name)) this.#map.get(name).push(value);
    else this.#map.set(name, [value]);
  }

  #open() {
    if (this.#frozen) throw new TypeError("immutable");
  }

  #needs(where, count, given) {
    if (given < count) throw new TypeError(`Headers.${where}: ${count} argument${count === 1 ? "" : "s"} required, but only ${given} present.`);
  }

  [Symbol.for("nodejs.util.inspect.custom")](depth, options, inspect) {
    const shown = Object.fromEntries([...this.entries()]);
    return typeof inspect === "function" ? `Headers ${inspect(shown, options)}` : JSON.stringify(shown);
  }
}
Object.defineProperty(Headers.prototype, Symbol.toStringTag, { value: "Headers", configurable: true });
for (const name of ["append", "delete", "get", "has", "set", "getSetCookie", "keys", "values", "entries", "forEach"]) {
  Object.defineProperty(Headers.prototype, name, { enumerable: true });
}
