// The types of `import … from "holdfast"`: the server API of socket.io 4.8, with its four type parameters. They need
// no other package. What a script does not have here is not declared.

// ---------------------------------------------------------------------- maps of events

/** Events by name, with the functions that listen to them. */
export interface EventsMap {
  [event: string]: any;
}

/** Any event with any arguments. */
export interface DefaultEventsMap {
  [event: string]: (...args: any[]) => void;
}

type IsAny<T> = 0 extends 1 & T ? true : false;
type Params<T> = T extends (...args: infer P) => any ? P : never;

/** The last element of a tuple. */
export type Last<T extends readonly unknown[]> = T extends readonly [...infer _, infer L]
  ? L
  : T extends readonly (infer E)[]
    ? E
    : never;

/** A tuple without its last element. */
export type AllButLast<T extends any[]> = T extends [...infer H, infer _] ? H : any[];

/** The names of events. */
export type EventNames<Map extends EventsMap> = keyof Map & (string | symbol);

/** The arguments of an event. */
export type EventParams<Map extends EventsMap, Ev extends EventNames<Map>> = Parameters<Map[Ev]>;

type EndsInCallback<F> = IsAny<F> extends true
  ? "unknown"
  : Params<F> extends never[]
    ? false
    : IsAny<Last<Params<F>>> extends true
      ? "unknown"
      : Last<Params<F>> extends (...args: any[]) => any
        ? true
        : false;

/** The names of events whose last argument is a callback. */
export type EventNamesWithAck<Map extends EventsMap> = {
  [K in EventNames<Map>]: EndsInCallback<Map[K]> extends false ? never : K;
}[EventNames<Map>];

/** The names of the others. */
export type EventNamesWithoutAck<Map extends EventsMap> = {
  [K in EventNames<Map>]: EndsInCallback<Map[K]> extends true ? never : K;
}[EventNames<Map>];

/** The names of events whose callback takes an error first. */
export type EventNamesWithError<Map extends EventsMap> = {
  [K in EventNames<Map>]: EndsInCallback<Map[K]> extends false
    ? never
    : EndsInCallback<Map[K]> extends "unknown"
      ? K
      : Params<Last<Params<Map[K]>>> extends [infer First, ...any[]]
        ? First extends Error
          ? K
          : never
        : never;
}[EventNames<Map>];

/** Only the events without a callback. */
export type RemoveAcknowledgements<Map extends EventsMap> = { [K in EventNamesWithoutAck<Map>]: Map[K] };

type FirstNonError<P extends unknown[]> = P[0] extends Error ? P[1] : P[0];

/** What a callback is called with, its error left out. */
export type FirstNonErrorArg<F> = F extends (...args: infer P) => any ? FirstNonError<P> : any;

type WithError<T extends any[]> = {
  [I in keyof T]: T[I] extends (...args: infer P) => infer R
    ? P[0] extends Error
      ? T[I]
      : (err: Error, ...args: P) => R
    : T[I];
};

// The first element of a tuple as a tuple, its label kept.
type Head<T extends any[]> = T extends [any, ...infer Tail] ? (T extends [...infer H, ...Tail] ? H : never) : never;
type Lists<T extends unknown[]> = { [I in keyof T]: T[I][] };

type WithLists<T extends any[]> = {
  [I in keyof T]: T[I] extends (...args: infer P) => infer R
    ? P extends [Error]
      ? (err: Error) => R
      : P extends [Error, ...infer Rest]
        ? (err: Error, ...args: Head<Lists<Rest>>) => R
        : P extends []
          ? () => R
          : (...args: Head<Lists<P>>) => R
    : T[I];
};

/** The same events; callbacks take an error first. */
export type DecorateAcknowledgements<Map> = {
  [K in keyof Map]: Map[K] extends (...args: infer P) => infer R ? (...args: WithError<P>) => R : Map[K];
};

/** The same events; callbacks take a list of what all receivers answered. */
export type DecorateAcknowledgementsWithMultipleResponses<Map> = {
  [K in keyof Map]: Map[K] extends (...args: infer P) => infer R ? (...args: WithLists<P>) => R : Map[K];
};

/** Both. */
export type DecorateAcknowledgementsWithTimeoutAndMultipleResponses<Map> = {
  [K in keyof Map]: Map[K] extends (...args: infer P) => infer R ? (...args: WithLists<WithError<P>>) => R : Map[K];
};

// ---------------------------------------------------------------------- listening

