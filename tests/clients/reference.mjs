// The demo app on the reference server, socket.io on Node: the tests' peer.
//
//   node reference.mjs                 serves on free ports and prints the URLs
//   node reference.mjs --port 3000     serves on that port
//   node reference.mjs --test [FILE…]  serves, runs the tests against itself, exits as they do
//
// A test that fails here is wrong, or its reason belongs in differences.mjs. It answers as
// guest/apps/demo does, and serves the built-in page too, for tests/browser. Never used in production.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { Adapter, ClusterAdapter } from "socket.io-adapter";
import { attachLab, GATE } from "./reference-lab.mjs";

const PAGE = new URL("../../host/page/", import.meta.url);
const PAGE_FILES = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/favicon.svg": ["favicon.svg", "image/svg+xml"],
};
const PASSWORD = "open sesame";
const HISTORY_MAX = 50;
/** Short times, for the tests that wait for one to run out. */
const QUICK = { pingInterval: 300, pingTimeout: 700, connectTimeout: 500, upgradeTimeout: 500 };

/** A cluster of one server: the adapter in memory does not know messages between servers. */
class Alone extends Adapter {
  serverSideEmit = ClusterAdapter.prototype.serverSideEmit;
  publish() {}
}

const args = process.argv.slice(2);
const port = args.includes("--port") ? Number(args[args.indexOf("--port") + 1]) : 0;
const url = await serve(port, {});
const quick = await serve(0, QUICK);
/** With what the others leave off: see the demo's gate.rs, and connection state recovery. */
const gated = await serve(0, { ...GATE, connectionStateRecovery: {} }, true);

if (args[0] === "--test") {
  const env = { ...process.env, HOLDFAST_URL: url, HOLDFAST_QUICK_URL: quick, HOLDFAST_GATED_URL: gated, HOLDFAST_PEER: "reference" };
  const tests = spawn(process.execPath, ["--test", "--test-concurrency=1", ...args.slice(1)], {
    cwd: new URL(".", import.meta.url),
    env,
    stdio: "inherit",
  });
  tests.on("exit", (code) => process.exit(code ?? 1));
} else {
  console.log(`HOLDFAST_URL=${url} HOLDFAST_QUICK_URL=${quick} HOLDFAST_GATED_URL=${gated}`);
}

async function serve(port, options, isGated = false) {
  const server = createServer((request, response) => void answer(request, response));
  const adapter = isGated ? {} : { adapter: Alone };
  const io = new Server(server, { cleanupEmptyChildNamespaces: true, ...adapter, ...options });
  io.on("connection", demo(io));
  io.of("/echo").on("connection", (socket) => socket.on("echo", echo(socket)));
  io.of("/admin").use((socket, next) => {
    if (socket.handshake.auth.token === PASSWORD) return next();
    next(Object.assign(new Error("not authorized"), { data: { hint: "auth.token is two words from a tale" } }));
  });
  io.of("/admin").on("connection", (socket) => socket.on("echo", echo(socket)));
  attachLab(io, { echo, demo, isGated });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

// ---------------------------------------------------------------- the demo app

function demo(io) {
  const rooms = new Map(); // room -> { members: Map<socket id, nick>, history: [] }
  const roomOf = (name) => {
    if (!rooms.has(name)) rooms.set(name, { members: new Map(), history: [] });
    return rooms.get(name);
  };
  const tellMembers = (room) => io.to(room).emit("chat:members", { room, members: [...roomOf(room).members.values()] });

  return (socket) => {
    socket.on("echo", echo(socket));
    socket.on("message", (...args) => socket.send(...args));
    socket.on("ask", (...args) => {
      const answer = args.pop();
      socket.timeout(1000).emit("question", ...args, (error, ...given) => (error ? answer("timeout") : answer(null, ...given)));
    });
    socket.on("whoami", (answer) => {
      const { headers, query, address, auth } = socket.handshake;
      answer({ id: socket.id, namespace: socket.nsp.name, rooms: [...socket.rooms], address, auth, query, headers });
    });
    socket.on("time", (answer) => answer(Date.now()));
    socket.on("after", (ms, answer) => setTimeout(answer, ms, ms));
    socket.on("disconnect-me", (whole) => socket.disconnect(whole === true));

    socket.on("room:join", (room, answer) => (socket.join(room), answer?.()));
    socket.on("room:leave", (room, answer) => (socket.leave(room), answer?.()));
    socket.on("room:emit", (room, ...args) => io.to(room).emit("room", room, ...args));
    socket.on("broadcast", (...args) => socket.broadcast.emit("broadcast", ...args));
    socket.on("all", (...args) => io.emit("all", ...args));
    socket.on("except", (room, ...args) => io.except(room).emit("except", ...args));
    socket.on("volatile", (...args) => socket.volatile.emit("volatile", ...args));

    socket.on("chat:join", (room, nick, answer) => {
      socket.join(room);
      roomOf(room).members.set(socket.id, nick);
      answer({ ok: true, room, members: [...roomOf(room).members.values()], history: roomOf(room).history });
      tellMembers(room);
    });
    socket.on("chat:leave", (room, answer) => {
      socket.leave(room);
      const left = roomOf(room).members.delete(socket.id);
      if (left) tellMembers(room);
      answer?.(left ? { ok: true } : { ok: false, error: "you are not in that room" });
    });
    socket.on("chat:message", (room, text, answer) => {
      const nick = roomOf(room).members.get(socket.id);
      if (nick === undefined) return answer({ ok: false, error: "join the room first" });
      const message = { room, nick, text, at: Date.now() };
      roomOf(room).history = [...roomOf(room).history, message].slice(-HISTORY_MAX);
      io.to(room).emit("chat:message", message);
      answer({ ok: true });
    });
    socket.on("disconnect", () => {
      for (const [room, { members }] of rooms) if (members.delete(socket.id)) tellMembers(room);
    });
  };
}

/** Answers with what came: by the acknowledgement when one is asked for, else by an event. */
function echo(socket) {
  return (...args) => {
    const answer = typeof args.at(-1) === "function" ? args.pop() : null;
    if (answer) answer(...args);
    else socket.emit("echo", ...args);
  };
}

// ---------------------------------------------------------------- the page

async function answer(request, response) {
  const path = request.url.split("?")[0];
  if (path === "/holdfast.json") {
    const body = { name: "reference", version: "4.8.4", shards: 1, uptime_ms: Math.round(process.uptime() * 1000), guests: [], client: "4.8.4" };
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  }
  const file = PAGE_FILES[path];
  if (!file) return response.writeHead(404).end();
  const csp = "default-src 'self'";
  response.writeHead(200, { "content-type": file[1], "content-security-policy": csp }).end(await readFile(new URL(file[0], PAGE)));
}
