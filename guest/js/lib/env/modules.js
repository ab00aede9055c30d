// The modules that are built in, by name. Rarely used ones are made when they are first asked for.

import { N, coded } from "./native.js";
import { AssertionError, assert } from "./assert.js";
import { Buffer, SlowBuffer, isAscii, isUtf8, kMaxLength, kStringMaxLength, transcode } from "./buffer.js";
import { nodeCrypto } from "./crypto.js";
import { EventEmitter } from "./emitter.js";
import { path } from "./path.js";
import { process } from "./process.js";
import { atob, btoa } from "./text.js";
import * as timers from "./timers.js";
import { util } from "./util.js";

// What scripts may import; the host's bundler has the same list. Names without `node:` mean the same.
export const BUILT_IN = [
  "holdfast",
  "node:events",
  "node:crypto",
  "node:buffer",
  "node:util",
  "node:timers",
  "node:timers/promises",
  "node:url",
  "node:process",
  "node:path",
  "node:assert",
  "node:http",
];

// A module that has its exports under `default` as well.
function whole(exports) {
  return { ...exports, default: exports };
}

// A function that has the other exports as properties.
function callable(main) {
  main.default = main;
  return main;
}

const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises } = timers;

const MAKERS = {
  "node:events": () => callable(EventEmitter),
  "node:crypto": () => whole(nodeCrypto),
  "node:buffer": (globals) =>
    whole({
      Buffer,
      SlowBuffer,
      transcode,
      isAscii,
      isUtf8,
      kMaxLength,
      kStringMaxLength,
      INSPECT_MAX_BYTES: 50,
      constants: { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength },
      atob,
      btoa,
      Blob: globals.Blob,
      File: globals.File,
    }),
  "node:util": () => util,
  "node:timers": () => whole({ setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises }),
  "node:timers/promises": () => whole(promises),
  "node:url": () => {
    const { URL, URLSearchParams, nodeUrl } = N.require("env/url.js");
    return whole({ ...nodeUrl, URL, URLSearchParams });
  },
  "node:process": () => {
    process.default = process;
    return process;
  },
  "node:path": () => path,
  "node:path/posix": () => path,
  "node:assert": () => Object.assign(assert, { AssertionError }),
  "node:assert/strict": () => Object.assign(assert.strict, { default: assert.strict }),
  "node:http": () => whole(N.require("env/http.js").http),
};

// What is not there, and what to do instead.
const INSTEAD = {
  fs: "import JSON files, or give values with [app.env] in the config",
  "fs/promises": "import JSON files, or give values with [app.env] in the config",
  net: "use fetch() for requests to hosts that the config allows",
  tls: "use fetch() for requests to hosts that the config allows",
  dgram: "use fetch() for requests to hosts that the config allows",
  dns: "use fetch() with a host's name",
  https: "use fetch() for requests; TLS for clients is in the host's config",
  http2: "use fetch() for requests",
  child_process: "apps start no processes",
  cluster: "the host runs as many instances as its config says",
  worker_threads: "the host runs as many instances as its config says",
  os: "apps see nothing of the machine",
  stream: "read and write whole values",
  zlib: "the host compresses what it sends",
  vm: "code is loaded by import",
  module: "code is loaded by import",
  readline: "apps have no terminal",
  async_hooks: "pass values as arguments, or keep them in socket.data",
  perf_hooks: "performance is a global",
  querystring: "use URLSearchParams",
  string_decoder: "use TextDecoder with { stream: true }",
  test: "test with holdfast/testing, in Node",
  ws: "clients reach the app through Socket.IO",
};

const made = new Map();

// The exports of a built-in module, or undefined for a name that nobody knows.
export function moduleOf(name, globals) {
  const bare = name.startsWith("node:") ? name.slice(5) : name;
  const full = `node:${bare}`;
  const known = made.get(full);
  if (known !== undefined) return known;
  if (Object.hasOwn(MAKERS, full)) {
    const exports = MAKERS[full](globals);
    made.set(full, exports);
    return exports;
  }
  if (Object.hasOwn(INSTEAD, bare) || name.startsWith("node:")) {
    const advice = Object.hasOwn(INSTEAD, bare) ? `: ${INSTEAD[bare]}` : `; there are ${BUILT_IN.join(", ")}`;
    throw coded(Error, "ERR_MODULE_NOT_FOUND", `Cannot find module '${name}': apps run in a sandbox where it is not there${advice}`);
  }
  return undefined;
}
