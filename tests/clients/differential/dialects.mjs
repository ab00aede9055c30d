// How the Socket.IO packets of a configuration are written and read, where it is not the default parser.
//
// Used by run.mjs, which hands it to the player.

/** { pack, unpack, offsets } */
export async function dialect({ parser, offsets = false }) {
  if (parser !== "msgpack") return { offsets };
  const { decode, encode } = (await import("notepack.io")).default;
  const unpack = (bytes) => {
    try {
      const said = decode(bytes);
      return typeof said?.type === "number" ? said : null;
    } catch {
      return null;
    }
  };
  return { offsets, pack: (packet) => Buffer.from(encode(withBytes(packet))), unpack };
}

/** Bytes are written as { $b: base64 } in programs. */
function withBytes(value) {
  if (Array.isArray(value)) return value.map(withBytes);
  if (value === null || typeof value !== "object") return value;
  if ("$b" in value) return Buffer.from(value.$b, "base64");
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withBytes(inner)]));
}
