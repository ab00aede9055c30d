// Rooms, and messages to those who are in them.

const three = (t, namespace = "/") => Promise.all(["ann", "bob", "cat"].map((name) => t.client(name, namespace)));

/** Ann and Bob are in a, Bob and Cat in b. */
async function overlapping(t) {
  const [ann, bob, cat] = await three(t);
  const [a, b] = [t.room("a"), t.room("b")];
  await ann.quietly("act", "join", a);
  await bob.quietly("act", "join", [a, b]);
  await cat.quietly("act", "join", b);
  return { ann, bob, cat, a, b };
}

/** Who hears a message of Ann by each of these audiences. */
const heard = (name, ...chains) => [name, async (t) => {
  const { ann, bob, cat, a, b } = await overlapping(t);
  const names = { a, b, bob: bob.id, cat: cat.id, ann: ann.id };
  const named = (value) => (Array.isArray(value) ? value.map(named) : names[value] ?? value);
  for (const [at, chain] of chains.entries()) {
    await ann.act("emit", chain.map((step) => (Array.isArray(step) ? [step[0], named(step[1])] : step)), `message ${at}`, at);
  }
}];

export default [
  ["joining one and several", async (t) => {
    const ann = await t.client("ann");
    await ann.act("join", t.room("a"));
    await ann.act("join", [t.room("b"), t.room("c")]);
    await ann.act("join", t.room("a"));
    await ann.act("join", []);
  }],
  ["leaving", async (t) => {
    const ann = await t.client("ann");
    await ann.act("join", [t.room("a"), t.room("b")]);
    await ann.act("leave", t.room("a"));
    await ann.act("leave", t.room("a"));
    await ann.act("leave", t.room("never"));
  }],
  ["leaving the room of one's own id", async (t) => {
    const [ann, bob] = await three(t);
    await ann.act("leave", ann.id);
    await bob.act("emit", ["nsp", ["to", ann.id]], "not heard");
    await bob.act("emit", ["nsp"], "heard");
  }],
  ["joining the room of another's id", async (t) => {
    const [ann, bob] = await three(t);
    await ann.act("join", bob.id);
    await bob.act("emit", ["nsp", ["to", bob.id]], "both");
    await bob.act("emit", ["socket", ["to", bob.id]], "ann only");
    await bob.act("emit", ["socket"], "bob only");
  }],
  ["names of rooms are any text", async (t) => {
    const ann = await t.client("ann");
    await ann.act("join", ["", " ", "ü 🦀", "a,b", "/x", "constructor"].map((name) => `${name}~${t.row}`));
    await ann.act("emit", ["nsp", ["to", `ü 🦀~${t.row}`]], "heard");
  }],
  heard("to a room, with and without oneself", ["nsp", ["to", "a"]], ["socket", ["to", "a"]]),
  heard("in is to", ["nsp", ["in", "b"]], ["socket", ["in", "a"]]),
  heard("several rooms reach everybody once", ["nsp", ["to", "a"], ["to", "b"]], ["nsp", ["to", ["a", "b"]]], ["socket", ["to", "a"], ["in", "b"]]),
  heard("a room without another", ["nsp", ["to", "a"], ["except", "b"]], ["nsp", ["except", "b"], ["to", "a"]]),
  heard("everybody but a room", ["nsp", ["except", "a"]], ["socket", ["except", "b"]], ["nsp", ["except", ["a", "b"]]]),
  heard("everybody else", ["socket", "broadcast"], ["socket", "broadcast", ["to", "b"]], ["socket", "broadcast", ["except", "b"]]),
  heard("everybody", ["nsp"], ["io"]),
  heard("somebody by id", ["nsp", ["to", "bob"]], ["socket", ["to", "cat"]], ["nsp", ["to", ["ann", "cat"]]], ["socket", ["to", "ann"]]),
  heard("somebody not by id", ["nsp", ["except", "bob"]], ["nsp", ["to", "b"], ["except", "bob"]]),
  heard("a room where nobody is", ["nsp", ["to", "nowhere"]], ["socket", ["to", "nowhere"]], ["nsp", ["except", "nowhere"]]),
  heard("on this node, volatile, uncompressed", ["nsp", "local", ["to", "a"]], ["socket", "local"], ["nsp", ["to", "b"], "volatile"], ["nsp", ["to", "a"], ["compress", false]], ["socket", "volatile", "broadcast"]),
  ["an audience is not changed by what is made of it", async (t) => {
    const { ann, a, b } = await overlapping(t);
    await ann.act("twice", a, b);
  }],
  ["nothing is heard after leaving", async (t) => {
    const { ann, bob, a } = await overlapping(t);
    await bob.act("leave", a);
    await ann.act("emit", ["nsp", ["to", a]], "news");
    await bob.act("join", a);
    await ann.act("emit", ["nsp", ["to", a]], "more news");
  }],
  ["namespaces have rooms of their own", async (t) => {
    const ann = await t.client("ann");
    const other = await t.client("ann's other", "/events", { on: ann });
    await ann.act("join", t.room("a"));
    await other.act("join", t.room("a"));
    await ann.act("emit", ["nsp", ["to", t.room("a")]], "main");
    await other.act("emit", ["nsp", ["to", t.room("a")]], "other");
    await other.act("emit", ["nsp"], "all of the other");
    await other.act("emit", ["io"], "all of main");
  }],
  ["messages to rooms and to one keep their order", async (t) => {
    const { ann, bob, a } = await overlapping(t);
    const list = [];
    for (let number = 0; number < 20; number += 1) {
      list.push([["nsp", ["to", number % 2 ? a : bob.id]], "n", number]);
    }
    await ann.act("many", list);
  }],
  ["rooms are left with the socket", async (t) => {
    const { ann, bob, a } = await overlapping(t);
    bob.leave();
    await ann.act("ids", ["nsp", ["in", a]]);
    await bob.again();
    await bob.act("who");
    await ann.act("emit", ["nsp", ["to", a]], "news");
  }],
  ["what happens to rooms", async (t) => {
    const [ann, bob] = await three(t, "/watched");
    const rooms = [t.room("a"), t.room("b"), bob.id];
    await bob.act("join", rooms.slice(0, 2));
    await bob.act("join", rooms[0]);
    await ann.act("join", rooms[0]);
    await bob.act("leave", rooms[0]);
    await ann.act("leave", rooms[0]);
    await ann.act("leave", rooms[0]);
    await ann.act("watch");
    bob.leave();
    await ann.until("left");
    await ann.act("roomEvents", rooms);
  }],
];
