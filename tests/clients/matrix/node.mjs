// The scenarios by the official client in Node, of any of its major versions.
//
//   node matrix/node.mjs socket.io-client-3
//
// Started by run.mjs; see there for the variables. Prints a line for each scenario and transport.

import assert from "node:assert/strict";

const { MATRIX_URL, MATRIX_SMALL_URL, MATRIX_CUT_URL, MATRIX_RELAY_URL, MATRIX_TASKS } = process.env;
const LIMIT_MS = 10_000;
const client = await import(process.argv[2]);
const io = client.io ?? client.default;
const isOld = process.argv[2].endsWith("-2");
const WAYS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };
const open = new Set();
let way;

const SCENARIOS = {
  async connect() {
    const socket = await connect();
    if (way === "upgrade") await until(() => socket.io.engine.transport.name === "websocket", "an upgrade");
    assert.equal(socket.io.engine.transport.name, way === "polling" ? "polling" : "websocket");
    const [{ id, namespace, query }] = await ask(socket, "whoami");
    assert.deepEqual([id, namespace, query.transport], [socket.id, "/", WAYS[way][0]]);
  },

  async namespace() {
    // Version 2 has no auth: a namespace's query takes its place, and its ids carry the namespace.
    const echo = await connect({ namespace: "/echo" });
    assert.deepEqual(await ask(echo, "echo", 1), [1]);
    const token = "open sesame";
    const admin = await connect(isOld ? { namespace: `/admin?token=${encodeURIComponent(token)}` } : { namespace: "/admin", auth: { token }, query: { colour: "blue" } });
    const [who] = await ask(admin, "whoami");
    assert.equal(who.namespace, "/admin");
    assert.equal(who.auth.token, token);
    if (!isOld) assert.equal(who.query.colour, "blue");
    assert.equal(who.id, admin.id);
  },

  async eager() {
    const socket = start();
    assert.deepEqual(await ask(socket, "echo", "before"), ["before"]);
  },

  async text() {
    const socket = await connect();
    for (const text of ["", "plain", "grüße", "漢字 😀 \u0000 \u2028", '"quoted\\"', "é".repeat(5000)]) assert.deepEqual(await ask(socket, "echo", text), [text]);
    const heard = next(socket, "echo");
    socket.emit("echo", "漢字 😀", { "ключ": ["значение"] });
    assert.deepEqual(await heard, ["漢字 😀", { "ключ": ["значение"] }]);
  },

  async order() {
    const socket = await connect();
    const heard = [];
    socket.on("echo", (number) => heard.push(number));
    for (let number = 0; number < 100; number += 1) socket.emit("echo", number);
    await until(() => heard.length === 100, "100 events");
    assert.deepEqual(heard, [...Array(100).keys()]);
  },

  async binary() {
    const socket = await connect();
    const sent = { list: [Buffer.from([0, 1, 255]), { deep: Buffer.from("bytes") }], text: "and text", none: Buffer.alloc(0) };
    const [answer] = await ask(socket, "echo", sent);
    const heard = next(socket, "echo");
    socket.emit("echo", sent, Buffer.alloc(3000, 7));
    const [event, more] = await heard;
    for (const got of [answer, event]) {
      assert.deepEqual([...got.list[0]], [0, 1, 255]);
      assert.equal(Buffer.from(got.list[1].deep).toString(), "bytes");
      assert.deepEqual([got.text, got.none.length], ["and text", 0]);
    }
    assert.equal(more.length, 3000);
  },

  async acks() {
    const socket = await connect();
    assert.deepEqual(await ask(socket, "echo", 1, "two", [3]), [1, "two", [3]]);
    socket.on("question", (what, answer) => answer("because", { what }));
    assert.deepEqual(await ask(socket, "ask", "why?"), [null, "because", { what: "why?" }]);
  },

  async rooms() {
    const [ann, bob, eve] = await Promise.all([connect(), connect(), connect()]);
    const room = `room-${process.pid}-${Date.now()}`;
    const heard = { ann: [], bob: [], eve: [], broadcast: [] };
    for (const [name, socket] of [["ann", ann], ["bob", bob], ["eve", eve]]) {
      socket.on("room", (_, text) => heard[name].push(text));
      socket.on("broadcast", (text) => text === room && heard.broadcast.push(name));
    }
    await ask(ann, "room:join", room);
    await ask(bob, "room:join", room);
    eve.emit("room:emit", room, "to the room");
    await until(() => heard.ann.length && heard.bob.length, "what was said in the room");
    await ask(bob, "room:leave", room);
    ann.emit("room:emit", room, "fewer");
    ann.emit("broadcast", room);
    await until(() => heard.ann.length === 2 && heard.broadcast.length === 2, "a broadcast");
    for (const socket of [ann, bob, eve]) await ask(socket, "echo", "settled");
    assert.deepEqual(heard, { ann: ["to the room", "fewer"], bob: ["to the room"], eve: [], broadcast: heard.broadcast });
    assert.deepEqual([...heard.broadcast].sort(), ["bob", "eve"]);
  },

  async "server disconnect"() {
    const socket = await connect();
    const gone = next(socket, "disconnect");
    socket.emit("disconnect-me", false);
    assert.equal((await gone)[0], "io server disconnect");
    const again = await connect();
    const whole = next(again, "disconnect");
    again.emit("disconnect-me", true);
    assert.equal((await whole)[0], "io server disconnect");
  },

  async "client disconnect"() {
    const socket = await connect();
    const before = socket.id;
    const gone = next(socket, "disconnect");
    socket.disconnect();
    assert.equal((await gone)[0], "io client disconnect");
    // Old versions do not come back while their connection is still closing.
    await until(() => socket.io.engine.readyState === "closed", "the end of the connection");
    const back = next(socket, "connect");
    socket.connect();
    await back;
    assert.notEqual(socket.id, before);
    assert.deepEqual(await ask(socket, "echo", "back"), ["back"]);
  },

  async cut() {
    const socket = await connect({ url: MATRIX_RELAY_URL, reconnection: true, reconnectionDelay: 30 });
    if (way === "upgrade") await until(() => socket.io.engine.transport.name === "websocket", "an upgrade");
    const before = socket.id;
    const [gone, back] = [next(socket, "disconnect"), next(socket, "connect")];
    await fetch(MATRIX_CUT_URL);
    assert.match((await gone)[0], /^transport (close|error)$/);
    await back;
    assert.notEqual(socket.id, before);
    assert.deepEqual(await ask(socket, "echo", "still here"), ["still here"]);
  },

  async refused() {
    const socket = start(isOld ? { namespace: "/admin?token=wrong" } : { namespace: "/admin", auth: { token: "wrong" } });
    const [error] = await next(socket, isOld ? "error" : "connect_error");
    // Version 2 gets the data alone.
    if (isOld) return assert.equal(typeof error.hint, "string");
    assert.equal(error.message, "not authorized");
    assert.equal(typeof error.data.hint, "string");
  },

  async large() {
    const socket = await connect();
    const [text] = await ask(socket, "echo", "x".repeat(1_000_000));
    assert.equal(text.length, 1_000_000);
    const [bytes] = await ask(socket, "echo", Buffer.alloc(1_000_000, 3));
    assert.equal(bytes.length, 1_000_000);
  },

  async burst() {
    const socket = await connect({ url: MATRIX_SMALL_URL });
    const heard = [];
    socket.on("echo", (number, text) => heard.push([number, text.length]));
    for (let number = 0; number < 100; number += 1) socket.emit("echo", number, "x".repeat(2000));
    await until(() => heard.length === 100, "100 events");
    assert.deepEqual(heard, [...Array(100).keys()].map((number) => [number, 2000]));
  },
};

