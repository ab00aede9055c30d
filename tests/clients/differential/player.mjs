// Plays a program against one server and records what can be observed.
//
// Used by run.mjs. A program is a list of steps as grammar/ makes them; there is one observation a step,
// and one a client at the end. A step for which its client is not ready is no error: steps are dropped
// to find the shortest program that still shows a difference.

import { setTimeout as later } from "node:timers/promises";
import { gunzipSync, inflateSync } from "node:zlib";
import { REVISIONS } from "./codec.mjs";
import { Names, Reader, response } from "./trace.mjs";
import { BINARY, CLOSE, exchange, frame, TEXT, upgrade } from "./wire.mjs";

const PATH = "/socket.io/";
const TEXT_HEADERS = [["Content-Type", "text/plain;charset=UTF-8"]];
/** How long nothing may come before a server is said to be silent. */
const SILENCE_MS = 1200;
/** How long something that should not come is waited for. */
const BRIEF_MS = 250;
/** How long after one request another is sent that is to arrive later. */
const AFTER_MS = 20;

/** Plays; gives the observations. `dialect` is how the configuration speaks: { parser, offsets }. */
export async function play(url, program, dialect = {}) {
  const player = new Player(url, dialect);
  const trace = [];
  try {
    for (const step of program) trace.push(await player.perform(step));
    for (const client of player.clients.values()) trace.push({ last: client.number, ...(await player.settle(client)) });
  } finally {
    player.leave();
  }
  return trace;
}

class Player {
  clients = new Map();
  #open = new Set();
  #named = new Map();
  #barriers = 0;

  constructor(url, dialect) {
    this.origin = new URL(url);
    this.dialect = dialect;
    this.names = new Names(this.origin.host);
  }

  async perform(step) {
    const run = STEPS[step.op];
    if (!run) throw new Error(`no such step: ${JSON.stringify(step)}`);
    const client = step.to === undefined ? null : this.clients.get(step.to);
    if (step.to !== undefined && !client) return { nobody: step.to };
    return (await run(this, step, client)) ?? {};
  }

