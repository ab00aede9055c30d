// `holdfast/testing`: a node for tests, and clients that follow a script. Used with node's test runner, or any
// other. It starts the binary on a free port; it knows nothing of the app.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "./client.js";
import { binary, build, clientLibrary } from "./find.js";
import { Log } from "./log.js";
import { toml } from "./toml.js";

const PATIENCE_MS = 10_000;
const STOPPING_MS = 10_000;

/** Starts a node; see index.d.ts. */
export async function start(options = {}) {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-test-"));
  const node = new Node(folder, options);
  try {
    await node._start(options);
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

class Node {
  #folder;
  #patienceMs;
  #log;
  #child;
  #exit;
  #clients = new Set();
  #source;

  constructor(folder, { patienceMs = PATIENCE_MS }) {
    this.#folder = folder;
    this.#patienceMs = patienceMs;
    this.#log = new Log(patienceMs);
  }

  async _start({ app, apps = {}, source, name = "app.ts", settings = {}, env = {}, watch = false, args = [], bin = binary() }) {
    const file = join(this.#folder, "holdfast.toml");
    if (source !== undefined) {
      this.#source = app = join(this.#folder, name);
      await writeFile(app, source);
    }
    const config = { page: false, ...settings };
    const given = app === undefined ? {} : { app };
    for (const [key, path] of [...Object.entries(given), ...Object.entries(apps).map(([key, path]) => [`apps.${key}`, path])]) {
      config[`${key}.file`] = await build(bin, resolve(path), join(this.#folder, `${key}.wasm`));
    }
    for (const [key, value] of Object.entries(env)) config[`app.env.${key}`] = String(value);
    await writeFile(file, toml(config));
    const flags = ["--config", file, "--listen", "127.0.0.1:0", "--log-format", "json", ...(watch ? ["--watch"] : []), ...args];
    this.#child = spawn(bin, flags, { cwd: this.#folder, stdio: ["ignore", "ignore", "pipe"], env: withoutSettings(process.env) });
    const kill = () => this.#child.kill("SIGKILL");
    process.once("exit", kill);
    this.#exit = new Promise((end) => {
      this.#child.once("error", (error) => end(`${bin}: ${error.message}`));
      this.#child.once("exit", (code, signal) => end(signal ? `ended by ${signal}` : `ended with ${code}`));
    }).then((reason) => {
      process.off("exit", kill);
      this.#log.end(reason);
      return reason;
    });
    this.#log.read(this.#child.stderr);
    const { address } = await this.logged((line) => line.message === "listening" && line.address !== undefined);
    await this.logged((line) => line.message === "ready");
    /** `http://127.0.0.1:PORT` */
    this.url = `http://${address}`;
  }

  /** A client in a namespace that has connected; refused, it throws what `connect_error` gets. */
  async connect(namespace = "/", options = {}) {
    const client = await this.client(namespace, options);
    await client.connected();
    return client;
  }

  /** The same, about to connect. */
  async client(namespace = "/", options = {}) {
    const { io } = await clientLibrary();
    const socket = io(this.url + namespace, { transports: ["websocket"], forceNew: true, reconnection: false, ...options });
    const client = new Client(socket, this.#patienceMs, this.#log);
    this.#clients.add(client);
    return client;
  }

  /** The log lines so far, or those that fit. */
  log(filter) {
    return this.#log.lines.filter(Log.matching(filter));
  }

  /** Waits for a log line. */
  logged(filter) {
    return this.#log.wait(filter);
  }

  /** Writes the app's source anew, for a node that watches. */
  async save(source) {
    if (this.#source === undefined) throw new Error("save: the node was started without `source`");
    await writeFile(this.#source, source);
  }

  /** Closes the clients and stops the node. */
  async stop() {
    for (const client of this.#clients) client.socket.disconnect();
    this.#clients.clear();
    if (this.#child) {
      this.#child.kill("SIGTERM");
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOPPING_MS);
      await this.#exit;
      clearTimeout(timer);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}

/** What the tests were started with must not change the node. */
function withoutSettings(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("HOLDFAST_")));
}
