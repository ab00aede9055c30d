// Runs the table against the servers and compares their traces with the reference's:
//
//   node run.mjs [--server reference|script|rust|all] [--rows TEXT] [--trace]
//
// `--rows` picks the rows whose names contain the text, `--trace` prints the traces of the reference.
// Differences that are decided are in differences.json, with the reason; one that is no difference any more is
// a failure. Prints the counts; the exit code is 1 when something is wrong.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { Script } from "./script.mjs";
import { start } from "./servers.mjs";
import { TABLE } from "./table.mjs";

const ROW_MS = 30_000;

const { values: options } = parseArgs({
  options: { server: { type: "string", default: "all" }, rows: { type: "string", default: "" }, trace: { type: "boolean", default: false } },
});
const names = options.server === "all" ? ["script", "rust"] : options.server.split(",").filter((name) => name !== "reference");
const decided = JSON.parse(readFileSync(new URL("differences.json", import.meta.url), "utf8"));
const rows = TABLE.map((row, number) => ({ ...row, number })).filter(({ name }) => name.includes(options.rows));

const double = TABLE.map(({ name }) => name).filter((name, at, all) => all.indexOf(name) !== at);
if (double.length > 0) throw new Error(`two rows are called ${double[0]}`);

const expected = await traces("reference");
if (options.trace) for (const { name } of rows) console.log(`${name}\n${lines(expected.get(name)).join("\n")}\n`);

let wrong = [...expected.values()].filter((trace) => trace.failed).length;
for (const [name, trace] of expected) if (trace.failed || JSON.stringify(trace).includes("waited in vain")) {
  wrong += trace.failed ? 0 : 1;
  console.log(`✗ reference: ${name}\n${lines(trace).join("\n")}`);
}
console.log(`reference: ${rows.length} rows`);

for (const server of names) {
  const found = await traces(server);
  const counts = { equal: 0, decided: 0, wrong: 0 };
  for (const { name } of rows) {
    const reason = decided[server]?.[name];
    const isEqual = isDeepStrictEqual(found.get(name), expected.get(name));
    if (isEqual && !reason) counts.equal += 1;
    else if (!isEqual && reason) counts.decided += 1;
    else {
      counts.wrong += 1;
      console.log(`✗ ${server}: ${name}`);
      if (isEqual) console.log(`    differences.json says that it differs, but it does not: ${reason}`);
      else console.log(difference(expected.get(name), found.get(name)));
    }
  }
  const unknown = Object.keys(decided[server] ?? {}).filter((name) => !TABLE.some((row) => row.name === name));
  unknown.forEach((name) => console.log(`✗ ${server}: differences.json names a row that does not exist: ${name}`));
  wrong += counts.wrong + unknown.length;
  console.log(`${server}: ${counts.equal} rows as the reference, ${counts.decided} differ as decided, ${counts.wrong} are wrong`);
}
process.exit(wrong > 0 ? 1 : 0);

/** The traces of all rows on one server. */
async function traces(server) {
  const { urls, stop } = await start(server);
  const found = new Map();
  try {
    for (const { name, number, run, configuration } of rows) found.set(name, await trace(urls[configuration], number, run));
  } finally {
    await stop();
  }
  return found;
}

async function trace(url, number, run) {
  const script = new Script(url, number);
  let timer;
  const late = new Promise((resolve, reject) => (timer = setTimeout(reject, ROW_MS, new Error("the row takes too long"))));
  try {
    await Promise.race([run(script), late]);
    return await Promise.race([script.end(), late]);
  } catch (error) {
    script.close();
    return { failed: [error.stack.split("\n").slice(0, 3).join(" ")] };
  } finally {
    clearTimeout(timer);
  }
}

/** A trace as one line for each thing that was seen. */
function lines(trace) {
  return Object.entries(trace).flatMap(([role, entries]) => entries.map((entry) => `    ${role}: ${JSON.stringify(entry)}`));
}

/** The lines that differ, by role. */
function difference(expected, found) {
  const roles = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...roles]
    .flatMap((role) => {
      const [a, b] = [expected[role] ?? [], found[role] ?? []].map((entries) => entries.map((entry) => JSON.stringify(entry)));
      if (isDeepStrictEqual(a, b)) return [];
      const from = a.findIndex((line, at) => line !== b[at]);
      const at = from < 0 ? a.length : from;
      const rest = (all) => (all.length > at ? all.slice(at, at + 6).join("\n        ") : "nothing more");
      return [`    ${role}, from entry ${at + 1}\n      reference\n        ${rest(a)}\n      here\n        ${rest(b)}`];
    })
    .join("\n");
}
