// Differential test: the same programs against the reference server and Holdfast, and what differs.
//
//   node differential/run.mjs --seeds 500 --from 1 [--config default] [--verbose] [--seconds 60]
//   node differential/run.mjs --program FILE.json      plays one program, shows both traces
//
// Run by tests/clients.rs with a bounded number of seeds. The same seeds are the same programs everywhere. A
// difference that is not in accepted.mjs fails, with the shortest program that shows it.

import { readFileSync } from "node:fs";
import { ACCEPTED } from "./accepted.mjs";
import { dialect } from "./dialects.mjs";
import { program } from "./grammar/programs.mjs";
import { play } from "./player.mjs";
import { CONFIGURATIONS, startHoldfast, startReference } from "./servers.mjs";
import { difference, shape } from "./trace.mjs";

const PLAY_MS_MAX = 60_000;
/** How often a program that differs is played again before it is said to differ. */
const AGAIN = 3;
const SHRINK_PLAYS_MAX = 120;
/** Programs that are shown in full in one configuration; more are counted. */
const SHOWN_MAX = Number(process.env.HOLDFAST_SHOWN_MAX ?? 5);

const options = read(process.argv.slice(2));
const occurred = new Map(ACCEPTED.map(({ id }) => [id, 0]));
const total = { played: 0, equal: 0, accepted: 0, unstable: 0, failed: 0, skipped: 0 };
const started = Date.now();
let complete = true;

for (const name of options.configs) await configuration(name);
report();
process.exit(total.failed ? 1 : 0);

async function configuration(name) {
  const config = CONFIGURATIONS[name];
  let holdfast;
  try {
    holdfast = await startHoldfast(name);
  } catch (error) {
    // A setting that this binary does not know: the configuration cannot be compared.
    if (options.strict || !/is not a setting/.test(error.message)) throw error;
    const reason = error.message.split("\n").find((line) => line.includes("is not a setting")) ?? "";
    console.log(`﹣ differential: ${name} # ${reason.slice(0, 160)}`);
    total.skipped += 1;
    complete = false;
    return;
  }
  const reference = await startReference(name);
  const pair = { reference, holdfast, dialect: await dialect(config) };
  const before = { ...total };
  const began = Date.now();
  const shares = options.configs.reduce((sum, each) => sum + CONFIGURATIONS[each].share, 0);
  const seeds = Math.max(1, Math.round((options.seeds * config.share) / shares));
  const budget_ms = options.seconds ? (options.seconds * 1000 * config.share) / shares : Infinity;
  let shown = 0;
  for (let seed = options.from; seed < options.from + seeds; seed += 1) {
    if (Date.now() - began > budget_ms) {
      complete = false;
      break;
    }
    const { kind, steps } = options.program ?? program(seed, config);
    if (options.kind && !kind.includes(options.kind)) continue;
    total.played += 1;
    const found = await compare(pair, steps, name);
    if (options.program) show("as played", found, { ...pair, seed, kind, name });
    if (!found.unaccepted) {
      total[found.accepted.length ? "accepted" : "equal"] += 1;
      for (const id of found.accepted) occurred.set(id, occurred.get(id) + 1);
      continue;
    }
    if (await isUnstable(pair, steps, found)) {
      total.unstable += 1;
      if (options.verbose) console.log(`  unstable: --config ${name} --from ${seed} (${kind}), step ${found.unaccepted.step}: ${JSON.stringify(found.unaccepted)}`);
      continue;
    }
    total.failed += 1;
    shown += 1;
    if (shown > SHOWN_MAX) {
      console.log(`✖ differs too: --config ${name} --from ${seed} --seeds 1 (${kind})`);
      continue;
    }
    const { step, ...sides } = found.unaccepted;
    console.log(`  at first: step ${step} ${cut(JSON.stringify(steps[step] ?? "the end"), 300)}: ${cut(JSON.stringify(sides), 900)}`);
    const shortest = await shrink(pair, steps, name);
    show(`differs: --config ${name} --from ${seed} --seeds 1 (${kind})`, shortest, { ...pair, seed, kind, name });
  }
  for (const server of [reference, holdfast]) {
    if (!server.alive()) {
      total.failed += 1;
      console.log(`✖ ${server.what} ended in configuration ${name}:\n${server.log()}`);
    }
  }
  const threw = reference.log().split("\n").filter((line) => line.startsWith("threw:")).length;
  await Promise.all([reference.stop(), holdfast.stop()]);
  const made = (key) => total[key] - before[key];
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(
    `${made("failed") ? "✖" : "✔"} differential: ${name}: ${made("played")} programs in ${seconds} s, ${made("equal")} equal, ${made("accepted")} with accepted differences, ${made("unstable")} unstable, ${made("failed")} different${threw ? `; the reference threw (last lines seen: ${threw})` : ""}`,
  );
}

/** Plays on both at once; finds the first difference that is not accepted. */
async function compare({ reference, holdfast, dialect }, steps, name) {
  const guarded = (url) => Promise.race([play(url, steps, dialect), new Promise((_, reject) => setTimeout(() => reject(new Error(`a program took longer than ${PLAY_MS_MAX} ms`)), PLAY_MS_MAX).unref())]);
  const [ours, theirs] = await Promise.all([guarded(holdfast.url), guarded(reference.url)]);
  const accepted = [];
  let from = 0;
  for (;;) {
    const found = difference(theirs, ours, from);
    if (!found) return { steps, ours, theirs, accepted, unaccepted: null };
    const known = ACCEPTED.find((one) => one.matches({ ...found, config: name, steps, op: steps[found.step], before: steps.slice(0, found.step) }));
    if (!known) return { steps, ours, theirs, accepted, unaccepted: found };
    if (!accepted.includes(known.id)) accepted.push(known.id);
    if (known.then === "stop") return { steps, ours, theirs, accepted, unaccepted: null };
    from = found.step + 1;
  }
}

