// The console: every line becomes a line of the host's log. A call costs a bounded amount of work and writes at most
// `LINE_BYTES_MAX`, whatever it is given.

import { N } from "./native.js";
import { formatWithOptions } from "./format.js";
import { inspect, stackOf } from "./inspect.js";
import { isError } from "./types.js";

const [TRACE, DEBUG, INFO, WARN, ERROR] = [0, 1, 2, 3, 4];
// Bytes of a line; the host keeps no more.
const LINE_BYTES_MAX = 8 << 10;
// Names of counters and timers that are kept.
const LABELS_MAX = 1000;
const INDENTS_MAX = 64;

// Text that is not above the bound, with a note of what was left out.
function cut(text) {
  if (text.length * 3 <= LINE_BYTES_MAX) return text;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const pair = code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : pair ? 4 : 3;
    if (bytes + size > LINE_BYTES_MAX - 32) {
      const rest = `… (${text.length - i} more)`;
      return text.length - i <= 10 ? text : text.slice(0, i) + rest;
    }
    bytes += size;
    if (pair) i += 1;
  }
  return text;
}

export function createConsole() {
  const counts = new Map();
  const times = new Map();
  let indent = 0;

  const write = (level, text) => {
    text = cut(text);
    if (indent > 0) {
      const space = " ".repeat(Math.min(indent, INDENTS_MAX));
      text = cut(space + text.replaceAll("\n", `\n${space}`));
    }
    N.log(level, text);
  };

  // What cannot be shown, as a getter or a proxy throws, is no reason to fail.
  const say = (level, args) => {
    let text;
    try {
      if (args.length === 1 && typeof args[0] === "string") text = args[0];
      else text = formatWithOptions({ work: { left: 2 * LINE_BYTES_MAX } }, ...args.slice(0, 1000));
    } catch (error) {
      text = `what was to be logged cannot be shown: ${isError(error) ? error.message : typeof error}`;
    }
    write(level, text);
  };

  const named = (map, label, what) => {
    if (map.size < LABELS_MAX || map.has(label)) return true;
    write(WARN, `console: more than ${LABELS_MAX} ${what} have a label: ${label} is left out`);
    return false;
  };

  const elapsed = (label, method) => {
    const from = times.get(label);
    if (from === undefined) write(WARN, `Warning: No such label '${label}' for console.${method}()`);
    return from === undefined ? undefined : duration(N.now() - from);
  };

  const console = {
    log: (...args) => say(INFO, args),
    info: (...args) => say(INFO, args),
    debug: (...args) => say(DEBUG, args),
    warn: (...args) => say(WARN, args),
    error: (...args) => say(ERROR, args),

    trace(...args) {
      const error = { name: "Trace", message: args.length === 0 ? "" : formatWithOptions({ work: { left: LINE_BYTES_MAX } }, ...args) };
      const here = new Error();
      const lines = stackOf(here).split("\n").filter((line) => /^\s+at /.test(line));
      const head = error.message === "" ? "Trace" : `Trace: ${error.message}`;
      write(TRACE, [head, ...lines.slice(1)].join("\n"));
    },

    assert(holds, ...args) {
      if (holds) return;
      if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
      else args.unshift("Assertion failed");
      say(WARN, args);
    },

    dir: (value, options) => write(INFO, inspect(value, { customInspect: false, ...options, work: { left: 2 * LINE_BYTES_MAX } })),
    dirxml: (...args) => say(INFO, args),

    count(label = "default") {
      label = `${label}`;
      if (!named(counts, label, "counters")) return;
      const count = (counts.get(label) ?? 0) + 1;
      counts.set(label, count);
      write(INFO, `${label}: ${count}`);
    },

    countReset(label = "default") {
      if (!counts.delete(`${label}`)) write(WARN, `Warning: Count for '${label}' does not exist`);
    },

    time(label = "default") {
      label = `${label}`;
      if (times.has(label)) return write(WARN, `Warning: Label '${label}' already exists for console.time()`);
      if (named(times, label, "timers")) times.set(label, N.now());
    },

    timeEnd(label = "default") {
      const text = elapsed(`${label}`, "timeEnd");
      if (text !== undefined) write(INFO, `${label}: ${text}`);
      times.delete(`${label}`);
    },

    timeLog(label = "default", ...args) {
      const text = elapsed(`${label}`, "timeLog");
      if (text !== undefined) say(INFO, [`${String(label).replaceAll("%", "%%")}: ${text}`, ...args]);
    },

    timeStamp() {},
    profile() {},
    profileEnd() {},

    group(...args) {
      if (args.length > 0) say(INFO, args);
      indent += 2;
    },

    groupEnd() {
      indent = Math.max(0, indent - 2);
    },

    table(data, columns) {
      if (data === null || typeof data !== "object") return say(INFO, [data]);
      write(INFO, table(data, columns));
    },
  };
  console.groupCollapsed = console.group;
  Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
  console.Console = function Console() {
    return createConsole();
  };
  return console;
}

