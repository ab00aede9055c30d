// Namespaces, audiences, what the manifest says, and who may come (lib/api without sockets' own methods).

import assert from "node:assert/strict";
import { test } from "node:test";
import { Namespace, Server, World, rejections } from "./node.mjs";

const warnings = (world) => world.logs.filter(([level]) => level >= 3).map(([, text]) => text);

// ---------------------------------------------------------------------- coming in

test("connect, then connection, after the client is let in", async () => {
  const seen = [];
  const world = new World((io) => {
    io.on("connection", (socket) => seen.push(["connection", socket.id, socket.connected]));
    io.on("connect", (socket) => seen.push(["connect", socket.id, io.sockets.sockets.has(socket.id)]));
    io.of("/", (socket) => seen.push(["of", socket.id]));
  });
  await world.connect();
  assert.deepEqual(seen, [["connect", "id-0", true], ["of", "id-0"], ["connection", "id-0", true]]);
  assert.deepEqual(world.take(), ["admit"]);
});

test("middlewares run in order, and may refuse with data", async () => {
  const seen = [];
  const world = new World((io) => {
    io.use((socket, next) => {
      seen.push(["first", socket.connected, socket.rooms.size]);
      if (socket.handshake.auth.bad) next(Object.assign(new Error("not you"), { data: { code: 1 } }));
      else next();
    });
    io.use((socket, next) => {
      next();
      seen.push("second");
    });
    io.on("connection", () => seen.push("connection"));
  });
  const client = await world.connect();
  assert.equal(client.state, "connected");
  assert.deepEqual(seen.splice(0), [["first", false, 0], "second", "connection"]);
  const refused = await world.connect("/", { auth: { bad: 1 } });
  assert.deepEqual(refused.refusal, { message: "not you", data: { code: 1 } });
  assert.deepEqual(seen, [["first", false, 0]]);
  assert.equal(world.io.sockets.sockets.size, 1);
  assert.equal(world.io.engine.clientsCount, 1);
});

test("middlewares that answer later; a second answer counts for nothing", async () => {
  const nexts = [];
  const seen = [];
  const world = new World((io) => {
    io.use((socket, next) => nexts.push(next));
    io.on("connection", (socket) => seen.push(socket.id));
  });
  const client = await world.connect();
  assert.equal(client.state, "connecting");
  nexts[0]();
  nexts[0](new Error("no"));
  await world.settle();
  assert.equal(client.state, "connected");
  nexts[0]();
  await world.settle();
  assert.deepEqual(seen, ["id-0"]);
});

test("a client that vanishes while a middleware thinks is let go", async () => {
  const nexts = [];
  const seen = [];
  const world = new World((io) => {
    io.use((socket, next) => {
      socket.on("disconnect", () => seen.push("never"));
      nexts.push(next);
    });
    io.on("connection", () => seen.push("never"));
  });
  const [client, other] = [await world.connect(), await world.connect()];
  await client.leave();
  await other.leave();
  nexts[0]();
  nexts[1](new Error("no"));
  await world.settle();
  assert.deepEqual([seen, world.take()], [[], []]);
  assert.equal(world.io.engine.clientsCount, 0);
});

test("a middleware that throws, or whose promise rejects, refuses", async () => {
  const world = new World((io) => {
    io.of("/a").use(() => {
      throw new Error("sync");
    });
    io.of("/b").use(async () => {
      throw new Error("async");
    });
  });
  const a = await world.connect("/a");
  let b;
  assert.deepEqual(await rejections(async () => (b = await world.connect("/b"))), ["async"]);
  assert.deepEqual([a.refusal, b.refusal], [{ message: "Internal server error" }, { message: "Internal server error" }]);
  assert.equal(world.errors[0].message, "sync");
});

test("what a middleware does with the socket: messages before, rooms with the admission", async () => {
  const world = new World((io) => {
    io.use((socket, next) => {
      socket.join("a");
      socket.join(["b", "c"]);
      socket.leave("b");
      socket.data.name = "x";
      socket.emit("early", 1);
      next();
    });
    io.on("connection", (socket) => {
      assert.deepEqual([...socket.rooms].sort(), ["a", "c", "id-0"]);
      assert.equal(socket.data.name, "x");
    });
  });
  const client = await world.connect();
  assert.deepEqual(world.take(), ["emit", "admit", "join", "join", "setData"]);
  assert.deepEqual([...client.rooms].sort(), ["a", "c", "id-0"]);
  assert.deepEqual(world.errors, []);
});

test("a middleware may close the connection", async () => {
  const world = new World((io) => {
    io.use((socket, next) => {
      socket.conn.close();
      next(new Error("too late"));
    });
    io.on("connection", () => assert.fail());
  });
  const client = await world.connect();
  assert.deepEqual(client.refusal, { message: "Connection closed" });
  assert.deepEqual(world.take(), ["refuse"]);
  assert.equal(world.io.engine.clientsCount, 0);
});

test("an error of a connection handler costs no more than that", async () => {
  const world = new World((io) =>
    io.on("connection", () => {
      throw new Error("oops");
    }),
  );
  const client = await world.connect();
  assert.equal(client.state, "connected");
  assert.equal(world.errors.length, 1);
  await client.emit("x");
  assert.equal(world.errors.length, 1);
});

