// Finds what tests need: the binary, and socket.io-client. Used by index.js.

import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

/** The binary: `HOLDFAST_BIN`, of a package, of PATH, or of the repository. */
export function binary() {
  const named = process.env.HOLDFAST_BIN;
  if (named) return named.includes("/") ? resolve(named) : named;
  const here = (path) => fileURLToPath(new URL(path, import.meta.url));
  const places = [
    join(process.cwd(), "node_modules/.bin/holdfast"),
    ...(process.env.PATH ?? "").split(delimiter).filter(Boolean).map((folder) => join(folder, "holdfast")),
    here("../../../target/release/holdfast"),
    here("../../../target/debug/holdfast"),
  ];
  const found = places.find((place) => existsSync(place) && statSync(place).isFile());
  if (!found) throw new Error("there is no holdfast in node_modules/.bin or in PATH: install it, or say where it is with HOLDFAST_BIN");
  return found;
}

/** An app's file. A crate is built into one first. */
export async function build(bin, path, into) {
  if (!existsSync(path) || !statSync(path).isDirectory() || !existsSync(join(path, "Cargo.toml"))) return path;
  try {
    await promisify(execFile)(bin, ["build", path, "-o", into], { maxBuffer: 16 << 20 });
  } catch (error) {
    throw new Error(`${path} was not built:\n${error.stderr ?? error.message}`);
  }
  return into;
}

/** socket.io-client, as this package or the project has it. */
export async function clientLibrary() {
  try {
    return await import("socket.io-client");
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  }
  try {
    const project = createRequire(pathToFileURL(join(process.cwd(), "package.json")));
    return project("socket.io-client");
  } catch {
    throw new Error("socket.io-client is not installed: npm install --save-dev socket.io-client");
  }
}
