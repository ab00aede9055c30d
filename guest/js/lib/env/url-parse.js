// The parser of the WHATWG URL standard, for url.js: text to a record and back, and what the setters of URL need. A record
// is { scheme, username, password, host: text | null, port: number | null, path: segments | opaque text, query, fragment }.
// It makes no objects that scripts see, and null stands for failure.

import { toAscii } from "./idna.js";

const PORTS = { "ftp": 21, "file": null, "http": 80, "https": 443, "ws": 80, "wss": 443 };
export const isSpecial = (url) => Object.hasOwn(PORTS, url.scheme);
export const isOpaque = (url) => typeof url.path === "string";

// What is percent-encoded where.
export const SETS = {
  c0: /[^\x20-\x7e]/gu,
  fragment: /[^\x21-\x7e]|["<>`]/gu,
  query: /[^\x21-\x7e]|["#<>]/gu,
  specialQuery: /[^\x21-\x7e]|["#<>']/gu,
  path: /[^\x21-\x7e]|["#<>?^`{}]/gu,
  userinfo: /[^\x21-\x7e]|["#<>?`{}/:;=@[\\\]^|]/gu,
  form: /[^A-Za-z0-9*\-._]/gu,
};

export function encode(text, set) {
  return text.replace(set, (char) => {
    const code = char.codePointAt(0);
    if (code < 128) return `%${code < 16 ? "0" : ""}${code.toString(16).toUpperCase()}`;
    return encodeURIComponent(char.isWellFormed() ? char : "\ufffd");
  });
}

// Percent-encoded bytes as the text that they are in UTF-8; wrong bytes become U+FFFD.
export function decode(text) {
  if (!text.includes("%")) return text;
  return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return lossy(run.slice(1).split("%").map((hex) => Number.parseInt(hex, 16)));
    }
  });
}

function lossy(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at++];
    if (lead < 0x80) {
      parts.push(String.fromCharCode(lead));
      continue;
    }
    let more = lead >= 0xc2 && lead <= 0xdf ? 1 : (lead & 0xf0) === 0xe0 ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    if (more === 0) {
      parts.push("\ufffd");
      continue;
    }
    let point = lead & (0x3f >> more);
    let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    for (; more > 0 && bytes[at] >= low && bytes[at] <= high; more--) {
      point = (point << 6) | (bytes[at++] & 0x3f);
      [low, high] = [0x80, 0xbf];
    }
    parts.push(more > 0 ? "\ufffd" : String.fromCodePoint(point));
  }
  return parts.join("");
}

// ---- hosts