/** Listeners of events, as Node's EventEmitter has them. */
export interface Emitter {
  on(event: any, listener: (...args: any[]) => void): this;
  once(event: any, listener: (...args: any[]) => void): this;
  addListener(event: any, listener: (...args: any[]) => void): this;
  prependListener(event: any, listener: (...args: any[]) => void): this;
  prependOnceListener(event: any, listener: (...args: any[]) => void): this;
  off(event: any, listener: (...args: any[]) => void): this;
  removeListener(event: any, listener: (...args: any[]) => void): this;
  removeAllListeners(event?: any): this;
  listeners(event: any): Function[];
  rawListeners(event: any): Function[];
  listenerCount(event: any, listener?: Function): number;
  eventNames(): (string | symbol)[];
  setMaxListeners(count: number): this;
  getMaxListeners(): number;
}

type Names<Reserved extends EventsMap, Events extends EventsMap> = EventNames<Reserved> | EventNames<Events>;

type Listener<Reserved extends EventsMap, Events extends EventsMap, Ev extends Names<Reserved, Events>> = OrAny<
  Ev extends EventNames<Reserved> ? Reserved[Ev] : Ev extends EventNames<Events> ? Events[Ev] : never
>;

type OrAny<T> = [T] extends [never] ? (...args: any[]) => void | Promise<void> : T;

declare abstract class StrictEmitter<Events extends EventsMap, Reserved extends EventsMap> {
  on<Ev extends Names<Reserved, Events>>(event: Ev, listener: Listener<Reserved, Events, Ev>): this;
  once<Ev extends Names<Reserved, Events>>(event: Ev, listener: Listener<Reserved, Events, Ev>): this;
  addListener<Ev extends Names<Reserved, Events>>(event: Ev, listener: Listener<Reserved, Events, Ev>): this;
  prependListener<Ev extends Names<Reserved, Events>>(event: Ev, listener: Listener<Reserved, Events, Ev>): this;
  prependOnceListener<Ev extends Names<Reserved, Events>>(event: Ev, listener: Listener<Reserved, Events, Ev>): this;
  off(event: string | symbol, listener: (...args: any[]) => void): this;
  removeListener(event: string | symbol, listener: (...args: any[]) => void): this;
  removeAllListeners(event?: string | symbol): this;
  listeners<Ev extends Names<Reserved, Events>>(event: Ev): Listener<Reserved, Events, Ev>[];
  rawListeners(event: string | symbol): Function[];
  listenerCount(event: string | symbol, listener?: Function): number;
  eventNames(): (string | symbol)[];
  setMaxListeners(count: number): this;
  getMaxListeners(): number;
}

// ---------------------------------------------------------------------- what sockets are

/** The name of a room. */
export type Room = string;
/** A socket's public id. */
export type SocketId = string;

/** A message of a client as `socket.use` sees it: its name and its arguments. */
export type Event = [string, ...any[]];

/** An error that carries more for the client. */
export interface ExtendedError extends Error {
  data?: any;
}

/** Why a socket is gone. */
export type DisconnectReason =
  | "transport error"
  | "transport close"
  | "forced close"
  | "ping timeout"
  | "parse error"
  | "server shutting down"
  | "forced server close"
  | "client namespace disconnect"
  | "server namespace disconnect";

/** Headers of a request, by name in lower case. */
export interface IncomingHeaders {
  [name: string]: string | string[] | undefined;
}

/** The HTTP request that opened a session. */
export interface IncomingRequest {
  method: string;
  url: string;
  httpVersion: string;
  headers: IncomingHeaders;
  connection: { remoteAddress: string; encrypted: boolean };
  socket: { remoteAddress: string; encrypted: boolean };
  _query: { [name: string]: string };
  [key: string]: any;
}

/** What a client said when it came. */
export interface Handshake {
  headers: IncomingHeaders;
  /** When the session opened, as text. */
  time: string;
  /** The client's IP address. */
  address: string;
  /** Whether the request came from a page of another origin. */
  xdomain: boolean;
  /** Whether it came over TLS. */
  secure: boolean;
  /** When the session opened, in milliseconds since 1970. */
  issued: number;
  url: string;
  query: { [name: string]: string | string[] | undefined };
  /** The client's `auth`. */
  auth: { [key: string]: any };
}

export interface SocketReservedEventsMap {
  disconnect: (reason: DisconnectReason, description?: any) => void;
  disconnecting: (reason: DisconnectReason, description?: any) => void;
  error: (err: Error) => void;
}

