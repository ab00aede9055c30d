// Buffer, compared with Node's own call by call.

import assert from "node:assert/strict";
import { test } from "node:test";
import util from "node:util";

import { Buffer as Ours } from "../lib/env/buffer.js";
import { inspect } from "../lib/env/inspect.js";
import { outcome } from "./environment.mjs";

// Results of both, with buffers as their bytes.
function plain(value) {
  if (value instanceof Uint8Array) return [...value];
  return value;
}

function both(run, what = run) {
  const [expected, got] = [Buffer, Ours].map((Kind) => {
    const result = outcome(() => run(Kind));
    if ("gave" in result) result.gave = plain(result.gave);
    // How large one may be is the engine's.
    else result.message = result.message.replace(/(>= 0 && <=) \d+/, "$1 n");
    return result;
  });
  assert.deepEqual(got, expected, String(what));
}

const TEXTS = ["", "a", "hello", "ünïcödé", "€uro 😀", "\ud800half", "6869", "68 69", "aGVsbG8=", "aGVsbG8", "a-_b", "abc=def", "zz", "\u00ff\u0100"];
const ENCODINGS = ["utf8", "utf-8", "UTF8", "hex", "base64", "base64url", "latin1", "binary", "ascii", "utf16le", "ucs2", "UCS-2"];

test("text in every encoding", () => {
  for (const text of TEXTS) {
    for (const encoding of ENCODINGS) {
      both((B) => B.from(text, encoding), `from ${text} ${encoding}`);
      both((B) => B.from(text).toString(encoding), `to ${text} ${encoding}`);
      both((B) => B.from(text).toString(encoding, 1, 4));
      both((B) => B.byteLength(text, encoding), `length ${text} ${encoding}`);
      for (const room of [0, 1, 3, 7]) {
        both((B) => {
          const to = B.alloc(10);
          return [to.write(text, 2, room, encoding), ...to];
        }, `write ${text} ${encoding} ${room}`);
      }
    }
    both((B) => B.from(text, "nonsense"));
    both((B) => B.from(text).toString("nonsense"));
  }
  both((B) => ["utf8", "HEX", "x", "", undefined, 1].map((name) => B.isEncoding(name)));
});

test("made of other things", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  both((B) => B.from([1, 256, -1, "7", "x", 3.7]));
  both((B) => B.from(bytes.buffer, 1, 2));
  both((B) => B.from(bytes.buffer, 9));
  both((B) => B.from(bytes.buffer, 1, 9));
  both((B) => B.from(bytes));
  both((B) => B.from(new Uint16Array([1, 513])));
  both((B) => B.from({ type: "Buffer", data: [1, 2] }));
  both((B) => B.from({ length: 2, 0: 5, 1: 6 }));
  both((B) => B.from(new String("text")));
  for (const wrong of [undefined, null, 5, true, Symbol("s"), () => {}]) both((B) => B.from(wrong), `from ${String(wrong)}`);
  both((B) => B.alloc(3, "ab"));
  both((B) => B.alloc(3, 300));
  both((B) => B.alloc(-1));
  both((B) => B.alloc("1"));
  both((B) => B.concat([B.from("ab"), new Uint8Array([1])]));
  both((B) => B.concat([B.from("ab"), B.from("cd")], 3));
  both((B) => B.concat([B.from("ab")], 4));
  both((B) => B.concat([1]));
  both((B) => B.concat("x"));
  const shared = Ours.from(bytes.buffer, 1, 2);
  shared[0] = 99;
  assert.equal(bytes[1], 99);
  assert.ok(Ours.isBuffer(shared) && !Ours.isBuffer(bytes) && shared instanceof Uint8Array && shared instanceof Ours);
});

test("parts share memory", () => {
  for (const B of [Buffer, Ours]) {
    const whole = B.from("hello");
    const part = whole.slice(1, 3);
    part[0] = 88;
    assert.equal(whole.toString(), "hXllo");
    assert.ok(B.isBuffer(part) && B.isBuffer(whole.subarray(-2)) && B.isBuffer(whole.map((byte) => byte)));
  }
  for (const range of [[], [1], [-3], [-3, -1], [3, 1], [0, 99], ["1", "3"], [1.7, 3.2], [Number.NaN]]) both((B) => B.from("hello").subarray(...range), range);
  both((B) => JSON.stringify({ b: B.from("hi") }));
});

