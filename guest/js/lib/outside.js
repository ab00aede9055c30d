// What `import … from "holdfast"` gives outside of Holdfast, in plain Node: the names, so that editors and bundlers find
// them, and an error that says what to do. Inside, the engine gives lib/boot.js's `api` in its place.

function refuse(name) {
  throw new Error(
    `${name}: scripts that use holdfast are run by it: use \`holdfast run app.ts\`, or test with "holdfast/testing"`,
  );
}

const outside = (name) =>
  class {
    constructor() {
      refuse(name);
    }
  };

export const Server = outside("new Server()");
export const Namespace = outside("new Namespace()");
export const ParentNamespace = outside("new ParentNamespace()");
export const Socket = outside("new Socket()");
export const BroadcastOperator = outside("new BroadcastOperator()");
export const RemoteSocket = outside("new RemoteSocket()");

export const RESERVED_EVENTS = new Set([
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]);

export default function holdfast() {
  refuse("holdfast()");
}
