// Sockets as scripts see them (lib/api/socket.js and what it uses), row by row of socket.io's Socket.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Socket, World } from "./node.mjs";

// A world with one client; `handler(socket)` hears of its connection.
async function one(handler, options) {
  let socket;
  const world = new World((io) => io.on("connection", (it) => {
    socket = it;
    handler?.(it, io);
  }), options);
  const client = await world.connect("/", options?.client);
  return { world, client, socket, io: world.io };
}

test("a message reaches its listener, and an acknowledgement its client", async () => {
  const { world, client, socket } = await one((socket) => {
    socket.on("say", (text, ack) => {
      socket.emit("said", text, 1);
      ack("ok", { a: [1] });
    });
  });
  const heard = [];
  await client.emit("say", "hello", (...args) => heard.push(args));
  assert.deepEqual(client.got("said"), [["hello", 1]]);
  assert.deepEqual(heard, [["ok", { a: [1] }]]);
  assert.ok(socket instanceof Socket);
  assert.deepEqual(world.errors, []);
});

test("what a socket is", async () => {
  const { client, socket, io } = await one(undefined, {
    client: {
      headers: [["x-a", "1"], ["x-a", "2"], ["cookie", "a=1"], ["cookie", "b=2"], ["host", "other"], ["set-cookie", "c"]],
      query: { key: "value" },
      auth: { token: "t" },
      secure: true,
    },
  });
  assert.equal(socket.id, client.id);
  assert.deepEqual([socket.connected, socket.disconnected, socket.recovered], [true, false, false]);
  assert.equal(socket.nsp, io.sockets);
  assert.equal(socket.nsp.sockets.get(socket.id), socket);
  const { handshake } = socket;
  assert.equal(handshake, socket.handshake);
  assert.equal(handshake.headers["x-a"], "1, 2");
  assert.equal(handshake.headers.cookie, "a=1; b=2");
  assert.equal(handshake.headers.host, "localhost", "of some headers the first counts");
  assert.deepEqual(handshake.headers["set-cookie"], ["c"]);
  assert.equal(handshake.query.key, "value");
  assert.deepEqual(handshake.auth, { token: "t" });
  assert.equal(handshake.time, new Date(handshake.issued) + "");
  assert.deepEqual([handshake.address, handshake.secure, handshake.xdomain], ["127.0.0.1", true, false]);
  assert.equal(socket.request.headers, handshake.headers);
  assert.equal(socket.request.connection.remoteAddress, "127.0.0.1");
  assert.equal(socket.request._query.EIO, "4");
  assert.equal(socket.conn.transport.name, "polling");
  assert.equal(socket.conn.protocol, 4);
  assert.equal(socket.conn.remoteAddress, "127.0.0.1");
  assert.equal(socket.client.conn, socket.conn);
  assert.equal(socket.server, io);
});

test("reserved names cannot be emitted", async () => {
  const { socket, io } = await one();
  for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
    const expected = { message: `"${name}" is a reserved event name` };
    assert.throws(() => socket.emit(name), expected);
    assert.throws(() => io.emit(name), expected);
    assert.throws(() => socket.broadcast.emit(name), expected);
    await assert.rejects(socket.emitWithAck(name), expected);
  }
});

test("values are those that JSON has", async () => {
  const { client, socket } = await one();
  const circle = {};
  circle.circle = circle;
  assert.throws(() => socket.emit("x", circle), TypeError);
  assert.throws(() => socket.emit("x", 10n), TypeError);
  socket.emit("x", undefined, NaN, new Date(0), new Map([[1, 2]]), new Set([1]), { gone: undefined, fn() {} }, Infinity);
  assert.deepEqual(client.got("x"), [[null, null, "1970-01-01T00:00:00.000Z", {}, {}, {}, null]]);
  socket.emit("y", { toJSON: () => ({ made: 1 }) });
  assert.deepEqual(client.got("y"), [[{ made: 1 }]]);
});