  /** Cuts everything. */
  leave() {
    for (const client of this.clients.values()) {
      if (client.transport === "polling" && !client.over) this.exchange("POST", client.target, { body: client.revision.payload(["1"]) });
      if (client.transport === "websocket") client.wire.write(frame(Buffer.alloc(0), { opcode: CLOSE }));
    }
    const open = [...this.#open];
    setTimeout(() => open.forEach((one) => one()), 200).unref();
  }

  exchange(method, target, { headers = [], body, hold } = {}) {
    const sent = exchange(this.origin, { method, target: this.fill(target), headers, body, hold });
    this.#open.add(sent.abort);
    sent.answer.then(() => this.#open.delete(sent.abort));
    return sent;
  }

  async upgrade(target, headers) {
    const { answer, socket } = await upgrade(this.origin, this.fill(target), headers);
    if (socket) this.#open.add(() => socket.destroy());
    return { answer, socket };
  }

  /** `$0` in a target is the sid of client 0. */
  fill(target) {
    return target.replace(/\$(\d)/g, (_, number) => this.clients.get(Number(number))?.sid ?? "AAAAAAAAAAAAAAAAAAAA");
  }

  response(answer) {
    return response(answer, this.names);
  }

  keep(name, value) {
    this.#named.set(name, value);
  }

  take(name) {
    const value = this.#named.get(name);
    this.#named.delete(name);
    return value;
  }

  client({ as, eio = 4 }) {
    const reader = new Reader(as, this.names, this.dialect);
    const client = { number: as, eio, revision: REVISIONS[eio] ?? REVISIONS[4], transport: "none", over: true, reader, headers: [], backlog: [], hanging: null, wire: null, seen: 0 };
    this.clients.set(as, client);
    return client;
  }

  /** A packet for the wire: `{ b: base64 }` is binary, `{ m: packet }` is packed by the dialect. */
  packet(written) {
    if (typeof written === "string") return written;
    return "b" in written ? Buffer.from(written.b, "base64") : this.dialect.pack(written.m);
  }

  /** Sends packets over the client's transport: one POST, or frames. */
  async send(client, written, { headers = TEXT_HEADERS } = {}) {
    const packets = written.map((one) => this.packet(one));
    if (client.transport === "polling") {
      const { answer } = this.exchange("POST", client.target, { headers, body: client.revision.payload(packets) });
      return answer;
    }
    for (const packet of packets) this.write(client.wire, client, packet);
    return null;
  }

  write(wire, client, packet) {
    const opcode = typeof packet === "string" ? TEXT : BINARY;
    wire.write(frame(client.revision.toFrame(packet), { opcode }));
  }

  /** Everything that came for a client since the last look, until the server has caught up with it. */
  async settle(client) {
    const said = client.backlog;
    client.backlog = [];
    if (client.over || client.transport === "none") return said.length ? { said, over: true } : { over: true };
    for (let round = 0; round < 2; round += 1) {
      this.#barriers += 1;
      const barrier = `/barrier-${this.#barriers}`;
      const message = this.dialect.pack ? { m: { type: 0, nsp: barrier } } : `40${barrier},`;
      const answer = await this.send(client, [message]);
      if (answer && (answer.status !== 200 || answer.body.toString() !== "ok")) said.push(this.response(answer));
      const end = await this.#until(client, barrier, said);
      if (end) {
        client.over = true;
        return { said, end };
      }
    }
    return { said };
  }

  /** Reads on until a barrier's answer; gives how the session ended, if it did. */
  async #until(client, barrier, said) {
    const isBarrier = (text) => text.startsWith(`CONNECT_ERROR ${barrier} `);
    return client.transport === "polling" ? this.#poll(client, isBarrier, said) : this.#frames(client, isBarrier, said);
  }

  async #frames(client, isBarrier, said) {
    const { wire } = client;
    for (;;) {
      while (client.seen < wire.came.length) {
        const text = this.frame(client, wire.came[client.seen]);
        client.seen += 1;
        if (text && typeof text === "object") return text;
        if (text !== null && isBarrier(text)) return null;
        if (text !== null) said.push(text);
      }
      if (wire.closed) return "closed before";
      if (!(await wire.more(client.seen, SILENCE_MS))) return "silent";
    }
  }

  /** What a frame says: text, null for nothing yet, or an object for an end. */
  frame(client, { text, binary, pong, ping, close, end, bad, compressed }) {
    const mark = compressed ? "(compressed) " : "";
    if (text !== undefined) {
      if (text === "2" && client.eio === 4) {
        this.write(client.wire, client, "3");
        return null;
      }
      const read = client.reader.read(text);
      return read === null ? null : mark + read;
    }
    if (binary) {
      const read = client.reader.read(client.revision.fromFrame(binary));
      return read === null ? null : mark + read;
    }
    if (pong) return `PONG ${pong.toString("latin1")}`;
    if (ping) return `PING ${ping.toString("latin1")}`;
    if (close !== undefined) return { close };
    if (bad) return bad;
    return { end: end === true };
  }

