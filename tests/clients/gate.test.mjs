// What is off by default, on the server at HOLDFAST_GATED_URL: who may open a session, headers, foreign
// pages, refused requests, what happens to rooms, and clients that come back to a broken connection.

import assert from "node:assert/strict";
import { ask, connect, connected, fresh, GATED_URL, listen, once, settle, test, until, WAYS } from "./support.mjs";
import { PATH, POLLING, request, WEBSOCKET, WebSocketWire } from "./raw.mjs";

const skip = GATED_URL ? false : "HOLDFAST_GATED_URL is not set";
const url = GATED_URL;
const FRIEND = "https://friend.example";

const lab = (t, way, options = {}) => connect(t, way, { url, namespace: "/lab", ...options });

function testGatedEachWay(name, run) {
  for (const way of Object.keys(WAYS)) test(`${way}: ${name}`, { skip }, (t) => run(t, way));
}

test("who may not open a session is told why", { skip }, async () => {
  const { status, body } = await request("GET", `${POLLING}&deny=go%20away`, { url });
  assert.equal(status, 403);
  assert.deepEqual(JSON.parse(body), { code: 4, message: "go away" });
  const without = await request("GET", `${POLLING}&deny=`, { url });
  assert.deepEqual(JSON.parse(without.body), { code: 4, message: "Forbidden" });
});

test("a WebSocket that may not be opened is refused with 400", { skip }, async () => {
  const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const { status, body } = await request("GET", `${WEBSOCKET}&deny=go%20away`, { url, headers });
  assert.deepEqual([status, body], [400, "go away"]);
});

test("the official client hears that it may not connect", { skip }, async (t) => {
  await assert.rejects(lab(t, "polling", { query: { deny: "no" } }), (error) => error.context?.status === 403 || /403|xhr poll error/.test(error.message));
});

test("headers for the first answer and for all", { skip }, async () => {
  const query = "&initial=one&every=two";
  const { status, headers, body } = await request("GET", `${POLLING}${query}`, { url });
  assert.equal(status, 200);
  assert.deepEqual([headers["x-initial"], headers["x-every"]], ["one", "two"]);
  const { sid } = JSON.parse(body.slice(1));
  const posted = await request("POST", `${POLLING}${query}&sid=${sid}`, { url, body: "40" });
  assert.deepEqual([posted.status, posted.headers["x-initial"], posted.headers["x-every"]], [200, undefined, "two"]);
  const polled = await request("GET", `${POLLING}${query}&sid=${sid}`, { url });
  assert.deepEqual([polled.status, polled.headers["x-initial"], polled.headers["x-every"]], [200, undefined, "two"]);
});

test("pages of a friend may read answers, others may not", { skip }, async () => {
  const friend = await request("GET", POLLING, { url, headers: { origin: FRIEND } });
  assert.equal(friend.status, 200);
  assert.equal(friend.headers["access-control-allow-origin"], FRIEND);
  assert.equal(friend.headers["access-control-allow-credentials"], "true");
  assert.match(friend.headers.vary, /Origin/i);
  const stranger = await request("GET", POLLING, { url, headers: { origin: "https://stranger.example" } });
  assert.equal(stranger.status, 200);
  assert.equal(stranger.headers["access-control-allow-origin"], undefined);
});

test("a page asks beforehand", { skip }, async () => {
  const headers = { origin: FRIEND, "access-control-request-method": "POST", "access-control-request-headers": "x-test" };
  const { status, headers: answer } = await request("OPTIONS", POLLING, { url, headers });
  assert.equal(status, 204);
  assert.equal(answer["access-control-allow-origin"], FRIEND);
  assert.equal(answer["access-control-allow-methods"], "GET,POST");
  assert.equal(answer["access-control-allow-headers"], "x-test");
});

test("an error of the function refuses the request", { skip }, async () => {
  const { status, body } = await request("GET", `${POLLING}&cors=refuse`, { url, headers: { origin: FRIEND } });
  assert.equal(status, 400);
  assert.deepEqual(JSON.parse(body), { code: 3, message: "Bad request" });
});

