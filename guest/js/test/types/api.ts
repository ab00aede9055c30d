// What index.d.ts promises, checked by the compiler alone: `tsc --noEmit --project test/types`. Every expected error is
// one that the types of socket.io give, too. Never run.

import holdfast, {
  BroadcastOperator,
  Namespace,
  RemoteSocket,
  RESERVED_EVENTS,
  Server,
  Socket,
  type DefaultEventsMap,
  type DisconnectReason,
  type Event,
  type ExtendedError,
  type IncomingRequest,
} from "holdfast";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A>(): <B>(value: B, ...proof: Equal<A, B> extends true ? [] : [never]) => void;

interface ClientToServerEvents {
  noArgs: () => void;
  helloFromClient: (message: string) => void;
  ackFromClient: (a: string, b: number, ack: (c: string, d: number) => void) => void;
}

interface ServerToClientEvents {
  noArgs: () => void;
  helloFromServer: (message: string, x: number) => void;
  ackFromServer: (a: boolean, b: string, ack: (c: boolean, d: string) => void) => void;
  ackFromServerSingleArg: (a: boolean, b: string, ack: (c: string) => void) => void;
  onlyCallback: (a: () => void) => void;
}

interface WithMultiple {
  noArgs: () => void;
  helloFromServer: (message: string, x: number) => void;
  ackFromServer: (a: boolean, b: string, ack: (c: boolean[]) => void) => void;
  ackFromServerSingleArg: (a: boolean, b: string, ack: (c: string[]) => void) => void;
  onlyCallback: (a: () => void) => void;
}

interface WithError {
  noArgs: () => void;
  helloFromServer: (message: string, x: number) => void;
  ackFromServer: (a: boolean, b: string, ack: (err: Error, c: boolean, d: string) => void) => void;
  ackFromServerSingleArg: (a: boolean, b: string, ack: (err: Error, c: string) => void) => void;
  onlyCallback: (a: (err: Error) => void) => void;
}

interface WithMultipleAndError {
  noArgs: () => void;
  helloFromServer: (message: string, x: number) => void;
  ackFromServer: (a: boolean, b: string, ack: (err: Error, c: boolean[]) => void) => void;
  ackFromServerSingleArg: (a: boolean, b: string, ack: (err: Error, c: string[]) => void) => void;
  onlyCallback: (a: (err: Error) => void) => void;
}

interface InterServerEvents {
  noArgs: () => void;
  helloFromServerToServer: (message: string, x: number) => void;
  ackFromServerToServer: (foo: string, cb: (bar: number) => void) => void;
}

interface Data {
  name: string;
  age: number;
}

// ---------------------------------------------------------------------- no maps of events

function untyped() {
  const io = new Server();
  io.on("connection", (socket) => {
    same<Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()(socket);
    socket.on("disconnect", (reason) => same<DisconnectReason>()(reason));
    socket.on("disconnecting", (reason, description) => {
      same<DisconnectReason>()(reason);
      same<any>()(description);
    });
    socket.on("error", (error) => same<Error>()(error));
    socket.on("random", (a, b, c) => {
      same<any>()(a);
      same<any>()(b);
      same<any>()(c);
    });
    socket.on("async", async (a) => void a);
    socket.once("once", (a) => same<any>()(a));
    socket.emit("random", 1, "2", [3]);
    socket.emit("no parameters");
    socket.emit("ack", 1, (answer: string) => void answer);
    socket.timeout(5).emit("ack", 1, (err: Error, answer: string) => void [err, answer]);
    socket.send(1, "2").write();
    socket.to("room").except(["a", "b"]).volatile.emit("x", 1);
    socket.broadcast.emit("x");
    socket.use(([name, ...args], next) => {
      same<string>()(name);
      same<any[]>()(args);
      next(new Error("no"));
    });
    socket.use((event, next) => {
      same<Event>()(event);
      next();
    });
    socket.onAny((name, ...args) => void [name, args]);
    socket.data.anything = 1;
    same<any>()(socket.data);
    same<Set<string>>()(socket.rooms);
    void socket.join(["a", "b"]);
    void socket.leave("a");
    same<string | string[] | undefined>()(socket.handshake.headers.cookie);
    same<string>()(socket.conn.transport.name);
    same<string>()(socket.request.connection.remoteAddress);
  });

  enum Events {
    CONNECTION = "connection",
    TEST = "test",
  }
  io.on(Events.CONNECTION, (socket) => {
    same<Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()(socket);
    socket.on(Events.TEST, (a, b) => {
      same<any>()(a);
      same<any>()(b);
    });
  });

  io.emit("random", 1, "2", [3]);
  io.emit("no parameters");
  io.send(1, "2", [3]);
  io.of("/test").send();
  io.of("/").emit("random2", 2, "string", Server);
  same<Promise<any>>()(io.to("1").emitWithAck("random", "test"));
  same<Promise<any>>()(io.timeout(1000).emitWithAck("ack", true, "123"));
  io.on("connection", async (socket) => same<any>()(await socket.emitWithAck("ack", true)));
  io.use((socket, next) => {
    same<Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()(socket);
    const error: ExtendedError = new Error("no");
    error.data = { more: 1 };
    next(error);
    next();
  });
  io.on("new_namespace", (nsp) => same<string>()(nsp.name));
  io.of(/^\/dynamic-\d+$/).on("connection", (socket) => same<string>()(socket.nsp.name));
  io.of((name, auth, next) => {
    same<string>()(name);
    next(null, auth.token === "x");
  });
}

