// `util.inspect`, after Node's rules: what is shown, how deep, where lines break. Work is bounded: an
// object of any size costs at most so many characters (`WORK`) before the rest is left out. Getters are not called.

import { N } from "./native.js";
import { ITEM, LIST, OBJECT, reduceToSingleString } from "./lines.js";
import { escaped, formatBigInt, formatNumber, formatPrimitive, more, quoted, widthOf } from "./quote.js";
import { isError, mapSize, rough, setSize, slot, tagOfTyped, types } from "./types.js";

// Characters that one call of inspect may write before it leaves things out.
const WORK = 1 << 20;
// How deep it goes, whatever the depth that is asked for.
const DEPTH_MAX = 500;
// Arrays longer than this are not searched for properties that are no elements.
const SEARCHED_MAX = 10_000;

const CUSTOM = Symbol.for("nodejs.util.inspect.custom");
const DEFAULTS = {
  showHidden: false,
  depth: 2,
  colors: false,
  customInspect: true,
  showProxy: false,
  maxArrayLength: 100,
  maxStringLength: 10000,
  breakLength: 80,
  compact: 3,
  sorted: false,
  getters: false,
  numericSeparator: false,
};

const plain = (text) => text;
const colored = (text, kind) => {
  const color = inspect.colors[inspect.styles[kind]];
  return color === undefined ? text : `\x1b[${color[0]}m${text}\x1b[${color[1]}m`;
};

export function inspect(value, options, ...legacy) {
  const ctx = {
    work: { left: WORK },
    budget: {},
    indentationLvl: 0,
    seen: [],
    currentDepth: 0,
    stylize: plain,
    circular: undefined,
    userOptions: undefined,
    ...DEFAULTS,
  };
  if (typeof options === "boolean") {
    ctx.showHidden = options;
    if (legacy[0] !== undefined) ctx.depth = legacy[0];
    if (legacy[1] !== undefined) ctx.colors = legacy[1];
  } else if (options) {
    for (const key of Object.keys(options)) {
      if (Object.hasOwn(DEFAULTS, key) || key === "stylize" || key === "work") ctx[key] = options[key];
      else ctx.userOptions = options;
    }
  }
  if (ctx.colors) ctx.stylize = colored;
  if (ctx.maxArrayLength === null) ctx.maxArrayLength = Infinity;
  if (ctx.maxStringLength === null) ctx.maxStringLength = Infinity;
  return formatValue(ctx, value, 0);
}

inspect.custom = CUSTOM;
inspect.defaultOptions = DEFAULTS;
inspect.colors = {
  __proto__: null,
  reset: [0, 0], bold: [1, 22], dim: [2, 22], italic: [3, 23], underline: [4, 24], inverse: [7, 27],
  black: [30, 39], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], magenta: [35, 39],
  cyan: [36, 39], white: [37, 39], gray: [90, 39], grey: [90, 39],
};
inspect.styles = {
  __proto__: null,
  special: "cyan", number: "yellow", bigint: "yellow", boolean: "yellow", undefined: "grey", null: "bold",
  string: "green", symbol: "green", date: "magenta", regexp: "red", module: "underline",
};

// What may be asked of an object without asking its prototype's constructors.
const BOXES = [Number, String, Boolean, BigInt, Symbol];

function formatValue(ctx, value, depth, typed) {
  if (ctx.work.left <= 0) return "...";
  let text;
  if (typeof value !== "object" && typeof value !== "function") text = formatPrimitive(ctx.stylize, value, ctx);
  else if (value === null) text = ctx.stylize("null", "null");
  else text = formatObject(ctx, value, depth, typed);
  ctx.work.left -= text.length;
  return text;
}

function formatObject(ctx, value, depth, typed) {
  if (ctx.customInspect) {
    const custom = value[CUSTOM];
    if (typeof custom === "function" && custom !== inspect && !(value.constructor && value.constructor.prototype === value)) {
      const left = ctx.depth === null ? null : ctx.depth - depth;
      const shown = custom.call(value, left, userOptions(ctx), inspect);
      if (shown !== value) {
        if (typeof shown !== "string") return formatValue(ctx, shown, depth);
        return shown.replaceAll("\n", `\n${" ".repeat(ctx.indentationLvl)}`);
      }
    }
  }
  if (ctx.seen.includes(value)) {
    ctx.circular ??= new Map();
    if (!ctx.circular.has(value)) ctx.circular.set(value, ctx.circular.size + 1);
    return ctx.stylize(`[Circular *${ctx.circular.get(value)}]`, "special");
  }
  return formatRaw(ctx, value, depth, typed);
}

