// The engine's native functions, as the whole environment sees them, and errors with Node's codes. `bind` is called
// once by `install`; tests call it again.

export let N = null;

export function bind(bridge) {
  N = bridge;
}

// An error as Node makes them: with a code that programs look at.
export function coded(Kind, code, message) {
  const error = new Kind(message);
  Object.defineProperty(error, "code", { value: code, writable: true, configurable: true, enumerable: true });
  return error;
}

// What a wrong argument was, in Node's words.
export function received(value) {
  if (value == null) return ` Received ${value}`;
  if (typeof value === "function") return ` Received function ${value.name}`;
  if (typeof value === "object") {
    const name = value.constructor?.name;
    return name ? ` Received an instance of ${name}` : " Received an object";
  }
  let text = typeof value === "string" ? `'${value}'` : String(value);
  if (typeof value === "bigint") text += "n";
  return ` Received type ${typeof value} (${text.length > 28 ? `${text.slice(0, 25)}...` : text})`;
}

export function wrongType(name, kind, value) {
  const what = name.includes(".") ? "property" : "argument";
  return coded(TypeError, "ERR_INVALID_ARG_TYPE", `The "${name}" ${what} must be ${kind}.${received(value)}`);
}

export function outOfRange(name, range, value) {
  return coded(RangeError, "ERR_OUT_OF_RANGE", `The value of "${name}" is out of range. It must be ${range}. Received ${grouped(value)}`);
}

// A number as Node shows it in such errors: with an underscore after every three digits.
function grouped(value) {
  if (typeof value === "bigint") return `${String(value).replace(/\B(?=(\d{3})+$)/g, "_")}n`;
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) && Math.abs(value) > 2 ** 32 ? String(value).replace(/\B(?=(\d{3})+$)/g, "_") : String(value);
}

export function needsFunction(value, name) {
  if (typeof value !== "function") throw wrongType(name, "of type function", value);
}
