// Packets as `socket.io-msgpack-parser` writes and reads them, for the protocol guest's unit tests:
//
//   npm install --no-save socket.io-msgpack-parser@3.0.2
//   node vectors.mjs > ../../guest/protocol/src/socket/msgpack/vectors.txt
//
// Columns, separated by tabs. `E` is a packet and its bytes: kind, namespace, ack, JSON, attachments, bytes.
// `D` is bytes and the packet in them: bytes, kind, namespace, ack, JSON, attachments, or `error`. Attachments are
// in hexadecimal digits after an `x`, separated by commas.

import { createRequire } from "node:module";
const parser = createRequire(import.meta.url)("socket.io-msgpack-parser");

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const NAMES = ["connect", "disconnect", "event", "ack", "connect_error"];

/** What `JSON.parse` and the placeholders make of a payload. */
function value(json, attachments) {
  return JSON.parse(json, (_, it) =>
    it?._placeholder === true && it.num < attachments.length ? attachments[it.num] : it,
  );
}

function encoded(kind, nsp, ack, json, attachments = []) {
  const id = ack === "" ? undefined : Number(ack);
  const data = json === "" ? undefined : value(json, attachments);
  // The fields in the order in which socket.ts, client.ts and the adapter set them.
  let packet;
  if (kind === "connect") packet = { type: 0, data: { ...data, pid: undefined }, nsp };
  else if (kind === "disconnect") packet = { type: 1, nsp };
  else if (kind === "refused") packet = { type: 4, data: { message: data.message, data: data.data }, nsp };
  else if (kind === "unknown") packet = { type: 4, nsp, data };
  else if (kind === "ack") packet = { id, type: 3, data, nsp };
  else if (kind === "event") packet = id === undefined ? { type: 2, data, nsp } : { type: 2, data, id, nsp };
  else packet = id === undefined ? { type: 2, data, nsp } : { type: 2, data, nsp, id };
  const [bytes] = new parser.Encoder().encode(packet);
  console.log(["E", kind, nsp, ack, json, attachments.map((it) => "x" + hex(it)).join(","), hex(bytes)].join("\t"));
  return bytes;
}

function decoded(bytes) {
  let packet;
  const decoder = new parser.Decoder();
  decoder.on("decoded", (it) => (packet = it));
  try {
    decoder.add(Buffer.from(bytes));
  } catch {
    console.log(["D", hex(bytes), "error"].join("\t"));
    return;
  }
  const attachments = [];
  const plain = (it) => {
    if (Buffer.isBuffer(it) || it instanceof ArrayBuffer) {
      return { _placeholder: true, num: attachments.push(Buffer.from(it)) - 1 };
    }
    if (Array.isArray(it)) return it.map(plain);
    if (it && typeof it === "object" && !(it instanceof Date)) {
      return Object.fromEntries(Object.keys(it).map((key) => [key, plain(it[key])]));
    }
    return it;
  };
  const data = packet.data === undefined ? "" : JSON.stringify(plain(packet.data));
  const columns = [NAMES[packet.type], packet.nsp, packet.id ?? "", data, attachments.map((it) => "x" + hex(it)).join(",")];
  console.log(["D", hex(bytes), ...columns].join("\t"));
}

/** An event whose only argument has these bytes. */
const event = (...bytes) =>
  decoded([0x83, ...str("type"), 2, ...str("nsp"), ...str("/"), ...str("data"), 0x92, ...str("e"), ...bytes.flat()]);
const str = (text) => {
  const bytes = Buffer.from(text);
  return [0xa0 | bytes.length, ...bytes];
};
const big = (head, write) => {
  const bytes = Buffer.alloc(9);
  bytes[0] = head;
  write(bytes);
  return [...bytes];
};

// Packets of every kind.
encoded("connect", "/", "", '{"sid":"AbCdEfGhIjKlMnOpQrSt"}');
encoded("connect", "/admin", "", '{"sid":"AbCdEfGhIjKlMnOpQrSt"}');
encoded("disconnect", "/", "", "");
encoded("refused", "/", "", '{"message":"no"}');
encoded("refused", "/", "", '{"message":"no","data":{"code":7}}');
encoded("unknown", "/nope", "", '{"message":"Invalid namespace"}');
for (const ack of ["", "0", "12", "8796093022208"]) {
  encoded("event", "/", ack, '["e",1]');
  encoded("broadcast", "/chat", ack, '["e",{"a":[]}]');
}
encoded("ack", "/", "0", "[]");
encoded("ack", "/admin", "300", '["done",null]');

// Numbers at every border.
const borders = [0, 1, 127, 128, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 60, 2 ** 63];
const numbers = borders.flatMap((n) => [String(n), String(-n), String(-n - 1)]);
numbers.push("0.5", "-0.1", "-0", "0.0", "1.0", "1e3", "1E-7", "1e21", "1e300", "-1e300", "1e999", "-1e999", "5e-324", "123456789012345678901234567890", "3.141592653589793");
for (const number of numbers) encoded("event", "/", "", `["n",${number}]`);

