// Connecting: ids, handshakes, what is said before and after; who may open a session.

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";

export default [
  ["the main namespace", async (t) => {
    const ann = await t.client("ann");
    await ann.until("welcome");
    await ann.act("who");
  }],
  ["a namespace of its own", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.act("who");
  }],
  ["a namespace that was named without a slash", async (t) => {
    const ann = await t.client("ann", "/plain");
    await ann.act("who");
  }],
  ["a namespace that nobody serves", (t) => t.client("ann", "/nowhere")],
  ["two namespaces on one connection have ids of their own", async (t) => {
    const ann = await t.client("ann");
    const other = await t.client("ann's other", "/events", { on: ann });
    t.note(ann.id === other.id, ann.id.length, other.id.length);
    await other.act("who");
  }],
  ["a refused namespace leaves the others alone", async (t) => {
    const ann = await t.client("ann");
    await t.client("ann's other", "/nowhere", { on: ann });
    await ann.act("who");
  }],
  ["the id is not the session's", async (t) => {
    const ann = await t.client("ann");
    t.note(ann.id === ann.manager.engine.id);
  }],
  ["the handshake", async (t) => {
    const ann = await t.client("ann", "/", {
      auth: { token: "t", nested: { list: [1, null, "ü"] } },
      query: { name: "a&b=c", empty: "" },
      extraHeaders: { "x-mine": "yes", "X-Upper": "Case" },
    });
    await ann.act("handshake");
  }],
  ["the handshake of a client that says nothing", async (t) => {
    const ann = await t.client("ann");
    await ann.act("handshake");
  }],
  ["the handshake by polling", async (t) => {
    const ann = await t.client("ann", "/", { transports: ["polling"], query: { name: "p" }, auth: { a: 1 }, extraHeaders: { "x-mine": "yes" } });
    await ann.act("handshake");
  }],
  ["auth by a function", async (t) => {
    const ann = await t.client("ann", "/", { auth: (give) => give({ later: true }) });
    await ann.act("handshake");
  }],
  ["an origin makes it cross-domain", async (t) => {
    const ann = await t.client("ann", "/", { extraHeaders: { origin: "https://example.com" } });
    await ann.act("handshake");
  }],
  ["auth of two namespaces on one connection", async (t) => {
    const ann = await t.client("ann", "/", { auth: { who: 1 } });
    const other = await t.client("ann's other", "/events", { on: ann, auth: { who: 2 } });
    await ann.act("handshake");
    await other.act("handshake");
  }],
  ["messages of the connection handler come after the connection, in order", async (t) => {
    const ann = await t.client("ann", "/late");
    await ann.until("after a while");
  }],
  ["messages sent before the connection are heard", async (t) => {
    const ann = t.begin("ann", "/events");
    ann.emit("echo", 1);
    ann.emit("echo", 2);
    await ann.until("echo", 2);
  }],
  ["connecting by polling", async (t) => {
    const ann = await t.client("ann", "/", { transports: ["polling"] });
    await ann.act("who");
  }],
  ["connecting by polling and going on by WebSocket", async (t) => {
    const ann = t.begin("ann", "/events", { transports: ["polling", "websocket"] });
    for (let number = 0; number < 20; number += 1) ann.emit("echo", number);
    await ann.until("echo", 20);
    for (let tries = 0; tries < 100 && ann.manager.engine.transport.name !== "websocket"; tries += 1) await t.wait(20);
    t.note(ann.manager.engine.transport.name);
    await ann.act("who");
  }],
  ["an app sends a client away at once", async (t) => {
    const ann = await t.client("ann", "/kick");
    await ann.until("disconnect");
  }],
  ["an app closes the connection at once", async (t) => {
    const ann = await t.client("ann", "/kick", { auth: { close: true } });
    await ann.until("disconnect");
  }],
  ["coming back after leaving is a new socket", async (t) => {
    const ann = await t.client("ann");
    await ann.act("join", t.room("a"));
    ann.leave();
    await ann.again();
    await ann.act("who");
  }],
  ["data begins as an empty object and is kept", async (t) => {
    const ann = await t.client("ann");
    await ann.act("who");
    await ann.act("setData", { name: "Ann", list: [1, 2] });
    await ann.act("setData", { more: true });
    await ann.act("who");
  }],
  ["a session that the app refuses", async (t) => {
    t.note(await t.http(`${HANDSHAKE}&deny=not%20today`));
    t.note(await t.http(HANDSHAKE));
  }],
  ["a client that the app refuses, by polling", (t) => t.client("ann", "/", { transports: ["polling"], query: { deny: "no" } })],
  ["a client that the app refuses, by WebSocket", (t) => t.client("ann", "/", { query: { deny: "no" } })],
  ["headers of an app for the first answer, and for all", async (t) => {
    t.note(await t.http(`${HANDSHAKE}&initial=one&every=two`));
    t.note(await t.http(HANDSHAKE));
  }],
  ["an app hears of refused requests", async (t) => {
    const mark = `m${t.row}`;
    await t.http(`/socket.io/?EIO=4&transport=pigeon&mark=${mark}`);
    await t.http(`/socket.io/?EIO=4&transport=polling&sid=unknown&mark=${mark}`);
    await t.http(`${HANDSHAKE}&deny=so&mark=${mark}`);
    await t.http(`/socket.io/?EIO=2&transport=polling&mark=${mark}`);
    const ann = await t.client("ann");
    await ann.act("denials", mark);
  }],
];
