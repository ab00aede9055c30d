// Private messages as clients see them, for either app: `node --test`, or `APP=rust node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "holdfast/testing";

const app = process.env.APP ?? "app.ts";

async function started(t) {
  const node = await start({ app });
  t.after(() => node.stop());
  /** A client of a user, who has a name or a session. */
  const join = async (auth) => {
    const client = await node.connect("/", { auth });
    const [session] = await client.next("session");
    const [users] = await client.next("users");
    return { client, ...session, users };
  };
  return { node, join };
}

test("messages are private, and wait for who is away", async (t) => {
  const { join } = await started(t);
  const ann = await join({ username: "Ann" });
  const bob = await join({ username: "Bob" });
  const eve = await join({ username: "Eve" });
  await ann.client.expect("user connected", { userID: bob.userID, username: "Bob", connected: true, messages: [] });
  assert.deepEqual(bob.users.map(({ username, connected }) => [username, connected]), [["Ann", true], ["Bob", true]]);

  ann.client.emit("private message", { content: "hello", to: bob.userID });
  await bob.client.expect("private message", { content: "hello", from: ann.userID, to: bob.userID });

  bob.client.disconnect();
  await ann.client.expect("user disconnected", bob.userID);
  ann.client.emit("private message", { content: "still there?", to: bob.userID });

  const back = await join({ sessionID: bob.sessionID });
  assert.equal(back.userID, bob.userID);
  const { messages } = back.users.find(({ userID }) => userID === ann.userID);
  assert.deepEqual(messages.map(({ content }) => content), ["hello", "still there?"]);
  assert.deepEqual(eve.client.messages().filter(([event]) => event === "private message"), []);
});

test("a user may be there several times", async (t) => {
  const { join } = await started(t);
  const ann = await join({ username: "Ann" });
  const bob = await join({ username: "Bob" });
  const second = await join({ sessionID: bob.sessionID });
  assert.equal(second.userID, bob.userID);

  bob.client.emit("private message", { content: "from the first window", to: ann.userID });
  const message = { content: "from the first window", from: bob.userID, to: ann.userID };
  await ann.client.expect("private message", message);
  await second.client.expect("private message", message);

  bob.client.disconnect();
  second.client.emit("private message", { content: "still here", to: ann.userID });
  await ann.client.expect("private message", { ...message, content: "still here" });
  assert.deepEqual(ann.client.messages().map(([event]) => event), ["user connected", "user connected"]);
  second.client.disconnect();
  await ann.client.expect("user disconnected", bob.userID);
});

test("a name is needed", async (t) => {
  const { node } = await started(t);
  for (const auth of [undefined, { username: "" }, { username: 7 }, { username: "x".repeat(41) }, { sessionID: "guessed" }]) {
    await assert.rejects(node.connect("/", { auth }), { message: "invalid username" });
  }
});
