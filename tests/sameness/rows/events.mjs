// Messages: arguments both ways, listeners by name, order, time.

const VALUES = [null, true, false, 0, -1.5, 1e21, 2 ** 53, "", "text ü 🦀 \u0000 \" \\", [], [1, [2, [3]]], {}, { a: { b: [null] }, "c d": 1 }];

export default [
  ["kinds of values", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("kinds", ...VALUES);
  }],
  ["values come back as they were", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("echo", ...VALUES);
    await ann.until("echo");
  }],
  ["what JSON does not know", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("echo", undefined, NaN, Infinity, new Date(0), new Map([[1, 2]]), { u: undefined, f() {} }, -0, { toJSON: () => "own" });
    await ann.until("echo");
    await ann.ask("kinds", undefined, NaN, new Date(0));
  }],
  ["no arguments", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("echo");
    ann.emit("count");
    await ann.until("count");
  }],
  ["arguments are counted", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("count", null, [], undefined);
    await ann.until("count");
  }],
  ["binary values", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("echo", Buffer.from([0, 1, 255]), { deep: [Buffer.from("x"), "text"] }, Buffer.alloc(0));
    await ann.until("echo");
    await ann.ask("kinds", Buffer.from("abc"), [{ b: Buffer.from("de") }]);
  }],
  ["typed arrays and array buffers are binary", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("kinds", new Uint8Array([1, 2]), new Uint8Array([1, 2, 3]).buffer, new Uint16Array([1]));
  }],
  ["the same binary value twice", async (t) => {
    const ann = await t.client("ann", "/events");
    const bytes = Buffer.from("same");
    await ann.ask("echo back", bytes, bytes);
  }],
  ["binary values by polling", async (t) => {
    const ann = await t.client("ann", "/events", { transports: ["polling"] });
    await ann.ask("echo back", Buffer.from("abc"), { d: [Buffer.from("e")] });
  }],
  ["binary values to everybody", async (t) => {
    const ann = await t.client("ann", "/events");
    const bob = await t.client("bob", "/events", { transports: ["polling"] });
    ann.emit("to all", Buffer.from("abc"), { d: [Buffer.from("e")] });
    await ann.until("to all");
    await bob.until("to all");
  }],
  ["a long text", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("length", "ü".repeat(200_000));
  }],
  ["long binary values", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("kinds", Buffer.alloc(300_000), Buffer.alloc(100_000));
  }],
  ["an event called message", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.socket.send("a", 1);
    await ann.until("message");
  }],
  ["an event called by a number", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit(7, "x");
    await ann.until("seven");
  }],
  ["names of events are any text", async (t) => {
    const ann = await t.client("ann");
    for (const name of ["", " ", "ü 🦀", "a\"b", "constructor", "__proto__"]) await ann.act("emit", ["socket"], name, name);
  }],
  ["events that nobody listens to", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("nobody", 1);
    ann.emit("toString");
    ann.emit("count");
    await ann.until("count");
  }],
  ["reserved names cannot be emitted", async (t) => {
    const ann = await t.client("ann");
    for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
      await ann.act("reserved", ["socket"], name);
      await ann.act("reserved", ["nsp"], name);
    }
  }],
  ["names that are reserved elsewhere can", async (t) => {
    const ann = await t.client("ann");
    for (const name of ["connection", "error", "message", "reconnect", "ping"]) await ann.act("reserved", ["socket"], name);
  }],
  ["several listeners are called in their order", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("several", "x");
    await ann.until("several", 3);
  }],
  ["once is once", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("once", 1);
    ann.emit("once", 2);
  }],
  ["one listener is removed", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("removed");
    await ann.ask("remove one");
    ann.emit("removed");
  }],
  ["all listeners of an event are removed", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("remove all");
    ann.emit("removed");
  }],
  ["a listener that is added meanwhile waits for the next", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("growing");
    await ann.ask("answer one");
    ann.emit("growing");
  }],
  ["a listener may remove itself", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("shrinking");
    ann.emit("shrinking");
  }],
  ["messages keep their order", async (t) => {
    const ann = await t.client("ann", "/events");
    for (let number = 0; number < 200; number += 1) ann.emit("number", number);
    await ann.ask("numbers");
  }],
  ["messages of different sizes keep their order", async (t) => {
    const ann = await t.client("ann", "/events");
    const sizes = [1, 70_000, 10, 200_000, 3];
    for (const size of sizes) ann.emit("echo", size, Buffer.alloc(size % 1000));
    await ann.until("echo", sizes.length);
  }],
  ["types of one's own", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("typed", { name: "Ann", tags: ["a", "b"] }, [1, 2]);
  }],
  ["missing arguments", async (t) => {
    const ann = await t.client("ann", "/events");
    ann.emit("optional");
    ann.emit("optional", 1);
    ann.emit("optional", 1, 2, 3);
    ann.emit("optional", null, 2);
    await ann.until("optional", 4);
  }],
  ["the server sends every kind of value", async (t) => {
    const ann = await t.client("ann");
    await ann.act("emit", ["socket"], "values", ...VALUES);
  }],
  ["the server sends nothing but a name", async (t) => {
    const ann = await t.client("ann");
    await ann.act("emit", ["socket"], "bare");
  }],
  ["send and write", async (t) => {
    const ann = await t.client("ann");
    await ann.act("send", ["socket"], "a", 1);
    await ann.act("write", ["socket"], "b");
    await ann.act("send", ["nsp"], "c");
    await ann.act("write", ["nsp"], "d", 2);
    await ann.act("send", ["io"], "e");
  }],
  ["several messages of one handler keep their order", async (t) => {
    const ann = await t.client("ann");
    await ann.act("many", [[["socket"], "one", 1], [["nsp"], "two"], [["socket", ["compress", false]], "three"], [["nsp", ["to", "nobody"]], "four"], [["socket"], "five"]]);
  }],
  ["a volatile message right behind another", async (t) => {
    const ann = await t.client("ann");
    await ann.act("many", [[["socket"], "one", 1], [["socket", "volatile"], "two"]]);
  }],
  ["volatile and uncompressed messages arrive where nothing is in the way", async (t) => {
    const ann = await t.client("ann");
    await ann.act("emit", ["socket", "volatile"], "volatile", 1);
    await ann.act("emit", ["socket", ["compress", false]], "uncompressed", 2);
    await ann.act("emit", ["socket", ["compress", true], "volatile"], "both", 3);
    await ann.act("emit", ["nsp", "volatile"], "volatile to all", 4);
    await ann.act("emit", ["nsp", ["compress", false]], "uncompressed to all", 5);
  }],
  ["a handler that waits holds nobody up", async (t) => {
    const ann = await t.client("ann", "/events");
    const bob = await t.client("bob", "/events");
    ann.emit("slow", 60);
    ann.emit("slow", 1);
    ann.emit("echo", "at once");
    await bob.ask("answer one");
    await ann.until("slow", 2);
  }],
  ["a handler of several steps", async (t) => {
    const ann = await t.client("ann", "/events");
    await ann.ask("steps");
  }],
  ["a handler goes on after its client has gone", async (t) => {
    const ann = await t.client("ann", "/events");
    const bob = await t.client("bob", "/events");
    ann.emit("slow", 30);
    await ann.sync();
    ann.leave();
    await t.wait(60);
    await bob.ask("answer one");
  }],
  ["timers", async (t) => {
    const ann = await t.client("ann");
    await ann.act("timeouts");
    await ann.act("interval");
  }],
];
