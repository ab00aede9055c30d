// util.inspect, util.format and the console, compared with Node's own.

import assert from "node:assert/strict";
import { test } from "node:test";
import util from "node:util";

import { format } from "../lib/env/format.js";
import { inspect } from "../lib/env/inspect.js";
import { globals, lines } from "./environment.mjs";

const OPTIONS = [
  undefined,
  { depth: 0 },
  { depth: null },
  { compact: false },
  { compact: true },
  { breakLength: 40 },
  { sorted: true },
  { maxArrayLength: 3, maxStringLength: 5 },
  { numericSeparator: true },
  { getters: true },
];

function same(values, options = OPTIONS) {
  for (const value of values) {
    for (const option of options) {
      const expected = util.inspect(value, option);
      assert.equal(inspect(value, option), expected, `${expected.slice(0, 60)} with ${JSON.stringify(option)}`);
    }
  }
}

class Foo {
  constructor() {
    this.x = 1;
  }
}
class Bar extends Foo {
  get y() {
    return 2;
  }
}
class OwnError extends Error {
  constructor(message, options) {
    super(message, options);
    this.code = "X";
  }
}

test("primitives and text", () => {
  same([1, 123456.789, "a", "it's", "a\nb", `a'b"c`, "a'b\"c`d", null, undefined, true, 10n, 12345678n, Symbol("x"), "\u{1F600}\ud800\x1b", "x".repeat(20_000)]);
  same([-0], [undefined, { compact: true }]);
  same([{ long: "y".repeat(200), lines: `${"a".repeat(40)}\n${"b".repeat(40)}` }]);
});

test("objects of all kinds", () => {
  const circle = { a: 1, b: {} };
  circle.b.c = circle;
  const bare = Object.create(null);
  bare.a = 1;
  const named = function named() {};
  named.prop = 1;
  same([
    {}, { a: 1 }, { a: { b: { c: { d: 1 } } } }, circle, bare, new Foo(), new Bar(), Object.create({}), Object.create(Foo.prototype), Object.create(bare),
    { [Symbol("s")]: 1, "a-b": 2, "it's": 3, 1: 2 }, { ["__proto__"]: 1 }, { f() {}, g: class A {} }, { [Symbol.toStringTag]: "Tagged" },
    Foo, Bar, class {}, named, () => {}, async () => {}, function* () {}, async function* many() {}, Object.assign(() => {}, { a: 1 }), Math, JSON,
    new Date(0), new Date(Number.NaN), /x/g, new Number(3), new String("abc"), Object(Symbol("q")), Object(1n),
    { get a() { return 1; }, set a(_) {}, get b() { return 1; }, set c(_) {} },
    (function () { return arguments; })(1, 2),
    { a: "x".repeat(30), b: "y".repeat(30), c: "z".repeat(30) }, new WeakMap(), new (class T { get [Symbol.toStringTag]() { return "TT"; } })(),
  ]);
});

test("lists, maps, sets and bytes", () => {
  const extra = [1, 2];
  extra.extra = "x";
  same([
    [], [[[[1]]]], [1, , , 4, , ], [, "a"], extra, [undefined, null], new Array(5), new Array(1e6), new (class extends Array {})(3),
    Array.from({ length: 200 }, (_, i) => i), Array.from({ length: 30 }, (_, i) => `item${i}`), Array.from({ length: 120 }, (_, i) => ({ i })),
    [1.5, 2.25, 1000, 20, 3, 4, 5, 66, 7777], ["日本", "a", "b", "c", "d", "e", "f", "日本語"], [-1, "a", {}],
    new Map([[1, { a: 2 }], ["k", [1, 2, 3]]]), new Map(), new Set([1, "2", {}]), new Set(), new (class M extends Map {})([[1, 2]]),
    new Uint8Array([1, 2, 3]), new Float64Array(2), new BigInt64Array(2), new Uint8Array(0), new ArrayBuffer(4), new DataView(new ArrayBuffer(2)),
    { a: { b: { c: [] } } }, { a: { b: { c: new Map([[1, 2]]) } } }, { a: { b: { c: new Foo() } } }, { a: { b: { c: new Date(0) } } },
  ]);
});

test("errors, their causes and what is in them", () => {
  const named = new Error("m");
  named.name = "Custom";
  same([
    new Error("boom"), new TypeError("t"), new OwnError("mine"), new Error("outer", { cause: new Error("inner") }), new Error("why", { cause: "text" }),
    named, new AggregateError([new Error("q")], "many"), { e: new Error("in") }, [new Error("l")], { a: { b: { c: new Error("deep") } } },
  ]);
});

