// Compressed messages (RFC 7692), on the server at HOLDFAST_DEFLATE_URL: with npm's `ws` as the client, and
// frame by frame.

import assert from "node:assert/strict";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import WebSocket from "ws";
import { test } from "./support.mjs";
import { BINARY, CLOSE, PING, PONG, TEXT, WEBSOCKET, WebSocketWire } from "./raw.mjs";

const url = process.env.HOLDFAST_DEFLATE_URL;
const skip = url ? false : "HOLDFAST_DEFLATE_URL is not set";
const LIMIT_MS = 20_000;
/** The bit that says that a message is compressed, among the three reserved. */
const COMPRESSED = 4;
/** Every message by itself, so that one can be read without the others. This server offers nothing else. */
const ALONE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const OFFER = offer(ALONE);
const TRAILER = Buffer.from([0, 0, 0xff, 0xff]);
/** `max_http_buffer_size` */
const MESSAGE_BYTES_MAX = 1e6;

function offer(text) {
  return { "sec-websocket-extensions": text };
}

const join = (headers = OFFER) => WebSocketWire.join({ url, headers });

/** As a client compresses a message of its own. */
function deflated(payload) {
  const bytes = deflateRawSync(Buffer.from(payload), { finishFlush: constants.Z_SYNC_FLUSH });
  assert.deepEqual(bytes.subarray(-4), TRAILER);
  return bytes.subarray(0, -4);
}

const inflated = (payload, windowBits = 15) =>
  inflateRawSync(Buffer.concat([payload, TRAILER]), { finishFlush: constants.Z_SYNC_FLUSH, windowBits }).toString();

/** The same numbers every time (mulberry32). */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function noise(bytes, next) {
  const made = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 1) made[at] = next(256);
  return made;
}

function words(bytes, next) {
  const parts = [];
  for (let length = 0; length < bytes; length += parts.at(-1).length) parts.push(`wörd ${next(500)}, `);
  return Buffer.from(parts.join("")).subarray(0, bytes);
}

