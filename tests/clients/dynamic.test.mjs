// Namespaces that nobody declared: they come to be by a pattern or a function. And one in which messages
// are looked at before they are delivered.

import assert from "node:assert/strict";
import { ask, connect, fresh, listen, manager, once, settle, test, testEachWay, until } from "./support.mjs";

let numbers = process.pid * 1000;
const dynamic = () => `/dynamic-${(numbers += 1)}`;

testEachWay("a pattern lets namespaces come to be, each with its own sockets", async (t, way) => {
  const [name, other] = [dynamic(), dynamic()];
  const [one, two, three] = [await connect(t, way, { namespace: name }), await connect(t, way, { namespace: name }), await connect(t, way, { namespace: other })];
  assert.equal((await ask(one, "whoami"))[0].namespace, name);
  const heard = [one, two, three].map((socket) => listen(socket, "all"));
  one.emit("all", 1);
  await settle(one, two, three);
  assert.deepEqual(heard.map((events) => events.length), [1, 1, 0]);
  const lab = await connect(t, way, { namespace: "/lab" });
  const [names] = await ask(lab, "namespaces");
  assert.ok(names.includes(name) && names.includes(other));
});

testEachWay("a family hears what is said to all its namespaces", async (t, way) => {
  const mark = fresh("family");
  const sockets = [await connect(t, way, { namespace: dynamic() }), await connect(t, way, { namespace: dynamic() })];
  const outside = await tenant(t, way, fresh("tenant"));
  const heard = [...sockets, outside].map((socket) => listen(socket, "family"));
  sockets[0].emit("family", mark);
  await settle(...sockets, outside);
  assert.deepEqual(heard.map((events) => events.filter(([seen]) => seen === mark).length), [1, 1, 0]);
});

testEachWay("names that match no pattern are refused", async (t, way) => {
  const shared = manager(t, way);
  for (const name of ["/dynamic-", "/dynamic-1x", "/x/dynamic-1", "/tenant/", "/tenant"]) {
    const [error] = await once(shared.socket(name), "connect_error");
    assert.deepEqual([error.message, error.data], ["Invalid namespace", undefined], name);
  }
});

testEachWay("middlewares of the parent are asked in every child", async (t, way) => {
  const shared = manager(t, way);
  const refused = shared.socket(dynamic(), { auth: { banned: true } });
  const [error] = await once(refused, "connect_error");
  assert.equal(error.message, "banned");
});

testEachWay("a function is asked for the first client, not while the namespace exists", async (t, way) => {
  const name = fresh("tenant");
  await assert.rejects(connect(t, way, { namespace: `/tenant/${name}`, auth: { token: "wrong" } }), /Invalid namespace/);
  const first = await tenant(t, way, name);
  const second = await connect(t, way, { namespace: `/tenant/${name}`, auth: { token: "wrong" } });
  first.disconnect();
  const third = await connect(t, way, { namespace: `/tenant/${name}` });
  const all = once(third, "all");
  second.emit("all", "still here");
  assert.deepEqual(await all, ["still here"]);
});

testEachWay("a namespace is gone with its last client", async (t, way) => {
  const name = fresh("tenant");
  const first = await tenant(t, way, name);
  await settle(first);
  first.disconnect();
  const again = async () => {
    const made = await connect(t, way, { namespace: `/tenant/${name}` }).catch((error) => error);
    if (made instanceof Error) return made;
    made.disconnect();
    return null;
  };
  assert.match((await until(again)).message, /Invalid namespace/);
  assert.ok((await tenant(t, way, name)).connected);
});

testEachWay("a middleware of the socket blocks an event and says why", async (t, way) => {
  const socket = await connect(t, way, { namespace: "/guarded" });
  const rejected = once(socket, "rejected");
  let answered = false;
  socket.emit("blocked", () => (answered = true));
  assert.deepEqual(await rejected, ["not allowed", { event: "blocked" }]);
  await settle(socket);
  assert.equal(answered, false);
});

testEachWay("all that comes in and goes out is heard, acknowledgements are not", async (t, way) => {
  const socket = await connect(t, way, { namespace: "/guarded" });
  socket.emit("blocked");
  await once(socket, "rejected");
  await ask(socket, "notes:first");
  socket.emit("echo", 1);
  await once(socket, "echo");
  assert.deepEqual(await ask(socket, "notes"), [
    ["in blocked", "out rejected", "in notes:first", "first in echo", "in echo", "first out echo", "out echo", "first in notes", "in notes"],
  ]);
  await ask(socket, "notes:stop");
  socket.emit("echo", 2);
  const [notes] = await ask(socket, "notes");
  assert.deepEqual(notes.slice(-2), ["first in notes:stop", "in notes:stop"]);
});

test("nothing of a blocked event reaches anybody, the connection stays", async (t) => {
  const socket = await connect(t, "websocket", { namespace: "/guarded" });
  for (let count = 0; count < 20; count += 1) socket.emit("blocked", Buffer.from("bytes"));
  await settle(socket);
  assert.ok(socket.connected);
});

function tenant(t, way, name) {
  return connect(t, way, { namespace: `/tenant/${name}`, auth: { token: name } });
}