test("a client that comes back", async () => {
  const seen = [];
  const world = new World((io) => {
    io.use((socket, next) => {
      seen.push("middleware");
      next();
    });
    io.on("connection", (socket) => seen.push([socket.recovered, [...socket.rooms], socket.data]));
  });
  await world.connect("/", { id: "old", recovered: { rooms: ["old", "r"], data: { a: 1 }, skipMiddlewares: true } });
  await world.connect("/", { id: "two", recovered: { rooms: ["two"], data: {}, skipMiddlewares: false } });
  assert.deepEqual(seen, [[true, ["old", "r"], { a: 1 }], "middleware", [true, ["two"], {}]]);
  assert.deepEqual(world.take(), ["admit", "admit"], "the node has rooms and data already");
});

test("sockets from before this instance began", async () => {
  const seen = [];
  const world = new World((io) => {
    io.use(() => seen.push("never"));
    io.on("connection", (socket) => {
      seen.push([socket.id, socket.connected, socket.recovered, socket.resumed, [...socket.rooms], socket.data]);
      socket.on("x", (value) => socket.emit("y", value, (socket.data.n += 1)));
    });
  });
  const client = await world.resume("/", { id: "old", rooms: ["old", "r"], data: { n: 1 } });
  assert.deepEqual(world.take(), []);
  await client.emit("x", 5);
  assert.deepEqual(client.got("y"), [[5, 2]]);
  assert.deepEqual(seen, [["old", true, true, true, ["old", "r"], { n: 2 }]]);
  assert.deepEqual(world.take("setData").map((order) => order[2]), ['{"n":2}']);
});

// ---------------------------------------------------------------------- namespaces

test("the manifest declares what the script uses", () => {
  const names = (script) => new World(script).manifest.namespaces;
  assert.deepEqual(names(() => {}), ["/"]);
  assert.deepEqual(names((io) => io.of("/a")), ["/a"]);
  assert.deepEqual(names((io) => io.of("a").server.on("connection", () => {})), ["/", "/a"]);
  assert.deepEqual(names((io) => void (io.of("/a"), io.use(() => {}))), ["/", "/a"]);
  assert.deepEqual(names((io) => void (io.of("/a"), io.of("/"))), ["/", "/a"]);
  assert.deepEqual(names((io) => io.of(/x/)), []);
  const none = new World(undefined, { opts: null });
  assert.deepEqual(none.manifest.namespaces, ["/"]);
  const { dynamic, judges, cors, denials, rooms, settings } = none.manifest;
  assert.deepEqual([dynamic, judges, cors, denials, rooms, settings], [false, false, false, false, false, []]);
});

test("of: the same namespace for the same name; new_namespace", () => {
  const seen = [];
  const world = new World((io) => {
    io.on("new_namespace", (nsp) => seen.push(nsp.name));
    const a = io.of("a");
    assert.ok(a instanceof Namespace);
    assert.equal(io.of("/a"), a);
    assert.equal(io._nsps.get("/a"), a);
    assert.equal(io.of("/"), io.sockets);
    assert.equal(a.server, io);
  });
  assert.deepEqual(seen, ["/a"]);
  world.io.of("/late");
  assert.ok(warnings(world).some((text) => text.includes("/late")));
});

test("an unknown namespace", async () => {
  const world = new World();
  const client = await world.connect("/nope");
  assert.deepEqual(client.refusal, { message: "Invalid namespace" });
});

test("dynamic namespaces by a regular expression", async () => {
  const seen = [];
  const world = new World((io) => {
    io.on("new_namespace", (nsp) => seen.push(["new", nsp.name]));
    const parent = io.of(/^\/dynamic-\d+$/g);
    parent.use((socket, next) => (seen.push("middleware"), next()));
    parent.on("connection", (socket) => seen.push([socket.nsp.name, socket.nsp === parent]));
  });
  assert.equal(world.manifest.dynamic, true);
  await world.connect("/dynamic-1");
  await world.connect("/dynamic-1");
  const refused = await world.connect("/dynamic-x");
  assert.equal(refused.refusal.message, "Invalid namespace");
  const line = ["/dynamic-1", false];
  assert.deepEqual(seen, [["new", "/dynamic-1"], "middleware", line, "middleware", line]);
  const child = world.io.of("/dynamic-2");
  assert.equal(child, world.io.of("/dynamic-2"), "of makes a child, too");
  assert.equal(child.listenerCount("connection"), 1);
});

test("dynamic namespaces by functions, asked one after the other, later too", async () => {
  const seen = [];
  const world = new World((io) => {
    io.of((name, auth, next) => {
      seen.push([name, auth]);
      setImmediate(() => next(auth.bad ? new Error("no") : null, name === "/a"));
    });
    io.of((name, auth, next) => next(null, name === "/b")).on("connect", () => seen.push("b"));
  });
  const a = await world.connect("/a", { auth: { token: 1 } });
  await world.settle();
  const b = await world.connect("/b");
  await world.settle();
  const c = await world.connect("/c", { auth: { bad: 1 } });
  await world.settle();
  assert.deepEqual([a.state, b.state, c.refusal?.message], ["connected", "connected", "Invalid namespace"]);
  assert.deepEqual(seen, [["/a", { token: 1 }], ["/b", {}], "b", ["/c", { bad: 1 }]]);
});