function userOptions(ctx) {
  const options = { stylize: ctx.stylize };
  for (const key of Object.keys(DEFAULTS)) options[key] = ctx[key];
  return { ...options, ...ctx.userOptions };
}

function constructorName(value, ctx, depth = 0) {
  for (let object = value, steps = 0; object !== null && steps < 1000; object = Object.getPrototypeOf(object), steps++) {
    const own = Object.getOwnPropertyDescriptor(object, "constructor");
    if (own !== undefined && typeof own.value === "function" && own.value.name !== "" && isInstance(value, own.value)) {
      return String(own.value.name);
    }
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return null;
  const name = fallbackName(value);
  if (depth > 10 || (ctx.depth !== null && depth > ctx.depth)) return `${name} <Complex prototype>`;
  const parent = constructorName(prototype, ctx, depth + 1);
  return `${name} <${parent ?? inspect(prototype, { ...ctx, customInspect: false, depth: -1 })}>`;
}

function isInstance(value, constructor) {
  try {
    return value instanceof constructor;
  } catch {
    return false;
  }
}

function fallbackName(value) {
  return rough(value).slice(8, -1);
}

function getPrefix(constructor, tag, fallback, size = "") {
  if (constructor === null) {
    if (tag !== "" && fallback !== tag) return `[${fallback}${size}: null prototype] [${tag}] `;
    return `[${fallback}${size}: null prototype] `;
  }
  if (tag !== "" && constructor !== tag) return `${constructor}${size} [${tag}] `;
  return `${constructor}${size} `;
}

function getKeys(value, hidden) {
  const symbols = Object.getOwnPropertySymbols(value);
  if (hidden) return [...Object.getOwnPropertyNames(value), ...symbols];
  let keys;
  try {
    keys = Object.keys(value);
  } catch {
    keys = Object.getOwnPropertyNames(value);
  }
  if (symbols.length === 0) return keys;
  return [...keys, ...symbols.filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))];
}

function getExtraKeys(value, hidden) {
  if (value.length > SEARCHED_MAX) return [];
  return getKeys(value, hidden).filter((key) => typeof key === "symbol" || !/^(0|[1-9]\d*)$/.test(key));
}

