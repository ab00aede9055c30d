//! Sockets move between rooms, and the apps that want to hear of it do (reference: the in-memory
//! adapter's `addAll`, `del` and `delAll`, with their events).
//!
//! A room is there from its first socket to its last one, on this shard. Of a socket that is gone the
//! app hears `disconnected` first and then of each room that it left: the reference empties the rooms
//! after `disconnecting`.

use super::Sockets;
use super::namespace::Namespace;
use super::peer::{self, Socket, Stage};
use crate::answer::Answer;
use crate::budget::Kind;
use crate::contract::{
    AppEvent, Level, RoomChange, RoomEvent, Session as SessionNumber, Socket as SocketNumber,
};
use crate::engine::Engine;
use crate::limits::{ROOM_BYTES_MAX, ROOMS_PER_SOCKET_MAX};
use crate::reason::Reason;

impl Sockets {
    /// Puts sockets into rooms, as far as the limits allow it.
    pub(super) fn join(
        &mut self,
        numbers: &[SocketNumber],
        rooms: &[String],
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let mut refused = 0;
        for number in numbers {
            refused += self.join_one(*number, rooms, engine, answer);
        }
        if refused > 0 {
            let text = format!(
                "{refused} times a socket was not joined to a room: at most {ROOMS_PER_SOCKET_MAX} rooms, names \
                 of at most {ROOM_BYTES_MAX} bytes, and as much memory as there is"
            );
            answer.log(Level::Warn, text);
        }
    }

    /// Gives the number of rooms that the socket could not be joined to.
    fn join_one(
        &mut self,
        number: SocketNumber,
        rooms: &[String],
        engine: &mut Engine,
        answer: &mut Answer,
    ) -> usize {
        let (session, slot) = peer::parts(number);
        let socket = self
            .peers
            .get_mut(&session)
            .and_then(|peer| peer.socket_mut(slot))
            .filter(|socket| socket.stage == Stage::Connected);
        let Some(socket) = socket else {
            return 0;
        };
        let Some(namespace) = self.namespaces.find_mut(&socket.namespace) else {
            return 0;
        };
        let hears = self.apps.hears_rooms(socket.app);
        let before = socket.rooms.len();
        let mut refused = 0;
        for name in rooms {
            let room = socket.room(name);
            if socket.rooms.contains(&room) {
                continue;
            }
            if name.len() > ROOM_BYTES_MAX
                || socket.rooms.len() > ROOMS_PER_SOCKET_MAX
                || !engine.take(Kind::Kept, room.held())
            {
                refused += 1;
                continue;
            }
            if hears {
                tell_joined(number, socket, namespace, name, answer);
            }
            let room = namespace.join(number, socket.id, room);
            if let Some(recovery) = &self.recovery {
                recovery.note_move(socket, true, room.clone(), &mut engine.budget);
            }
            socket.rooms.push(room);
        }
        if socket.rooms.len() != before {
            engine.mark(session);
        }
        refused
    }

    /// Takes a socket out of rooms.
    pub(super) fn leave(
        &mut self,
        number: SocketNumber,
        rooms: &[String],
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let (session, slot) = peer::parts(number);
        let socket = self
            .peers
            .get_mut(&session)
            .and_then(|peer| peer.socket_mut(slot))
            .filter(|socket| socket.stage == Stage::Connected);
        let Some(socket) = socket else {
            return;
        };
        let Some(namespace) = self.namespaces.find_mut(&socket.namespace) else {
            return;
        };
        let hears = self.apps.hears_rooms(socket.app);
        let before = socket.rooms.len();
        for name in rooms {
            let room = socket.room(name);
            if let Some(at) = socket.rooms.iter().position(|joined| *joined == room) {
                namespace.leave(number, socket.id, &room);
                socket.rooms.remove(at);
                engine.budget.release(Kind::Kept, room.held());
                if let Some(recovery) = &self.recovery {
                    recovery.note_move(socket, false, room, &mut engine.budget);
                }
                if hears {
                    tell_left(number, socket, namespace, name, answer);
                }
            }
        }
        if socket.rooms.len() != before {
            engine.mark(session);
        }
    }

    /// A socket is admitted, and in the room of its own id.
    pub(super) fn enter(&mut self, number: SocketNumber, answer: &mut Answer) {
        let (session, slot) = peer::parts(number);
        let Some(socket) = self.peers.get(&session).and_then(|peer| peer.socket(slot)) else {
            return;
        };
        let hears = self.apps.hears_rooms(socket.app);
        let namespace = self.namespaces.enter(number, socket);
        for room in &socket.rooms {
            if hears {
                tell_joined(number, socket, namespace, &socket.room_name(room), answer);
            }
            namespace.join(number, socket.id, room.clone());
        }
    }

    /// A socket is gone from its session: its app hears so, if there is something to tell, and it leaves
    /// its rooms.
    pub(super) fn exit(
        &mut self,
        session: SessionNumber,
        socket: &Socket,
        tell: Option<Reason>,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let number = peer::number(session, socket.slot);
        engine.budget.release(Kind::Sockets, socket.held());
        engine.budget.release(Kind::Kept, socket.kept());
        let connected = socket.stage == Stage::Connected;
        if let Some(recovery) = &mut self.recovery {
            // One that comes back and was not let in may try again (reference: the session is kept).
            let returns = if connected {
                tell.is_some_and(Reason::is_recoverable)
            } else {
                socket.recovered
            };
            if returns && socket.pid != 0 {
                recovery.retire(number, socket);
            }
            if socket.asking > 0 {
                recovery.give_back(number);
            }
        }
        // Of one that waits for other shards, the app has not heard.
        if let Some(reason) = tell.filter(|_| socket.asking == 0) {
            answer.dispatch(
                socket.app,
                AppEvent::Disconnected(socket.departed(session, reason)),
            );
            if connected
                && self.apps.hears_rooms(socket.app)
                && let Some(namespace) = self.namespaces.find_mut(&socket.namespace)
            {
                for room in &socket.rooms {
                    namespace.leave(number, socket.id, room);
                    tell_left(number, socket, namespace, &socket.room_name(room), answer);
                }
            }
        }
        self.namespaces.remove(number, socket);
    }
}

/// A socket is about to join a room.
fn tell_joined(
    number: SocketNumber,
    socket: &Socket,
    namespace: &Namespace,
    room: &str,
    answer: &mut Answer,
) {
    if !namespace.is_inhabited(room) {
        tell(socket, room, RoomEvent::Created, None, answer);
    }
    tell(socket, room, RoomEvent::Joined, Some(number), answer);
}

/// A socket has left a room.
fn tell_left(
    number: SocketNumber,
    socket: &Socket,
    namespace: &Namespace,
    room: &str,
    answer: &mut Answer,
) {
    tell(socket, room, RoomEvent::Left, Some(number), answer);
    if !namespace.is_inhabited(room) {
        tell(socket, room, RoomEvent::Deleted, None, answer);
    }
}

fn tell(
    socket: &Socket,
    room: &str,
    change: RoomEvent,
    who: Option<SocketNumber>,
    answer: &mut Answer,
) {
    answer.dispatch(
        socket.app,
        AppEvent::Room(RoomChange {
            namespace: socket.namespace.to_string(),
            room: room.to_owned(),
            change,
            socket: who.map(|number| (number, socket.id_text())),
        }),
    );
}