test("binary values travel beside the JSON, both ways", async () => {
  const got = [];
  const { world, client, socket } = await one((socket) =>
    socket.on("bytes", (value, ack) => {
      got.push(value);
      ack(value.inner[0]);
    }),
  );
  const answers = [];
  await client.emit("bytes", { inner: [new Uint8Array([1, 2]), 3] }, (value) => answers.push([...value]));
  assert.ok(Buffer.isBuffer(got[0].inner[0]));
  assert.deepEqual([...got[0].inner[0]], [1, 2]);
  assert.deepEqual(answers, [[1, 2]]);
  world.take();
  const bytes = Buffer.from([9, 8, 7, 6]);
  socket.emit("b", bytes, new Uint16Array([1]), bytes.buffer.slice(0, 0), new DataView(new ArrayBuffer(2)), [bytes.subarray(1, 2)]);
  const [[, , json, attachments]] = world.take("emit");
  assert.equal(
    json,
    '["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2},' +
      '{"_placeholder":true,"num":3},[{"_placeholder":true,"num":4}]]',
  );
  assert.deepEqual(attachments.map((one) => [...one]), [[9, 8, 7, 6], [1, 0], [], [0, 0], [8]]);
  assert.equal(JSON.stringify(Buffer.from([1])), '{"type":"Buffer","data":[1]}', "elsewhere it is as usual");
  assert.equal(JSON.stringify(new Uint8Array([1])), '{"0":1}');
  assert.deepEqual(Object.keys(new Uint8Array(0)), []);
  assert.throws(() => socket.emit("b", bytes, 1n));
  assert.equal(JSON.stringify(new Uint8Array([1])), '{"0":1}', "after an error too");
  socket.emit("plain", 1);
  assert.equal(world.take("emit")[0][3], undefined);
});

test("emit inside of toJSON keeps the binary values apart", async () => {
  const { world, socket } = await one();
  world.take();
  const inner = { toJSON: () => (socket.emit("inner", new Uint8Array([2])), 1) };
  socket.emit("outer", new Uint8Array([1]), inner, new Uint8Array([3]));
  const [first, second] = world.take("emit");
  assert.deepEqual([first[2], [...first[3][0]]], ['["inner",{"_placeholder":true,"num":0}]', [2]]);
  assert.deepEqual(second[3].map((one) => [...one]), [[1], [3]]);
});

test("acknowledgements of clients: later, and once", async () => {
  const acks = [];
  const { client, world } = await one((socket) => socket.on("later", (ack) => acks.push(ack)));
  const heard = [];
  await client.emit("later", (...args) => heard.push(args));
  await world.settle();
  acks[0](1);
  acks[0](2);
  assert.deepEqual(heard, [[1]]);
});

test("an acknowledgement that cannot be written may be tried again; one after the end does nothing", async () => {
  const acks = [];
  const { client, world } = await one((socket) => socket.on("later", (ack) => acks.push(ack)));
  const heard = [];
  await client.emit("later", (...args) => heard.push(args));
  await client.emit("later", (...args) => heard.push(args));
  assert.throws(() => acks[0](1n), TypeError);
  acks[0]("again");
  assert.deepEqual(heard, [["again"]]);
  await client.leave();
  world.take();
  acks[1]("too late");
  assert.deepEqual(world.take(), []);
});

test("emit with a callback", async () => {
  const heard = [];
  const { client, world, socket } = await one();
  client.answer("ask", (a) => [a + 1, "more"]);
  socket.emit("ask", 1, function (...args) {
    heard.push(this === socket, args);
  });
  await world.settle();
  assert.deepEqual(heard, [true, [2, "more"]]);
  const answer = socket.emitWithAck("ask", 2);
  await world.settle();
  assert.equal(await answer, 3);
});

