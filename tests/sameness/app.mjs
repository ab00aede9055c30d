// The app of the table, written against the API of socket.io: run on the reference server (see servers.mjs),
// and by `holdfast run`, where `socket.io` is Holdfast's package. `rust/` is the same app with holdfast-sdk.
//
// A client asks for a call of the API by the event `act`: its name, and what it takes. What a handler sees is
// told to the client, so that it is part of the trace.

import { Server } from "socket.io";
import process from "node:process";

const RECOVERY = process.env.SAMENESS_RECOVERY === "1";

const io = new Server({
  ...(RECOVERY && { connectionStateRecovery: { maxDisconnectionDuration: 60_000, skipMiddlewares: true } }),
  cleanupEmptyChildNamespaces: true,
  allowRequest: (request, decide) => {
    const query = queryOf(request);
    // An answer that takes a while, as of a database.
    setTimeout(() => decide(query.get("deny"), !query.has("deny")), 5);
  },
});

const queryOf = (request) => new URL(request.url, "http://x").searchParams;
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const denials = [];
// ------------------------------------------------------------------ what every namespace has

/** An audience, or the socket itself: where it begins, and steps of the API after it. */
function chained(socket, [start, ...steps]) {
  let target = { socket, io, nsp: socket.nsp }[start];
  for (const step of steps) {
    const [name, ...args] = Array.isArray(step) ? step : [step];
    target = typeof target[name] === "function" ? target[name](...args) : target[name];
  }
  return target;
}

const details = ({ id, rooms, data }) => ({ id, rooms: [...rooms], data });
const failure = (error) => ({ error: error.message, responses: error.responses });

const IGNORED_QUERY = ["EIO", "transport", "t", "sid", "b64"];

const ACTS = {
  who: (socket) => ({
    id: socket.id,
    namespace: socket.nsp.name,
    rooms: [...socket.rooms],
    connected: socket.connected,
    recovered: socket.recovered,
    data: socket.data,
  }),
  handshake: ({ handshake }) => ({
    auth: handshake.auth,
    query: Object.fromEntries(Object.entries(handshake.query).filter(([name]) => !IGNORED_QUERY.includes(name))),
    headers: Object.fromEntries(Object.entries(handshake.headers).filter(([name]) => name.startsWith("x-"))),
    path: handshake.url.split("?")[0],
    address: handshake.address.replace("::ffff:", ""),
    secure: handshake.secure,
    xdomain: handshake.xdomain,
    issuedLately: Math.abs(Date.now() - handshake.issued) < 60_000,
  }),
  setData: (socket, data) => void Object.assign(socket.data, data),
  // rooms
  join: (socket, rooms) => (socket.join(rooms), [...socket.rooms]),
  leave: (socket, room) => (socket.leave(room), [...socket.rooms]),
  // messages
  emit: (socket, chain, ...args) => void chained(socket, chain).emit(...args),
  send: (socket, chain, ...args) => void chained(socket, chain).send(...args),
  write: (socket, chain, ...args) => void chained(socket, chain).write(...args),
  many: (socket, list) => list.forEach(([chain, ...args]) => chained(socket, chain).emit(...args)),
  twice: (socket, room, other) => {
    const to = io.of(socket.nsp.name).to(room);
    to.to(other).emit("both");
    to.except(socket.id).emit("others");
    to.emit("one");
  },
  ask: (socket, chain, ...args) =>
    new Promise((resolve) => {
      const isUntimed = chain.every((step) => step[0] !== "timeout");
      chained(socket, chain).emit(...args, (...answer) => {
        if (isUntimed) return resolve(answer);
        resolve([answer[0]?.message ?? null, ...answer.slice(1)]);
      });
    }),
  askAsync: (socket, chain, ...args) => chained(socket, chain).emitWithAck(...args).catch(failure),
  reserved: (socket, chain, name) => {
    try {
      chained(socket, chain).emit(name);
      return "emitted";
    } catch (error) {
      return error.message;
    }
  },
  // audiences
  fetch: async (socket, chain) => (await chained(socket, chain).fetchSockets()).map(details),
  ids: async (socket, chain) => (await chained(socket, chain).fetchSockets()).map(({ id }) => id),
  socketsJoin: (socket, chain, rooms) => void chained(socket, chain).socketsJoin(rooms),
  socketsLeave: (socket, chain, rooms) => void chained(socket, chain).socketsLeave(rooms),
  disconnectSockets: (socket, chain, close) => void chained(socket, chain).disconnectSockets(close),
  remote: async (socket, id, action, ...args) => {
    const [remote] = await io.of(socket.nsp.name).in(id).fetchSockets();
    if (!remote) return "nobody";
    if (action === "handshake") return remote.handshake.auth;
    if (action === "ask") return remote.timeout(1000).emitWithAck(...args).catch(failure);
    remote[action](...args);
  },
  // going
  disconnect: (socket, close) => void socket.disconnect(close),
  disconnectAndEmit: (socket) => {
    socket.disconnect();
    socket.emit("too late");
    socket.join("too late");
    return [socket.connected, [...socket.rooms]];
  },
  watch: (socket) => void socket.join("watchers"),
  // time
  timeouts: async () => {
    const order = [];
    setTimeout(() => order.push("second"), 20);
    setTimeout(() => order.push("first"), 5);
    clearTimeout(setTimeout(() => order.push("never"), 10));
    await later(60);
    return order;
  },
  interval: () =>
    new Promise((resolve) => {
      let count = 0;
      const timer = setInterval(() => {
        count += 1;
        if (count === 3) clearInterval(timer);
      }, 5);
      setTimeout(() => resolve(count), 100);
    }),
  // the server
  denials: (socket, mark) => denials.filter((denial) => denial.mark === mark),
  serverSide: (socket) => {
    io.serverSideEmit("noted", 1);
    return notes.length;
  },
  namespaces: (socket, prefix) => namespaces.filter((name) => name.startsWith(prefix)),
};

