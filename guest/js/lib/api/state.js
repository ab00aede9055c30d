// What all parts of the API share: the native bridge, and the one instance's state. An engine boots once; tests boot
// again and again, so everything lives in `rt` and is made anew by `reset`. Never calls the script's functions.

import { QUOTED_CHARS_MAX } from "./limits.js";

// The native bridge: see boot.js.
export let N = null;
// The instance.
export let rt = null;
// The timers of the environment (of the engine's, or Node's), taken before a script can replace them.
export let startTimer = null;
export let stopTimer = null;

export const [TRACE, DEBUG, INFO, WARN, ERROR] = [0, 1, 2, 3, 4];

// How a message may be treated, as the bridge has it.
export const VOLATILE = 1;
export const UNCOMPRESSED = 2;
export const LOCAL = 4;

export function reset(bridge, timers) {
  N = bridge;
  startTimer = timers.setTimeout;
  stopTimer = timers.clearTimeout;
  rt = {
    name: "",
    shards: 1,
    instances: 1,
    place: 0,
    // Whether the manifest is given.
    started: false,
    closed: false,
    server: null,
    // Handle -> Socket, or a Held one.
    sockets: new Map(),
    // Session -> Client.
    clients: new Map(),
    children: 0,
    // Whether any socket ever had an outgoing listener.
    hearsOutgoing: false,
    // Whether the manifest says so.
    hearsRooms: false,
    // Number -> who awaits acknowledgements.
    acks: new Map(),
    fetches: new Map(),
    questions: new Map(),
    // Sockets whose data was touched since it was last looked at, and those of the turn before.
    touched: [],
    touchedBefore: [],
    heldBack: new Map(),
    cleansUp: false,
    judge: null,
    sharing: null,
    warned: new Set(),
  };
}

// What runs now, for log lines; kept as parts, because it is written far more often than read.
let doing = "";
let what = null;
let whose = null;

export function enter(kind, subject, socket) {
  doing = kind;
  what = subject;
  whose = socket;
}

export function where() {
  switch (doing) {
    case "event":
      return `handler of ${quoted(what)} of socket ${whose.id} in ${whose.nsp.name}`;
    case "ack":
      return `acknowledgement of socket ${whose.id} in ${whose.nsp.name}`;
    case "disconnect":
      return `disconnect handler of socket ${whose.id} in ${whose.nsp.name}`;
    case "connection":
    case "middleware":
    case "server-side handler":
    case "room handler":
      return doing + (doing === "connection" ? " handler" : "") + " of " + what;
    default:
      return doing;
  }
}

// Text that somebody else chose, for a log line.
export function quoted(text) {
  text = String(text);
  return JSON.stringify(text.length > QUOTED_CHARS_MAX ? text.slice(0, QUOTED_CHARS_MAX) + "…" : text);
}

export function warn(text) {
  N.log(WARN, text);
}

export function warnOnce(key, text) {
  if (rt.warned.has(key)) return;
  rt.warned.add(key);
  N.log(WARN, text);
}

export function errorOnce(key, text) {
  if (rt.warned.has(key)) return;
  rt.warned.add(key);
  N.log(ERROR, text);
}

export function error(text) {
  N.log(ERROR, text);
}

// How many bytes a text has as UTF-8.
export function utf8Length(text) {
  if (text.length * 3 <= 1024) return text.length; // Near enough for a bound of 1,024.
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