test("timeout: the error first, and an end to waiting", async () => {
  const heard = [];
  const { client, world, socket } = await one();
  client.answer("ask", ["answer"]);
  socket.timeout(50).emit("ask", (...args) => heard.push(args));
  socket.timeout(50).emit("silent", (...args) => heard.push(args));
  await world.settle();
  assert.deepEqual(heard, [[null, "answer"]]);
  await world.pass(50);
  assert.equal(heard.length, 2);
  assert.equal(heard[1][0].message, "operation has timed out");
  assert.equal(heard[1].length, 1);
  const late = socket.timeout(10).emitWithAck("silent");
  const [, result] = await Promise.all([world.pass(10), late.catch((error) => error.message)]);
  assert.equal(result, "operation has timed out");
  socket.emit("silent", () => heard.push("never"));
  await world.pass(100_000);
  assert.equal(heard.length, 2, "the time counts for one message");
});

test("an answer of another socket, or a second one, counts for nothing", async () => {
  const heard = [];
  const { world, client, socket } = await one();
  const other = await world.connect();
  world.take();
  socket.emit("ask", (answer) => heard.push(answer));
  const number = world.take("emit")[0][5];
  await other.ack(number, "forged");
  await client.ack(number, 1);
  await client.ack(number, 2);
  await client.ack(77, 3);
  assert.deepEqual(heard, [1]);
});

test("after the end a message with a time still fails, one without never does", async () => {
  const heard = [];
  const { client, world, socket } = await one();
  socket.timeout(100).emit("before", (...args) => heard.push(["before", args[0].message]));
  socket.emit("before", () => heard.push("never"));
  await client.leave();
  socket.timeout(50).emit("after", (...args) => heard.push(["after", args[0].message]));
  socket.emit("after", () => heard.push("never"));
  await world.pass(1000);
  const late = "operation has timed out";
  assert.deepEqual(heard, [["after", late], ["before", late]]);
});

test("flags hold for one message", async () => {
  const { world, socket } = await one();
  world.take();
  socket.volatile.emit("a");
  socket.compress(false).emit("b");
  socket.compress(false).volatile.emit("c");
  socket.compress(true).emit("d");
  socket.emit("e");
  assert.deepEqual(world.take("emit").map((order) => order[4]), [1, 2, 3, 0, 0]);
  socket.volatile.to("x").emit("f");
  socket.local.emit("g");
  socket.local.compress(false).emit("h");
  socket.compress(false).broadcast.compress(true).emit("i");
  assert.deepEqual(world.take("broadcast").map((order) => [order[6], order[2], order[3]]), [
    [1, ["x"], [socket.id]],
    [4, [], [socket.id]],
    [6, [], [socket.id]],
    [0, [], [socket.id]],
  ]);
});

test("send and write are messages", async () => {
  const { client, socket } = await one();
  assert.equal(socket.send("a", 1).write("b"), socket);
  assert.deepEqual(client.got("message"), [["a", 1], ["b"]]);
});

test("rooms: one's own, joining, leaving", async () => {
  const { client, socket } = await one();
  assert.deepEqual([...socket.rooms], [socket.id]);
  assert.equal(socket.join(["a", "b"]), undefined);
  assert.equal(socket.join("c"), undefined);
  assert.equal(socket.leave("a"), undefined);
  assert.deepEqual([...socket.rooms], [socket.id, "b", "c"]);
  assert.deepEqual([...client.rooms], [socket.id, "b", "c"]);
  socket.join(5);
  assert.ok(socket.rooms.has("5"), "a room's name is text");
  socket.join("r".repeat(1025));
  assert.equal(socket.rooms.size, 4, "the node does not take such a name");
});

test("rooms are there in disconnecting, and gone in disconnect", async () => {
  const seen = [];
  const { client } = await one((socket) => {
    socket.join("a");
    socket.on("disconnecting", (reason, ...more) => seen.push(["disconnecting", reason, more, [...socket.rooms], socket.connected]));
    socket.on("disconnect", (reason) => {
      seen.push(["disconnect", reason, [...socket.rooms], socket.connected, socket.nsp.sockets.size]);
      socket.join("b");
    });
  });
  await client.leave("ping timeout");
  assert.deepEqual(seen, [
    ["disconnecting", "ping timeout", [undefined], ["id-0", "a"], true],
    ["disconnect", "ping timeout", [], false, 0],
  ]);
});

