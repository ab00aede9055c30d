// The demo app on the reference server, socket.io on Node: what guest/apps/demo does, as the tests need it.
//
// Used by reference.mjs and by differential/reference.mjs. It trusts nothing about arguments that a client
// chooses, because the differential test sends any.

const PASSWORD = "open sesame";
const HISTORY_MAX = 50;

/** Attaches all handlers to a server. */
export function attach(io) {
  io.on("connection", main(io));
  io.of("/echo").on("connection", everything);
  io.of("/admin").use((socket, next) => {
    if (socket.handshake.auth?.token === PASSWORD) return next();
    next(Object.assign(new Error("not authorized"), { data: { hint: "auth.token is two words from a tale" } }));
  });
  io.of("/admin").on("connection", (socket) => {
    socket.on("echo", echo(socket));
    socket.on("whoami", whoami(socket));
    socket.on("sockets", (...args) => acknowledgement(args)([...io.of("/").sockets.keys()]));
  });
}

/** The connection listener of `/` and of what is like it. */
export function main(io) {
  const rooms = new Map(); // room -> { members: Map<socket id, nick>, history: [] }
  const roomOf = (name) => {
    if (!rooms.has(name)) rooms.set(name, { members: new Map(), history: [] });
    return rooms.get(name);
  };
  const channel = (room) => `chat:${room}`;
  const tellMembers = (room) => io.to(channel(room)).emit("chat:members", { room, members: [...roomOf(room).members.values()] });

  return (socket) => {
    socket.on("echo", echo(socket));
    socket.on("message", (...args) => socket.send(...plain(args)));
    socket.on("ask", (...args) => {
      const answer = acknowledgement(args);
      socket.timeout(1000).emit("question", ...args, (error, ...given) => (error ? answer("timeout") : answer(null, ...given)));
    });
    socket.on("whoami", whoami(socket));
    socket.on("time", (...args) => acknowledgement(args)(Date.now()));
    socket.on("after", (ms, ...args) => typeof ms === "number" && setTimeout(acknowledgement(args), ms, ms));
    socket.on("disconnect-me", (whole) => socket.disconnect(whole === true));

    socket.on("room:join", inRoom((room, answer) => (socket.join(room), answer())));
    socket.on("room:leave", inRoom((room, answer) => (socket.leave(room), answer())));
    socket.on("room:emit", inRoom((room, _, ...args) => io.to(room).emit("room", room, ...args)));
    socket.on("broadcast", (...args) => socket.broadcast.emit("broadcast", ...plain(args)));
    socket.on("all", (...args) => io.emit("all", ...plain(args)));
    socket.on("except", inRoom((room, _, ...args) => io.except(room).emit("except", ...args)));
    socket.on("volatile", (...args) => socket.volatile.emit("volatile", ...plain(args)));

    socket.on("chat:join", (room, nick, answer) => {
      socket.join(channel(room));
      roomOf(room).members.set(socket.id, nick);
      tellMembers(room);
      answer({ ok: true, room, members: [...roomOf(room).members.values()], history: roomOf(room).history });
    });
    socket.on("chat:leave", (room, answer) => {
      socket.leave(channel(room));
      const left = roomOf(room).members.delete(socket.id);
      if (left) tellMembers(room);
      answer?.(left ? { ok: true } : { ok: false, error: "you are not in that room" });
    });
    socket.on("chat:message", (room, text, answer) => {
      const nick = rooms.get(room)?.members.get(socket.id);
      if (nick === undefined) return answer({ ok: false, error: "join the room first" });
      const message = { room, nick, text, at: Date.now() };
      roomOf(room).history = [...roomOf(room).history, message].slice(-HISTORY_MAX);
      io.to(channel(room)).emit("chat:message", message);
      answer({ ok: true });
    });
    socket.on("disconnect", () => {
      for (const [room, { members }] of rooms) if (members.delete(socket.id)) tellMembers(room);
    });
  };
}

/** Answers with what came: by the acknowledgement when one is asked for, else by an event. */
export function echo(socket) {
  return (...args) => {
    const answer = typeof args.at(-1) === "function" ? args.pop() : null;
    if (answer) answer(...args);
    else socket.emit("echo", ...args);
  };
}

/** `echo`, and every other event comes back under its own name. */
function everything(socket) {
  socket.on("echo", echo(socket));
  socket.onAny((event, ...args) => {
    if (event !== "echo") socket.emit(event, ...plain(args));
  });
}

function whoami(socket) {
  return (...args) => {
    const { headers, query, address, auth } = socket.handshake;
    acknowledgement(args)({ id: socket.id, namespace: socket.nsp.name, rooms: [...socket.rooms], address, auth, query, headers });
  };
}

/** Takes the acknowledgement off the end of the arguments; if none is asked for, it does nothing. */
function acknowledgement(args) {
  return typeof args.at(-1) === "function" ? args.pop() : () => {};
}

/** The arguments without an acknowledgement. */
function plain(args) {
  return args.filter((value) => typeof value !== "function");
}

/** A handler whose first argument is a room, and which is told the acknowledgement second. */
function inRoom(run) {
  return (room, ...args) => {
    if (typeof room === "string") run(room, acknowledgement(args), ...args);
  };
}
