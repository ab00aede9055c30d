//! Who comes and goes, and where: rooms that come to be, clients that leave.

use holdfast_sdk::{Ack, Io, Namespace, RoomEvent, Socket, json};

/// Who is in here hears `rooms:event`.
const ROOM_WATCHERS: &str = "watch:rooms";
/// Who is in here hears `goodbye`.
const GOODBYE_WATCHERS: &str = "watch:goodbye";

/// Tells the watchers what happens to rooms, if `DEMO_ROOMS` is set: it costs something for every
/// client that comes and goes.
pub(super) fn attach_rooms(io: &Io, lab: &Namespace) {
    if !crate::is_set(io, "DEMO_ROOMS") {
        return;
    }
    lab.on_room(|lab, event, room, id| {
        lab.to(ROOM_WATCHERS)
            .emit("rooms:event", (name(event), room, id));
    });
}

/// In the words of Socket.IO.
fn name(event: RoomEvent) -> &'static str {
    match event {
        RoomEvent::Created => "create-room",
        RoomEvent::Joined => "join-room",
        RoomEvent::Left => "leave-room",
        RoomEvent::Deleted => "delete-room",
    }
}

/// Attaches `rooms:watch` and `goodbye:watch`.
pub(super) fn attach(socket: &Socket) {
    socket.on_ack("rooms:watch", |socket, (), ack: Ack| {
        socket.join(ROOM_WATCHERS);
        ack.send(json!({ "ok": crate::is_set(&socket.io(), "DEMO_ROOMS") }));
    });
    socket.on_ack("goodbye:watch", |socket, (), ack: Ack| {
        socket.join(GOODBYE_WATCHERS);
        ack.send(());
    });
    socket.on_disconnecting(|socket, reason| {
        let goodbye = json!({ "id": socket.id(), "reason": reason, "rooms": socket.rooms() });
        socket.to(GOODBYE_WATCHERS).emit("goodbye", goodbye);
    });
}