const notes = [];
io.on("noted", (...args) => notes.push(args));

function common(socket) {
  socket.on("sync", (reply) => reply());
  socket.on("act", async (name, ...rest) => {
    const reply = typeof rest.at(-1) === "function" ? rest.pop() : () => {};
    reply((await ACTS[name](socket, ...rest)) ?? null);
  });
  const tell = (what) => (reason) => {
    const { id, connected, rooms } = socket;
    socket.nsp.to("watchers").emit(what, { id, reason, connected, rooms: [...rooms] });
  };
  socket.on("disconnecting", tell("leaving"));
  socket.on("disconnect", tell("left"));
}

// ------------------------------------------------------------------ namespaces

io.on("connection", common);
io.on("connect", (socket) => socket.emit("welcome", socket.id, socket.nsp.name));

// Named without a slash.
io.of("plain").on("connection", common);

io.of("/late").on("connection", async (socket) => {
  common(socket);
  socket.emit("at once", 1);
  socket.emit("at once", 2);
  await later(20);
  socket.emit("after a while");
});

io.of("/kick").on("connection", (socket) => {
  socket.emit("welcome");
  socket.disconnect(socket.handshake.auth.close === true);
});

/** What a value is, for a handler. */
function kind(value) {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `binary ${value.length}`;
  if (Array.isArray(value)) return value.map(kind);
  if (typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, kind(inner)]));
  return typeof value;
}

