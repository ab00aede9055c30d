// HTTP/1.1 as such: connections that are kept, pipelined, slow, broken, or used by nobody for long.

import assert from "node:assert/strict";
import http from "node:http";
import { connect, settle, test, until } from "./support.mjs";
import { dial, PATH, POLLING, request, Session } from "./raw.mjs";

const UNKNOWN = `${PATH}?EIO=4&transport=polling&sid=nobody`;

test("a connection is kept for the next request", async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let connections = 0;
  const create = agent.createConnection;
  agent.createConnection = (...args) => (connections += 1) && create.apply(agent, args);
  for (let count = 0; count < 5; count += 1) {
    const { status, headers } = await request("GET", POLLING, { agent });
    assert.equal(status, 200);
    assert.notEqual(headers.connection, "close");
  }
  await request("GET", UNKNOWN, { agent });
  await request("POST", UNKNOWN, { agent, body: "unread" });
  await request("GET", POLLING, { agent });
  assert.equal(connections, 1);
  agent.destroy();
});

test("a connection is closed for who asks", async () => {
  const dialled = dial();
  dialled.socket.write(`GET ${POLLING} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await until(() => dialled.ended);
  assert.match(dialled.text, /^HTTP\/1\.1 200 /);
});

test("pipelined requests are answered in order", async () => {
  const dialled = dial();
  const targets = [POLLING, UNKNOWN, `${PATH}?EIO=4&transport=pigeon`, POLLING];
  dialled.socket.write(targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
  const answers = await until(() => {
    const statuses = [...dialled.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    return statuses.length === targets.length && statuses;
  });
  assert.deepEqual(answers, ["200", "400", "400", "200"]);
  const codes = [...dialled.text.matchAll(/"code":(\d)/g)].map(([, code]) => code);
  assert.deepEqual(codes, ["1", "0"]);
  dialled.socket.destroy();
});

test("a request pipelined behind a waiting poll is answered after it", async () => {
  const session = await Session.join();
  const dialled = dial();
  dialled.socket.write(`GET ${session.target} HTTP/1.1\r\nHost: a\r\n\r\nGET ${UNKNOWN} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await session.post('42["echo","first"]');
  await until(() => dialled.text.includes("Session ID unknown"));
  assert.ok(dialled.text.indexOf('42["echo","first"]') < dialled.text.indexOf("Session ID unknown"));
  dialled.socket.destroy();
});

test("HTTP/1.0 is answered and closed", async () => {
  const dialled = dial();
  dialled.socket.write(`GET ${POLLING} HTTP/1.0\r\n\r\n`);
  await until(() => dialled.ended);
  assert.match(dialled.text, /^HTTP\/1\.[01] 200 /);
});

for (const [what, head] of [
  ["no HTTP at all", "hello there\r\n\r\n"],
  ["a broken header", `GET ${POLLING} HTTP/1.1\r\nHost a\r\n\r\n`],
  ["a body of two lengths", `POST ${UNKNOWN} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
  ["a body length that is no number", `POST ${UNKNOWN} HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n`],
  ["headers without end", `GET ${POLLING} HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(200_000)}\r\n\r\n`],
]) {
  test(`refused and closed: ${what}`, async () => {
    const dialled = dial();
    dialled.socket.on("error", () => {});
    dialled.socket.write(head);
    await until(() => dialled.ended);
    assert.match(dialled.text, /^(HTTP\/1\.1 4\d\d |$)/);
  });
}

test("heads that never end do not keep others waiting", async (t) => {
  const slow = Array.from({ length: 200 }, () => dial());
  for (const { socket } of slow) socket.write(`GET ${POLLING} HTTP/1.1\r\nHost: a\r\nX-Slow: `);
  const client = await connect(t, "upgrade");
  await settle(client);
  for (const { socket } of slow) socket.write("still ");
  await settle(client);
  const finish = slow[0];
  finish.socket.write("done\r\n\r\n");
  await until(() => /"sid"/.test(finish.text));
  for (const { socket } of slow) socket.destroy();
});

test("OPTIONS and HEAD leave a session alone", async () => {
  const session = await Session.join();
  for (const method of ["OPTIONS", "HEAD"]) {
    await request(method, session.target);
    assert.ok(await session.alive());
  }
});
