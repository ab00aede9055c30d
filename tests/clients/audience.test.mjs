// Everybody in some rooms and in none of others: told, asked, found, moved, disconnected. In `/lab`.

import assert from "node:assert/strict";
import { ask, connect, fresh, listen, once, settle, test, testEachWay, until } from "./support.mjs";
import { WebSocketWire } from "./raw.mjs";

const LAB = { namespace: "/lab" };

testEachWay("to, except, others: rooms decide, and nobody hears twice", async (t, way) => {
  const [r, s] = [fresh("r"), fresh("s")];
  const [one, two, three] = await lab(t, way);
  const heard = [one, two, three].map((socket) => listen(socket, "told"));
  await ask(one, "sockets:join", { to: [one.id, two.id] }, [r]);
  await ask(one, "sockets:join", { to: [two.id, three.id] }, [s]);
  one.emit("tell", { to: [r, s] }, "told", 1, Buffer.from("bytes"));
  one.emit("tell", { to: [r, s], except: [s] }, "told", 2);
  one.emit("tell", { to: [r, s], others: true }, "told", 3);
  one.emit("tell", { to: [r], except: [one.id] }, "told", 4);
  one.emit("tell", { to: [fresh("nobody")] }, "told", 5);
  one.emit("tell", { to: [r, s], local: true, compress: false }, "told", 6);
  await settle(one, two, three);
  const numbers = heard.map((events) => events.map(([number]) => number));
  assert.deepEqual(numbers, [[1, 2, 6], [1, 3, 4, 6], [1, 3, 6]]);
  assert.equal(Buffer.from(heard[2][0][1]).toString(), "bytes");
});

testEachWay("all of an audience answer", async (t, way) => {
  const room = fresh("asked");
  const [one, two, three] = await lab(t, way);
  await ask(one, "sockets:join", { to: [two.id, three.id] }, [room]);
  two.on("question", (text, answer) => answer(`${text} two`));
  three.on("question", (text, answer) => setTimeout(answer, 20, `${text} three`, "more"));
  const [error, answers] = await ask(one, "ask-all", { to: [room], timeout: 5000 }, "you?");
  assert.equal(error, null);
  assert.deepEqual(answers.sort(), ["you? three", "you? two"]);
});

testEachWay("some of an audience do not answer in time: the answers until then", async (t, way) => {
  const room = fresh("asked");
  const [one, two, three] = await lab(t, way);
  await ask(one, "sockets:join", { to: [two.id, three.id] }, [room]);
  two.on("question", (answer) => answer({ from: "two" }));
  three.on("question", (answer) => setTimeout(answer, 600, "too late"));
  const [error, answers] = await ask(one, "ask-all", { to: [room], timeout: 300 });
  assert.deepEqual([error, answers], ["operation has timed out", [{ from: "two" }]]);
});

test("who leaves without an answer is waited for until the time is up", async (t) => {
  const [one, two] = await lab(t, "websocket");
  two.on("question", () => two.disconnect());
  const [error, answers] = await ask(one, "ask-all", { to: [two.id], timeout: 200 });
  assert.deepEqual([error, answers], ["operation has timed out", []]);
});

test("nobody is asked: no answers, at once", async (t) => {
  const [one] = await lab(t, "websocket");
  const [error, answers] = await ask(one, "ask-all", { to: [fresh("nobody")], timeout: 5000 });
  assert.deepEqual([error, answers], [null, []]);
});

test("many questions at once each get their own answers", async (t) => {
  const room = fresh("asked");
  const [one, two, three] = await lab(t, "websocket");
  await ask(one, "sockets:join", { to: [two.id, three.id] }, [room]);
  for (const socket of [two, three]) socket.on("question", (number, answer) => answer(number));
  const questions = Array.from({ length: 50 }, (_, index) => index);
  const answers = await Promise.all(questions.map((number) => ask(one, "ask-all", { to: [room], timeout: 5000 }, number)));
  assert.deepEqual(answers, questions.map((number) => [null, [number, number]]));
});

test("who answers twice counts once", async (t) => {
  const [one, two] = await lab(t, "websocket");
  const wire = await WebSocketWire.join();
  wire.send("40/lab,");
  const { sid } = JSON.parse((await wire.text()).slice("40/lab,".length));
  const answer = ask(one, "ask-all", { to: [two.id, sid], timeout: 300 });
  const [, number] = (await wire.text()).match(/^42\/lab,(\d+)\["question"\]$/);
  wire.send(`43/lab,${number}["first"]`);
  wire.send(`43/lab,${number}["second"]`);
  assert.deepEqual(await answer, ["operation has timed out", ["first"]]);
  wire.send(`43/lab,${number}["late"]`);
  assert.deepEqual(await ask(one, "ask-all", { to: [fresh("nobody")], timeout: 300 }), [null, []]);
  wire.socket.destroy();
});

