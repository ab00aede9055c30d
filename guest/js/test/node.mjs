// A node for the tests of lib/api: a mock of the bridge N that records every order, and a model of what the host and the
// protocol guest do with them (sessions, rooms, audiences, acknowledgements, timers in virtual time). Used by
// api*.test.mjs.

import { api, boot } from "../lib/boot.js";

export const { Server, Namespace, Socket } = api;

class Client {
  constructor(world, h, id, namespace) {
    Object.assign(this, { world, h, id, namespace, received: [], replies: new Map(), answers: new Map(), asks: 0 });
    this.state = "connecting";
    this.rooms = new Set();
    this.data = {};
    this.session = 1000 + h;
  }

  // Sends a message; a function at the end takes the acknowledgement.
  async emit(...data) {
    let ack;
    if (typeof data.at(-1) === "function") {
      ack = this.asks++;
      this.answers.set(ack, data.pop());
    }
    const attachments = [];
    const json = JSON.stringify(data, function (key) {
      const value = this[key];
      if (!ArrayBuffer.isView(value)) return value;
      attachments.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      return { _placeholder: true, num: attachments.length - 1 };
    });
    this.world.call("message", this.h, JSON.parse(json), attachments.length > 0 ? attachments : undefined, ack);
    await this.world.settle();
  }

  // Answers a message of the server: with a function of its arguments, or with values.
  answer(event, fn) {
    this.replies.set(event, fn);
    return this;
  }

  async ack(number, ...args) {
    this.world.call("acked", this.h, number, args, undefined);
    await this.world.settle();
  }

  // The messages it got, by name.
  got(event) {
    return this.received.filter(([name]) => name === event).map(([, ...args]) => args);
  }

  async leave(reason = "transport close") {
    this.world.remove(this, reason);
    await this.world.settle();
  }
}

// The unhandled rejections while a function runs, which the engine logs.
export async function rejections(fn) {
  const usual = process.listeners("unhandledRejection");
  const reasons = [];
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => reasons.push(reason.message));
  try {
    await fn();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of usual) process.on("unhandledRejection", listener);
  }
  return reasons;
}

export class World {
  // `script(io)` is the app. `context` is what the host says at the start; `remote`, sockets of other instances.
  constructor(script, { opts, ...context } = {}) {
    this.orders = [];
    this.logs = [];
    this.clients = [];
    this.remote = [];
    this.queue = [];
    this.timers = new Map();
    this.now = 1_700_000_000_000;
    this.errors = [];
    let number = 1_000_000;
    let timer = 0;
    const known = {
      number: () => number++,
      now: () => this.now,
      log: (level, text) => this.logs.push([level, text]),
      utf8Encode: (text) => new TextEncoder().encode(text),
    };
    const N = new Proxy(known, {
      get: (target, name) =>
        target[name] ??
        ((...args) => {
          this.orders.push([name, ...args]);
          this[name]?.(...args);
        }),
    });
    const install = () => ({
      setTimeout: (call, ms) => {
        this.timers.set(++timer, { at: this.now + (ms > 0 ? ms : 1), call });
        return timer;
      },
      clearTimeout: (id) => this.timers.delete(id),
    });
    this.H = boot(N, install);
    this.H.start({ name: "test", env: {}, shards: 1, instances: 1, place: 0, ...context });
    this.shards = context.shards ?? 1;
    this.io = opts === null ? undefined : new Server(opts);
    script?.(this.io, this);
    this.manifest = this.H.manifest();
  }

  // Calls a hook as the engine does: what it throws is kept, and costs that event only.
  call(name, ...args) {
    try {
      this.H[name](...args);
    } catch (error) {
      this.errors.push(error);
    }
  }