const FORBIDDEN_HOST = /[\0\t\n\r #/:<>?@[\\\]^|]/;
const FORBIDDEN_DOMAIN = /[\0-\x20#/:<>?@[\\\]^|%\x7f]/;

function parseHost(text, special) {
  if (text.startsWith("[")) {
    const pieces = text.endsWith("]") ? parseIpv6(text.slice(1, -1)) : null;
    return pieces === null ? null : `[${showIpv6(pieces)}]`;
  }
  if (!special) return FORBIDDEN_HOST.test(text) ? null : encode(text, SETS.c0);
  const domain = toAscii(decode(text));
  if (domain === null || domain === "" || FORBIDDEN_DOMAIN.test(domain)) return null;
  return endsInNumber(domain) ? parseIpv4(domain) : domain;
}

// A domain as text → its form in ASCII, or "" if there is none.
export const domainToAscii = (text) => parseHost(text, true) ?? "";

function endsInNumber(domain) {
  const parts = domain.split(".");
  if (parts.at(-1) === "" && parts.length > 1) parts.pop();
  const last = parts.at(-1);
  return /^[0-9]+$/.test(last) || /^0[xX][0-9a-fA-F]*$/.test(last);
}

function parseIpv4(domain) {
  const parts = domain.split(".");
  if (parts.at(-1) === "" && parts.length > 1) parts.pop();
  if (parts.length > 4) return null;
  const numbers = [];
  for (const part of parts) {
    const [digits, base] = /^0x/i.test(part) ? [part.slice(2), 16] : /^0./.test(part) ? [part.slice(1), 8] : [part, 10];
    const allowed = base === 16 ? /^[0-9a-f]*$/i : base === 8 ? /^[0-7]*$/ : /^[0-9]+$/;
    if (!allowed.test(digits)) return null;
    // Leading zeros count for nothing; more than twelve digits after them are above every bound.
    const short = digits.replace(/^0+/, "");
    numbers.push(short === "" ? 0 : short.length > 12 ? Infinity : Number.parseInt(short, base));
  }
  const last = numbers.pop();
  if (numbers.some((number) => number > 255) || last >= 256 ** (4 - numbers.length)) return null;
  const address = numbers.reduce((sum, number, at) => sum + number * 256 ** (3 - at), last);
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

function parseIpv6(text) {
  const pieces = [];
  let gap = -1;
  let at = 0;
  if (text[0] === ":") {
    if (text[1] !== ":") return null;
    at = 2;
    gap = 0;
  }
  while (at < text.length) {
    if (pieces.length === 8) return null;
    if (text[at] === ":") {
      if (gap !== -1) return null;
      at++;
      gap = pieces.length;
      continue;
    }
    const hex = /^[0-9a-fA-F]{0,4}/.exec(text.slice(at, at + 4))[0];
    const after = text[at + hex.length];
    if (after === ".") {
      const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text.slice(at, at + 16));
      if (four === null || pieces.length > 6 || at + four[0].length !== text.length) return null;
      const bytes = four.slice(1);
      if (bytes.some((byte) => Number(byte) > 255 || /^0./.test(byte))) return null;
      pieces.push(Number(bytes[0]) * 256 + Number(bytes[1]), Number(bytes[2]) * 256 + Number(bytes[3]));
      break;
    }
    at += hex.length;
    if (after === ":") {
      if (++at === text.length) return null;
    } else if (after !== undefined) return null;
    pieces.push(hex === "" ? 0 : Number.parseInt(hex, 16));
  }
  if (gap === -1) return pieces.length === 8 ? pieces : null;
  if (pieces.length === 8) return null;
  pieces.splice(gap, 0, ...new Array(8 - pieces.length).fill(0));
  return pieces;
}

function showIpv6(pieces) {
  let [best, length] = [-1, 1];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && pieces[to] === 0) to++;
    if (to - from > length) [best, length] = [from, to - from];
  }
  const show = (some) => some.map((piece) => piece.toString(16)).join(":");
  return best === -1 ? show(pieces) : `${show(pieces.slice(0, best))}::${show(pieces.slice(best + length))}`;
}

// ---- parts of a URL

const DRIVE = /^[a-zA-Z][:|]$/;
const startsWithDrive = (text, at) => /^[a-zA-Z][:|](?:[/\\?#]|$)/.test(text.slice(at, at + 3));

function shorten(url) {
  if (url.scheme === "file" && url.path.length === 1 && /^[a-zA-Z]:$/.test(url.path[0])) return;
  url.path.pop();
}

// The first place from `at` on with one of the characters, or the end.
function find(text, at, chars) {
  while (at < text.length && !chars.includes(text[at])) at++;
  return at;
}
const ends = (url) => (isSpecial(url) ? "/\\?#" : "/?#");

function setPort(url, digits) {
  const port = Number(digits);
  if (port > 65_535) return false;
  url.port = port === PORTS[url.scheme] ? null : port;
  return true;
}

// Where the colon before the port stands, outside of brackets; or -1.
function portColon(text) {
  let inside = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "[") inside = true;
    else if (text[at] === "]") inside = false;
    else if (text[at] === ":" && !inside) return at;
  }
  return -1;
}

// user:password@host:port from `at` on, then the path. False if it is none.
function authority(url, text, at) {
  const end = find(text, at, ends(url));
  let host = text.slice(at, end);
  const sign = host.lastIndexOf("@");
  if (sign !== -1) {
    const who = host.slice(0, sign);
    const colon = who.indexOf(":");
    url.username = encode(colon === -1 ? who : who.slice(0, colon), SETS.userinfo);
    url.password = colon === -1 ? "" : encode(who.slice(colon + 1), SETS.userinfo);
    host = host.slice(sign + 1);
    if (host === "") return false;
  }
  const colon = portColon(host);
  const name = colon === -1 ? host : host.slice(0, colon);
  if (name === "" && (colon !== -1 || isSpecial(url))) return false;
  url.host = parseHost(name, isSpecial(url));
  if (url.host === null) return false;
  if (colon !== -1 && colon + 1 < host.length) {
    const digits = host.slice(colon + 1);
    if (!/^[0-9]+$/.test(digits) || !setPort(url, digits)) return false;
  }
  return pathStart(url, text, end);
}

function pathStart(url, text, at) {
  if (!isSpecial(url) && (at === text.length || text[at] === "?" || text[at] === "#")) return tail(url, text, at);
  return path(url, text, text[at] === "/" || (isSpecial(url) && text[at] === "\\") ? at + 1 : at);
}

