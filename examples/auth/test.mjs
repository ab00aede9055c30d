// Who may connect, for either app: `node --test`, or `APP=rust node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "holdfast/testing";

const app = process.env.APP ?? "app.ts";

async function started(t) {
  const node = await start({ app, env: { TOKENS: "a1:ann:admin,b2:bob:user" } });
  t.after(() => node.stop());
  return node;
}

test("a token lets in", async (t) => {
  const node = await started(t);
  const bob = await node.connect("/", { auth: { token: "b2" } });
  await bob.expect("welcome", "bob");
  assert.deepEqual(await bob.emitWithAck("whoami"), { name: "bob", role: "user" });
  for (const [auth, hint] of [[undefined, /connect with/], [{ token: 7 }, /connect with/], [{ token: "ann-secret" }, /not known/]]) {
    const error = await (await node.client("/", { auth })).refused();
    assert.equal(error.message, "not authenticated");
    assert.match(error.data.hint, hint);
  }
});

test("who was refused may try again", async (t) => {
  const node = await started(t);
  const bob = await node.client("/");
  await bob.refused();
  bob.socket.auth = { token: "b2" };
  await bob.reconnect();
  await bob.expect("welcome", "bob");
});

test("only admins are let into /admin, and kick", async (t) => {
  const node = await started(t);
  const bob = await node.connect("/", { auth: { token: "b2" } });
  const error = await (await node.client("/admin", { auth: { token: "b2" } })).refused();
  assert.equal(error.message, "not allowed");
  assert.deepEqual(error.data, { role: "user" });
  const ann = await node.connect("/admin", { auth: { token: "a1" } });
  assert.equal(await ann.emitWithAck("kick", "bob"), 1);
  assert.equal(await bob.disconnected(), "io server disconnect");
  assert.equal(await ann.emitWithAck("kick", "bob"), 0);
});