io.of("/events").on("connection", (socket) => {
  common(socket);
  socket.on("kinds", (...args) => {
    const reply = args.pop();
    reply(args.map(kind));
  });
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("echo back", (...args) => args.pop()(...args));
  socket.on("to all", (...args) => io.of("/events").emit("to all", ...args));
  socket.on("count", (...args) => socket.emit("count", args.length));
  socket.on("message", (...args) => socket.send(...args));
  socket.on("7", (...args) => socket.emit("seven", ...args));
  for (const place of [1, 2, 3]) socket.on("several", (...args) => socket.emit("several", place, ...args));
  socket.once("once", (...args) => socket.emit("once", ...args));
  const first = () => socket.emit("removed", 1);
  socket.on("removed", first);
  socket.on("removed", () => socket.emit("removed", 2));
  socket.on("remove one", (reply) => (socket.off("removed", first), reply()));
  socket.on("remove all", (reply) => (socket.removeAllListeners("removed"), reply()));
  socket.on("growing", () => {
    socket.on("growing", () => socket.emit("growing", "new"));
    socket.emit("growing", "old");
  });
  socket.on("shrinking", () => {
    socket.emit("shrinking");
    socket.removeAllListeners("shrinking");
  });
  const numbers = [];
  socket.on("number", (number) => numbers.push(number));
  socket.on("numbers", (reply) => reply(numbers));
  socket.on("length", (text, reply) => reply(text.length));
  socket.on("answer nothing", (reply) => reply());
  socket.on("answer one", (reply) => reply("one"));
  socket.on("answer many", (reply) => reply("one", { two: 2 }, [3], null));
  socket.on("answer twice", (reply) => (reply("first"), reply("second")));
  socket.on("answer both", (reply) => reply("first listener"));
  socket.on("answer both", (reply) => reply("second listener"));
  socket.on("answer never", () => {});
  socket.on("answer late", (ms, reply) => setTimeout(() => reply(ms), ms));
  socket.on("answer gone", (reply) => (socket.disconnect(), reply("gone")));
  socket.on("answer wanted", (value, reply) => socket.emit("wanted", value, typeof reply === "function"));
  socket.on("slow", async (ms) => {
    await later(ms);
    socket.emit("slow", ms);
  });
  socket.on("steps", async (reply) => {
    const steps = [];
    for (const step of [1, 2, 3]) {
      await later(2);
      steps.push(step);
    }
    reply(steps);
  });
  socket.on("typed", ({ name, tags }, [x, y], reply) => reply(`${name} ${tags.join("+")} ${x + y}`));
  socket.on("optional", (a, b) => socket.emit("optional", a ?? "no a", b ?? "no b"));
});

io.of("/any").on("connection", (socket) => {
  common(socket);
  const log = [];
  const note = (what) => (event, ...args) => log.push([what, event, args.filter((arg) => typeof arg !== "function").length]);
  const one = note("any");
  const out = note("out");
  socket.onAny(one);
  socket.onAnyOutgoing(out);
  const answering = (act) => (...args) => (act(), args.at(-1)());
  socket.on("heard", answering(() => log.push(["listener"])));
  socket.use((packet, next) => (log.push(["middleware"]), next()));
  socket.on("prepend", answering(() => (socket.prependAny(note("before any")), socket.prependAnyOutgoing(note("before out")))));
  socket.on("second", answering(() => (socket.onAny(note("second any")), socket.onAnyOutgoing(note("second out")))));
  socket.on("off one", answering(() => (socket.offAny(one), socket.offAnyOutgoing(out))));
  socket.on("off all", answering(() => (socket.offAny(), socket.offAnyOutgoing())));
  socket.on("out", answering(() => socket.emit("out", 1, 2)));
  socket.on("out to all", answering(() => io.of("/any").emit("out to all", 1)));
  socket.on("out to others", answering(() => socket.broadcast.emit("out to others")));
  socket.on("answered", (reply) => reply(1));
  socket.on("log", (reply) => reply(log));
  socket.on("counts", (reply) => reply([socket.listenersAny().length, socket.listenersAnyOutgoing().length]));
});

