// Where a server is known, and meant, to behave differently: the test, the server, the reason.
//
// Read by support.mjs, which skips the test for that server and prints the reason. `server` is what
// HOLDFAST_PEER says: `holdfast` (default) or `reference` (socket.io on Node, by reference.mjs).

/** @type {{ server: "holdfast" | "reference", test: string, reason: string }[]} */
export const DIFFERENCES = [
  {
    server: "holdfast",
    test: "answers that are worth it are compressed for who asks",
    reason: "answers to polls are not compressed; an operator's proxy may",
  },
  {
    server: "holdfast",
    test: "the connection ends: attachments without a number",
    reason: "`5-` announces no attachments, as in the reference, where it breaks the next packet; here it is delivered",
  },
  {
    server: "holdfast",
    test: "attachments may be fewer or in another order in the text than announced",
    reason: "an app passes arguments on unread, with their numbering; what a client decodes is the same",
  },
  {
    server: "reference",
    test: "Accept-Encoding: gzip, deflate, br, zstd",
    reason: "it takes the first coding that the client names; Holdfast takes the smallest of those it likes equally",
  },
];