export interface NamespaceReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> {
  connect: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
  connection: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
}

export interface ServerReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> extends NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  new_namespace: (namespace: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
}

/** Names that neither side may emit. */
export const RESERVED_EVENTS: ReadonlySet<string | symbol>;

/** The session of a socket, as far as a script sees it. */
export interface Connection extends Emitter {
  readonly id: string;
  readonly protocol: number;
  readonly readyState: "open" | "closed";
  readonly remoteAddress: string;
  readonly request: IncomingRequest;
  /** That of the request that opened the session. */
  readonly transport: { name: string; writable: boolean };
  close(): this;
}

/** The sockets of one session that this instance serves. */
export interface Client {
  readonly id: string;
  readonly conn: Connection;
  readonly request: IncomingRequest;
  readonly sockets: Map<SocketId, Socket<any, any, any, any>>;
}

// ---------------------------------------------------------------------- one socket

/** One client in one namespace. */
export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends StrictEmitter<ListenEvents, SocketReservedEventsMap> {
  private constructor();

  /** Its public id, which is also the name of a room with nobody else in it. */
  readonly id: SocketId;
  readonly nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents>;
  readonly client: Client;
  readonly conn: Connection;
  readonly handshake: Handshake;
  readonly request: IncomingRequest;
  /** Whether it took up where an earlier connection of its client ended, or was there before this instance began. */
  readonly recovered: boolean;
  /** Whether it was connected before this instance of the app began: after a crash or a change of the script. */
  readonly resumed?: boolean;
  readonly connected: boolean;
  get disconnected(): boolean;
  /** The rooms it is in, its own id among them. */
  get rooms(): Set<Room>;
  /** Kept with the socket as JSON: it outlives crashes, and `fetchSockets` shows it. */
  get data(): SocketData;
  set data(data: SocketData);

  emit<Ev extends EventNames<EmitEvents>>(event: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  emitWithAck<Ev extends EventNamesWithAck<EmitEvents>>(
    event: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<FirstNonErrorArg<Last<EventParams<EmitEvents, Ev>>>>;
  send(...args: EventParams<EmitEvents, "message">): this;
  write(...args: EventParams<EmitEvents, "message">): this;
  compress(compressed: boolean): this;
  get volatile(): this;
  timeout(
    ms: number,
  ): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>, ServerSideEvents, SocketData>;
  disconnect(close?: boolean): this;

  get broadcast(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  get local(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  to(rooms: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  in(rooms: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  except(
    rooms: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;

  join(rooms: Room | Room[]): Promise<void> | void;
  leave(room: Room): Promise<void> | void;

  use(fn: (event: Event, next: (err?: Error) => void) => void): this;
  onAny(listener: (...args: any[]) => void): this;
  prependAny(listener: (...args: any[]) => void): this;
  offAny(listener?: (...args: any[]) => void): this;
  listenersAny(): ((...args: any[]) => void)[];
  onAnyOutgoing(listener: (...args: any[]) => void): this;
  prependAnyOutgoing(listener: (...args: any[]) => void): this;
  offAnyOutgoing(listener?: (...args: any[]) => void): this;
  listenersAnyOutgoing(): ((...args: any[]) => void)[];
}

// ---------------------------------------------------------------------- many sockets

/** Everybody in a namespace who is in one of some rooms (all, when there are none) and in none of others. */
export class BroadcastOperator<EmitEvents extends EventsMap, SocketData> {
  private constructor();

  to(rooms: Room | Room[]): BroadcastOperator<EmitEvents, SocketData>;
  in(rooms: Room | Room[]): BroadcastOperator<EmitEvents, SocketData>;
  except(rooms: Room | Room[]): BroadcastOperator<EmitEvents, SocketData>;
  compress(compressed: boolean): BroadcastOperator<EmitEvents, SocketData>;
  get volatile(): BroadcastOperator<EmitEvents, SocketData>;
  get local(): BroadcastOperator<EmitEvents, SocketData>;
  timeout(ms: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData>;

  emit<Ev extends EventNames<EmitEvents>>(event: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  emitWithAck<Ev extends EventNamesWithError<EmitEvents>>(
    event: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<FirstNonErrorArg<Last<EventParams<EmitEvents, Ev>>>>;

  /** @deprecated use `fetchSockets` */
  allSockets(): Promise<Set<SocketId>>;
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]>;
  socketsJoin(rooms: Room | Room[]): void;
  socketsLeave(rooms: Room | Room[]): void;
  disconnectSockets(close?: boolean): void;
}

/** A socket of any instance and node, as it was when it was asked for. */
export class RemoteSocket<EmitEvents extends EventsMap, SocketData> {
  private constructor();

  readonly id: SocketId;
  readonly handshake: Handshake;
  readonly rooms: Set<Room>;
  readonly data: SocketData;
  timeout(ms: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData>;
  emit<Ev extends EventNames<EmitEvents>>(event: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  join(rooms: Room | Room[]): void;
  leave(room: Room): void;
  disconnect(close?: boolean): this;
}

/** What a namespace and `io` have in common. */
declare abstract class Everybody<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
  Reserved extends EventsMap,
> extends StrictEmitter<ServerSideEvents, Reserved> {
  use(
    fn: (
      socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      next: (err?: ExtendedError) => void,
    ) => void,
  ): this;

  to(rooms: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  in(rooms: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  except(
    rooms: Room | Room[],
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  compress(
    compressed: boolean,
  ): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  get volatile(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  get local(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  timeout(
    ms: number,
  ): BroadcastOperator<
    DecorateAcknowledgements<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>>,
    SocketData
  >;

  emit<Ev extends EventNamesWithoutAck<EmitEvents>>(event: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  send(...args: EventParams<EmitEvents, "message">): this;
  write(...args: EventParams<EmitEvents, "message">): this;

  /** Sends a message to the app's other instances, on other shards and nodes. */
  serverSideEmit<Ev extends EventNames<ServerSideEvents>>(
    event: Ev,
    ...args: EventParams<DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>, Ev>
  ): boolean;
  serverSideEmitWithAck<Ev extends EventNamesWithAck<ServerSideEvents>>(
    event: Ev,
    ...args: AllButLast<EventParams<ServerSideEvents, Ev>>
  ): Promise<FirstNonErrorArg<Last<EventParams<ServerSideEvents, Ev>>>[]>;

  /** @deprecated use `fetchSockets` */
  allSockets(): Promise<Set<SocketId>>;
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]>;
  socketsJoin(rooms: Room | Room[]): void;
  socketsLeave(rooms: Room | Room[]): void;
  disconnectSockets(close?: boolean): void;
}

/** The rooms of the sockets that this instance serves, and what happens to rooms. */
export interface Adapter extends Emitter {
  readonly nsp: Namespace<any, any, any, any>;
  readonly rooms: Map<Room, Set<SocketId>>;
  readonly sids: Map<SocketId, Set<Room>>;
  on(event: "create-room" | "delete-room", listener: (room: Room) => void): this;
  on(event: "join-room" | "leave-room", listener: (room: Room, id: SocketId) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
  socketRooms(id: SocketId): Set<Room> | undefined;
  sockets(rooms: Set<Room>): Promise<Set<SocketId>>;
  serverCount(): Promise<number>;
}

/** A namespace. */
export class Namespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends Everybody<
  ListenEvents,
  EmitEvents,
  ServerSideEvents,
  SocketData,
  NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
> {
  protected constructor();

  readonly name: string;
  /** The sockets that this instance serves. */
  readonly sockets: Map<SocketId, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>;
  readonly adapter: Adapter;
  readonly server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
}

/** What the children of a dynamic namespace have in common. */
export class ParentNamespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {}

// ---------------------------------------------------------------------- options

/** From where pages may connect. A function decides for each request. */
export type CorsOrigin =
  | boolean
  | string
  | RegExp
  | (string | RegExp)[]
  | ((
      origin: string | undefined,
      callback: (err: Error | null, origin?: boolean | string | RegExp | (string | RegExp)[]) => void,
    ) => void);

export interface CorsOptions {
  origin?: CorsOrigin;
  methods?: string | string[];
  allowedHeaders?: string | string[];
  exposedHeaders?: string | string[];
  credentials?: boolean;
  maxAge?: number;
  preflightContinue?: boolean;
  optionsSuccessStatus?: number;
}

/** Decides about one request. */
export type CorsOptionsDelegate = (
  req: IncomingRequest,
  callback: (err: Error | null, options?: CorsOptions | boolean) => void,
) => void;

export interface CookieOptions {
  name?: string;
  path?: string | false;
  domain?: string;
  httpOnly?: boolean;
  secure?: boolean;
  partitioned?: boolean;
  sameSite?: boolean | "strict" | "lax" | "none";
  priority?: "low" | "medium" | "high";
  maxAge?: number;
  expires?: Date | string;
}

/** Settings of the protocol guest that the script asks for: those of the config win. */
export interface ServerOptions {
  path: string;
  addTrailingSlash: boolean;
  serveClient: boolean;
  transports: ("polling" | "websocket" | "webtransport")[];
  allowUpgrades: boolean;
  pingInterval: number;
  pingTimeout: number;
  upgradeTimeout: number;
  connectTimeout: number;
  maxHttpBufferSize: number;
  maxAttachments: number;
  parser: "default" | "msgpack";
  allowEIO3: boolean;
  cleanupEmptyChildNamespaces: boolean;
  connectionStateRecovery:
    | boolean
    | { maxDisconnectionDuration?: number; skipMiddlewares?: boolean; packetsMax?: number; bytesMax?: number };
  cors: boolean | CorsOptions | CorsOptionsDelegate;
  cookie: boolean | string | CookieOptions;
  initialPacket: string;
  httpCompression: boolean | { threshold?: number; [key: string]: any };
  perMessageDeflate:
    | boolean
    | {
        threshold?: number;
        serverMaxWindowBits?: number;
        zlibDeflateOptions?: { level?: number; [key: string]: any };
        [key: string]: any;
      };
  /** Decides who may open a session. */
  allowRequest: (
    req: IncomingRequest,
    callback: (err: string | null | undefined, success: boolean) => void,
  ) => void;
  /** Ignored, with a warning: shards and nodes are the host's matter. */
  adapter: any;
  /** Ignored, with a warning: the host speaks WebSocket. */
  wsEngine: any;
  /** Ignored, with a warning. */
  destroyUpgrade: boolean;
  /** Ignored, with a warning. */
  destroyUpgradeTimeout: number;
}

/** What of Engine.IO's server a script can hear and count. */
export interface Engine extends Emitter {
  /** The sessions that have sockets of this instance. */
  readonly clientsCount: number;
  on(event: "connection", listener: (conn: Connection) => void): this;
  on(
    event: "connection_error",
    listener: (err: { req?: IncomingRequest; code: number; message: string; context: any }) => void,
  ): this;
  on(
    event: "initial_headers" | "headers",
    listener: (headers: { [name: string]: string | string[] }, req: IncomingRequest) => void,
  ): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

// What `new Server` and `listen` take besides options, and do not use.
type HttpServer = number | { listen: (...args: any[]) => any };

type AcceptsName = (
  name: string,
  auth: { [key: string]: any },
  next: (err: Error | null, success: boolean) => void,
) => void;

// ---------------------------------------------------------------------- the server

/** The server, and by itself the namespace `/`. */
export class Server<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends Everybody<
  ListenEvents,
  EmitEvents,
  ServerSideEvents,
  SocketData,
  ServerReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
> {
  constructor(opts?: Partial<ServerOptions>);
  constructor(srv?: HttpServer, opts?: Partial<ServerOptions>);
  constructor(srv: undefined | Partial<ServerOptions> | HttpServer, opts?: Partial<ServerOptions>);

  readonly sockets: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  readonly engine: Engine;
  readonly httpServer: any;
  _nsps: Map<string, Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>;

  of(
    name: string | RegExp | AcceptsName,
    fn?: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;

  path(): string;
  path(path: string): this;
  serveClient(): boolean;
  serveClient(is: boolean): this;
  connectTimeout(): number;
  connectTimeout(ms: number): this;
  adapter(): any;
  adapter(adapter: any): this;

  /** The host listens: nothing happens. */
  listen(srv: HttpServer, opts?: Partial<ServerOptions>): this;
  /** The host listens: nothing happens. */
  attach(srv: HttpServer, opts?: Partial<ServerOptions>): this;
  /** The host listens: nothing happens. */
  attachApp(app: any, opts?: Partial<ServerOptions>): this;
  /** The host listens: nothing happens. */
  bind(engine: any): this;

  /** Disconnects everybody, and lets nobody in any more. */
  close(fn?: (err?: Error) => void): Promise<void>;
}

/** Makes a `Server`, with or without `new`. */
declare const holdfast: {
  (srv?: Partial<ServerOptions> | HttpServer, opts?: Partial<ServerOptions>): Server;
  new (srv?: Partial<ServerOptions> | HttpServer, opts?: Partial<ServerOptions>): Server;
  Server: typeof Server;
  Namespace: typeof Namespace;
  Socket: typeof Socket;
};
export default holdfast;
