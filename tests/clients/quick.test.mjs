// What happens when a time runs out, on the server at HOLDFAST_QUICK_URL, whose times are short.

import assert from "node:assert/strict";
import { connect, once, QUICK_URL, settle, test, until, WAYS } from "./support.mjs";
import { PING, request, Session, TEXT, WEBSOCKET, WebSocketWire } from "./raw.mjs";

const skip = QUICK_URL ? false : "HOLDFAST_QUICK_URL is not set";
const url = QUICK_URL;

for (const way of Object.keys(WAYS)) {
  test(`${way}: heartbeats keep an idle client`, { skip }, async (t) => {
    const socket = await connect(t, way, { url });
    const lost = [];
    socket.on("disconnect", (reason) => lost.push(reason));
    for (let beat = 0; beat < 4; beat += 1) await once(socket.io, "ping");
    await settle(socket);
    assert.deepEqual(lost, []);
  });
}

test("pings come every pingInterval; without an answer the connection is closed after pingTimeout", { skip }, async () => {
  const wire = await WebSocketWire.join({ url });
  const { pingInterval, pingTimeout } = wire.handshake;
  const joined = Date.now();
  const { opcode, payload } = await wire.next();
  assert.deepEqual([opcode, payload.toString()], [TEXT, "2"]);
  const pinged = Date.now();
  assert.ok(pinged - joined > pingInterval * 0.5 && pinged - joined < pingInterval * 3, `ping after ${pinged - joined} ms`);
  assert.equal(await wire.closed(), 1005);
  const waited = Date.now() - pinged;
  assert.ok(waited > pingTimeout * 0.7 && waited < pingTimeout * 3, `closed after ${waited} ms`);
});

test("WebSocket pings are no answer to Engine.IO pings", { skip }, async () => {
  const wire = await WebSocketWire.join({ url });
  const timer = setInterval(() => wire.send("", { opcode: PING }), 100);
  const end = wire.closed();
  assert.equal(await end, 1005);
  clearInterval(timer);
});

test("a polling client that stops polling is forgotten", { skip }, async () => {
  const session = await Session.join("/", url);
  await until(async () => (await request("POST", session.target, { url, body: "6" })).status === 400, 8000);
});

test("a session that joins no namespace within connectTimeout is closed", { skip }, async () => {
  const wire = await WebSocketWire.open(WEBSOCKET, { url });
  await wire.text();
  wire.send("40/nowhere,");
  assert.match(await wire.text(), /Invalid namespace/);
  const timer = setInterval(() => wire.send("3"), 100);
  assert.equal(await wire.closed(), 1005);
  clearInterval(timer);
});

test("an upgrade that is not finished within upgradeTimeout closes only the WebSocket", { skip }, async () => {
  const session = await Session.join("/", url);
  const wire = await WebSocketWire.open(`${WEBSOCKET}&sid=${session.sid}`, { url });
  let over = false;
  const polls = (async () => {
    while (!over) await session.poll();
  })();
  wire.send("2probe");
  assert.equal(await wire.text(), "3probe");
  assert.equal(await wire.closed(), 1005);
  assert.ok(await session.alive());
  over = true;
  await session.post('42["echo","still polling"]');
  await polls;
});
