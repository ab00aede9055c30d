// `URL`, `URLSearchParams` and node:url for scripts; lib/env loads it when a script first uses one of them. The parser is
// url-parse.js. Nothing here asks the network: what a name stands for is the host's matter.

import { toUnicode } from "./idna.js";
import * as parser from "./url-parse.js";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

function coded(Kind, code, message) {
  return Object.defineProperty(new Kind(message), "code", { value: code, writable: true, configurable: true, enumerable: true });
}

// A USVString: text without lone surrogates.
function usv(value) {
  if (typeof value === "symbol") throw new TypeError("Cannot convert a Symbol value to a string");
  return String(value).toWellFormed();
}

function needs(count, given, names) {
  if (given >= count) return;
  const message = names.length > 1 ? `The ${names.map((name) => `"${name}"`).join(" and ")} arguments must be specified`
    : `The "${names[0]}" argument must be specified`;
  throw coded(TypeError, "ERR_MISSING_ARGS", message);
}

function parsePairs(text) {
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
const format = URL._format;
delete URL._format;

// ---- node:url

function isUrl(value) {
  return typeof value === "object" && value !== null && typeof value.href === "string" && typeof value.protocol === "string" &&
    value.auth === undefined && value.path === undefined;
}

function wrongType(name, kinds, value) {
  const got = value === null || value === undefined ? String(value)
    : typeof value === "object" ? `an instance of ${value.constructor?.name}` : `type ${typeof value} (${String(value)})`;
  return coded(TypeError, "ERR_INVALID_ARG_TYPE", `The "${name}" argument must be ${kinds}. Received ${got}`);
}

function fileURLToPath(url) {
  if (typeof url === "string") url = new URL(url);
  else if (!isUrl(url)) throw wrongType("path", "of type string or an instance of URL", url);
  if (url.protocol !== "file:") throw coded(TypeError, "ERR_INVALID_URL_SCHEME", "The URL must be of scheme file");
  if (url.hostname !== "") {
    throw coded(TypeError, "ERR_INVALID_FILE_URL_HOST", 'File URL host must be "localhost" or empty on linux');
  }
  if (/%2f/i.test(url.pathname)) {
    throw coded(TypeError, "ERR_INVALID_FILE_URL_PATH", "File URL path must not include encoded / characters");
  }
  return decodeURIComponent(url.pathname);
}

// A relative path stands below /: a script has no working directory.
function pathToFileURL(path) {
  if (typeof path !== "string") throw wrongType("path", "of type string", path);
  const segments = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  const slash = path.endsWith("/") && segments.length > 0 ? "/" : "";
  const code = (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return new URL(`file:///${segments.join("/")}${slash}`.replace(/[%\\\n\r\t?#]/g, code));
}

class Url {
  constructor() {
    for (const name of ["protocol", "slashes", "auth", "host", "port", "hostname", "hash", "search", "query", "pathname", "path",
      "href"]) this[name] = null;
  }

  format() {
    return formatUrl(this);
  }

  resolve(to) {
    return resolveUrl(formatUrl(this), to);
  }
}

const SLASHED = /^(?:https?|ftp|wss?|gopher|file):$/;
const escapeLegacy = (text) =>
  text.replace(/[\t\n\r "'<>\\^`{|}]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);

// The old parser, as far as it is a thing of its own: no exceptions, and relative addresses too.
function parse(address, withQuery = false, slashesDenoteHost = false) {
  if (address instanceof Url) return address;
  if (typeof address !== "string") throw wrongType("url", "of type string", address);
  const url = new Url();
  let text = address.trim();
  const mark = text.search(/[?#]/);
  const head = mark === -1 ? text : text.slice(0, mark);
  text = head.replaceAll("\\", "/") + (mark === -1 ? "" : text.slice(mark));
  const protocol = /^[a-zA-Z0-9.+-]+:/.exec(text)?.[0];
  if (protocol !== undefined) {
    url.protocol = protocol.toLowerCase();
    text = text.slice(protocol.length);
  }
  const slashed = SLASHED.test(url.protocol ?? "");
  if (url.protocol !== "javascript:" && text.startsWith("//") && (protocol !== undefined || slashesDenoteHost || /^\/\/[^@/]+@[^@/]+/.test(text))) {
    url.slashes = true;
    text = text.slice(2);
    const end = text.search(/[/?#]/);
    let host = end === -1 ? text : text.slice(0, end);
    text = end === -1 ? "" : text.slice(end);
    const sign = host.lastIndexOf("@");
    if (sign !== -1) {
      url.auth = parser.decode(host.slice(0, sign));
      host = host.slice(sign + 1);
    }
    const port = /:([0-9]*)$/.exec(host);
    if (port !== null) {
      if (port[1] !== "") url.port = port[1];
      host = host.slice(0, port.index);
    }
    host = host.toLowerCase();
    const bare = host.startsWith("[") ? host.replace(/^\[|\]$/g, "") : host;
    url.hostname = /^[\0-\x7f]*$/.test(bare) ? bare : parser.domainToAscii(bare);
    url.host = (bare === host ? url.hostname : host) + (url.port === null ? "" : `:${url.port}`);
  }
  if (url.protocol !== "javascript:") text = escapeLegacy(text);
  const hash = text.indexOf("#");
  if (hash !== -1) {
    url.hash = text.slice(hash);
    text = text.slice(0, hash);
  }
  const query = text.indexOf("?");
  if (query !== -1) {
    url.search = text.slice(query);
    url.query = url.search.slice(1);
    text = text.slice(0, query);
  } else if (withQuery) url.search = "";
  if (withQuery) url.query = toQuery(url.query ?? "");
  if (text !== "") url.pathname = text;
  else if (slashed && url.hostname) url.pathname = "/";
  if (url.pathname || url.search) url.path = (url.pathname ?? "") + (url.search ?? "");
  url.href = formatUrl(url);
  return url;
}

function toQuery(text) {
  const query = Object.create(null);
  for (const [name, value] of parsePairs(text)) {
    if (!(name in query)) query[name] = value;
    else if (Array.isArray(query[name])) query[name].push(value);
    else query[name] = [query[name], value];
  }
  return query;
}

const fromQuery = (query) =>
  Object.entries(query)
    .flatMap(([name, values]) => [values].flat().map((value) => {
      const shown = typeof value === "object" || value === undefined ? "" : String(value);
      return `${encodeURIComponent(name)}=${encodeURIComponent(shown)}`;
    }))
    .join("&");

function formatUrl(url, options = undefined) {
  if (typeof url === "string") url = parse(url);
  else if (typeof url !== "object" || url === null) throw wrongType("urlObject", "one of type object or string", url);
  if (url instanceof URL) return format(url, options ?? {});
  let protocol = url.protocol ?? "";
  if (protocol !== "" && !protocol.endsWith(":")) protocol += ":";
  const auth = url.auth ? `${encodeURIComponent(url.auth).replace(/%3A/i, ":")}@` : "";
  let host = null;
  if (url.host) host = auth + url.host;
  else if (url.hostname) {
    host = auth + (url.hostname.includes(":") && !url.hostname.startsWith("[") ? `[${url.hostname}]` : url.hostname);
    if (url.port) host += `:${url.port}`;
  }
  const pairs = typeof url.query === "object" && url.query !== null ? fromQuery(url.query) : "";
  let search = url.search || (pairs === "" ? "" : `?${pairs}`);
  let path = (url.pathname ?? "").replace(/[?#]/g, encodeURIComponent);
  if (url.slashes || SLASHED.test(protocol)) {
    if (url.slashes || host !== null) {
      if (path !== "" && path[0] !== "/") path = `/${path}`;
      host = `//${host ?? ""}`;
    } else if (protocol === "file:") host = "//";
  }
  let hash = url.hash ?? "";
  if (hash !== "" && hash[0] !== "#") hash = `#${hash}`;
  if (search !== "" && search[0] !== "?") search = `?${search}`;
  return protocol + (host ?? "") + path + search.replaceAll("#", "%23") + hash;
}

// Relative to an address that may be relative itself.
function resolveUrl(from, to) {
  const base = new URL(from, "resolve:///");
  const result = new URL(to, base);
  if (result.protocol !== "resolve:") return result.href;
  const path = result.pathname + result.search + result.hash;
  return String(from).startsWith("/") || String(to).startsWith("/") ? path : path.slice(1);
}

function urlToHttpOptions(url) {
  const { protocol, hostname, hash, search, pathname, href, port, username, password } = url;
  const options = { protocol, hostname: hostname.replace(/^\[|\]$/g, ""), hash, search, pathname, path: `${pathname}${search}`, href };
  if (port !== "") options.port = Number(port);
  if (username || password) options.auth = `${parser.decode(username)}:${parser.decode(password)}`;
  return { __proto__: null, ...url, ...options };
}

export const nodeUrl = {
  Url,
  URL,
  URLSearchParams,
  parse,
  resolve: resolveUrl,
  format: formatUrl,
  domainToASCII: (domain) => parser.domainToAscii(usv(domain)),
  domainToUnicode: (domain) => toUnicode(parser.domainToAscii(usv(domain))),
  fileURLToPath,
  pathToFileURL,
  urlToHttpOptions,
};
nodeUrl.default = nodeUrl;
