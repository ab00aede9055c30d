// What every client has to do, over every transport it has, and which clients there are.
//
// Read by run.mjs, which hands the names of the scenarios to each client's program; that program prints a line for
// each: `ok WAY SCENARIO` or `not WAY SCENARIO: why`. What a client cannot do is not asked of it, with the reason.

import { fileURLToPath } from "node:url";

/** name → what is shown by it. The demo app (guest/apps/demo) is on the other side. */
export const SCENARIOS = {
  connect: "connects, and the server knows it by the same id; after an upgrade it is on a WebSocket",
  namespace: "joins /echo and /admin as well, with auth and a query, which the server sees",
  eager: "what is emitted before the server has let the client in arrives too",
  text: "text with characters of all lengths comes back as it was",
  order: "100 events come back in order",
  binary: "binary values, nested in others, go both ways",
  acks: "acknowledgements both ways, with several arguments",
  rooms: "who is in a room hears what is said there, others do not; a broadcast is not heard by its sender",
  "server disconnect": "the server ends the socket, and the client says that the server did",
  "client disconnect": "the client leaves and comes back as another socket",
  cut: "the TCP connections are cut; the client comes back by itself and goes on",
  refused: "a namespace's refusal arrives with its message and data",
  large: "a message of one megabyte comes back",
  burst: "200 KB of events at once, to a server that takes 50 KB in a POST, arrive in order",
};

export const WAYS = ["polling", "websocket", "upgrade"];

const PYTHON = new URL("../../../target/matrix-venv/bin/python", import.meta.url);
const NATIVE = new URL("../../../target/native-client/debug/holdfast-matrix-native", import.meta.url);
const OLD_BURST = "it sends all that waits in one POST: splitting by maxPayload came with 4.5";

/** The clients: how each is run, what it needs (a file, or a word for `prepare`), what it cannot do, what it does in part. */
export const CLIENTS = [
  { name: "socket.io-client 4.8", run: ["node", "matrix/node.mjs", "socket.io-client"], needs: "node_modules/socket.io-client" },
  { name: "socket.io-client 3.1", run: ["node", "matrix/node.mjs", "socket.io-client-3"], needs: "node_modules/socket.io-client-3", cannot: { "polling burst": OLD_BURST, "upgrade burst": OLD_BURST } },
  { name: "socket.io-client 2.5", run: ["node", "matrix/node.mjs", "socket.io-client-2"], needs: "node_modules/socket.io-client-2", cannot: { "polling burst": OLD_BURST, "upgrade burst": OLD_BURST } },
  {
    name: "python-socketio 5.18",
    run: [fileURLToPath(PYTHON), "matrix/client.py"],
    needs: "../../target/matrix-venv/installed",
    cannot: { "polling burst": "it sends what waits in one POST, whatever maxPayload says" },
  },
  {
    name: "rust_socketio 0.6",
    run: [fileURLToPath(NATIVE)],
    needs: "../../target/native-client/debug/holdfast-matrix-native",
    cannot: {
      "websocket eager": "it sends without having been let in, which ends a session on every server",
      "upgrade eager": "it sends without having been let in, which ends a session on every server",
    },
    partly: "binary: one value at the top is all it takes; acks: only the server's, it cannot give any; burst: it makes a POST of each packet",
  },
];
