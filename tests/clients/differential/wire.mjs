// HTTP requests and WebSocket frames byte by byte, and everything that came back: nothing is repaired,
// retried, reordered or left out.
//
// Used by player.mjs. Unlike raw.mjs it knows no server under test: every call names one.

import { randomBytes } from "node:crypto";
import net from "node:net";
import { inflateRawSync } from "node:zlib";

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;

/**
 * One request on a connection of its own: { answer, abort, rest }. `answer` settles, never rejects, with
 * { status, headers: [[name, value]], body } or { error }. With `hold`, half of the body waits for `rest`.
 */
export function exchange(origin, { method, target, headers = [], body, hold = false }) {
  const socket = dial(origin);
  const bytes = body === undefined ? null : Buffer.from(body);
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${origin.host}`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  if (bytes) lines.push(`Content-Length: ${bytes.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  const answer = new Promise((resolve) => {
    let got = Buffer.alloc(0);
    const settle = (value) => {
      socket.destroy();
      resolve(value);
    };
    socket.on("data", (part) => {
      got = Buffer.concat([got, part]);
      const found = response(got, method, false);
      if (found) settle(found);
    });
    socket.on("error", () => {});
    socket.on("close", () => settle(response(got, method, true) ?? { error: got.length ? "cut off" : "no answer" }));
  });
  const first = hold ? bytes.length >> 1 : bytes?.length;
  socket.write(bytes ? Buffer.concat([head, bytes.subarray(0, first)]) : head);
  return { answer, abort: () => socket.destroy(), rest: () => socket.destroyed || socket.write(bytes.subarray(first)) };
}

/** The response at the start of these bytes, or null when it is not complete. */
function response(bytes, method, ended) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [first, ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(first.split(" ")[1]);
  if (status === 100) return response(bytes.subarray(end + 4), method, ended);
  const headers = lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]);
  const value = (name) => headers.find(([key]) => key === name)?.[1];
  const rest = bytes.subarray(end + 4);
  const found = (body) => ({ status, headers, body });
  if (method === "HEAD" || status === 204 || status === 304) return found(Buffer.alloc(0));
  if (status === 101) return found(rest);
  if (/chunked/i.test(value("transfer-encoding") ?? "")) {
    const body = chunks(rest);
    return body && found(body);
  }
  const length = value("content-length");
  if (length === undefined) return ended ? found(rest) : null;
  return rest.length >= Number(length) ? found(rest.subarray(0, Number(length))) : null;
}

