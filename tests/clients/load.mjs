// A bounded load: idle connections, and active ones that echo numbered messages; checks every answer.
//
//   HOLDFAST_URL=http://127.0.0.1:3000 node load.mjs --active 1000 --idle 10000 --messages 100
//
// Prints one line of JSON a stage and exits 1 if a message was lost, doubled or out of order, or an idle
// connection did not last. It speaks the wire itself (raw.mjs), so that the client costs little. It only
// loads servers on this machine, and ends by itself. Not a benchmark: client and server share the cores.

import { fork } from "node:child_process";
import { parseArgs } from "node:util";

const OPTIONS = { active: "100", idle: "0", messages: "100", window: "8", seconds: "120", processes: "1" };
const LOCAL = ["127.0.0.1", "localhost", "[::1]"];
const OPENING_MAX = 64;
const NEVER_MS = 2 ** 31 - 1;

const { values } = parseArgs({
  options: Object.fromEntries(Object.entries(OPTIONS).map(([name, value]) => [name, { type: "string", default: value }])),
});
const plan = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));

if (!LOCAL.includes(new URL(process.env.HOLDFAST_URL ?? "http://nowhere").hostname)) {
  console.error("HOLDFAST_URL must be a server on this machine");
  process.exit(2);
}
if (process.send) await work(plan);
else await lead();

/** Splits the plan over processes and adds up what they report. */
async function lead() {
  const started = Date.now();
  const share = (count, index) => Math.floor(count / plan.processes) + (index < count % plan.processes ? 1 : 0);
  const workers = Array.from({ length: plan.processes }, (_, index) => {
    const mine = { ...plan, active: share(plan.active, index), idle: share(plan.idle, index) };
    const worker = fork(new URL(import.meta.url), Object.entries(mine).flatMap(([name, value]) => [`--${name}`, String(value)]));
    worker.stages = [];
    worker.on("message", (stage) => worker.stages.push(stage));
    return worker;
  });
  const timer = setTimeout(() => workers.forEach((worker) => worker.kill()), plan.seconds * 1000);
  const codes = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.on("exit", resolve))));
  clearTimeout(timer);

  for (const stage of ["connected", "echoed", "ended"]) {
    const parts = workers.flatMap((worker) => worker.stages.filter((part) => part.stage === stage));
    const total = { stage };
    for (const part of parts) {
      for (const [key, value] of Object.entries(part)) {
        if (key === "stage") continue;
        total[key] = key === "ms" ? Math.max(total.ms ?? 0, value) : (total[key] ?? 0) + value;
      }
    }
    console.log(JSON.stringify(total));
    if (stage === "ended") {
      const good =
        codes.every((code) => code === 0) && parts.length === plan.processes &&
        total.lost + total.doubled + total.misordered + total.dropped === 0;
      console.log(`${good ? "good" : "BAD"}: ${total.answers} of ${plan.active * plan.messages} answers in ${Date.now() - started} ms`);
      process.exitCode = good ? 0 : 1;
    }
  }
}

/** One process's part. */
async function work({ active, idle, messages, window }) {
  const { TEXT, WebSocketWire } = await import("./raw.mjs");
  const result = { answers: 0, lost: 0, doubled: 0, misordered: 0, dropped: 0 };
  let started = Date.now();
  const wires = await openAll(active + idle, () => WebSocketWire.join());
  let over = false;
  for (const wire of wires.slice(active)) void keep(wire);
  process.send({ stage: "connected", active, idle, ms: Date.now() - started });

  started = Date.now();
  await Promise.all(wires.slice(0, active).map(echo));
  process.send({ stage: "echoed", answers: result.answers, ms: Date.now() - started });

  // The idle ones must still be there, and answer.
  await Promise.all(wires.slice(active).map((wire) => new Promise((resolve) => {
    wire.done = resolve;
    wire.send('42["echo","still here"]');
  })));
  over = true;
  process.send({ stage: "ended", ...result }, () => process.exit(0));

  /** An idle connection: answers pings until the end. */
  async function keep(wire) {
    for (;;) {
      const found = await wire.next(NEVER_MS);
      if (!found || found.opcode !== TEXT) {
        if (!over) result.dropped += 1;
        return wire.done?.();
      }
      if (found.payload.toString() === "2") wire.send("3");
      else return wire.done?.();
    }
  }

  /** Sends the numbers with at most `window` on the way, and checks what comes back. */
  async function echo(wire) {
    let [sent, expected] = [0, 0];
    const seen = new Set();
    const push = () => {
      while (sent < messages && sent - expected < window) wire.send(`42["echo",${sent++}]`);
    };
    push();
    while (expected < messages) {
      const text = await wire.text(NEVER_MS).catch(() => null);
      if (text === null) {
        result.dropped += 1;
        break;
      }
      const number = Number(/^42\["echo",(\d+)\]$/.exec(text)?.[1]);
      if (seen.has(number)) result.doubled += 1;
      else if (number !== expected) result.misordered += 1;
      seen.add(number);
      expected += 1;
      push();
    }
    result.answers += seen.size;
    result.lost += messages - seen.size;
  }
}

/** Opens so many connections, a few at a time. */
async function openAll(count, open) {
  const opened = [];
  let begun = 0;
  const next = async () => {
    while (begun++ < count) opened.push(await open());
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, next));
  return opened;
}
