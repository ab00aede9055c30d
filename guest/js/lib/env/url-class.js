// The classes `URL` and `URLSearchParams`, for url.js. The parser is url-parse.js. Nothing here asks the network: what a
// name stands for is the host's matter.

import { toUnicode } from "./idna.js";
import * as parser from "./url-parse.js";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

export function coded(Kind, code, message) {
  return Object.defineProperty(new Kind(message), "code", { value: code, writable: true, configurable: true, enumerable: true });
}

// A USVString: text without lone surrogates.
export function usv(value) {
  if (typeof value === "symbol") throw new TypeError("Cannot convert a Symbol value to a string");
  return String(value).toWellFormed();
}

function needs(count, given, names) {
  if (given >= count) return;
  const message = names.length > 1 ? `The ${names.map((name) => `"${name}"`).join(" and ")} arguments must be specified`
    : `The "${names[0]}" argument must be specified`;
  throw coded(TypeError, "ERR_MISSING_ARGS", message);
}

export function parsePairs(text) {
  const pairs = [];
  for (const part of text.split("&")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    const [name, value] = at === -1 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    pairs.push([decodeForm(name), decodeForm(value)]);
  }
  return pairs;
}
const decodeForm = (text) => parser.decode(text.replaceAll("+", " "));
const encodeForm = (text) => parser.encode(text, /[^A-Za-z0-9*\-._ ]/gu).replaceAll(" ", "+");

// How URL and its URLSearchParams reach each other; set by the class below.
let link;
let refill;

export class URLSearchParams {
  #pairs = [];
  #changed = null;

  static {
    link = (params, changed) => {
      params.#changed = changed;
    };
    refill = (params, query) => {
      params.#pairs = parsePairs(query ?? "");
    };
  }

  constructor(init = undefined) {
    if (init === undefined || init === null) return;
    if (typeof init !== "object" && typeof init !== "function") {
      const text = usv(init);
      this.#pairs = parsePairs(text[0] === "?" ? text.slice(1) : text);
      return;
    }
    const iterate = init[Symbol.iterator];
    if (iterate === undefined || iterate === null) {
      const pairs = new Map();
      for (const key of Reflect.ownKeys(init)) {
        if (Object.getOwnPropertyDescriptor(init, key)?.enumerable) pairs.set(usv(key), usv(init[key]));
      }
      this.#pairs = [...pairs];
      return;
    }
    if (typeof iterate !== "function") throw coded(TypeError, "ERR_ARG_NOT_ITERABLE", "Query pairs must be iterable");
    for (const pair of init) {
      const two = (typeof pair === "object" || typeof pair === "function") && pair !== null && typeof pair[Symbol.iterator] === "function"
        ? [...pair] : [];
      if (two.length !== 2) {
        throw coded(TypeError, "ERR_INVALID_TUPLE", "Each query pair must be an iterable [name, value] tuple");
      }
      this.#pairs.push([usv(two[0]), usv(two[1])]);
    }
  }

  get size() {
    return this.#pairs.length;
  }

  append(name, value) {
    needs(2, arguments.length, ["name", "value"]);
    this.#pairs.push([usv(name), usv(value)]);
    this.#update();
  }

  delete(name, value = undefined) {
    needs(1, arguments.length, ["name"]);
    const [wanted, only] = [usv(name), value === undefined ? undefined : usv(value)];
    this.#pairs = this.#pairs.filter(([key, held]) => key !== wanted || (only !== undefined && held !== only));
    this.#update();
  }

  get(name) {
    needs(1, arguments.length, ["name"]);
    const wanted = usv(name);
    return this.#pairs.find(([key]) => key === wanted)?.[1] ?? null;
  }

  getAll(name) {
    needs(1, arguments.length, ["name"]);
    const wanted = usv(name);
    return this.#pairs.filter(([key]) => key === wanted).map(([, value]) => value);
  }

  has(name, value = undefined) {
    needs(1, arguments.length, ["name"]);
    const [wanted, only] = [usv(name), value === undefined ? undefined : usv(value)];
    return this.#pairs.some(([key, held]) => key === wanted && (only === undefined || held === only));
  }

  set(name, value) {
    needs(2, arguments.length, ["name", "value"]);
    const [wanted, text] = [usv(name), usv(value)];
    const first = this.#pairs.findIndex(([key]) => key === wanted);
    if (first === -1) this.#pairs.push([wanted, text]);
    else {
      this.#pairs[first] = [wanted, text];
      this.#pairs = this.#pairs.filter(([key], at) => at <= first || key !== wanted);
    }
    this.#update();
  }

  // By name, in the order of UTF-16 code units; equal names keep their order.
  sort() {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#update();
  }

  forEach(callback, self = undefined) {
    if (typeof callback !== "function") {
      throw coded(TypeError, "ERR_INVALID_ARG_TYPE", 'The "callback" argument must be of type function.');
    }
    for (const [name, value] of this.#each((pair) => pair)) callback.call(self, value, name, this);
  }

  keys() {
    return this.#each(([name]) => name);
  }

  values() {
    return this.#each(([, value]) => value);
  }

  entries() {
    return this.#each(([name, value]) => [name, value]);
  }

  toString() {
    return this.#pairs.map(([name, value]) => `${encodeForm(name)}=${encodeForm(value)}`).join("&");
  }

  // Live: what is added while it runs is seen.
  *#each(pick) {
    for (let at = 0; at < this.#pairs.length; at++) yield pick(this.#pairs[at]);
  }

  #update() {
    this.#changed?.(this.toString());
  }

