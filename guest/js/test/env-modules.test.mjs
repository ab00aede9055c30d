// Built-in modules, process, and how the environment is put together.

import assert from "node:assert/strict";
import nodeEvents from "node:events";
import nodePath from "node:path";
import { test } from "node:test";
import nodeUtil from "node:util";

import { BUILT_IN } from "../lib/env/modules.js";
import { N, globals, hooks, lines, outcome, pass, standIn } from "./environment.mjs";

const events = hooks.module("node:events");
const util = hooks.module("util");
const path = hooks.module("path");
const asserts = hooks.module("node:assert");

test("every built-in name gives a module, by both of its names", () => {
  const fetched = [];
  standIn({
    "env/url.js": { URL, URLSearchParams, nodeUrl: { parse() {} } },
    "env/http.js": { http: { createServer() {} } },
    "env/fetch.js": { create: () => ({ fetch, Blob, File, fetched: (...args) => fetched.push(args), fetchFailed: (...args) => fetched.push(args) }) },
  });
  for (const name of BUILT_IN.slice(1)) {
    const module = hooks.module(name);
    assert.ok(module !== undefined && module.default !== undefined, name);
    assert.equal(hooks.module(name.slice(5)), module);
  }
  assert.equal(hooks.module("node:buffer").Blob, Blob);
  assert.equal(globals.URL, URL);
  assert.equal(globals.fetch, fetch);
  hooks.fetched(1, 200, [], undefined);
  hooks.fetchFailed(2, "why");
  assert.deepEqual(fetched, [[1, 200, [], undefined], [2, "why"]]);
  assert.equal(hooks.module("left-pad"), undefined);
  for (const name of ["fs", "node:net", "child_process", "node:nonsense"]) {
    assert.throws(() => hooks.module(name), (error) => error.code === "ERR_MODULE_NOT_FOUND" && error.message.includes("sandbox"));
  }
});

test("globals can be replaced and are not listed", () => {
  assert.deepEqual(Object.keys(globals), []);
  assert.ok(globals.global === globals && globals.self === globals);
  const before = globals.Headers;
  globals.Headers = 5;
  assert.equal(globals.Headers, 5);
  globals.Headers = before;
});

test("process is filled when the app starts", async () => {
  hooks.start({ name: "chat", env: { A: "1" } });
  const { process, performance } = globals;
  assert.deepEqual([process.env.A, process.env.B, process.platform, process.version.slice(0, 3), process.argv[1], process.cwd()], ["1", undefined, "linux", "v20", "chat", "/"]);
  const from = process.hrtime();
  const big = process.hrtime.bigint();
  performance.mark("a");
  await pass(1500);
  assert.equal(process.uptime(), 1.5);
  assert.equal(performance.now(), 1500);
  assert.equal(performance.timeOrigin + performance.now(), N.now());
  assert.deepEqual(process.hrtime(from), [1, 500_000_000]);
  assert.equal(process.hrtime.bigint() - big, 1_500_000_000n);
  assert.equal(performance.measure("m", "a").duration, 1500);
  assert.throws(() => performance.measure("m", "none"), { name: "SyntaxError" });
  assert.throws(() => process.exit(1), /the host decides/);
  const ticks = [];
  process.nextTick((value) => ticks.push(value), 1);
  assert.deepEqual(ticks, []);
  await null;
  assert.deepEqual(ticks, [1]);
  process.once("SIGTERM", (signal) => ticks.push(signal));
  hooks.stopping();
  hooks.stopping();
  assert.deepEqual(ticks, [1, "SIGTERM"]);
  lines.length = 0;
  process.stdout.write("out\n");
  process.emitWarning("careful");
  assert.deepEqual(lines, [[2, "out"], [3, "Warning: careful"]]);
});

