// Runs an expression with our globals and modules and with Node's, and compares what it gives or throws. Used by
// env-same.test.mjs.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { inspect } from "node:util";

import { globals, hooks } from "./environment.mjs";

const MODULES = { util: "node:util", events: "node:events", nodeCrypto: "node:crypto", path: "node:path", assert: "node:assert" };
const node = createRequire(import.meta.url);

// The names that an expression may use: globals, and modules under the names above.
function scope(values, module) {
  return new Proxy(values, {
    has: (target, name) => typeof name === "string" && (name in target || name in MODULES),
    get: (target, name) => (name === Symbol.unscopables ? undefined : name in target ? target[name] : module(MODULES[name])),
  });
}

const scopes = [scope(globals, (name) => hooks.module(name)), scope(globalThis, node)];

const run = (code, where) => Function("scope", `with (scope) { return (${code}); }`)(where);

// As text; of what was thrown only what counts.
function shown(value, thrown) {
  if (!thrown) return inspect(value, { depth: 10 });
  return inspect({ thrown: value?.name ?? value, code: value?.code, message: value?.message });
}

function compare(code, texts) {
  return texts[0] === texts[1] ? [] : [`${code}\n    ours   ${texts[0]}\n    Node's ${texts[1]}`];
}

function conclude(differ) {
  assert.ok(differ.length === 0, `${differ.length} differ:\n${differ.join("\n")}`);
}

export function same(...codes) {
  const once = (code, where) => {
    try {
      return shown(run(code, where), false);
    } catch (error) {
      return shown(error, true);
    }
  };
  conclude(codes.flatMap((code) => compare(code, scopes.map((where) => once(code, where)))));
}

// The same for expressions that give promises.
export async function sameLater(...codes) {
  const differ = [];
  for (const code of codes) {
    const once = (where) => new Promise((resolve) => resolve(run(code, where))).then((value) => shown(value, false), (error) => shown(error, true));
    differ.push(...compare(code, await Promise.all(scopes.map(once))));
  }
  conclude(differ);
}
