// The way in: the engine calls `boot` once with its native functions and gets the hooks that it calls from then on.
// Everything else of lib is reached from here. See "Engine and library" in guest/js/README.md for both sides.

import { acked, counted } from "./api/acks.js";
import { resetAdapters } from "./api/adapter.js";
import { denied, judging, sharing } from "./api/admission.js";
import { BroadcastOperator, RemoteSocket, found } from "./api/broadcast.js";
import { connecting, disconnected, message, resumed } from "./api/dispatch.js";
import { Namespace, ParentNamespace, answered, resetParents, served } from "./api/namespace.js";
import { beginWriting, decode, watchBinary } from "./api/payload.js";
import { Server } from "./api/server.js";
import { RESERVED_EVENTS, Socket, keepTouched } from "./api/socket.js";
import { enter, reset, rt, where } from "./api/state.js";

// What `import … from "holdfast"` gives, and `require` too: a function that makes a Server, with or without `new`, and
// that has all exports as properties.
export function api(srv, opts) {
  return new Server(srv, opts);
}
Object.assign(api, { Server, Namespace, Socket, BroadcastOperator, RemoteSocket, ParentNamespace, RESERVED_EVENTS });
api.default = api;

const none = {};

// `install` makes the environment: see lib/env/index.js.
export function boot(N, install) {
  const env = install?.(N) ?? none;
  const { setTimeout, clearTimeout } = env.setTimeout === undefined ? globalThis : env;
  reset(N, { setTimeout, clearTimeout });
  resetAdapters();
  resetParents();
  watchBinary();

  // Before an event: what functions changed after they had waited for something is looked at.
  const begin = () => {
    beginWriting();
    if (rt.touchedBefore.length > 0 || rt.touched.length > 0) keepTouched();
  };
  const restore = (args, attachments) => (attachments === undefined ? args : decode(args, attachments));

  return {
    ...env,

    start(context) {
      Object.assign(rt, {
        name: context.name,
        shards: Math.max(1, context.shards),
        instances: Math.max(1, context.instances),
        place: context.place,
      });
      enter("start", null, null);
      env.start?.(context);
    },

    manifest() {
      const server = rt.server ?? new Server();
      const manifest = { name: rt.name, version: "", ...server._manifest() };
      rt.asked = new Set([
        ...(manifest.judges ? ["headers", "initial_headers"] : []),
        ...(manifest.denials ? ["connection_error"] : []),
      ]);
      rt.started = true;
      return manifest;
    },

    connecting(h, info, recovered) {
      begin();
      connecting(h, info, recovered);
    },

    resumed(h, info, rooms, data) {
      begin();
      resumed(h, info, rooms, data);
    },

    message(h, args, attachments, ack) {
      begin();
      message(h, args, attachments, ack);
    },

    acked(h, ack, args, attachments) {
      begin();
      acked(h, ack, restore(args, attachments));
    },

    counted(ack, receivers) {
      counted(ack, receivers);
    },

    disconnected(h, reason, rooms) {
      begin();
      disconnected(h, reason, rooms);
    },

    found(token, sockets) {
      begin();
      enter("fetchSockets", null, null);
      found(token, sockets);
    },

    served(namespace, args, attachments, place, token) {
      begin();
      served(namespace, restore(args, attachments), place, token);
    },

    answered(token, args, attachments) {
      begin();
      answered(token, restore(args, attachments));
    },

    judging(token, handshake) {
      begin();
      judging(token, handshake);
    },

    sharing(token, handshake) {
      begin();
      sharing(token, handshake);
    },

    denied(handshake, code, text, context) {
      begin();
      denied(handshake, code, text, context);
    },

    room(namespace, room, change, id) {
      rt.server._nsps.get(namespace)?.adapter._told(room, change, id);
    },

    timer(id) {
      begin();
      enter("timer", null, null);
      env.timer?.(id);
    },

    fetched(token, status, headers, body) {
      begin();
      enter("fetch", null, null);
      env.fetched?.(token, status, headers, body);
    },

    fetchFailed(token, text) {
      begin();
      enter("fetch", null, null);
      env.fetchFailed?.(token, text);
    },

    stopping() {
      begin();
      enter("stopping", null, null);
      env.stopping?.();
    },

    where,

    module(name) {
      return name === "holdfast" ? api : env.module?.(name);
    },
  };
}
