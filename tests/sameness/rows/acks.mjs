// Acknowledgements, both ways.

const all = (t, count, namespace = "/") =>
  Promise.all(["ann", "bob", "cat"].slice(0, count).map((name) => t.client(name, namespace)));

export default [
  ["nothing, one value, several", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("answer nothing");
    await ann.ask("answer one");
    await ann.ask("answer many");
  }],
  ["with binary values", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("echo back", Buffer.from("abc"), { d: Buffer.from("e") }, 1);
  }],
  ["the first answer counts", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("answer twice");
    await ann.ask("answer both");
  }],
  ["an answer that takes a while", async (t) => {
    const ann = await t.client("ann", "/events");
    await Promise.all([ann.ask("answer late", 40), ann.ask("answer late", 1), ann.ask("answer one")]);
  }],
  ["no answer", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.socket.timeout(50).emit("answer never", (error) => ann.see("answer never →", error.message));
    await ann.until("answer never →");
  }],
  ["whether one is wanted", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("answer wanted", 1);
    ann.emit("answer wanted", 2, () => {});
    await ann.until("wanted", 2);
  }],
  ["not after the socket is gone", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.socket.emit("answer gone", () => ann.see("answered"));
    await ann.until("disconnect");
    await t.wait(20);
  }],
  ["the server asks a client", async (t) => {
    const ann = await t.client("ann");
    ann.answer("question", (...args) => ["answer", ...args]);
    await ann.act("ask", ["socket"], "question", 1, "two");
    await ann.act("ask", ["socket"], "question");
  }],
  ["the server asks a client that answers nothing", async (t) => {
    const ann = await t.client("ann");
    ann.answer("question", () => []);
    await ann.act("ask", ["socket"], "question");
    await ann.act("askAsync", ["socket"], "question");
  }],
  ["the server asks in time", async (t) => {
    const ann = await t.client("ann");
    ann.answer("question", () => ["a", "b"]);
    await ann.act("ask", ["socket", ["timeout", 1000]], "question");
  }],
  ["the server asks in vain", async (t) => {
    const ann = await t.client("ann");
    await ann.act("ask", ["socket", ["timeout", 30]], "question");
    await ann.act("askAsync", ["socket", ["timeout", 30]], "question");
  }],
  ["an answer that comes too late", async (t) => {
    const ann = await t.client("ann");
    ann.socket.on("question", (reply) => setTimeout(reply, 60, "late"));
    await ann.act("ask", ["socket", ["timeout", 20]], "question");
    await t.wait(80);
  }],
  ["the server awaits", async (t) => {
    const ann = await t.client("ann");
    ann.answer("question", (number) => [number + 1, "more"]);
    await ann.act("askAsync", ["socket"], "question", 1);
    await ann.act("askAsync", ["socket", ["timeout", 1000]], "question", 2);
  }],
  ["the server asks volatile and uncompressed", async (t) => {
    const ann = await t.client("ann");
    ann.answer("question", () => ["here"]);
    await ann.act("askAsync", ["socket", "volatile", ["timeout", 1000]], "question");
    await ann.act("askAsync", ["socket", ["compress", false], ["timeout", 1000]], "question");
  }],
  ["the client answers twice", async (t) => {
    const ann = await t.client("ann");
    ann.socket.on("question", (reply) => (reply("first"), reply("second")));
    await ann.act("ask", ["socket"], "question");
  }],
  ["several questions at a time", async (t) => {
    const ann = await t.client("ann");
    ann.socket.on("question", (ms, reply) => setTimeout(reply, ms, ms));
    await Promise.all([30, 1, 15].map((ms) => ann.act("ask", ["socket"], "question", ms)));
  }],
  ["everybody answers", async (t) => {
    const [ann, bob, cat] = await all(t, 3);
    for (const role of [ann, bob, cat]) role.answer("question", (value) => [`${role.name} ${value}`, "ignored"]);
    const answers = await ann.quietly("act", "askAsync", ["nsp", ["timeout", 1000]], "question", 1);
    t.note(answers.sort());
    const others = await ann.quietly("act", "askAsync", ["socket", "broadcast", ["timeout", 1000]], "question", 2);
    t.note(others.sort());
  }],
  ["everybody in a room answers", async (t) => {
    const [ann, bob, cat] = await all(t, 3);
    for (const role of [ann, bob, cat]) role.answer("question", () => [role.name]);
    await ann.act("join", t.room("a"));
    await bob.act("join", t.room("a"));
    const ask = async (...chain) => t.note(chain, [...(await cat.quietly("act", "ask", [...chain, ["timeout", 1000]], "question"))[1]].sort());
    await ask("nsp", ["to", t.room("a")]);
    await ask("nsp", ["to", t.room("a")], ["except", ann.id]);
    await ask("nsp", ["in", [t.room("a"), cat.id]]);
    await ask("socket", ["to", t.room("a")]);
    await ask("nsp", ["except", t.room("a")]);
  }],
  ["nobody is asked", async (t) => {
    const ann = await t.client("ann");
    await ann.act("ask", ["nsp", ["to", t.room("nobody")], ["timeout", 1000]], "question");
    await ann.act("askAsync", ["socket", "broadcast", ["timeout", 1000]], "question");
  }],
  ["not everybody answers", async (t) => {
    const [ann, bob] = await all(t, 2);
    ann.answer("question", () => ["ann"]);
    await bob.act("ask", ["nsp", ["timeout", 60]], "question");
    await bob.act("askAsync", ["nsp", ["timeout", 60]], "question");
  }],
  ["one of those who are asked goes", async (t) => {
    const [ann, bob] = await all(t, 2);
    ann.answer("question", () => ["ann"]);
    bob.socket.on("question", () => bob.leave());
    await ann.act("ask", ["nsp", ["timeout", 80]], "question");
  }],
  ["everybody answers nothing", async (t) => {
    const [ann, bob] = await all(t, 2);
    for (const role of [ann, bob]) role.answer("question", () => []);
    await ann.act("ask", ["nsp", ["timeout", 1000]], "question");
  }],
  ["an acknowledgement that nobody waits for", async (t) => {
    const ann = await t.client("ann");
    ann.socket.packet({ type: 3, id: 4711, data: ["x"] });
    await ann.act("who");
  }],
];
