// Bytes in and out of requests and answers, for fetch.js: `Blob`, `File`, `FormData`, a small `ReadableStream`, and the part
// that `Request` and `Response` share. It sends nothing.

import { URLSearchParams } from "./url-class.js";

let N = null;
// fetch.js says which natives turn text into bytes.
export function bind(natives) {
  N = natives;
}

export const toBytes = (text) => N.utf8Encode(String(text).toWellFormed());
export function toText(bytes) {
  const text = N.utf8Decode(bytes, false);
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

const isBuffer = (value) => value instanceof ArrayBuffer || (typeof SharedArrayBuffer === "function" && value instanceof SharedArrayBuffer);

// A copy of what a buffer or a view of one holds.
function copyOf(value) {
  return isBuffer(value) ? new Uint8Array(value).slice() : Uint8Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
}

function join(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function tag(Class, name, ...shown) {
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: name, configurable: true });
  for (const key of shown) Object.defineProperty(Class.prototype, key, { enumerable: true });
}

// ---- streams

function deferred() {
  const all = {};
  all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }));
  return all;
}

export class ReadableStream {
  #chunks = [];
  #state = "open";
  #error;
  #source;
  #waiting = [];
  #pulling = null;
  #reader = null;
  #disturbed = false;
  #closed = deferred();

  constructor(source = {}) {
    this.#source = source;
    this.#closed.promise.catch(() => {});
    const stream = this;
    this._controller = {
      enqueue: (chunk) => this.#enqueue(chunk),
      close: () => this.#close(),
      error: (reason) => this.#fail(reason),
      get desiredSize() {
        return stream.#state === "open" ? 1 - stream.#chunks.length : stream.#state === "failed" ? null : 0;
      },
    };
    Object.defineProperty(this, "_controller", { enumerable: false });
    const begun = source.start?.(this._controller);
    this.#pulling = Promise.resolve(begun).then(
      () => (this.#pulling = null, this.#pull()),
      (reason) => this.#fail(reason),
    );
  }

