// WebSocket frames, byte by byte (RFC 6455): what is allowed, what closes and with which code.

import assert from "node:assert/strict";
import { once, test } from "./support.mjs";
import { BINARY, CLOSE, frame, PATH, PING, PONG, POLLING, request, Session, TEXT, WEBSOCKET, WebSocketWire } from "./raw.mjs";

const EVENT = '42["echo","hello"]';
const EMPTY_ECHO = '42["echo",""]'.length;
const PROTOCOL_ERROR = 1002;
const INVALID_TEXT = 1007;
const TOO_LONG = 1009;
/** An empty close frame: the server closes without a reason of its own. */
const NO_CODE = 1005;

test("the handshake of RFC 6455, by its own example", async () => {
  const wire = await WebSocketWire.open(WEBSOCKET, { headers: { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" } });
  assert.equal(wire.answer.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  assert.equal(wire.answer.headers["sec-websocket-extensions"], undefined);
  const open = JSON.parse((await wire.text()).slice(1));
  assert.deepEqual(open.upgrades, []);
  wire.destroy();
});

for (const [what, headers, statuses] of [
  ["another version", { "sec-websocket-version": "12" }, [400, 426]],
  ["a key of the wrong length", { "sec-websocket-key": "AAAA" }, [400]],
  ["no key", { "sec-websocket-key": undefined }, [400]],
]) {
  test(`handshake refused: ${what}`, async () => {
    const options = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", ...headers };
    const sent = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const answer = await request("GET", WEBSOCKET, { headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", ...sent } });
    assert.ok(statuses.includes(answer.status), `status ${answer.status}`);
  });
}

for (const [what, target, message] of [
  ["an unknown sid", `${WEBSOCKET}&sid=nobody`, "Session ID unknown"],
  ["sid __proto__", `${WEBSOCKET}&sid=__proto__`, "Session ID unknown"],
  ["an unknown transport", `${PATH}?EIO=4&transport=pigeon`, "Transport unknown"],
  ["no transport", `${PATH}?EIO=4`, "Transport unknown"],
]) {
  test(`upgrade refused in plain text: ${what}`, async () => {
    const refusal = await WebSocketWire.open(target).catch((refused) => refused);
    assert.deepEqual([refusal.status, refusal.body], [400, message]);
    assert.match(refusal.headers["content-type"], /^text\/html/);
    assert.equal(refusal.headers.connection, "close");
  });
}

for (const [what, target] of [
  ["an unsupported protocol version", `${PATH}?EIO=3&transport=websocket`],
  ["transport polling", POLLING],
]) {
  // Before the 101 or after it: what counts is that no session opens.
  test(`an upgrade that opens no session: ${what}`, async () => {
    const wire = await WebSocketWire.open(target).catch((refused) => assert.equal(refused.status, 400));
    if (!wire) return;
    const found = await wire.next();
    assert.ok(!found?.payload.toString().startsWith("0{"), found?.payload.toString());
    wire.destroy();
  });
}

test("text and binary messages; what the server sends is not masked and not fragmented", async () => {
  const wire = await WebSocketWire.join();
  assert.match(wire.joined, /^40\{"sid":"[\w-]{20}"\}$/);
  wire.send(EVENT);
  const { opcode, fin, masked, payload } = await wire.next();
  assert.deepEqual([opcode, fin, masked, payload.toString()], [TEXT, true, false, EVENT]);
  wire.send('451-["echo",{"_placeholder":true,"num":0}]');
  wire.send(Buffer.from([1, 2, 3]));
  assert.equal(await wire.text(), '451-["echo",{"_placeholder":true,"num":0}]');
  const attachment = await wire.next();
  assert.deepEqual([attachment.opcode, [...attachment.payload]], [BINARY, [1, 2, 3]]);
  wire.destroy();
});

for (const length of [125, 126, 127, 65_535, 65_536]) {
  test(`messages of ${length} bytes, where the length is written another way`, async () => {
    const wire = await WebSocketWire.join();
    const text = `42["echo","${"x".repeat(length - EMPTY_ECHO)}"]`;
    assert.equal(text.length, length);
    wire.send(text);
    assert.equal(await wire.text(), text);
    wire.destroy();
  });
}

test("frames that arrive byte by byte", async () => {
  const wire = await WebSocketWire.join();
  for (const byte of frame(Buffer.from(EVENT))) {
    wire.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  assert.equal(await wire.text(), EVENT);
  wire.destroy();
});

test("many frames in one segment", async () => {
  const wire = await WebSocketWire.join();
  wire.write(Buffer.concat(Array.from({ length: 50 }, (_, n) => frame(Buffer.from(`42["echo",${n}]`)))));
  for (let n = 0; n < 50; n += 1) assert.equal(await wire.text(), `42["echo",${n}]`);
  wire.destroy();
});

test("fragmented messages, cut inside a character, with pings in the middle", async () => {
  const wire = await WebSocketWire.join();
  const bytes = Buffer.from('42["echo","😀"]');
  const cut = bytes.indexOf(0xf0) + 2;
  wire.send(bytes.subarray(0, cut), { opcode: TEXT, fin: false });
  wire.send("between", { opcode: PING });
  wire.send("", { opcode: 0, fin: false });
  wire.send(bytes.subarray(cut), { opcode: 0 });
  const pong = await wire.next();
  assert.deepEqual([pong.opcode, pong.payload.toString()], [PONG, "between"]);
  assert.equal(await wire.text(), '42["echo","😀"]');
  wire.destroy();
});

test("control frames: pings are echoed, pongs that nobody asked for ignored", async () => {
  const wire = await WebSocketWire.join();
  for (const payload of ["", "x", "y".repeat(125)]) {
    wire.send(payload, { opcode: PING });
    const pong = await wire.next();
    assert.deepEqual([pong.opcode, pong.payload.toString()], [PONG, payload]);
  }
  wire.send("unasked", { opcode: PONG });
  wire.send(EVENT);
  assert.equal(await wire.text(), EVENT);
  wire.destroy();
});

test("a close frame is echoed, and then the connection ends", async () => {
  for (const [payload, code] of [[closeFrame(1000, "bye"), 1000], [closeFrame(4321), 4321], [Buffer.alloc(0), NO_CODE]]) {
    const wire = await WebSocketWire.join();
    wire.send(payload, { opcode: CLOSE });
    assert.equal(await wire.closed(), code);
    assert.equal(await wire.next(), null);
  }
});

test("the longest message that is allowed, and one byte more", async () => {
  const wire = await WebSocketWire.join();
  const { maxPayload } = wire.handshake;
  const text = `42["echo","${"x".repeat(maxPayload - EMPTY_ECHO)}"]`;
  wire.send(text);
  assert.equal((await wire.text()).length, maxPayload);
  wire.send(`${text} `);
  assert.equal(await wire.closed(), TOO_LONG);
});

test("a long message in fragments is too long as well", async () => {
  const wire = await WebSocketWire.join();
  const half = Buffer.alloc(wire.handshake.maxPayload / 2 + 1, "x");
  wire.send(half, { opcode: TEXT, fin: false });
  wire.send(half, { opcode: 0 });
  assert.equal(await wire.closed(), TOO_LONG);
});

for (const [what, code, send] of [
  ["an unmasked frame", PROTOCOL_ERROR, (wire) => wire.send(EVENT, { masked: false })],
  ["a reserved bit", PROTOCOL_ERROR, (wire) => wire.send(EVENT, { reserved: 4 })],
  ["another reserved bit", PROTOCOL_ERROR, (wire) => wire.send(EVENT, { reserved: 1 })],
  ["a reserved kind of frame", PROTOCOL_ERROR, (wire) => wire.send("", { opcode: 3 })],
  ["a reserved kind of control frame", PROTOCOL_ERROR, (wire) => wire.send("", { opcode: 11 })],
  ["a ping of 126 bytes", PROTOCOL_ERROR, (wire) => wire.send("x".repeat(126), { opcode: PING })],
  ["a ping in fragments", PROTOCOL_ERROR, (wire) => wire.send("x", { opcode: PING, fin: false })],
  ["a continuation of nothing", PROTOCOL_ERROR, (wire) => wire.send("x", { opcode: 0 })],
  ["a message inside a message", PROTOCOL_ERROR, (wire) => {
    wire.send("4", { opcode: TEXT, fin: false });
    wire.send("4", { opcode: TEXT });
  }],
  ["a close frame of one byte", PROTOCOL_ERROR, (wire) => wire.send(Buffer.from([3]), { opcode: CLOSE })],
  ["a close code that may not be sent", PROTOCOL_ERROR, (wire) => wire.send(closeFrame(1005), { opcode: CLOSE })],
  ["a length of 2^63", [PROTOCOL_ERROR, TOO_LONG], (wire) => wire.write(Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]))],
  ["text that is not UTF-8", INVALID_TEXT, (wire) => wire.send(Buffer.from([0x34, 0xff]), { opcode: TEXT })],
  ["text with an encoded surrogate", INVALID_TEXT, (wire) => wire.send(Buffer.from([0x34, 0xed, 0xa0, 0x80]), { opcode: TEXT })],
  ["text that ends inside a character", INVALID_TEXT, (wire) => wire.send(Buffer.from([0x34, 0xf0, 0x9f]), { opcode: TEXT })],
  ["a close reason that is not UTF-8", INVALID_TEXT, (wire) => wire.send(Buffer.concat([closeFrame(1000), Buffer.from([0xff])]), { opcode: CLOSE })],
]) {
  test(`closed with ${[code].flat().join(" or ")}: ${what}`, async () => {
    const wire = await WebSocketWire.join();
    send(wire);
    const closed = await wire.closed();
    assert.ok([code].flat().includes(closed), `closed with ${closed}`);
  });
}

test("a frame of 2^40 bytes is refused at once, not awaited", async () => {
  const wire = await WebSocketWire.join();
  wire.write(Buffer.from([0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]));
  assert.equal(await wire.closed(), TOO_LONG);
});

for (const [what, packet] of [
  ["an Engine.IO packet of an unknown type", "9"],
  ["an empty Engine.IO packet", ""],
  ["a ping from the client", "2"],
]) {
  test(`the session ends: ${what}`, async () => {
    const wire = await WebSocketWire.join();
    wire.send(packet);
    assert.equal(await wire.closed(), NO_CODE);
  });
}

// ---------------------------------------------------------------- the upgrade

test("probe, pause, upgrade; what waited follows on the WebSocket", async () => {
  const session = await Session.join();
  const wire = await WebSocketWire.open(`${WEBSOCKET}&sid=${session.sid}`);
  const poll = session.poll();
  await session.post("3");
  wire.send("2probe");
  assert.equal(await wire.text(), "3probe");
  assert.equal(await poll, "6");
  await session.post('42["echo","said while upgrading"]');
  wire.send("5");
  assert.equal(await wire.text(), '42["echo","said while upgrading"]');
  wire.send(EVENT);
  assert.equal(await wire.text(), EVENT);
  const { status, body } = await session.get();
  assert.deepEqual([status, JSON.parse(body)], [400, { code: 3, message: "Bad request" }]);
  wire.destroy();
});

for (const first of ["3probe", "hello", EVENT, ""]) {
  test(`a probe that begins with ${JSON.stringify(first)} closes only the WebSocket`, async () => {
    const session = await Session.join();
    const wire = await WebSocketWire.open(`${WEBSOCKET}&sid=${session.sid}`);
    wire.send(first);
    assert.equal(await wire.closed(), NO_CODE);
    await session.post(EVENT);
    assert.equal(await session.poll(), EVENT);
  });
}

test("a probe that goes away leaves the session with polling", async () => {
  const session = await Session.join();
  const wire = await WebSocketWire.open(`${WEBSOCKET}&sid=${session.sid}`);
  wire.send("2probe");
  assert.equal(await wire.text(), "3probe");
  const gone = once(wire.socket, "close");
  wire.destroy();
  await gone;
  await session.post(EVENT);
  const got = [];
  while (!got.includes(EVENT)) got.push(...(await session.poll()).split("\x1e"));
  assert.deepEqual(got.filter((packet) => packet !== "6"), [EVENT]);
});

test("a second upgrade of the same session is closed, the first goes on", async () => {
  const session = await Session.join();
  const target = `${WEBSOCKET}&sid=${session.sid}`;
  const first = await WebSocketWire.open(target);
  first.send("2probe");
  assert.equal(await first.text(), "3probe");
  const second = await WebSocketWire.open(target);
  assert.equal(await second.closed(), NO_CODE);
  first.send("5");
  first.send(EVENT);
  assert.equal(await first.text(), EVENT);
  const third = await WebSocketWire.open(target);
  assert.equal(await third.closed(), NO_CODE);
  first.send(EVENT);
  assert.equal(await first.text(), EVENT);
  first.destroy();
});

function closeFrame(code, reason = "") {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
}