// Strings, arrays and maps at every border; escapes.
for (const length of [0, 31, 32, 255, 256, 65535, 65536]) {
  if (length < 1000) {
    encoded("event", "/", "", JSON.stringify(["s", "x".repeat(length)]));
    encoded("event", "/", "", JSON.stringify(["b", { _placeholder: true, num: 0 }]), [Buffer.alloc(length, 7)]);
  }
}
for (const length of [0, 15, 16, 17, 300]) {
  encoded("event", "/", "", JSON.stringify(["a", new Array(length).fill(0), [[]]]));
  encoded("event", "/", "", JSON.stringify(["m", Object.fromEntries(new Array(length).fill(0).map((_, i) => ["k" + i, { n: i }]))]));
}
encoded("event", "/", "", '["\\u00e9\\ud83d\\ude00\\n\\"\\/\\\\\\b\\f\\r\\t","é😀", {"k\\u0065y" : [ true , false , null ] } ]');
encoded("event", "/é", "", '["x"]');
encoded("event", "/", "5", '["b",{"a":{"num":1,"_placeholder":true},"b":[{"_placeholder":true,"num":0}]},{"_placeholder":true,"num":1}]', [
  Buffer.from([1, 2]),
  Buffer.from([]),
]);
encoded("ack", "/", "5", '[{"_placeholder":true,"num":0}]', [Buffer.from([9])]);
encoded("event", "/", "", '["p",{"_placeholder":true,"num":0}]');
encoded("event", "/", "", '["p",{"_placeholder":true,"num":7},{"_placeholder":false,"num":0},{"num":0}]', [Buffer.from([9])]);

// What clients may send.
for (const options of [undefined, { compress: true }]) {
  const [bytes] = new parser.Encoder().encode({ type: 2, data: ["e", 1], options, nsp: "/", id: 3 });
  decoded(bytes);
}
for (const packet of [
  { type: 0, nsp: "/" },
  { type: 0, data: undefined, nsp: "/" },
  { type: 0, data: { token: "x" }, nsp: "/a" },
  { type: 0, data: [], nsp: "/" },
  { type: 0, data: Buffer.from("x"), nsp: "/" },
  { type: 0, data: null, nsp: "/" },
  { type: 0, data: new Date(0), nsp: "/" },
  { type: 1, nsp: "/" },
  { type: 1, data: undefined, nsp: "/" },
  { type: 1, data: null, nsp: "/" },
  { type: 2, nsp: "/" },
  { type: 2, data: {}, nsp: "/" },
  { type: 2, data: [1], nsp: "/" },
  { type: 2, data: ["e"], nsp: "" },
  { type: 2, data: ["e"], nsp: "noslash" },
  { type: 2, data: ["e"], nsp: 1 },
  { type: 2, data: ["e"] },
  { type: 2, data: ["e"], nsp: "/", id: null },
  { type: 2, data: ["e"], nsp: "/", id: "1" },
  { type: 2, data: ["e"], nsp: "/", id: 1.5 },
  { type: 2, data: ["e"], nsp: "/", id: undefined },
  { type: 2, data: ["e"], nsp: "/", id: 2 ** 53 - 1 },
  { type: 3, data: [], nsp: "/", id: 0 },
  { type: 3, data: [], nsp: "/" },
  { type: 3, data: undefined, nsp: "/", id: 0 },
  { type: 4, data: "x", nsp: "/" },
  { type: 4, data: { message: "x" }, nsp: "/" },
  { type: 4, nsp: "/" },
  { type: 5, data: [], nsp: "/" },
  { type: -1, data: [], nsp: "/" },
  { type: "2", data: ["e"], nsp: "/" },
  { type: 2.5, data: ["e"], nsp: "/" },
  { data: ["e"], nsp: "/" },
  [2, "/", ["e"]],
  "2[]",
  null,
  7,
  {},
  { type: 2, data: ["e", { a: undefined, b: [undefined, NaN, -0, Infinity], c: new Date(1e12), d: new Date(NaN) }], nsp: "/" },
  { type: 2, data: ["e", { b: 1, 2: "two", 1: "one", "-1": 0, "01": 0, 4294967295: 0, 4294967294: 1 }], nsp: "/" },
  { type: 2, data: ["e", new Uint8Array([1, 2, 3]).buffer, Buffer.from([]), [Buffer.alloc(300, 1)]], nsp: "/" },
  { type: 2, data: ["e", new Date(-1), new Date(253402300800000), new Date(-62198755200000), new Date(8.64e15), new Date(951782400000)], nsp: "/" },
]) {
  decoded(new parser.Encoder().encode(packet)[0]);
}

