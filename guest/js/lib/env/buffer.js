// Buffer, as in Node: a Uint8Array with more methods. Text is coded by text.js. Every view is made by `over`, which
// must stay cheap: it is called for each binary value of a message.

import { N, coded, outOfRange, wrongType } from "./native.js";
import {
  asciiDecode,
  base64Decode,
  base64Encode,
  bytesOf,
  charsOf,
  hexDecode,
  hexEncode,
  latin1Encode,
  utf16Decode,
  utf16Encode,
} from "./text.js";

export const kMaxLength = 2 ** 31 - 1;
export const kStringMaxLength = 2 ** 29 - 24;

class FastBuffer extends Uint8Array {}

// What `new Buffer(…)` and `Buffer(…)` still do, as in Node.
export function Buffer(value, encodingOrOffset, length) {
  if (typeof value === "number") return Buffer.alloc(value);
  return Buffer.from(value, encodingOrOffset, length);
}
Object.setPrototypeOf(Buffer, Uint8Array);
Buffer.prototype = FastBuffer.prototype;
Object.defineProperty(Buffer.prototype, "constructor", { value: Buffer, writable: true, configurable: true, enumerable: false });
Object.defineProperty(Buffer, Symbol.species, { configurable: true, get: () => FastBuffer });

const prototype = FastBuffer.prototype;

function over(buffer, offset, length) {
  return new FastBuffer(buffer, offset, length);
}