test("colors, custom inspection, old arguments", () => {
  same([{ a: 1, b: "x", c: null, d: undefined, e: Symbol("s"), f: () => {}, g: new Date(0), h: /r/, i: true, j: 1n }], [{ colors: true }]);
  const custom = { [util.inspect.custom]: (depth, options) => `<${depth} ${options.breakLength} ${typeof options.stylize}>` };
  same([custom, [custom], { [util.inspect.custom]: () => ({ other: 1 }) }], [undefined, { depth: 5 }]);
  assert.equal(inspect({ a: { b: 1 } }, false, 0), util.inspect({ a: { b: 1 } }, false, 0));
});

test("format", () => {
  const circle = {};
  circle.a = circle;
  const cases = [
    ["%s", 1], ["%s %s", "a"], ["%d", "42"], ["%i", 3.9], ["%f", "1.5x"], ["%j", { a: 1 }], ["%j", circle], ["%O", { a: { b: { c: { d: 1 } } } }], ["%c", "css"],
    ["%%"], ["%%", "x"], ["%x", 1], ["100%", 1], ["a", "b", { c: 1 }], [1, 2, "3"], ["%s", { a: { b: 1 } }], ["%s", new Foo()], ["%s", [1, [2]]], ["%s", () => 1],
    ["%s", Symbol("a")], ["%d", Symbol("a")], ["%s", -0], ["%d", -0], ["%d", 10n], ["%i", 10n], ["%s", { toString: () => "T" }], ["%s", new Date(0)], ["%s", undefined], ["%s", null],
    [""], ["", 1], ["%s"], [], ["%s:%s", "a", "b", "c"], ["%", 1], ["%s", class Q { static toString() { return "q"; } }],
  ];
  for (const args of cases) assert.equal(format(...args), util.format(...args));
});

test("work is bounded, for any object", () => {
  const wide = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`key${i}`, i]));
  const deep = {};
  let at = deep;
  for (let i = 0; i < 100_000; i++) at = at.next = { i };
  const bush = (depth) => (depth === 0 ? {} : Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i}`, bush(depth - 1)])));
  const hostile = new Proxy({}, { get: () => { throw new Error("no"); }, ownKeys: () => { throw new Error("no"); } });
  lines.length = 0;
  for (const value of [wide, deep, bush(3), hostile, "ü".repeat(100_000), ["x".repeat(100_000)], { get a() { throw new Error("no"); } }, Object.setPrototypeOf({}, null)]) {
    globals.console.log(value);
  }
  assert.equal(lines.length, 8);
  for (const [level, text] of lines) {
    assert.equal(level, 2);
    assert.ok(Buffer.byteLength(text) <= 8192, `${Buffer.byteLength(text)}`);
  }
  assert.match(lines[3][1], /cannot be shown: no/);
  assert.match(lines[4][1], /… \(\d+ more\)$/);
  assert.ok(inspect(deep, { depth: Infinity }).length < 4 << 20);
});

test("levels, groups, counters and tables of the console", () => {
  const { console } = globals;
  const out = (run) => {
    lines.length = 0;
    run();
    return lines.map((line) => [...line]);
  };
  assert.deepEqual(out(() => (console.debug("a"), console.info("b"), console.warn("c"), console.error("d %s", 1), console.log())), [[1, "a"], [2, "b"], [3, "c"], [4, "d 1"], [2, ""]]);
  assert.deepEqual(out(() => (console.group("g"), console.log("x\ny"), console.groupEnd(), console.log("z"))), [[2, "g"], [2, "  x\n  y"], [2, "z"]]);
  assert.deepEqual(out(() => (console.count(), console.count(), console.count("a"), console.countReset(), console.count())), [[2, "default: 1"], [2, "default: 2"], [2, "a: 1"], [2, "default: 1"]]);
  assert.deepEqual(out(() => (console.assert(true, "no"), console.assert(false, "%s", "x"), console.assert(false))), [[3, "Assertion failed: x"], [3, "Assertion failed"]]);
  const [[level, trace]] = out(() => console.trace("here"));
  assert.equal(level, 0);
  assert.match(trace, /^Trace: here\n    at /);
  assert.match(out(() => (console.time("t"), console.timeEnd("t")))[0][1], /^t: 0ms$/);
  const rows = [{ a: 1, b: "x" }, { a: 2, c: true }];
  const [[, table]] = out(() => console.table(rows));
  assert.equal(table.split("\n").length, 6);
  assert.match(table, /│ \(index\) │ a │  b  │  c   │/);
});
