// node:assert: what tests and careful programs use of it.

import { coded, needsFunction } from "./native.js";
import { deepEqual } from "./equal.js";
import { inspect } from "./inspect.js";

export class AssertionError extends Error {
  constructor(options) {
    super(options.message ?? `${inspect(options.actual)} ${options.operator} ${inspect(options.expected)}`);
    this.name = "AssertionError";
    this.generatedMessage = options.message === undefined;
    this.code = "ERR_ASSERTION";
    this.actual = options.actual;
    this.expected = options.expected;
    this.operator = options.operator;
  }
}
Object.defineProperty(AssertionError.prototype, "name", { value: "AssertionError", writable: true, configurable: true });

function fail(message, usual, actual, expected, operator) {
  if (message instanceof Error) throw message;
  const error = new AssertionError({ message: message ?? usual(), actual, expected, operator });
  error.generatedMessage = message === undefined;
  throw error;
}

const both = (what, actual, expected) => () => `${what}:\n\n+ actual - expected\n\n+ ${inspect(actual)}\n- ${inspect(expected)}\n`;

export function assert(...args) {
  ok(...args);
}

function ok(value, message) {
  if (arguments.length === 0) fail(undefined, () => "No value argument passed to `assert.ok()`", undefined, true, "==");
  if (!value) fail(message, () => `The expression evaluated to a falsy value: ${inspect(value)}`, value, true, "==");
}

// Whether an error is what was expected: a class, a pattern, an object with some of its properties, or a function that
// says so.
function fits(error, expected, message, what) {
  if (expected === undefined || typeof expected === "string") return;
  if (expected instanceof RegExp) {
    if (expected.test(String(error))) return;
    fail(message, () => `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(String(error))}\n`, error, expected, what);
  }
  if (typeof expected === "function") {
    if (expected.prototype !== undefined && error instanceof expected) return;
    if (Error.isPrototypeOf(expected) || expected === Error) {
      fail(message, () => `The error is expected to be an instance of "${expected.name}". Received "${error?.constructor?.name ?? typeof error}"\n\nError message:\n\n${error?.message}`, error, expected, what);
    }
    if (expected.call({}, error) === true) return;
    fail(message, () => `The ${expected.name ? `"${expected.name}" ` : ""}validation function is expected to return "true". Received false`, error, expected, what);
  }
  const keys = Object.keys(expected);
  if (expected instanceof Error) keys.push("name", "message");
  for (const key of keys) {
    const wanted = expected[key];
    if (typeof error?.[key] === "string" && wanted instanceof RegExp && wanted.test(error[key])) continue;
    if (!deepEqual(error?.[key], wanted, true)) {
      fail(message, both(`Expected values to be strictly deep-equal`, error, expected), error, expected, what);
    }
  }
}

const missing = (what, expected, message) => {
  const name = typeof expected === "function" && expected.name ? ` (${expected.name})` : "";
  const said = typeof expected === "string" ? expected : message;
  const text = `Missing expected ${what}${name}${said === undefined ? "." : `: ${said}`}`;
  fail(said instanceof Error ? said : text, () => text, undefined, expected, what === "rejection" ? "rejects" : "throws");
};

async function reasonOf(promised) {
  const promise = typeof promised === "function" ? promised() : promised;
  if (typeof promise?.then !== "function") {
    throw coded(TypeError, "ERR_INVALID_RETURN_VALUE", "Expected instance of Promise to be returned from the \"promiseFn\" function");
  }
  try {
    await promise;
  } catch (error) {
    return { error };
  }
  return null;
}

Object.assign(assert, {
  AssertionError,
  ok,
  fail(message = "Failed") {
    fail(message, () => message, undefined, undefined, "fail");
  },
  equal(actual, expected, message) {
    if (actual == expected || (actual !== actual && expected !== expected)) return;
    fail(message, () => `${inspect(actual)} == ${inspect(expected)}`, actual, expected, "==");
  },
  notEqual(actual, expected, message) {
    if (actual == expected || (actual !== actual && expected !== expected)) fail(message, () => `${inspect(actual)} != ${inspect(expected)}`, actual, expected, "!=");
  },
  strictEqual(actual, expected, message) {
    if (Object.is(actual, expected)) return;
    const simple = [actual, expected].every((value) => typeof value !== "object" && typeof value !== "function" && typeof value !== "string");
    const usual = simple ? () => `Expected values to be strictly equal:\n\n${inspect(actual)} !== ${inspect(expected)}\n` : both("Expected values to be strictly equal", actual, expected);
    fail(message, usual, actual, expected, "strictEqual");
  },
  notStrictEqual(actual, expected, message) {
    if (Object.is(actual, expected)) fail(message, () => `Expected "actual" to be strictly unequal to: ${inspect(expected)}`, actual, expected, "notStrictEqual");
  },
  deepEqual(actual, expected, message) {
    if (!deepEqual(actual, expected, false)) fail(message, both("Expected values to be loosely deep-equal", actual, expected), actual, expected, "deepEqual");
  },
  notDeepEqual(actual, expected, message) {
    if (deepEqual(actual, expected, false)) fail(message, () => `Expected "actual" not to be loosely deep-equal to: ${inspect(expected)}`, actual, expected, "notDeepEqual");
  },
  deepStrictEqual(actual, expected, message) {
    if (!deepEqual(actual, expected, true)) fail(message, both("Expected values to be strictly deep-equal", actual, expected), actual, expected, "deepStrictEqual");
  },
  notDeepStrictEqual(actual, expected, message) {
    if (deepEqual(actual, expected, true)) fail(message, () => `Expected "actual" not to be strictly deep-equal to: ${inspect(expected)}`, actual, expected, "notDeepStrictEqual");
  },
  match(text, pattern, message) {
    if (typeof text !== "string" || !pattern.test(text)) fail(message, () => `The input did not match the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`, text, pattern, "match");
  },
  doesNotMatch(text, pattern, message) {
    if (typeof text === "string" && pattern.test(text)) fail(message, () => `The input was expected to not match the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`, text, pattern, "doesNotMatch");
  },
  throws(run, expected, message) {
    needsFunction(run, "fn");
    let thrown = null;
    try {
      run();
    } catch (error) {
      thrown = { error };
    }
    if (thrown === null) missing("exception", expected, message);
    else fits(thrown.error, expected, message, "throws");
  },
  doesNotThrow(run, message) {
    needsFunction(run, "fn");
    try {
      run();
    } catch (error) {
      fail(message, () => `Got unwanted exception.\nActual message: "${error?.message}"`, error, undefined, "doesNotThrow");
    }
  },
  async rejects(promised, expected, message) {
    const reason = await reasonOf(promised);
    if (reason === null) missing("rejection", expected, message);
    else fits(reason.error, expected, message, "rejects");
  },
  async doesNotReject(promised, message) {
    const reason = await reasonOf(promised);
    if (reason !== null) fail(message, () => `Got unwanted rejection.\nActual message: "${reason.error?.message}"`, reason.error, undefined, "doesNotReject");
  },
  ifError(value) {
    if (value == null) return;
    throw new AssertionError({ message: `ifError got unwanted exception: ${value?.message ?? inspect(value)}`, actual: value, expected: null, operator: "ifError" });
  },
});

function strict(...args) {
  ok(...args);
}
assert.strict = Object.assign(strict, assert, {
  equal: assert.strictEqual,
  deepEqual: assert.deepStrictEqual,
  notEqual: assert.notStrictEqual,
  notDeepEqual: assert.notDeepStrictEqual,
});
strict.strict = strict;
assert.default = assert;
