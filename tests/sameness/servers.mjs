// The servers that are compared: where they are, or how they are started. Used by run.mjs.
//
// `SAMENESS_RUST` and `SAMENESS_SCRIPT` hold the addresses of nodes that run already: a JSON object with one
// for each configuration. Without them the binary is started (see guest/js/testing).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as later } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** What a row may ask for, as environment of the app and as settings of a node. */
export const CONFIGURATIONS = {
  plain: { env: {}, settings: {} },
  recovery: {
    env: { SAMENESS_RECOVERY: "1" },
    settings: { "protocol.connection_state_recovery.max_disconnection_duration": 60_000 },
  },
};

/** Starts a server; gives its address by configuration, and how to stop it. */
export async function start(name) {
  if (name === "reference") return reference();
  const running = process.env[`SAMENESS_${name.toUpperCase()}`];
  if (running) return { urls: JSON.parse(running), stop: () => {} };
  const { start } = await import("../../guest/js/testing/index.js");
  const app = { script: "app.mjs", rust: "../../target/tmp/sameness.wasm" }[name];
  if (name === "rust" && !existsSync(new URL(app, import.meta.url))) {
    throw new Error("build it first: holdfast build tests/sameness/rust -o target/tmp/sameness.wasm");
  }
  if (!app) throw new Error(`there is no server ${name}: there are reference, script, rust`);
  const urls = {};
  const nodes = [];
  for (const [configuration, { env, settings }] of Object.entries(CONFIGURATIONS)) {
    const node = await start({ app: fileURLToPath(new URL(app, import.meta.url)), env, settings: { shards: 1, ...settings } });
    nodes.push(node);
    urls[configuration] = node.url;
  }
  return { urls, stop: () => Promise.all(nodes.map((node) => node.stop())) };
}

/** The reference, a process for each configuration. */
async function reference() {
  const urls = {};
  const children = [];
  for (const [configuration, { env }] of Object.entries(CONFIGURATIONS)) {
    const port = await freePort();
    const file = (name) => fileURLToPath(new URL(name, import.meta.url));
    const child = spawn(process.execPath, ["--import", file("../clients/resolve.mjs"), file("app.mjs")], {
      env: { ...process.env, ...env, PORT: String(port) },
      stdio: ["ignore", "inherit", "inherit"],
    });
    children.push(child);
    process.once("exit", () => child.kill());
    child.once("exit", (code) => {
      if (code === null) return;
      console.error(`the reference ended with ${code}`);
      process.exit(2);
    });
    await listening(port, child);
    urls[configuration] = `http://127.0.0.1:${port}`;
  }
  return { urls, stop: () => children.forEach((child) => child.kill()) };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function listening(port, child) {
  for (let tries = 0; tries < 500; tries += 1) {
    if (child.exitCode !== null) throw new Error(`the reference ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const [outcome] = await Promise.race([once(socket, "connect").then(() => ["open"]), once(socket, "error").then(() => ["no"])]).catch(() => ["no"]);
    socket.destroy();
    if (outcome === "open") return;
    await later(20);
  }
  throw new Error("the reference does not listen");
}
