// Rooms: joining, leaving, who is in one, and messages to those who are.

import { Server } from "holdfast";

const ROOMS_MAX = 20;
const NAME = /^[a-z0-9-]{1,40}$/;

type Answer = { ok: true } | { error: string };

interface ClientToServerEvents {
  join: (room: string, answer: (result: Answer) => void) => void;
  leave: (room: string, answer: (result: Answer) => void) => void;
  rooms: (answer: (rooms: string[]) => void) => void;
  members: (room: string, answer: (ids: string[]) => void) => void;
  message: (room: string, text: string, answer: (result: Answer) => void) => void;
  "message except": (room: string, except: string, text: string) => void;
}

interface ServerToClientEvents {
  joined: (room: string, id: string) => void;
  left: (room: string, id: string) => void;
  message: (room: string, id: string, text: string) => void;
}

const io = new Server<ClientToServerEvents, ServerToClientEvents>();

io.on("connection", (socket) => {
  /** The rooms that the client chose: all but the one of its own id. */
  const chosen = () => [...socket.rooms].filter((room) => room !== socket.id);

  socket.on("join", (room, answer) => {
    if (!NAME.test(room)) return answer({ error: "a room is called by a–z, 0–9 and -" });
    if (chosen().length >= ROOMS_MAX) return answer({ error: `${ROOMS_MAX} rooms are the limit` });
    if (!socket.rooms.has(room)) {
      socket.join(room);
      socket.to(room).emit("joined", room, socket.id);
    }
    answer({ ok: true });
  });

  socket.on("leave", (room, answer) => {
    if (!chosen().includes(room)) return answer({ error: "you are not there" });
    socket.leave(room);
    socket.to(room).emit("left", room, socket.id);
    answer({ ok: true });
  });

  socket.on("rooms", (answer) => answer(chosen()));

  socket.on("members", async (room, answer) => {
    const members = await io.in(room).fetchSockets();
    answer(members.map(({ id }) => id));
  });

  socket.on("message", (room, text, answer) => {
    if (!chosen().includes(room)) return answer({ error: "you are not there" });
    io.to(room).emit("message", room, socket.id, text);
    answer({ ok: true });
  });

  socket.on("message except", (room, except, text) => {
    if (chosen().includes(room)) socket.to(room).except(except).emit("message", room, socket.id, text);
  });

  // While it is disconnecting a socket is still in its rooms.
  socket.on("disconnecting", () => {
    for (const room of chosen()) socket.to(room).emit("left", room, socket.id);
  });
});