test("a client that vanishes while a namespace is decided about", async () => {
  const nexts = [];
  const world = new World((io) => {
    io.of((name, auth, next) => nexts.push(next)).on("connection", () => assert.fail());
  });
  const client = await world.connect("/a");
  await client.leave();
  nexts[0](null, true);
  await world.settle();
  assert.deepEqual(world.take(), []);
  assert.equal(world.io._nsps.has("/a"), false);
});

test("what is sent to a parent goes to all children", async () => {
  const world = new World((io) => {
    io.parent = io.of(/^\/c/);
    io.parent.on("connection", (socket) => socket.join("r"));
  });
  const clients = [await world.connect("/c1"), await world.connect("/c2")];
  const { parent } = world.io;
  parent.emit("a", 1);
  parent.to("r").emit("b");
  parent.except("r").emit("c");
  parent.volatile.emit("d");
  for (const client of clients) assert.deepEqual(client.received, [["a", 1], ["b"], ["d"]]);
  let answers;
  parent.timeout(10).emit("ask", (...args) => (answers = args));
  await world.settle();
  assert.deepEqual(answers, [null, []], "nobody is asked, as in the reference");
  assert.throws(() => parent.fetchSockets(), { message: "fetchSockets() is not supported on parent namespaces" });
  assert.throws(() => parent.emit("connect"));
});

test("children are forgotten when they are empty, if wanted", async () => {
  for (const cleanupEmptyChildNamespaces of [true, false]) {
    const world = new World(
      (io) => io.of(/^\/c/).use((socket, next) => next(socket.handshake.auth.no && new Error("no"))),
      { opts: { cleanupEmptyChildNamespaces } },
    );
    const client = await world.connect("/c1");
    const other = await world.connect("/c1");
    await client.leave();
    assert.equal(world.io._nsps.has("/c1"), true);
    await other.leave();
    await world.connect("/c2", { auth: { no: 1 } });
    assert.deepEqual([world.io._nsps.has("/c1"), world.io._nsps.has("/c2")], Array(2).fill(!cleanupEmptyChildNamespaces));
    assert.deepEqual(world.manifest.settings, [["cleanup_empty_child_namespaces", String(cleanupEmptyChildNamespaces)]]);
  }
});

test("children of before: one that is taken is enough for all, others are disconnected", async () => {
  const seen = [];
  const world = new World((io) => {
    const parent = io.of((name, auth, next) => next(null, name === "/a" && auth.key === 1));
    parent.on("connection", (socket) => {
      seen.push(socket.id);
      socket.on("x", (value) => seen.push([socket.id, value]));
    });
  });
  const first = await world.resume("/a", { id: "first" });
  await first.emit("x", 1);
  assert.deepEqual(seen, []);
  await world.resume("/a", { id: "second", auth: { key: 1 } });
  assert.deepEqual(seen, ["second", "first", ["first", 1]]);
  await world.resume("/b", { id: "nobody" });
  const gone = await world.resume("/b", { id: "gone" });
  await gone.leave();
  assert.deepEqual(world.take(), []);
  await world.pass(1000);
  assert.deepEqual(world.take("disconnect"), [["disconnect", 2, false]]);
});

// ---------------------------------------------------------------------- audiences

test("to, in, except: each a new operator; rooms as the node gets them", async () => {
  const world = new World();
  const { io } = world;
  const base = io.to("a");
  base.in(["b", "c"]).except("d").except(["e"]).emit("x", 1);
  base.emit("y");
  io.in("a").emit("z");
  io.except("q").emit("z");
  io.emit("all");
  io.of("/other").to("r").send("text").write();
  const sent = world.take("broadcast").map(([, ns, rooms, except, json]) => [ns, rooms, except, json]);
  assert.deepEqual(sent, [
    ["/", ["a", "b", "c"], ["d", "e"], '["x",1]'],
    ["/", ["a"], [], '["y"]'],
    ["/", ["a"], [], '["z"]'],
    ["/", [], ["q"], '["z"]'],
    ["/", [], [], '["all"]'],
    ["/other", ["r"], [], '["message","text"]'],
    ["/other", ["r"], [], '["message"]'],
  ]);
  assert.equal(io.emit("x"), true);
  assert.equal(io.send(1).write(2), io);
});

test("a socket's broadcasts leave itself out", async () => {
  const world = new World((io) => io.on("connection", (socket) => socket.join("r")));
  const [a, b, c] = [await world.connect(), await world.connect(), await world.connect()];
  const socket = world.io.sockets.sockets.get(a.id);
  world.io.sockets.sockets.get(c.id).leave("r");
  socket.broadcast.emit("all");
  socket.to("r").emit("room");
  socket.except("r").emit("others");
  socket.in(b.id).emit("one");
  assert.deepEqual([a.received, b.received, c.received], [[], [["all"], ["room"], ["one"]], [["all"], ["others"]]]);
});

