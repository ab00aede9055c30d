// What was observed, in a form that two servers can be compared by: ids have names, JSON is read and
// written again, attachments are in their places, what depends on the clock or the platform is left out.
//
// Used by player.mjs (which records) and run.mjs (which compares).

import { createHash } from "node:crypto";

/** Headers that are compared. `connection` only as `close` or nothing: keeping alive is the default. */
const HEADERS = /^(content-type|content-encoding|cache-control|vary|allow|set-cookie|x-.*|access-control-.*|sec-websocket-(extensions|protocol))$/;
const SHOWN_CHARS = 4000;
const TYPES = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "EVENT", "ACK"];

/** Names for what each server draws at random, in order of their appearance. */
export class Names {
  #known = [];
  #host;

  constructor(host) {
    this.#host = host;
  }

  add(value, name) {
    if (typeof value !== "string" || value.length < 6) return;
    if (this.#known.some(([known]) => known === value)) return;
    // The longest first: one may begin with another.
    this.#known.push([value, `<${name}>`]);
    this.#known.sort(([one], [other]) => other.length - one.length);
  }

  scrub(text) {
    let scrubbed = text.replaceAll(this.#host, "<host>");
    for (const [value, name] of this.#known) scrubbed = scrubbed.replaceAll(value, name);
    return scrubbed.replace(/\b1[6-9]\d{11}\b/g, "<time>");
  }
}

/** A response as it is compared. */
export function response({ error, status, headers, body }, names) {
  if (error) return { error };
  const kept = {};
  for (const [name, value] of headers) {
    if (name === "connection") {
      if (/close/i.test(value) && status !== 101) kept.connection = "close";
    } else if (name === "sec-websocket-extensions") {
      // The order of its parameters says nothing.
      const [extension, ...parameters] = value.split(/;\s*/);
      kept[name] = [extension, ...parameters.sort()].join("; ");
    } else if (HEADERS.test(name)) {
      kept[name] = name in kept ? `${kept[name]}, ${value}` : value;
    }
  }
  const sorted = Object.fromEntries(Object.entries(kept).sort(([one], [other]) => (one < other ? -1 : 1)));
  return { status, headers: JSON.parse(names.scrub(JSON.stringify(sorted))), body: shorten(names.scrub(opened(body.toString()))) };
}

/** An OPEN packet with its members in order. */
function opened(text) {
  if (!text.startsWith("0{")) return text;
  try {
    const open = JSON.parse(text.slice(1));
    return `0${JSON.stringify({ ...open, sid: open.sid })}`;
  } catch {
    return text;
  }
}

/** A long text, by its start, length and digest. */
export function shorten(text) {
  if (text.length <= SHOWN_CHARS) return text;
  return `${text.slice(0, 80)}… ${text.length} characters ${createHash("sha1").update(text).digest("hex").slice(0, 12)}`;
}

/** Reads one session's packets: what each says, with attachments in place. */
export class Reader {
  #awaiting = null;
  #joins = 0;
  /** The ids of acknowledgements that the server wants, in order. */
  questions = [];

  /** The offset that came with the last event, where connections can be recovered; volatile ones bring none. */
  offset = undefined;

  /** `unpack` reads binary messages of another parser; `offsets` tells that events end with an offset. */
  constructor(client, names, { unpack = null, offsets = false } = {}) {
    this.client = client;
    this.names = names;
    this.unpack = unpack;
    this.offsets = offsets;
  }

  /** What a packet says, or null for one that is only a part. */
  read(packet) {
    if (typeof packet !== "string") return this.#binary(packet);
    if (packet[0] !== "4") return this.#shown(packet.startsWith("0{") ? this.#open(packet) : packet);
    const found = /^4([0-6])(?:(\d+)-)?(\/[^,]*)?,?(\d+)?(.*)$/s.exec(packet);
    if (!found) return this.#shown(packet);
    const [, type, attachments, nsp = "/", id, json] = found;
    let data;
    try {
      data = json === "" ? undefined : JSON.parse(json);
    } catch {
      return this.#shown(`BROKEN ${packet}`);
    }
    const said = { type: Number(type), nsp, id: id === undefined ? undefined : Number(id), data };
    if (type !== "5" && type !== "6") return this.#say(said);
    this.#awaiting = { said, count: Number(attachments), attachments: [] };
    return this.#complete();
  }

  #binary(bytes) {
    if (this.unpack) {
      const said = this.unpack(bytes);
      return said ? this.#say(said) : this.#shown(`BINARY ${bytes.toString("base64")}`);
    }
    if (!this.#awaiting) return this.#shown(`STRAY BINARY ${bytes.toString("base64")}`);
    this.#awaiting.attachments.push(bytes);
    return this.#complete();
  }

  #complete() {
    const { said, count, attachments } = this.#awaiting;
    if (attachments.length < count) return null;
    this.#awaiting = null;
    const fill = (value) => {
      if (Array.isArray(value)) return value.map(fill);
      if (value === null || typeof value !== "object") return value;
      if (value._placeholder === true) return { "<binary>": (attachments[value.num] ?? "none").toString("base64") };
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
    };
    return this.#say({ ...said, data: fill(said.data) });
  }

  #say({ type, nsp, id, data }) {
    if (type === 0) {
      this.#joins += 1;
      this.names.add(data?.sid, `id ${this.client}.${this.#joins}`);
      if (data?.pid) this.pid = data.pid;
      this.names.add(data?.pid, `pid ${this.client}.${this.#joins}`);
    }
    let shownId = id === undefined ? "" : ` #${id}`;
    if (type === 2 || type === 5) {
      if (id !== undefined) {
        this.questions.push({ nsp, id });
        shownId = ` #question ${this.questions.length}`;
      } else if (this.offsets && Array.isArray(data) && typeof data.at(-1) === "string" && data[0] !== "volatile") {
        this.offset = data.at(-1);
        this.names.add(this.offset, "offset");
        data = [...data.slice(0, -1), "<offset>"];
      }
    }
    return this.#shown(`${TYPES[type]} ${nsp}${shownId} ${data === undefined ? "" : stringify(data)}`.trim());
  }

  #open(packet) {
    try {
      this.names.add(JSON.parse(packet.slice(1)).sid, `sid ${this.client}`);
    } catch {
      return packet;
    }
    return opened(packet);
  }