/** Whether the servers agree, or the reference itself differs, when the program is played again. */
async function isUnstable(pair, steps, first) {
  const at = (trace, { step }) => JSON.stringify(trace.slice(0, step + 1));
  const seen = new Set([at(first.theirs, first.unaccepted)]);
  for (let again = 0; again < AGAIN; again += 1) {
    const found = await compare(pair, steps, "");
    if (!found.unaccepted) return true;
    seen.add(at(found.theirs, first.unaccepted));
    if (seen.has(at(found.ours, first.unaccepted))) return true;
  }
  return false;
}

/** Drops steps, then packets, as long as a difference stays. */
async function shrink(pair, steps, name) {
  let best = await compare(pair, steps, name);
  let plays = 0;
  const shapeOf = ({ steps: played, unaccepted }) => shape(unaccepted, played[unaccepted.step]?.op);
  const wanted = best.unaccepted && shapeOf(best);
  const differs = async (fewer) => {
    plays += 1;
    if (plays > SHRINK_PLAYS_MAX) return false;
    const found = await compare(pair, fewer, name);
    if (!found.unaccepted || shapeOf(found) !== wanted) return false;
    best = found;
    return true;
  };
  if (!best.unaccepted) return best;
  for (let changed = true; changed; ) {
    changed = false;
    for (let index = best.steps.length - 1; index >= 0; index -= 1) {
      if (best.steps.length > 1 && (await differs(best.steps.filter((_, at) => at !== index)))) changed = true;
    }
    for (let index = best.steps.length - 1; index >= 0; index -= 1) {
      const { packets } = best.steps[index] ?? {};
      for (let at = (packets?.length ?? 0) - 1; at >= 0 && packets.length > 1; at -= 1) {
        const fewer = best.steps.map((step, place) => (place === index ? { ...step, packets: step.packets.filter((_, one) => one !== at) } : step));
        if (best.steps[index].packets.length > 1 && (await differs(fewer))) changed = true;
      }
    }
  }
  return best;
}

function show(title, { steps, ours, theirs, unaccepted }, { holdfast, reference }) {
  console.log(`${unaccepted ? "✖" : "✔"} ${title}`);
  steps.forEach((step, index) => {
    console.log(`    ${index}. ${cut(JSON.stringify(step))}`);
    if (unaccepted && index > unaccepted.step) return;
    line(theirs[index], ours[index]);
  });
  for (let index = steps.length; index < Math.max(ours.length, theirs.length); index += 1) {
    console.log(`    ${index}. (at the end)`);
    line(theirs[index], ours[index]);
  }
  const threw = reference.log().split("\n").filter((text) => text.startsWith("threw:")).at(-1);
  if (threw) console.log(`    the reference, last: ${threw}`);
  if (!holdfast.alive()) console.log(`    Holdfast has ended: ${holdfast.log()}`);
}

function line(theirs, ours) {
  const [left, right] = [JSON.stringify(theirs), JSON.stringify(ours)];
  if (left === right) return console.log(`         both       ${cut(left)}`);
  console.log(`         reference  ${cut(left)}`);
  return console.log(`         holdfast   ${cut(right)}`);
}

function cut(text, most = 1200) {
  return text === undefined || text.length < most ? text : `${text.slice(0, most)}… (${text.length} characters)`;
}

function report() {
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  for (const [id, times] of occurred) if (times && options.verbose) console.log(`  accepted ${times} times: ${id}`);
  const open = ACCEPTED.filter((one) => one.open && occurred.get(one.id)).map(({ id }) => `${id} (${occurred.get(id)} times)`);
  if (open.length) console.log(`differences that are not decided yet: ${open.join("; ")}`);
  const never = [...occurred].filter(([, times]) => times === 0).map(([id]) => id);
  if (complete && !options.narrow && never.length) console.log(`accepted differences that did not occur: ${never.join(", ")}`);
  console.log(`differential: ${total.played} programs in ${seconds} s; seeds ${options.from} to ${options.from + options.seeds - 1}, ${total.unstable} unstable`);
  console.log(`ℹ pass ${total.equal + total.accepted + total.unstable}\nℹ fail ${total.failed}\nℹ skipped ${total.skipped}`);
}

function read(args) {
  const value = (name, fallback) => (args.includes(name) ? args[args.indexOf(name) + 1] : fallback);
  const one = value("--config", null);
  const file = value("--program", null);
  return {
    configs: one ? one.split(",") : Object.keys(CONFIGURATIONS),
    seeds: file ? 1 : Number(value("--seeds", 400)),
    from: Number(value("--from", 1)),
    seconds: Number(value("--seconds", 0)),
    kind: value("--kind", null),
    program: file && { kind: "file", steps: JSON.parse(readFileSync(file)) },
    verbose: args.includes("--verbose"),
    strict: process.env.HOLDFAST_TEST_ALL !== undefined,
    narrow: (one ?? Object.keys(CONFIGURATIONS).join(",")).split(",").length < Object.keys(CONFIGURATIONS).length || file !== null || args.includes("--kind"),
  };
}
