// Web Crypto as far as apps of this kind need it, and the parts of node:crypto that go with it. Randomness is the
// host's, asked for when it is used. Keys, ciphers and signatures other than HMAC are not here.

import { N, coded, needsFunction, outOfRange, wrongType } from "./native.js";
import { Buffer } from "./buffer.js";
import { bytesOf } from "./text.js";
import { Digest, HASHES, Mac, nameOf } from "./hash.js";

// Bytes that the host gives at a time.
const CHUNK = 65_536;
const RANDOM_MAX = 2 ** 31 - 1;

function fillRandom(bytes) {
  for (let at = 0; at < bytes.length; at += CHUNK) {
    bytes.set(N.random(Math.min(CHUNK, bytes.length - at)), at);
  }
  return bytes;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function randomUUID() {
  const b = N.random(16);
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  let text = "";
  for (let i = 0; i < 16; i++) text += (i === 4 || i === 6 || i === 8 || i === 10 ? "-" : "") + HEX[b[i]];
  return text;
}

export function getRandomValues(view) {
  if (!ArrayBuffer.isView(view) || view instanceof DataView || view instanceof Float32Array || view instanceof Float64Array) {
    throw new DOMException("The data argument must be an integer-type TypedArray", "TypeMismatchError");
  }
  if (view.byteLength > CHUNK) {
    throw new DOMException(
      `The ArrayBufferView's byte length (${view.byteLength}) exceeds the number of bytes of entropy available via this API (65536)`,
      "QuotaExceededError",
    );
  }
  fillRandom(bytesOf(view));
  return view;
}

export const subtle = {
  async digest(algorithm, data) {
    const given = typeof algorithm === "string" ? algorithm : algorithm?.name;
    const name = /^sha-(1|256|384|512)$/i.test(given) ? nameOf(given) : undefined;
    if (name === undefined) throw new DOMException("Unrecognized algorithm name", "NotSupportedError");
    const bytes = bytesOf(data);
    if (bytes === undefined) throw wrongType("data", "an instance of ArrayBuffer, Buffer, TypedArray, or DataView", data);
    return new Digest(name).update(bytes).digest().buffer;
  },
};
for (const name of ["encrypt", "decrypt", "sign", "verify", "generateKey", "importKey", "exportKey", "deriveBits", "deriveKey", "wrapKey", "unwrapKey"]) {
  subtle[name] = async () => {
    throw new DOMException(
      `crypto.subtle.${name} is not there: of keys, only node:crypto's createHmac works in a script; what needs more belongs into a Rust app or a service of its own`,
      "NotSupportedError",
    );
  };
}

export const webcrypto = { getRandomValues, randomUUID, subtle };
Object.defineProperty(webcrypto, Symbol.toStringTag, { value: "Crypto", configurable: true });

// node:crypto.

function inputOf(data, encoding, name = "data") {
  if (typeof data === "string") return Buffer.from(data, encoding === "buffer" ? undefined : encoding);
  if (!ArrayBuffer.isView(data)) {
    throw wrongType(name, "of type string or an instance of Buffer, TypedArray, or DataView", data);
  }
  return bytesOf(data);
}

function hashName(name, what) {
  if (typeof name !== "string") throw wrongType(what, "of type string", name);
  const known = nameOf(name);
  if (known === undefined) {
    const error = new Error(what === "hmac" ? `Invalid digest: ${name}` : "Digest method not supported");
    if (what === "hmac") error.code = "ERR_CRYPTO_INVALID_DIGEST";
    throw error;
  }
  return known;
}

function output(bytes, encoding) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding === undefined || encoding === "buffer" ? buffer : buffer.toString(encoding);
}

function alreadyDone() {
  return coded(Error, "ERR_CRYPTO_HASH_FINALIZED", "Digest already called");
}

export class Hash {
  #digest;

  constructor(algorithm, of) {
    this.#digest = of ?? new Digest(hashName(algorithm, "algorithm"));
  }

