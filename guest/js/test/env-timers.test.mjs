// Timers, in virtual time.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { promises } from "../lib/env/timers.js";
import { N, asked, globals, pass, sleep, waiting } from "./environment.mjs";

const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = globals;

beforeEach(() => {
  asked.length = 0;
});

test("by time, then by age; with arguments", async () => {
  const seen = [];
  const say = (...args) => seen.push(args.join());
  setTimeout(say, 10, "b", 1);
  setTimeout(say, 5, "a");
  setTimeout(say, 10, "c");
  setImmediate(say, "now", 2);
  await pass(10);
  assert.deepEqual(seen, ["now,2", "a", "b,1", "c"]);
  assert.equal(waiting(), 0);
});

test("delays are at least 1 ms and at most 2^31 - 1", () => {
  for (const delay of [undefined, 0, -5, Number.NaN, "x", 2 ** 31, Number.POSITIVE_INFINITY, 1.9]) clearTimeout(setTimeout(() => {}, delay));
  assert.deepEqual(asked.filter(([what]) => what === "set").map(([, , delay]) => delay), [1, 1, 1, 1, 1, 1, 1, 1]);
  clearTimeout(setTimeout(() => {}, 2 ** 31 - 1));
  clearTimeout(setTimeout(() => {}, "20"));
  assert.deepEqual(asked.filter(([what]) => what === "set").slice(-2).map(([, , delay]) => delay), [2 ** 31 - 1, 20]);
  for (const wrong of [undefined, "code", 5]) assert.throws(() => setTimeout(wrong, 1), { code: "ERR_INVALID_ARG_TYPE" });
});

test("cleared ones never run, in any form; others of the same time do", async () => {
  const seen = [];
  const first = setTimeout(() => clearTimeout(second), 5);
  const second = setTimeout(() => seen.push("second"), 5);
  const third = setTimeout(() => seen.push("third"), 5);
  const fourth = setTimeout(() => seen.push("fourth"), 5);
  clearTimeout(+third);
  clearTimeout(String(fourth[Symbol.toPrimitive]()));
  for (const nothing of [undefined, null, {}, 999_999, "x"]) clearTimeout(nothing);
  const immediate = setImmediate(() => seen.push("immediate"));
  clearImmediate(immediate);
  await pass(20);
  assert.deepEqual(seen, []);
  assert.ok(first.hasRef() && !first.unref().hasRef() && first.ref().hasRef());
});

test("what one throws costs no other", async () => {
  const seen = [];
  setTimeout(() => {
    throw new Error("mine");
  }, 1);
  setTimeout(() => seen.push("ran"), 1);
  const interval = setInterval(() => {
    seen.push("tick");
    throw new Error("again");
  }, 2);
  const thrown = await pass(4);
  clearInterval(interval);
  assert.deepEqual(seen, ["ran", "tick", "tick"]);
  assert.deepEqual(thrown.map((error) => error.message), ["mine", "again", "again"]);
});

test("intervals keep their rhythm, and do not catch up", async () => {
  const at = [];
  const from = N.now();
  const interval = setInterval(() => {
    at.push(N.now() - from);
    if (at.length === 2) sleep(3);
    if (at.length === 3) sleep(1000);
  }, 10);
  await pass(60);
  await pass(20);
  assert.deepEqual(at, [10, 20, 30, 1030, 1040, 1050]);
  clearInterval(interval);
  assert.equal(await pass(100).then(() => waiting()), 0);
  const inside = setInterval(() => clearInterval(inside), 5);
  await pass(50);
  assert.equal(waiting(), 0);
});

test("refresh begins again; close ends", async () => {
  let ran = 0;
  const timer = setTimeout(() => ran++, 10);
  await pass(8);
  timer.refresh();
  await pass(8);
  assert.equal(ran, 0);
  await pass(2);
  assert.equal(ran, 1);
  timer.refresh();
  await pass(10);
  assert.equal(ran, 2);
  timer.refresh().close();
  timer.refresh();
  await pass(20);
  assert.equal(ran, 2);
});

test("there are at most 100,000", () => {
  const all = [];
  for (let i = 0; i < 100_000; i++) all.push(setTimeout(() => {}, 1000));
  assert.throws(() => setTimeout(() => {}, 1), RangeError);
  clearTimeout(all[0]);
  all[0] = setTimeout(() => {}, 1);
  for (const timer of all) clearTimeout(timer);
  assert.equal(waiting(), 0);
});

test("promises of them, also aborted", async () => {
  const slept = promises.setTimeout(20, "value");
  await pass(20);
  assert.equal(await slept, "value");
  const controller = new globals.AbortController();
  const stopped = promises.setTimeout(20, "value", { signal: controller.signal });
  controller.abort(new Error("why"));
  await assert.rejects(stopped, (error) => error.name === "AbortError" && error.cause.message === "why");
  assert.equal(waiting(), 0);
  const ticks = promises.setInterval(5, "t");
  const two = (async () => [(await ticks.next()).value, (await ticks.next()).value])();
  await pass(10);
  assert.deepEqual(await two, ["t", "t"]);
  await ticks.return();
  assert.equal(waiting(), 0);
});

test("signals that abort after a time", async () => {
  const signal = globals.AbortSignal.timeout(10);
  const any = globals.AbortSignal.any([signal, new globals.AbortController().signal]);
  const seen = [];
  any.onabort = (event) => seen.push(event.type, event.target === any);
  await pass(10);
  assert.deepEqual(seen, ["abort", true]);
  assert.equal(any.reason.name, "TimeoutError");
  assert.throws(() => any.throwIfAborted(), { name: "TimeoutError" });
});
