// Packs the official browser client for the host: node pack.mjs OUTPUT_FOLDER
//
// Run by host/build.rs, with this folder's npm packages installed (`make setup`). For every file it
// writes the bytes as published and three compressed forms, then index.json, last, so that an
// index.json means that everything it names is there. It never fetches, changes or minifies anything.
//
// Exit codes: 0 packed or up to date; 3 the npm package is not installed (the host embeds nothing).

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";

const NAMES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
const SCRIPT = "application/javascript; charset=utf-8";
const MAP = "application/json; charset=utf-8";

/** The forms of a file: key in index.json, suffix of the file, compressor. */
const FORMS = [
  ["raw", "", async (bytes) => bytes],
  ["br", ".br", (bytes) => brotli(bytes)],
  ["gz", ".gz", (bytes) => promisify(zlib.gzip)(bytes, { level: 9 })],
  ["deflate", ".deflate", (bytes) => promisify(zlib.deflate)(bytes, { level: 9 })],
];

const output = process.argv[2];
if (!output) {
  console.error("usage: node pack.mjs OUTPUT_FOLDER");
  process.exit(2);
}
const source = new URL("node_modules/socket.io-client/", import.meta.url);
if (!existsSync(source)) {
  console.error("socket.io-client is not installed: run `make setup`, or `npm ci` in host/client");
  process.exit(3);
}

const { version } = JSON.parse(await readFile(new URL("package.json", source), "utf8"));
const files = [];
for (const name of NAMES.flatMap((name) => [name, `${name}.map`])) {
  files.push({ name, bytes: await readFile(new URL(`dist/${name}`, source)) });
}
const digest = files.reduce((hash, { bytes }) => hash.update(bytes), createHash("sha256"));
const stamp = digest.update(await readFile(new URL(import.meta.url))).digest("hex");

if (stamp !== (await stampOf(output))) {
  await mkdir(output, { recursive: true });
  const entries = await Promise.all(files.map(pack));
  await writeFile(join(output, "index.json"), JSON.stringify({ version, stamp, files: entries }, null, 2));
}

/** One file in all its forms; gives its entry in the index, with file names relative to it. */
async function pack({ name, bytes }) {
  const entry = { name, type: name.endsWith(".map") ? MAP : SCRIPT };
  await Promise.all(
    FORMS.map(async ([key, suffix, compress]) => {
      entry[key] = name + suffix;
      await writeFile(join(output, name + suffix), await compress(bytes));
    }),
  );
  return entry;
}

function brotli(bytes) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT, BROTLI_MAX_QUALITY } = zlib.constants;
  return promisify(zlib.brotliCompress)(bytes, {
    params: { [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY, [BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

async function stampOf(folder) {
  try {
    return JSON.parse(await readFile(join(folder, "index.json"), "utf8")).stamp;
  } catch {
    return null;
  }
}