  update(data, encoding) {
    if (this.#digest === null) throw alreadyDone();
    this.#digest.update(inputOf(data, encoding));
    return this;
  }

  digest(encoding) {
    if (this.#digest === null) throw alreadyDone();
    const bytes = this.#digest.digest();
    this.#digest = null;
    return output(bytes, encoding);
  }

  copy() {
    if (this.#digest === null) throw alreadyDone();
    return new Hash("", this.#digest.copy());
  }
}

export class Hmac {
  #mac;

  constructor(algorithm, key) {
    this.#mac = new Mac(hashName(algorithm, "hmac"), keyOf(key));
  }

  update(data, encoding) {
    if (this.#mac === null) throw alreadyDone();
    this.#mac.update(inputOf(data, encoding));
    return this;
  }

  // As in Node: empty when asked for again.
  digest(encoding) {
    const bytes = this.#mac === null ? new Uint8Array(0) : this.#mac.digest();
    this.#mac = null;
    return output(bytes, encoding);
  }
}

function keyOf(key) {
  if (key instanceof ArrayBuffer) return new Uint8Array(key);
  if (typeof key === "string" || ArrayBuffer.isView(key)) return inputOf(key, undefined, "key");
  throw wrongType("key", "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView", key);
}

// What Node gives to a function that waits for it.
function later(callback, make) {
  if (callback === undefined) return make();
  needsFunction(callback, "callback");
  const made = make();
  queueMicrotask(() => callback(null, made));
  return undefined;
}

export function randomBytes(size, callback) {
  if (typeof size !== "number") throw wrongType("size", "of type number", size);
  if (!(size >= 0 && size <= RANDOM_MAX)) throw outOfRange("size", `>= 0 && <= ${RANDOM_MAX}`, size);
  return later(callback, () => fillRandom(Buffer.allocUnsafe(size)));
}

export function randomFillSync(view, offset = 0, size = undefined) {
  const bytes = bytesOf(view);
  if (bytes === undefined) throw wrongType("buf", "an instance of ArrayBuffer, Buffer, TypedArray, or DataView", view);
  const each = view.BYTES_PER_ELEMENT ?? 1;
  const end = size === undefined ? bytes.length : (offset + size) * each;
  if (!(offset >= 0 && offset * each <= bytes.length)) throw outOfRange("offset", `>= 0 && <= ${bytes.length / each}`, offset);
  if (end > bytes.length) throw outOfRange("size + offset", `<= ${bytes.length / each}`, offset + size);
  fillRandom(Uint8Array.prototype.subarray.call(bytes, offset * each, end));
  return view;
}

export function randomFill(view, ...rest) {
  const callback = rest.pop();
  needsFunction(callback, "callback");
  later(callback, () => randomFillSync(view, ...rest));
}

export function randomInt(min, max, callback) {
  if (max === undefined || typeof max === "function") [min, max, callback] = [0, min, max];
  if (!Number.isSafeInteger(min)) throw wrongType("min", "a safe integer", min);
  if (!Number.isSafeInteger(max)) throw wrongType("max", "a safe integer", max);
  if (max <= min) throw outOfRange("max", `greater than the value of "min" (${min})`, max);
  const range = max - min;
  if (range > 2 ** 48 - 1) throw outOfRange("max - min", "<= 281474976710655", range);
  const limit = 2 ** 48 - (2 ** 48 % range);
  return later(callback, () => {
    for (;;) {
      const b = N.random(6);
      const value = ((b[0] << 16) | (b[1] << 8) | b[2]) * 2 ** 24 + ((b[3] << 16) | (b[4] << 8) | b[5]);
      if (value < limit) return min + (value % range);
    }
  });
}

export function timingSafeEqual(a, b) {
  const [one, two] = [bytesOf(a), bytesOf(b)];
  if (one === undefined) throw wrongType("buf1", "an instance of ArrayBuffer, Buffer, TypedArray, or DataView", a);
  if (two === undefined) throw wrongType("buf2", "an instance of ArrayBuffer, Buffer, TypedArray, or DataView", b);
  if (one.length !== two.length) {
    throw coded(RangeError, "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH", "Input buffers must have the same byte length");
  }
  let differ = 0;
  for (let i = 0; i < one.length; i++) differ |= one[i] ^ two[i];
  return differ === 0;
}

// PBKDF2, with a bound on the work of one call.
const ITERATIONS_MAX = 100_000;

export function pbkdf2Sync(password, salt, iterations, length, digest) {
  const name = hashName(digest, "hmac");
  if (!(iterations >= 1 && iterations <= ITERATIONS_MAX)) throw outOfRange("iterations", `>= 1 && <= ${ITERATIONS_MAX}`, iterations);
  const key = keyOf(password);
  const start = keyOf(salt);
  const parts = [];
  for (let block = 1, made = 0; made < length; block++) {
    const counter = new Uint8Array([block >>> 24, block >>> 16, block >>> 8, block]);
    let last = new Mac(name, key).update(start).update(counter).digest();
    const sum = last.slice();
    for (let i = 1; i < iterations; i++) {
      last = new Mac(name, key).update(last).digest();
      for (let j = 0; j < sum.length; j++) sum[j] ^= last[j];
    }
    parts.push(sum);
    made += sum.length;
  }
  return Buffer.concat(parts, length);
}

export const nodeCrypto = {
  createHash: (algorithm) => new Hash(algorithm),
  createHmac: (algorithm, key) => new Hmac(algorithm, key),
  hash: (algorithm, data, encoding = "hex") => new Hash(algorithm).update(data).digest(encoding),
  getHashes: () => [...HASHES],
  randomBytes,
  pseudoRandomBytes: randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  timingSafeEqual,
  pbkdf2Sync,
  pbkdf2: (...args) => later(args.pop(), () => pbkdf2Sync(...args)),
  getRandomValues,
  webcrypto,
  subtle,
  Hash,
  Hmac,
};