for (const task of JSON.parse(MATRIX_TASKS)) {
  way = task.way;
  let late;
  try {
    await Promise.race([SCENARIOS[task.scenario](), new Promise((_, reject) => (late = setTimeout(() => reject(new Error("it took too long")), 2 * LIMIT_MS)))]);
    console.log(`ok ${way} ${task.scenario}`);
  } catch (error) {
    console.log(`not ${way} ${task.scenario}: ${String(error.message).replaceAll("\n", " ").slice(0, 400)}`);
  }
  clearTimeout(late);
  open.forEach((socket) => socket.disconnect());
  open.clear();
}
process.exit(0);

// ---------------------------------------------------------------- helpers

function start({ url = MATRIX_URL, namespace = "", ...options } = {}) {
  const socket = io(url + namespace, { transports: WAYS[way], forceNew: true, reconnection: false, ...options });
  open.add(socket);
  return socket;
}

async function connect(options) {
  const socket = start(options);
  const failed = next(socket, isOld ? "error" : "connect_error").then(([error]) => Promise.reject(new Error(`not connected: ${error?.message ?? error}`)));
  failed.catch(() => {});
  await Promise.race([next(socket, "connect"), failed]);
  return socket;
}

function next(socket, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}"`)), LIMIT_MS);
    timer.unref();
    socket.once(event, (...args) => (clearTimeout(timer), resolve(args)));
  });
}

/** The arguments of the acknowledgement. */
function ask(socket, event, ...args) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer to "${event}"`)), LIMIT_MS);
    socket.emit(event, ...args, (...answer) => (clearTimeout(timer), resolve(answer)));
  });
}

async function until(look, what) {
  for (const end = Date.now() + LIMIT_MS; !look(); ) {
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