  [INSPECT](depth, options, inspect) {
    if (typeof inspect !== "function") return `URLSearchParams { ${this} }`;
    const pairs = this.#pairs.map(([name, value]) => `${inspect(name, options)} => ${inspect(value, options)}`);
    return pairs.length === 0 ? "URLSearchParams {}" : `URLSearchParams { ${pairs.join(", ")} }`;
  }
}
Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, {
  value: URLSearchParams.prototype.entries, writable: true, configurable: true,
});

function invalid(input, base) {
  const error = coded(TypeError, "ERR_INVALID_URL", "Invalid URL");
  error.input = input;
  if (base !== undefined) error.base = base;
  return error;
}

// The record of a URL relative to a base, or null.
function resolve(input, base) {
  if (base === undefined) return parser.parse(input);
  const record = parser.parse(base);
  return record === null ? null : parser.parse(input, record);
}

const VISIBLE = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search",
  "searchParams", "hash"];

export class URL {
  #url;
  #params = null;

  constructor(input, base = undefined) {
    if (arguments.length === 0) needs(1, 0, ["url"]);
    const [text, under] = [usv(input), base === undefined ? undefined : usv(base)];
    this.#url = resolve(text, under);
    if (this.#url === null) throw invalid(text, under);
  }

  static canParse(input, base = undefined) {
    if (arguments.length === 0) needs(1, 0, ["url"]);
    return resolve(usv(input), base === undefined ? undefined : usv(base)) !== null;
  }

  static parse(input, base = undefined) {
    if (arguments.length === 0) needs(1, 0, ["url"]);
    return URL.canParse(input, base) ? new URL(input, base) : null;
  }

  get href() {
    return parser.show(this.#url);
  }
  set href(value) {
    const text = usv(value);
    const url = parser.parse(text);
    if (url === null) throw invalid(text);
    this.#url = url;
    this.#refill();
  }

  get origin() {
    const url = this.#url;
    if (url.scheme === "blob" && url.host === null) {
      const inner = parser.parse(parser.showPath(url));
      return inner !== null && /^https?$/.test(inner.scheme) ? `${inner.scheme}://${parser.showHost(inner)}` : "null";
    }
    return parser.isSpecial(url) && url.scheme !== "file" ? `${url.scheme}://${parser.showHost(url)}` : "null";
  }

  get protocol() {
    return `${this.#url.scheme}:`;
  }
  set protocol(value) {
    parser.setScheme(this.#url, usv(value));
  }

  get username() {
    return this.#url.username;
  }
  set username(value) {
    const text = usv(value);
    if (parser.takesCredentials(this.#url)) this.#url.username = parser.encode(text, parser.SETS.userinfo);
  }

  get password() {
    return this.#url.password;
  }
  set password(value) {
    const text = usv(value);
    if (parser.takesCredentials(this.#url)) this.#url.password = parser.encode(text, parser.SETS.userinfo);
  }

  get host() {
    return parser.showHost(this.#url);
  }
  set host(value) {
    parser.setHost(this.#url, usv(value), true);
  }

  get hostname() {
    return this.#url.host ?? "";
  }
  set hostname(value) {
    parser.setHost(this.#url, usv(value), false);
  }

  get port() {
    return this.#url.port === null ? "" : String(this.#url.port);
  }
  set port(value) {
    parser.changePort(this.#url, usv(value));
  }

  get pathname() {
    return parser.showPath(this.#url);
  }
  set pathname(value) {
    parser.setPath(this.#url, usv(value));
  }

  get search() {
    return this.#url.query ? `?${this.#url.query}` : "";
  }
  set search(value) {
    parser.setQuery(this.#url, usv(value));
    this.#refill();
  }

  get searchParams() {
    if (this.#params === null) {
      this.#params = new URLSearchParams();
      this.#refill();
      link(this.#params, (query) => {
        this.#url.query = query === "" ? null : query;
      });
    }
    return this.#params;
  }

  get hash() {
    return this.#url.fragment ? `#${this.#url.fragment}` : "";
  }
  set hash(value) {
    parser.setFragment(this.#url, usv(value));
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }

  #refill() {
    if (this.#params !== null) refill(this.#params, this.#url.query);
  }

  [INSPECT](depth, options, inspect) {
    if (typeof inspect !== "function" || depth < 0) return this.href;
    const shown = {};
    for (const name of VISIBLE) shown[name] = this[name];
    return `URL ${inspect(shown, options)}`;
  }

  // What url.format does with a URL.
  static _format(url, { auth = true, fragment = true, search = true, unicode = false } = {}) {
    const host = unicode && url.#url.host !== null ? toUnicode(url.#url.host) : url.#url.host;
    return parser.show({ ...url.#url, host }, { auth, fragment, search });
  }
}

for (const [Class, tag] of [[URL, "URL"], [URLSearchParams, "URLSearchParams"]]) {
  const prototype = Class.prototype;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name !== "constructor") Object.defineProperty(prototype, name, { enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true });
}
for (const name of ["canParse", "parse"]) Object.defineProperty(URL, name, { enumerable: true });
export const format = URL._format;
delete URL._format;
