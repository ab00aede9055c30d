// The shared list as clients see it, for either app: `node --test`, or `APP=rust node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "holdfast/testing";

const app = process.env.APP ?? "app.ts";
const NOT_FOUND = { error: "entity not found" };

test("one is created, read, changed and deleted", async (t) => {
  const node = await start({ app });
  t.after(() => node.stop());
  const [ann, bob] = [await node.connect(), await node.connect()];

  const { data: id } = await ann.emitWithAck("todo:create", { title: "milk", completed: false, more: "is left out" });
  const todo = { id, title: "milk", completed: false };
  await bob.expect("todo:created", todo);
  assert.deepEqual(await bob.emitWithAck("todo:read", id), { data: todo });
  await ann.emitWithAck("todo:create", { title: "bread", completed: false });
  assert.equal((await bob.emitWithAck("todo:list")).data.length, 2);

  assert.equal(await bob.emitWithAck("todo:update", { ...todo, completed: true }), undefined);
  await ann.expect("todo:updated", { ...todo, completed: true });
  assert.equal(await ann.emitWithAck("todo:delete", id), undefined);
  await bob.expect("todo:deleted", id);
  assert.deepEqual(await bob.emitWithAck("todo:read", id), NOT_FOUND);
  assert.deepEqual(await bob.emitWithAck("todo:update", todo), NOT_FOUND);
  assert.deepEqual(await bob.emitWithAck("todo:delete", id), NOT_FOUND);
  await ann.nothing();
});

test("payloads are checked", async (t) => {
  const node = await start({ app });
  t.after(() => node.stop());
  const [ann, bob] = [await node.connect(), await node.connect()];
  const both = [
    { path: "title", message: "text is needed" },
    { path: "completed", message: "true or false is needed" },
  ];
  for (const payload of [null, 7, "text", [], {}, { title: "", completed: "yes" }]) {
    assert.deepEqual(await ann.emitWithAck("todo:create", payload), { error: "invalid payload", errorDetails: both });
  }
  const { errorDetails } = await ann.emitWithAck("todo:update", { id: "x", title: "x".repeat(257), completed: true });
  assert.deepEqual(errorDetails, [{ path: "title", message: "at most 256 characters" }]);
  assert.deepEqual(await ann.emitWithAck("todo:read", { id: 1 }), NOT_FOUND);
  await bob.nothing();
});
