// util.format: text with directives. Used by the console and node:util.

import { inspect } from "./inspect.js";
import { formatBigInt, formatNumber } from "./quote.js";

const plain = (text) => text;

const BUILT_IN = new Set(Object.getOwnPropertyNames(globalThis).filter((name) => /^[A-Z][a-zA-Z0-9]+$/.test(name)));

function hasBuiltInToString(value) {
  if (typeof value.toString !== "function") return typeof value[Symbol.toPrimitive] !== "function";
  if (Object.hasOwn(value, "toString") || Object.hasOwn(value, Symbol.toPrimitive)) return false;
  let object = value;
  do object = Object.getPrototypeOf(object);
  while (object !== null && !Object.hasOwn(object, "toString") && !Object.hasOwn(object, Symbol.toPrimitive));
  const own = object === null ? undefined : Object.getOwnPropertyDescriptor(object, "constructor");
  return typeof own?.value === "function" && BUILT_IN.has(own.value.name);
}

function stringified(value) {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof TypeError && /circular/i.test(error.message)) return "[Circular]";
    throw error;
  }
}

const number = (value, options) => {
  if (typeof value === "symbol") return "NaN";
  return (typeof value === "bigint" ? formatBigInt : formatNumber)(plain, value, options?.numericSeparator ?? false);
};

const DIRECTIVES = {
  s(value, options) {
    if (typeof value === "number" || typeof value === "bigint") return number(value, options);
    if (typeof value !== "object" || value === null || !hasBuiltInToString(value)) return String(value);
    return inspect(value, { ...options, depth: 0, colors: false, compact: 3 });
  },
  j: stringified,
  d: (value, options) => number(typeof value === "bigint" || typeof value === "symbol" ? value : Number(value), options),
  i: (value, options) => number(typeof value === "bigint" || typeof value === "symbol" ? value : Number.parseInt(value), options),
  f: (value, options) => number(typeof value === "symbol" ? value : Number.parseFloat(value), options),
  O: (value, options) => inspect(value, options),
  o: (value, options) => inspect(value, { ...options, showHidden: true, showProxy: true, depth: 4 }),
  c: () => "",
};

export function formatWithOptions(options, ...args) {
  const first = args[0];
  if (typeof first !== "string") return joined(options, args, 0, "");
  if (args.length === 1) return first;
  let next = 1;
  const text = first.replace(/%([sjdifOoc%])/g, (all, letter) => {
    if (letter === "%") return "%";
    return next < args.length ? DIRECTIVES[letter](args[next++], options) : all;
  });
  return joined(options, args, next, text);
}

function joined(options, args, from, text) {
  for (let i = from; i < args.length; i++) {
    if (i > 0) text += " ";
    text += typeof args[i] === "string" ? args[i] : inspect(args[i], options);
  }
  return text;
}

export const format = (...args) => formatWithOptions(undefined, ...args);
