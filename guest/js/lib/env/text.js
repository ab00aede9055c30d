// Text and bytes: TextEncoder, TextDecoder, atob and btoa. UTF-8 is done natively, the rest here. Also the codecs that
// Buffer uses. Nothing here keeps what it is given, but a TextDecoder in its stream mode up to three bytes.

import { N, coded } from "./native.js";

// Characters that one call of String.fromCharCode gets.
const CHUNK = 4096;

// What a function reads of a view or a buffer, without copying.
export function bytesOf(value) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || Object.prototype.toString.call(value) === "[object SharedArrayBuffer]") {
    return new Uint8Array(value);
  }
  return undefined;
}

export function charsOf(codes) {
  if (codes.length <= CHUNK) return String.fromCharCode.apply(null, codes);
  let text = "";
  for (let i = 0; i < codes.length; i += CHUNK) text += String.fromCharCode.apply(null, codes.subarray(i, i + CHUNK));
  return text;
}

export function latin1Encode(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function asciiDecode(bytes) {
  const codes = new Uint8Array(bytes);
  for (let i = 0; i < codes.length; i++) codes[i] &= 0x7f;
  return charsOf(codes);
}

export function utf16Encode(text) {
  const bytes = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes[2 * i] = code;
    bytes[2 * i + 1] = code >> 8;
  }
  return bytes;
}

// A byte at the end that is half of a character is left out.
export function utf16Decode(bytes) {
  const codes = new Uint16Array(bytes.length >> 1);
  for (let i = 0; i < codes.length; i++) codes[i] = bytes[2 * i] | (bytes[2 * i + 1] << 8);
  return charsOf(codes);
}

const HEX = [];
for (let i = 0; i < 256; i++) HEX.push((i < 16 ? "0" : "") + i.toString(16));

export function hexEncode(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]];
  return text;
}

// Ends at the first pair that is none.
export function hexDecode(text) {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return bytes.slice(0, i);
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

function hexDigit(code) {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

const USUAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const IN_URLS = USUAL.slice(0, 62) + "-_";
const VALUES = new Int8Array(256).fill(-1);
for (const digits of [USUAL, IN_URLS]) for (let i = 0; i < 64; i++) VALUES[digits.charCodeAt(i)] = i;

export function base64Encode(bytes, inUrls = false) {
  const digits = inUrls ? IN_URLS : USUAL;
  const whole = bytes.length - (bytes.length % 3);
  let text = "";
  for (let i = 0; i < whole; i += 3) {
    const bits = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
    text += digits[bits >> 18] + digits[(bits >> 12) & 63] + digits[(bits >> 6) & 63] + digits[bits & 63];
  }
  if (bytes.length - whole === 1) {
    const bits = bytes[whole];
    text += digits[bits >> 2] + digits[(bits << 4) & 63] + (inUrls ? "" : "==");
  } else if (bytes.length - whole === 2) {
    const bits = (bytes[whole] << 8) | bytes[whole + 1];
    text += digits[bits >> 10] + digits[(bits >> 4) & 63] + digits[(bits << 2) & 63] + (inUrls ? "" : "=");
  }
  return text;
}

// Both alphabets; ends at `=`, skips what is not of them.
export function base64Decode(text) {
  const bytes = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let [length, bits, count] = [0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 61) break;
    const value = code < 256 ? VALUES[code] : -1;
    if (value < 0) continue;
    bits = (bits << 6) | value;
    count += 1;
    if (count === 4) {
      bytes[length++] = bits >> 16;
      bytes[length++] = bits >> 8;
      bytes[length++] = bits;
      bits = count = 0;
    }
  }
  if (count >= 2) bytes[length++] = count === 2 ? bits >> 4 : bits >> 10;
  if (count === 3) bytes[length++] = bits >> 2;
  return length === bytes.length ? bytes : bytes.slice(0, length);
}

export function btoa(input) {
  if (arguments.length === 0) throw coded(TypeError, "ERR_MISSING_ARGS", 'The "input" argument must be specified');
  const text = String(input);
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 255) throw new DOMException("Invalid character", "InvalidCharacterError");
  }
  return base64Encode(latin1Encode(text));
}

export function atob(input) {
  if (arguments.length === 0) throw coded(TypeError, "ERR_MISSING_ARGS", 'The "input" argument must be specified');
  let text = String(input).replace(/[\t\n\f\r ]+/g, "");
  if (text.length % 4 === 0) text = text.replace(/==?$/, "");
  if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) {
    throw new DOMException("The string to be decoded is not correctly encoded.", "InvalidCharacterError");
  }
  return charsOf(base64Decode(text));
}

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(input = "") {
    return N.utf8Encode(String(input));
  }

  encodeInto(source, target) {
    const text = String(source);
    let [read, written] = [0, 0];
    while (read < text.length) {
      let code = text.codePointAt(read);
      const units = code > 0xffff ? 2 : 1;
      if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
      const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      if (written + size > target.length) break;
      if (size === 1) target[written++] = code;
      else {
        target[written++] = (size === 2 ? 0xc0 : size === 3 ? 0xe0 : 0xf0) | (code >> (6 * (size - 1)));
        for (let left = size - 2; left >= 0; left--) target[written++] = 0x80 | ((code >> (6 * left)) & 63);
      }
      read += units;
    }
    return { read, written };
  }

  get [Symbol.toStringTag]() {
    return "TextEncoder";
  }
}

