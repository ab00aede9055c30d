// What browsers and Node have in common: text, events, cloning, randomness and hashes, compared with Node's own.

import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";

import { nodeCrypto as ours } from "../lib/env/crypto.js";
import { globals, outcome } from "./environment.mjs";

test("TextDecoder: bytes right and wrong, in one piece and in pieces", () => {
  const samples = [[], [0xef, 0xbb, 0xbf, 0x61], [0x68, 0xc3, 0xa9], [0xf0, 0x9f, 0x98, 0x80, 0x21], [0xff, 0x61], [0xe2, 0x82], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf0, 0x80, 0x80, 0x80], [0xe0, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf], [0x61, 0xd8, 0x00, 0xdc], [0x3d, 0xd8, 0x00, 0xde, 0x61]];
  for (const label of ["utf-8", "utf8", " UTF-16le "]) {
    for (const options of [{}, { fatal: true }, { ignoreBOM: true }]) {
      for (const bytes of samples) {
        const run = (Kind, cut) => {
          const decoder = new Kind(label, options);
          const view = new Uint8Array(bytes);
          const parts = cut === undefined ? [] : [...view].slice(0, cut).map((byte) => decoder.decode(new Uint8Array([byte]), { stream: true }));
          return parts.join("") + decoder.decode(view.subarray(cut ?? 0)) + decoder.decode(new Uint8Array([0x62, 0x00]));
        };
        for (const cut of [undefined, 1, 2, 3]) {
          assert.deepEqual(outcome(() => run(globals.TextDecoder, cut)), outcome(() => run(TextDecoder, cut)), `${label} ${JSON.stringify(options)} ${bytes} ${cut}`);
        }
      }
    }
  }
  // Node's own latin1 is wrong between 0x80 and 0x9f.
  const latin = new globals.TextDecoder("latin1");
  assert.deepEqual([latin.encoding, latin.decode(new Uint8Array([0x61, 0x80, 0x9f, 0xff]))], ["windows-1252", "a€Ÿÿ"]);
  assert.throws(() => new globals.TextDecoder("nonsense"), { name: "RangeError", code: "ERR_ENCODING_NOT_SUPPORTED" });
  assert.throws(() => new globals.TextDecoder().decode("text"), TypeError);
});

test("TextEncoder", () => {
  const [mine, node] = [new globals.TextEncoder(), new TextEncoder()];
  for (const text of ["", "a", "é€😀", "\ud800x", "x\udc00"]) {
    assert.deepEqual([...mine.encode(text)], [...node.encode(text)]);
    for (let room = 0; room < 12; room++) {
      const [a, b] = [new Uint8Array(room), new Uint8Array(room)];
      assert.deepEqual({ ...mine.encodeInto(text, a), a }, { ...node.encodeInto(text, b), a: b });
    }
  }
  assert.equal(mine.encode().length, 0);
});

test("atob and btoa", () => {
  for (const text of ["", "aGk=", "aGk", "a", "aGk==", " a G k = ", "*", "YQ==", "YQ=", "====", "ÿ"]) {
    const [got, expected] = [outcome(() => globals.atob(text)), outcome(() => atob(text))];
    assert.deepEqual("gave" in got ? got.gave : got.threw, "gave" in expected ? expected.gave : expected.threw, text);
  }
  for (const text of ["", "hi", "ÿ", "\0", "€"]) assert.deepEqual(outcome(() => globals.btoa(text)).gave, outcome(() => btoa(text)).gave);
});

test("structuredClone", () => {
  const circle = { list: [1, , 3], map: new Map([[{ k: 1 }, new Set(["v"])]]), date: new Date(5), re: /x/gi, big: 10n, bytes: new Uint8Array([1, 2]).subarray(1), error: new RangeError("r", { cause: { c: 1 } }), boxed: new Number(2), hidden: undefined };
  circle.self = circle;
  circle.again = circle.list;
  const got = globals.structuredClone(circle);
  const expected = structuredClone(circle);
  assert.deepEqual(got, expected);
  assert.ok(got.self === got && got.again === got.list && got.list !== circle.list && !(1 in got.list));
  assert.equal(got.error.constructor, RangeError);
  class Own {
    a = 1;
    #b = 2;
    get c() {
      return this.#b;
    }
  }
  assert.deepEqual(globals.structuredClone(new Own()), { a: 1 });
  for (const wrong of [() => {}, Symbol("s"), { f() {} }, [new WeakMap()], Promise.resolve()]) {
    assert.throws(() => globals.structuredClone(wrong), { name: "DataCloneError" });
  }
  const deep = {};
  let at = deep;
  for (let i = 0; i < 100_000; i++) at = at.next = {};
  assert.ok(globals.structuredClone(deep).next.next);
  const buffer = new ArrayBuffer(4);
  assert.equal(globals.structuredClone({ buffer }, { transfer: [buffer] }).buffer.byteLength, 4);
});