// ---------------------------------------------------------------------- one map

function single() {
  interface Both {
    random: (a: number, b: string, c: number[]) => void;
  }
  const io = new Server<Both>();
  same<Server<Both, Both, DefaultEventsMap, any>>()(io);
  io.on("connection", (socket) => {
    same<Socket<Both, Both, DefaultEventsMap, any>>()(socket);
    socket.on("random", (a, b, c) => {
      same<number>()(a);
      same<string>()(b);
      same<number[]>()(c);
    });
    // @ts-expect-error a listener is needed
    socket.on("random");
    // @ts-expect-error too many arguments
    socket.on("random", (a, b, c, d) => {});
    // @ts-expect-error names are text
    socket.on(2, 3);
    // @ts-expect-error no such event
    socket.on("other", () => {});
    // @ts-expect-error the wrong arguments
    socket.emit("random", 1, 2, [3]);
    // @ts-expect-error no such event
    socket.emit("other");
  });
  const other = new Server<Both, Both, {}>();
  // @ts-expect-error an event of clients, not of servers
  other.on("random", (a: number, b: string, c: number[]) => {});
  // @ts-expect-error no such event
  other.on("wrong name", (socket) => {});
}

// ---------------------------------------------------------------------- sending

function sending() {
  const io = new Server<ClientToServerEvents, ServerToClientEvents>();
  const nsp = io.of("/test");
  // @ts-expect-error there is no event `message`
  io.send(1, "2", [3]);
  // @ts-expect-error there is no event `message`
  nsp.send(1, "2", [3]);
  // @ts-expect-error there is no event `message`
  io.send();
  // @ts-expect-error there is no event `message`
  nsp.send();

  const messages = new Server<{}, { message: (a: number, b: string, c: number[]) => void }>();
  messages.send(1, "2", [3]);
  messages.of("/test").send(1, "2", [3]);
  // @ts-expect-error arguments are needed
  messages.send();
  // @ts-expect-error the wrong arguments
  messages.of("/test").send(1, 2, [3]);

  io.emit("noArgs");
  io.emit("helloFromServer", "hello", 10);
  nsp.emit("helloFromServer", "hello", 10);
  // @ts-expect-error the wrong arguments
  io.emit("helloFromServer", 10, "hello");
  // @ts-expect-error an event of clients
  io.emit("helloFromClient", "hello");
  // @ts-expect-error it has a callback, for which a time is needed
  io.emit("ackFromServerSingleArg", true, "1", () => {});
  // @ts-expect-error it has a callback
  io.emit<"ackFromServer">;
  // @ts-expect-error it has a callback
  nsp.emit<"onlyCallback">;

  io.on("connection", (socket) => {
    same<Socket<ClientToServerEvents, ServerToClientEvents, DefaultEventsMap, any>>()(socket);
    socket.on("noArgs", (...args) => same<[]>()(args));
    socket.on("helloFromClient", (message) => same<string>()(message));
    socket.on("ackFromClient", (a, b, ack) => {
      same<string>()(a);
      same<number>()(b);
      same<(c: string, d: number) => void>()(ack);
      ack("123", 456);
      // @ts-expect-error the wrong arguments
      ack(123);
    });
    // @ts-expect-error an event of the server
    socket.on("helloFromServer", (message, number) => {});
    socket.emit("helloFromServer", "1", 2);
    socket.emit("ackFromServer", true, "1", (c, d) => {
      same<boolean>()(c);
      same<string>()(d);
    });
    socket.timeout(1).emit("ackFromServer", true, "1", (err, c, d) => {
      same<Error>()(err);
      same<boolean>()(c);
      same<string>()(d);
    });
    socket.timeout(1).emit("onlyCallback", (err) => same<Error>()(err));
  });
}

