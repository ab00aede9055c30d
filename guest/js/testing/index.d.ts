// Types of `holdfast/testing`.

import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";

/** A value of a setting. */
export type Setting = string | number | boolean | Setting[];

export interface StartOptions {
  /** The app: a script, a component, or a folder with a crate, which is built. Without it: the demo. */
  app?: string;
  /** Several apps by name, instead of one. */
  apps?: Record<string, string>;
  /** The text of a script, instead of a file; see `Node.save`. */
  source?: string;
  /** The file name of `source`: `app.ts` unless said otherwise. */
  name?: string;
  /** Settings by their names in `holdfast.toml`: `{ "protocol.ping_interval": 300 }`. */
  settings?: Record<string, Setting>;
  /** Environment values of the app. */
  env?: Record<string, string | number | boolean>;
  /** Swap the app when its file changes. */
  watch?: boolean;
  /** More arguments of the binary. */
  args?: string[];
  /** The binary. Otherwise `HOLDFAST_BIN`, `node_modules/.bin`, `PATH`. */
  bin?: string;
  /** How long anything is waited for: 10,000 unless said otherwise. */
  patienceMs?: number;
}

/** Starts a node on a free port. Throws what the binary says when it refuses. */
export function start(options?: StartOptions): Promise<Node>;

/** A line of the node's log, with its fields. */
export interface LogLine {
  level?: string;
  message: string;
  [field: string]: unknown;
}

/** Text anywhere in a line, a regular expression for its message, or a function. */
export type LogFilter = string | RegExp | ((line: LogLine) => boolean);

export type ClientOptions = Partial<ManagerOptions & SocketOptions>;

/** A running node. */
export interface Node extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** A client that has connected, by WebSocket unless said otherwise. Refused, it throws what `connect_error` gets. */
  connect(namespace?: string, options?: ClientOptions): Promise<Client>;
  /** A client that is about to connect. */
  client(namespace?: string, options?: ClientOptions): Promise<Client>;
  /** The log lines so far, or those that fit. */
  log(filter?: LogFilter): LogLine[];
  /** Waits for a log line. */
  logged(filter: LogFilter): Promise<LogLine>;
  /** Writes the app's source anew, for a node that watches. */
  save(source: string): Promise<void>;
  /** Closes the clients and stops the node. */
  stop(): Promise<void>;
}

/** A client. What it receives is kept until it is looked for. */
export interface Client {
  /** The socket of socket.io-client. */
  readonly socket: Socket;
  /** The id it has, or had last. */
  readonly id: string | undefined;
  /** Waits until it is connected; throws what `connect_error` gets. */
  connected(): Promise<void>;
  /** Waits until it is refused; gives the error, with `data`. */
  refused(): Promise<Error & { data?: any }>;
  /** Waits until it is disconnected; gives the reason. */
  disconnected(): Promise<string>;
  emit(event: string, ...args: any[]): this;
  /** Emits and waits for the answer, with a bound. */
  emitWithAck(event: string, ...args: any[]): Promise<any>;
  /** Waits for the next message of an event; gives its arguments, a callback last if the server wants an answer. */
  next(event: string): Promise<any[]>;
  /** Waits for the next message of an event and compares its arguments. */
  expect(event: string, ...args: any[]): Promise<void>;
  /** Expects that nothing has come that was not looked at, and that nothing comes for so long: 50 ms. */
  nothing(ms?: number): Promise<void>;
  /** The messages that were not looked at, and are now: `[event, ...args]`. */
  messages(): [string, ...any[]][];
  /** Answers all messages of an event that want an answer. */
  answer(event: string, answer: (...args: any[]) => any): this;
  /** Leaves the namespace. */
  disconnect(): void;
  /** Breaks the connection, as a network would. */
  cut(): void;
  /** Connects again; with connection state recovery it is what it was. */
  reconnect(): Promise<void>;
}
