// What the tests with the official client share: where the server is, the three ways to connect, waiting.
//
// Used by *.test.mjs. The server under test is at HOLDFAST_URL; HOLDFAST_QUICK_URL is a second one with
// short times and HOLDFAST_GATED_URL a third with what is off by default (see reference.mjs), whose tests
// are skipped without them; HOLDFAST_DEFLATE_URL one that compresses messages. Nothing here sleeps to let
// something happen: everything waits for an event, with a limit.

import { test as nodeTest } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { io, Manager } from "socket.io-client";
import { DIFFERENCES } from "./differences.mjs";

export const SERVER_URL = required("HOLDFAST_URL");
export const QUICK_URL = process.env.HOLDFAST_QUICK_URL;
export const GATED_URL = process.env.HOLDFAST_GATED_URL;
export const LIMIT_MS = 10_000;

/** The three ways a client may be told to connect. */
export const WAYS = {
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
  upgrade: { transports: ["polling", "websocket"] },
};

/** A test that is skipped where `differences.mjs` says that this server differs, and why. */
export function test(name, options, run = options) {
  const peer = process.env.HOLDFAST_PEER ?? "holdfast";
  const difference = DIFFERENCES.find((known) => known.server === peer && name.endsWith(known.test));
  return nodeTest(name, { timeout: 60_000, skip: options.skip || difference?.reason }, run);
}

/** The same test for every way to connect. */
export function testEachWay(name, run) {
  for (const way of Object.keys(WAYS)) test(`${way}: ${name}`, (t) => run(t, way));
}

/** A connected client with its own connection, gone at the end of the test. */
export async function connect(t, way, { namespace = "/", url = SERVER_URL, ...options } = {}) {
  const socket = io(url + namespace, { ...WAYS[way], forceNew: true, reconnection: false, ...options });
  t.after(() => socket.disconnect());
  await connected(socket);
  return socket;
}

/** A connection that namespaces can share. */
export function manager(t, way, options = {}) {
  const made = new Manager(options.url ?? SERVER_URL, { ...WAYS[way], reconnection: false, ...options });
  t.after(() => made.engine?.close());
  return made;
}

export function connected(socket) {
  if (socket.connected) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not connected within ${LIMIT_MS} ms`)), LIMIT_MS);
    const end = (settled) => (value) => {
      clearTimeout(timer);
      socket.off("connect", good).off("connect_error", bad);
      settled(value);
    };
    const [good, bad] = [end(resolve), end(reject)];
    socket.on("connect", good).on("connect_error", bad);
  });
}

/** Waits until a client that may upgrade has done so. */
export async function upgraded(socket) {
  const { engine } = socket.io;
  if (engine.transport.name !== "websocket") await once(engine, "upgrade");
}

/** The arguments of the next such event. */
export function once(emitter, event, limit_ms = LIMIT_MS) {
  const error = new Error(`no "${event}" within ${limit_ms} ms`);
  return new Promise((resolve, reject) => {
    const heard = (...args) => {
      clearTimeout(timer);
      resolve(args);
    };
    const timer = setTimeout(() => {
      emitter.off(event, heard);
      reject(error);
    }, limit_ms);
    emitter.once(event, heard);
  });
}

/** The arguments of the next so many such events. */
export function collect(emitter, event, count, limit_ms = 30_000) {
  const all = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${all.length} of ${count} "${event}" within ${limit_ms} ms`)), limit_ms);
    emitter.on(event, function heard(...args) {
      if (all.push(args) < count) return;
      clearTimeout(timer);
      emitter.off(event, heard);
      resolve(all);
    });
  });
}

/** Emits and waits for the acknowledgement; gives its arguments as a list. */
export function ask(socket, event, ...args) {
  return new Promise((resolve, reject) => {
    const error = new Error(`no answer to "${event}"`);
    socket.timeout(LIMIT_MS).emit(event, ...args, (late, ...answer) => (late ? reject(error) : resolve(answer)));
  });
}

/**
 * Settles what was on the way to these clients: each gets the answer to a question asked now, and order
 * is kept, so whatever was sent to it before has arrived (or never will).
 */
export async function settle(...sockets) {
  for (const socket of sockets) await ask(socket, "echo", "settle");
}

/** Retries until it returns something truthy. For what the server shows only when asked. */
export async function until(look, limit_ms = LIMIT_MS) {
  const end = Date.now() + limit_ms;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`not so within ${limit_ms} ms`);
    await later(10);
  }
}

/** Counts, and remembers the arguments of, every such event. */
export function listen(emitter, event) {
  const heard = [];
  emitter.on(event, (...args) => heard.push(args));
  return heard;
}

let names = 0;
/** A room name that no other test uses. */
export function fresh(prefix) {
  names += 1;
  return `${prefix}-${process.pid}-${names}`;
}

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the tests need a server, see tests/clients/reference.mjs`);
  return value.replace(/\/$/, "");
}