test("acknowledgements of a broadcast: all answers, counted over the shards", async () => {
  const world = new World(undefined, { shards: 3 });
  const clients = [await world.connect(), await world.connect()];
  clients.forEach((client, i) => client.answer("ask", [i, "second"]));
  const heard = [];
  world.io.timeout(100).emit("ask", 1, (...args) => heard.push(args));
  await world.settle();
  assert.deepEqual(heard, [[null, [0, 1]]]);
  const answers = world.io.timeout(100).emitWithAck("ask", 1);
  await world.settle();
  assert.deepEqual(await answers, [0, 1]);
  world.io.to("nobody").timeout(100).emit("ask", (...args) => heard.push(args));
  await world.settle();
  assert.deepEqual(heard[1], [null, []]);
  await world.pass(1000);
  assert.equal(heard.length, 2);
});

test("acknowledgements of a broadcast that time out", async () => {
  const world = new World();
  const [client] = [await world.connect(), await world.connect()];
  client.answer("ask", [1]);
  const heard = [];
  world.io.timeout(100).emit("ask", (...args) => heard.push(args));
  const promise = world.io.timeout(100).emitWithAck("ask").catch((error) => [error.message, error.responses]);
  world.io.emit("ask", (error) => heard.push(error.message));
  await world.pass(100);
  assert.deepEqual(heard[0], "operation has timed out", "without a time it is over at once, as in the reference");
  assert.deepEqual([heard[1][0].message, heard[1][1]], ["operation has timed out", [1]]);
  assert.deepEqual(await promise, ["operation has timed out", [1]]);
});

test("fetchSockets: the instance's own, and those of others", async () => {
  const world = new World((io) => io.on("connection", (socket) => (socket.data.a = 1)), { shards: 2 });
  await world.connect();
  world.remote.push({
    id: "far", namespace: "/", rooms: ["far", "r"], data: { b: 2 },
    handshake: world.handshake({ headers: { "x-a": "1" } }),
  });
  const promise = world.io.fetchSockets();
  await world.settle();
  const [own, far] = await promise;
  assert.equal(own, world.io.sockets.sockets.get("id-0"));
  assert.deepEqual([far.id, [...far.rooms], far.data, far.handshake.headers["x-a"]], ["far", ["far", "r"], { b: 2 }, "1"]);
  world.take();
  far.emit("x", 1);
  far.join("q");
  far.leave("q");
  assert.equal(far.disconnect(true), far);
  assert.deepEqual(world.take.call(world), ["broadcast", "audienceJoin", "audienceLeave", "audienceDisconnect"]);
  const ids = world.io.allSockets();
  await world.settle();
  assert.deepEqual([...(await ids)], ["id-0", "far"]);
});

test("a remote socket gives one answer", async () => {
  const world = new World();
  const client = await world.connect();
  client.answer("ask", ["one"]);
  world.io.sockets.sockets.delete(client.id); // As if another instance served it.
  const found = world.io.fetchSockets();
  await world.settle();
  const [remote] = await found;
  const heard = [];
  remote.timeout(10).emit("ask", (...args) => heard.push(args));
  const answer = remote.timeout(10).emitWithAck("ask");
  await world.settle();
  assert.deepEqual(heard, [[null, "one"]]);
  assert.equal(await answer, "one");
  remote.timeout(10).emit("silent", (error, value) => heard.push([error.message, value]));
  await world.pass(10);
  assert.deepEqual(heard[1], ["operation has timed out", null]);
});

test("fetchSockets gives what it has when a shard is silent", async () => {
  const world = new World(undefined, { shards: 2 });
  await world.connect();
  const promise = world.io.fetchSockets();
  world.queue.pop();
  await world.pass(5000);
  assert.equal((await promise).length, 1);
  assert.ok(warnings(world).some((text) => text.includes("1 of 2 shards")));
});

test("socketsJoin, socketsLeave, disconnectSockets", async () => {
  const seen = [];
  const world = new World((io) =>
    io.on("connection", (socket) => socket.on("disconnect", (reason) => seen.push([socket.id, reason]))),
  );
  const [a, b] = [await world.connect(), await world.connect()];
  const { io } = world;
  const rooms = (client) => [...io.sockets.sockets.get(client.id).rooms];
  io.socketsJoin(["r", "s"]);
  io.in(a.id).socketsJoin("only");
  io.except("only").socketsLeave("r");
  assert.deepEqual([rooms(a), rooms(b)], [["id-0", "r", "s", "only"], ["id-1", "s"]]);
  assert.deepEqual([[...a.rooms], [...b.rooms]], [rooms(a), rooms(b)]);
  io.local.in("only").disconnectSockets(true);
  await world.settle();
  assert.deepEqual(seen, [["id-0", "server namespace disconnect"]]);
  const order = world.take("audienceDisconnect")[0];
  assert.deepEqual(order, ["audienceDisconnect", "/", ["only"], [], true, true]);
});

// ---------------------------------------------------------------------- the adapter

test("adapter.rooms and sids follow the sockets of this instance", async () => {
  const world = new World((io) => io.on("connection", (socket) => socket.join("r")));
  await world.connect();
  const { adapter } = world.io.sockets;
  const ids = (room) => [...(adapter.rooms.get(room) ?? [])];
  assert.deepEqual([ids("r"), ids("id-0")], [["id-0"], ["id-0"]]);
  const second = await world.connect();
  assert.deepEqual(ids("r"), ["id-0", "id-1"]);
  world.io.sockets.sockets.get("id-0").leave("r");
  assert.deepEqual([...adapter.sids.get("id-0")], ["id-0"]);
  assert.deepEqual([...adapter.socketRooms("id-1")], ["id-1", "r"]);
  await second.leave();
  assert.deepEqual([adapter.rooms.has("r"), adapter.sids.has("id-1"), adapter.rooms.size], [false, false, 1]);
  assert.equal(await adapter.serverCount(), 1);
});