io.of("/packets").on("connection", (socket) => {
  common(socket);
  const log = [];
  socket.use(([event, ...args], next) => {
    log.push(["first", event, args.filter((arg) => typeof arg !== "function")]);
    if (event === "refused") return next(new Error("not this"));
    if (event === "refused with data") return next(Object.assign(new Error("not this"), { data: { code: 7 } }));
    next();
  });
  socket.use(([event], next) => {
    log.push(["second", event]);
    next();
  });
  socket.use(([event], next) => (event === "waits" ? setTimeout(next, 20) : next()));
  socket.use((packet, next) => {
    if (packet[0] === "changed") packet[1] = "by a middleware";
    next();
  });
  socket.on("error", (error) => socket.emit("refusal", error.message, error.data ?? null));
  for (const event of ["let through", "refused", "refused with data", "waits", "changed"]) {
    socket.on(event, (...args) => socket.emit("heard", event, ...args.filter((arg) => typeof arg !== "function")));
  }
  socket.on("log", (reply) => reply(log));
});

// ------------------------------------------------------------------ who may come in

const asked = new Map();
const noteAsked = (socket, what) => {
  const { run } = socket.handshake.auth;
  asked.set(run, [...(asked.get(run) ?? []), what]);
};
ACTS.asked = (socket, run) => asked.get(run) ?? [];

const gate = io.of("/gate");
gate.use((socket, next) => {
  noteAsked(socket, "first");
  const { refuse } = socket.handshake.auth;
  if (refuse === "plain") return next(new Error("not you"));
  if (refuse === "data") return next(Object.assign(new Error("not you"), { data: { code: 401, why: ["a", null] } }));
  if (refuse === "empty") return next(new Error(""));
  socket.data.first = refuse ?? "nobody";
  next();
});
gate.use((socket, next) => {
  noteAsked(socket, "second");
  if (socket.handshake.auth.refuse === "second") return next(new Error("not by the second"));
  socket.data.second = socket.data.first;
  next();
});
gate.on("connection", (socket) => {
  noteAsked(socket, "connection");
  common(socket);
  socket.emit("welcome", socket.data);
});

const waiting = io.of("/waiting");
waiting.use((socket, next) => setTimeout(next, 20, socket.handshake.auth.refuse ? new Error("after a while") : undefined));
waiting.on("connection", (socket) => {
  common(socket);
  socket.emit("welcome");
});

// ------------------------------------------------------------------ dynamic namespaces

const namespaces = [];
io.on("new_namespace", (namespace) => namespaces.push(namespace.name));

const teams = io.of(/^\/team-\d+$/);
teams.use((socket, next) => next(socket.handshake.auth.banned ? new Error("banned") : undefined));
teams.on("connection", (socket) => {
  common(socket);
  socket.emit("welcome", socket.nsp.name);
  socket.on("to team", (...args) => socket.nsp.emit("to team", ...args));
  socket.on("to teams", (...args) => teams.emit("to teams", ...args));
});

io.of((name, auth, next) => next(null, name.startsWith("/tenant/") && auth.token === name.slice(8))).on("connection", (socket) => {
  common(socket);
  socket.emit("welcome", socket.nsp.name);
});

ACTS.emitInto = (socket, name, ...args) => void io.of(name).emit(...args);

// ------------------------------------------------------------------ rooms that come and go

const roomEvents = [];
const watched = io.of("/watched");
for (const event of ["create-room", "join-room", "leave-room", "delete-room"]) {
  watched.adapter.on(event, (room, id) => roomEvents.push([event, room, id ?? null]));
}
ACTS.roomEvents = (socket, rooms) => roomEvents.filter(([, room]) => rooms.includes(room));
watched.on("connection", common);

// ------------------------------------------------------------------ serving

if (process.env.PORT) io.listen(Number(process.env.PORT));

io.engine.on("initial_headers", (headers, request) => {
  if (queryOf(request).has("initial")) headers["x-initial"] = queryOf(request).get("initial");
});
io.engine.on("headers", (headers, request) => {
  if (queryOf(request).has("every")) headers["x-every"] = queryOf(request).get("every");
});
io.engine.on("connection_error", ({ req, code, message, context }) => {
  denials.push({ code, message, name: context?.name ?? null, mark: req ? queryOf(req).get("mark") : null });
});
