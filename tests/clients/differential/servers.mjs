// Starts the reference server and Holdfast in one configuration, and stops them.
//
// Used by run.mjs here and in ../matrix. Holdfast is the binary named by HOLDFAST_BIN (target/release or target/debug
// otherwise), with the settings in a TOML file of its own; a URL in HOLDFAST_URLS ({"default": "http://…"})
// goes before that.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as later } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const HERE = new URL(".", import.meta.url);
const ROOT = new URL("../../../", HERE);
const START_MS = 30_000;

export const CONFIGURATIONS = JSON.parse(readFileSync(new URL("configurations.json", HERE)));

/** Starts the reference: { url, stop, alive }. */
export async function startReference(name, options = CONFIGURATIONS[name].reference) {
  const child = spawn(process.execPath, [fileURLToPath(new URL("reference.mjs", HERE)), JSON.stringify(options)], { stdio: ["ignore", "pipe", "pipe"] });
  const started = running(child, "the reference");
  const url = await new Promise((resolve, reject) => {
    child.stdout.once("data", (line) => resolve(String(line).trim()));
    child.once("exit", () => reject(new Error(`the reference did not start:\n${started.log()}`)));
  });
  return { url, ...started };
}

/** Starts Holdfast, or takes the one that runs: { url, stop, alive }. */
export async function startHoldfast(name, settings = CONFIGURATIONS[name].holdfast) {
  const given = JSON.parse(process.env.HOLDFAST_URLS ?? "{}")[name];
  if (given) return { url: given, stop: async () => {}, alive: () => true, log: () => "" };
  const folder = mkdtempSync(join(tmpdir(), "holdfast-differential-"));
  const file = join(folder, "holdfast.toml");
  writeFileSync(file, toml({ protocol: settings }));
  const port = await free();
  const child = spawn(binary(), ["--config", file, "--listen", `127.0.0.1:${port}`, "--shards", process.env.HOLDFAST_SHARDS_TESTED ?? "1", "--log", "warn"], {
    stdio: ["ignore", "pipe", "pipe"],
    // Variables that begin so are settings to it.
    env: Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("HOLDFAST_"))),
  });
  const started = running(child, "Holdfast");
  const url = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + START_MS; ; await later(30)) {
    if (!started.alive()) throw new Error(`Holdfast did not start in configuration "${name}":\n${started.log()}`);
    if (await fetch(`${url}/holdfast.json`).then((answer) => answer.ok, () => false)) break;
    if (Date.now() > end) throw new Error(`Holdfast does not answer:\n${started.log()}`);
  }
  const stop = async () => {
    await started.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, ...started, stop };
}

function binary() {
  const found = [process.env.HOLDFAST_BIN, ...["release", "debug"].map((kind) => fileURLToPath(new URL(`target/${kind}/holdfast`, ROOT)))].find((file) => file && existsSync(file));
  if (!found) throw new Error("no binary: set HOLDFAST_BIN, or run `make build`");
  return found;
}

function running(child, what) {
  let log = "";
  let alive = true;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (log = (log + part).slice(-20_000)));
  const exited = new Promise((resolve) => child.once("exit", () => resolve((alive = false))));
  const stop = async () => {
    child.kill("SIGTERM");
    const killing = setTimeout(() => child.kill("SIGKILL"), 3000);
    await exited;
    clearTimeout(killing);
  };
  return { stop, alive: () => alive, log: () => log, what };
}

function free() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Settings as TOML: tables, and in them strings, numbers, booleans and lists. */
function toml(table, path = "") {
  const isTable = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const lines = Object.entries(table).filter(([, value]) => !isTable(value)).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const tables = Object.entries(table).filter(([, value]) => isTable(value)).map(([key, value]) => toml(value, path ? `${path}.${key}` : key));
  return [...(path ? [`[${path}]`] : []), ...lines, ...tables].join("\n");
}