test("refused requests are told, with code, words and context", { skip }, async (t) => {
  const mark = fresh("mark");
  const to = (rest) => `${PATH}?EIO=4&mark=${mark}&${rest}`;
  await request("GET", to("transport=pigeon"), { url });
  await request("GET", to("transport=polling&sid=nobody"), { url });
  await request("POST", to("transport=polling"), { url, body: "40" });
  await request("GET", to("transport=polling&deny=go%20away"), { url });
  await request("GET", `${PATH}?EIO=3&mark=${mark}&transport=polling`, { url });
  const socket = await lab(t, "websocket");
  const denials = await until(async () => {
    const [all] = await ask(socket, "denials");
    const marked = all.filter((denial) => denial.mark === mark);
    return marked.length === 5 && marked;
  });
  assert.deepEqual(
    denials.map(({ code, message, context }) => [code, message, context]),
    [
      [0, "Transport unknown", { transport: "pigeon" }],
      [1, "Session ID unknown", { sid: "nobody" }],
      [2, "Bad handshake method", { method: "POST" }],
      [4, "Forbidden", { message: "go away" }],
      [5, "Unsupported protocol version", { protocol: 3 }],
    ],
  );
});

testGatedEachWay("rooms that come to be and go are told once, in order", async (t, way) => {
  const room = fresh("watched");
  const [watcher, one, two] = [await lab(t, way), await lab(t, way), await lab(t, way)];
  assert.deepEqual(await ask(watcher, "rooms:watch"), [{ ok: true }]);
  const heard = listen(watcher, "rooms:event");
  const told = async (count) => {
    const of = () => heard.filter((args) => args[1] === room).map(([event, , id]) => [event, id]);
    await until(() => of().length >= count);
    return of();
  };
  const [first, second] = [one.id, two.id];
  await ask(one, "room:join", room);
  await ask(two, "room:join", room);
  await ask(two, "room:join", room);
  await told(3);
  await ask(one, "room:leave", room);
  await told(4);
  two.disconnect();
  await told(6);
  await settle(watcher);
  const expected = [["create-room", null], ["join-room", first], ["join-room", second], ["leave-room", first], ["leave-room", second], ["delete-room", null]];
  assert.deepEqual(await told(6), expected);
  await until(() => heard.some(([event, seen]) => event === "delete-room" && seen === second));
});

testGatedEachWay("who comes back to a broken connection finds id, rooms, data and what was said meanwhile", async (t, way) => {
  const room = fresh("back");
  const [watcher, socket] = [await lab(t, way), await lab(t, way, { upgrade: false })];
  await ask(watcher, "goodbye:watch");
  await ask(socket, "room:join", room);
  await ask(socket, "data:set", { seat: 4 });
  assert.equal((await ask(socket, "data:get"))[0].recovered, false);
  watcher.emit("tell", { to: [room] }, "said", 1);
  assert.equal((await once(socket, "said"))[0], 1);
  const [id, goodbye, gone] = [socket.id, once(watcher, "goodbye"), once(socket, "disconnect")];
  socket.io.engine.close();
  await gone;
  const [{ id: left, rooms }] = await goodbye;
  assert.deepEqual([left, rooms], [id, [id, room]]);
  watcher.emit("tell", { to: [room] }, "said", 2, Buffer.from("bytes"));
  watcher.emit("tell", { to: [room], except: [room] }, "said", "not for it");
  watcher.emit("tell", { to: [room], volatile: true }, "said", "volatile");
  watcher.emit("tell", { to: [id] }, "said", 3);
  await settle(watcher);
  const said = listen(socket, "said");
  socket.connect();
  await connected(socket);
  assert.deepEqual([socket.recovered, socket.id], [true, id]);
  const [state] = await ask(socket, "data:get");
  assert.deepEqual({ ...state, rooms: state.rooms.sort() }, { id, recovered: true, rooms: [id, room].sort(), data: { value: { seat: 4 } } });
  assert.deepEqual(said.map(([number]) => number), [2, 3]);
  assert.equal(Buffer.from(said[0][1]).toString(), "bytes");
  const [found] = await ask(watcher, "sockets:fetch", { to: [room] });
  assert.deepEqual(found.map((one) => one.id), [id]);
});

testGatedEachWay("who left on purpose is a new client", async (t, way) => {
  const socket = await lab(t, way);
  await ask(socket, "data:set", 1);
  socket.emit("echo", "for the offset");
  await once(socket, "echo");
  const before = socket.id;
  socket.disconnect().connect();
  await connected(socket);
  assert.notEqual(socket.id, before);
  const [state] = await ask(socket, "data:get");
  assert.deepEqual(state, { id: socket.id, recovered: false, rooms: [socket.id], data: {} });
});

test("an unknown private id or offset makes a new client", { skip }, async () => {
  for (const auth of ['{"pid":"nobody","offset":"x"}', '{"pid":1,"offset":2}', '{"pid":"nobody"}']) {
    const wire = await WebSocketWire.join({ url });
    wire.send(`40/lab,${auth}`);
    assert.match(await wire.text(), /^40\/lab,\{"sid":"[\w-]{20}","pid":"[\w-]{20}"\}$/);
    wire.socket.destroy();
  }
});