test("EventEmitter, as in Node", () => {
  const run = (EventEmitter) => {
    const seen = [];
    class Own extends EventEmitter {}
    const emitter = new Own();
    emitter.on("newListener", (type) => seen.push(`new ${String(type)}`));
    emitter.on("removeListener", (type) => seen.push(`gone ${String(type)}`));
    const a = (...args) => seen.push(`a ${args}`);
    emitter.on("x", a).prependListener("x", () => seen.push("first")).once("x", () => seen.push("once"));
    seen.push(emitter.emit("x", 1, 2), emitter.emit("x"), emitter.emit("none"));
    emitter.off("x", a);
    emitter.on(Symbol.for("s"), a);
    seen.push(emitter.listenerCount("x"), emitter.eventNames().map(String).join(), emitter.rawListeners("x").length);
    emitter.once("y", a);
    seen.push(emitter.listeners("y")[0] === a, emitter.rawListeners("y")[0] === a);
    emitter.removeAllListeners("y");
    emitter.removeAllListeners();
    seen.push(emitter.eventNames().length);
    for (const thrown of [new Error("e"), "text", undefined]) {
      const result = outcome(() => emitter.emit("error", thrown));
      seen.push(result.code, result.message);
    }
    seen.push(outcome(() => emitter.on("x", 5)).code, outcome(() => emitter.setMaxListeners(-1)).code);
    const again = new EventEmitter();
    again.on("r", function self() {
      again.off("r", self);
      seen.push("self");
    });
    again.on("r", () => seen.push("other"));
    again.emit("r");
    seen.push(again.listenerCount("r"));
    return seen;
  };
  assert.deepEqual(run(events), run(nodeEvents));
  assert.equal(events.default, events);
  assert.equal(events.EventEmitter, events);
  lines.length = 0;
  const many = new events();
  for (let i = 0; i < 12; i++) many.on("x", () => {});
  assert.equal(lines.length, 1);
  assert.match(lines[0][1], /11 x listeners added/);
});

test("waiting for events", async () => {
  const emitter = new events();
  const one = events.once(emitter, "a");
  emitter.emit("a", 1, 2);
  assert.deepEqual(await one, [1, 2]);
  const failed = events.once(emitter, "a");
  emitter.emit("error", new Error("no"));
  await assert.rejects(failed, /no/);
  assert.deepEqual(emitter.eventNames(), []);
  const controller = new globals.AbortController();
  const iterator = events.on(emitter, "b", { signal: controller.signal });
  emitter.emit("b", 1);
  emitter.emit("b", 2);
  assert.deepEqual([(await iterator.next()).value, (await iterator.next()).value], [[1], [2]]);
  const next = iterator.next();
  controller.abort();
  await assert.rejects(next, { name: "AbortError" });
  assert.deepEqual(emitter.eventNames(), []);
  const target = new globals.EventTarget();
  const event = events.once(target, "c");
  target.dispatchEvent(new globals.Event("c"));
  assert.equal((await event)[0].type, "c");
});

test("path, as in Node's for POSIX", () => {
  const paths = ["", ".", "..", "/", "//", "a", "a/", "/a", "/a/b.txt", "a//b/../c", "../a", "/../a", "./a/.", "a/b/", ".hidden", "a.b.c", "x.", "/a/..", "../../b", "a/./b.js/", "//a"];
  for (const one of paths) {
    for (const name of ["normalize", "dirname", "basename", "extname", "isAbsolute", "parse"]) {
      assert.deepEqual(path[name](one), nodePath.posix[name](one), `${name} ${JSON.stringify(one)}`);
    }
    assert.equal(path.format(path.parse(one)), nodePath.posix.format(nodePath.posix.parse(one)));
    assert.equal(path.basename(one, ".txt"), nodePath.posix.basename(one, ".txt"));
    for (const two of paths) {
      assert.equal(path.join(one, two), nodePath.posix.join(one, two), `join ${one} ${two}`);
      assert.equal(path.resolve("/w", one, two), nodePath.posix.resolve("/w", one, two));
      assert.equal(path.relative(`/r/${one}`, `/r/${two}`), nodePath.posix.relative(`/r/${one}`, `/r/${two}`), `relative ${one} ${two}`);
    }
  }
  assert.throws(() => path.join(1), { code: "ERR_INVALID_ARG_TYPE" });
});

test("util", async () => {
  const readable = (value, done) => done(value < 0 ? new Error("below") : null, value * 2);
  assert.equal(await util.promisify(readable)(2), 4);
  await assert.rejects(util.promisify(readable)(-1), /below/);
  const [error, value] = await new Promise((resolve) => util.callbackify(async (x) => x + 1)(1, (...args) => resolve(args)));
  assert.deepEqual([error, value], [null, 2]);
  function Old() {}
  function Base() {}
  util.inherits(Old, Base);
  assert.ok(new Old() instanceof Base);
  lines.length = 0;
  const old = util.deprecate((x) => x, "use new", "D1");
  assert.deepEqual([old(1), old(2), lines.length], [1, 2, 1]);
  assert.equal(util.styleText(["bold", "red"], "x"), "\x1b[1m\x1b[31mx\x1b[39m\x1b[22m");
  assert.ok(util.types.isDate(new Date()) && !util.types.isDate({}) && util.types.isUint8Array(Buffer.alloc(1)));
});

