// Clients whose connection breaks and who come back: connection state recovery.

const configuration = "recovery";

/** Breaks the connection; gives when the server has noticed. */
async function broken(watcher, role) {
  role.close();
  await watcher.until("left");
}

async function watched(t, namespace = "/", options) {
  const watcher = await t.client("watcher", namespace);
  await watcher.quietly("act", "watch");
  const ann = await t.client("ann", namespace, options);
  return { watcher, ann };
}

/** The reference's form, and ours. */
const OFFSET = /^[\w-]{7}(\.\d+)?$|^[\da-f]{10,}\.\d+$/;

/** The offset at the end of a message is another on each server. */
function withoutOffsets(role) {
  for (const entry of role.log) {
    if (entry.length > 1 && OFFSET.test(String(entry.at(-1)))) entry[entry.length - 1] = "an offset";
  }
}

const row = (name, run) => [name, async (t) => {
  const roles = await run(t);
  await t.settle();
  roles.forEach(withoutOffsets);
}, { configuration }];

export default [
  row("who comes for the first time is not recovered", async (t) => {
    const ann = await t.client("ann");
    await ann.act("who");
    t.note(ann.socket.recovered, typeof ann.socket._pid);
    return [ann];
  }),
  row("id, rooms and data are as before", async (t) => {
    const { watcher, ann } = await watched(t);
    await ann.act("join", [t.room("a"), t.room("b")]);
    await ann.act("setData", { name: "Ann" });
    await ann.act("emit", ["socket"], "first", "x");
    await broken(watcher, ann);
    await ann.again();
    await ann.act("who");
    return [watcher, ann];
  }),
  row("what was missed is sent", async (t) => {
    const { watcher, ann } = await watched(t);
    await ann.act("join", t.room("a"));
    await ann.act("emit", ["nsp"], "first", "x");
    await broken(watcher, ann);
    await watcher.act("emit", ["nsp"], "to all", 1);
    await watcher.act("emit", ["nsp", ["to", t.room("a")]], "to a", 2);
    await watcher.act("emit", ["nsp", ["to", t.room("b")]], "to b", 3);
    await watcher.act("emit", ["nsp", ["except", t.room("a")]], "not to a", 4);
    await watcher.act("emit", ["nsp", ["to", ann.id ?? "gone"]], "to nobody", 5);
    await watcher.act("emit", ["nsp"], "binary follows", { deep: [6] });
    await ann.again();
    await ann.act("emit", ["socket"], "then", "y");
    return [watcher, ann];
  }),
  row("who left is not recovered", async (t) => {
    const { watcher, ann } = await watched(t);
    await ann.act("emit", ["socket"], "first", "x");
    ann.leave();
    await watcher.until("left");
    await ann.again();
    await ann.act("who");
    return [watcher, ann];
  }),
  row("who was sent away is not recovered", async (t) => {
    const { watcher, ann } = await watched(t);
    await ann.act("emit", ["socket"], "first", "x");
    ann.emit("act", "disconnect");
    await watcher.until("left");
    await ann.until("disconnect");
    await ann.again();
    await ann.act("who");
    return [watcher, ann];
  }),
  row("middlewares are not asked again", async (t) => {
    const run = `run ${t.row}`;
    const watcher = await t.client("watcher", "/gate", { auth: { run: `${run} w` } });
    await watcher.quietly("act", "watch");
    const ann = await t.client("ann", "/gate", { auth: { run } });
    await ann.act("emit", ["socket"], "first", "x");
    await broken(watcher, ann);
    await ann.again();
    await ann.act("asked", run);
    return [watcher, ann];
  }),
  row("acknowledged and volatile messages carry no offset", async (t) => {
    const ann = await t.client("ann");
    ann.answer("question", () => ["answer"]);
    await ann.act("ask", ["socket", ["timeout", 1000]], "question", 1);
    await ann.act("emit", ["nsp", "volatile"], "volatile", 2);
    return [ann];
  }),
  row("a pid that nobody has", async (t) => {
    const ann = await t.client("ann", "/", { auth: { pid: "unknown", offset: "unknown" } });
    await ann.act("who");
    return [ann];
  }),
];