  async #poll(client, isBarrier, said) {
    for (;;) {
      const sent = client.hanging ?? this.exchange("GET", client.target, { headers: client.headers });
      client.hanging = null;
      const answer = await Promise.race([sent.answer, later(SILENCE_MS, null)]);
      if (!answer) {
        sent.abort();
        return "silent";
      }
      if (answer.status !== 200) return this.response(answer);
      said.push(...client.backlog.splice(0));
      let through = false;
      for (const packet of this.polled(client, answer)) {
        if (packet === "2" && client.eio === 4) {
          await this.send(client, ["3"]);
          continue;
        }
        const text = client.reader.read(packet);
        if (text === null || text === "6") continue;
        if (isBarrier(text)) through = true;
        else said.push(text);
        if (text === "1") return "closed";
      }
      if (through) return null;
    }
  }

  /**
   * The answer to a poll. What it brought is told by the next `settle`: how many packets a poll takes along is up to
   * the server, their order is not.
   */
  answered(client, answer) {
    if (!answer) return { pending: true };
    if (answer.status !== 200) return this.response(answer);
    const packets = this.polled(client, answer);
    if (packets.includes("2") && client.eio === 4) this.send(client, ["3"]);
    client.backlog.push(...packets.map((packet) => client.reader.read(packet)).filter((text) => text !== null && text !== "6" && (text !== "2" || client.eio !== 4)));
    return { ...this.response({ ...answer, body: "" }), noop: packets.includes("6") };
  }

  polled(client, { headers, body }) {
    const binary = headers.some(([name, value]) => name === "content-type" && value.startsWith("application/octet-stream"));
    return client.revision.packets(plain(headers, body), binary);
  }
}

// ---------------------------------------------------------------- steps

