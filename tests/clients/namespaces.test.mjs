// Namespaces through the official client: accepted, refused, unknown, and many over one connection.

import assert from "node:assert/strict";
import { ask, connect, connected, manager, once, testEachWay } from "./support.mjs";

testEachWay("a namespace lets in who has the password", async (t, way) => {
  const socket = await connect(t, way, { namespace: "/admin", auth: { token: "open sesame" } });
  assert.deepEqual(await ask(socket, "echo", "in"), ["in"]);
});

testEachWay("credentials may be given by a function", async (t, way) => {
  const socket = await connect(t, way, { namespace: "/admin", auth: (give) => give({ token: "open sesame" }) });
  assert.ok(socket.connected);
});

testEachWay("a refusal carries message and data, and the connection stays", async (t, way) => {
  const shared = manager(t, way);
  const main = shared.socket("/");
  await connected(main);
  for (const auth of [undefined, {}, { token: "wrong" }, { token: null }]) {
    const refused = shared.socket("/admin", { auth });
    refused.connect();
    const [error] = await once(refused, "connect_error");
    assert.equal(error.message, "not authorized");
    assert.equal(typeof error.data?.hint, "string");
    refused.disconnect();
  }
  assert.deepEqual(await ask(main, "echo", "still here"), ["still here"]);
});

testEachWay("an unknown namespace is refused, and the connection stays", async (t, way) => {
  const shared = manager(t, way);
  const main = shared.socket("/");
  await connected(main);
  const unknown = shared.socket("/no/such-namespace");
  const [error] = await once(unknown, "connect_error");
  assert.equal(error.message, "Invalid namespace");
  assert.deepEqual(await ask(main, "echo", "still here"), ["still here"]);
});

testEachWay("many namespaces over one connection, each with its own id", async (t, way) => {
  const shared = manager(t, way);
  const sockets = [shared.socket("/"), shared.socket("/echo"), shared.socket("/admin", { auth: { token: "open sesame" } })];
  await Promise.all(sockets.map(connected));
  const ids = new Set([...sockets.map((socket) => socket.id), shared.engine.id]);
  assert.equal(ids.size, sockets.length + 1, "ids differ from each other and from the session's secret one");
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, index) => ask(sockets[index % 3], "echo", index, Buffer.from([index]))),
  );
  answers.forEach(([number, bytes], index) => assert.deepEqual([number, bytes[0]], [index, index]));
});

testEachWay("leaving one namespace leaves the others", async (t, way) => {
  const shared = manager(t, way);
  const [main, other] = [shared.socket("/"), shared.socket("/echo")];
  await Promise.all([connected(main), connected(other)]);
  const gone = once(other, "disconnect");
  other.disconnect();
  assert.deepEqual((await gone)[0], "io client disconnect");
  assert.deepEqual(await ask(main, "echo", "still here"), ["still here"]);
  const before = other.id;
  other.connect();
  await connected(other);
  assert.notEqual(other.id, before);
  assert.deepEqual(await ask(other, "echo", "back"), ["back"]);
});

testEachWay("who am I: own id, namespace, query, headers, credentials", async (t, way) => {
  const socket = await connect(t, way, { query: { colour: "blue & green" }, extraHeaders: { "x-test": "yes" }, auth: { name: "Ann" } });
  const [me] = await ask(socket, "whoami");
  assert.equal(me.id, socket.id);
  assert.match(me.id, /^[\w-]{20}$/);
  assert.equal(me.namespace, "/");
  assert.equal(me.query.colour, "blue & green");
  assert.equal(me.headers["x-test"], "yes");
  assert.deepEqual(me.auth, { name: "Ann" });
});
