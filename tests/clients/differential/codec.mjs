// Engine.IO payloads of both revisions, as a client writes and reads them.
//
// Used by player.mjs. A packet is a string ("42[…]"), or a Buffer for a binary message.

export const SEPARATOR = "\x1e";

/** What differs between the revisions of Engine.IO. */
export const REVISIONS = {
  4: {
    payload: (packets) => packets.map((packet) => (typeof packet === "string" ? packet : `b${packet.toString("base64")}`)).join(SEPARATOR),
    packets: (body) =>
      body
        .toString()
        .split(SEPARATOR)
        .map((packet) => (packet[0] === "b" ? Buffer.from(packet.slice(1), "base64") : packet)),
    toFrame: (packet) => Buffer.from(packet),
    fromFrame: (bytes) => bytes,
  },
  3: {
    payload: (packets) =>
      packets
        .map((packet) => (typeof packet === "string" ? packet : `b4${packet.toString("base64")}`))
        .map((packet) => `${packet.length}:${packet}`)
        .join(""),
    packets: (body, binary) => (binary ? packets3(body) : texts3(body.toString())),
    toFrame: (packet) => (typeof packet === "string" ? Buffer.from(packet) : Buffer.concat([Buffer.from([4]), packet])),
    fromFrame: (bytes) => bytes.subarray(1),
  },
};

/** `<length>:<packet>…`, lengths in UTF-16 units. */
function texts3(body) {
  const found = [];
  for (let at = 0; at < body.length; ) {
    const colon = body.indexOf(":", at);
    const length = Number(body.slice(at, colon));
    if (colon < 0 || !Number.isInteger(length)) return [...found, `not a payload: ${body.slice(at)}`];
    const packet = body.slice(colon + 1, colon + 1 + length);
    found.push(packet.startsWith("b4") ? Buffer.from(packet.slice(2), "base64") : packet);
    at = colon + 1 + length;
  }
  return found;
}

/** `<0 text | 1 binary><digits of the length><255><packet>…` */
function packets3(body) {
  const found = [];
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf(255, at);
    if (end < 0) return [...found, `not a payload: ${body.subarray(at).toString("hex")}`];
    const length = Number([...body.subarray(at + 1, end)].join(""));
    const packet = body.subarray(end + 1, end + 1 + length);
    found.push(body[at] === 0 ? packet.toString() : packet.subarray(1));
    at = end + 1 + length;
  }
  return found;
}