// Segments from `at` on; `alone` is how the setter asks: question marks and hashes belong to the path.
function path(url, text, at, alone = false) {
  const slashes = isSpecial(url) ? "/\\" : "/";
  const stops = alone ? slashes : `${slashes}?#`;
  for (;;) {
    const end = find(text, at, stops);
    let segment = encode(text.slice(at, end), SETS.path);
    const more = end < text.length && slashes.includes(text[end]);
    if (/^(?:\.|%2e){2}$/i.test(segment)) {
      shorten(url);
      if (!more) url.path.push("");
    } else if (/^(?:\.|%2e)$/i.test(segment)) {
      if (!more) url.path.push("");
    } else {
      if (url.scheme === "file" && url.path.length === 0 && DRIVE.test(segment)) segment = `${segment[0]}:`;
      url.path.push(segment);
    }
    if (!more) return tail(url, text, end);
    at = end + 1;
  }
}

// The query and the fragment, if they begin at `at`.
function tail(url, text, at) {
  if (text[at] === "?") {
    const hash = text.indexOf("#", at);
    const end = hash === -1 ? text.length : hash;
    url.query = encodeQuery(url, text.slice(at + 1, end));
    at = end;
  }
  if (text[at] === "#") url.fragment = encode(text.slice(at + 1), SETS.fragment);
  return true;
}
export const encodeQuery = (url, text) => encode(text, isSpecial(url) ? SETS.specialQuery : SETS.query);

function opaque(url, text, at) {
  const end = find(text, at, "?#");
  url.path = encode(text.slice(at, end), SETS.c0);
  if (end < text.length && url.path.endsWith(" ")) url.path = `${url.path.slice(0, -1)}%20`;
  return tail(url, text, end);
}

function relative(url, base, text, at) {
  url.scheme = base.scheme;
  const special = isSpecial(url);
  const isSlash = (char) => char === "/" || (special && char === "\\");
  if (isSlash(text[at])) {
    if (isSlash(text[at + 1])) return authority(url, text, special ? skipSlashes(text, at) : at + 2);
    inherit(url, base);
    return path(url, text, at + 1);
  }
  inherit(url, base);
  return rest(url, base, text, at);
}

const skipSlashes = (text, at) => {
  while (text[at] === "/" || text[at] === "\\") at++;
  return at;
};
const inherit = (url, { username, password, host, port }) => Object.assign(url, { username, password, host, port });

// What goes on from the base's path.
function rest(url, base, text, at) {
  url.path = [...base.path];
  if (at === text.length || text[at] === "#") url.query = base.query;
  if (at === text.length || text[at] === "?" || text[at] === "#") return tail(url, text, at);
  if (url.scheme === "file" && startsWithDrive(text, at)) url.path = [];
  else shorten(url);
  return path(url, text, at);
}

function file(url, base, text, at) {
  const isSlash = (char) => char === "/" || char === "\\";
  url.scheme = "file";
  url.host = "";
  const onFile = base !== null && base.scheme === "file" && !isOpaque(base);
  if (!isSlash(text[at])) {
    if (!onFile) return path(url, text, at);
    url.host = base.host;
    return rest(url, base, text, at);
  }
  if (!isSlash(text[at + 1])) {
    if (onFile) {
      url.host = base.host;
      if (!startsWithDrive(text, at + 1) && /^[a-zA-Z]:$/.test(base.path[0] ?? "")) url.path.push(base.path[0]);
    }
    return path(url, text, at + 1);
  }
  const end = find(text, at + 2, "/\\?#");
  const name = text.slice(at + 2, end);
  if (DRIVE.test(name)) return path(url, text, at + 2);
  return fileHost(url, name) && pathStart(url, text, end);
}

function fileHost(url, name) {
  const host = name === "" ? "" : parseHost(name, true);
  if (host === null) return false;
  url.host = host === "localhost" ? "" : host;
  return true;
}

// ---- the whole

const blank = () => ({ scheme: "", username: "", password: "", host: null, port: null, path: [], query: null, fragment: null });
const clean = (text) => text.replace(/[\t\n\r]/g, "");

function trim(text) {
  let [from, to] = [0, text.length];
  while (from < to && text.charCodeAt(from) <= 32) from++;
  while (to > from && text.charCodeAt(to - 1) <= 32) to--;
  return text.slice(from, to);
}

export function parse(input, base = null) {
  const text = clean(trim(input));
  const url = blank();
  return begin(url, base, text) ? url : null;
}

