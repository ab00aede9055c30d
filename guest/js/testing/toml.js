// Settings as the text of a config file. Used by index.js.

/** Names with dots and their values: `{ "protocol.ping_interval": 300 }`. */
export function toml(settings) {
  const lines = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.split(".").map(text).join(".")} = ${literal(name, value)}`);
  return `${lines.join("\n")}\n`;
}

function literal(name, value) {
  if (typeof value === "string") return text(value);
  if (typeof value === "boolean" || Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => literal(name, item)).join(", ")}]`;
  throw new TypeError(`the setting ${name} is neither text, a number, true or false, nor a list of such`);
}

/** JSON's strings are TOML's, but for one character. */
function text(value) {
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}
