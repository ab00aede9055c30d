// structuredClone: by the rules of HTML, for what there is in this engine. Works on a list of its own, so that depth
// costs no stack.

import { types } from "./types.js";

function refuse(what) {
  throw new DOMException(`${what} could not be cloned.`, "DataCloneError");
}

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

export function structuredClone(value, options = undefined) {
  if (arguments.length === 0) throw new TypeError("The \"value\" argument must be specified");
  const moved = new Set(options?.transfer ?? []);
  for (const each of moved) if (!(each instanceof ArrayBuffer)) refuse("Value not transferable: it");
  const done = new Map();
  // Objects whose properties are to be copied yet.
  const open = [];

  const copy = (from) => {
    if (typeof from === "symbol") refuse(from.toString());
    if (typeof from === "function") refuse(Function.prototype.toString.call(from).slice(0, 100));
    if (typeof from !== "object" || from === null) return from;
    const known = done.get(from);
    if (known !== undefined) return known;
    const to = begin(from);
    done.set(from, to);
    return to;
  };

  const begin = (from) => {
    if (Array.isArray(from)) return later(from, new Array(from.length));
    if (ArrayBuffer.isView(from)) {
      const buffer = copy(from.buffer);
      if (from instanceof DataView) return new DataView(buffer, from.byteOffset, from.byteLength);
      const name = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get.call(from);
      return new globalThis[name](buffer, from.byteOffset, from.length);
    }
    if (from instanceof ArrayBuffer) return moved.has(from) ? (from.transfer?.() ?? from.slice(0)) : from.slice(0);
    if (types.isMap(from)) {
      const to = new Map();
      open.push(() => {
        for (const [key, held] of [...Map.prototype.entries.call(from)]) to.set(copy(key), copy(held));
      });
      return to;
    }
    if (types.isSet(from)) {
      const to = new Set();
      open.push(() => {
        for (const held of [...Set.prototype.values.call(from)]) to.add(copy(held));
      });
      return to;
    }
    if (types.isDate(from)) return new Date(Date.prototype.getTime.call(from));
    if (types.isRegExp(from)) return new RegExp(from.source, from.flags);
    if (types.isNativeError(from)) return errorLike(from);
    if (types.isBoxedPrimitive(from)) {
      if (types.isSymbolObject(from)) refuse("Object");
      return Object(from.valueOf());
    }
    if (from instanceof Promise || types.isWeakMap(from) || types.isWeakSet(from) || from instanceof WeakRef) {
      refuse(`#<${from.constructor?.name ?? "Object"}>`);
    }
    return later(from, {});
  };

  const later = (from, to) => {
    open.push(() => {
      for (const key of Object.keys(from)) {
        const held = copy(from[key]);
        if (key === "__proto__") Object.defineProperty(to, key, { value: held, writable: true, enumerable: true, configurable: true });
        else to[key] = held;
      }
    });
    return to;
  };

  const errorLike = (from) => {
    const Kind = Object.hasOwn(ERRORS, String(from.name)) ? ERRORS[from.name] : Error;
    const made = new Kind(Object.hasOwn(from, "message") ? String(from.message) : undefined);
    if (typeof from.stack === "string") Object.defineProperty(made, "stack", { value: from.stack, writable: true, configurable: true, enumerable: false });
    if (Object.hasOwn(from, "cause")) {
      open.push(() => Object.defineProperty(made, "cause", { value: copy(from.cause), writable: true, configurable: true, enumerable: false }));
    }
    return made;
  };

  const result = copy(value);
  while (open.length > 0) open.pop()();
  return result;
}
