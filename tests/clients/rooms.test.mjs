// Who hears what: rooms, broadcasts, exceptions, and the chat that the built-in page uses.

import assert from "node:assert/strict";
import { ask, connect, fresh, listen, once, settle, test, testEachWay, until, WAYS } from "./support.mjs";

testEachWay("joining and leaving decides who hears a room", async (t, way) => {
  const room = fresh("room");
  const [inside, alsoInside, outside] = await three(t, way);
  const heard = [inside, alsoInside, outside].map((socket) => listen(socket, "room"));
  await ask(inside, "room:join", room);
  await ask(alsoInside, "room:join", room);

  outside.emit("room:emit", room, 1, Buffer.from("one"));
  await settle(outside, inside, alsoInside);
  await ask(alsoInside, "room:leave", room);
  outside.emit("room:emit", room, 2);
  await settle(outside, inside, alsoInside);

  const numbers = heard.map((events) => events.map((args) => args[1]));
  assert.deepEqual(numbers, [[1, 2], [1], []]);
  assert.equal(Buffer.from(heard[0][0][2]).toString(), "one");
});

testEachWay("a socket's own id is a room", async (t, way) => {
  const [one, two] = await three(t, way);
  const event = once(two, "room");
  one.emit("room:emit", two.id, "only you");
  assert.deepEqual(await event, [two.id, "only you"]);
});

testEachWay("broadcast reaches all others, all reaches everyone, except leaves a room out", async (t, way) => {
  const room = fresh("except");
  const mark = fresh("mark");
  const sockets = await three(t, way);
  const heard = sockets.map((socket) => ["broadcast", "all", "except"].map((event) => listen(socket, event)));
  await ask(sockets[2], "room:join", room);
  sockets[0].emit("broadcast", mark);
  sockets[0].emit("all", mark);
  sockets[0].emit("except", room, mark);
  await settle(...sockets);
  const counts = heard.map((events) => events.map((list) => list.filter((args) => args[0] === mark).length));
  assert.deepEqual(counts, [[0, 1, 1], [1, 1, 1], [1, 1, 0]]);
});

testEachWay("each hears a room's messages in the order in which they were sent", async (t, way) => {
  const room = fresh("order");
  const sockets = await three(t, way);
  const heard = sockets.map((socket) => listen(socket, "room"));
  await Promise.all(sockets.map((socket) => ask(socket, "room:join", room)));
  for (let number = 0; number < 100; number += 1) sockets[0].emit("room:emit", room, number);
  await settle(...sockets);
  for (const events of heard) assert.deepEqual(events.map((args) => args[1]), Array.from({ length: 100 }, (_, n) => n));
});

testEachWay("a message in answer to a broadcast comes after it", async (t, way) => {
  const mark = fresh("mark");
  const [one, two] = await three(t, way);
  const heard = listen(one, "all");
  one.emit("all", mark, 1);
  await settle(one);
  two.emit("all", mark, 2);
  await settle(two, one);
  assert.deepEqual(heard.filter(([seen]) => seen === mark).map((args) => args[1]), [1, 2]);
});

testEachWay("chat: members, history, messages, and who left without a word", async (t, way) => {
  const room = fresh("chat");
  const [ann, bob, eve] = await three(t, way);
  const messages = listen(ann, "chat:message");
  assert.deepEqual(await ask(ann, "chat:join", room, "Ann"), [{ ok: true, room, members: ["Ann"], history: [] }]);
  const members = listen(ann, "chat:members");
  const [joined] = await ask(bob, "chat:join", room, "Bob");
  assert.deepEqual([...joined.members].sort(), ["Ann", "Bob"]);

  const said = "<b>not bold</b> 😀";
  assert.deepEqual(await ask(bob, "chat:message", room, said), [{ ok: true }]);
  await settle(ann);
  assert.equal(messages.length, 1);
  const [{ room: where, nick, text, at }] = messages[0];
  assert.deepEqual([where, nick, text], [room, "Bob", said]);
  assert.ok(Math.abs(at - Date.now()) < 60_000);

  const [refused] = await ask(eve, "chat:message", room, "I am not in it");
  assert.equal(refused.ok, false);
  assert.equal(typeof refused.error, "string");
  const [late] = await ask(eve, "chat:join", room, "Eve");
  assert.deepEqual(late.history.map((message) => message.text), [said]);

  assert.deepEqual(await ask(eve, "chat:leave", room), [{ ok: true }]);
  bob.disconnect();
  await until(() => members.length && members.at(-1)[0].members.join() === "Ann");
  assert.equal(members.at(-1)[0].room, room);
});

test("members that came different ways hear the same", async (t) => {
  const room = fresh("mixed");
  const sockets = [];
  for (const way of Object.keys(WAYS)) sockets.push(await connect(t, way));
  const heard = sockets.map((socket) => listen(socket, "room"));
  await Promise.all(sockets.map((socket) => ask(socket, "room:join", room)));
  for (const [index, socket] of sockets.entries()) {
    socket.emit("room:emit", room, index, Buffer.from([index]), "text");
    await settle(socket);
  }
  await settle(...sockets);
  const seen = heard.map((events) => JSON.stringify(events));
  assert.equal(heard[0].length, 3);
  assert.equal(new Set(seen).size, 1);
});

async function three(t, way) {
  return [await connect(t, way), await connect(t, way), await connect(t, way)];
}
