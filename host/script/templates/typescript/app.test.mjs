// `npm test`: a node with this app on a free port, and clients that talk to it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "holdfast/testing";

test("what ann says, bob hears", async (t) => {
  const node = await start({ app: "app.ts" });
  t.after(() => node.stop());
  const ann = await node.connect("/");
  const bob = await node.connect("/");

  assert.equal(await ann.emitWithAck("add", 1, 2), 3);

  ann.emit("join", "lobby");
  bob.emit("join", "lobby");
  await bob.emitWithAck("add", 0, 0); // Both have joined by now.
  ann.emit("say", "lobby", "hello");
  await bob.expect("said", ann.id, "hello");
  await ann.expect("said", ann.id, "hello");
});
