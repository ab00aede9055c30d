// Rooms as clients see them, for either app: `node --test`, or `APP=rust node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "holdfast/testing";

const app = process.env.APP ?? "app.ts";
const OK = { ok: true };

test("rooms are joined, talked to and left", async (t) => {
  const node = await start({ app });
  t.after(() => node.stop());
  const [ann, bob, cat] = [await node.connect(), await node.connect(), await node.connect()];

  assert.deepEqual(await ann.emitWithAck("join", "news"), OK);
  assert.deepEqual(await bob.emitWithAck("join", "news"), OK);
  await ann.expect("joined", "news", bob.id);
  assert.deepEqual(await bob.emitWithAck("join", "sports"), OK);
  assert.deepEqual(await bob.emitWithAck("rooms"), ["news", "sports"]);
  assert.deepEqual(new Set(await cat.emitWithAck("members", "news")), new Set([ann.id, bob.id]));

  assert.deepEqual(await ann.emitWithAck("message", "news", "hi"), OK);
  await ann.expect("message", "news", ann.id, "hi");
  await bob.expect("message", "news", ann.id, "hi");
  await cat.nothing();
  assert.match((await cat.emitWithAck("message", "news", "me too")).error, /not there/);

  await cat.emitWithAck("join", "news");
  bob.emit("message except", "news", "sports", "for those who do not like sports");
  await cat.expect("message", "news", bob.id, "for those who do not like sports");
  await ann.expect("message", "news", bob.id, "for those who do not like sports");

  assert.deepEqual(await ann.emitWithAck("leave", "news"), OK);
  await bob.expect("left", "news", ann.id);
  await cat.expect("left", "news", ann.id);
  bob.disconnect();
  await cat.expect("left", "news", bob.id);
  assert.deepEqual(await ann.emitWithAck("members", "news"), [cat.id]);
});

test("not every wish is granted", async (t) => {
  const node = await start({ app });
  t.after(() => node.stop());
  const ann = await node.connect();
  assert.match((await ann.emitWithAck("join", "No Such Name")).error, /is called by/);
  assert.match((await ann.emitWithAck("leave", "nowhere")).error, /not there/);
  assert.match((await ann.emitWithAck("leave", ann.id)).error, /not there/);
  for (let number = 0; number < 20; number += 1) assert.deepEqual(await ann.emitWithAck("join", `room-${number}`), OK);
  assert.match((await ann.emitWithAck("join", "one-more")).error, /limit/);
});
