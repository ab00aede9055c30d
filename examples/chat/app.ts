// A chat room, as in Socket.IO's example: names, messages to everybody else, who is typing, who is online.
// The front end of that example works with it.

import { Server, type Socket } from "holdfast";

const NAME_LENGTH_MAX = 40;
const MESSAGE_LENGTH_MAX = 2_000;

interface ClientToServerEvents {
  "add user": (username: string) => void;
  "new message": (message: string) => void;
  typing: () => void;
  "stop typing": () => void;
  users: (answer: (names: string[]) => void) => void;
}

interface ServerToClientEvents {
  login: (room: { numUsers: number }) => void;
  "user joined": (user: { username: string; numUsers: number }) => void;
  "user left": (user: { username: string; numUsers: number }) => void;
  "new message": (message: { username: string; message: string }) => void;
  typing: (user: { username: string }) => void;
  "stop typing": (user: { username: string }) => void;
}

interface SocketData {
  username?: string;
}

type User = Socket<ClientToServerEvents, ServerToClientEvents, {}, SocketData>;

const io = new Server<ClientToServerEvents, ServerToClientEvents, {}, SocketData>();

/** Those who have a name, by the id of their socket. */
const online = new Map<string, string>();

io.on("connection", (socket: User) => {
  // After a swap of the app its clients are still there, and so is what was kept with them.
  if (socket.data.username) online.set(socket.id, socket.data.username);

  socket.on("add user", (username) => {
    if (socket.data.username || !isText(username, NAME_LENGTH_MAX)) return;
    socket.data.username = username;
    online.set(socket.id, username);
    socket.emit("login", { numUsers: online.size });
    socket.broadcast.emit("user joined", { username, numUsers: online.size });
  });

  socket.on("new message", (message) => {
    const { username } = socket.data;
    if (username && isText(message, MESSAGE_LENGTH_MAX)) socket.broadcast.emit("new message", { username, message });
  });

  socket.on("typing", () => {
    const { username } = socket.data;
    if (username) socket.broadcast.emit("typing", { username });
  });

  socket.on("stop typing", () => {
    const { username } = socket.data;
    if (username) socket.broadcast.emit("stop typing", { username });
  });

  socket.on("users", (answer) => {
    if (typeof answer === "function") answer([...online.values()].sort());
  });

  socket.on("disconnect", () => {
    const { username } = socket.data;
    if (!username) return;
    online.delete(socket.id);
    socket.broadcast.emit("user left", { username, numUsers: online.size });
  });
});

function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= lengthMax;
}