  static from(iterable) {
    const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]();
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(await value);
      },
      cancel: (reason) => iterator.return?.(reason),
    });
  }

  get locked() {
    return this.#reader !== null;
  }

  // Whether anything was read or cancelled.
  static _disturbed(stream) {
    return stream.#disturbed;
  }

  getReader(options = undefined) {
    if (options?.mode !== undefined) throw new TypeError(`ReadableStream.getReader: mode ${options.mode} is not there in Holdfast`);
    if (this.#reader !== null) throw Object.assign(new TypeError("Invalid state: ReadableStream is locked"), { code: "ERR_INVALID_STATE" });
    const stream = this;
    const own = () => {
      if (stream.#reader !== reader) throw new TypeError("The reader is not attached to a stream");
    };
    const reader = {
      closed: this.#closed.promise,
      // No async function: of two reads the first is answered first.
      read() {
        try {
          own();
          return stream.#read();
        } catch (error) {
          return Promise.reject(error);
        }
      },
      async cancel(reason) {
        own();
        return stream.#cancel(reason);
      },
      releaseLock() {
        if (stream.#reader !== reader) return;
        stream.#reader = null;
        for (const { reject } of stream.#waiting.splice(0)) reject(new TypeError("Releasing reader"));
      },
    };
    this.#reader = reader;
    return reader;
  }

  async cancel(reason = undefined) {
    if (this.locked) throw new TypeError("Invalid state: ReadableStream is locked");
    return this.#cancel(reason);
  }

  // Two streams of the same chunks.
  tee() {
    const reader = this.getReader();
    const controllers = [];
    let given = 0;
    let pulling = null;
    const pull = async () => {
      const { done, value } = await reader.read();
      pulling = null;
      for (const controller of controllers.filter((each) => each !== null)) {
        if (done) controller.close();
        else controller.enqueue(value);
      }
    };
    const branch = (at) =>
      new ReadableStream({
        start: (controller) => void (controllers[at] = controller),
        pull: () => (pulling ??= pull()),
        cancel: (reason) => {
          controllers[at] = null;
          return ++given === 2 ? reader.cancel(reason) : undefined;
        },
      });
    const branches = [branch(0), branch(1)];
    reader.closed.catch((reason) => controllers.forEach((controller) => controller?.error(reason)));
    return branches;
  }

  async *values({ preventCancel = false } = {}) {
    const reader = this.getReader();
    let done = false;
    try {
      for (;;) {
        const next = await reader.read();
        if ((done = next.done)) return;
        yield next.value;
      }
    } finally {
      if (!done && !preventCancel && this.#state === "open") await reader.cancel();
      reader.releaseLock();
    }
  }

  [Symbol.asyncIterator](options) {
    return this.values(options);
  }

  #read() {
    this.#disturbed = true;
    if (this.#chunks.length > 0) {
      const value = this.#chunks.shift();
      if (this.#state === "closing" && this.#chunks.length === 0) this.#end();
      else this.#pull();
      return Promise.resolve({ done: false, value });
    }
    if (this.#state === "failed") throw this.#error;
    if (this.#state !== "open") return Promise.resolve({ done: true, value: undefined });
    const waiting = deferred();
    this.#waiting.push(waiting);
    this.#pull();
    return waiting.promise;
  }

  #pull() {
    if (this.#state !== "open" || this.#pulling !== null || this.#source.pull === undefined) return;
    if (this.#chunks.length > 0 && this.#waiting.length === 0) return;
    const again = () => {
      this.#pulling = null;
      this.#pull();
    };
    try {
      this.#pulling = Promise.resolve(this.#source.pull(this._controller)).then(again, (reason) => this.#fail(reason));
    } catch (reason) {
      this.#fail(reason);
    }
  }

  #enqueue(chunk) {
    if (this.#state !== "open") throw Object.assign(new TypeError("Invalid state: Controller is already closed"), { code: "ERR_INVALID_STATE" });
    const first = this.#waiting.shift();
    if (first === undefined) this.#chunks.push(chunk);
    else first.resolve({ done: false, value: chunk });
  }

  #close() {
    if (this.#state !== "open") throw Object.assign(new TypeError("Invalid state: Controller is already closed"), { code: "ERR_INVALID_STATE" });
    this.#state = "closing";
    if (this.#chunks.length === 0) this.#end();
  }

  #end() {
    this.#state = "closed";
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
    this.#closed.resolve();
  }

  #fail(reason) {
    if (this.#state !== "open" && this.#state !== "closing") return;
    Object.assign(this.#chunks, { length: 0 });
    this.#state = "failed";
    this.#error = reason;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    this.#closed.reject(reason);
  }

  async #cancel(reason) {
    this.#disturbed = true;
    if (this.#state === "failed") throw this.#error;
    if (this.#state === "closed") return;
    this.#chunks.length = 0;
    this.#end();
    await this.#source.cancel?.(reason);
  }
}
tag(ReadableStream, "ReadableStream");
export const disturbed = ReadableStream._disturbed;
delete ReadableStream._disturbed;

export const streamOf = (bytes) =>
  new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
    },
  });

// All bytes of a stream or another asynchronous iterable.
export async function collect(source) {
  const parts = [];
  for await (const chunk of source) {
    if (typeof chunk === "string" && !(source instanceof ReadableStream)) parts.push(toBytes(chunk));
    else if (ArrayBuffer.isView(chunk)) parts.push(copyOf(chunk));
    else throw new TypeError("Received non-Uint8Array chunk");
  }
  return join(parts);
}

// ---- blobs and forms

export let bytesOf;

export class Blob {
  #bytes;
  #type;

  static {
    bytesOf = (blob) => blob.#bytes;
  }

  constructor(parts = [], options = {}) {
    if (parts === null || typeof parts !== "object" || typeof parts[Symbol.iterator] !== "function") {
      throw Object.assign(new TypeError('The "sources" argument must be an instance of Sequence'), { code: "ERR_INVALID_ARG_TYPE" });
    }
    const { type = "", endings = "transparent" } = options ?? {};
    const plain = (text) => (endings === "native" ? String(text).replace(/\r\n?/g, "\n") : text);
    this.#bytes = join(Array.from(parts, (part) => {
      if (part instanceof Blob) return part.#bytes;
      return isBuffer(part) || ArrayBuffer.isView(part) ? copyOf(part) : toBytes(plain(part));
    }));
    this.#type = /[^\x20-\x7e]/.test(type) ? "" : String(type).toLowerCase();
  }

  get size() {
    return this.#bytes.length;
  }

  get type() {
    return this.#type;
  }

  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }

  async bytes() {
    return this.#bytes.slice();
  }

  async text() {
    return toText(this.#bytes);
  }

  stream() {
    return streamOf(this.#bytes);
  }

  slice(from = 0, to = this.size, type = "") {
    const blob = new Blob([], { type });
    blob.#bytes = this.#bytes.slice(from, to);
    return blob;
  }
}
tag(Blob, "Blob", "size", "type", "arrayBuffer", "bytes", "text", "stream", "slice");

export class File extends Blob {
  #name;
  #modified;

  constructor(parts, name, options = {}) {
    if (arguments.length < 2) {
      throw Object.assign(new TypeError('The "fileBits" and "fileName" arguments must be specified'), { code: "ERR_MISSING_ARGS" });
    }
    super(parts, options);
    this.#name = String(name).toWellFormed();
    this.#modified = options?.lastModified === undefined ? N.now() : Math.trunc(Number(options.lastModified)) || 0;
  }

  get name() {
    return this.#name;
  }

  get lastModified() {
    return this.#modified;
  }
}
tag(File, "File", "name", "lastModified");

export class FormData {
  #entries = [];

  constructor(form = undefined) {
    if (form !== undefined) throw new TypeError("FormData constructor: Argument 1 could not be converted to: undefined.");
  }

  append(name, value, filename = undefined) {
    this.#entries.push(entry(name, value, filename, arguments.length));
  }

  set(name, value, filename = undefined) {
    const made = entry(name, value, filename, arguments.length);
    const first = this.#entries.findIndex(([key]) => key === made[0]);
    if (first === -1) this.#entries.push(made);
    else {
      this.#entries[first] = made;
      this.#entries = this.#entries.filter(([key], at) => at <= first || key !== made[0]);
    }
  }

  delete(name) {
    this.#entries = this.#entries.filter(([key]) => key !== String(name));
  }

  get(name) {
    return this.#entries.find(([key]) => key === String(name))?.[1] ?? null;
  }

  getAll(name) {
    return this.#entries.filter(([key]) => key === String(name)).map(([, value]) => value);
  }

  has(name) {
    return this.#entries.some(([key]) => key === String(name));
  }

  forEach(callback, self = undefined) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries() {
    for (let at = 0; at < this.#entries.length; at++) yield [...this.#entries[at]];
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
}
tag(FormData, "FormData");

function entry(name, value, filename, count) {
  if (count < 2) throw new TypeError(`FormData.append: 2 arguments required, but only ${count} present.`);
  if (!(value instanceof Blob)) {
    if (count > 2) throw new TypeError("FormData.append: a file name needs a Blob");
    return [String(name).toWellFormed(), String(value).toWellFormed()];
  }
  const file = filename === undefined && value instanceof File ? value : new File([value], filename ?? "blob", { type: value.type });
  return [String(name).toWellFormed(), file];
}

function multipart(form) {
  const boundary = `----formdata-holdfast-${Array.from(N.random(16), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const lines = (text) => text.replace(/\r\n|\r|\n/g, "\r\n");
  const quoted = (text) => text.replace(/\n/g, "%0A").replace(/\r/g, "%0D").replace(/"/g, "%22");
  const parts = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(lines(name))}"`;
    if (typeof value === "string") parts.push(toBytes(`${head}\r\n\r\n${lines(value)}\r\n`));
    else {
      const type = value.type || "application/octet-stream";
      parts.push(toBytes(`${head}; filename="${quoted(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`), bytesOf(value), toBytes("\r\n"));
    }
  }
  parts.push(toBytes(`--${boundary}--\r\n`));
  return [join(parts), `multipart/form-data; boundary=${boundary}`];
}

// Each byte a character, so that texts can be searched.
const latin1 = (bytes) => {
  const parts = [];
  for (let at = 0; at < bytes.length; at += 8_192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8_192)));
  return parts.join("");
};

export function parseForm(bytes, type) {
  const form = new FormData();
  if (/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    for (const [name, value] of new URLSearchParams(`?${toText(bytes)}`)) form.append(name, value);
    return form;
  }
  const boundary = /^multipart\/form-data\s*;.*?boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type);
  if (boundary === null) throw new TypeError('Content-Type was not one of "multipart/form-data" or "application/x-www-form-urlencoded".');
  const text = `\r\n${latin1(bytes)}`;
  const mark = `\r\n--${boundary[1] ?? boundary[2]}`;
  const broken = () => new TypeError("Failed to parse body as FormData.");
  let at = text.indexOf(mark);
  if (at === -1) throw broken();
  for (at += mark.length; !text.startsWith("--", at); ) {
    const head = text.indexOf("\r\n\r\n", at);
    const end = text.indexOf(mark, at);
    if (end === -1 || head === -1 || head > end) throw broken();
    const fields = toText(bytes.subarray(at - 2, head - 2));
    const unquoted = (value) => value?.replace(/%0A/gi, "\n").replace(/%0D/gi, "\r").replace(/%22/g, '"');
    const name = unquoted(/content-disposition:\s*form-data\b[^\r\n]*?;\s*name="([^"]*)"/i.exec(fields)?.[1]);
    if (name === undefined) throw broken();
    const filename = unquoted(/;\s*filename="([^"]*)"/i.exec(fields)?.[1]);
    const content = bytes.subarray(head + 2, end - 2);
    if (filename === undefined) form.append(name, N.utf8Decode(content, false));
    else form.append(name, new File([content], filename, { type: /content-type:\s*([^\r\n]*)/i.exec(fields)?.[1] ?? "text/plain" }));
    at = end + mark.length;
  }
  return form;
}

// What a script gives as a body → [bytes, or a source of them to come, and its type].
export function extract(value) {
  if (typeof value === "object" && value !== null) {
    if (value instanceof URLSearchParams) return [toBytes(value), "application/x-www-form-urlencoded;charset=UTF-8"];
    if (value instanceof Blob) return [bytesOf(value), value.type || null];
    if (value instanceof FormData) return multipart(value);
    if (isBuffer(value) || ArrayBuffer.isView(value)) return [copyOf(value), null];
    if (value instanceof ReadableStream) {
      if (value.locked || disturbed(value)) throw new TypeError("Response body object should not be disturbed or locked");
      return [value, null];
    }
    if (typeof value[Symbol.asyncIterator] === "function") return [ReadableStream.from(value), null];
  }
  return [toBytes(value), "text/plain;charset=UTF-8"];
}
