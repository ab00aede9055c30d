// The options of `new Server(…)` as settings of the protocol guest: names in snake_case, values as docs/settings.md
// writes them. What is a function there is taken by admission.js. Called by server.js; keeps nothing.

import { warn } from "./state.js";

// Options that are numbers, truths or texts, and are called the same.
const PLAIN = {
  path: "path",
  addTrailingSlash: "add_trailing_slash",
  serveClient: "serve_client",
  allowUpgrades: "allow_upgrades",
  pingInterval: "ping_interval",
  pingTimeout: "ping_timeout",
  upgradeTimeout: "upgrade_timeout",
  connectTimeout: "connect_timeout",
  maxHttpBufferSize: "max_http_buffer_size",
  maxAttachments: "max_attachments",
  allowEIO3: "allow_eio3",
  cleanupEmptyChildNamespaces: "cleanup_empty_child_namespaces",
  initialPacket: "initial_packet",
};

// Options that mean nothing here, and why.
const NONE = {
  adapter: "shards and nodes are the host's matter",
  wsEngine: "the host speaks WebSocket",
  destroyUpgrade: "upgrades outside the path never reach a script",
  destroyUpgradeTimeout: "upgrades outside the path never reach a script",
  generateId: "the host draws the ids of sessions",
};

// Settings as pairs, in the order of the options.
export function settingsOf(options) {
  const settings = [];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null) continue;
    if (Object.hasOwn(PLAIN, name)) settings.push([PLAIN[name], String(value)]);
    else if (Object.hasOwn(TABLES, name)) TABLES[name](settings, value);
    else if (Object.hasOwn(NONE, name)) warn(`option ${name}: ${NONE[name]}, it is ignored`);
    else if (name !== "allowRequest") warn(`option ${name} is not known, it is ignored`);
  }
  return settings;
}

const TABLES = {
  transports(settings, value) {
    const kept = [value].flat().filter((name) => name === "polling" || name === "websocket");
    if (kept.length < [value].flat().length) warn("option transports: a script chooses between polling and websocket, the rest is ignored");
    settings.push(["transports", JSON.stringify(kept)]);
  },

  parser(settings, value) {
    if (value === "default" || value === "msgpack") settings.push(["parser", value]);
    else warn('option parser: write "default" or "msgpack", the protocol guest has no others; it is ignored');
  },

  connectionStateRecovery(settings, value) {
    table(settings, "connection_state_recovery", value, {
      maxDisconnectionDuration: "max_disconnection_duration",
      skipMiddlewares: "skip_middlewares",
      packetsMax: "packets_max",
      bytesMax: "bytes_max",
    });
  },

  httpCompression(settings, value) {
    table(settings, "http_compression", value, { threshold: "threshold" });
  },

  perMessageDeflate(settings, value) {
    const level = value.zlibDeflateOptions?.level;
    table(settings, "per_message_deflate", typeof value === "object" ? { ...value, level } : value, {
      threshold: "threshold",
      level: "level",
      serverMaxWindowBits: "window_bits",
    });
  },

  cookie(settings, value) {
    if (typeof value === "string") return void settings.push(["cookie", value]);
    if (value.expires instanceof Date) value = { ...value, expires: value.expires.toUTCString() };
    table(settings, "cookie", value, {
      name: "name",
      path: "path",
      domain: "domain",
      httpOnly: "http_only",
      secure: "secure",
      partitioned: "partitioned",
      sameSite: "same_site",
      priority: "priority",
      maxAge: "max_age",
      expires: "expires",
    });
  },

  cors(settings, value) {
    if (decidesCors(value)) return; // By `sharing`.
    if (typeof value !== "object") return void settings.push(["cors", value ? "true" : "false"]);
    if (value.origin === false) return void settings.push(["cors", "false"]);
    table(settings, "cors", value, {
      origin: "origin",
      methods: "methods",
      allowedHeaders: "allowed_headers",
      exposedHeaders: "exposed_headers",
      credentials: "credentials",
      maxAge: "max_age",
      preflightContinue: "preflight_continue",
      optionsSuccessStatus: "options_success_status",
    });
  },
};

// An option that is a truth or an object; an empty one turns it on.
function table(settings, name, value, keys) {
  if (typeof value !== "object") return void settings.push([name, value ? "true" : "false"]);
  const before = settings.length;
  for (const [key, setting] of Object.entries(keys)) {
    const inner = value[key];
    if (inner !== undefined && inner !== null) settings.push([`${name}.${setting}`, textOf(inner)]);
  }
  if (settings.length === before) settings.push([name, "true"]);
}

function textOf(value) {
  if (Array.isArray(value)) return JSON.stringify(value.map((item) => (item instanceof RegExp ? String(item) : item)));
  return String(value);
}

// ---------------------------------------------------------------------- CORS

// What the protocol guest's regular expressions do not have.
const FOREIGN = /\(\?<?[=!]|\\[1-9k]|\(\?<[^=!]|\\[pPuc]/;

function isForeign(entry) {
  return entry instanceof RegExp && (FOREIGN.test(entry.source) || /[^dgimsu]/.test(entry.flags));
}

// Whether this `cors` has to be decided here, for every request.
export function decidesCors(cors) {
  if (typeof cors === "function") return true;
  if (cors === null || typeof cors !== "object") return false;
  return typeof cors.origin === "function" || [cors.origin].flat().some(isForeign);
}

// JSON text of `cors` options for an answer to `sharing`. Regular expressions that only JavaScript has are tried here.
export function corsJson(options, origin) {
  if (typeof options !== "object" || options === null) return JSON.stringify(options === true);
  let { origin: allowed } = options;
  if ([allowed].flat().some(isForeign)) {
    const entries = [allowed].flat();
    const isFitting = origin !== undefined && entries.some((entry) => isForeign(entry) && new RegExp(entry.source, entry.flags.replace(/[gy]/g, "")).test(origin));
    allowed = entries.filter((entry) => !isForeign(entry));
    if (isFitting) allowed.push(origin);
    if (allowed.length === 0) allowed.push("https://nobody.invalid");
  }
  const plain = (value) => (value instanceof RegExp ? String(value) : Array.isArray(value) ? value.map(plain) : value);
  const made = {};
  for (const [key, value] of Object.entries({ ...options, origin: allowed })) {
    if (typeof value !== "function" && value !== undefined) made[key] = plain(value);
  }
  return JSON.stringify(made);
}
