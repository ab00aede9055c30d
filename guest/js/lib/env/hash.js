// MD5, SHA-1 and SHA-2, and HMAC over them, in JavaScript: for tokens, signatures and cookies, not for much data. Used
// by crypto.js.

// The first so many primes, and whole roots of large numbers: what the constants of SHA-2 are made of.
function primes(count) {
  const found = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

function root(value, degree) {
  const k = BigInt(degree);
  let guess = 1n << (BigInt(value.toString(2).length) / k + 1n);
  for (;;) {
    const next = ((k - 1n) * guess + value / guess ** (k - 1n)) / k;
    if (next >= guess) return guess;
    guess = next;
  }
}

const PRIMES = primes(80);
const mask = (1n << 64n) - 1n;
// 64 bits of the fraction of a root, as two halves.
const halves = (degree) => (prime) => {
  const bits = root(BigInt(prime) << BigInt(64 * degree), degree) & mask;
  return [Number(bits >> 32n) | 0, Number(bits & 0xffffffffn) | 0];
};
const CUBES = PRIMES.map(halves(3));
const SQUARES = PRIMES.slice(0, 16).map(halves(2));
const K_HIGH = Int32Array.from(CUBES, (pair) => pair[0]);
const K_LOW = Int32Array.from(CUBES, (pair) => pair[1]);
const K_MD5 = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);
const SHIFTS_MD5 = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