// How an object is shown, first without looking into it.
function formatRaw(ctx, value, depth, typed) {
  const constructor = constructorName(value, ctx, depth);
  const hidden = ctx.showHidden;
  let tag = value[Symbol.toStringTag];
  const listed = hidden ? Object.prototype.hasOwnProperty : Object.prototype.propertyIsEnumerable;
  if (typeof tag !== "string" || (tag !== "" && listed.call(value, Symbol.toStringTag))) tag = "";
  let base = "";
  let formatter = () => [];
  let braces = ["{", "}"];
  let kind = OBJECT;
  let keys;
  const style = (fallback) => getPrefix(constructor, tag, fallback);

  if (Array.isArray(value)) {
    keys = getExtraKeys(value, hidden);
    const prefix = constructor !== "Array" || tag !== "" ? getPrefix(constructor, tag, "Array", `(${value.length})`) : "";
    braces = [`${prefix}[`, "]"];
    if (value.length === 0 && keys.length === 0) return `${braces[0]}]`;
    kind = LIST;
    formatter = formatArray;
  } else if (ArrayBuffer.isView(value) && !types.isDataView(value)) {
    const fallback = tagOfTyped.call(value);
    keys = getExtraKeys(value, hidden);
    braces = [`${getPrefix(constructor, tag, fallback, `(${value.length})`)}[`, "]"];
    if (value.length === 0 && keys.length === 0 && !hidden) return `${braces[0]}]`;
    kind = LIST;
    formatter = formatTyped;
  } else if (types.isSet(value)) {
    keys = getKeys(value, hidden);
    const prefix = getPrefix(constructor, tag, "Set", `(${setSize.call(value)})`);
    if (setSize.call(value) === 0 && keys.length === 0) return `${prefix}{}`;
    braces[0] = `${prefix}{`;
    formatter = formatSet;
  } else if (types.isMap(value)) {
    keys = getKeys(value, hidden);
    const prefix = getPrefix(constructor, tag, "Map", `(${mapSize.call(value)})`);
    if (mapSize.call(value) === 0 && keys.length === 0) return `${prefix}{}`;
    braces[0] = `${prefix}{`;
    formatter = formatMap;
  } else {
    keys = getKeys(value, hidden);
    if (typeof value === "function") {
      base = functionBase(value, constructor, tag);
      if (keys.length === 0) return ctx.stylize(base, "special");
    } else if (types.isArgumentsObject(value)) {
      braces[0] = "[Arguments] {";
      if (keys.length === 0) return "[Arguments] {}";
    } else if (isError(value)) {
      base = formatError(ctx, value, constructor, tag, keys);
      if (keys.length === 0) return base;
    } else if (types.isRegExp(value)) {
      base = RegExp.prototype.toString.call(value);
      if (style("RegExp") !== "RegExp ") base = `${style("RegExp")}${base}`;
      if (keys.length === 0 || tooDeep(ctx, depth)) return ctx.stylize(base, "regexp");
    } else if (types.isDate(value)) {
      base = Number.isNaN(Date.prototype.getTime.call(value)) ? "Invalid Date" : Date.prototype.toISOString.call(value);
      if (style("Date") !== "Date ") base = `${style("Date")}${base}`;
      if (keys.length === 0) return ctx.stylize(base, "date");
    } else if (types.isAnyArrayBuffer(value)) {
      const prefix = style(types.isArrayBuffer(value) ? "ArrayBuffer" : "SharedArrayBuffer");
      if (typed === undefined) formatter = formatArrayBuffer;
      else if (keys.length === 0) return `${prefix}{ byteLength: ${formatNumber(ctx.stylize, value.byteLength, false)} }`;
      braces[0] = `${prefix}{`;
      keys.unshift("byteLength");
    } else if (types.isDataView(value)) {
      braces[0] = `${style("DataView")}{`;
      keys.unshift("byteLength", "byteOffset", "buffer");
    } else if (types.isPromise(value)) {
      braces[0] = `${style("Promise")}{`;
      formatter = formatPromise;
    } else if (types.isWeakSet(value) || types.isWeakMap(value)) {
      braces[0] = `${style(types.isWeakSet(value) ? "WeakSet" : "WeakMap")}{`;
      formatter = () => [ctx.stylize("<items unknown>", "special")];
    } else if (types.isModuleNamespaceObject(value)) {
      braces[0] = `${style("Module")}{`;
    } else if (types.isBoxedPrimitive(value)) {
      base = boxedBase(ctx, value, keys, constructor, tag);
      if (keys.length === 0) return base;
    } else if (typeof value.href === "string" && constructor === "URL" && !tooDeep(ctx, depth)) {
      base = value.href;
      if (keys.length === 0) return base;
    } else if (constructor === "Object") {
      if (tag !== "") braces[0] = `${style("Object")}{`;
      if (keys.length === 0) return `${braces[0]}}`;
    } else {
      if (keys.length === 0) return `${style(fallbackName(value))}{}`;
      braces[0] = `${style(fallbackName(value))}{`;
    }
  }

  if (tooDeep(ctx, depth)) {
    const name = style(Array.isArray(value) ? "Array" : fallbackName(value)).slice(0, -1);
    return ctx.stylize(constructor === null ? name : `[${name}]`, "special");
  }
  depth += 1;
  ctx.seen.push(value);
  ctx.currentDepth = depth;
  const indentation = ctx.indentationLvl;
  let output;
  try {
    output = formatter(ctx, value, depth);
    for (let i = 0; i < keys.length; i++) {
      if (ctx.work.left <= 0) {
        output.push(`... ${keys.length - i} more`);
        break;
      }
      output.push(formatProperty(ctx, value, depth, keys[i], kind));
    }
  } catch (error) {
    if (!(error instanceof RangeError) && !/stack/.test(error?.message)) throw error;
    ctx.seen.pop();
    ctx.indentationLvl = indentation;
    const name = style(fallbackName(value)).slice(0, -1);
    return ctx.stylize(`[${name}: Inspection interrupted prematurely. Maximum call stack size exceeded.]`, "special");
  }
  const number = ctx.circular?.get(value);
  if (number !== undefined) {
    const reference = ctx.stylize(`<ref *${number}>`, "special");
    if (ctx.compact !== true) base = base === "" ? reference : `${reference} ${base}`;
    else braces[0] = `${reference} ${braces[0]}`;
  }
  ctx.seen.pop();
  if (ctx.sorted) {
    const order = ctx.sorted === true ? undefined : ctx.sorted;
    if (kind === OBJECT) output.sort(order);
    else output.push(...output.splice(output.length - keys.length).sort(order));
  }
  return reduceToSingleString(ctx, output, base, braces, kind, depth, value);
}