const LABELS = {
  "utf-8": ["utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"],
  "utf-16le": ["utf-16", "ucs-2", "unicode", "csunicode", "iso-10646-ucs-2", "unicodefeff"],
  "windows-1252": ["latin1", "iso-8859-1", "iso8859-1", "iso88591", "iso_8859-1", "l1", "ascii", "us-ascii", "cp1252", "x-cp1252", "ansi_x3.4-1968", "cp819", "ibm819", "csisolatin1", "iso-ir-100"],
};
const ENCODINGS = new Map();
for (const [name, labels] of Object.entries(LABELS)) for (const label of [name, ...labels]) ENCODINGS.set(label, name);

// What windows-1252 has at 0x80 to 0x9F.
const WINDOWS =
  "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

function wrongBytes(encoding) {
  return coded(TypeError, "ERR_ENCODING_INVALID_ENCODED_DATA", `The encoded data was not valid for encoding ${encoding}`);
}

// How many bytes at the end begin a character of UTF-8 that may yet become whole.
export function utf8Open(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const size = byte >= 0xf0 && byte <= 0xf4 ? 4 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte >= 0xc2 && byte < 0xe0 ? 2 : 1;
    if (size <= back) return 0;
    const next = back > 1 ? bytes[bytes.length - back + 1] : 0x90;
    const wrong =
      (byte === 0xe0 && next < 0xa0) || (byte === 0xed && next > 0x9f) || (byte === 0xf4 && next > 0x8f);
    return wrong && back > 1 ? 0 : byte === 0xf0 && back > 1 && next < 0x90 ? 0 : back;
  }
  return 0;
}

// As a character of UTF-16 may be cut in two, and a pair of them.
function utf16Open(bytes) {
  const odd = bytes.length & 1;
  const high = bytes[bytes.length - odd - 1];
  return high >= 0xd8 && high < 0xdc ? odd + 2 : odd;
}

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #kept = null;
  #begun = false;

  constructor(label = "utf-8", options = undefined) {
    const name = String(label).trim().toLowerCase();
    this.#encoding = ENCODINGS.get(name);
    if (this.#encoding === undefined) {
      throw coded(RangeError, "ERR_ENCODING_NOT_SUPPORTED", `The "${label}" encoding is not supported`);
    }
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBOM = Boolean(options?.ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = new Uint8Array(0), options = undefined) {
    let bytes = bytesOf(input);
    if (bytes === undefined) {
      throw coded(TypeError, "ERR_INVALID_ARG_TYPE", 'The "list" argument must be an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView.');
    }
    const stream = Boolean(options?.stream);
    if (this.#kept !== null) {
      const joined = new Uint8Array(this.#kept.length + bytes.length);
      joined.set(this.#kept);
      joined.set(bytes, this.#kept.length);
      [bytes, this.#kept] = [joined, null];
    }
    if (stream && this.#encoding !== "windows-1252") {
      const open = Math.min(bytes.length, this.#encoding === "utf-8" ? utf8Open(bytes) : utf16Open(bytes));
      if (open > 0) {
        this.#kept = bytes.slice(bytes.length - open);
        bytes = bytes.subarray(0, bytes.length - open);
      }
    }
    let text;
    try {
      text = this.#whole(bytes);
    } catch (error) {
      this.#begun = false;
      this.#kept = null;
      throw error;
    }
    if (!this.#begun && text.length > 0) {
      this.#begun = true;
      if (!this.#ignoreBOM && this.#encoding !== "windows-1252" && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    if (!stream) this.#begun = false;
    return text;
  }

  #whole(bytes) {
    if (this.#encoding === "utf-8") {
      try {
        return N.utf8Decode(bytes, this.#fatal);
      } catch (error) {
        throw error instanceof TypeError ? wrongBytes("utf-8") : error;
      }
    }
    if (this.#encoding === "windows-1252") {
      return charsOf(bytes).replace(/[\x80-\x9f]/g, (char) => WINDOWS[char.charCodeAt(0) - 0x80]);
    }
    const text = utf16Decode(bytes);
    const half = (bytes.length & 1) === 1;
    if (!this.#fatal) return text.toWellFormed() + (half ? "\ufffd" : "");
    if (half || !text.isWellFormed()) throw wrongBytes("utf-16le");
    return text;
  }

  get [Symbol.toStringTag]() {
    return "TextDecoder";
  }
}