function duration(ms) {
  if (ms >= 3_600_000) return clock(ms, 3_600_000, "h:mm:ss.mmm");
  if (ms >= 60_000) return clock(ms, 60_000, "m:ss.mmm");
  if (ms >= 1000) return `${(ms / 1000).toFixed(3)}s`;
  return `${Number(ms.toFixed(3))}ms`;
}

function clock(ms, unit, form) {
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  const seconds = ((ms % 60_000) / 1000).toFixed(3).padStart(6, "0");
  const minutes = unit === 3_600_000 ? `${two((ms % 3_600_000) / 60_000)}:` : "";
  return `${Math.floor(ms / unit)}:${minutes}${seconds} (${form})`;
}

// Rows that a table shows; more are counted.
const ROWS_MAX = 100;
const COLUMNS_MAX = 30;

function table(data, columns) {
  const cell = (value) => {
    const shallow = typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 2;
    return inspect(value, { maxArrayLength: 3, breakLength: Infinity, depth: shallow ? -1 : 0, work: { left: 200 } });
  };
  const isMap = data instanceof Map;
  const isSet = data instanceof Set;
  const rows = isMap ? [...data] : isSet ? [...data].map((value, i) => [i, value]) : Object.keys(data).map((key) => [key, data[key]]);
  const names = [];
  const keys = new Set();
  let plain = false;
  const shown = rows.slice(0, ROWS_MAX).map(([key, value], i) => {
    const cells = new Map();
    const inner = typeof value === "object" && value !== null && !isMap ? value : undefined;
    if (inner === undefined) {
      plain = true;
      cells.set(keys, cell(value));
    } else {
      const fields = columns ?? Object.keys(inner);
      for (const name of fields.slice(0, COLUMNS_MAX)) {
        if (keys.size < COLUMNS_MAX) keys.add(name);
        if (Object.hasOwn(inner, name)) cells.set(name, cell(inner[name]));
      }
    }
    names.push(isMap ? String(i) : String(key));
    if (isMap) cells.set(rows, cell(key));
    return cells;
  });
  const fields = [...(isMap ? [rows] : []), ...keys, ...(plain ? [keys] : [])];
  const heads = [isMap || isSet ? "(iteration index)" : "(index)", ...fields.map((field) => (field === rows ? "Key" : field === keys ? "Values" : field))];
  const lines = shown.map((cells, i) => [names[i], ...fields.map((field) => cells.get(field) ?? "")]);
  const text = draw(heads, lines);
  return rows.length > ROWS_MAX ? `${text}\n... ${rows.length - ROWS_MAX} more rows` : text;
}

function draw(heads, lines) {
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i].length)) + 2);
  const bar = (left, middle, right) => left + widths.map((width) => "─".repeat(width)).join(middle) + right;
  const row = (cells) =>
    `│${cells
      .map((cell, i) => {
        const left = Math.floor((widths[i] - cell.length) / 2);
        return " ".repeat(left) + cell + " ".repeat(widths[i] - cell.length - left);
      })
      .join("│")}│`;
  return [bar("┌", "┬", "┐"), row(heads), bar("├", "┼", "┤"), ...lines.map(row), bar("└", "┴", "┘")].join("\n");
}
