// Tests of holdfast/testing, against the demo app of the binary.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { start } from "../testing/index.js";
import { toml } from "../testing/toml.js";

async function demo(t, options = {}) {
  const node = await start({ ...options, settings: { shards: 1, ...options.settings } });
  t.after(() => node.stop());
  return node;
}

test("messages, answers and binary values", async (t) => {
  const node = await demo(t);
  for (const transports of [["websocket"], ["polling"]]) {
    const ann = await node.connect("/", { transports });
    assert.equal(await ann.emitWithAck("echo", "hi"), "hi");
    ann.emit("echo", 1, { two: Buffer.from("three") });
    ann.emit("message", "m");
    await ann.expect("message", "m");
    await ann.expect("echo", 1, { two: Buffer.from("three") });
    ann.answer("question", (...args) => args.length);
    assert.deepEqual(await ann.socket.emitWithAck("ask", "a", "b"), null);
    await ann.nothing();
  }
});

test("questions are answered by hand too", async (t) => {
  const node = await demo(t);
  const ann = await node.connect();
  const answered = new Promise((resolve) => ann.socket.emit("ask", 1, (...answer) => resolve(answer)));
  const [value, acknowledge] = await ann.next("question");
  acknowledge(value + 1);
  assert.deepEqual(await answered, [null, 2]);
});

test("auth, refusals and ends", async (t) => {
  const node = await demo(t);
  await assert.rejects(node.connect("/admin"), { message: "not authorized" });
  const stranger = await node.client("/admin");
  assert.match((await stranger.refused()).data.hint, /token/);
  const admin = await node.connect("/admin", { auth: { token: "open sesame" } });
  assert.deepEqual(await admin.emitWithAck("sockets"), []);
  const ann = await node.connect();
  ann.emit("disconnect-me", false);
  assert.equal(await ann.disconnected(), "io server disconnect");
});

test("a client comes back", async (t) => {
  const node = await demo(t, { settings: { "protocol.connection_state_recovery.max_disconnection_duration": 60_000 } });
  const ann = await node.connect("/lab");
  const { id } = ann;
  await ann.emitWithAck("data:set", "kept");
  ann.cut();
  await ann.disconnected();
  await ann.reconnect();
  assert.equal(ann.id, id);
  assert.equal((await ann.emitWithAck("data:get")).data.value, "kept");
});

test("settings and environment", async (t) => {
  const node = await demo(t, { settings: { "protocol.ping_interval": 12_345, "protocol.cors.origin": ["https://a.example"] }, env: { DEMO_JUDGE: 1 } });
  const open = await (await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`)).text();
  assert.match(open, /"pingInterval":12345/);
  const ann = await node.client("/", { query: { deny: "not you" } });
  assert.equal((await ann.refused()).message, "websocket error");
});

test("failures say what came instead, and what was logged", async (t) => {
  const node = await demo(t, { patienceMs: 500 });
  const ann = await node.connect();
  ann.emit("echo", { a: 1 });
  await assert.rejects(ann.next("other"), (error) => {
    assert.match(error.message, /expected the message other, but nothing of the kind came in 500 ms; unread messages:\n {4}echo\(\{ a: 1 \}\)/);
    assert.match(error.message, /--- the node's log\n.*guest role=protocol/);
    return true;
  });
  await assert.rejects(ann.expect("echo", { a: 2 }), /expected echo\(\{ a: 2 \}\), but got echo\(\{ a: 1 \}\)/);
  await assert.rejects(ann.emitWithAck("unheard", 1), /an answer to unheard\(1\)/);
  await assert.rejects(ann.disconnected(), /expected to be disconnected/);
  ann.emit("echo", 1);
  await assert.rejects(ann.nothing(200), /expected nothing, but got echo\(1\)/);
  assert.deepEqual(ann.messages(), [["echo", 1]]);
  ann.emit("disconnect-me", false);
  await ann.disconnected();
  await assert.rejects(ann.next("more"), /but it is disconnected: io server disconnect/);
  await assert.rejects(node.logged("never said"), /no log line that fits never said: not in 500 ms/);
});

test("the log", async (t) => {
  const node = await demo(t);
  assert.equal(node.log("listening").length, 1);
  assert.equal(node.log(/^ready$/)[0].shards, 1);
  assert.equal((await node.logged(({ role }) => role === "app")).name, "holdfast-demo");
});

test("what the binary refuses is an error with its words", async () => {
  await assert.rejects(start({ settings: { "limits.outbox_byte_max": 1 } }), /did you mean limits.outbox_bytes_max/);
  await assert.rejects(start({ app: "no/such/file.wasm" }), /no\/such\/file.wasm/);
  await assert.rejects(start({ bin: "/no/such/holdfast" }), /ENOENT/);
  await assert.rejects(start({ settings: { shards: null } }), /the setting shards is neither text/);
});

test("it stops with its block", async () => {
  const node = await start();
  await node[Symbol.asyncDispose]();
  await assert.rejects(fetch(node.url));
});

const greeting = (word) => `
  import { Server } from "holdfast";
  new Server().on("connection", (socket) => {
    console.log("somebody came");
    socket.on("greet", (answer) => answer("${word}"));
  });`;

test("a script is saved again, and its clients stay", async (t) => {
  const node = await start({ source: greeting("hello"), watch: true });
  t.after(() => node.stop());
  const ann = await node.connect();
  const { id } = ann;
  assert.equal(await ann.emitWithAck("greet"), "hello");
  await node.logged("somebody came");
  await node.save(greeting("good day"));
  for (let tries = 0; tries < 100 && (await ann.emitWithAck("greet")) === "hello"; tries += 1) await setTimeout(50);
  assert.equal(await ann.emitWithAck("greet"), "good day");
  assert.deepEqual([ann.socket.connected, ann.id], [true, id]);
});

test("source is what can be saved", async (t) => {
  await assert.rejects(start({ source: "const = 1" }), /app\.ts:1:7/);
  const node = await demo(t);
  await assert.rejects(node.save("x"), /without `source`/);
});

test("several apps", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-test-"));
  t.after(() => rm(folder, { recursive: true }));
  const app = (namespace) => `import { Server } from "holdfast"; new Server().of("${namespace}").on("connection", (socket) => socket.emit("here", "${namespace}"));`;
  const apps = { one: join(folder, "one.ts"), two: join(folder, "two.mjs") };
  await writeFile(apps.one, app("/one"));
  await writeFile(apps.two, app("/two"));
  const node = await start({ apps, settings: { "apps.one.memory_bytes_max": 16 << 20 } });
  t.after(() => node.stop());
  for (const namespace of ["/one", "/two"]) await (await node.connect(namespace)).expect("here", namespace);
});

test("settings are written as TOML", () => {
  const text = toml({ "a.b c": "x\"\u007f\n", list: [1, "two", true], left_out: undefined });
  assert.equal(text, '"a"."b c" = "x\\"\\u007f\\n"\n"list" = [1, "two", true]\n');
});