function tooDeep(ctx, depth) {
  return depth > DEPTH_MAX || (ctx.depth !== null && depth > ctx.depth);
}

function boxedBase(ctx, value, keys, constructor, tag) {
  const Box = BOXES.find((each) => slot(each.prototype.valueOf)(value));
  const type = Box.name;
  if (Box === String) keys.splice(0, value.length);
  let base = `[${type}`;
  if (type !== constructor) base += constructor === null ? " (null prototype)" : ` (${constructor})`;
  base += `: ${formatPrimitive(plain, Box.prototype.valueOf.call(value), ctx)}]`;
  if (tag !== "" && tag !== constructor) base += ` [${tag}]`;
  return keys.length !== 0 || ctx.stylize === plain ? base : ctx.stylize(base, type.toLowerCase());
}

function functionBase(value, constructor, tag) {
  // A class writes itself as one; what stands before its first brace has no parentheses, comments aside.
  const source = Function.prototype.toString.call(value);
  if (source.startsWith("class") && source.endsWith("}")) {
    const head = source.slice(5, source.indexOf("{"));
    if (!head.includes("(") || /^\s|^$/.test(head)) return classBase(value, constructor, tag);
  }
  const type = `${types.isAsyncFunction(value) ? "Async" : ""}${types.isGeneratorFunction(value) ? "Generator" : ""}Function`;
  let base = `[${type}`;
  if (constructor === null) base += " (null prototype)";
  base += value.name === "" ? " (anonymous)" : `: ${String(value.name)}`;
  base += "]";
  if (constructor !== type && constructor !== null) base += ` ${constructor}`;
  if (tag !== "" && constructor !== tag) base += ` [${tag}]`;
  return base;
}

function classBase(value, constructor, tag) {
  const name = (Object.hasOwn(value, "name") && value.name) || "(anonymous)";
  let base = `class ${name}`;
  if (constructor !== "Function" && constructor !== null) base += ` [${constructor}]`;
  if (tag !== "" && constructor !== tag) base += ` [${tag}]`;
  if (constructor !== null) {
    const parent = Object.getPrototypeOf(value).name;
    if (parent) base += ` extends ${parent}`;
  } else base += " extends [null prototype]";
  return `[${base}]`;
}

// An error's name, message and stack, as V8 writes them. Places are those of the user's source.
export function stackOf(error) {
  let stack = "";
  try {
    stack = String(N.stack(error) ?? "");
  } catch {
    // Then it has none.
  }
  let head;
  try {
    head = Error.prototype.toString.call(error);
  } catch {
    head = "Error";
  }
  if (stack === "") return head;
  if (/^\s*at /.test(stack)) return `${head}\n${stack.replace(/\s+$/, "")}`;
  return stack;
}

function formatError(ctx, error, constructor, tag, keys) {
  const name = error.name != null ? String(error.name) : "Error";
  let stack = stackOf(error);
  if (!ctx.showHidden) {
    for (const key of ["name", "message", "stack"]) {
      const index = keys.indexOf(key);
      if (index >= 0 && (key === "stack" || stack.includes(error[key]))) keys.splice(index, 1);
    }
  }
  if ("cause" in error && !keys.includes("cause")) keys.push("cause");
  if (Array.isArray(error.errors) && !keys.includes("errors")) keys.push("errors");
  stack = improveStack(stack, constructor, name, tag);
  const message = typeof error.message === "string" ? error.message : "";
  let at = message === "" ? -1 : stack.indexOf(message);
  if (at >= 0) at += message.length;
  const start = stack.indexOf("\n    at", Math.max(at, 0));
  if (start < 0) stack = `[${stack}]`;
  else stack = `${stack.slice(0, start)}\n${withoutCause(ctx, error, stack.slice(start + 1)).join("\n")}`;
  return ctx.indentationLvl === 0 ? stack : stack.replaceAll("\n", `\n${" ".repeat(ctx.indentationLvl)}`);
}

