// `io.engine`: what of Engine.IO's server a script can hear and count. Sessions are the protocol guest's; what cannot be
// had here says so when it is asked for.

import { EventEmitter } from "./emitter.js";
import { rt, warnOnce } from "./state.js";

const TOLD = new Set(["connection", "connection_error", "headers", "initial_headers", "close", "newListener", "removeListener"]);
const AT_START = new Set(["connection_error", "headers", "initial_headers"]);

export class Engine extends EventEmitter {
  constructor(opts) {
    super();
    this.opts = opts;
  }

  // The sessions that have sockets of this instance.
  get clientsCount() {
    return rt.clients.size;
  }

  get clients() {
    const clients = {};
    for (const client of rt.clients.values()) clients[client.id] = client.conn;
    return clients;
  }

  use() {
    throw new Error(
      "io.engine.use is not available: the node answers HTTP requests itself. Use io.use or the option allowRequest to " +
        "decide about clients, and the event headers of io.engine to set headers",
    );
  }

  generateId() {
    throw new Error("io.engine.generateId is not available: the node draws the ids of sessions");
  }

  handleRequest() {
    throw new Error("io.engine.handleRequest is not available: the node answers HTTP requests itself");
  }

  handleUpgrade() {
    throw new Error("io.engine.handleUpgrade is not available: the node answers HTTP requests itself");
  }

  attach() {
    return this;
  }

  close() {
    for (const client of [...rt.clients.values()]) client._close();
    return this;
  }

  _listening(event) {
    if (!TOLD.has(event)) {
      warnOnce("engine:" + String(event), `io.engine.on("${String(event)}"): the node tells of no such event, it will not be called`);
    } else if (rt.started && AT_START.has(event) && !rt.asked.has(event)) {
      warnOnce("engine:" + event, `io.engine.on("${event}") counts only at the top of the script`);
    }
  }
}