test("deep equality, as Node judges it", () => {
  const circle = () => {
    const value = { a: 1 };
    value.self = value;
    return value;
  };
  const values = [
    1, "1", true, null, undefined, Number.NaN, 0, -0, 1n, {}, [], [1, 2], [1, , 2], { a: 1 }, { a: "1" }, { a: undefined }, new Date(0), new Date(1), /a/, /a/g, new Map([[1, { a: 1 }]]), new Map([["1", { a: 1 }]]), new Map([[{ k: 1 }, 2]]), new Map([[{ k: 1 }, 3]]),
    new Set([1, { a: 1 }]), new Set([{ a: 1 }, 1]), new Set([1]), new Uint8Array([1]), new Uint8Array([2]), Buffer.from([1]), new Error("a"), new Error("b"), new TypeError("a"), circle(), circle(), Object.create(null), new (class A {})(), new Number(1), new String("a"), { [Symbol.for("s")]: 1 }, new ArrayBuffer(1),
  ];
  for (const a of values) {
    for (const b of values) {
      assert.equal(util.isDeepStrictEqual(a, b), nodeUtil.isDeepStrictEqual(a, b), `${nodeUtil.inspect(a)} and ${nodeUtil.inspect(b)}`);
    }
  }
  const copies = values.filter((value) => !(value instanceof Error)).map((value) => [value, structuredClone(typeof value === "object" && value !== null && value.constructor === undefined ? null : value)]);
  for (const [a, b] of copies) assert.equal(util.isDeepStrictEqual(a, b), nodeUtil.isDeepStrictEqual(a, b), nodeUtil.inspect(a));
});

test("assert throws when Node's does", async () => {
  const cases = [
    (a) => a(1), (a) => a(0), (a) => a.ok("", "told"), (a) => a.equal(1, "1"), (a) => a.equal(1, 2), (a) => a.strictEqual(1, "1"), (a) => a.notStrictEqual(1, 1), (a) => a.deepEqual({ a: 1 }, { a: "1" }), (a) => a.deepStrictEqual({ a: 1 }, { a: "1" }), (a) => a.deepStrictEqual([1], [1]), (a) => a.notDeepStrictEqual([1], [1]), (a) => a.notDeepEqual([1], [2]),
    (a) => a.match("abc", /b/), (a) => a.match("abc", /x/), (a) => a.doesNotMatch("abc", /b/), (a) => a.fail("told"), (a) => a.fail(), (a) => a.ifError(null), (a) => a.ifError(new Error("x")),
    (a) => a.throws(() => {}), (a) => a.throws(() => { throw new TypeError("t"); }), (a) => a.throws(() => { throw new TypeError("t"); }, TypeError), (a) => a.throws(() => { throw new TypeError("t"); }, RangeError), (a) => a.throws(() => { throw new Error("abc"); }, /b/), (a) => a.throws(() => { throw new Error("abc"); }, /x/), (a) => a.throws(() => { throw new Error("abc"); }, { message: "abc" }), (a) => a.throws(() => { throw new Error("abc"); }, { message: "x" }), (a) => a.throws(() => { throw new Error("abc"); }, (error) => error.message === "abc"), (a) => a.doesNotThrow(() => { throw new Error("x"); }), (a) => a.doesNotThrow(() => 1), (a) => a.strict.equal(1, "1"),
  ];
  for (const run of cases) {
    const [mine, node] = [asserts, assert.strict === asserts ? asserts : (await import("node:assert")).default].map((each) => {
      const result = outcome(() => run(each));
      return [result.threw, result.code];
    });
    assert.deepEqual(mine, node, String(run));
  }
  await asserts.rejects(Promise.reject(new Error("abc")), /abc/);
  await assert.rejects(asserts.rejects(Promise.resolve(1)), { code: "ERR_ASSERTION" });
  await assert.rejects(asserts.doesNotReject(Promise.reject(new Error("x"))), { code: "ERR_ASSERTION" });
});