  #shown(text) {
    return shorten(this.names.scrub(text));
  }
}

/** JSON of any depth, the members of objects in alphabetical order. */
function stringify(value) {
  try {
    return JSON.stringify(value, (_, inner) => {
      if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
      if (inner instanceof ArrayBuffer) return { "<binary>": Buffer.from(inner).toString("base64") };
      if (inner.type === "Buffer" && Array.isArray(inner.data)) return { "<binary>": Buffer.from(inner.data).toString("base64") };
      return Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)));
    });
  } catch (error) {
    return `JSON too deep to show: ${error.name}`;
  }
}

/** What kind of difference it is: which parts of which sort of observation. Shrinking keeps to it. */
export function shape({ reference = {}, holdfast = {} }, op) {
  const parts = [...new Set([...Object.keys(reference), ...Object.keys(holdfast)])].sort();
  return [op, ...parts.filter((part) => JSON.stringify(reference[part]) !== JSON.stringify(holdfast[part]))].join(" ");
}

/** The first step in which two traces differ: { step, reference, holdfast }, or null. */
export function difference(reference, holdfast, from = 0) {
  for (let step = from; step < Math.max(reference.length, holdfast.length); step += 1) {
    if (JSON.stringify(reference[step]) !== JSON.stringify(holdfast[step])) {
      return { step, reference: reference[step], holdfast: holdfast[step] };
    }
  }
  return null;
}
