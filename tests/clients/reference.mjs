// The demo app on the reference server, socket.io on Node: the tests' peer.
//
//   node reference.mjs                 serves on free ports and prints the URLs
//   node reference.mjs --port 3000     serves on that port
//   node reference.mjs --test [FILE…]  serves, runs the tests against itself, exits as they do
//
// A test that fails here is wrong, or its reason belongs in differences.mjs. It answers as
// guest/apps/demo does (see demo.mjs), and serves the built-in page too, for tests/browser. Never used in production.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { Adapter, ClusterAdapter } from "socket.io-adapter";
import { attach, echo, main } from "./demo.mjs";
import { attachLab, GATE } from "./reference-lab.mjs";

const PAGE = new URL("../../host/page/", import.meta.url);
const PAGE_FILES = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/favicon.svg": ["favicon.svg", "image/svg+xml"],
};
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
const deflating = await serve(0, { perMessageDeflate: true });

if (args[0] === "--test") {
  const env = { ...process.env, HOLDFAST_URL: url, HOLDFAST_QUICK_URL: quick, HOLDFAST_GATED_URL: gated, HOLDFAST_DEFLATE_URL: deflating, HOLDFAST_PEER: "reference" };
  const tests = spawn(process.execPath, ["--test", "--test-concurrency=1", ...args.slice(1)], {
    cwd: new URL(".", import.meta.url),
    env,
    stdio: "inherit",
  });
  tests.on("exit", (code) => process.exit(code ?? 1));
} else {
  console.log(`HOLDFAST_URL=${url} HOLDFAST_QUICK_URL=${quick} HOLDFAST_GATED_URL=${gated} HOLDFAST_DEFLATE_URL=${deflating}`);
}

async function serve(port, options, isGated = false) {
  const server = createServer((request, response) => void answer(request, response));
  const adapter = isGated ? {} : { adapter: Alone };
  const io = new Server(server, { cleanupEmptyChildNamespaces: true, ...adapter, ...options });
  attach(io);
  attachLab(io, { echo, demo: main, isGated });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
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
