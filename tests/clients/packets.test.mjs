// Socket.IO packets that no client library sends: what closes the connection, what is ignored.

import assert from "node:assert/strict";
import { test } from "./support.mjs";
import { SEPARATOR, Session, WebSocketWire } from "./raw.mjs";

const PLACEHOLDER = '{"_placeholder":true,"num":0}';

for (const [what, ...packets] of [
  ["JSON that is broken", '42["echo",'],
  ["an event that is no list", '42{"a":1}'],
  ["an event without a name", "42[]"],
  ["an event whose name is an object", "42[{}]"],
  ["the reserved event connect", '42["connect"]'],
  ["the reserved event disconnect", '42["disconnect"]'],
  ["the reserved event disconnecting", '42["disconnecting"]'],
  ["the reserved event newListener", '42["newListener"]'],
  ["a packet of an unknown type", "47"],
  ["an acknowledgement that is no list", "437{}"],
  ["a second connect", "40"],
  ["a connect with a list", "40[]"],
  ["an event for a namespace that was not joined", '42/echo,["echo"]'],
  ["a refusal, which only servers send", '44{"message":"no"}'],
  ["a disconnect with a payload", '41{"a":1}'],
  ["binary that nobody announced", Buffer.from("stray")],
  ["text instead of the announced binary", `451-["echo",${PLACEHOLDER}]`, '42["echo"]'],
  ["eleven attachments", '4511-["echo"]'],
  ["attachments without a number", '45-["echo"]'],
  ["a binary event with no attachments", '450-["echo"]'],
  ["a placeholder out of range", '451-["echo",{"_placeholder":true,"num":1}]', Buffer.from("x")],
  ["a placeholder that is negative", '451-["echo",{"_placeholder":true,"num":-1}]', Buffer.from("x")],
]) {
  test(`the connection ends: ${what}`, async () => {
    const wire = await WebSocketWire.join();
    for (const packet of packets) wire.send(packet);
    await wire.closed();
  });
}

test("ignored: an event without payload, an acknowledgement nobody waits for", async () => {
  const wire = await WebSocketWire.join();
  for (const packet of ["42", '4312345["x"]', "43[]"]) wire.send(packet);
  wire.send('42["echo","alive"]');
  assert.equal(await wire.text(), '42["echo","alive"]');
  wire.destroy();
});

test("an event's name may be a number, and one nobody listens to does no harm", async () => {
  const wire = await WebSocketWire.join();
  wire.send("42[7,1]");
  wire.send('42["nobody listens"]');
  wire.send('42["echo",1]');
  assert.equal(await wire.text(), '42["echo",1]');
  wire.destroy();
});

test("attachments may come in another order in the text, and more of them than it names", async () => {
  const wire = await WebSocketWire.join();
  wire.send('453-["echo",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]');
  for (const attachment of ["a", "b", "unused"]) wire.send(Buffer.from(attachment));
  const [, count, json] = /^45(\d)-(.*)$/.exec(await wire.text());
  const attachments = [];
  while (attachments.length < Number(count)) attachments.push((await wire.next()).payload.toString());
  const [event, ...values] = JSON.parse(json);
  assert.deepEqual([event, ...values.map(({ num }) => attachments[num])], ["echo", "b", "a"]);
  wire.destroy();
});

test("JSON nested as deep as anyone sane goes", async () => {
  const wire = await WebSocketWire.join();
  const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
  wire.send(`42["echo",${deep}]`);
  assert.equal(await wire.text(), `42["echo",${deep}]`);
  wire.destroy();
});

test("JSON nested a million deep harms nobody else", async () => {
  const other = await WebSocketWire.join();
  const wire = await WebSocketWire.join();
  wire.send(`42["echo",${"[".repeat(900_000)}`);
  await wire.closed();
  other.send('42["echo","alive"]');
  assert.equal(await other.text(), '42["echo","alive"]');
  other.destroy();
});

test("an invalid packet over polling: ok, then the poll says close", async () => {
  const session = await Session.join();
  assert.equal((await session.post('42["connect"]')).body, "ok");
  assert.equal((await session.poll()).split(SEPARATOR).at(-1), "1");
});

test("the first packet of a session must be a connect", async () => {
  const wire = await WebSocketWire.open();
  await wire.text();
  wire.send('42["echo"]');
  await wire.closed();
});

test("an unknown namespace is told by name, query and all", async () => {
  const wire = await WebSocketWire.join();
  for (const name of ["/nowhere", "/no/where?x=1", "/😀"]) {
    wire.send(`40${name},`);
    assert.equal(await wire.text(), `44${name},{"message":"Invalid namespace"}`);
  }
  wire.destroy();
});

test("leaving a namespace by a packet, and joining it again", async () => {
  const wire = await WebSocketWire.join();
  wire.send("40/echo,");
  assert.match(await wire.text(), /^40\/echo,/);
  wire.send("41");
  wire.send('42/echo,0["echo"]');
  assert.equal(await wire.text(), "43/echo,0[]");
  wire.send("40");
  assert.match(await wire.text(), /^40\{"sid":/);
  wire.send('42["echo","back"]');
  assert.equal(await wire.text(), '42["echo","back"]');
  wire.destroy();
});

test("the server's whole disconnect: a packet for the namespace, then an empty close frame", async () => {
  const wire = await WebSocketWire.join();
  wire.send('42["disconnect-me",true]');
  assert.equal(await wire.text(), "41");
  assert.equal(await wire.closed(), 1005);
});
