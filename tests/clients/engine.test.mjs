// Engine.IO over HTTP, byte by byte: handshakes, refusals and their bodies, polls, posts and their limits.

import assert from "node:assert/strict";
import { test, until } from "./support.mjs";
import { dial, PATH, POLLING, request, SEPARATOR, Session } from "./raw.mjs";

const UNKNOWN_TRANSPORT = { code: 0, message: "Transport unknown" };
const UNKNOWN_SID = { code: 1, message: "Session ID unknown" };
const BAD_METHOD = { code: 2, message: "Bad handshake method" };
const BAD_REQUEST = { code: 3, message: "Bad request" };
const UNSUPPORTED = { code: 5, message: "Unsupported protocol version" };

test("the handshake: one packet with all a client needs", async () => {
  const { status, headers, body } = await request("GET", POLLING);
  assert.equal(status, 200);
  assert.match(headers["content-type"], /^text\/plain; charset=utf-8$/i);
  assert.equal(headers["cache-control"], "no-store");
  assert.equal(body[0], "0");
  const open = JSON.parse(body.slice(1));
  assert.deepEqual(Object.keys(open), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
  assert.match(open.sid, /^[\w-]{20}$/);
  assert.deepEqual(open.upgrades.includes("websocket"), true);
  for (const key of ["pingInterval", "pingTimeout", "maxPayload"]) assert.ok(Number.isInteger(open[key]) && open[key] > 0);
});

test("the order of the query does not matter, and unknown keys do no harm", async () => {
  const { body } = await request("GET", `${PATH}?t=abc&transport=polling&x=%F0%9F%98%80&EIO=4&b64=1`);
  assert.equal(body[0], "0");
});

for (const [what, method, target, expected] of [
  ["no transport", "GET", `${PATH}?EIO=4`, UNKNOWN_TRANSPORT],
  ["an unknown transport", "GET", `${PATH}?EIO=4&transport=carrier-pigeon`, UNKNOWN_TRANSPORT],
  ["transport __proto__", "GET", `${PATH}?EIO=4&transport=__proto__`, UNKNOWN_TRANSPORT],
  ["transport constructor", "GET", `${PATH}?EIO=4&transport=constructor`, UNKNOWN_TRANSPORT],
  ["an unknown sid", "GET", `${POLLING}&sid=AAAAAAAAAAAAAAAAAAAA`, UNKNOWN_SID],
  ["a sid that is none", "GET", `${POLLING}&sid=%00%ff/..`, UNKNOWN_SID],
  ["sid __proto__", "GET", `${POLLING}&sid=__proto__`, UNKNOWN_SID],
  ["sid constructor", "POST", `${POLLING}&sid=constructor`, UNKNOWN_SID],
  ["a handshake by POST", "POST", POLLING, BAD_METHOD],
  ["a handshake by PUT", "PUT", POLLING, BAD_METHOD],
  ["a handshake by OPTIONS", "OPTIONS", POLLING, BAD_METHOD],
  ["a WebSocket handshake without an upgrade", "GET", `${PATH}?EIO=4&transport=websocket`, BAD_REQUEST],
  ["protocol version 3", "GET", `${PATH}?EIO=3&transport=polling`, UNSUPPORTED],
  ["no protocol version", "GET", `${PATH}?transport=polling`, UNSUPPORTED],
  ["protocol version 5", "GET", `${PATH}?EIO=5&transport=polling`, UNSUPPORTED],
  ["first the transport, then the sid", "GET", `${PATH}?EIO=9&transport=x&sid=y`, UNKNOWN_TRANSPORT],
  ["first the sid, then the method", "PUT", `${POLLING}&sid=y`, UNKNOWN_SID],
]) {
  test(`refused: ${what}`, async () => {
    const { status, headers, body } = await request(method, target);
    assert.equal(status, 400);
    assert.match(headers["content-type"], /^application\/json/);
    assert.equal(body, JSON.stringify(expected));
  });
}

test("HEAD of a handshake is refused without a body", async () => {
  const { status, body } = await request("HEAD", POLLING);
  assert.equal(status, 400);
  assert.equal(body, "");
});

test("a message posted is answered by ok and heard by the app", async () => {
  const session = await Session.join();
  assert.match(session.joined, /^40\{"sid":"[\w-]{20}"\}$/);
  assert.notEqual(JSON.parse(session.joined.slice(2)).sid, session.sid);
  const { status, headers, body } = await session.post('42["echo","hello"]');
  assert.deepEqual([status, body], [200, "ok"]);
  assert.match(headers["content-type"], /^text\/html/);
  assert.equal(await session.poll(), '42["echo","hello"]');
});

test("several packets in one post, binary among them, keep their order", async () => {
  const session = await Session.join();
  const bytes = Buffer.from([0, 30, 255]).toString("base64");
  await session.post(['42["echo",1]', '451-["echo",{"_placeholder":true,"num":0}]', `b${bytes}`, '42["echo",2]'].join(SEPARATOR));
  const got = [];
  while (got.length < 4) got.push(...(await session.poll()).split(SEPARATOR));
  assert.deepEqual(got, ['42["echo",1]', '451-["echo",{"_placeholder":true,"num":0}]', `b${bytes}`, '42["echo",2]']);
});

test("acknowledgements, with and without arguments", async () => {
  const session = await Session.join();
  await session.post(['427["echo"]', '420["echo",null]', '42999999999["echo","far"]'].join(SEPARATOR));
  const got = [];
  while (got.length < 3) got.push(...(await session.poll()).split(SEPARATOR));
  assert.deepEqual(got, ["437[]", "430[null]", '43999999999["far"]']);
});

test("a poll waits until there is something", async () => {
  const session = await Session.join();
  const poll = session.poll();
  await session.post('42["echo","now"]');
  assert.equal(await poll, '42["echo","now"]');
});

test("text in UTF-8 is not cut between two polls", async () => {
  const session = await Session.join();
  const text = "😀漢ß".repeat(10_000);
  await session.post(`42["echo","${text}"]`);
  assert.equal(await session.poll(), `42["echo","${text}"]`);
});

test("answers that are worth it are compressed for who asks", async () => {
  const session = await Session.join();
  await session.post(`42["echo","${"a".repeat(5000)}"]`);
  const { headers, bytes } = await session.get({ "accept-encoding": "gzip" });
  assert.equal(headers["content-encoding"], "gzip");
  assert.ok(bytes.length < 1000);
});

test("two polls at once: the first is told to go, the second refused, the session over", async () => {
  const session = await Session.join();
  const first = session.get();
  await session.post("3");
  const second = await session.get();
  assert.deepEqual([(await first).status, (await first).body, second.status, second.body], [200, "1", 400, ""]);
  await assertUnknown(session);
});

test("two posts at once: the second is refused, the session over", async () => {
  const session = await Session.join();
  const dialled = await slowPost(session);
  const second = await session.post("3");
  assert.deepEqual([second.status, second.body], [400, ""]);
  await assertUnknown(session);
  dialled.socket.destroy();
});

test("a poll that the client leaves ends the session", async () => {
  const session = await Session.join();
  const dialled = dial();
  dialled.socket.write(`GET ${session.target} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await session.post("3");
  dialled.socket.destroy();
  await assertUnknown(session);
});

test("a post that the client leaves ends the session", async () => {
  const session = await Session.join();
  const dialled = await slowPost(session);
  dialled.socket.destroy();
  await assertUnknown(session);
});

test("the longest body that is allowed, and one byte more", async () => {
  const session = await Session.join();
  const pad = session.maxPayload - '42["echo",""]'.length;
  const longest = await session.post(`42["echo","${"x".repeat(pad)}"]`);
  assert.deepEqual([longest.status, longest.body], [200, "ok"]);
  assert.equal((await session.poll()).length, session.maxPayload);
  const longer = await session.post(`42["echo","${"x".repeat(pad + 1)}"]`).catch((error) => error);
  // The server may close before the client has sent it all: then the client sees a broken pipe.
  if (!(longer instanceof Error)) assert.deepEqual([longer.status, longer.body], [413, ""]);
  assert.ok(await session.alive(), "the session survives");
});

test("a chunked body is limited as well", async () => {
  const session = await Session.join();
  const longer = await session
    .post("4".repeat(session.maxPayload + 1), { "transfer-encoding": "chunked" })
    .catch((error) => error);
  if (!(longer instanceof Error)) assert.deepEqual([longer.status, longer.body], [413, ""]);
});

test("a post of application/octet-stream is refused and ends the session", async () => {
  const session = await Session.join();
  const { status, body } = await session.post("3", { "content-type": "application/octet-stream" });
  assert.deepEqual([status, body], [400, ""]);
  await assertUnknown(session);
});

for (const [what, packet] of [
  ["an empty body", ""],
  ["a packet of an unknown type", "9"],
  ["a packet that is no digit", "hello"],
  ["an empty packet among others", `3${SEPARATOR}${SEPARATOR}3`],
]) {
  test(`malformed: ${what} ends the session`, async () => {
    const session = await Session.join();
    const { status } = await session.post(packet);
    assert.ok([200, 400].includes(status));
    await assertUnknown(session);
  });
}

test("a ping from the client is the wrong way round and ends the session", async () => {
  const session = await Session.join();
  await session.post("2");
  await assertUnknown(session);
});

test("pongs, upgrades, noops and opens that nobody asked for are ignored", async () => {
  const session = await Session.join();
  for (const packet of ["3", "3probe", "5", "6", "0"]) assert.equal((await session.post(packet)).status, 200);
  await session.post('42["echo","alive"]');
  assert.equal(await session.poll(), '42["echo","alive"]');
});

test("the client closes by a packet: the waiting poll gets a noop, the session is over", async () => {
  const session = await Session.join();
  const poll = session.get();
  await session.post("3");
  assert.equal((await session.post("1")).body, "ok");
  assert.equal((await poll).body, "6");
  await assertUnknown(session);
});

for (const method of ["PUT", "DELETE", "PATCH"]) {
  test(`${method} on a session does it no harm`, async () => {
    const session = await Session.join();
    const { status } = await request(method, session.target);
    assert.ok(status >= 400, `status ${status}`);
    assert.ok(await session.alive());
  });
}

test("a WebSocket request without upgrade on a polling session is refused", async () => {
  const session = await Session.join();
  const { status, body } = await request("GET", session.target.replace("polling", "websocket"));
  assert.deepEqual([status, body], [400, JSON.stringify(BAD_REQUEST)]);
  assert.ok(await session.alive());
});

test("another protocol version on a session is refused", async () => {
  const session = await Session.join();
  const { status, body } = await request("GET", session.target.replace("EIO=4", "EIO=3"));
  assert.deepEqual([status, body], [400, JSON.stringify(BAD_REQUEST)]);
});

/** A POST whose body never comes in full, known to have reached the server. */
async function slowPost(session) {
  const dialled = dial();
  dialled.socket.write(`POST ${session.target} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n`);
  await until(() => dialled.text.includes("100 Continue"));
  dialled.socket.write('42["echo",');
  return dialled;
}

async function assertUnknown(session) {
  const answer = await until(async () => {
    const seen = await request("GET", session.target, { url: session.url });
    return seen.status === 400 && seen;
  });
  assert.deepEqual(JSON.parse(answer.body), UNKNOWN_SID);
}