// ---------------------------------------------------------------------- promises of answers

async function answers() {
  const io = new Server<ClientToServerEvents, ServerToClientEvents>();
  io.on("connection", async (socket) => {
    // @ts-expect-error it has no callback
    void socket.emitWithAck("noArgs");
    // @ts-expect-error it has no callback
    void socket.emitWithAck("helloFromServer");
    same<boolean>()(await socket.emitWithAck("ackFromServer", true, "1"));
    same<string>()(await socket.emitWithAck("ackFromServerSingleArg", true, "1"));
    same<boolean>()(await socket.timeout(0).emitWithAck("ackFromServer", true, "1"));
    same<string>()(await socket.timeout(0).emitWithAck("ackFromServerSingleArg", true, "1"));
    same<undefined>()(await socket.emitWithAck("onlyCallback"));
    // @ts-expect-error the callback is not given
    void socket.emitWithAck("ackFromServerSingleArg", true, "1", () => {});
  });

  const untimed = io.in("1");
  same<never>()(undefined as unknown as Parameters<(typeof untimed)["emitWithAck"]>[0]);
  // @ts-expect-error it has no callback
  void io.timeout(0).emitWithAck("noArgs");
  // @ts-expect-error it has no callback
  void io.timeout(0).emitWithAck("helloFromServer");
  same<boolean[]>()(await io.timeout(0).emitWithAck("ackFromServer", true, "1"));
  same<string[]>()(await io.timeout(0).emitWithAck("ackFromServerSingleArg", true, "1"));
  same<undefined>()(await io.timeout(0).emitWithAck("onlyCallback"));
  io.timeout(0).emit("ackFromServerSingleArg", true, "1", (err, answers) => {
    same<Error>()(err);
    same<string[]>()(answers);
  });
}

// ---------------------------------------------------------------------- audiences

function audiences() {
  const io = new Server<ClientToServerEvents, ServerToClientEvents>();
  type Plain = BroadcastOperator<WithMultiple, any>;
  type Timed = BroadcastOperator<WithMultipleAndError, any>;
  const check = (plain: Plain, timed: Timed) => void [plain, timed];
  for (const from of [io, io.of("/")]) {
    check(from.to("1"), from.timeout(0));
    check(from.in("1"), from.timeout(0).timeout(0));
    check(from.except("1"), from.to("1").timeout(0));
    check(from.compress(true), from.volatile.timeout(0));
    check(from.volatile, from.local.timeout(0));
    check(from.local, from.in(["1"]).timeout(1));
    from.timeout(1).emit("ackFromServer", true, "1", (err, answers) => {
      same<Error>()(err);
      same<boolean[]>()(answers);
    });
    // @ts-expect-error the wrong arguments
    from.timeout(1).emit("ackFromServer", 1, "1", () => {});
  }
  io.on("connection", (socket) => {
    check(socket.broadcast, socket.timeout(0).broadcast);
    check(socket.in("1"), socket.broadcast.timeout(0));
    check(socket.except("1"), socket.broadcast.timeout(0).timeout(0));
    check(socket.to("1"), socket.timeout(0).to("1"));
    check(socket.local, socket.to("1").timeout(1));
    const timed: Socket<ClientToServerEvents, WithError, DefaultEventsMap, any> = socket.timeout(0);
    void timed;
  });
}

