// Deep equality, as of node:assert and util.isDeepStrictEqual. Pairs that are being compared count as equal, so that
// circles end.

import { types } from "./types.js";

export function deepEqual(a, b, strict) {
  return compare(a, b, strict, []);
}

function compare(a, b, strict, open) {
  if (strict ? Object.is(a, b) : a === b || (a !== a && b !== b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return !strict && typeof a !== "function" && typeof b !== "function" && (a === null || typeof a !== "object") && (b === null || typeof b !== "object") && a == b;
  }
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false;
  if (open.some(([x, y]) => x === a && y === b)) return true;
  open.push([a, b]);
  const same = inside(a, b, strict, open);
  open.pop();
  return same;
}

function inside(a, b, strict, open) {
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a)) return a.length === b.length && fields(a, b, strict, open);
  if (types.isDate(a)) {
    if (!types.isDate(b) || !Object.is(a.getTime(), b.getTime())) return false;
  } else if (types.isRegExp(a)) {
    if (!types.isRegExp(b) || String(a) !== String(b) || a.lastIndex !== b.lastIndex) return false;
  } else if (types.isNativeError(a)) {
    if (!types.isNativeError(b) || a.message !== b.message || a.name !== b.name || !compare(a.cause, b.cause, strict, open)) return false;
  } else if (ArrayBuffer.isView(a)) {
    if (a.byteLength !== b.byteLength) return false;
    const [x, y] = [a, b].map((view) => (view instanceof DataView ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : view));
    for (let i = 0; i < x.length; i++) if (strict ? !Object.is(x[i], y[i]) : x[i] !== y[i]) return false;
    return true;
  } else if (types.isAnyArrayBuffer(a)) {
    return inside(new Uint8Array(a), new Uint8Array(b), strict, open);
  } else if (types.isSet(a)) {
    if (!types.isSet(b) || a.size !== b.size) return false;
    const others = [...b].filter((value) => !a.has(value));
    for (const value of a) if (!b.has(value) && !take(others, (other) => compare(value, other, strict, open))) return false;
  } else if (types.isMap(a)) {
    if (!types.isMap(b) || a.size !== b.size) return false;
    const others = [...b].filter(([key]) => !a.has(key));
    for (const [key, value] of a) {
      if (b.has(key)) {
        if (!compare(value, b.get(key), strict, open)) return false;
      } else if (!take(others, ([k, v]) => compare(key, k, strict, open) && compare(value, v, strict, open))) return false;
    }
  } else if (types.isBoxedPrimitive(a)) {
    if (!types.isBoxedPrimitive(b) || !Object.is(a.valueOf(), b.valueOf())) return false;
  } else if (types.isWeakMap(a) || types.isWeakSet(a) || types.isPromise(a)) return false;
  return fields(a, b, strict, open);
}

// Takes what fits out of a list.
function take(list, fits) {
  const index = list.findIndex(fits);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}

function fields(a, b, strict, open) {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  if (!keys.every((key) => Object.prototype.propertyIsEnumerable.call(b, key))) return false;
  if (strict) {
    const symbols = (value) => Object.getOwnPropertySymbols(value).filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol));
    const own = symbols(a);
    if (own.length !== symbols(b).length || !own.every((symbol) => compare(a[symbol], b[symbol], strict, open) && symbol in b)) return false;
  }
  return keys.every((key) => compare(a[key], b[key], strict, open));
}