function md5(state, block, words) {
  for (let i = 0; i < 16; i++) words[i] = block.getInt32(4 * i, true);
  let [a, b, c, d] = state;
  for (let i = 0; i < 64; i++) {
    let f;
    let g;
    if (i < 16) [f, g] = [(b & c) | (~b & d), i];
    else if (i < 32) [f, g] = [(d & b) | (~d & c), (5 * i + 1) & 15];
    else if (i < 48) [f, g] = [b ^ c ^ d, (3 * i + 5) & 15];
    else [f, g] = [c ^ (b | ~d), (7 * i) & 15];
    const sum = (a + f + K_MD5[i] + words[g]) | 0;
    const shift = SHIFTS_MD5[((i >> 4) << 2) | (i & 3)];
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

function sha1(state, block, words) {
  for (let i = 0; i < 16; i++) words[i] = block.getInt32(4 * i);
  for (let i = 16; i < 80; i++) {
    const word = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16];
    words[i] = (word << 1) | (word >>> 31);
  }
  let [a, b, c, d, e] = state;
  for (let i = 0; i < 80; i++) {
    let f;
    if (i < 20) f = ((b & c) | (~b & d)) + 0x5a827999;
    else if (i < 40) f = (b ^ c ^ d) + 0x6ed9eba1;
    else if (i < 60) f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    else f = (b ^ c ^ d) + 0xca62c1d6;
    const next = (((a << 5) | (a >>> 27)) + f + e + words[i]) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

function sha256(state, block, words) {
  for (let i = 0; i < 16; i++) words[i] = block.getInt32(4 * i);
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15];
    const y = words[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[i] = words[i - 16] + s0 + words[i - 7] + s1;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + s1 + ((e & f) ^ (~e & g)) + K_HIGH[i] + words[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  const sums = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) state[i] += sums[i];
}

// Of 64-bit words, each as two halves: high ones at even places.
function sha512(state, block, words) {
  for (let i = 0; i < 32; i++) words[i] = block.getInt32(4 * i);
  for (let i = 16; i < 80; i++) {
    const [xh, xl, yh, yl] = [words[2 * i - 30], words[2 * i - 29], words[2 * i - 4], words[2 * i - 3]];
    const s0h = ((xh >>> 1) | (xl << 31)) ^ ((xh >>> 8) | (xl << 24)) ^ (xh >>> 7);
    const s0l = ((xl >>> 1) | (xh << 31)) ^ ((xl >>> 8) | (xh << 24)) ^ ((xl >>> 7) | (xh << 25));
    const s1h = ((yh >>> 19) | (yl << 13)) ^ ((yl >>> 29) | (yh << 3)) ^ (yh >>> 6);
    const s1l = ((yl >>> 19) | (yh << 13)) ^ ((yh >>> 29) | (yl << 3)) ^ ((yl >>> 6) | (yh << 26));
    const low = (words[2 * i - 31] >>> 0) + (s0l >>> 0) + (words[2 * i - 13] >>> 0) + (s1l >>> 0);
    words[2 * i + 1] = low;
    words[2 * i] = words[2 * i - 32] + s0h + words[2 * i - 14] + s1h + Math.floor(low / 2 ** 32);
  }
  let [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl] = state;
  for (let i = 0; i < 80; i++) {
    const s1h = ((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23));
    const s1l = ((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23));
    const chosenL = (el & fl) ^ (~el & gl);
    const oneL = (hl >>> 0) + (s1l >>> 0) + (chosenL >>> 0) + (K_LOW[i] >>> 0) + (words[2 * i + 1] >>> 0);
    const oneH = (hh + s1h + ((eh & fh) ^ (~eh & gh)) + K_HIGH[i] + words[2 * i] + Math.floor(oneL / 2 ** 32)) | 0;
    const s0h = ((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25));
    const s0l = ((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25));
    const twoL = (s0l >>> 0) + (((al & bl) ^ (al & cl) ^ (bl & cl)) >>> 0);
    const twoH = (s0h + ((ah & bh) ^ (ah & ch) ^ (bh & ch)) + Math.floor(twoL / 2 ** 32)) | 0;
    [hh, hl, gh, gl, fh, fl] = [gh, gl, fh, fl, eh, el];
    const sumE = (dl >>> 0) + ((oneL | 0) >>> 0);
    [eh, el] = [(dh + oneH + Math.floor(sumE / 2 ** 32)) | 0, sumE | 0];
    [dh, dl, ch, cl, bh, bl] = [ch, cl, bh, bl, ah, al];
    const sumA = ((oneL | 0) >>> 0) + ((twoL | 0) >>> 0);
    [ah, al] = [(oneH + twoH + Math.floor(sumA / 2 ** 32)) | 0, sumA | 0];
  }
  const sums = [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl];
  for (let i = 0; i < 16; i += 2) {
    const low = (state[i + 1] >>> 0) + (sums[i + 1] >>> 0);
    state[i + 1] = low;
    state[i] += sums[i] + Math.floor(low / 2 ** 32);
  }
}

const START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const wide = (pairs) => pairs.flat();

// rounds: of one block; size: bytes of the result; block: bytes of a block; words: of the schedule.
const KINDS = {
  md5: { rounds: md5, start: START.slice(0, 4), size: 16, block: 64, words: 16, little: true },
  sha1: { rounds: sha1, start: START, size: 20, block: 64, words: 80 },
  sha256: { rounds: sha256, start: SQUARES.slice(0, 8).map((pair) => pair[0]), size: 32, block: 64, words: 64 },
  sha384: { rounds: sha512, start: wide(SQUARES.slice(8)), size: 48, block: 128, words: 160 },
  sha512: { rounds: sha512, start: wide(SQUARES.slice(0, 8)), size: 64, block: 128, words: 160 },
  sha224: { rounds: sha256, start: SQUARES.slice(8).map((pair) => pair[1]), size: 28, block: 64, words: 64 },
};

export const HASHES = Object.keys(KINDS);

// The name as we have it, or undefined: `SHA-256`, `sha256` and `RSA-SHA256` are one.
export function nameOf(name) {
  const text = String(name).toLowerCase().replace(/^rsa-/, "").replace(/^sha-/, "sha");
  return Object.hasOwn(KINDS, text) ? text : undefined;
}

// A hash that is being made.
export class Digest {
  constructor(name) {
    this.kind = KINDS[name];
    this.state = Int32Array.from(this.kind.start);
    this.words = new Int32Array(this.kind.words);
    this.rest = new Uint8Array(this.kind.block);
    this.view = new DataView(this.rest.buffer);
    this.filled = 0;
    this.length = 0;
  }

  copy() {
    const other = Object.create(Digest.prototype);
    const rest = this.rest.slice();
    Object.assign(other, this, { state: this.state.slice(), rest, view: new DataView(rest.buffer), words: this.words.slice() });
    return other;
  }

  update(bytes) {
    const { block, rounds } = this.kind;
    this.length += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      if (this.filled === 0 && bytes.length - at >= block) {
        rounds(this.state, new DataView(bytes.buffer, bytes.byteOffset + at, block), this.words);
        at += block;
        continue;
      }
      const size = Math.min(block - this.filled, bytes.length - at);
      this.rest.set(Uint8Array.prototype.subarray.call(bytes, at, at + size), this.filled);
      this.filled += size;
      at += size;
      if (this.filled === block) {
        rounds(this.state, this.view, this.words);
        this.filled = 0;
      }
    }
    return this;
  }

  digest() {
    const { block, size, little, rounds } = this.kind;
    const bits = this.length * 8;
    const forLength = block / 8;
    this.rest[this.filled++] = 0x80;
    if (this.filled > block - forLength) {
      this.rest.fill(0, this.filled);
      rounds(this.state, this.view, this.words);
      this.filled = 0;
    }
    this.rest.fill(0, this.filled);
    const [high, low] = [Math.floor(bits / 2 ** 32), bits >>> 0];
    this.view.setUint32(block - (little ? 4 : 8), high, little);
    this.view.setUint32(block - (little ? 8 : 4), low, little);
    rounds(this.state, this.view, this.words);
    const result = new Uint8Array(this.state.length * 4);
    const out = new DataView(result.buffer);
    this.state.forEach((word, i) => out.setInt32(4 * i, word, little));
    return result.slice(0, size);
  }
}

// An HMAC that is being made.
export class Mac {
  constructor(name, key) {
    const { block } = KINDS[name];
    if (key.length > block) key = new Digest(name).update(key).digest();
    const pad = (with_) => Uint8Array.from({ length: block }, (_, i) => (key[i] ?? 0) ^ with_);
    this.inner = new Digest(name).update(pad(0x36));
    this.outer = new Digest(name).update(pad(0x5c));
  }

  update(bytes) {
    this.inner.update(bytes);
    return this;
  }

  digest() {
    return this.outer.update(this.inner.digest()).digest();
  }
}
