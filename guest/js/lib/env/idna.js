// Names of hosts that are not ASCII, for url-parse.js: mapping (UTS 46 as far as Unicode's own tables in the engine go:
// compatibility forms, lower case, ignorable code points, NFC) and punycode. It never knows about URLs.

// More code points than this in a label that needs punycode are refused: encoding is quadratic. DNS has room for 63.
const LABEL_MAX = 1_024;

const IGNORED = /[\u00ad\u034f\u180b-\u180d\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff\u{e0100}-\u{e01ef}]/gu;
const DOTS = /[\u3002\uff0e\uff61]/g;
const DENIED = /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\u0600-\u0605\u06dd\u061c\u200e\u200f\u2028-\u202e\u2061-\u2063\u2065-\u206f\u2ff0-\u2fff\ufff9-\ufffd\u{e0001}-\u{e007f}]/u;
const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}]/u;
const LETTER = /\p{L}/u;
const VIRAMA = /[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1734\u17d2]/;

// A domain with labels in ASCII, or null if it cannot be one.
export function toAscii(domain) {
  if (/^[\0-\x7f]*$/.test(domain)) {
    const lower = domain.toLowerCase();
    if (!/(^|\.)xn--/.test(lower)) return lower;
    domain = lower;
  }
  const labels = map(domain).split(".");
  const texts = [];
  const result = [];
  for (const label of labels) {
    let text = label;
    if (label.startsWith("xn--")) {
      text = /^[\0-\x7f]*$/.test(label) ? decode(label.slice(4)) : null;
      if (text === null || text === "" || /^[\0-\x7f]*$/.test(text) || map(text) !== text) return null;
    }
    if (!valid(text)) return null;
    texts.push(text);
    const ascii = /^[\0-\x7f]*$/.test(text) ? text : encode(text);
    if (ascii === null) return null;
    result.push(ascii === text ? ascii : `xn--${ascii}`);
  }
  if (texts.some((text) => RIGHT_TO_LEFT.test(text)) && !texts.every(oneDirection)) return null;
  return result.join(".");
}

// The labels as people read them; one that cannot be decoded stays as it is.
export function toUnicode(domain) {
  return domain
    .split(".")
    .map((label) => (label.startsWith("xn--") ? decode(label.slice(4)) ?? label : label))
    .join(".");
}

function map(domain) {
  const folded = lower(domain.replace(IGNORED, "").replace(DOTS, ".").normalize("NFKC"));
  return lower(folded.normalize("NFKC").replace(IGNORED, "")).normalize("NFC").replace(DOTS, ".");
}

// Character by character: a final sigma is not special here, and iota subscripts become letters.
function lower(text) {
  return text.replace(/[^\0-\x60\x7b-\x7f]|[A-Z]/gu, (char) =>
    /[\u0345\u1f80-\u1faf\u1fb2-\u1fb4\u1fb7\u1fbc\u1fc2-\u1fc4\u1fc7\u1fcc\u1ff2-\u1ff4\u1ff7\u1ffc]/.test(char)
      ? char.toUpperCase().toLowerCase()
      : char.toLowerCase(),
  );
}

function valid(label) {
  if (/^\p{M}/u.test(label) || DENIED.test(label)) return false;
  // Joiners only where they join: after a virama; between letters of joining scripts for the one that keeps apart.
  for (let at = label.search(/[\u200c\u200d]/); at !== -1 && at < label.length; at++) {
    const char = label[at];
    if (char !== "\u200c" && char !== "\u200d") continue;
    if (at > 0 && VIRAMA.test(label[at - 1])) continue;
    if (char === "\u200d") return false;
    if (!RIGHT_TO_LEFT.test(label[at - 1] ?? "") || !RIGHT_TO_LEFT.test(label[at + 1] ?? "")) return false;
  }
  return true;
}

// The heart of the rule of RFC 5893: no label mixes letters of both directions, and none of the right-to-left ones
// begins with a digit.
function oneDirection(label) {
  if (label === "") return true;
  const first = String.fromCodePoint(label.codePointAt(0));
  if (!RIGHT_TO_LEFT.test(first)) return !RIGHT_TO_LEFT.test(label) && LETTER.test(first);
  return LETTER.test(first) && !Array.from(label).some((char) => LETTER.test(char) && !RIGHT_TO_LEFT.test(char));
}

const adapted = (delta, count, first) => {
  delta = first ? Math.floor(delta / 700) : delta >> 1;
  delta += Math.floor(delta / count);
  let k = 0;
  for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
  return k + Math.floor((36 * delta) / (delta + 38));
};
const threshold = (k, bias) => Math.min(26, Math.max(1, k - bias));
const DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789";

function encode(label) {
  const points = Array.from(label, (char) => char.codePointAt(0));
  if (points.length > LABEL_MAX) return null;
  let result = points.filter((point) => point < 128).map((point) => String.fromCharCode(point)).join("");
  const basic = result.length;
  if (basic > 0) result += "-";
  let [n, delta, bias] = [128, 0, 72];
  for (let done = basic; done < points.length; n++, delta++) {
    const next = points.reduce((least, point) => (point >= n && point < least ? point : least), Infinity);
    delta += (next - n) * (done + 1);
    n = next;
    for (const point of points) {
      if (point < n) delta++;
      if (point !== n) continue;
      let q = delta;
      for (let k = 36; ; k += 36) {
        const t = threshold(k, bias);
        if (q < t) break;
        result += DIGITS[t + ((q - t) % (36 - t))];
        q = Math.floor((q - t) / (36 - t));
      }
      result += DIGITS[q];
      bias = adapted(delta, done + 1, done === basic);
      delta = 0;
      done++;
    }
  }
  return result;
}

function decode(text) {
  const dash = text.lastIndexOf("-");
  const points = Array.from(text.slice(0, Math.max(dash, 0)), (char) => char.charCodeAt(0));
  if (text.length > 4 * LABEL_MAX) return null;
  let [n, i, bias] = [128, 0, 72];
  for (let at = dash + 1; at < text.length; ) {
    const before = i;
    for (let [weight, k] = [1, 36]; ; k += 36) {
      const digit = at < text.length ? DIGITS.indexOf(text[at++]) : -1;
      if (digit === -1) return null;
      i += digit * weight;
      if (i > 0x7fffffff) return null;
      const t = threshold(k, bias);
      if (digit < t) break;
      weight *= 36 - t;
    }
    const count = points.length + 1;
    if (count > LABEL_MAX) return null;
    bias = adapted(i - before, count, before === 0);
    n += Math.floor(i / count);
    i %= count;
    if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000)) return null;
    points.splice(i++, 0, n);
  }
  return points.map((point) => String.fromCodePoint(point)).join("");
}
