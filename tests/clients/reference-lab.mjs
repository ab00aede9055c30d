// What guest/apps/demo has besides `/`, on the reference server: `/lab`, `/guarded`, the dynamic
// namespaces, and the gate before them. Called by reference.mjs.

const WATCHERS = { rooms: "watch:rooms", goodbye: "watch:goodbye" };
const FRIEND = "https://friend.example";
const REMEMBERED_MAX = 50;

/** Options of the server whose gate is shut: who may open a session, and what foreign pages may do. */
export const GATE = {
  allowRequest: (request, decide) => decide(queryOf(request).get("deny"), !queryOf(request).has("deny")),
  cors: (request, decide) => {
    if (queryOf(request).get("cors") === "refuse") return decide(new Error("no such luck"));
    if (request.headers.origin !== FRIEND) return decide(null, { origin: false });
    decide(null, { origin: FRIEND, credentials: true, methods: ["GET", "POST"] });
  },
};

/** Attaches `/lab`, `/guarded` and the dynamic namespaces; with `isGated` what the environment adds. */
export function attachLab(io, { echo, demo, isGated }) {
  const denials = isGated ? attachGate(io) : [];
  const lab = io.of("/lab");
  const namespaces = new Set();
  const notes = [];
  io.on("new_namespace", (namespace) => namespaces.add(namespace.name));
  if (isGated) {
    for (const event of ["create-room", "join-room", "leave-room", "delete-room"]) {
      lab.adapter.on(event, (room, id) => lab.to(WATCHERS.rooms).emit("rooms:event", event, room, id ?? null));
    }
  }
  lab.on("note", (text) => notes.push(text));
  lab.on("name", (answer) => answer(0));
  const attachDemo = demo(lab);
  lab.on("connection", (socket) => {
    attachDemo(socket);
    attachAudience(lab, socket);
    socket.on("server:emit", (...args) => lab.serverSideEmit("note", ...args));
    socket.on("server:notes", (answer) => answer(notes));
    socket.on("server:ask", (answer) => {
      lab.serverSideEmit("name", (error, answers) => answer(error?.message ?? null, answers, 0));
    });
    socket.on("rooms:watch", (answer) => (socket.join(WATCHERS.rooms), answer({ ok: isGated })));
    socket.on("goodbye:watch", (answer) => (socket.join(WATCHERS.goodbye), answer()));
    socket.on("disconnecting", (reason) => {
      socket.to(WATCHERS.goodbye).emit("goodbye", { id: socket.id, reason, rooms: [...socket.rooms] });
    });
    socket.on("data:set", (value, answer) => {
      socket.data = { value };
      answer();
    });
    socket.on("data:get", (answer) => {
      answer({ id: socket.id, recovered: socket.recovered, rooms: [...socket.rooms], data: socket.data });
    });
    socket.on("namespaces", (answer) => answer([...namespaces]));
    socket.on("denials", (answer) => answer(denials));
  });
  attachGuarded(io, echo);
  attachFamily(io.of(/^\/dynamic-\d+$/), echo);
  attachFamily(
    io.of((name, auth, next) => next(null, name.startsWith("/tenant/") && auth?.token === name.slice("/tenant/".length))),
    echo,
  );
}

function attachGate(io) {
  const denials = [];
  io.engine.on("initial_headers", (headers, request) => {
    if (queryOf(request).has("initial")) headers["x-initial"] = queryOf(request).get("initial");
  });
  io.engine.on("headers", (headers, request) => {
    if (queryOf(request).has("every")) headers["x-every"] = queryOf(request).get("every");
  });
  io.engine.on("connection_error", ({ req, code, message, context }) => {
    denials.push({ code, message, context: context ?? {}, mark: req ? queryOf(req).get("mark") : null });
    denials.splice(0, denials.length - REMEMBERED_MAX);
  });
  return denials;
}

function attachAudience(lab, socket) {
  const of = ({ others, to = [], except = [], local, volatile, compress, timeout }) => {
    let audience = others ? socket.to(to) : lab.to(to);
    audience = audience.except(except);
    if (local) audience = audience.local;
    if (volatile) audience = audience.volatile;
    if (compress !== undefined) audience = audience.compress(compress);
    return timeout === undefined ? audience : audience.timeout(timeout);
  };
  socket.on("tell", (audience, event, ...args) => of(audience).emit(event, ...args));
  socket.on("ask-all", (audience, ...args) => {
    const answer = args.pop();
    of(audience).emit("question", ...args, (error, answers) => answer(error?.message ?? null, answers));
  });
  socket.on("ask-one", async (id, timeout, ...args) => {
    const answer = args.pop();
    const [remote] = await lab.to(id).fetchSockets();
    if (!remote) return answer("nobody");
    remote.timeout(timeout).emit("question", ...args, (error, given) => (error ? answer(error.message) : answer(null, given)));
  });
  socket.on("sockets:fetch", async (audience, answer) => {
    const sockets = await of(audience).fetchSockets();
    answer(sockets.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, query: handshake.query.name ?? null })));
  });
  socket.on("sockets:join", (audience, rooms, answer) => (of(audience).socketsJoin(rooms), answer()));
  socket.on("sockets:leave", (audience, rooms, answer) => (of(audience).socketsLeave(rooms), answer()));
  socket.on("sockets:disconnect", (audience, whole, answer) => (of(audience).disconnectSockets(whole), answer()));
}

function attachGuarded(io, echo) {
  io.of("/guarded").on("connection", (socket) => {
    const notes = [];
    const note = (what) => (event) => void notes.push(`${what} ${event}`);
    socket.onAny(note("in"));
    socket.onAnyOutgoing(note("out"));
    socket.use(([event], next) => {
      if (event !== "blocked") return next();
      next(Object.assign(new Error("not allowed"), { data: { event } }));
    });
    socket.on("error", (error) => socket.emit("rejected", error.message, error.data));
    socket.on("echo", echo(socket));
    socket.on("blocked", (answer) => answer?.("never"));
    socket.on("notes", (answer) => answer(notes));
    socket.on("notes:first", (answer) => {
      socket.prependAny(note("first in"));
      socket.prependAnyOutgoing(note("first out"));
      answer();
    });
    socket.on("notes:stop", (answer) => (socket.offAny().offAnyOutgoing(), answer()));
  });
}

function attachFamily(family, echo) {
  family.use((socket, next) => next(socket.handshake.auth.banned === true ? new Error("banned") : undefined));
  family.on("connection", (socket) => {
    socket.on("echo", echo(socket));
    socket.on("whoami", (answer) => answer({ id: socket.id, namespace: socket.nsp.name }));
    socket.on("all", (...args) => socket.nsp.emit("all", ...args));
    socket.on("family", (...args) => family.emit("family", ...args));
  });
}

function queryOf(request) {
  return new URL(request.url, "http://localhost").searchParams;
}