// Single values: every head, borders, and what is cut short.
for (const number of [0.1, 1e21, 1e-6, 1e-7, 1.5e-9, 123456789.125, 1e300, 5e-324, -0, 1 / 3, 2 ** 60, 1e20, NaN, Infinity]) {
  event(big(0xcb, (bytes) => bytes.writeDoubleBE(number, 1)));
  const single = Buffer.alloc(5, 0xca);
  single.writeFloatBE(number, 1);
  event([...single]);
}
for (const number of [0n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 64n - 1n, 2n ** 60n + 129n]) {
  event(big(0xcf, (bytes) => bytes.writeBigUInt64BE(number, 1)));
  event(big(0xd3, (bytes) => bytes.writeBigInt64BE(BigInt.asIntN(64, number), 1)));
}
event(0x7f);
event(0xe0);
event(0xff);
event(0xcc, 0xff);
event(0xcd, 1, 0);
event(0xce, 1, 0, 0, 0);
event(0xd0, 0x80);
event(0xd1, 0x80, 0);
event(0xd2, 0x80, 0, 0, 0);
event(0xc1);
event(0xd9, 1, 0x41);
event(0xda, 0, 1, 0x41);
event(0xdb, 0, 0, 0, 1, 0x41);
event(0xdb, 0xff, 0xff, 0xff, 0xff);
event(0xc6, 0xff, 0xff, 0xff, 0xff);
event(0xc9, 0, 0xff, 0xff, 0xff, 0);
event(0xdd, 0xff, 0xff, 0xff, 0xff);
event(0xdf, 0xff, 0xff, 0xff, 0xff);
event(0xdc, 0, 2, 1, 2);
event(0xdd, 0, 0, 0, 1, 0xc0);
event(0xde, 0, 1, str("a"), 1);
event(0xdf, 0, 0, 0, 1, str("a"), 1);
event(0x90);
event(0x80);
event(0xa2, 0xc3, 0x28);
event(0xa4, 0xf0, 0x9f, 0x98, 0x41);
event(0xa1, 0xff);
event(0xa3, 0xed, 0xa0, 0x80);
event(str("\u0001\u001f\u007f\u2028\"\\"));
event(0xc4, 0);
event(0xc5, 0, 1, 9);
event(0xc7, 2, 0, 1, 2);
event(0xc7, 2, 5, 1, 2);
event(0xc8, 0, 1, 0, 7);
event(0xc8, 0, 1, 0xff, 7);
event(0xd4, 0, 0);
event(0xd4, 1, 9);
event(0xd5, 0, 1, 2);
event(0xd6, 0, 1, 2, 3, 4);
event(0xd7, 1, 1, 2, 3, 4, 5, 6, 7, 8);
event(0xd7, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
event(0xd8, 0, ...new Array(16).fill(1));
event(0x84, str("a"), 1, str("b"), 2, str("a"), 3, str("1"), 4);
event(0x83, str("a"), 1, str("b"), 2, str("a"), 0xd4, 0, 0);
event(0x83, str("a"), 0xd4, 0, 0, str("b"), 2, str("a"), 5);
event(0x82, str("__proto__"), 1, str("b"), 2);
event(0x85, 1, 1, 0xc0, 2, 0xc3, 3, 0xd4, 0, 0, 4, 0xff, 5);
event(0x81, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 6);
event();
event(1, 2);
decoded([]);
decoded([0x80]);
decoded([0x81, ...str("type")]);
decoded([0x84, ...str("type"), 2, ...str("nsp"), ...str("/"), ...str("data"), 0x90, ...str("type"), 1]);
decoded([0x84, ...str("type"), 2, ...str("nsp"), ...str("/"), ...str("data"), 0x90, ...str("data"), 0x91, ...str("e")]);
decoded([0x83, ...str("type"), 2, ...str("nsp"), ...str("/"), ...str("data"), 0xd4, 5, 1]);

// Values of all kinds, mixed.
let seed = 1;
const random = (below) => {
  seed = (seed * 48271) % 2147483647;
  return seed % below;
};
function any(depth) {
  switch (random(depth > 3 ? 6 : 9)) {
    case 0: return random(2) === 0;
    case 1: return null;
    case 2: return random(1000) - 500;
    case 3: return (random(2 ** 31) - 2 ** 30) * 2 ** (random(40) - 10);
    case 4: return "é😀x\n".repeat(random(12));
    case 5: return Buffer.alloc(random(5), random(256));
    case 6: return new Array(random(20)).fill(0).map(() => any(depth + 1));
    default: return Object.fromEntries(new Array(random(19)).fill(0).map((_, i) => ["k" + i, any(depth + 1)]));
  }
}
for (let round = 0; round < 60; round++) {
  const attachments = [];
  const json = JSON.stringify(["r", any(2), any(3)], function (key, _) {
    const it = this[key];
    return Buffer.isBuffer(it) ? { _placeholder: true, num: attachments.push(it) - 1 } : it;
  });
  decoded(encoded("event", "/", "", json, attachments));
}