test("the adapter's events, as the node tells them", async () => {
  const seen = [];
  const world = new World((io) => {
    for (const name of ["create-room", "join-room", "leave-room", "delete-room"]) {
      io.of("/").adapter.on(name, (...args) => seen.push([name, ...args]));
    }
    io.on("connection", (socket) => socket.join("r"));
  });
  assert.equal(world.manifest.rooms, true);
  await world.connect();
  assert.deepEqual(seen, [], "only the node's events count");
  for (const [change, id] of [["created"], ["joined", "x"], ["created"], ["joined", "y"], ["left", "x"], ["deleted"], ["left", "y"], ["deleted"]]) {
    world.call("room", "/", "r", change, id);
  }
  assert.deepEqual(seen, [
    ["create-room", "r"], ["join-room", "r", "x"], ["join-room", "r", "y"],
    ["leave-room", "r", "x"], ["leave-room", "r", "y"], ["delete-room", "r"],
  ]);
});

test("rooms of sockets from before count, and nothing is told of them", async () => {
  const seen = [];
  const world = new World((io) => {
    for (const name of ["create-room", "join-room", "leave-room", "delete-room"]) {
      io.of("/").adapter.on(name, (...args) => seen.push([name, ...args]));
    }
  });
  await world.resume("/", { id: "old", rooms: ["old", "r"] });
  world.call("room", "/", "r", "left", "old");
  assert.deepEqual(seen, [["leave-room", "r", "old"], ["delete-room", "r"]]);
});

test("whoever listens late hears of this instance's sockets", async () => {
  const seen = [];
  const world = new World((io) => io.on("connection", (socket) => socket.join("r")));
  world.io.sockets.adapter.on("create-room", (room) => seen.push(["create", room]));
  world.io.sockets.adapter.on("join-room", (room, id) => seen.push(["join", room, id]));
  world.io.sockets.adapter.on("delete-room", (room) => seen.push(["delete", room]));
  assert.equal(world.manifest.rooms, false);
  const client = await world.connect();
  assert.deepEqual(seen.splice(0), [["create", "id-0"], ["join", "id-0", "id-0"], ["create", "r"], ["join", "r", "id-0"]]);
  await client.leave();
  assert.deepEqual(seen, [["delete", "id-0"], ["delete", "r"]]);
});

// ---------------------------------------------------------------------- between instances

test("serverSideEmit: sending", async () => {
  const world = new World(undefined, { instances: 3 });
  const { io } = world;
  for (const name of ["connect", "connection", "new_namespace"]) {
    assert.throws(() => io.serverSideEmit(name), { message: `"${name}" is a reserved event name` });
  }
  assert.equal(io.serverSideEmit("hello", 1, Buffer.from([1])), true);
  const heard = [];
  io.of("/a").serverSideEmit("ask", (...args) => heard.push(args));
  const promise = io.serverSideEmitWithAck("ask").catch((error) => [error.message, error.responses]);
  const [plain, first, second] = world.take("serve");
  assert.deepEqual(plain.slice(1, 3), ["/", '["hello",1,{"_placeholder":true,"num":0}]']);
  assert.deepEqual(first.slice(1, 3), ["/a", '["ask"]']);
  world.call("answered", first[4], ["x"], undefined);
  world.call("answered", first[4], ["y"], undefined);
  assert.deepEqual(heard, [[null, ["x", "y"]]]);
  world.call("answered", second[4], ["x"], undefined);
  await world.pass(5000);
  assert.deepEqual(await promise, ["timeout reached: only 1 responses received out of 2", ["x"]]);
});

test("serverSideEmit: alone there is nobody to ask", async () => {
  const world = new World();
  const answers = world.io.serverSideEmitWithAck("ask", 1);
  await world.settle();
  assert.deepEqual(await answers, []);
});

test("serverSideEmit: hearing", async () => {
  const heard = [];
  const world = new World((io) => {
    io.on("hello", (...args) => heard.push(args));
    io.of("/a").on("ask", (value, ack) => {
      ack(value + 1, "only one argument is sent");
      ack("once");
    });
  });
  world.call("served", "/", ["hello", 1, { _placeholder: true, num: 0 }], [new Uint8Array([7])], undefined, undefined);
  assert.deepEqual([heard[0][0], [...heard[0][1]]], [1, [7]]);
  world.call("served", "/a", ["ask", 1], undefined, 2, 99);
  assert.deepEqual(world.take("serveReply"), [["serveReply", 2, 99, "[2]", undefined]]);
  world.call("served", "/unknown", ["x"], undefined, undefined, undefined);
  assert.deepEqual(world.errors, []);
});

// ---------------------------------------------------------------------- options

const settings = (opts) => new World(undefined, { opts }).manifest.settings;

