// Text and numbers as util.inspect shows them, and how wide text is. Used by inspect.js and lines.js.

import { coded, received } from "./native.js";

export const more = (count, what = "item") => `... ${count} more ${what}${count > 1 ? "s" : ""}`;

const ODD = /[\x00-\x1f\x27\x5c\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ODD_BUT_QUOTES = /[\x00-\x1f\x5c\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const SHORT = { "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "'": "\\'", "\\": "\\\\" };

function escapeOne(char) {
  if (Object.hasOwn(SHORT, char)) return SHORT[char];
  const code = char.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).toUpperCase().padStart(2, "0")}` : `\\u${code.toString(16)}`;
}

export const escaped = (text) => text.replace(ODD, escapeOne);

export function quoted(text) {
  if (!text.includes("'")) return `'${text.replace(ODD, escapeOne)}'`;
  const quote = !text.includes('"') ? '"' : !text.includes("`") && !text.includes("${") ? "`" : "'";
  return `${quote}${text.replace(quote === "'" ? ODD : ODD_BUT_QUOTES, escapeOne)}${quote}`;
}

export function formatPrimitive(style, value, ctx) {
  switch (typeof value) {
    case "string": {
      let trailer = "";
      const room = Math.min(ctx.maxStringLength, Math.max(ctx.work.left, 16));
      if (value.length > room) {
        trailer = more(value.length - room, "character");
        value = value.slice(0, room);
      }
      if (ctx.compact !== true && value.length > 16 && value.length > ctx.breakLength - ctx.indentationLvl - 4) {
        const lines = value.split(/(?<=\n)/).map((line) => style(quoted(line), "string"));
        return lines.join(` +\n${" ".repeat(ctx.indentationLvl + 2)}`) + trailer;
      }
      return style(quoted(value), "string") + trailer;
    }
    case "number":
      return formatNumber(style, value, ctx.numericSeparator);
    case "bigint":
      return formatBigInt(style, value, ctx.numericSeparator);
    case "symbol":
      return style(value.toString(), "symbol");
    default:
      return style(`${value}`, typeof value);
  }
}

const separated = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, "_");

export function formatNumber(style, value, separators) {
  let text = Object.is(value, -0) && !separators ? "-0" : `${value}`;
  if (separators && Number.isFinite(value) && !text.includes("e")) {
    const [whole, part] = text.split(".");
    text = separated(whole) + (part === undefined ? "" : `.${part.replace(/(\d{3})(?=\d)/g, "$1_")}`);
  }
  return style(text, "number");
}

export function formatBigInt(style, value, separators) {
  return style(`${separators ? separated(String(value)) : value}n`, "bigint");
}

export const ANSI = /\x1b\[[0-9;]*m/g;

export function stripVTControlCharacters(text) {
  if (typeof text !== "string") throw coded(TypeError, "ERR_INVALID_ARG_TYPE", `The "str" argument must be of type string.${received(text)}`);
  return text.replace(/[\u001b\u009b][[()#;?]*(?:[0-9]{1,4}(?:;[0-9]{0,4})*)?[0-9A-ORZcf-nqry=><~]/g, "");
}

// Columns that text takes: wide characters of East Asia and pictures take two.
export function widthOf(text) {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text.replace(ANSI, "").normalize("NFC")) {
    const code = char.codePointAt(0);
    if (code < 32 || (code >= 0x7f && code < 0xa0) || /[\p{Mn}\p{Me}\p{Cf}]/u.test(char)) continue;
    width += isWide(code) ? 2 : 1;
  }
  return width;
}

function isWide(code) {
  return (
    code >= 0x1100 &&
    (code <= 0x115f || (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) || (code >= 0xac00 && code <= 0xd7a3) ||
      (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
      (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd))
  );
}
