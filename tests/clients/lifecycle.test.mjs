// How connections end and come back: who closes, with which reason, cut wires, many at once.

import assert from "node:assert/strict";
import net from "node:net";
import { io } from "socket.io-client";
import { ask, connect, connected, manager, once, SERVER_URL, settle, testEachWay, upgraded, WAYS } from "./support.mjs";

const CLIENTS = 50;
const EACH = 20;

testEachWay("the server disconnects one namespace, the others stay", async (t, way) => {
  const shared = manager(t, way);
  const [main, other] = [shared.socket("/"), shared.socket("/echo")];
  await Promise.all([connected(main), connected(other)]);
  const gone = once(main, "disconnect");
  main.emit("disconnect-me", false);
  assert.equal((await gone)[0], "io server disconnect");
  assert.deepEqual(await ask(other, "echo", "still here"), ["still here"]);
  main.connect();
  await connected(main);
  await settle(main);
});

testEachWay("the server ends the whole session: every namespace is told", async (t, way) => {
  const shared = manager(t, way);
  const [main, other] = [shared.socket("/"), shared.socket("/echo")];
  await Promise.all([connected(main), connected(other)]);
  if (way === "upgrade") await upgraded(main);
  const gone = Promise.all([once(main, "disconnect"), once(other, "disconnect"), once(shared, "close")]);
  main.emit("disconnect-me", true);
  const [[first], [second]] = await gone;
  assert.deepEqual([first, second], ["io server disconnect", "io server disconnect"]);
});

testEachWay("the client disconnects: it is told so, and may come back", async (t, way) => {
  const socket = await connect(t, way);
  const before = socket.id;
  const gone = once(socket, "disconnect");
  socket.disconnect();
  assert.equal((await gone)[0], "io client disconnect");
  socket.connect();
  await connected(socket);
  assert.notEqual(socket.id, before);
  await settle(socket);
});

testEachWay("a cut connection comes back by itself, and what was said meanwhile arrives", async (t, way) => {
  const wire = await cuttable(t);
  const socket = await connect(t, way, { url: wire.url, reconnection: true, reconnectionDelay: 20 });
  if (way === "upgrade") await upgraded(socket);
  const before = socket.id;
  const gone = once(socket, "disconnect");
  wire.cut();
  assert.match((await gone)[0], /^transport (close|error)$/);
  wire.mend();
  const answer = once(socket, "echo");
  socket.emit("echo", "kept by the client");
  await connected(socket);
  assert.deepEqual(await answer, ["kept by the client"]);
  assert.notEqual(socket.id, before);
});

testEachWay(`${CLIENTS} clients at once, ${EACH} messages each`, async (t, way) => {
  const sockets = Array.from({ length: CLIENTS }, () => io(SERVER_URL, { ...WAYS[way], forceNew: true, reconnection: false }));
  t.after(() => sockets.forEach((socket) => socket.disconnect()));
  await Promise.all(
    sockets.map(async (socket, client) => {
      await connected(socket);
      for (let number = 0; number < EACH; number += 1) {
        assert.deepEqual(await ask(socket, "echo", client, number), [client, number]);
      }
    }),
  );
  assert.equal(new Set(sockets.map((socket) => socket.id)).size, CLIENTS);
});

/** A relay to the server whose wires can be cut, the new ones too, until they are mended. */
async function cuttable(t) {
  const { hostname, port } = new URL(SERVER_URL);
  const open = new Set();
  let whole = true;
  const relay = net.createServer((client) => {
    if (!whole) return client.destroy();
    const server = net.connect(Number(port), hostname);
    for (const [from, to] of [[client, server], [server, client]]) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => open.delete(from));
    }
  });
  await new Promise((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    whole = false;
    open.forEach((socket) => socket.destroy());
  };
  const mend = () => (whole = true);
  t.after(() => {
    cut();
    relay.close();
  });
  return { url: `http://127.0.0.1:${relay.address().port}`, cut, mend };
}
