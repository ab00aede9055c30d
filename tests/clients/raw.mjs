// The wire without a client library: HTTP requests as written, an Engine.IO polling session, and a
// WebSocket that can also do what RFC 6455 forbids.
//
// Used by the tests of the protocol's edges and by load.mjs. It never repairs or retries anything.

import { randomBytes } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { SERVER_URL } from "./support.mjs";

export const PATH = "/socket.io/";
export const POLLING = `${PATH}?EIO=4&transport=polling`;
export const WEBSOCKET = `${PATH}?EIO=4&transport=websocket`;
export const SEPARATOR = "\x1e";
const LIMIT_MS = 10_000;

/** One request on a connection of its own. Gives { status, headers, body, bytes }. */
export function request(method, target, { headers = {}, body, url = SERVER_URL, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request(new URL(url), { method, path: target, headers, agent, timeout: LIMIT_MS }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const bytes = Buffer.concat(parts);
        resolve({ status: answer.statusCode, headers: answer.headers, bytes, body: bytes.toString() });
      });
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${method} ${target}`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** An Engine.IO session over polling. */
export class Session {
  static async open(url = SERVER_URL) {
    const { body } = await request("GET", POLLING, { url });
    const session = new Session();
    Object.assign(session, JSON.parse(body.slice(1)), { url });
    session.target = `${POLLING}&sid=${session.sid}`;
    return session;
  }

  /** A session that has joined a namespace. */
  static async join(namespace = "/", url = SERVER_URL) {
    const session = await Session.open(url);
    await session.post(namespace === "/" ? "40" : `40${namespace},`);
    session.joined = await session.poll();
    return session;
  }

  get(headers) {
    return request("GET", this.target, { url: this.url, headers });
  }

  post(body, headers = { "content-type": "text/plain;charset=UTF-8" }) {
    return request("POST", this.target, { url: this.url, headers, body });
  }

  /** The body of the next poll; pings are answered and left out. */
  async poll() {
    const { status, body } = await this.get();
    if (status !== 200) throw new Error(`poll: ${status} ${body}`);
    const packets = body.split(SEPARATOR);
    if (packets.includes("2")) await this.post("3");
    const rest = packets.filter((packet) => packet !== "2");
    return rest.length ? rest.join(SEPARATOR) : this.poll();
  }

  async alive() {
    const { status } = await this.post("3");
    return status === 200;
  }
}

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** A WebSocket connection of frames. */
export class WebSocketWire {
  #buffer = Buffer.alloc(0);
  #wake = () => {};
  #ended = false;

  /** Opens one; a refusal is thrown as { status, headers, body }. */
  static open(target = WEBSOCKET, { url = SERVER_URL, headers = {} } = {}) {
    return new Promise((resolve, reject) => {
      const sent = http.request(new URL(url), {
        path: target,
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": randomBytes(16).toString("base64"),
          ...headers,
        },
      });
      sent.setTimeout(LIMIT_MS, () => sent.destroy(new Error(`no answer to the upgrade of ${target}`)));
      sent.on("upgrade", (answer, socket, head) => {
        socket.setTimeout(0);
        resolve(new WebSocketWire(socket, head, answer));
      });
      sent.on("response", (answer) => {
        let body = "";
        answer.on("data", (part) => (body += part));
        answer.on("end", () => reject({ status: answer.statusCode, headers: answer.headers, body }));
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  /** Opens one and joins the main namespace. */
  static async join(options) {
    const wire = await WebSocketWire.open(WEBSOCKET, options);
    wire.handshake = JSON.parse((await wire.text()).slice(1));
    wire.send("40");
    wire.joined = await wire.text();
    return wire;
  }

  constructor(socket, head, answer) {
    this.socket = socket;
    this.answer = answer;
    this.#buffer = head;
    socket.setNoDelay(true);
    socket.unref(); // whoever waits for a frame keeps the process alive, a forgotten connection does not
    socket.on("data", (part) => {
      this.#buffer = Buffer.concat([this.#buffer, part]);
      this.#wake();
    });
    for (const end of ["end", "close", "error"]) {
      socket.on(end, () => {
        this.#ended = true;
        this.#wake();
      });
    }
  }

  /** Sends a frame: text for a string, binary for bytes, unless told otherwise. */
  send(payload, { opcode = typeof payload === "string" ? TEXT : BINARY, fin = true, masked = true, reserved = 0 } = {}) {
    this.socket.write(frame(Buffer.from(payload), { opcode, fin, masked, reserved }));
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  /** The next frame as { opcode, fin, reserved, payload }, or null when the connection has ended. */
  async next(limit_ms = LIMIT_MS) {
    const end = Date.now() + limit_ms;
    for (;;) {
      const found = this.#take();
      if (found) return found;
      if (this.#ended) return null;
      if (Date.now() > end) throw new Error("no frame came");
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, end - Date.now()));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The next text message that is no Engine.IO ping (those are answered). */
  async text(limit_ms) {
    for (;;) {
      const found = await this.next(limit_ms);
      if (!found) throw new Error("closed");
      if (found.opcode !== TEXT) throw new Error(`a frame of kind ${found.opcode}: ${found.payload.toString("latin1")}`);
      const text = found.payload.toString();
      if (text !== "2") return text;
      this.send("3");
    }
  }

  /** Waits for the server to close; gives the close code, 1005 for an empty close frame, 1006 for none. */
  async closed() {
    for (;;) {
      const found = await this.next();
      if (!found) return 1006;
      if (found.opcode === CLOSE) return found.payload.length ? found.payload.readUInt16BE(0) : 1005;
    }
  }

  destroy() {
    this.socket.destroy();
  }

  #take() {
    const buffer = this.#buffer;
    if (buffer.length < 2) return null;
    let length = buffer[1] & 0x7f;
    let start = 2;
    if (length === 126) {
      if (buffer.length < 4) return null;
      length = buffer.readUInt16BE(2);
      start = 4;
    } else if (length === 127) {
      if (buffer.length < 10) return null;
      length = Number(buffer.readBigUInt64BE(2));
      start = 10;
    }
    if (buffer.length < start + length) return null;
    this.#buffer = buffer.subarray(start + length);
    return {
      opcode: buffer[0] & 0x0f,
      fin: (buffer[0] & 0x80) !== 0,
      reserved: (buffer[0] >> 4) & 7,
      masked: (buffer[1] & 0x80) !== 0,
      payload: buffer.subarray(start, start + length),
    };
  }
}

/** The bytes of a client's frame. */
export function frame(payload, { opcode = TEXT, fin = true, masked = true, reserved = 0 } = {}) {
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const flag = masked ? 0x80 : 0;
  let head;
  if (payload.length < 126) {
    head = Buffer.from([first, flag | payload.length]);
  } else if (payload.length < 65_536) {
    head = Buffer.from([first, flag | 126, payload.length >> 8, payload.length & 0xff]);
  } else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = flag | 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  const body = Buffer.from(payload);
  for (let index = 0; index < body.length; index += 1) body[index] ^= mask[index & 3];
  return Buffer.concat([head, mask, body]);
}

/** A bare TCP connection to the server, with everything it answered so far. */
export function dial(url = SERVER_URL) {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.unref();
  const dialled = { socket, text: "", ended: false };
  socket.on("data", (part) => (dialled.text += part.toString("latin1")));
  for (const end of ["end", "close", "error"]) socket.on(end, () => (dialled.ended = true));
  return dialled;
}
