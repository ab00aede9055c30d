// Middlewares: of namespaces, who may connect; of sockets, which messages are delivered.

const run = (t, refuse) => ({ run: `run ${t.row}`, refuse });

export default [
  ["all let in, in their order, before the connection handler", async (t) => {
    const ann = await t.client("ann", "/gate", { auth: run(t) });
    await ann.act("asked", run(t).run);
    await ann.act("who");
  }],
  ["auth is what they go by", async (t) => {
    const ann = await t.client("ann", "/gate", { auth: run(t, "me") });
    await ann.until("welcome");
  }],
  ["an error without data", (t) => t.client("ann", "/gate", { auth: run(t, "plain") })],
  ["an error with data", (t) => t.client("ann", "/gate", { auth: run(t, "data") })],
  ["an error with an empty message", (t) => t.client("ann", "/gate", { auth: run(t, "empty") })],
  ["the first error is the last word", async (t) => {
    await t.client("ann", "/gate", { auth: run(t, "plain") });
    const bob = await t.client("bob");
    await bob.act("asked", run(t).run);
  }],
  ["the second may refuse too", async (t) => {
    await t.client("ann", "/gate", { auth: run(t, "second") });
    const bob = await t.client("bob");
    await bob.act("asked", run(t).run);
  }],
  ["who was refused may try again", async (t) => {
    const ann = await t.client("ann", "/gate", { auth: run(t, "plain") });
    await ann.again(run(t));
    await ann.act("who");
  }],
  ["who was refused may be elsewhere", async (t) => {
    const ann = await t.client("ann", "/gate", { auth: run(t, "plain") });
    const other = await t.client("ann's other", "/", { on: ann });
    await other.act("who");
  }],
  ["those of one namespace are not asked for another", async (t) => {
    await t.client("ann", "/", { auth: run(t, "plain") });
    const bob = await t.client("bob");
    await bob.act("asked", run(t).run);
  }],
  ["who is refused is in no room and no list", async (t) => {
    const bob = await t.client("bob", "/gate", { auth: run(t) });
    await t.client("ann", "/gate", { auth: run(t, "plain") });
    await bob.act("ids", ["nsp"]);
  }],
  ["they may take their time", async (t) => {
    const ann = await t.client("ann", "/waiting");
    await ann.until("welcome");
  }],
  ["they may refuse after a time", (t) => t.client("ann", "/waiting", { auth: { refuse: true } })],
  ["who leaves while they are asked is not let in", async (t) => {
    const ann = t.begin("ann", "/waiting");
    await new Promise((open) => ann.socket.io.once("open", open));
    await t.wait(5);
    ann.close();
    await t.wait(50);
    const bob = await t.client("bob", "/waiting");
    await bob.act("ids", ["nsp"]);
  }],
  ["messages sent meanwhile are heard afterwards", async (t) => {
    const ann = t.begin("ann", "/waiting");
    ann.emit("act", "emit", ["socket"], "heard", 1);
    await ann.until("heard");
  }],
  ["of a socket: messages pass, in order, with their arguments", async (t) => {
    const ann = await t.client("ann", "/packets");
    ann.emit("let through", 1, { two: [2] });
    await ann.until("heard");
    await ann.ask("log");
  }],
  ["of a socket: a message is refused, and only the app hears why", async (t) => {
    const ann = await t.client("ann", "/packets");
    ann.emit("refused", 1);
    ann.emit("let through", 2);
    await ann.until("heard");
    await ann.ask("log");
  }],
  ["of a socket: an error with data", async (t) => {
    const ann = await t.client("ann", "/packets");
    ann.emit("refused with data", 1);
    await ann.until("refusal");
  }],
  ["of a socket: a refused message is never acknowledged", async (t) => {
    const ann = await t.client("ann", "/packets");
    ann.socket.timeout(50).emit("refused", (error) => ann.see("refused →", error?.message));
    await ann.until("refused →");
  }],
  ["of a socket: they may take their time, and others overtake", async (t) => {
    const ann = await t.client("ann", "/packets");
    ann.emit("waits");
    ann.emit("let through", "meanwhile");
    await ann.until("heard", 2);
  }],
  ["of a socket: they may change a message", async (t) => {
    const ann = await t.client("ann", "/packets");
    ann.emit("changed", "by the client");
    await ann.until("heard");
  }],
];