test("options become settings", () => {
  assert.deepEqual(
    settings({
      path: "/x/", pingInterval: 1, pingTimeout: 2, upgradeTimeout: 3, connectTimeout: 4, maxHttpBufferSize: 1e8,
      serveClient: false, allowUpgrades: false, allowEIO3: true, addTrailingSlash: false, transports: ["websocket"],
      parser: "msgpack", initialPacket: "hi", cleanupEmptyChildNamespaces: false, cookie: true,
    }),
    [
      ["path", "/x/"], ["ping_interval", "1"], ["ping_timeout", "2"], ["upgrade_timeout", "3"], ["connect_timeout", "4"],
      ["max_http_buffer_size", "100000000"], ["serve_client", "false"], ["allow_upgrades", "false"], ["allow_eio3", "true"],
      ["add_trailing_slash", "false"], ["transports", '["websocket"]'], ["parser", "msgpack"], ["initial_packet", "hi"],
      ["cleanup_empty_child_namespaces", "false"], ["cookie", "true"],
    ],
  );
  assert.deepEqual(settings({ connectionStateRecovery: {} }), [["connection_state_recovery", "true"]]);
  assert.deepEqual(settings({ connectionStateRecovery: { maxDisconnectionDuration: 5, skipMiddlewares: false } }), [
    ["connection_state_recovery.max_disconnection_duration", "5"],
    ["connection_state_recovery.skip_middlewares", "false"],
  ]);
  assert.deepEqual(settings({ cookie: { name: "a", httpOnly: false, sameSite: "strict", maxAge: 5, expires: new Date(0), path: false } }), [
    ["cookie.name", "a"], ["cookie.path", "false"], ["cookie.http_only", "false"], ["cookie.same_site", "strict"],
    ["cookie.max_age", "5"], ["cookie.expires", "Thu, 01 Jan 1970 00:00:00 GMT"],
  ]);
  assert.deepEqual(settings({ perMessageDeflate: { threshold: 5, zlibDeflateOptions: { level: 1, memLevel: 3 } }, httpCompression: false }), [
    ["per_message_deflate.threshold", "5"], ["per_message_deflate.level", "1"], ["http_compression", "false"],
  ]);
  assert.deepEqual(settings({ perMessageDeflate: true, httpCompression: { threshold: 9 }, pingTimeout: undefined }), [
    ["per_message_deflate", "true"], ["http_compression.threshold", "9"],
  ]);
});

test("every setting that an option becomes is one of the protocol guest's", async () => {
  const { readFile } = await import("node:fs/promises");
  const docs = await readFile(new URL("../../../docs/settings.md", import.meta.url), "utf8");
  const known = new Set([...docs.split("## Options of the reference")[0].matchAll(/^\| `([a-z0-9_.]+)` \|/gm)].map((match) => match[1]));
  const used = settings({
    path: "/", addTrailingSlash: true, serveClient: true, allowUpgrades: true, pingInterval: 1, pingTimeout: 1,
    upgradeTimeout: 1, connectTimeout: 1, maxHttpBufferSize: 1, maxAttachments: 1, allowEIO3: true, initialPacket: "x",
    cleanupEmptyChildNamespaces: true, transports: ["polling"], parser: "default",
    connectionStateRecovery: { maxDisconnectionDuration: 1, skipMiddlewares: true, packetsMax: 1, bytesMax: 1 },
    httpCompression: { threshold: 1 },
    perMessageDeflate: { threshold: 1, serverMaxWindowBits: 9, zlibDeflateOptions: { level: 1 } },
    cookie: { name: "a", path: "/", domain: "a", httpOnly: true, secure: true, partitioned: true, sameSite: true, priority: "low", maxAge: 1, expires: "x" },
    cors: { origin: "*", methods: "GET", allowedHeaders: "a", exposedHeaders: "b", credentials: true, maxAge: 1, preflightContinue: true, optionsSuccessStatus: 200 },
  }).map(([name]) => name);
  for (const name of used) assert.ok(known.has(name), name);
  const tabled = [...known].filter((name) => !/^(cors|cookie|http_compression|per_message_deflate|connection_state_recovery)$/.test(name));
  assert.deepEqual(tabled.filter((name) => !used.includes(name)), [], "and all of them can be set by a script");
});

test("cors as settings", () => {
  assert.deepEqual(settings({ cors: {} }), [["cors", "true"]]);
  assert.deepEqual(settings({ cors: { origin: false, methods: "GET" } }), [["cors", "false"]]);
  assert.deepEqual(settings({ cors: { origin: ["https://a.example", /\.b\.example$/i], methods: ["GET", "POST"], credentials: true } }), [
    ["cors.origin", '["https://a.example","/\\\\.b\\\\.example$/i"]'], ["cors.methods", '["GET","POST"]'], ["cors.credentials", "true"],
  ]);
  assert.deepEqual(settings({ cors: { origin: /x/ } }), [["cors.origin", "/x/"]]);
  assert.deepEqual(settings({ cors: { origin: true, maxAge: 5 } }), [["cors.origin", "true"], ["cors.max_age", "5"]]);
});

test("methods change settings, at the top of the script", () => {
  const world = new World((io) => {
    assert.deepEqual([io.path(), io.connectTimeout(), io.serveClient()], ["/socket.io", 45000, true]);
    assert.equal(io.path("/x/").connectTimeout(7).serveClient(false), io);
    assert.deepEqual([io.path(), io.connectTimeout(), io.serveClient()], ["/x", 7, false]);
  });
  assert.deepEqual(world.manifest.settings, [["path", "/x"], ["connect_timeout", "7"], ["serve_client", "false"]]);
  world.io.path("/y");
  assert.ok(warnings(world).some((text) => text.includes("io.path")));
});