const STEPS = {
  /** Opens a session: `as`, `way`, `eio`, `query`, `headers`. */
  async open(player, step) {
    const client = player.client(step);
    if (step.keep) client.headers = step.headers;
    const query = `EIO=${client.eio}&transport=${step.way}${step.query ?? ""}`;
    const headers = step.headers ?? [];
    if (step.way === "polling") {
      const answer = await player.exchange("GET", `${PATH}?${query}`, { headers }).answer;
      if (answer.status !== 200) return player.response(answer);
      const packets = player.polled(client, answer);
      const said = packets.map((packet) => client.reader.read(packet));
      become(client, "polling", packets[0]);
      return { ...player.response({ ...answer, body: "" }), said };
    }
    const { answer, socket } = await player.upgrade(`${PATH}?${query}`, headers);
    if (!socket) return player.response(answer);
    client.wire = socket;
    await socket.more(0, SILENCE_MS);
    const first = socket.came[0];
    if (first?.text !== undefined) become(client, "websocket", first.text);
    return player.response(answer);
  },

  /** Sends packets together. */
  async send(player, { packets, headers }, client) {
    if (client.over) return { over: true };
    const answer = await player.send(client, packets, { headers });
    return answer ? player.response(answer) : {};
  },

  settle: (player, _, client) => player.settle(client),

  /** Answers the last question that the server asked. */
  async answer(player, { args, attachments = [] }, client) {
    const question = client.reader.questions.at(-1);
    if (client.over || !question) return { over: true };
    const nsp = question.nsp === "/" ? "" : `${question.nsp},`;
    if (player.dialect.pack) await player.send(client, [{ m: { type: 3, nsp: question.nsp, id: question.id, data: JSON.parse(args) } }]);
    else await player.send(client, [`4${attachments.length ? `6${attachments.length}-` : "3"}${nsp}${question.id}${args}`, ...attachments]);
    return {};
  },

  /** Any request; `race` says that it is one of several. */
  async http(player, { method, target, headers, body }) {
    const sent = player.exchange(method, target, { headers, body: bytes(body) });
    const answer = await Promise.race([sent.answer, later(SILENCE_MS, { error: "silent" })]);
    sent.abort();
    if (answer.status === 200) player.names.add(/sid\\*":\\*"([\w-]+)/.exec(answer.body)?.[1], "another sid");
    return player.response(answer);
  },

  /** Several requests at once: the answers as a set. */
  async race(player, { requests }) {
    const sent = requests.map(({ method, target, headers, body }) => player.exchange(method, target, { headers, body: bytes(body) }));
    const answers = await Promise.all(sent.map(({ answer }) => Promise.race([answer, later(BRIEF_MS * 2, { error: "pending" })])));
    sent.forEach(({ abort }) => abort());
    return { set: answers.map((answer) => JSON.stringify(player.response(answer))).sort() };
  },

  /** Asks for an upgrade that need not be right, and tells what comes first. */
  async ws(player, { target, headers }) {
    const { answer, socket } = await player.upgrade(target, headers ?? []);
    if (!socket) return player.response(answer);
    await socket.more(0, BRIEF_MS);
    const first = socket.came[0];
    if (first?.text?.startsWith("0{")) player.names.add(JSON.parse(first.text.slice(1)).sid, "another sid");
    socket.destroy();
    return { ...player.response(answer), first: first?.text ? player.names.scrub(first.text) : first && { close: first.close, end: first.end } };
  },

  /** A poll that is not waited for. */
  async hang(player, _, client) {
    if (client.over || client.transport !== "polling" || client.hanging) return { over: true };
    client.hanging = player.exchange("GET", client.target, { headers: client.headers });
    await later(AFTER_MS);
    return {};
  },

  /** The answer to a poll that was not waited for. */
  async take(player, _, client) {
    if (!client.hanging) return { over: true };
    const answer = await Promise.race([client.hanging.answer, later(BRIEF_MS, null)]);
    if (answer) client.hanging = null;
    return player.answered(client, answer);
  },

  /** One more poll beside the hanging one. */
  async overlap(player, { method = "GET", body }, client) {
    if (client.over || client.transport !== "polling") return { over: true };
    const answer = await Promise.race([player.exchange(method, client.target, { body: bytes(body) }).answer, later(BRIEF_MS, { error: "pending" })]);
    return player.response(answer);
  },

  /** The head of a POST and the first half of its body. */
  async hold(player, { as, packets }, client) {
    if (client.over || client.transport !== "polling") return { over: true };
    const body = Buffer.from(client.revision.payload(packets.map((one) => player.packet(one))));
    player.keep(as, player.exchange("POST", client.target, { headers: TEXT_HEADERS, body, hold: true }));
    await later(AFTER_MS);
    return {};
  },

  /** The other half, and the answer. */
  async finish(player, { as }) {
    const held = player.take(as);
    if (!held) return { over: true };
    held.rest();
    const answer = await Promise.race([held.answer, later(SILENCE_MS, { error: "silent" })]);
    return player.response(answer);
  },

  /** A half POST that is given up. */
  async giveUp(player, { as }) {
    const held = player.take(as);
    if (!held) return { over: true };
    held.abort();
    await later(AFTER_MS);
    return {};
  },

  /** From polling to a WebSocket: `probe`, `during` (packets posted before the end), `finish`, `hang`, `patient`. */
  async upgrade(player, step, client) {
    if (client.over || client.transport !== "polling") return { over: true };
    if (step.hang && !client.hanging) {
      client.hanging = player.exchange("GET", client.target);
      await later(AFTER_MS);
    }
    const { answer, socket } = await player.upgrade(`${PATH}?EIO=${client.eio}&transport=websocket&sid=${client.sid}`, step.headers ?? []);
    const seen = { ...player.response(answer), said: [] };
    if (!socket) return seen;
    const wire = { ...client, wire: socket };
    for (const packet of step.probe ?? ["2probe"]) player.write(socket, client, player.packet(packet));
    await socket.more(0, BRIEF_MS * 2);
    if (step.probe?.length > 1) await later(AFTER_MS);
    let at = 0;
    const look = () => {
      for (; at < socket.came.length; at += 1) seen.said.push(player.frame(wire, socket.came[at]));
    };
    look();
    for (const packets of step.during ?? []) {
      const posted = await player.send(client, packets);
      if (posted.status !== 200) seen.said.push(player.response(posted));
    }
    if (client.hanging && step.patient) {
      seen.polled = await STEPS.take(player, step, client);
    }
    if (step.finish === undefined) {
      if (step.drop) socket.destroy();
      else if (!socket.closed) player.keep(`probe ${client.number}`, socket);
      if (!socket.closed) await later(AFTER_MS);
      return seen;
    }
    if (socket.closed) return seen;
    for (const packet of step.finish) player.write(socket, client, player.packet(packet));
    if (!/^5/.test(step.finish[0])) {
      await socket.more(at, BRIEF_MS);
      look();
      return seen;
    }
    Object.assign(client, { transport: "websocket", wire: socket, seen: at });
    if (client.hanging) {
      seen.polled = await STEPS.take(player, step, client);
    }
    const { said, end } = await player.settle(client);
    client.backlog = said;
    return { ...seen, end };
  },

  /** Frames as written, cut into pieces where told. */
  async frames(player, { frames, pieces = 1 }, client) {
    if (client.over || client.transport !== "websocket") return { over: true };
    const all = Buffer.concat(frames.map(({ p = "", o, f, m, r, n }) => frame(bytes(p), { opcode: o, fin: f, masked: m, reserved: r, claimed: n })));
    const size = Math.max(1, Math.ceil(all.length / pieces));
    for (let at = 0; at < all.length; at += size) {
      client.wire.write(all.subarray(at, at + size));
      if (pieces > 1) await later(3);
    }
    return {};
  },

  /** Bytes as they are, base64. */
  async bytes(player, { bytes: encoded }, client) {
    if (client.over || client.transport !== "websocket") return { over: true };
    client.wire.write(Buffer.from(encoded, "base64"));
    return {};
  },

  /** The client's connection breaks: the WebSocket, or a pending poll. */
  async cut(player, _, client) {
    if (client.over || client.transport === "none") return { over: true };
    if (client.transport === "websocket") client.wire.destroy();
    else {
      const sent = client.hanging ?? player.exchange("GET", client.target);
      client.hanging = null;
      const early = await Promise.race([sent.answer, later(AFTER_MS, null)]);
      sent.abort();
      if (early) return { early: early.status };
    }
    client.over = true;
    return {};
  },

  /** Whether the server has forgotten the session within a moment. */
  async gone(player, _, client) {
    if (!client.sid) return { over: true };
    let answer;
    for (const end = Date.now() + BRIEF_MS; Date.now() < end; await later(10)) {
      answer = await player.exchange("POST", `${PATH}?EIO=${client.eio}&transport=polling&sid=${client.sid}`, { headers: TEXT_HEADERS, body: client.revision.payload([client.eio === 3 ? "6" : "3"]) }).answer;
      if (answer.status !== 200 && !/"code":3/.test(answer.body?.toString())) break;
    }
    return player.response(answer);
  },

  /** What came on the WebSocket of an upgrade that was not finished. */
  async probe(player, _, client) {
    const socket = player.take(`probe ${client.number}`);
    if (!socket) return { over: true };
    await socket.more(socket.came.length, BRIEF_MS);
    return { closed: socket.came.filter(({ close, end }) => close !== undefined || end).map(({ close }) => close ?? "end")[0] };
  },

  async pause(_, { ms }) {
    await later(ms);
    return {};
  },

  /** Joins again with what recovery needs: the session's pid and the last offset. */
  async recover(player, { to, from, offset }, client) {
    const before = player.clients.get(from);
    if (client.over || !before?.reader.pid) return { over: true };
    const auth = { pid: before.reader.pid, offset: offset ?? before.reader.offset };
    await player.send(client, [`40${JSON.stringify(auth)}`]);
    return player.settle(player.clients.get(to));
  },
};

/** A body without its content coding. */
function plain(headers, body) {
  const coding = headers.find(([name]) => name === "content-encoding")?.[1];
  if (coding === "gzip") return gunzipSync(body);
  return coding === "deflate" ? inflateSync(body) : body;
}

function become(client, transport, open) {
  try {
    const { sid } = JSON.parse(open.slice(1));
    Object.assign(client, { sid, transport, over: false, target: `${PATH}?EIO=${client.eio}&transport=polling&sid=${sid}` });
  } catch {
    client.over = true;
  }
}

function bytes(written) {
  if (written === undefined) return undefined;
  return typeof written === "string" ? Buffer.from(written) : Buffer.from(written.b, "base64");
}
