// What a script gets of URLs: `URL`, `URLSearchParams` and node:url, whose own functions are here; lib/env loads it when a
// script first uses one of them. The old `parse` takes what programs write, not every odd thing that Node's takes.

import { toUnicode } from "./idna.js";
import { URL, URLSearchParams, coded, format, parsePairs, usv } from "./url-class.js";
import * as parser from "./url-parse.js";

export { URL, URLSearchParams };

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
  }
  if (url.slashes || (protocol !== undefined && !slashed && url.protocol !== "javascript:")) {
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
  }
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