test("options that mean nothing say why", () => {
  const world = new World(undefined, {
    opts: { adapter: class {}, wsEngine: class {}, destroyUpgrade: false, pingIntervall: 5, parser: {}, transports: ["websocket", "webtransport"] },
  });
  assert.deepEqual(world.manifest.settings, [["transports", '["websocket"]']]);
  for (const word of ["adapter", "wsEngine", "destroyUpgrade", "pingIntervall", "parser", "transports"]) {
    assert.equal(warnings(world).filter((text) => text.startsWith(`option ${word}`)).length, 1, word);
  }
});

test("ways to make a server: all the same one", () => {
  const world = new World((io) => {
    assert.equal(new Server({ pingInterval: 5 }), io);
    assert.equal(io.listen(3000).attach({ listen() {} }).bind({}).attachApp({}), io);
    assert.throws(() => io.attach(() => {}), /express request handler/);
  });
  assert.ok(warnings(world).some((text) => text.startsWith("new Server: there is one already")));
  assert.equal(world.logs.filter(([level]) => level === 2).length, 1, "one line that nothing listens");
  assert.deepEqual(world.manifest.settings, []);
  const http = { listen() {} };
  const other = new World(() => assert.equal(new Server(http, { pingInterval: 5 }).httpServer, http), { opts: null });
  assert.deepEqual(other.manifest.settings, [["ping_interval", "5"]]);
  const third = new World(() => void new Server().listen(3000, { pingTimeout: 6, allowRequest() {} }), { opts: null });
  assert.deepEqual([third.manifest.settings, third.manifest.judges], [[["ping_timeout", "6"]], true]);
  const module = third.H.module("holdfast");
  const { default: holdfast, Server: named } = module;
  assert.equal(named, Server);
  assert.equal(module, holdfast, "require gives the function, too");
  const fourth = new World(() => assert.ok(holdfast(3000, { pingTimeout: 7 }) instanceof Server), { opts: null });
  assert.deepEqual(fourth.manifest.settings, [["ping_timeout", "7"]]);
});

// ---------------------------------------------------------------------- who may come

test("allowRequest, with headers for the answer", async () => {
  const seen = [];
  const world = new World(
    (io) => {
      io.engine.on("initial_headers", (headers, req) => {
        headers["X-First"] = req.url;
        headers["set-cookie"] = ["a=1", "b=2"];
      });
      io.engine.on("headers", (headers) => (headers["x-all"] = 1));
    },
    {
      opts: {
        allowRequest: (req, callback) => {
          seen.push([req.headers.host, req._query.EIO, req.method]);
          callback(req.headers.bad ?? null, !req.headers.bad);
          callback(null, true);
        },
      },
    },
  );
  assert.deepEqual([world.manifest.judges, world.manifest.settings], [true, []]);
  world.call("judging", 1, world.handshake());
  world.call("judging", 2, world.handshake({ headers: { bad: "too old" } }));
  assert.deepEqual(world.take("judge"), [
    ["judge", 1, undefined, [["x-first", "/socket.io/?EIO=4&transport=polling"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]], [["x-all", "1"]]],
    ["judge", 2, "too old", [], []],
  ]);
  assert.deepEqual(seen[0], ["localhost", "4", "GET"]);
});

test("allowRequest that fails refuses", async () => {
  let mode;
  const world = new World(undefined, {
    opts: {
      allowRequest: (req, callback) => {
        if (mode === "throw") throw new Error("thrown");
        if (mode === "reject") return Promise.reject(new Error("rejected"));
        if (mode === "later") setImmediate(callback, new Error("an error"), false);
        else callback(undefined, false);
      },
    },
  });
  const reasons = await rejections(async () => {
    for (mode of ["throw", "reject", "later", "plain"]) {
      world.call("judging", mode, world.handshake());
      await world.settle();
    }
  });
  assert.deepEqual(world.take("judge").map(([, token, refusal]) => [token, refusal]).sort(), [
    ["later", "an error"], ["plain", ""], ["reject", ""], ["throw", ""],
  ]);
  assert.deepEqual([world.errors[0].message, reasons], ["thrown", ["rejected"]]);
});

test("cors as a function", () => {
  const world = new World(undefined, {
    opts: {
      cors: (req, callback) => {
        const { origin } = req.headers;
        if (origin === "https://error") callback(new Error("no"));
        else if (origin === "https://fn") callback(null, { origin: (asked, decide) => decide(null, asked) });
        else callback(null, origin === "https://a" ? { origin: [/a$/i, "b"], credentials: true } : false);
      },
    },
  });
  assert.deepEqual([world.manifest.cors, world.manifest.settings], [true, []]);
  for (const origin of ["https://a", "https://b", "https://error", "https://fn"]) {
    world.call("sharing", origin, world.handshake({ headers: { origin } }));
  }
  assert.deepEqual(world.take("share").map(([, ...args]) => args), [
    ["https://a", '{"origin":["/a$/i","b"],"credentials":true}', undefined],
    ["https://b", "false", undefined],
    ["https://error", undefined, "no"],
    ["https://fn", '{"origin":"https://fn"}', undefined],
  ]);
});

