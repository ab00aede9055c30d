// Events and acknowledgements through the official client, by every way to connect.

import assert from "node:assert/strict";
import { collect, connect, ask, once, settle, testEachWay, upgraded } from "./support.mjs";

const BIG = 600 * 1024;
const NUMBERED = 1000;
const TEXTS = ["", "plain", "größer, 漢字, ‮עברית", "😀👩‍👩‍👧‍👦🇨🇭", "\u0000\u001f\u007f\u0080\u2028\u2029\ufeff", '"\\/\b\f\n\r\t', "\x1e", "4", '42["no"]'];
const VALUES = [null, true, false, 0, -0.5, 1e300, Number.MAX_SAFE_INTEGER, 123456789.123456789, [], {}, [[[]]], { a: { b: [1, { c: null }] } }];

testEachWay("events carry text and other JSON, with any number of arguments", async (t, way) => {
  const socket = await connect(t, way);
  for (const args of [[], ["one"], ["one", 2, { three: [4] }], TEXTS, VALUES]) {
    const answer = once(socket, "echo");
    socket.emit("echo", ...args);
    assert.deepEqual(await answer, args);
    assert.deepEqual(await ask(socket, "echo", ...args), args);
  }
});

testEachWay("lone surrogates arrive as they were sent", async (t, way) => {
  const socket = await connect(t, way);
  const texts = ["\ud800", "a\udc00b", "\udbff\ud800", "\ud83d\ude00\ud83d"];
  assert.deepEqual(await ask(socket, "echo", ...texts), texts);
});

testEachWay("keys keep their order, and odd ones their meaning", async (t, way) => {
  const socket = await connect(t, way);
  const value = JSON.parse('{"b":1,"a":2,"__proto__":{"x":1},"constructor":3,"":4,"_placeholder":false,"num":0}');
  const [answer] = await ask(socket, "echo", value);
  assert.equal(JSON.stringify(answer), JSON.stringify(value));
});

testEachWay("big text and big binary", async (t, way) => {
  const socket = await connect(t, way);
  const text = "0123456789abcdef".repeat(BIG / 16);
  const bytes = Buffer.alloc(BIG, "0123456789abcdef");
  assert.deepEqual(await ask(socket, "echo", text), [text]);
  const [answer] = await ask(socket, "echo", bytes);
  assert.ok(bytes.equals(answer));
});

testEachWay("nested binary: several attachments, in order, some empty", async (t, way) => {
  const socket = await connect(t, way);
  const args = [
    { first: Buffer.from([0, 1, 2, 255]), list: [Buffer.from("two"), { deep: Buffer.alloc(0) }], text: "between" },
    new Uint8Array([9, 8, 7]),
    Buffer.alloc(70_000, 7),
  ];
  const expected = JSON.stringify([{ ...args[0] }, Buffer.from(args[1]), args[2]]);
  const event = once(socket, "echo");
  socket.emit("echo", ...args);
  assert.equal(JSON.stringify(await event), expected);
  assert.equal(JSON.stringify(await ask(socket, "echo", ...args)), expected);
});

testEachWay("as many attachments as a packet may have", async (t, way) => {
  const socket = await connect(t, way);
  const args = Array.from({ length: 10 }, (_, index) => Buffer.from([index]));
  assert.equal(JSON.stringify(await ask(socket, "echo", ...args)), JSON.stringify(args));
});

testEachWay("the server asks, the client acknowledges, with text and binary", async (t, way) => {
  const socket = await connect(t, way);
  socket.on("question", (text, answer) => answer("because", text, Buffer.from("bytes")));
  const [error, because, text, bytes] = await ask(socket, "ask", "why?");
  assert.equal(error, null);
  assert.deepEqual([because, text, Buffer.from(bytes).toString()], ["because", "why?", "bytes"]);
});

testEachWay("many acknowledgements at once each meet their question", async (t, way) => {
  const socket = await connect(t, way);
  const questions = Array.from({ length: 200 }, (_, index) => index);
  const answers = await Promise.all(questions.map((question) => ask(socket, "echo", question)));
  assert.deepEqual(answers, questions.map((question) => [question]));
});

testEachWay("a late acknowledgement: first the other one, then it", async (t, way) => {
  const socket = await connect(t, way);
  const order = [];
  await Promise.all([
    ask(socket, "after", 150).then(() => order.push("late")),
    ask(socket, "echo", 1).then(() => order.push("early")),
  ]);
  assert.deepEqual(order, ["early", "late"]);
});

testEachWay("acknowledgements that never come time out on either side", async (t, way) => {
  const socket = await connect(t, way);
  await assert.rejects(socket.timeout(100).emitWithAck("nobody listens to this"), /timed out/);
  socket.on("question", () => {});
  const [error] = await ask(socket, "ask", "anybody?");
  assert.ok(error, "the app is told that the client did not answer");
});

testEachWay("send and message", async (t, way) => {
  const socket = await connect(t, way);
  const message = once(socket, "message");
  socket.send("hello", { there: 1 });
  assert.deepEqual(await message, ["hello", { there: 1 }]);
});

testEachWay("volatile events arrive when the way is free", async (t, way) => {
  const socket = await connect(t, way);
  await upgradedIf(way, socket);
  if (way === "polling") {
    // Between two polls there is no way to write: it may be dropped, but never twice or out of order.
    const heard = [];
    socket.on("volatile", (number) => heard.push(number));
    for (let number = 0; number < 20; number += 1) await ask(socket, "echo", socket.emit("volatile", number) && number);
    assert.deepEqual(heard, [...new Set(heard)].sort((a, b) => a - b));
    return;
  }
  const event = once(socket, "volatile");
  socket.emit("volatile", "now", Buffer.from("or never"));
  const [now, bytes] = await event;
  assert.equal(now + Buffer.from(bytes), "nowor never");
});

testEachWay(`${NUMBERED} numbered messages each way, nothing lost, doubled or out of order`, async (t, way) => {
  const socket = await connect(t, way, { upgrade: false });
  const answers = collect(socket, "echo", NUMBERED);
  for (let number = 0; number < NUMBERED; number += 1) {
    socket.emit("echo", number, number % 10 === 0 ? Buffer.from([number & 255]) : null);
    if (number % 5 === 0) await new Promise(setImmediate);
    // The client's own upgrade, begun in the middle of the traffic.
    if (number === NUMBERED / 4 && way === "upgrade") socket.io.engine._probe("websocket");
  }
  await upgradedIf(way, socket);
  assert.deepEqual((await answers).map(([number]) => number), Array.from({ length: NUMBERED }, (_, index) => index));
  assert.equal(socket.io.engine.transport.name, way === "polling" ? "polling" : "websocket");
  const extra = [];
  socket.on("echo", (number) => extra.push(number));
  await settle(socket);
  assert.deepEqual(extra, []);
});

function upgradedIf(way, socket) {
  return way === "upgrade" ? upgraded(socket) : null;
}