testEachWay("one socket is found and asked", async (t, way) => {
  const [one, two] = await lab(t, way);
  two.once("question", (text, answer) => answer(`${text} me`));
  assert.deepEqual(await ask(one, "ask-one", two.id, 5000, "who?"), [null, "who? me"]);
  assert.deepEqual(await ask(one, "ask-one", two.id, 100, "who?"), ["operation has timed out"]);
  assert.deepEqual(await ask(one, "ask-one", fresh("nobody"), 5000, "who?"), ["nobody"]);
});

testEachWay("sockets are found with rooms, data and handshake", async (t, way) => {
  const room = fresh("found");
  const [one, two, three] = await lab(t, way, { query: { name: "Ann" } });
  await ask(one, "sockets:join", { to: [one.id, two.id, three.id] }, [room]);
  await ask(two, "data:set", { seat: [4, null] });
  const [found] = await ask(one, "sockets:fetch", { to: [room], except: [three.id] });
  assert.deepEqual(
    found.sort((a, b) => (a.id === one.id ? -1 : 1)),
    [
      { id: one.id, rooms: [one.id, room], data: {}, query: "Ann" },
      { id: two.id, rooms: [two.id, room], data: { value: { seat: [4, null] } }, query: "Ann" },
    ],
  );
  const [here] = await ask(one, "sockets:fetch", { to: [room], local: true });
  assert.equal(here.length, 3);
  assert.deepEqual(await ask(one, "sockets:fetch", { to: [fresh("nobody")] }), [[]]);
});

testEachWay("sockets are made to join and to leave", async (t, way) => {
  const [r, s] = [fresh("r"), fresh("s")];
  const [one, two] = await lab(t, way);
  await ask(one, "sockets:join", { to: [two.id] }, [r, s]);
  await settle(two);
  assert.deepEqual((await ask(two, "data:get"))[0].rooms, [two.id, r, s]);
  await ask(one, "sockets:leave", { to: [r], others: true }, [s, fresh("not in")]);
  await settle(two);
  assert.deepEqual((await ask(two, "data:get"))[0].rooms, [two.id, r]);
});

testEachWay("sockets are disconnected, and told apart by room", async (t, way) => {
  const room = fresh("out");
  const [one, two, three] = await lab(t, way);
  await ask(one, "sockets:join", { to: [two.id] }, [room]);
  const gone = once(two, "disconnect");
  await ask(one, "sockets:disconnect", { to: [room] }, false);
  assert.equal((await gone)[0], "io server disconnect");
  const closed = Promise.all([once(three, "disconnect"), once(three.io, "close")]);
  await ask(one, "sockets:disconnect", { to: [three.id], local: true }, true);
  assert.equal((await closed)[0][0], "io server disconnect");
  await settle(one);
});

testEachWay("who leaves is announced with reason and rooms", async (t, way) => {
  const room = fresh("left");
  const [one, two, three] = await lab(t, way);
  await ask(one, "goodbye:watch");
  const goodbyes = listen(one, "goodbye");
  await ask(one, "sockets:join", { to: [two.id, three.id] }, [room]);
  const ids = [two.id, three.id];
  two.disconnect();
  await ask(one, "sockets:disconnect", { to: [three.id] }, false);
  const of = (id) => goodbyes.map(([goodbye]) => goodbye).find((goodbye) => goodbye.id === id);
  await until(() => ids.every(of));
  assert.deepEqual(of(ids[0]), { id: ids[0], reason: "client namespace disconnect", rooms: [ids[0], room] });
  assert.deepEqual(of(ids[1]), { id: ids[1], reason: "server namespace disconnect", rooms: [ids[1], room] });
});

test("the app's instances ask each other", async (t) => {
  const [one] = await lab(t, "websocket");
  const [error, places, others] = await ask(one, "server:ask");
  assert.equal(error, null);
  assert.equal(places.length, others);
  assert.equal(new Set(places).size, others, "each answers for itself");
  one.emit("server:emit", fresh("note"));
  assert.ok(Array.isArray((await ask(one, "server:notes"))[0]));
});

async function lab(t, way, options = {}) {
  const made = () => connect(t, way, { ...LAB, ...options });
  return [await made(), await made(), await made()];
}
