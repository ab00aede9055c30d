// structuredClone: by the rules of HTML, for what there is in this engine. Works on a list of its own, so that depth
// costs no stack.

import { coded } from "./native.js";
import { types } from "./types.js";

function refuse(what) {
  throw new DOMException(`${what} could not be cloned.`, "DataCloneError");
}

const typeName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

export function structuredClone(value, options = undefined) {
  if (arguments.length === 0) throw coded(TypeError, "ERR_MISSING_ARGS", 'The "value" argument must be specified');
  const transfer = [...(options?.transfer ?? [])];
  if (transfer.length === 0) return cloned(value, new Map(), null);
  const same = new Map();
  for (const each of transfer) {
    if (!(each instanceof ArrayBuffer)) throw new TypeError("Found invalid object in transferList: only an ArrayBuffer can be transferred");
    if (each.detached || same.has(each)) refuse(each.detached ? "An ArrayBuffer is detached and" : "An ArrayBuffer is there twice and");
    same.set(each, each);
  }
  // Twice: what cannot be cloned moves nothing, and views are measured before their buffers are gone.
  const views = new Map();
  cloned(value, same, views);
  return cloned(value, new Map(transfer.map((each) => [each, each.transfer()])), views);
}

// `done`: what is there already, and its clone. `views`: places and lengths of views, of an earlier round or for a later.
function cloned(value, done, views) {
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
      const name = typeName.call(from) ?? "DataView";
      const [offset, length] = views?.get(from) ?? [from.byteOffset, name === "DataView" ? from.byteLength : from.length];
      views?.set(from, [offset, length]);
      return new globalThis[name](buffer, offset, length);
    }
    if (from instanceof ArrayBuffer) return from.slice(0);
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