  // Lets promises go on, and answers orders, until nothing happens any more.
  async settle() {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.queue.shift();
      if (next === undefined) return;
      this.call(...next);
    }
  }

  async pass(ms) {
    await this.settle();
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.now = due[1].at;
      try {
        due[1].call();
      } catch (error) {
        this.errors.push(error);
      }
      await this.settle();
    }
    this.now = end;
    await this.settle();
  }

  handshake({ headers = {}, query = {}, auth = {}, ...rest } = {}) {
    return {
      headers: [["host", "localhost"], ...(Array.isArray(headers) ? headers : Object.entries(headers))],
      query: [["EIO", "4"], ["transport", "polling"], ...(Array.isArray(query) ? query : Object.entries(query))],
      url: "/socket.io/?EIO=4&transport=polling",
      address: "127.0.0.1",
      secure: false,
      crossDomain: false,
      issuedMs: this.now,
      auth,
      ...rest,
    };
  }

  // A client asks to join a namespace.
  async connect(namespace = "/", { session, id, recovered, ...handshake } = {}) {
    const h = this.clients.length;
    const client = new Client(this, h, id ?? "id-" + h, namespace);
    if (session !== undefined) client.session = session;
    this.clients.push(client);
    const info = { id: client.id, namespace, recovered: recovered !== undefined, handshake: this.handshake(handshake) };
    info.session = client.session;
    if (recovered) client.rooms = new Set(recovered.rooms);
    this.call("connecting", h, info, recovered);
    await this.settle();
    return client;
  }

  // A socket that was there before the app began.
  async resume(namespace, { id, rooms, data = {}, ...handshake } = {}) {
    const h = this.clients.length;
    const client = new Client(this, h, id ?? "id-" + h, namespace);
    this.clients.push(client);
    client.state = "connected";
    client.rooms = new Set(rooms ?? [client.id]);
    this.call("resumed", h, { id: client.id, namespace, recovered: false, handshake: this.handshake(handshake) }, [...client.rooms], data);
    await this.settle();
    return client;
  }

  remove(client, reason) {
    if (client.state === "gone") return;
    client.state = "gone";
    this.queue.push(["disconnected", client.h, reason, [...client.rooms]]);
  }

  audience(ns, rooms, except) {
    return this.clients.filter(
      (client) =>
        client.state === "connected" &&
        client.namespace === ns &&
        (rooms.length === 0 || rooms.some((room) => client.rooms.has(room))) &&
        !except.some((room) => client.rooms.has(room)),
    );
  }

  deliver(client, json, attachments, ack) {
    const data = JSON.parse(json, (_, value) => (value?._placeholder ? attachments[value.num] : value));
    client.received.push(data);
    const reply = client.replies.get(data[0]);
    if (ack === undefined || reply === undefined) return;
    const args = typeof reply === "function" ? reply(...data.slice(1)) : reply;
    this.queue.push(["acked", client.h, ack, args, undefined]);
  }

  // ------------------------------------------------------------------ orders

  admit(h) {
    const client = this.clients[h];
    client.state = "connected";
    client.rooms.add(client.id);
  }

  refuse(h, message, data) {
    const client = this.clients[h];
    client.state = "refused";
    client.refusal = { message, ...(data === undefined ? {} : { data: JSON.parse(data) }) };
  }

  emit(h, json, attachments, flags, ack) {
    const client = this.clients[h];
    if (client.state === "gone") throw new Error("an order for a socket that is gone");
    this.deliver(client, json, attachments, ack);
  }

  reply(h, ack, json, attachments) {
    const client = this.clients[h];
    const args = JSON.parse(json, (_, value) => (value?._placeholder ? attachments[value.num] : value));
    client.answers.get(ack)(...args);
  }

  join(h, rooms) {
    for (const room of rooms) this.clients[h].rooms.add(room);
  }

  leave(h, rooms) {
    for (const room of rooms) this.clients[h].rooms.delete(room);
  }

  disconnect(h, close) {
    const { session } = this.clients[h];
    for (const client of close ? this.clients.filter((one) => one.session === session) : [this.clients[h]]) {
      if (client.state === "connected") this.remove(client, "server namespace disconnect");
    }
  }

  setData(h, json) {
    this.clients[h].data = JSON.parse(json);
  }

  broadcast(ns, rooms, except, json, attachments, flags, ack) {
    const receivers = this.audience(ns, rooms, except);
    for (const client of receivers) this.deliver(client, json, attachments, ack);
    if (ack === undefined) return;
    for (let shard = 0; shard < this.shards; shard++) {
      this.queue.push(["counted", ack, shard === 0 ? receivers.length : 0]);
    }
  }

  audienceJoin(ns, rooms, except, joined) {
    for (const client of this.audience(ns, rooms, except)) for (const room of joined) client.rooms.add(room);
  }

  audienceLeave(ns, rooms, except, left) {
    for (const client of this.audience(ns, rooms, except)) for (const room of left) client.rooms.delete(room);
  }

  audienceDisconnect(ns, rooms, except, local, close) {
    for (const client of this.audience(ns, rooms, except)) this.disconnect(client.h, close);
  }

  find(token, ns, rooms, except) {
    const own = this.audience(ns, rooms, except).map((client) => ({
      id: client.id,
      namespace: ns,
      rooms: [...client.rooms],
      data: client.data,
      handshake: this.handshake(),
    }));
    const others = this.remote.filter((one) => one.namespace === ns);
    this.queue.push(["found", token, own]);
    for (let shard = 1; shard < this.shards; shard++) this.queue.push(["found", token, shard === 1 ? others : []]);
  }

  // The names of the orders since the last time, or those of one name.
  take(name) {
    const taken = this.orders.splice(0);
    return name === undefined ? taken.map(([one]) => one) : taken.filter(([one]) => one === name);
  }
}
