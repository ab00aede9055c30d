// The chat as its clients see it, for either app: `node --test`, or `APP=rust node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "holdfast/testing";

const app = process.env.APP ?? "app.ts";

test("people come, talk and go", async (t) => {
  const node = await start({ app });
  t.after(() => node.stop());
  const [ann, bob] = [await node.connect("/"), await node.connect("/")];

  ann.emit("new message", "without a name");
  ann.emit("add user", "Ann");
  await ann.expect("login", { numUsers: 1 });
  await bob.expect("user joined", { username: "Ann", numUsers: 1 });
  bob.emit("add user", "");
  bob.emit("add user", "Bob");
  await bob.expect("login", { numUsers: 2 });
  await ann.expect("user joined", { username: "Bob", numUsers: 2 });

  bob.emit("typing").emit("stop typing").emit("new message", "hello");
  await ann.expect("typing", { username: "Bob" });
  await ann.expect("stop typing", { username: "Bob" });
  await ann.expect("new message", { username: "Bob", message: "hello" });
  assert.deepEqual(await ann.emitWithAck("users"), ["Ann", "Bob"]);

  bob.disconnect();
  await ann.expect("user left", { username: "Bob", numUsers: 1 });
  assert.deepEqual(await ann.emitWithAck("users"), ["Ann"]);
  await ann.nothing();
});
