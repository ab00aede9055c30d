// Audiences: who is there, and orders for all of them. Messages between servers.

const three = (t) => Promise.all(["ann", "bob", "cat"].map((name) => t.client(name, "/events")));

async function inRooms(t) {
  const [ann, bob, cat] = await three(t);
  const [a, b] = [t.room("a"), t.room("b")];
  await ann.quietly("act", "join", a);
  await bob.quietly("act", "join", [a, b]);
  await cat.quietly("act", "join", b);
  return { ann, bob, cat, a, b };
}

/** Ids in an order that does not depend on chance. */
const ids = async (t, role, chain) => {
  const names = { [role.id]: role.name };
  const found = await role.quietly("act", "ids", chain);
  t.note("found", found.length, found.includes(role.id), names[found[0]] ?? "another");
};

export default [
  ["everybody, in the order of coming", async (t) => {
    const ann = await t.client("ann", "/events");
    await t.client("bob", "/events");
    await t.client("cat", "/events");
    await ann.act("ids", ["nsp"]);
  }],
  ["with rooms and data", async (t) => {
    const ann = await t.client("ann", "/events");
    const bob = await t.client("bob", "/events");
    await bob.act("join", t.room("a"));
    await bob.act("setData", { name: "Bob", deep: { list: [1, null] } });
    await ann.act("fetch", ["nsp"]);
  }],
  ["in a room, not in a room, on this node", async (t) => {
    const { ann, a, b } = await inRooms(t);
    await ids(t, ann, ["nsp", ["in", a], ["except", b]]);
    await ids(t, ann, ["nsp", ["in", [a, b]]]);
    await ids(t, ann, ["nsp", ["except", a]]);
    await ids(t, ann, ["nsp", "local"]);
    await ids(t, ann, ["socket", "broadcast"]);
    await ids(t, ann, ["nsp", ["in", t.room("nowhere")]]);
  }],
  ["one by id", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.act("fetch", ["nsp", ["in", ann.id]]);
  }],
  ["the handshake of another", async (t) => {
    const ann = await t.client("ann", "/events");
    const bob = await t.client("bob", "/events", { auth: { token: "bob's" } });
    await ann.act("remote", bob.id, "handshake");
  }],
  ["a message to one that was found", async (t) => {
    const [ann, bob] = await three(t);
    await ann.act("remote", bob.id, "emit", "found you", 1);
  }],
  ["a question to one that was found", async (t) => {
    const [ann, bob] = await three(t);
    bob.answer("question", (value) => ["bob", value]);
    await ann.act("remote", bob.id, "ask", "question", 1);
  }],
  ["one that was found joins and leaves", async (t) => {
    const [ann, bob] = await three(t);
    await ann.act("remote", bob.id, "join", t.room("a"));
    await ann.act("remote", bob.id, "join", [t.room("b"), t.room("c")]);
    await bob.act("who");
    await ann.act("remote", bob.id, "leave", t.room("b"));
    await bob.act("who");
  }],
  ["one that was found is sent away", async (t) => {
    const [ann, bob] = await three(t);
    await ann.act("remote", bob.id, "disconnect");
    await bob.until("disconnect");
    await ann.act("remote", t.room("nobody"), "disconnect");
  }],
  ["one that was found is sent away with its connection", async (t) => {
    const [ann, bob] = await three(t);
    const other = await t.client("bob's other", "/", { on: bob });
    await ann.act("remote", bob.id, "disconnect", true);
    await other.until("disconnect");
    await bob.until("disconnect");
  }],
  ["everybody joins", async (t) => {
    const { ann, bob, cat, a, b } = await inRooms(t);
    await ann.act("socketsJoin", ["nsp", ["in", a]], t.room("new"));
    await ann.act("socketsJoin", ["nsp", ["except", a]], [t.room("x"), t.room("y")]);
    await ann.act("socketsJoin", ["socket", ["to", b]], t.room("z"));
    for (const role of [ann, bob, cat]) await role.act("who");
    await ann.act("emit", ["nsp", ["to", t.room("new")]], "new");
  }],
  ["everybody leaves", async (t) => {
    const { ann, bob, cat, a, b } = await inRooms(t);
    await ann.act("socketsLeave", ["nsp", ["in", b]], a);
    await ann.act("socketsLeave", ["nsp"], [b, t.room("never")]);
    for (const role of [ann, bob, cat]) await role.act("who");
  }],
  ["everybody in a room is sent away", async (t) => {
    const { ann, bob, cat, b } = await inRooms(t);
    await ann.act("disconnectSockets", ["nsp", ["in", b]]);
    await bob.until("disconnect");
    await cat.until("disconnect");
    await ann.act("ids", ["nsp"]);
  }],
  ["everybody else is sent away, with the connection", async (t) => {
    const [ann, bob] = await three(t);
    const other = await t.client("bob's other", "/", { on: bob });
    await ann.act("disconnectSockets", ["socket", "broadcast"], true);
    await other.until("disconnect");
    await bob.until("disconnect");
    await ann.act("ids", ["nsp"]);
  }],
  ["everybody is sent away", async (t) => {
    const [ann, bob, cat] = await three(t);
    ann.emit("act", "disconnectSockets", ["nsp"]);
    for (const role of [ann, bob, cat]) await role.until("disconnect");
  }],
  ["only one namespace is meant", async (t) => {
    const ann = await t.client("ann", "/events");
    const other = await t.client("ann's other", "/", { on: ann });
    other.emit("act", "disconnectSockets", ["nsp"]);
    await other.until("disconnect");
    await ann.act("ids", ["nsp"]);
  }],
  ["a message to other servers is not for this one", async (t) => {
    const ann = await t.client("ann");
    await ann.act("serverSide");
  }],
];