function begin(url, base, text) {
  const scheme = /^[a-zA-Z][a-zA-Z0-9+\-.]*:/.exec(text)?.[0];
  if (scheme === undefined) {
    if (base === null || (isOpaque(base) && text[0] !== "#")) return false;
    if (isOpaque(base)) {
      Object.assign(url, { scheme: base.scheme, path: base.path, query: base.query });
      return tail(url, text, 0);
    }
    return base.scheme === "file" ? file(url, base, text, 0) : relative(url, base, text, 0);
  }
  const at = scheme.length;
  url.scheme = scheme.slice(0, -1).toLowerCase();
  if (url.scheme === "file") return file(url, base, text, at);
  if (isSpecial(url)) {
    if (base?.scheme === url.scheme && !text.startsWith("//", at)) return relative(url, base, text, at);
    return authority(url, text, skipSlashes(text, at));
  }
  if (text[at] !== "/") return opaque(url, text, at);
  return text[at + 1] === "/" ? authority(url, text, at + 2) : path(url, text, at + 1);
}

export const showPath = (url) => (isOpaque(url) ? url.path : url.path.map((segment) => `/${segment}`).join(""));
export const showHost = (url) => (url.host === null ? "" : url.port === null ? url.host : `${url.host}:${url.port}`);

export function show(url, { fragment = true, auth = true, search = true } = {}) {
  let text = `${url.scheme}:`;
  if (url.host !== null) {
    const who = auth && (url.username !== "" || url.password !== "");
    text += `//${who ? `${url.username}${url.password === "" ? "" : `:${url.password}`}@` : ""}${showHost(url)}`;
  } else if (!isOpaque(url) && url.path.length > 1 && url.path[0] === "") text += "/.";
  text += showPath(url);
  if (search && url.query !== null) text += `?${url.query}`;
  return fragment && url.fragment !== null ? `${text}#${url.fragment}` : text;
}

// ---- what the setters do; a value that does not fit changes nothing

const hasCredentials = (url) => url.username !== "" || url.password !== "";
export const takesCredentials = (url) => url.host !== null && url.host !== "" && url.scheme !== "file";

export function setScheme(url, value) {
  const match = /^([a-zA-Z][a-zA-Z0-9+\-.]*)(?::|$)/.exec(clean(value));
  if (match === null) return;
  const scheme = match[1].toLowerCase();
  if (isSpecial(url) !== isSpecial({ scheme })) return;
  if (scheme === "file" && (hasCredentials(url) || url.port !== null)) return;
  if (url.scheme === "file" && (url.host === "" || url.host === null)) return;
  url.scheme = scheme;
  if (url.port === PORTS[scheme]) url.port = null;
}

export function setHost(url, value, withPort) {
  if (isOpaque(url)) return;
  const text = clean(value);
  const part = text.slice(0, find(text, 0, url.scheme === "file" ? "/\\?#" : ends(url)));
  if (url.scheme === "file") {
    fileHost(url, part);
    return;
  }
  const colon = portColon(part);
  if (colon !== -1 && (colon === 0 || !withPort)) return;
  const name = colon === -1 ? part : part.slice(0, colon);
  if (name === "" && (isSpecial(url) || hasCredentials(url) || url.port !== null)) return;
  const host = parseHost(name, isSpecial(url));
  if (host === null) return;
  url.host = host;
  const digits = colon === -1 ? "" : /^[0-9]*/.exec(part.slice(colon + 1))[0];
  if (digits !== "") setPort(url, digits);
}

export function changePort(url, value) {
  if (!takesCredentials(url)) return;
  const digits = /^[0-9]*/.exec(clean(value))[0];
  if (value === "") url.port = null;
  else if (digits !== "") setPort(url, digits);
}

export function setPath(url, value) {
  if (isOpaque(url)) return;
  const text = clean(value);
  url.path = [];
  if (isSpecial(url)) path(url, text, text[0] === "/" || text[0] === "\\" ? 1 : 0, true);
  else if (text !== "") path(url, text, text[0] === "/" ? 1 : 0, true);
  else if (url.host === null) url.path.push("");
}

export const setQuery = (url, value) => {
  const text = clean(value);
  url.query = value === "" ? null : encodeQuery(url, text[0] === "?" ? text.slice(1) : text);
};

export const setFragment = (url, value) => {
  const text = clean(value);
  url.fragment = value === "" ? null : encode(text[0] === "#" ? text.slice(1) : text, SETS.fragment);
};