test("disconnect by the server: at once, and once", async () => {
  const seen = [];
  const { world, client, socket } = await one((socket) => {
    socket.on("disconnecting", (reason) => seen.push(["disconnecting", reason]));
    socket.on("disconnect", (reason) => seen.push(["disconnect", reason, socket.connected]));
    socket.on("x", () => seen.push("never"));
  });
  assert.equal(socket.disconnect(), socket);
  assert.deepEqual(seen, [
    ["disconnecting", "server namespace disconnect"],
    ["disconnect", "server namespace disconnect", false],
  ]);
  world.call("message", client.h, ["x"], undefined, undefined);
  await world.settle();
  socket.disconnect(true);
  socket.emit("late");
  assert.equal(seen.length, 2);
  assert.deepEqual(world.take(), ["admit", "disconnect"]);
  assert.equal(world.io.sockets.sockets.size, 0);
});

test("disconnect(true) ends all sockets of the session", async () => {
  const seen = [];
  const world = new World((io) => {
    for (const nsp of [io.of("/"), io.of("/a"), io.of("/b")]) {
      nsp.on("connection", (socket) => socket.on("disconnect", (reason) => seen.push([nsp.name, reason])));
    }
  });
  for (const name of ["/", "/a", "/b"]) await world.connect(name, { session: 7 });
  await world.connect("/", { session: 8 });
  const socket = world.io.of("/a").sockets.get("id-1");
  assert.equal(socket.client.sockets.size, 3);
  assert.equal(world.io.engine.clientsCount, 2);
  const closed = [];
  socket.conn.on("close", (reason) => closed.push(reason));
  socket.disconnect(true);
  const reason = "server namespace disconnect";
  assert.deepEqual(seen, [["/a", reason], ["/", reason], ["/b", reason]]);
  await world.settle();
  assert.equal(seen.length, 3);
  assert.equal(world.io.engine.clientsCount, 1);
});

test("a lost socket is reached by its room, as it may come back", async () => {
  const { world, client, socket } = await one();
  await client.leave("transport close");
  world.take();
  socket.emit("missed", 1);
  assert.deepEqual(world.orders.pop().slice(0, 5), ["broadcast", "/", ["id-0"], [], '["missed",1]']);
  const again = await world.connect();
  await again.leave("client namespace disconnect");
  world.take();
});

test("a socket that left its namespace is not reached", async () => {
  const sockets = [];
  const world = new World((io) => io.on("connection", (socket) => sockets.push(socket)));
  const client = await world.connect();
  await client.leave("client namespace disconnect");
  world.take();
  assert.equal(sockets[0].emit("x"), true);
  assert.deepEqual(world.take(), []);
});

test("catch-all listeners", async () => {
  const seen = [];
  const { client, socket } = await one((socket) => {
    socket.on("x", (...args) => seen.push(["x", ...args]));
    socket.onAny((name, ...args) => seen.push(["any", name, ...args]));
    socket.prependAny((name) => seen.push(["first", name]));
  });
  await client.emit("x", 1);
  await client.emit("y");
  assert.deepEqual(seen.splice(0), [["first", "x"], ["any", "x", 1], ["x", 1], ["first", "y"], ["any", "y"]]);
  assert.equal(socket.listenersAny().length, 2);
  const [first] = socket.listenersAny();
  socket.offAny(first);
  await client.emit("y");
  assert.deepEqual(seen.splice(0), [["any", "y"]]);
  socket.offAny();
  assert.deepEqual(socket.listenersAny(), []);
  await client.emit("y");
  assert.deepEqual(seen, []);
});

