// Who may connect: a token is looked at by a middleware, and what it says is kept with the socket.
// Tokens come from the environment: `TOKENS="secret-1:ann:admin,secret-2:bob:user"`.

import { Server, type ExtendedError, type Socket } from "holdfast";

interface User {
  name: string;
  role: string;
}

interface ClientToServerEvents {
  whoami: (answer: (user: User) => void) => void;
  kick: (name: string, answer: (count: number) => void) => void;
}

interface ServerToClientEvents {
  welcome: (name: string) => void;
}

interface SocketData {
  user: User;
}

type Client = Socket<ClientToServerEvents, ServerToClientEvents, {}, SocketData>;

const DEMO_TOKENS = "ann-secret:ann:admin,bob-secret:bob:user";

const users = new Map<string, User>();
for (const entry of (process.env.TOKENS ?? DEMO_TOKENS).split(",")) {
  const [token, name, role] = entry.split(":");
  if (token && name && role) users.set(token, { name, role });
}

const io = new Server<ClientToServerEvents, ServerToClientEvents, {}, SocketData>();

/** An error that the client's `connect_error` gets, with `data`. */
function refusal(message: string, data: unknown): ExtendedError {
  return Object.assign(new Error(message), { data });
}

function authenticate(socket: Client, next: (error?: ExtendedError) => void) {
  const { token } = socket.handshake.auth;
  if (typeof token !== "string") return next(refusal("not authenticated", { hint: "connect with auth: { token }" }));
  const user = users.get(token);
  if (!user) return next(refusal("not authenticated", { hint: "this token is not known" }));
  socket.data.user = user;
  next();
}

io.use(authenticate);
io.on("connection", (socket) => {
  socket.emit("welcome", socket.data.user.name);
  socket.on("whoami", (answer) => answer(socket.data.user));
});

// A namespace asks its own middlewares: those of `/` do not count here.
const admin = io.of("/admin");
admin.use(authenticate);
admin.use((socket, next) => {
  const { role } = socket.data.user;
  next(role === "admin" ? undefined : refusal("not allowed", { role }));
});
admin.on("connection", (socket) => {
  socket.on("kick", async (name, answer) => {
    const clients = await io.fetchSockets();
    const meant = clients.filter((client) => client.data.user.name === name);
    for (const client of meant) client.disconnect(true);
    answer(meant.length);
  });
});