test("searching and comparing", () => {
  const cases = [["l"], ["l", 3], ["l", -2], ["lo"], ["x"], [""], ["", 99], [108], [108, 3], [364], ["6c", 0, "hex"], ["l", "utf8"], [null], [{}], ["hello world"], ["l", Number.NaN], ["l", 99], ["l", -99]];
  for (const args of cases) {
    for (const name of ["indexOf", "lastIndexOf", "includes"]) {
      both((B) => B.from("hello")[name](...args.map((value) => value)), `${name} ${JSON.stringify(args)}`);
    }
  }
  both((B) => B.from("hello").indexOf(B.from("llo")));
  both((B) => B.from("aXbX", "utf16le").indexOf("X", 0, "utf16le"));
  both((B) => B.compare(B.from("a"), B.from("b")));
  both((B) => B.from("abc").compare(B.from("xabcx"), 1, 4));
  both((B) => B.from("a").equals(new Uint8Array([97])));
  both((B) => B.from("a").equals("a"));
});

test("filling, copying, swapping", () => {
  for (const args of [[0], ["ab"], ["ab", 1], ["ab", 1, 3], [1, 2, 99], ["6162", "hex"], ["zz", "hex"], [new Uint8Array([9, 8])], [""], [-1], ["a", -1]]) {
    both((B) => B.alloc(5, 7).fill(...args), `fill ${args}`);
  }
  for (const args of [[], [1], [1, 2], [1, 2, 4], [9], [0, 9], [-1], [0, 3, 2]]) {
    both((B) => {
      const to = B.alloc(6, 1);
      return [B.from("hello").copy(to, ...args), ...to];
    }, `copy ${args}`);
  }
  for (const size of [2, 8, 16, 3]) for (const name of ["swap16", "swap32", "swap64"]) both((B) => B.from(Array.from({ length: size }, (_, i) => i))[name]());
});

test("numbers", () => {
  const bytes = [0xff, 0x80, 0x7f, 0x01, 0x02, 0xfe, 0x40, 0x09, 0x21, 0xfb];
  const names = ["UInt8", "Int8"];
  for (const end of ["LE", "BE"]) for (const kind of ["UInt16", "Int16", "UInt32", "Int32", "BigUInt64", "BigInt64", "Float", "Double", "Uint16", "BigUint64"]) names.push(kind + end);
  for (const name of names) {
    for (const offset of [undefined, 0, 1, 2, 9, 10, -1, 1.5, "1"]) both((B) => B.from(bytes)[`read${name}`](offset), `read${name} ${offset}`);
    for (const value of [0, 1, -1, 127, 200, 65_535, 2 ** 31, 2 ** 32, 1.5, "7"]) {
      const given = /Big/.test(name) ? BigInt(Math.trunc(Number(value))) : value;
      both((B) => {
        const to = B.alloc(9);
        return [to[`write${name}`](given, 1), ...to];
      }, `write${name} ${given}`);
    }
  }
  for (const name of ["UIntLE", "UIntBE", "IntLE", "IntBE"]) {
    for (const size of [1, 2, 3, 4, 5, 6]) {
      both((B) => B.from(bytes)[`read${name}`](1, size), `read${name} ${size}`);
      both((B) => {
        const to = B.alloc(8);
        return [to[`write${name}`](/^U/.test(name) ? 200 : -100, 1, size), ...to];
      });
    }
    both((B) => B.from(bytes)[`read${name}`](0, 7));
  }
});

test("it is shown as in Node", () => {
  for (const size of [0, 1, 50, 51, 60]) assert.equal(inspect(Ours.alloc(size, 1)), util.inspect(Buffer.alloc(size, 1)));
  assert.equal(inspect({ a: [Ours.from("hi")] }), util.inspect({ a: [Buffer.from("hi")] }));
});
