// `error.stack` as V8 has it: it begins with the name and the message, and its places are those of the user's source.
// QuickJS keeps neither; what it has is completed when somebody looks. Node needs none of this.

import { N } from "./native.js";

const PLACES = /^\s*at /;

// What QuickJS has of an error, completed; what a script put there is left alone.
function complete(error, raw) {
  if (typeof raw !== "string" || (raw !== "" && !PLACES.test(raw))) return raw;
  let head;
  try {
    head = Error.prototype.toString.call(error);
  } catch {
    head = "Error";
  }
  return raw === "" ? head : `${head}\n${N.stack({ stack: raw }).trimEnd()}`;
}

export function completeStacks() {
  const own = Object.getOwnPropertyDescriptor(Error.prototype, "stack");
  if (own?.get === undefined) return;
  Object.defineProperty(Error.prototype, "stack", {
    ...own,
    get() {
      return complete(this, own.get.call(this));
    },
  });
  const capture = Error.captureStackTrace;
  const captureStackTrace = (target, until) => {
    capture(target, typeof until === "function" ? until : captureStackTrace);
    const made = Object.getOwnPropertyDescriptor(target, "stack");
    if (typeof made?.value !== "string") return;
    Object.defineProperty(target, "stack", { ...made, value: complete(target, made.value) });
  };
  Object.defineProperty(Error, "captureStackTrace", { value: captureStackTrace, writable: true, configurable: true });
}