function improveStack(stack, constructor, name, tag) {
  let size = name.length;
  const ends = stack.length === size || stack[size] === ":" || stack[size] === "\n";
  if (constructor !== null && !(name.endsWith("Error") && stack.startsWith(name) && ends)) return stack;
  let fallback = "Error";
  if (constructor === null) {
    const start = /^([A-Z][a-z_ A-Z0-9[\]()-]+)(?::|\n {4}at)/.exec(stack) ?? /^([a-z_A-Z0-9-]*Error)$/.exec(stack);
    fallback = start?.[1] ?? "";
    size = fallback.length;
    fallback ||= "Error";
  }
  const prefix = getPrefix(constructor, tag, fallback).slice(0, -1);
  if (name === prefix) return stack;
  if (!prefix.includes(name)) return `${prefix} [${name}]${stack.slice(size)}`;
  return size === 0 ? `${prefix}: ${stack}` : `${prefix}${stack.slice(size)}`;
}

// The lines of a stack, without those that its cause's has as well.
function withoutCause(ctx, error, stack) {
  const frames = stack.split("\n");
  if (!isErrorLike(error.cause)) return frames;
  const ofCause = stackOf(error.cause);
  const start = ofCause.indexOf("\n    at");
  if (start < 0) return frames;
  const others = ofCause.slice(start + 1).split("\n");
  for (let i = 0; i < frames.length - 3; i++) {
    const at = others.indexOf(frames[i]);
    if (at < 0) continue;
    let same = 1;
    while (i + same < frames.length && at + same < others.length && frames[i + same] === others[at + same]) same++;
    if (same > 3) {
      const line = `    ... ${same - 2} lines matching cause stack trace ...`;
      frames.splice(i + 1, same - 2, ctx.stylize(line, "undefined"));
      break;
    }
  }
  return frames;
}

function isErrorLike(value) {
  return typeof value === "object" && value !== null && isError(value);
}

function formatArray(ctx, value, depth) {
  const size = Math.min(Math.max(0, ctx.maxArrayLength), value.length);
  const output = [];
  let i = 0;
  for (; i < value.length && output.length < size && ctx.work.left > 0; i++) {
    if (Object.hasOwn(value, i)) {
      output.push(formatProperty(ctx, value, depth, i, ITEM));
      continue;
    }
    const from = i;
    while (i + 1 < value.length && !Object.hasOwn(value, i + 1)) {
      // Nothing but empty places for long: the next one that is not empty is looked up.
      if (i - from > SEARCHED_MAX) {
        const next = Object.keys(value).find((key) => Number(key) > i);
        i = next === undefined || !/^\d+$/.test(next) ? value.length - 1 : Number(next) - 1;
        break;
      }
      i++;
    }
    const empty = i - from + 1;
    output.push(ctx.stylize(`<${empty} empty item${empty > 1 ? "s" : ""}>`, "undefined"));
  }
  if (i < value.length) output.push(more(value.length - i));
  return output;
}

function formatTyped(ctx, value, depth) {
  const size = Math.min(Math.max(0, ctx.maxArrayLength), value.length);
  const output = [];
  const format = typeof value[0] === "bigint" ? formatBigInt : formatNumber;
  for (let i = 0; i < size && ctx.work.left > 0; i++) {
    output.push(format(ctx.stylize, value[i], ctx.numericSeparator));
    ctx.work.left -= 4;
  }
  if (value.length > output.length) output.push(more(value.length - output.length));
  if (ctx.showHidden) {
    ctx.indentationLvl += 2;
    for (const key of ["BYTES_PER_ELEMENT", "length", "byteLength", "byteOffset", "buffer"]) {
      output.push(`[${key}]: ${formatValue(ctx, value[key], depth, true)}`);
    }
    ctx.indentationLvl -= 2;
  }
  return output;
}

