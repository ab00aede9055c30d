// `fetch` and its classes for scripts; lib/env calls `create` when a script first uses one of them. The host asks and answers
// with the whole body, or a sentence that says why not; it follows no redirects: that is done here. Bounds of sizes and of
// requests under way are the host's.

import { Blob, File, FormData, ReadableStream, bind, collect, disturbed, extract, parseForm, streamOf, toText } from "./body.js";
import { Headers, freeze, fromHost, pairsOf } from "./headers.js";
import { STATUS_CODES } from "./status.js";
import { URL } from "./url-class.js";
import { decode } from "./url-parse.js";

// Milliseconds for the whole of a request, redirects included. Then it fails.
export const TIMEOUT_MS = 300_000;
// Redirects that are followed. One more fails.
export const REDIRECTS_MAX = 20;

const NO_BODY = new Set([101, 204, 205, 304]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

// What Request and Response share. Its `#body` is { bytes, stream }, or null: bytes until a script asks for the stream.
let take;
let setBody;
let hasBody;

class Body {
  #body = null;
  #used = false;

  static {
    setBody = (owner, source) => {
      owner.#body = source === null ? null : source instanceof ReadableStream ? { bytes: null, stream: source } : { bytes: source, stream: null };
    };
    // The bytes, or a promise of them; nobody else gets them then.
    take = (owner) => {
      if (owner.#body === null) return new Uint8Array(0);
      if (owner.#unusable) throw new TypeError("Body is unusable: Body has already been read");
      owner.#used = true;
      const { bytes, stream } = owner.#body;
      if (bytes === null) return collect(stream);
      stream?.cancel();
      return bytes;
    };
    hasBody = (owner) => owner.#body !== null;
  }

  get body() {
    if (this.#body === null) return null;
    if (this.#body.stream === null) {
      this.#body.stream = streamOf(this.#used ? new Uint8Array(0) : this.#body.bytes);
      if (this.#used) this.#body.stream.cancel();
    }
    return this.#body.stream;
  }

  get bodyUsed() {
    return this.#body !== null && (this.#used || (this.#body.stream !== null && disturbed(this.#body.stream)));
  }

  get #unusable() {
    return this.bodyUsed || (this.#body.stream?.locked ?? false);
  }

  async bytes() {
    return (await take(this)).slice();
  }

  async arrayBuffer() {
    return (await take(this)).slice().buffer;
  }

  async text() {
    return toText(await take(this));
  }

  async json() {
    return JSON.parse(toText(await take(this)));
  }

  async blob() {
    return new Blob([await take(this)], { type: this.headers.get("content-type") ?? "" });
  }

  async formData() {
    return parseForm(await take(this), this.headers.get("content-type") ?? "");
  }

  // The same body for another owner.
  _share(other, name) {
    if (this.#body === null) return;
    if (this.#unusable) throw new TypeError(`${name}.clone: Body has already been consumed.`);
    const { bytes, stream } = this.#body;
    if (bytes !== null && (stream === null || !disturbed(stream))) {
      other.#body = { bytes, stream: null };
      return;
    }
    const [mine, theirs] = stream.tee();
    this.#body.stream = mine;
    other.#body = { bytes: null, stream: theirs };
  }
}
const share = Body.prototype._share;
delete Body.prototype._share;

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
function methodOf(value) {
  const text = String(value);
  if (!METHOD.test(text)) throw new TypeError(`'${text}' is not a valid HTTP method.`);
  const upper = text.toUpperCase();
  if (["CONNECT", "TRACE", "TRACK"].includes(upper)) throw new TypeError(`'${text}' HTTP method is unsupported.`);
  return ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"].includes(upper) ? upper : text;
}

const CHOICES = {
  redirect: ["follow", "error", "manual"],
  mode: ["cors", "no-cors", "same-origin"],
  credentials: ["same-origin", "include", "omit"],
  cache: ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"],
  referrerPolicy: ["", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
    "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url"],
};
const isSignal = (value) => typeof value === "object" && value !== null && typeof value.aborted === "boolean" &&
  typeof value.addEventListener === "function";

let signalOf;

export class Request extends Body {
  #url;
  #method;
  #headers;
  #signal;
  #more = {};

  constructor(input, init = {}) {
    if (arguments.length === 0) throw new TypeError("Request constructor: 1 argument required, but only 0 present.");
    super();
    init ??= {};
    if (typeof init !== "object" && typeof init !== "function") throw new TypeError("Request constructor: init is no object");
    const from = input instanceof Request ? input : null;
    if (from !== null) this.#url = from.#url;
    else {
      try {
        this.#url = new URL(input);
      } catch (cause) {
        throw new TypeError(`Failed to parse URL from ${input}`, { cause });
      }
      if (this.#url.username !== "" || this.#url.password !== "") {
        throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${input}`);
      }
    }
    this.#method = init.method === undefined ? from?.#method ?? "GET" : methodOf(init.method);
    for (const [name, choices] of Object.entries(CHOICES)) {
      const value = init[name] === undefined ? from?.#more[name] ?? choices[0] : String(init[name]);
      if (!choices.includes(value)) throw new TypeError(`Request constructor: ${value} is not an accepted type. Expected one of ${choices.join(", ")}.`);
      this.#more[name] = value;
    }
    this.#more.referrer = String(init.referrer ?? from?.#more.referrer ?? "about:client");
    this.#more.integrity = String(init.integrity ?? from?.#more.integrity ?? "");
    this.#more.keepalive = Boolean(init.keepalive ?? from?.#more.keepalive ?? false);
    this.#signal = init.signal === undefined ? from?.#signal ?? null : init.signal;
    if (this.#signal !== null && !isSignal(this.#signal)) {
      throw new TypeError("Request constructor: Expected signal (\"\") to be an instance of AbortSignal.");
    }
    this.#headers = new Headers(init.headers ?? (from === null ? undefined : pairsOf(from.#headers)));
    const body = init.body ?? null;
    if ((body !== null || (from !== null && hasBody(from))) && (this.#method === "GET" || this.#method === "HEAD")) {
      throw new TypeError("Request with GET/HEAD method cannot have body.");
    }
    if (body !== null) {
      const [source, type] = extract(body);
      setBody(this, source);
      if (type !== null && !this.#headers.has("content-type")) this.#headers.append("content-type", type);
    } else if (from !== null && hasBody(from)) {
      let source;
      try {
        source = take(from);
      } catch {
        throw new TypeError("Cannot construct a Request with a Request object that has already been used.");
      }
      setBody(this, source instanceof Promise ? ReadableStream.from(oneOf(source)) : source);
    }
  }

  get url() {
    return this.#url.href;
  }

  get method() {
    return this.#method;
  }

  get headers() {
    return this.#headers;
  }

  get signal() {
    return (this.#signal ??= new globalThis.AbortController().signal);
  }

  get destination() {
    return "";
  }

  get duplex() {
    return "half";
  }

  clone() {
    const request = new Request(this.#url, { ...this.#more, method: this.#method, headers: this.#headers, signal: this.#signal });
    share.call(this, request, "Request");
    return request;
  }

  static {
    signalOf = (request) => request.#signal;
    for (const name of [...Object.keys(CHOICES), "referrer", "integrity", "keepalive"]) {
      Object.defineProperty(this.prototype, name, {
        get() {
          return this.#more[name];
        },
        configurable: true,
        enumerable: true,
      });
    }
  }
}

async function* oneOf(promise) {
  yield await promise;
}

const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;
// How answers come to be that scripts cannot make.
let answer;

export class Response extends Body {
  #status = 200;
  #statusText = "";
  #headers;
  #url = "";
  #redirected = false;
  #type = "default";

  static {
    answer = (fields, body) => {
      const response = new Response();
      response.#status = fields.status;
      response.#statusText = fields.statusText ?? "";
      response.#headers = fields.headers;
      response.#url = fields.url ?? "";
      response.#redirected = fields.redirected ?? false;
      response.#type = fields.type ?? "default";
      setBody(response, body);
      return response;
    };
  }

  constructor(body = null, init = {}) {
    super();
    const { status = 200, statusText = "", headers } = init ?? {};
    const code = Math.trunc(Number(status)) || 0;
    if (code < 200 || code > 599) throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
    if (!REASON.test(String(statusText))) throw new TypeError("Invalid statusText");
    this.#status = code;
    this.#statusText = String(statusText);
    this.#headers = new Headers(headers);
    if (body === null || body === undefined) return;
    if (NO_BODY.has(code)) throw new TypeError(`Response constructor: Invalid response status code ${code}`);
    const [source, type] = extract(body);
    setBody(this, source);
    if (type !== null && !this.#headers.has("content-type")) this.#headers.append("content-type", type);
  }

  static json(data, init = {}) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("Value is not JSON serializable");
    const response = new Response(text, init);
    if (!new Headers(init?.headers).has("content-type")) response.#headers.set("content-type", "application/json");
    return response;
  }

  static error() {
    return answer({ status: 0, type: "error", headers: freeze(new Headers()) }, null);
  }

  static redirect(url, status = 302) {
    let to;
    try {
      to = new URL(String(url));
    } catch (cause) {
      throw new TypeError(`Failed to parse URL from ${url}`, { cause });
    }
    if (!REDIRECTS.has(status)) throw new RangeError(`Invalid status code ${status}`);
    return answer({ status, headers: freeze(new Headers({ location: to.href })) }, null);
  }

  get status() {
    return this.#status;
  }

  get ok() {
    return this.#status >= 200 && this.#status <= 299;
  }

  get statusText() {
    return this.#statusText;
  }

  get headers() {
    return this.#headers;
  }

  get url() {
    return this.#url;
  }

  get redirected() {
    return this.#redirected;
  }

  get type() {
    return this.#type;
  }

  clone() {
    const fields = { status: this.#status, statusText: this.#statusText, url: this.#url, redirected: this.#redirected, type: this.#type };
    const headers = this.#type === "default" ? new Headers(this.#headers) : fromHost(pairsOf(this.#headers));
    const response = answer({ ...fields, headers }, null);
    share.call(this, response, "Response");
    return response;
  }
}

const INSPECT = Symbol.for("nodejs.util.inspect.custom");
const SHOWN = {
  Request: ["method", "url", "headers", "redirect", "bodyUsed"],
  Response: ["status", "statusText", "headers", "bodyUsed", "ok", "redirected", "type", "url"],
};
for (const Class of [Request, Response]) {
  const { name, prototype } = Class;
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(prototype, INSPECT, {
    value(depth, options, inspect) {
      const shown = Object.fromEntries(SHOWN[name].map((key) => [key, this[key]]));
      return typeof inspect === "function" ? `${name} ${inspect(shown, options)}` : name;
    },
    configurable: true,
  });
}

const failed = (reason) => new TypeError("fetch failed", { cause: reason instanceof Error ? reason : new Error(reason) });

// data: addresses need nobody.
function ofData(url) {
  const match = /^data:([^,]*),(.*)$/s.exec(url.href.split("#")[0]);
  if (match === null) throw failed("invalid data: URL");
  const base64 = /;\s*base64$/i.test(match[1]);
  let type = match[1].replace(/;\s*base64$/i, "").trim();
  if (type === "" || type.startsWith(";")) type = `text/plain${type || ";charset=US-ASCII"}`;
  const bytes = [];
  for (let at = 0; at < match[2].length; at++) {
    const hex = match[2][at] === "%" ? /^[0-9a-f]{2}/i.exec(match[2].slice(at + 1, at + 3)) : null;
    bytes.push(hex === null ? match[2].charCodeAt(at) : Number.parseInt(hex[0], 16));
    if (hex !== null) at += 2;
  }
  let body = Uint8Array.from(bytes);
  if (base64) {
    try {
      body = Uint8Array.from(globalThis.atob(decode(match[2])), (char) => char.charCodeAt(0));
    } catch {
      throw failed("invalid base64 in a data: URL");
    }
  }
  return answer({ status: 200, statusText: "OK", url: url.href, type: "basic", headers: fromHost([["content-type", type]]) }, body);
}

// The environment's part: `fetched` and `fetchFailed` are hooks of the engine. The host measures the time, so no timers are used.
export function create(N) {
  bind(N);
  // Token → what to do with the answer.
  const pending = new Map();

  function ask(method, url, headers, body, signal, timeoutMs) {
    return new Promise((resolve, reject) => {
      const token = N.number();
      const abort = () => end()?.reject(signal.reason);
      const end = () => {
        const entry = pending.get(token);
        pending.delete(token);
        signal?.removeEventListener("abort", abort);
        return entry;
      };
      pending.set(token, { end, resolve, reject: (reason) => reject(reason) });
      signal?.addEventListener("abort", abort);
      try {
        N.fetch(token, method, url, headers, body, timeoutMs);
      } catch (error) {
        end();
        reject(failed(error));
      }
    });
  }

  async function fetch(input, init = undefined) {
    if (arguments.length === 0) throw new TypeError("fetch: 1 argument required, but only 0 present.");
    const request = new Request(input, init);
    const signal = signalOf(request);
    if (signal?.aborted) throw signal.reason;
    let url = new URL(request.url);
    if (url.protocol === "data:") return ofData(url);
    if (!/^https?:$/.test(url.protocol)) throw failed("unknown scheme");
    let body;
    if (hasBody(request)) {
      const bytes = take(request);
      try {
        body = bytes instanceof Promise ? await bytes : bytes;
      } catch (error) {
        throw failed(error);
      }
      if (signal?.aborted) throw signal.reason;
    }
    let { method } = request;
    const headers = new Headers(pairsOf(request.headers));
    if (!headers.has("accept")) headers.set("accept", "*/*");
    if (!headers.has("user-agent")) headers.set("user-agent", "holdfast");
    const until = N.now() + TIMEOUT_MS;
    for (let redirects = 0; ; redirects++) {
      const left = until - N.now();
      if (left <= 0) throw failed(`no answer within ${TIMEOUT_MS} ms`);
      const got = await ask(method, url.href.split("#")[0], pairsOf(headers), body, signal, left);
      const given = fromHost(got.headers);
      const location = REDIRECTS.has(got.status) ? given.get("location") : null;
      if (location !== null && request.redirect === "error") throw failed("unexpected redirect");
      if (location === null || request.redirect === "manual") {
        const none = method === "HEAD" || NO_BODY.has(got.status);
        return answer({
          status: got.status,
          statusText: STATUS_CODES[got.status] ?? "",
          headers: given,
          url: url.href.split("#")[0],
          redirected: redirects > 0,
          type: "basic",
        }, none ? null : got.body);
      }
      if (redirects === REDIRECTS_MAX) throw failed("redirect count exceeded");
      const next = URL.parse(location, url);
      if (next === null) throw failed(`the redirect to ${location} is no URL`);
      if (!/^https?:$/.test(next.protocol)) throw failed("URL scheme must be a HTTP(S) scheme");
      if (next.username !== "" || next.password !== "") throw failed("a redirect to a URL with credentials is not followed");
      if (next.hash === "") next.hash = url.hash;
      const toGet = got.status === 303 ? method !== "GET" && method !== "HEAD" : got.status <= 302 && method === "POST";
      if (toGet) {
        method = "GET";
        body = undefined;
        for (const name of ["content-encoding", "content-language", "content-location", "content-type", "content-length"]) headers.delete(name);
      }
      if (next.origin !== url.origin) {
        for (const name of ["authorization", "proxy-authorization", "cookie", "host"]) headers.delete(name);
      }
      url = next;
    }
  }

  return {
    fetch,
    Headers,
    Request,
    Response,
    Blob,
    File,
    FormData,
    ReadableStream,
    fetched(token, status, headers, body) {
      pending.get(token)?.end().resolve({ status, headers, body });
    },
    fetchFailed(token, message) {
      pending.get(token)?.end().reject(failed(message));
    },
  };
}
