// The reference server with the demo app and these options; prints its address.
//
//   node differential/reference.mjs '{"allowEIO3":true}'
//
// Started by servers.mjs. What a hostile client makes it throw is printed and survived: the comparison
// goes on, and says what the client saw.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { attach } from "../demo.mjs";

process.on("uncaughtException", (error) => console.error(`threw: ${String(error.stack).split("\n").slice(0, 2).join(" ")}`));

const options = revive(JSON.parse(process.argv[2]));
if (options.parser === "msgpack") options.parser = (await import("socket.io-msgpack-parser")).default;
// What is not the protocol's is answered as Holdfast's host does.
const server = createServer((_, response) => response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("nothing is here"));
attach(new Server(server, options));
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));

/** Regular expressions cannot be written in JSON. */
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if (value.regexp) return new RegExp(value.regexp);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
}
