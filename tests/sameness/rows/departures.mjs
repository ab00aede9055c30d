// Going: who ends it, what each side is told, and what is left.

/** Watches what others leave behind. */
async function watched(t, namespace = "/", options = {}) {
  const watcher = await t.client("watcher", namespace);
  await watcher.quietly("act", "watch");
  const ann = await t.client("ann", namespace, options);
  await ann.quietly("act", "join", t.room("a"));
  return { watcher, ann };
}

const both = (watcher) => watcher.until("left");

export default [
  ["the client leaves", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.leave();
    await both(watcher);
  }],
  ["the client closes its connection", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.close();
    await both(watcher);
  }],
  ["the client closes its polling connection", async (t) => {
    const { watcher, ann } = await watched(t, "/", { transports: ["polling"] });
    ann.close();
    await both(watcher);
  }],
  ["the connection breaks", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.manager.engine.transport.ws._socket.destroy();
    await both(watcher);
    await ann.until("disconnect");
  }],
  ["the client sends nonsense", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.manager.engine.write("9");
    await both(watcher);
    await ann.until("disconnect");
  }],
  ["the client sends a packet for a namespace it is not in", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.manager.engine.write('2/events,["echo"]');
    await both(watcher);
    await ann.until("disconnect");
  }],
  ["the server sends it away", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.emit("act", "disconnect");
    await both(watcher);
    await ann.until("disconnect");
  }],
  ["the server closes its connection", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.emit("act", "disconnect", true);
    await both(watcher);
    await ann.until("disconnect");
  }],
  ["the server closes a connection with two namespaces", async (t) => {
    const { watcher, ann } = await watched(t);
    const other = await t.client("ann's other", "/events", { on: ann });
    const second = await t.client("second watcher", "/events");
    await second.quietly("act", "watch");
    ann.emit("act", "disconnect", true);
    await both(watcher);
    await both(second);
    await other.until("disconnect");
  }],
  ["leaving one of two namespaces", async (t) => {
    const { watcher, ann } = await watched(t);
    const other = await t.client("ann's other", "/events", { on: ann });
    ann.leave();
    await both(watcher);
    await other.act("who");
  }],
  ["the last of two namespaces to leave", async (t) => {
    const { watcher, ann } = await watched(t);
    const other = await t.client("ann's other", "/events", { on: ann });
    other.leave();
    ann.leave();
    await both(watcher);
  }],
  ["nothing is sent afterwards", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.emit("act", "disconnectAndEmit");
    await both(watcher);
    await ann.until("disconnect");
    await watcher.act("ids", ["nsp"]);
  }],
  ["a room of one who is gone is empty", async (t) => {
    const { watcher, ann } = await watched(t);
    const id = ann.id;
    ann.leave();
    await both(watcher);
    await watcher.act("ids", ["nsp", ["in", [id, t.room("a")]]]);
    await watcher.act("emit", ["nsp", ["to", id]], "to nobody");
  }],
  ["messages before leaving are heard", async (t) => {
    const { watcher, ann } = await watched(t);
    ann.emit("act", "emit", ["nsp"], "last words", 1);
    await ann.sync();
    ann.leave();
    await both(watcher);
  }],
  ["messages right before the server sends it away arrive", async (t) => {
    const ann = await t.client("ann");
    ann.emit("act", "emit", ["socket"], "last words", 1);
    ann.emit("act", "disconnect");
    await ann.until("disconnect");
  }],
];
