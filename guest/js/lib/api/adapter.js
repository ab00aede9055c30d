// `nsp.adapter`: the rooms of the sockets that this instance serves, and the adapter's events. The protocol guest keeps
// the rooms that count; here they are followed only from the moment a script looks at them. Events are the node's when
// the manifest asked for them, else those of this instance's own sockets.

import { EventEmitter, fire } from "./emitter.js";
import { ROOMS_HEARD_MAX } from "./limits.js";
import { BroadcastOperator } from "./broadcast.js";
import { enter, errorOnce, LOCAL, rt, warnOnce } from "./state.js";

const EVENTS = new Set(["create-room", "delete-room", "join-room", "leave-room"]);

export class Adapter extends EventEmitter {
  constructor(nsp) {
    super();
    this.nsp = nsp;
    this._isTracked = false;
    this._rooms = null;
    this._sids = null;
    // Of the node's events: how many sockets are in each room.
    this._counts = null;
  }

  get rooms() {
    this._track();
    return this._rooms;
  }

  get sids() {
    this._track();
    return this._sids;
  }

  init() {}

  close() {}

  serverCount() {
    return Promise.resolve(rt.instances);
  }

  addAll(id, rooms) {
    this.nsp.sockets.get(id)?.join([...rooms]);
  }

  del(id, room) {
    this.nsp.sockets.get(id)?.leave(room);
  }

  delAll(id) {
    const socket = this.nsp.sockets.get(id);
    for (const room of [...(socket?.rooms ?? [])]) socket.leave(room);
  }

  socketRooms(id) {
    return this.nsp.sockets.get(id)?.rooms;
  }

  sockets(rooms) {
    return this._operator({ rooms }).allSockets();
  }

  fetchSockets(opts) {
    return this._operator(opts).fetchSockets();
  }

  addSockets(opts, rooms) {
    this._operator(opts).socketsJoin(rooms);
  }

  delSockets(opts, rooms) {
    this._operator(opts).socketsLeave(rooms);
  }

  disconnectSockets(opts, close) {
    this._operator(opts).disconnectSockets(close);
  }

  broadcast(packet, opts) {
    this._operator(opts).emit(...packet.data);
  }

  serverSideEmit(packet) {
    this.nsp.serverSideEmit(...packet);
  }

  _operator({ rooms = [], except = [], flags = {} }) {
    const made = new BroadcastOperator(this.nsp, [...rooms], [...except], flags.local ? LOCAL : 0, flags.timeout, false);
    return flags.volatile ? made.volatile : made;
  }

  _listening(event) {
    if (!EVENTS.has(event)) return;
    if (!rt.started) {
      rt.hearsRooms = true;
    } else if (!rt.hearsRooms) {
      this._track();
      if (rt.instances > 1) {
        warnOnce(
          "rooms",
          "adapter events: nobody listened to them when the script began, so only this instance's sockets are told of; " +
            "listen at the top of the script to hear of all",
        );
      }
    }
  }

  // ------------------------------------------------------------------ the sockets of this instance

  // From now on `_rooms` and `_sids` are kept.
  _track() {
    if (this._isTracked) return;
    this._isTracked = true;
    this._rooms = new Map();
    this._sids = new Map();
    for (const [id, socket] of this.nsp.sockets) {
      this._sids.set(id, socket.rooms);
      for (const room of socket.rooms) this._put(room, id);
    }
  }

  _put(room, id) {
    const ids = this._rooms.get(room);
    if (ids !== undefined) {
      if (ids.has(id)) return false;
      ids.add(id);
      return false;
    }
    this._rooms.set(room, new Set([id]));
    return true;
  }

  _joined(socket, room) {
    if (this.nsp.sockets.get(socket.id) !== socket) return; // Not let in yet.
    const isNew = this._put(room, socket.id);
    if (rt.hearsRooms) return;
    if (isNew) fire(this, "create-room", [room]);
    fire(this, "join-room", [room, socket.id]);
  }

  _left(socket, room) {
    const ids = this._rooms.get(room);
    if (ids === undefined || !ids.delete(socket.id)) return;
    if (ids.size === 0) this._rooms.delete(room);
    if (rt.hearsRooms) return;
    fire(this, "leave-room", [room, socket.id]);
    if (ids.size === 0) fire(this, "delete-room", [room]);
  }

  // A socket is let in.
  _entered(socket) {
    const before = socket.rooms;
    before.add(socket.id);
    this._sids.set(socket.id, before);
    this.nsp.sockets.set(socket.id, socket);
    for (const room of before) this._joined(socket, room);
  }

  // A socket is gone.
  _went(socket) {
    if (socket._rooms === null || this._sids.get(socket.id) !== socket._rooms) return;
    this._sids.delete(socket.id);
    for (const room of socket._rooms) this._left(socket, room);
  }

  // The sockets of this instance that an audience has, as far as it knows.
  _select(rooms, except) {
    const { sockets } = this.nsp;
    if (rooms.length === 0 && except.length === 0) return [...sockets.values()];
    this._track();
    const ids = new Set(rooms.length === 0 ? sockets.keys() : undefined);
    for (const room of rooms) for (const id of this._rooms.get(room) ?? []) ids.add(id);
    for (const room of except) for (const id of this._rooms.get(room) ?? []) ids.delete(id);
    const selected = [];
    for (const id of ids) {
      const socket = sockets.get(id);
      if (socket !== undefined) selected.push(socket);
    }
    return selected;
  }

  // ------------------------------------------------------------------ what the node tells

  // A room comes to be when its first socket joins on any shard, and goes when its last has left on all.
  _told(room, change, id) {
    enter("room handler", this.nsp.name, null);
    this._counts ??= new Map();
    const count = this._counts.get(room);
    if (change === "joined") {
      if (count !== undefined) {
        this._counts.set(room, count + 1);
      } else if (heard < ROOMS_HEARD_MAX) {
        heard++;
        this._counts.set(room, 1);
        fire(this, "create-room", [room]);
      } else {
        errorOnce(
          "rooms heard",
          `adapter events: ${ROOMS_HEARD_MAX} rooms are the limit; of further ones it is not told that they come and go`,
        );
      }
      fire(this, "join-room", [room, id]);
    } else if (change === "left") {
      if (count > 1) this._counts.set(room, count - 1);
      else if (count === 1 && this._counts.delete(room)) heard--;
      fire(this, "leave-room", [room, id]);
      if (count === 1) fire(this, "delete-room", [room]);
    }
  }

  // A socket is there from before this instance began: nothing is told of its rooms.
  _count(rooms) {
    this._counts ??= new Map();
    for (const room of rooms) {
      const count = this._counts.get(room);
      if (count !== undefined) this._counts.set(room, count + 1);
      else if (heard < ROOMS_HEARD_MAX && ++heard) this._counts.set(room, 1);
    }
  }
}

// Rooms counted in all namespaces.
let heard = 0;

export function resetAdapters() {
  heard = 0;
}
