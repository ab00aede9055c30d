// Client matrix: the same scenarios by every client over every transport.
//
//   node matrix/run.mjs                       against Holdfast (see ../differential/servers.mjs)
//   node matrix/run.mjs --reference           against the reference server: a scenario that fails there is wrong
//   node matrix/run.mjs --client python       only the clients whose name contains that
//
// Run by tests/clients.rs. What is not installed is printed and counted as skipped; with HOLDFAST_TEST_ALL it fails.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import net from "node:net";
import { setTimeout as later } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startHoldfast, startReference } from "../differential/servers.mjs";
import { CLIENTS, SCENARIOS, WAYS } from "./matrix.mjs";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const CONFIGURATIONS = JSON.parse(readFileSync(new URL("configurations.json", import.meta.url)));
const CLIENT_MS_MAX = 180_000;

const args = process.argv.slice(2);
const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : null);
const isReference = args.includes("--reference");
const counts = { pass: 0, fail: 0, skipped: 0 };

const start = (name) => (isReference ? startReference(name, CONFIGURATIONS[name].reference) : startHoldfast(name, CONFIGURATIONS[name].holdfast));
const servers = await Promise.all(["matrix", "matrix-small"].map(start));
const relay = await startRelay(servers[0].url);
const env = { ...process.env, MATRIX_URL: servers[0].url, MATRIX_SMALL_URL: servers[1].url, MATRIX_RELAY_URL: relay.url, MATRIX_CUT_URL: relay.cutUrl };

for (const client of CLIENTS.filter(({ name }) => name.includes(value("--client") ?? ""))) await matrix(client);
for (const server of servers) {
  if (!server.alive()) {
    counts.fail += 1;
    console.log(`✖ ${server.what} ended:\n${server.log()}`);
  }
  await server.stop();
}
console.log(`ℹ pass ${counts.pass}\nℹ fail ${counts.fail}\nℹ skipped ${counts.skipped}`);
process.exit(counts.fail ? 1 : 0);

async function matrix(client) {
  const missing = client.missing?.(FOLDER) ?? (client.needs && !existsSync(new URL(`../${client.needs}`, import.meta.url)) ? `${client.needs} is not there: run \`make setup\`` : null);
  if (missing) {
    if (process.env.HOLDFAST_TEST_ALL !== undefined) {
      counts.fail += 1;
      return console.log(`✖ ${client.name}: was to be run: ${missing}`);
    }
    counts.skipped += 1;
    return console.log(`﹣ ${client.name} # ${missing}`);
  }
  const why = (way, scenario) => client.cannot?.[`${way} ${scenario}`] ?? client.cannot?.[way] ?? client.cannot?.[scenario];
  const all = WAYS.flatMap((way) => Object.keys(SCENARIOS).map((scenario) => ({ way, scenario })));
  const tasks = all.filter(({ way, scenario }) => !why(way, scenario) && (value("--scenario") ?? scenario) === scenario && (value("--way") ?? way) === way);
  const began = Date.now();
  const { lines, log } = await play(client, tasks);
  const failed = tasks.flatMap(({ way, scenario }) => {
    const line = lines.find((text) => text === `ok ${way} ${scenario}` || text.startsWith(`not ${way} ${scenario}:`));
    return line?.startsWith("ok ") ? [] : [line ?? `not ${way} ${scenario}: nothing was said about it`];
  });
  counts.pass += tasks.length - failed.length;
  counts.fail += failed.length;
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`${failed.length ? "✖" : "✔"} ${client.name}: ${tasks.length - failed.length} of ${tasks.length} in ${seconds} s`);
  failed.forEach((line) => console.log(`    ${line}`));
  if (failed.some((line) => line.endsWith("nothing was said about it"))) console.log(log.slice(-3000));
  if (client.partly) console.log(`    in part: ${client.partly}`);
  for (const reason of new Set(Object.values(client.cannot ?? {}))) {
    const cannot = Object.keys(client.cannot).filter((key) => client.cannot[key] === reason);
    console.log(`    not asked of it: ${cannot.join(", ")}: ${reason}`);
  }
}

function play(client, tasks) {
  return new Promise((resolve) => {
    const [command, ...rest] = client.run;
    const child = spawn(command, rest, { cwd: FOLDER, env: { ...env, MATRIX_TASKS: JSON.stringify(tasks) }, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), CLIENT_MS_MAX);
    let [out, log] = ["", ""];
    child.stdout.on("data", (part) => (out += part));
    child.stderr.on("data", (part) => (log = (log + part).slice(-20_000)));
    child.on("error", (error) => (log += error.message));
    child.on("close", () => {
      clearTimeout(timer);
      resolve({ lines: out.split("\n"), log: out + log });
    });
  });
}

/**
 * Hands bytes through to a server; asked by HTTP on another port, it cuts all its connections. A client that polls
 * notices only if a poll is on its way, so it waits for that: until some client was the last to say something.
 */
async function startRelay(target) {
  const { hostname, port } = new URL(target);
  const open = new Set();
  const waiting = new Set();
  const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`)));
  const relay = net.createServer((client) => {
    const server = net.connect(Number(port), hostname);
    for (const [from, to] of [[client, server], [server, client]]) {
      open.add(from);
      from.on("data", () => (from === client ? waiting.add(client) : waiting.delete(client)));
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => (open.delete(from), waiting.delete(client), to.destroy()));
    }
  });
  const control = createHttp(async (_, response) => {
    for (const end = Date.now() + 200; !waiting.size && Date.now() < end; ) await later(5);
    open.forEach((socket) => socket.destroy());
    response.end("cut");
  });
  return { url: await listening(relay), cutUrl: await listening(control) };
}
