// node:util, as far as it makes sense without files and processes.

import { N, coded, needsFunction, wrongType } from "./native.js";
import { deepEqual } from "./equal.js";
import { format, formatWithOptions } from "./format.js";
import { inspect } from "./inspect.js";
import { stripVTControlCharacters } from "./quote.js";
import { TextDecoder, TextEncoder } from "./text.js";
import { types } from "./types.js";

const PROMISIFIED = Symbol.for("nodejs.util.promisify.custom");
// Warnings of things that are outdated, that were given.
const warned = new Set();

function promisify(original) {
  needsFunction(original, "original");
  if (original[PROMISIFIED]) return original[PROMISIFIED];
  const promised = function (...args) {
    return new Promise((resolve, reject) => {
      original.call(this, ...args, (error, value) => (error ? reject(error) : resolve(value)));
    });
  };
  Object.setPrototypeOf(promised, Object.getPrototypeOf(original));
  Object.defineProperty(promised, PROMISIFIED, { value: promised, configurable: true });
  return Object.defineProperties(promised, Object.getOwnPropertyDescriptors(original));
}
promisify.custom = PROMISIFIED;

function callbackify(original) {
  needsFunction(original, "original");
  return function (...args) {
    const callback = args.pop();
    needsFunction(callback, "last argument");
    original.apply(this, args).then(
      (value) => queueMicrotask(() => callback(null, value)),
      (error) => queueMicrotask(() => callback(error || Object.assign(coded(Error, "ERR_FALSY_VALUE_REJECTION", "Promise was rejected with falsy value"), { reason: error }))),
    );
  };
}

function deprecate(original, message, code) {
  return function (...args) {
    const key = code ?? message;
    if (!warned.has(key) && warned.size < 1000) {
      warned.add(key);
      N.log(3, `${code ? `[${code}] ` : ""}DeprecationWarning: ${message}`);
    }
    return new.target ? Reflect.construct(original, args, new.target) : original.apply(this, args);
  };
}

function inherits(constructor, parent) {
  needsFunction(constructor, "ctor");
  needsFunction(parent, "superCtor");
  Object.defineProperty(constructor, "super_", { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

function styleText(style, text) {
  if (typeof text !== "string") throw wrongType("text", "of type string", text);
  for (const name of [style].flat().reverse()) {
    const codes = inspect.colors[name];
    if (codes === undefined) throw coded(TypeError, "ERR_INVALID_ARG_VALUE", `The argument 'format' must be one of the colors of util.inspect. Received '${name}'`);
    text = `\x1b[${codes[0]}m${text}\x1b[${codes[1]}m`;
  }
  return text;
}

export const util = {
  inspect,
  format,
  formatWithOptions,
  stripVTControlCharacters,
  types,
  TextEncoder,
  TextDecoder,
  promisify,
  callbackify,
  deprecate,
  inherits,
  styleText,
  isDeepStrictEqual: (a, b) => deepEqual(a, b, true),
  isArray: Array.isArray,
  toUSVString: (text) => String(text).toWellFormed(),
  debuglog: () => Object.assign(() => {}, { enabled: false }),
  debug: () => Object.assign(() => {}, { enabled: false }),
  aborted: (signal) => (signal.aborted ? Promise.resolve() : new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))),
};
util.default = util;
