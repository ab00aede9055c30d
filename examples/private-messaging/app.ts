// Private messages between users who may be there several times, and come back: after Socket.IO's example. A session
// is kept by the client; whoever shows it is the user again, who hears what came meanwhile.

import { Server, type ExtendedError, type Socket } from "holdfast";

const NAME_LENGTH_MAX = 40;
const CONTENT_LENGTH_MAX = 2_000;
const MESSAGES_MAX = 10_000;
const SESSIONS_MAX = 10_000;

interface Message {
  content: string;
  from: string;
  to: string;
}

interface Session {
  userID: string;
  username: string;
  connected: boolean;
}

interface User extends Session {
  messages: Message[];
}

interface ClientToServerEvents {
  "private message": (message: { content: string; to: string }) => void;
}

interface ServerToClientEvents {
  session: (session: { sessionID: string; userID: string }) => void;
  users: (users: User[]) => void;
  "user connected": (user: User) => void;
  "user disconnected": (userID: string) => void;
  "private message": (message: Message) => void;
}

interface SocketData {
  sessionID: string;
  userID: string;
  username: string;
}

type Client = Socket<ClientToServerEvents, ServerToClientEvents, {}, SocketData>;

const sessions = new Map<string, Session>();
const messages: Message[] = [];

const io = new Server<ClientToServerEvents, ServerToClientEvents, {}, SocketData>();

io.use((socket: Client, next: (error?: ExtendedError) => void) => {
  const { sessionID, username } = socket.handshake.auth;
  const session = sessions.get(sessionID);
  if (session) {
    socket.data = { sessionID, userID: session.userID, username: session.username };
    return next();
  }
  if (typeof username !== "string" || username === "" || username.length > NAME_LENGTH_MAX) return next(new Error("invalid username"));
  if (sessions.size >= SESSIONS_MAX) return next(new Error("too many users"));
  socket.data = { sessionID: crypto.randomUUID(), userID: crypto.randomUUID(), username };
  next();
});

io.on("connection", (socket: Client) => {
  const { sessionID, userID, username } = socket.data;
  sessions.set(sessionID, { userID, username, connected: true });
  socket.emit("session", { sessionID, userID });

  // All sockets of a user are in a room of theirs.
  socket.join(userID);
  socket.emit("users", [...sessions.values()].map((session) => ({ ...session, messages: between(userID, session.userID) })));
  socket.broadcast.except(userID).emit("user connected", { userID, username, connected: true, messages: [] });

  socket.on("private message", (sent) => {
    const { content, to } = sent ?? {};
    if (typeof content !== "string" || content.length > CONTENT_LENGTH_MAX || typeof to !== "string") return;
    const message = { content, from: userID, to };
    messages.push(message);
    if (messages.length > MESSAGES_MAX) messages.shift();
    // To the one it is for, and to other windows of the sender.
    socket.to(to).to(userID).emit("private message", message);
  });

  socket.on("disconnect", async () => {
    const left = await io.in(userID).fetchSockets();
    if (left.length > 0) return;
    sessions.set(sessionID, { userID, username, connected: false });
    socket.broadcast.emit("user disconnected", userID);
  });
});

/** What two users wrote to each other. */
function between(one: string, other: string): Message[] {
  return messages.filter(({ from, to }) => (from === one && to === other) || (from === other && to === one));
}