function chunks(bytes) {
  const parts = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return null;
    const length = Number.parseInt(bytes.subarray(at, line).toString("latin1"), 16);
    if (bytes.length < line + 2 + length + 2) return null;
    if (length === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
}

/**
 * Asks for an upgrade. Gives { answer, socket }: `socket` is a WebSocket after a 101, else null.
 */
export async function upgrade(origin, target, headers = [], limit_ms = 3000) {
  const socket = dial(origin);
  const lines = [
    `GET ${target} HTTP/1.1`,
    `Host: ${origin.host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  let got = Buffer.alloc(0);
  const answer = await new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ error: "no answer" }), limit_ms);
    for (const event of ["data", "close"]) socket.once(event, () => clearTimeout(timer));
    socket.on("data", (part) => {
      got = Buffer.concat([got, part]);
      const found = response(got, "GET", false);
      if (found) resolve(found);
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(response(got, "GET", true) ?? { error: got.length ? "cut off" : "no answer" }));
    socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  });
  if (answer.status !== 101) {
    socket.destroy();
    return { answer, socket: null };
  }
  socket.removeAllListeners("data");
  return { answer: { ...answer, body: Buffer.alloc(0) }, socket: new Frames(socket, answer.body) };
}

function dial(origin) {
  const socket = net.connect(Number(origin.port), origin.hostname);
  socket.setNoDelay(true);
  return socket;
}

/** A WebSocket: what came, as a list of { kind, ... } that grows. */
export class Frames {
  /** { text }, { binary }, { pong }, { ping }, { close, reason }, { bad } and at last { end: true }. */
  came = [];
  closed = false;
  #buffer;
  #parts = [];
  #wake = new Set();

  constructor(socket, head) {
    this.socket = socket;
    this.#buffer = head;
    socket.on("data", (part) => {
      this.#buffer = Buffer.concat([this.#buffer, part]);
      this.#take();
    });
    socket.on("close", () => this.#heard({ end: true }));
    this.#take();
  }

  write(bytes) {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  destroy() {
    this.socket.destroy();
  }

  /** Waits until something more came, or the time is over; tells which. */
  async more(seen, limit_ms) {
    if (this.came.length > seen || this.closed) return true;
    return new Promise((resolve) => {
      const done = (value) => {
        clearTimeout(timer);
        this.#wake.delete(heard);
        resolve(value);
      };
      const heard = () => done(true);
      const timer = setTimeout(() => done(false), limit_ms);
      this.#wake.add(heard);
    });
  }

  #heard(frame) {
    if (this.closed) return;
    this.came.push(frame);
    if ("close" in frame || frame.end) this.closed = true;
    for (const wake of [...this.#wake]) wake();
  }

  #take() {
    for (;;) {
      const buffer = this.#buffer;
      if (buffer.length < 2) return;
      let length = buffer[1] & 0x7f;
      let start = 2;
      if (length === 126) {
        if (buffer.length < 4) return;
        length = buffer.readUInt16BE(2);
        start = 4;
      } else if (length === 127) {
        if (buffer.length < 10) return;
        length = Number(buffer.readBigUInt64BE(2));
        start = 10;
      }
      if (buffer.length < start + length) return;
      this.#buffer = buffer.subarray(start + length);
      this.#frame(buffer[0], buffer.subarray(start, start + length), (buffer[1] & 0x80) !== 0);
    }
  }

  #frame(first, payload, masked) {
    const opcode = first & 0x0f;
    if (masked) return this.#heard({ bad: "a masked frame" });
    if (opcode === CLOSE) {
      this.#heard({ close: payload.length ? payload.readUInt16BE(0) : 1005, reason: payload.subarray(2).toString() });
      // The other half of the closing handshake.
      this.write(frame(payload, { opcode: CLOSE }));
      return this.socket.end();
    }
    if (opcode === 9) {
      this.write(frame(payload, { opcode: 10 }));
      return this.#heard({ ping: payload });
    }
    if (opcode === 10) return this.#heard({ pong: payload });
    this.#parts.push({ opcode, payload, compressed: (first & 0x40) !== 0 });
    if (!(first & 0x80)) return undefined;
    const parts = this.#parts;
    this.#parts = [];
    let whole = Buffer.concat(parts.map((part) => part.payload));
    const compressed = parts[0].compressed;
    if (compressed) whole = inflateRawSync(Buffer.concat([whole, Buffer.from([0, 0, 0xff, 0xff])]), { finishFlush: 2 });
    return this.#heard(parts[0].opcode === TEXT ? { text: whole.toString(), compressed } : { binary: whole, compressed });
  }
}

/** The bytes of a client's frame. `claimed` is the length that its head tells, if it lies. */
export function frame(payload, { opcode = TEXT, fin = true, masked = true, reserved = 0, claimed = payload.length } = {}) {
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const flag = masked ? 0x80 : 0;
  let head;
  if (claimed < 126) {
    head = Buffer.from([first, flag | claimed]);
  } else if (claimed < 65_536) {
    head = Buffer.from([first, flag | 126, claimed >> 8, claimed & 0xff]);
  } else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = flag | 127;
    head.writeBigUInt64BE(BigInt(claimed), 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  const body = Buffer.from(payload);
  for (let index = 0; index < body.length; index += 1) body[index] ^= mask[index & 3];
  return Buffer.concat([head, mask, body]);
}