function formatArrayBuffer(ctx, value) {
  const size = Math.min(Math.max(0, ctx.maxArrayLength), value.byteLength);
  const bytes = Array.from(new Uint8Array(value, 0, size), (byte) => byte.toString(16).padStart(2, "0"));
  const rest = value.byteLength - size;
  const text = bytes.join(" ") + (rest > 0 ? ` ${more(rest, "byte")}` : "");
  return [`${ctx.stylize("[Uint8Contents]", "special")}: <${text}>`];
}

function formatEntries(ctx, entries, count, format) {
  const size = Math.min(Math.max(0, ctx.maxArrayLength), count);
  const output = [];
  ctx.indentationLvl += 2;
  for (const entry of entries) {
    if (output.length >= size || ctx.work.left <= 0) break;
    output.push(format(entry));
  }
  if (count > output.length) output.push(more(count - output.length));
  ctx.indentationLvl -= 2;
  return output;
}

function formatSet(ctx, value, depth) {
  return formatEntries(ctx, Set.prototype.values.call(value), setSize.call(value), (entry) => formatValue(ctx, entry, depth));
}

function formatMap(ctx, value, depth) {
  const entry = ([key, held]) => `${formatValue(ctx, key, depth)} => ${formatValue(ctx, held, depth)}`;
  return formatEntries(ctx, Map.prototype.entries.call(value), mapSize.call(value), entry);
}

// `N.peek` tells what became of a promise, where there is one: [state, value], states as in Node.
function formatPromise(ctx, value, depth) {
  const [state, result] = N.peek?.(value) ?? [0];
  if (state === 0) return [ctx.stylize("<pending>", "special")];
  ctx.indentationLvl += 2;
  const text = formatValue(ctx, result, depth);
  ctx.indentationLvl -= 2;
  return [state === 2 ? `${ctx.stylize("<rejected>", "special")} ${text}` : text];
}

function formatProperty(ctx, value, depth, key, kind) {
  const own = Object.getOwnPropertyDescriptor(value, key) ?? { value: value[key], enumerable: true };
  let text;
  let space = " ";
  if (own.value !== undefined) {
    const indent = ctx.compact !== true || kind !== OBJECT ? 2 : 3;
    ctx.indentationLvl += indent;
    text = formatValue(ctx, own.value, depth);
    if (indent === 3 && ctx.breakLength < widthOf(text)) space = `\n${" ".repeat(ctx.indentationLvl)}`;
    ctx.indentationLvl -= indent;
  } else if (own.get !== undefined) {
    text = formatGetter(ctx, value, own, depth);
  } else if (own.set !== undefined) text = ctx.stylize("[Setter]", "special");
  else text = ctx.stylize("undefined", "undefined");
  if (kind === ITEM) return text;
  let name;
  if (typeof key === "symbol") name = `[${ctx.stylize(escaped(key.toString()), "symbol")}]`;
  else if (key === "__proto__") name = "['__proto__']";
  else if (own.enumerable === false) name = `[${escaped(key)}]`;
  else if (/^[a-zA-Z_][a-zA-Z_0-9]*$/.test(key)) name = ctx.stylize(key, "name");
  else name = ctx.stylize(quoted(String(key)), "string");
  ctx.work.left -= name.length;
  return `${name}:${space}${text}`;
}

function formatGetter(ctx, value, own, depth) {
  const label = own.set === undefined ? "Getter" : "Getter/Setter";
  const wanted = ctx.getters === true || (ctx.getters === "get" && own.set === undefined) || (ctx.getters === "set" && own.set !== undefined);
  const open = ctx.stylize(`[${label}${wanted ? ":" : "]"}`, "special");
  if (!wanted) return open;
  try {
    const got = own.get.call(value);
    ctx.indentationLvl += 2;
    const text = typeof got === "object" && got !== null
      ? `${ctx.stylize(`[${label}]`, "special")} ${formatValue(ctx, got, depth)}`
      : `${open} ${formatValue(ctx, got, depth)}${ctx.stylize("]", "special")}`;
    ctx.indentationLvl -= 2;
    return text;
  } catch (error) {
    return `${open} <Inspection threw (${error?.message})>${ctx.stylize("]", "special")}`;
  }
}