async function remote() {
  const io = new Server<ClientToServerEvents, ServerToClientEvents, InterServerEvents, Data>();
  for (const socket of await io.in("room").fetchSockets()) {
    same<string>()(socket.id);
    same<Data>()(socket.data);
    same<Set<string>>()(socket.rooms);
    socket.join("a");
    socket.leave("a");
    socket.disconnect(true);
    socket.emit("helloFromServer", "1", 2);
    // @ts-expect-error the wrong arguments
    socket.emit("helloFromServer", 1, 2);
    const known: RemoteSocket<any, Data> = socket;
    void known;
  }
  same<Set<string>>()(await io.allSockets());
  io.in("a").socketsJoin(["b"]);
  io.in("a").socketsLeave("b");
  io.of("/x").disconnectSockets(true);
  io.on("connection", (socket) => {
    same<Data>()(socket.data);
    socket.data.name = "x";
    // @ts-expect-error a number
    socket.data.age = "x";
    // @ts-expect-error no such key
    socket.data.other = 1;
  });
}

// ---------------------------------------------------------------------- between servers

async function servers() {
  const io = new Server<ClientToServerEvents, ServerToClientEvents, InterServerEvents>();
  same<Server<ClientToServerEvents, ServerToClientEvents, InterServerEvents, any>>()(io);
  io.serverSideEmit("noArgs");
  io.serverSideEmit("helloFromServerToServer", "hello", 10);
  io.of("/test").serverSideEmit("helloFromServerToServer", "hello", 10);
  io.on("noArgs", (...args) => same<[]>()(args));
  io.of("/test").on("helloFromServerToServer", (message, x) => {
    same<string>()(message);
    same<number>()(x);
  });
  // @ts-expect-error it has no callback
  void io.serverSideEmitWithAck("noArgs");
  // @ts-expect-error it has no callback
  void io.serverSideEmitWithAck("helloFromServerToServer", "hello");
  io.on("ackFromServerToServer", (...args) => same<[foo: string, cb: (bar: number) => void]>()(args));
  io.serverSideEmit("ackFromServerToServer", "foo", (err, bars) => {
    same<Error>()(err);
    same<number[]>()(bars);
  });
  same<number[]>()(await io.serverSideEmitWithAck("ackFromServerToServer", "foo"));
}

// ---------------------------------------------------------------------- the rest

function rest() {
  const io = new Server(3000, {
    pingInterval: 1000,
    cors: { origin: ["https://example.com", /\.example\.com$/], credentials: true },
    connectionStateRecovery: { maxDisconnectionDuration: 1000 },
    allowRequest: (req, callback) => {
      same<IncomingRequest>()(req);
      callback(req.headers.origin === undefined ? "no" : null, true);
    },
    cookie: { name: "io", sameSite: "strict" },
    perMessageDeflate: { threshold: 10, zlibDeflateOptions: { level: 1 } },
    transports: ["websocket"],
  });
  new Server({ cors: (req, callback) => callback(null, { origin: req.headers.origin !== undefined }) });
  new Server({ cors: { origin: (origin, callback) => callback(null, origin === "https://example.com") } });
  new Server({ listen() {} }, { path: "/x" });
  // @ts-expect-error a number
  new Server({ pingInterval: "1000" });
  // @ts-expect-error no such option
  new Server({ pingIntervall: 1000 });
  io.listen(3000).attach({ listen() {} });
  same<string>()(io.path());
  io.path("/x").connectTimeout(5).serveClient(false);
  io.engine.on("connection_error", (err) => {
    same<number>()(err.code);
    same<string>()(err.message);
  });
  io.engine.on("headers", (headers, req) => {
    headers["x-served-by"] = "one";
    same<string>()(req.url);
  });
  same<number>()(io.engine.clientsCount);
  same<Set<string> | undefined>()(io.sockets.adapter.rooms.get("x"));
  io.of("/").adapter.on("join-room", (room, id) => {
    same<string>()(room);
    same<string>()(id);
  });
  same<boolean>()(RESERVED_EVENTS.has("connect"));
  same<Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()(holdfast());
  same<Namespace<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()(io.of("/chat"));
  same<Promise<void>>()(io.close());
  // @ts-expect-error sockets are made by the server
  new Socket();
}

void [untyped, single, sending, answers, audiences, remote, servers, rest];
