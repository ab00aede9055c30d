// Where a server is known, and meant, to behave differently: the test, the server, the reason.
//
// Read by support.mjs, which skips the test for that server and prints the reason. `server` is what
// HOLDFAST_PEER says: `holdfast` (default) or `reference` (socket.io on Node, by reference.mjs).

/** @type {{ server: "holdfast" | "reference", test: string, reason: string }[]} */
export const DIFFERENCES = [
  {
    server: "holdfast",
    test: "the connection ends: a binary event with no attachments",
    reason: "it is delivered; the reference closes since parser 4.2.7, earlier ones delivered it",
  },
  {
    server: "reference",
    test: "Accept-Encoding: gzip, deflate, br, zstd",
    reason: "it takes the first coding that the client names; Holdfast takes the smallest of those it likes equally",
  },
  ...["two", "one of a small window", "one that zlib cannot keep to"].map((offer) => ({
    server: "reference",
    test: `an offer: ${offer}`,
    reason: "it keeps a window between messages unless the client declines that; it takes server_max_window_bits=8",
  })),
  {
    server: "reference",
    test: "an offer: one that must be declined before another",
    reason: "it refuses the upgrade; RFC 7692 §5.1 has such an offer declined",
  },
];
