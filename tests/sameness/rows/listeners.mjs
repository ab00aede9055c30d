// Listeners for everything that comes in and goes out.

/** Messages one by one: what comes in one read is heard by all catch-all listeners first. */
async function oneByOne(role, ...events) {
  for (const event of events) await role.quietly(...[event].flat());
}

export default [
  ["everything that comes in is heard, before middlewares and listeners", async (t) => {
    const ann = await t.client("ann", "/any");
    await oneByOne(ann, ["heard", 1, 2], "heard");
    ann.emit("unheard");
    await ann.sync();
    await ann.ask("log");
  }],
  ["those in front are called first", async (t) => {
    const ann = await t.client("ann", "/any");
    await oneByOne(ann, "prepend", "out");
    await ann.ask("log");
  }],
  ["those behind are called last", async (t) => {
    const ann = await t.client("ann", "/any");
    await oneByOne(ann, "second", "out");
    await ann.ask("log");
  }],
  ["one is taken away", async (t) => {
    const ann = await t.client("ann", "/any");
    await oneByOne(ann, "second", "off one", "out");
    await ann.ask("log");
  }],
  ["all are taken away", async (t) => {
    const ann = await t.client("ann", "/any");
    await oneByOne(ann, "second", "off all", "out");
    await ann.ask("log");
  }],
  ["messages to everybody are heard going out", async (t) => {
    const ann = await t.client("ann", "/any");
    const bob = await t.client("bob", "/any");
    await oneByOne(ann, "out to all", "out to others");
    await bob.until("out to others");
    await ann.ask("log");
    await bob.ask("log");
  }],
  ["acknowledgements are not", async (t) => {
    const ann = await t.client("ann", "/any");
    await ann.ask("answered");
    await ann.ask("log");
  }],
  ["there is a list of them", async (t) => {
    const ann = await t.client("ann", "/any");
    await ann.ask("counts");
    await oneByOne(ann, "second");
    await ann.ask("counts");
    await oneByOne(ann, "off all");
    await ann.ask("counts");
  }],
];
