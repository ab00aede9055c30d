// The handlers. Save, and they are live: `npm start` watches this file, and no client loses its connection.

import { Server } from "holdfast";

interface ClientToServerEvents {
  join: (room: string) => void;
  say: (room: string, text: string) => void;
  add: (a: number, b: number, answer: (sum: number) => void) => void;
}

interface ServerToClientEvents {
  said: (from: string, text: string) => void;
}

const io = new Server<ClientToServerEvents, ServerToClientEvents>();

io.on("connection", (socket) => {
  console.log(`${socket.id} is here`);

  socket.on("join", (room) => {
    socket.join(room);
  });

  // To everybody in the room, the sender too.
  socket.on("say", (room, text) => {
    io.to(room).emit("said", socket.id, text);
  });

  // The client's callback is the last parameter.
  socket.on("add", (a, b, answer) => {
    answer(a + b);
  });
});