test("catch-all listeners for what goes out: messages and broadcasts, no acknowledgements", async () => {
  const seen = [];
  const { world, client, socket, io } = await one();
  socket.join("room");
  socket.on("ask", (ack) => ack(1));
  socket.onAnyOutgoing((...args) => seen.push(args));
  socket.prependAnyOutgoing((name) => seen.push("first " + String(name)));
  const other = await world.connect();
  socket.emit("a", 1);
  io.to("room").emit("b", 2);
  io.emit("c");
  io.except("room").emit("d");
  io.to("elsewhere").emit("d");
  socket.broadcast.emit("d");
  await client.emit("ask", () => {});
  assert.deepEqual(seen.splice(0), ["first a", ["a", 1], "first b", ["b", 2], "first c", ["c"]]);
  socket.offAnyOutgoing();
  socket.emit("e");
  assert.deepEqual(seen, []);
  assert.equal(other.received.length, 3);
  assert.deepEqual(socket.listenersAnyOutgoing(), []);
});

test("middlewares of a socket: in order, refusing, later", async () => {
  const seen = [];
  const { client, world } = await one((socket) => {
    socket.use((event, next) => {
      seen.push(["first", event]);
      if (event[0] === "bad") next(Object.assign(new Error("refused"), { data: 1 }));
      else if (event[0] === "later") setImmediate(next);
      else next();
    });
    socket.use(([name], next) => {
      seen.push("second");
      next();
      seen.push("after next");
    });
    socket.on("error", (error) => seen.push(["error", error.message, error.data]));
    for (const name of ["good", "bad", "later"]) socket.on(name, (...args) => seen.push([name, ...args]));
  });
  await client.emit("good", 1);
  assert.deepEqual(seen.splice(0), [["first", ["good", 1]], "second", "after next", ["good", 1]]);
  await client.emit("bad");
  assert.deepEqual(seen.splice(0), [["first", ["bad"]], ["error", "refused", 1]]);
  await client.emit("later");
  await world.settle();
  assert.deepEqual(seen.splice(0), [["first", ["later"]], "second", "after next", ["later"]]);
  await client.emit("later");
});

test("an error without listeners is no crash", async () => {
  const { client, world } = await one((socket) => socket.use((event, next) => next(new Error("no"))));
  await client.emit("x");
  assert.deepEqual(world.errors, []);
});

test("a message is dropped when a catch-all listener disconnects", async () => {
  const seen = [];
  const { client } = await one((socket) => {
    socket.onAny(() => socket.disconnect());
    socket.on("x", () => seen.push("never"));
  });
  await client.emit("x");
  assert.deepEqual(seen, []);
});

test("listeners, as Node has them", async () => {
  const seen = [];
  const { client, socket } = await one();
  const a = () => seen.push("a");
  const b = () => seen.push("b");
  socket.on("x", a).once("x", b).prependListener("x", () => seen.push("first"));
  await client.emit("x");
  await client.emit("x");
  assert.deepEqual(seen.splice(0), ["first", "a", "b", "first", "a"]);
  assert.equal(socket.listenerCount("x"), 2);
  assert.ok(socket.listeners("x").includes(a));
  socket.off("x", a);
  await client.emit("x");
  assert.deepEqual(seen.splice(0), ["first"]);
  assert.deepEqual(socket.eventNames(), ["x"]);
  socket.once("y", b);
  assert.deepEqual([socket.listeners("y"), socket.rawListeners("y")[0] === b], [[b], false]);
  socket.removeListener("y", b);
  socket.removeAllListeners("x");
  assert.deepEqual(socket.eventNames(), []);
  await client.emit("x");
  assert.deepEqual(seen, []);
  assert.throws(() => socket.on("x", 1), { code: "ERR_INVALID_ARG_TYPE" });
  const added = [];
  socket.on("newListener", (name) => added.push(name));
  socket.on("removeListener", (name) => added.push("-" + name));
  socket.on("z", a).off("z", a);
  assert.deepEqual(added.slice(-2), ["z", "-z"]);
  assert.equal(socket.setMaxListeners(100), socket);
  assert.equal(socket.getMaxListeners(), 100);
});