test("events reach listeners as in the DOM", async () => {
  const run = ({ EventTarget, Event, AbortController }) => {
    const seen = [];
    const target = new EventTarget();
    const other = (event) => seen.push(`other ${event.type} ${event.cancelable}`);
    target.addEventListener("a", other);
    target.addEventListener("a", other);
    target.addEventListener("a", { handleEvent: (event) => seen.push(`object ${event.target === target}`) });
    target.addEventListener("a", () => seen.push("once"), { once: true });
    const stop = new AbortController();
    target.addEventListener("a", () => seen.push("until"), { signal: stop.signal });
    target.addEventListener("b", (event) => event.preventDefault());
    target.addEventListener("c", (event) => event.stopImmediatePropagation());
    target.addEventListener("c", () => seen.push("never"));
    seen.push(target.dispatchEvent(new Event("a")));
    stop.abort();
    target.removeEventListener("a", other);
    seen.push(target.dispatchEvent(new Event("a")));
    seen.push(target.dispatchEvent(new Event("b", { cancelable: true })), target.dispatchEvent(new Event("b")), target.dispatchEvent(new Event("c")));
    const signal = stop.signal;
    seen.push(signal.aborted, signal.reason.name, signal.reason.message);
    return seen;
  };
  assert.deepEqual(run(globals), run(globalThis));
  assert.equal(new globals.CustomEvent("x", { detail: 5 }).detail, 5);
  assert.throws(() => new globals.AbortSignal(), TypeError);
  assert.throws(() => new globals.Event(), TypeError);
});

test("signals of many", () => {
  const { AbortController, AbortSignal } = globals;
  const [a, b] = [new AbortController(), new AbortController()];
  const any = AbortSignal.any([AbortSignal.any([a.signal]), b.signal]);
  assert.ok(!any.aborted);
  a.abort("why");
  assert.ok(any.aborted && any.reason === "why");
  b.abort("late");
  assert.equal(any.reason, "why");
  assert.equal(AbortSignal.any([AbortSignal.abort(1)]).reason, 1);
});

test("hashes and HMACs of every length around a block", async () => {
  for (const name of ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]) {
    for (const size of [0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 1000]) {
      const data = crypto.randomBytes(size);
      assert.equal(ours.createHash(name).update(data).digest("hex"), crypto.createHash(name).update(data).digest("hex"), `${name} ${size}`);
      const half = size >> 1;
      const [mine, node] = [ours, crypto].map((each) => each.createHmac(name, data).update("text").update(data.subarray(0, half)).update(data.subarray(half)).digest("base64url"));
      assert.equal(mine, node, `hmac ${name} ${size}`);
    }
  }
  const hash = ours.createHash("SHA-256").update("a");
  assert.equal(hash.copy().update("b").digest("hex"), crypto.createHash("sha256").update("ab").digest("hex"));
  assert.equal(hash.digest().length, 32);
  assert.throws(() => hash.digest(), { code: "ERR_CRYPTO_HASH_FINALIZED" });
  assert.throws(() => ours.createHash("sha3-256"), /Digest method not supported/);
  assert.equal(ours.pbkdf2Sync("p", "s", 20, 50, "sha512").toString("hex"), crypto.pbkdf2Sync("p", "s", 20, 50, "sha512").toString("hex"));
  for (const name of ["SHA-1", "sha-256", "SHA-384", "SHA-512"]) {
    const [mine, node] = await Promise.all([globals.crypto, crypto.webcrypto].map((each) => each.subtle.digest(name, new Uint8Array([1, 2, 3]))));
    assert.deepEqual(new Uint8Array(mine), new Uint8Array(node));
  }
  await assert.rejects(globals.crypto.subtle.digest("MD5", new Uint8Array(1)), { name: "NotSupportedError" });
  await assert.rejects(globals.crypto.subtle.encrypt(), { name: "NotSupportedError" });
});

test("randomness", async () => {
  assert.match(globals.crypto.randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(globals.crypto.getRandomValues(new Uint32Array(16_384)).some((value) => value > 0));
  assert.throws(() => globals.crypto.getRandomValues(new Uint8Array(65_537)), { name: "QuotaExceededError" });
  assert.throws(() => globals.crypto.getRandomValues(new Float64Array(1)), { name: "TypeMismatchError" });
  assert.equal(ours.randomBytes(200_000).length, 200_000);
  assert.equal((await new Promise((resolve) => ours.randomBytes(5, (_, bytes) => resolve(bytes)))).length, 5);
  const drawn = new Set(Array.from({ length: 500 }, () => ours.randomInt(3, 6)));
  assert.deepEqual([...drawn].sort(), [3, 4, 5]);
  for (const args of [[5, 5], [5, 1], [0], ["x"], [0, 2 ** 49]]) assert.throws(() => ours.randomInt(...args), { code: /ERR_/ });
  assert.ok(ours.timingSafeEqual(Buffer.from("a"), Buffer.from("a")) && !ours.timingSafeEqual(Buffer.from("a"), Buffer.from("b")));
  assert.throws(() => ours.timingSafeEqual(Buffer.from("a"), Buffer.from("ab")), RangeError);
});