/** A client that has joined: messages are taken in order, pings answered. */
async function client(t, perMessageDeflate) {
  const socket = new WebSocket(url.replace("http", "ws") + WEBSOCKET, { perMessageDeflate });
  t.after(() => socket.terminate());
  const waiting = [];
  const arrived = [];
  let failure = new Error("the connection is over");
  socket.on("error", (error) => (failure = error));
  socket.on("close", () => waiting.splice(0).forEach((taker) => taker.reject(failure)));
  socket.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    if (message === "2") return socket.send("3");
    if (waiting.length > 0) waiting.shift().resolve(message);
    else arrived.push(message);
  });
  socket.next = () => {
    if (arrived.length > 0) return Promise.resolve(arrived.shift());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no message")), LIMIT_MS);
      waiting.push({ resolve: (message) => (clearTimeout(timer), resolve(message)), reject });
    });
  };
  assert.match(await socket.next(), /^0\{/);
  socket.send("40");
  assert.match(await socket.next(), /^40\{/);
  return socket;
}

for (const [what, options] of [
  ["as they come", {}],
  ["with a window of 1 KiB", { serverMaxWindowBits: 10 }],
  ["with a window of 512 bytes", { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
  ["without a context of its own", { clientNoContextTakeover: true }],
  ["without any context", { clientNoContextTakeover: true, serverNoContextTakeover: true, clientMaxWindowBits: 12 }],
  ["that compress everything", { threshold: 0 }],
  ["that do not compress", false],
]) {
  test(`messages of all sizes come back to clients ${what}`, { skip }, async (t) => {
    const socket = await client(t, options);
    assert.equal(socket.extensions, options ? "permessage-deflate" : "");
    const next = random(7);
    const sizes = [0, 1, 1023, 1024, 1025, 65_535, 65_536, 700_000];
    for (let round = 0; round < 40; round += 1) sizes.push(next(2 ** (4 + (round % 16))));
    for (const [round, size] of sizes.entries()) {
      const bytes = round % 3 === 0 ? noise(size, next) : words(size, next);
      if (round % 2 === 0) {
        const text = JSON.stringify(["echo", bytes.toString(round % 3 === 0 ? "base64" : "latin1")]);
        socket.send(`42${text}`);
        assert.ok((await socket.next()) === `42${text}`, `text of ${size}`);
      } else {
        const head = '451-["echo",{"_placeholder":true,"num":0}]';
        socket.send(head);
        socket.send(bytes);
        assert.equal(await socket.next(), head);
        assert.ok(bytes.equals(await socket.next()), `${size} bytes`);
      }
    }
  });
}

test("what compresses well takes few bytes", { skip }, async (t) => {
  const socket = await client(t, { threshold: 0 });
  const before = [socket._socket.bytesRead, socket._socket.bytesWritten];
  const text = `42["echo","${"hello ".repeat(100_000)}"]`;
  socket.send(text);
  assert.ok((await socket.next()) === text);
  assert.ok(socket._socket.bytesRead - before[0] < 10_000, "read");
  assert.ok(socket._socket.bytesWritten - before[1] < 10_000, "written");
});

test("short messages are sent as they are, others compressed", { skip }, async () => {
  const wire = await join();
  for (const [characters, reserved] of [[10, 0], [2000, COMPRESSED]]) {
    const text = `42["echo","${"x".repeat(characters)}"]`;
    wire.send(text);
    const found = await wire.next();
    assert.equal(found.reserved, reserved);
    assert.equal(reserved ? inflated(found.payload) : found.payload.toString(), text);
  }
  wire.destroy();
});

test("a compressed message in fragments, with a ping between them", { skip }, async () => {
  const wire = await join();
  const text = `42["echo","${"ab".repeat(100)}"]`;
  const payload = deflated(text);
  wire.send(payload.subarray(0, 5), { opcode: TEXT, fin: false, reserved: COMPRESSED });
  wire.send("hi", { opcode: PING });
  wire.send(payload.subarray(5, 9), { opcode: 0, fin: false });
  wire.send("", { opcode: 0, fin: false });
  wire.send(payload.subarray(9), { opcode: 0 });
  const pong = await wire.next();
  assert.deepEqual([pong.opcode, pong.payload.toString()], [PONG, "hi"]);
  assert.equal(await wire.text(), text);
  wire.destroy();
});

for (const [what, code, send] of [
  ["the bit on a later fragment", 1002, (wire) => {
    wire.send("4", { opcode: TEXT, fin: false, reserved: COMPRESSED });
    wire.send("2", { opcode: 0, reserved: COMPRESSED });
  }],
  ["the bit on a ping", 1002, (wire) => wire.send("", { opcode: PING, reserved: COMPRESSED })],
  ["the bit on a close", 1002, (wire) => wire.send("", { opcode: CLOSE, reserved: COMPRESSED })],
  ["another reserved bit", 1002, (wire) => wire.send("42[]", { reserved: COMPRESSED | 1 })],
  ["what is not in the format", 1007, (wire) => wire.send(Buffer.alloc(9, 0xff), { opcode: TEXT, reserved: COMPRESSED })],
  ["text that is not UTF-8", 1007, (wire) => wire.send(deflated([0x34, 0xff, 0xff]), { opcode: TEXT, reserved: COMPRESSED })],
  ["one byte too long", 1009, (wire) => wire.send(deflated(Buffer.alloc(MESSAGE_BYTES_MAX + 1, "x")), { opcode: TEXT, reserved: COMPRESSED })],
  ["a bomb of 50 MB", 1009, (wire) => wire.send(deflated(Buffer.alloc(50 << 20)), { opcode: BINARY, reserved: COMPRESSED })],
]) {
  test(`closed with ${code}: ${what}`, { skip }, async () => {
    const wire = await join();
    send(wire);
    assert.equal(await wire.closed(), code);
    wire.destroy();
  });
}

test("closed with 1002: compressed though nothing was agreed on", { skip }, async () => {
  const wire = await join({});
  assert.equal(wire.answer.headers["sec-websocket-extensions"], undefined);
  wire.send(deflated('42["echo",1]'), { opcode: TEXT, reserved: COMPRESSED });
  assert.equal(await wire.closed(), 1002);
  wire.destroy();
});

test("many bombs at once that are not too long, in order", { skip }, async () => {
  const wire = await join();
  const count = 40;
  const texts = Array.from({ length: count }, (_, number) => `42["echo",${number}${" ".repeat(900_000)}]`);
  for (const text of texts) wire.send(deflated(text), { opcode: TEXT, reserved: COMPRESSED });
  for (let number = 0; number < count; number += 1) assert.equal(await wire.text(), `42["echo",${number}]`);
  wire.destroy();
});

for (const [what, offered, agreed] of [
  ["two", "permessage-deflate; client_max_window_bits, permessage-deflate", ALONE],
  ["one of a small window", "permessage-deflate; server_max_window_bits=\"10\"", ALONE.replace(";", "; server_max_window_bits=10;")],
  ["one that must be declined before another", "permessage-deflate; mode=1, permessage-deflate", ALONE],
  ["one that zlib cannot keep to", "permessage-deflate; server_max_window_bits=8", undefined],
  ["another extension", "permessage-bzip2", undefined],
]) {
  test(`an offer: ${what}`, { skip }, async () => {
    const wire = await join(offer(offered));
    assert.equal(wire.answer.headers["sec-websocket-extensions"], agreed);
    wire.destroy();
  });
}

test("everybody gets what was sent to all, in the form agreed on", { skip }, async () => {
  const kinds = [
    [{}, 0],
    [OFFER, 15],
    [offer(`${ALONE}; server_max_window_bits=9`), 9],
    [offer(`${ALONE}; server_max_window_bits=12`), 12],
    [offer("x-unknown; permessage-deflate"), 0],
  ];
  const sender = await join();
  const wires = [];
  for (const [headers, bits] of [...kinds, ...kinds.toReversed()]) wires.push([await join(headers), bits]);
  for (const [wire, bits] of wires) {
    const agreed = wire.answer.headers["sec-websocket-extensions"];
    if (bits === 0) assert.equal(agreed, undefined);
    else assert.match(agreed, /^permessage-deflate/);
    assert.equal(/server_max_window_bits=(\d+)/.exec(agreed ?? "")?.[1] ?? "15", String(bits || 15));
  }
  for (let round = 0; round < 5; round += 1) {
    const text = `42["broadcast","${words(20_000, random(round)).toString("latin1")}"]`;
    sender.send(deflated(text), { opcode: TEXT, reserved: COMPRESSED });
    let compressed = 0;
    for (const [wire, bits] of wires) {
      const found = await wire.next();
      if (found.reserved) compressed += 1;
      assert.ok(bits > 0 || found.reserved === 0, "compressed only where agreed on");
      assert.ok((found.reserved ? inflated(found.payload, bits) : found.payload.toString()) === text);
    }
    assert.ok(compressed > 0);
  }
  for (const wire of [sender, ...wires.map(([wire]) => wire)]) wire.destroy();
});