// Bytes that nobody else has, as a Buffer, without copying.
function adopt(bytes) {
  return new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const CODECS = {
  utf8: { encode: (text) => N.utf8Encode(text), decode: (bytes) => N.utf8Decode(bytes, false) },
  hex: { encode: hexDecode, decode: hexEncode },
  base64: { encode: base64Decode, decode: (bytes) => base64Encode(bytes) },
  base64url: { encode: base64Decode, decode: (bytes) => base64Encode(bytes, true) },
  latin1: { encode: latin1Encode, decode: charsOf },
  ascii: { encode: latin1Encode, decode: asciiDecode },
  utf16le: { encode: utf16Encode, decode: utf16Decode },
};
const NAMES = {
  utf8: "utf8", "utf-8": "utf8", hex: "hex", base64: "base64", base64url: "base64url", latin1: "latin1",
  binary: "latin1", ascii: "ascii", utf16le: "utf16le", "utf-16le": "utf16le", ucs2: "utf16le", "ucs-2": "utf16le",
};

function nameOf(encoding) {
  if (encoding === undefined || encoding === null || encoding === "") return "utf8";
  const text = String(encoding);
  const name = Object.hasOwn(NAMES, text) ? NAMES[text] : NAMES[text.toLowerCase()];
  if (name === undefined) throw coded(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${encoding}`);
  return name;
}

function encode(text, encoding) {
  return CODECS[nameOf(encoding)].encode(text);
}

function checkSize(size) {
  if (typeof size !== "number") throw wrongType("size", "of type number", size);
  if (!(size >= 0 && size <= kMaxLength)) throw outOfRange("size", `>= 0 && <= ${kMaxLength}`, size);
}

const FROM = "of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object";
const isShared = (value) => Object.prototype.toString.call(value) === "[object SharedArrayBuffer]";

function wrongFirst(value) {
  return coded(TypeError, "ERR_INVALID_ARG_TYPE", wrongType("x", FROM, value).message.replace('The "x" argument', "The first argument"));
}

Object.assign(Buffer, {
  poolSize: 8192,

  from(value, encodingOrOffset, length) {
    if (typeof value === "string") {
      return adopt(encodingOrOffset === undefined ? N.utf8Encode(value) : encode(value, typeof encodingOrOffset === "string" ? encodingOrOffset : "utf8"));
    }
    if (typeof value !== "object" || value === null) throw wrongFirst(value);
    if (value instanceof ArrayBuffer || isShared(value)) return ofBuffer(value, encodingOrOffset, length);
    if (value instanceof Uint8Array) return adopt(new Uint8Array(value));
    const primitive = typeof value.valueOf === "function" ? value.valueOf() : value;
    if (primitive != null && primitive !== value && (typeof primitive === "string" || typeof primitive === "object")) {
      return Buffer.from(primitive, encodingOrOffset, length);
    }
    if (value.length !== undefined || isArrayLike(value)) return adopt(new Uint8Array(ofList(value)));
    if (value.type === "Buffer" && Array.isArray(value.data)) return adopt(Uint8Array.from(value.data, Number));
    if (typeof value[Symbol.toPrimitive] === "function") {
      const text = value[Symbol.toPrimitive]("string");
      if (typeof text === "string") return Buffer.from(text, encodingOrOffset);
    }
    throw wrongFirst(value);
  },

  of(...values) {
    return adopt(Uint8Array.from(values));
  },

  alloc(size, fill, encoding) {
    checkSize(size);
    const made = new FastBuffer(size);
    return fill === undefined || fill === 0 || size === 0 ? made : made.fill(fill, encoding);
  },

  allocUnsafe(size) {
    checkSize(size);
    return new FastBuffer(size);
  },

  allocUnsafeSlow(size) {
    checkSize(size);
    return new FastBuffer(size);
  },

  isBuffer(value) {
    return value instanceof FastBuffer;
  },

  isEncoding(encoding) {
    return typeof encoding === "string" && encoding !== "" && Object.hasOwn(NAMES, encoding.toLowerCase());
  },

  byteLength(value, encoding) {
    if (typeof value !== "string") {
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || isShared(value)) return value.byteLength;
      throw wrongType("string", "of type string or an instance of Buffer or ArrayBuffer", value);
    }
    const name = Buffer.isEncoding(encoding) ? nameOf(encoding) : "utf8";
    if (name === "latin1" || name === "ascii") return value.length;
    if (name === "utf16le") return value.length * 2;
    if (name === "hex") return value.length >>> 1;
    if (name === "utf8") return utf8Length(value);
    const padding = value.endsWith("==") ? 2 : value.endsWith("=") ? 1 : 0;
    return ((value.length - padding) * 3) >>> 2;
  },

  compare(a, b) {
    if (!(a instanceof Uint8Array)) throw wrongType("buf1", "an instance of Buffer or Uint8Array", a);
    if (!(b instanceof Uint8Array)) throw wrongType("buf2", "an instance of Buffer or Uint8Array", b);
    return compareBytes(a, b);
  },

  concat(list, length) {
    if (!Array.isArray(list)) throw wrongType("list", "an instance of Array", list);
    let sum = 0;
    for (let i = 0; i < list.length; i++) {
      if (!(list[i] instanceof Uint8Array)) throw wrongType(`list[${i}]`, "an instance of Buffer or Uint8Array", list[i]);
      sum += list[i].length;
    }
    const size = length === undefined ? sum : length;
    checkSize(size);
    const made = new FastBuffer(size);
    let at = 0;
    for (const bytes of list) {
      if (at >= size) break;
      made.set(at + bytes.length > size ? bytes.subarray(0, size - at) : bytes, at);
      at += bytes.length;
    }
    return made;
  },

  copyBytesFrom(view, offset = 0, length = undefined) {
    const part = view.subarray(offset, length === undefined ? undefined : offset + length);
    return adopt(bytesOf(part).slice());
  },
});
for (const name of Object.keys(Buffer)) {
  if (typeof Buffer[name] === "function") Object.defineProperty(Buffer[name], "name", { value: name });
}

function utf8Length(text) {
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) size += 1;
    else if (code < 0x800) size += 2;
    else if (code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      size += 4;
      i += 1;
    } else size += 3;
  }
  return size;
}

function isArrayLike(value) {
  return typeof value.length === "number";
}

function ofList(value) {
  return typeof value.length === "number" ? Array.prototype.slice.call(value) : [];
}

function ofBuffer(buffer, offset, length) {
  let start = 0;
  if (offset !== undefined) {
    start = Math.trunc(+offset) || 0;
    if (start < 0 || start > buffer.byteLength) {
      throw coded(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", '"offset" is outside of buffer bounds');
    }
  }
  if (length === undefined) return over(buffer, start, buffer.byteLength - start);
  const size = Math.max(0, Math.trunc(+length) || 0);
  if (size > buffer.byteLength - start) {
    throw coded(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", '"length" is outside of buffer bounds');
  }
  return over(buffer, start, size);
}

export function compareBytes(a, b) {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
}

// Where a place that may be undefined, negative or too large really is.
function clamp(value, otherwise, length) {
  if (value === undefined) return otherwise;
  const place = Math.trunc(+value) || 0;
  return place < 0 ? 0 : Math.min(place, length);
}

function relative(value, otherwise, length) {
  if (value === undefined) return otherwise;
  const place = Math.trunc(+value) || 0;
  return place < 0 ? Math.max(0, length + place) : Math.min(place, length);
}

// Where bytes occur in others.
function find(haystack, needle, from, step, backwards) {
  if (needle.length === 0) return Math.min(from, haystack.length);
  const last = haystack.length - needle.length;
  if (last < 0) return -1;
  const first = needle[0];
  if (backwards) {
    for (let at = Math.min(from, last); at >= 0; at--) if (haystack[at] === first && same(haystack, needle, at)) return at;
    return -1;
  }
  for (let at = from; at <= last; at += 1) {
    at = Uint8Array.prototype.indexOf.call(haystack, first, at);
    if (at < 0 || at > last) return -1;
    if ((step === 1 || at % step === 0) && same(haystack, needle, at)) return at;
  }
  return -1;
}

function same(haystack, needle, at) {
  for (let i = 1; i < needle.length; i++) if (haystack[at + i] !== needle[i]) return false;
  return true;
}

function search(bytes, value, offset, encoding, backwards) {
  if (typeof offset === "string") [encoding, offset] = [offset, undefined];
  let from = +offset;
  if (Number.isNaN(from)) from = backwards ? bytes.length : 0;
  from = Math.trunc(Math.max(-0x80000000, Math.min(0x7fffffff, from)));
  if (from < 0) from += bytes.length;
  if (from < 0) {
    if (backwards) return -1;
    from = 0;
  }
  if (from > bytes.length && !backwards) {
    if (typeof value === "number" || value.length > 0) return -1;
  }
  if (typeof value === "number") {
    const needle = [value & 255];
    return find(bytes, needle, from, 1, backwards);
  }
  if (typeof value === "string") {
    const name = nameOf(encoding);
    return find(bytes, CODECS[name].encode(value), from, name === "utf16le" ? 2 : 1, backwards);
  }
  if (value instanceof Uint8Array) return find(bytes, value, from, 1, backwards);
  throw wrongType("value", "one of type number or string or an instance of Buffer or Uint8Array", value);
}

// Bytes of text that fit, with no character cut in two.
function fitting(text, encoding, room) {
  const name = nameOf(encoding);
  const bytes = CODECS[name].encode(text);
  if (bytes.length <= room) return bytes;
  let size = room;
  if (name === "utf16le") size -= size % 2;
  else if (name === "utf8") while (size > 0 && (bytes[size] & 0xc0) === 0x80) size -= 1;
  return bytes.subarray(0, size);
}

const methods = {
  toString(encoding, start, end) {
    if (arguments.length === 0) return N.utf8Decode(this, false);
    const from = clamp(start, 0, this.length);
    const to = clamp(end, this.length, this.length);
    if (to <= from) return "";
    const part = from === 0 && to === this.length ? this : this.subarray(from, to);
    return CODECS[nameOf(encoding)].decode(part);
  },

  toLocaleString(encoding, start, end) {
    return this.toString(encoding, start, end);
  },

  toJSON() {
    return { type: "Buffer", data: Array.from(this) };
  },

  equals(other) {
    if (!(other instanceof Uint8Array)) throw wrongType("otherBuffer", "an instance of Buffer or Uint8Array", other);
    return this === other || (this.length === other.length && compareBytes(this, other) === 0);
  },

  compare(other, targetStart, targetEnd, sourceStart, sourceEnd) {
    if (!(other instanceof Uint8Array)) throw wrongType("target", "an instance of Buffer or Uint8Array", other);
    const part = other.subarray(clamp(targetStart, 0, other.length), clamp(targetEnd, other.length, other.length));
    return compareBytes(this.subarray(clamp(sourceStart, 0, this.length), clamp(sourceEnd, this.length, this.length)), part);
  },

  subarray(start, end) {
    const from = relative(start, 0, this.length);
    const to = relative(end, this.length, this.length);
    return over(this.buffer, this.byteOffset + from, Math.max(0, to - from));
  },

  copy(target, targetStart, sourceStart, sourceEnd) {
    if (!(target instanceof Uint8Array)) throw wrongType("target", "an instance of Buffer or Uint8Array", target);
    const at = targetStart === undefined ? 0 : Math.trunc(+targetStart) || 0;
    const from = sourceStart === undefined ? 0 : Math.trunc(+sourceStart) || 0;
    const to = sourceEnd === undefined ? this.length : Math.trunc(+sourceEnd) || 0;
    if (at < 0) throw outOfRange("targetStart", ">= 0", at);
    if (from < 0 || from > this.length) throw outOfRange("sourceStart", `>= 0 && <= ${this.length}`, from);
    if (to < 0) throw outOfRange("sourceEnd", ">= 0", to);
    const size = Math.min(to - from, this.length - from, target.length - at);
    if (size <= 0) return 0;
    Uint8Array.prototype.set.call(target, Uint8Array.prototype.subarray.call(this, from, from + size), at);
    return size;
  },

  write(text, offset, length, encoding) {
    if (typeof text !== "string") throw wrongType("argument", "of type string", text);
    if (typeof offset === "string") [encoding, offset, length] = [offset, undefined, undefined];
    else if (typeof length === "string") [encoding, length] = [length, undefined];
    const at = offset === undefined ? 0 : offset;
    if (typeof at !== "number") throw wrongType("offset", "of type number", at);
    if (!(at >= 0 && at <= this.length)) throw outOfRange("offset", `>= 0 && <= ${this.length}`, at);
    const room = Math.min(this.length - at, length === undefined ? Infinity : length);
    if (room < 0) throw outOfRange("length", `>= 0 && <= ${this.length}`, length);
    const bytes = fitting(text, encoding, room);
    this.set(bytes, at);
    return bytes.length;
  },

  fill(value, start, end, encoding) {
    if (typeof start === "string") [encoding, start, end] = [start, undefined, undefined];
    else if (typeof end === "string") [encoding, end] = [end, undefined];
    const from = start === undefined ? 0 : start;
    const to = end === undefined ? this.length : end;
    if (!(from >= 0 && from <= this.length)) throw outOfRange("offset", `>= 0 && <= ${this.length}`, from);
    if (!(to >= 0 && to <= this.length)) throw outOfRange("end", `>= 0 && <= ${this.length}`, to);
    if (to <= from) return this;
    if (typeof value === "string" || value instanceof Uint8Array || ArrayBuffer.isView(value)) {
      const bytes = typeof value === "string" ? encode(value, encoding) : bytesOf(value);
      if (bytes.length === 0 && value.length > 0) {
        throw coded(TypeError, "ERR_INVALID_ARG_VALUE", `The argument 'value' is invalid. Received '${value}'`);
      }
      if (bytes.length !== 1) {
        if (bytes.length === 0) return Uint8Array.prototype.fill.call(this, 0, from, to);
        for (let i = from; i < to; i++) this[i] = bytes[(i - from) % bytes.length];
        return this;
      }
      value = bytes[0];
    }
    return Uint8Array.prototype.fill.call(this, typeof value === "boolean" ? +value : value & 255, from, to);
  },

  indexOf(value, offset, encoding) {
    return search(this, value, offset, encoding, false);
  },

  lastIndexOf(value, offset, encoding) {
    return search(this, value, offset, encoding, true);
  },

  includes(value, offset, encoding) {
    return search(this, value, offset, encoding, false) >= 0;
  },

  swap16() {
    return swap(this, 2);
  },

  swap32() {
    return swap(this, 4);
  },

  swap64() {
    return swap(this, 8);
  },
};
// Bytes that are shown of one.
const SHOWN_MAX = 50;

Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), {
  writable: true,
  configurable: true,
  value() {
    const shown = hexEncode(Uint8Array.prototype.subarray.call(this, 0, SHOWN_MAX)).replace(/..(?=.)/g, "$& ");
    const rest = this.length - SHOWN_MAX;
    const name = this.constructor === FastBuffer ? "Buffer" : this.constructor.name;
    return `<${name} ${shown}${rest > 0 ? ` ... ${rest} more byte${rest > 1 ? "s" : ""}` : ""}>`;
  },
});

methods.slice = function slice(start, end) {
  return this.subarray(start, end);
};

function swap(bytes, size) {
  if (bytes.length % size !== 0) {
    throw coded(RangeError, "ERR_INVALID_BUFFER_SIZE", `Buffer size must be a multiple of ${size * 8}-bits`);
  }
  for (let i = 0; i < bytes.length; i += size) Uint8Array.prototype.reverse.call(Uint8Array.prototype.subarray.call(bytes, i, i + size));
  return bytes;
}

// Numbers in it.

function checkPlace(bytes, offset, size) {
  if (typeof offset !== "number") throw wrongType("offset", "of type number", offset);
  if (offset >= 0 && offset + size <= bytes.length && Number.isInteger(offset)) return;
  if (!Number.isInteger(offset)) throw outOfRange("offset", "an integer", offset);
  if (bytes.length - size < 0) throw coded(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", "Attempt to access memory outside buffer bounds");
  throw outOfRange("offset", `>= 0 and <= ${bytes.length - size}`, offset);
}

function view(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function range(low, high, unit, bits, signed) {
  if (bits <= 32) return `>= ${low}${unit} and <= ${high}${unit}`;
  return signed ? `>= -(2${unit} ** ${bits - 1}${unit}) and < 2${unit} ** ${bits - 1}${unit}` : `>= 0${unit} and < 2${unit} ** ${bits}${unit}`;
}

function number(name, kind, size, low, high) {
  const signed = low < 0;
  const unit = typeof low === "bigint" ? "n" : "";
  for (const end of size === 1 ? [""] : ["LE", "BE"]) {
    const little = end === "LE";
    methods[`read${name}${end}`] = function (offset = 0) {
      checkPlace(this, offset, size);
      return view(this)[`get${kind}`](offset, little);
    };
    methods[`write${name}${end}`] = function (value, offset = 0) {
      if (unit === "n" && typeof value !== "bigint") throw wrongType("value", "of type bigint", value);
      if (unit === "") value = +value;
      if (low !== undefined && (value < low || value > high)) {
        throw outOfRange("value", range(low, high, unit, size * 8, signed), value);
      }
      checkPlace(this, offset, size);
      view(this)[`set${kind}`](offset, value, little);
      return offset + size;
    };
    const other = name.replace("UInt", "Uint");
    if (other !== name) {
      methods[`read${other}${end}`] = methods[`read${name}${end}`];
      methods[`write${other}${end}`] = methods[`write${name}${end}`];
    }
  }
}

for (const bits of [8, 16, 32]) {
  number(`UInt${bits}`, `Uint${bits}`, bits / 8, 0, 2 ** bits - 1);
  number(`Int${bits}`, `Int${bits}`, bits / 8, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1);
}
number("BigUInt64", "BigUint64", 8, 0n, 2n ** 64n - 1n);
number("BigInt64", "BigInt64", 8, -(2n ** 63n), 2n ** 63n - 1n);
number("Float", "Float32", 4);
number("Double", "Float64", 8);

// Whole numbers of one to six bytes.
for (const signed of [false, true]) {
  for (const end of ["LE", "BE"]) {
    const name = `${signed ? "" : "U"}Int${end}`;
    methods[`read${name}`] = function (offset, size) {
      checkSpan(size);
      checkPlace(this, offset, size);
      let value = 0;
      for (let i = 0; i < size; i++) value = value * 256 + this[offset + (end === "BE" ? i : size - 1 - i)];
      return signed && value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
    };
    methods[`write${name}`] = function (value, offset, size) {
      checkSpan(size);
      value = +value;
      const [low, high] = signed ? [-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1] : [0, 2 ** (8 * size) - 1];
      if (value < low || value > high) throw outOfRange("value", range(low, high, "", size * 8, signed), value);
      checkPlace(this, offset, size);
      let rest = Math.trunc(value < 0 ? value + 2 ** (8 * size) : value) || 0;
      for (let i = 0; i < size; i++) {
        this[offset + (end === "BE" ? size - 1 - i : i)] = rest % 256;
        rest = Math.floor(rest / 256);
      }
      return offset + size;
    };
    if (!signed) {
      methods[`readUint${end}`] = methods[`read${name}`];
      methods[`writeUint${end}`] = methods[`write${name}`];
    }
  }
}

function checkSpan(size) {
  if (typeof size !== "number") throw wrongType("byteLength", "of type number", size);
  if (!(size >= 1 && size <= 6 && Number.isInteger(size))) throw outOfRange("byteLength", ">= 1 and <= 6", size);
}

for (const name of Object.keys(CODECS)) {
  methods[`${name}Slice`] = function (start, end) {
    return this.toString(name, start, end);
  };
  methods[`${name}Write`] = function (text, offset, length) {
    return this.write(text, offset, length, name);
  };
}

for (const [name, value] of Object.entries(methods)) {
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });
}
for (const [name, key] of [["parent", "buffer"], ["offset", "byteOffset"]]) {
  Object.defineProperty(prototype, name, { configurable: true, get() { return this[key]; } });
}

export function SlowBuffer(size) {
  return Buffer.alloc(size);
}

export function transcode(bytes, from, to) {
  return Buffer.from(Buffer.from(bytes).toString(from), to);
}

export const isAscii = (bytes) => bytesOf(bytes).every((byte) => byte < 0x80);

export function isUtf8(bytes) {
  try {
    N.utf8Decode(bytesOf(bytes), true);
    return true;
  } catch {
    return false;
  }
}