test("names that objects have are names like any other", async () => {
  const seen = [];
  const { client } = await one((socket) => {
    socket.on("__proto__", () => seen.push("__proto__"));
    socket.on("constructor", () => seen.push("constructor"));
    socket.on("1", () => seen.push("1"));
  });
  for (const name of ["toString", "__proto__", "constructor", "hasOwnProperty", 1]) await client.emit(name);
  assert.deepEqual(seen, ["__proto__", "constructor", "1"]);
});

test("data is told to the node when it has changed, however it was", async () => {
  const { world, client, socket } = await one((socket) => {
    socket.on("set", () => {
      socket.data = { a: 1 };
    });
    socket.on("nested", async () => {
      const { data } = socket;
      await null;
      data.deep = { list: [1] };
    });
    socket.on("push", () => socket.data.deep.list.push(2));
    socket.on("read", () => void socket.data.a);
    socket.on("twice", () => {
      socket.data.b = 1;
      socket.data.b = 2;
    });
  });
  const told = () => world.take("setData").map((order) => order[2]);
  assert.deepEqual(told(), []);
  await client.emit("set");
  assert.deepEqual(told(), ['{"a":1}']);
  await client.emit("nested");
  await client.emit("push");
  assert.deepEqual(told().at(-1), '{"a":1,"deep":{"list":[1,2]}}');
  await client.emit("read");
  assert.deepEqual(told(), []);
  await client.emit("twice");
  assert.deepEqual(told(), ['{"a":1,"deep":{"list":[1,2]},"b":2}']);
  socket.data = { circle: null };
  socket.data.circle = socket.data;
  await world.settle();
  assert.deepEqual(told(), []);
  assert.ok(world.logs.some(([level, text]) => level === 3 && text.includes("not JSON")));
  socket.data = "x".repeat(70_000);
  await world.settle();
  assert.deepEqual(told(), []);
  assert.ok(world.logs.some(([level, text]) => level === 4 && text.includes("65536")));
});

test("data is told before what depends on it", async () => {
  const { world, socket, io } = await one();
  world.take();
  socket.data.a = 1;
  const found = io.fetchSockets();
  socket.data.a = 2;
  socket.disconnect();
  assert.deepEqual(world.take(), ["setData", "find", "setData", "disconnect"]);
  await world.settle();
  await found;
});

test("limits: acknowledgements of one socket", async () => {
  const { world, client, socket } = await one();
  for (let i = 0; i < 1024; i++) socket.emit("x", () => {});
  const failures = [];
  socket.timeout(1).emit("x", (error) => failures.push(error.message));
  socket.emitWithAck("x").catch((error) => failures.push(error.message));
  socket.emit("x", () => failures.push("never"));
  assert.deepEqual(failures, []);
  await world.settle();
  assert.equal(failures.length, 2);
  assert.match(failures[0], /1024 messages to socket id-0 await acknowledgements, which is the limit/);
  assert.ok(world.logs.some(([level, text]) => level === 4 && text.includes("1024")));
  const [[, , , , , number]] = world.take("emit");
  await client.ack(number);
  socket.emit("x", () => {});
  assert.equal(world.take("emit").length, 1);
});

test("where: what runs, for log lines", async () => {
  const seen = [];
  const world = new World((io, world) => {
    const note = () => seen.push(world.H.where());
    note();
    io.of("/chat").use((socket, next) => (note(), next()));
    io.of("/chat").on("connection", (socket) => {
      note();
      socket.on("say", note);
      socket.on("disconnect", note);
      socket.emit("ask", note);
    });
  });
  const client = await world.connect("/chat");
  await client.emit("say");
  await client.ack(world.take("emit")[0][5]);
  await client.leave();
  assert.deepEqual(seen, [
    "start",
    "middleware of /chat",
    "connection handler of /chat",
    'handler of "say" of socket id-0 in /chat',
    "acknowledgement of socket id-0 in /chat",
    "disconnect handler of socket id-0 in /chat",
  ]);
});