test("cors.origin as a function, and as an expression that only JavaScript has", () => {
  const world = new World(undefined, {
    opts: { cors: { methods: ["GET"], origin: (origin, callback) => callback(null, origin === "https://a") } },
  });
  assert.equal(world.manifest.cors, true);
  const ask = (world, origin) => {
    world.call("sharing", 1, world.handshake({ headers: { origin } }));
    return world.take("share")[0][2];
  };
  assert.equal(ask(world, "https://a"), '{"methods":["GET"],"origin":true}');
  assert.equal(ask(world, "https://b"), "false");
  const other = new World(undefined, { opts: { cors: { origin: [/^https:\/\/(?!bad)/, "https://plain"] } } });
  assert.deepEqual([other.manifest.cors, other.manifest.settings], [true, []]);
  assert.equal(ask(other, "https://good"), '{"origin":["https://plain","https://good"]}');
  assert.equal(ask(other, "https://bad"), '{"origin":["https://plain"]}');
});

test("connection_error", () => {
  const seen = [];
  const world = new World((io) => io.engine.on("connection_error", (error) => seen.push(error)));
  assert.equal(world.manifest.denials, true);
  world.call("denied", world.handshake({ headers: { origin: "x" } }), 1, "Session ID unknown", { sid: "a" });
  assert.deepEqual([seen[0].code, seen[0].message, seen[0].context, seen[0].req.headers.origin], [1, "Session ID unknown", { sid: "a" }, "x"]);
});

test("the engine: what it has, and what it says it has not", async () => {
  const seen = [];
  const world = new World((io) => {
    io.engine.on("connection", (conn) => seen.push(conn.transport.name));
    assert.throws(() => io.engine.use(() => {}), /io\.use or the option allowRequest/);
    assert.throws(() => io.engine.generateId(), /not available/);
    io.engine.on("drain", () => {});
  });
  assert.equal(warnings(world).filter((text) => text.includes('"drain"')).length, 1);
  await world.connect("/", { session: 5 });
  await world.connect("/", { session: 5 });
  assert.deepEqual([seen, world.io.engine.clientsCount], [["polling"], 1]);
  world.io.engine.on("headers", () => {});
  assert.ok(warnings(world).some((text) => text.includes('io.engine.on("headers")')));
});

// ---------------------------------------------------------------------- the end

test("close: everybody hears of it, nobody comes in any more", async () => {
  const seen = [];
  const nexts = [];
  const world = new World((io) => {
    for (const nsp of [io.of("/"), io.of("/a")]) {
      nsp.on("connection", (socket) => socket.on("disconnect", (reason) => seen.push([nsp.name, reason])));
    }
    io.of("/slow").use((socket, next) => nexts.push(next));
  });
  await world.connect();
  await world.connect("/a");
  const slow = await world.connect("/slow");
  await world.io.close(() => seen.push("closed"));
  assert.deepEqual(seen, [["/", "server shutting down"], ["/a", "server shutting down"], "closed"]);
  nexts[0]();
  await world.settle();
  assert.equal(seen.length, 3);
  assert.equal(slow.refusal.message, "Server closed");
  assert.equal((await world.connect()).refusal.message, "Server closed");
});

test("limits: children, rooms, answers under way", async () => {
  const world = new World((io) => io.of(/^\/c/), { instances: 2 });
  for (let i = 0; i < 16384; i++) world.io.of("/c" + i);
  assert.throws(() => world.io.of("/cx"), /too many child namespaces/);
  assert.equal((await world.connect("/cx")).refusal.message, "Invalid namespace");
  const failures = [];
  for (let i = 0; i < 4096; i++) world.io.serverSideEmit("x", () => {});
  world.io.serverSideEmit("x", (error) => failures.push(error.message));
  for (let i = 0; i < 4096; i++) void world.io.fetchSockets();
  world.queue.length = 0;
  await assert.rejects(world.io.fetchSockets(), /4096 are under way/);
  for (let i = 0; i < 65536; i++) world.io.timeout(1).emit("x", () => {});
  world.io.timeout(1).emit("x", (error) => failures.push(error.message));
  world.queue.length = 0;
  await world.settle();
  assert.deepEqual(failures, [
    "serverSideEmit: 4096 await answers, which is the limit",
    "65536 messages await acknowledgements, which is the limit",
  ]);
});

test("limits: declared namespaces", () => {
  const world = new World((io) => {
    for (let i = 0; i < 1030; i++) io.of("/n" + i);
  });
  assert.equal(world.manifest.namespaces.length, 1024);
  assert.ok(world.logs.some(([level, text]) => level === 4 && text.includes("1030 namespaces")));
});

test("outside of Holdfast the package says how to run a script", async () => {
  const outside = await import("../lib/outside.js");
  assert.throws(() => new outside.Server(), /holdfast run app\.ts/);
  assert.throws(() => outside.default(3000), /holdfast\/testing/);
  const { api } = await import("../lib/boot.js");
  assert.deepEqual(Object.keys(outside).sort(), Object.keys(api).sort());
  assert.deepEqual([...outside.RESERVED_EVENTS], [...api.RESERVED_EVENTS]);
});
