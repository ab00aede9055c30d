//! What happens to rooms, for who listens (Socket.IO adapter events `create-room`, `join-room`, …).
//!
//! The node tells it shard by shard. A room comes to be when its first socket joins on any shard, and
//! is gone when its last one has left on all: the sockets are counted here. After a crash or a swap the
//! counts are taken from the sockets that are resumed, and nothing is told of them.

use crate::Namespace;
use crate::bindings::exports::holdfast::edge::types::{Resumed, RoomChange, RoomEvent};
use crate::limits::ROOMS_HEARD_MAX;
use crate::log::error;
use crate::runtime::Runtime;
use crate::scope::Scope;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Takes what happened to a room: the room, and the id of the socket that joined or left.
pub(crate) type OnRoom = Rc<dyn Fn(&Namespace, RoomEvent, &str, Option<&str>)>;

/// How many sockets are in each room, by namespace and room.
#[derive(Default)]
pub(crate) struct RoomCounts {
    sockets: RefCell<BTreeMap<(String, String), u64>>,
    is_full: Cell<bool>,
}

impl RoomCounts {
    /// A socket has joined. Whether it is the first.
    fn join(&self, namespace: &str, room: &str) -> bool {
        let mut sockets = self.sockets.borrow_mut();
        let key = (namespace.to_owned(), room.to_owned());
        if let Some(count) = sockets.get_mut(&key) {
            *count += 1;
            return false;
        }
        if sockets.len() >= ROOMS_HEARD_MAX {
            if !self.is_full.replace(true) {
                error!(
                    "on_room: {ROOMS_HEARD_MAX} rooms are the limit; further ones are not told when they come and go"
                );
            }
            return false;
        }
        sockets.insert(key, 1);
        true
    }

    /// A socket has left. Whether it was the last.
    fn leave(&self, namespace: &str, room: &str) -> bool {
        let mut sockets = self.sockets.borrow_mut();
        let key = (namespace.to_owned(), room.to_owned());
        let Some(count) = sockets.get_mut(&key) else {
            return false;
        };
        *count = count.saturating_sub(1);
        let is_empty = *count == 0;
        if is_empty {
            sockets.remove(&key);
        }
        is_empty
    }
}

impl Runtime {
    /// Somebody listens: the manifest says so.
    pub(crate) fn hear_rooms(&self) {
        if self.is_started() && !self.hears_rooms.get() {
            error!("on_room counts only if somebody listens to rooms when the app starts");
        } else {
            self.hears_rooms.set(true);
        }
    }

    pub(crate) fn handle_room(self: &Rc<Self>, change: RoomChange) {
        let RoomChange {
            namespace,
            room,
            change,
            socket,
        } = change;
        let (before, after) = match change {
            RoomEvent::Joined => (self.rooms.join(&namespace, &room), false),
            RoomEvent::Left => (false, self.rooms.leave(&namespace, &room)),
            // Of one shard: another may have the room as well.
            RoomEvent::Created | RoomEvent::Deleted => return,
        };
        let Some(handlers) = self.namespaces.borrow().get(&namespace).cloned() else {
            return;
        };
        let namespace = Namespace::new(Rc::clone(self), Rc::clone(&handlers));
        let id = socket.as_ref().map(|(_, id)| id.as_str());
        let tell = |event, id| {
            for call in handlers.room_handlers() {
                let scope = Scope::Room(namespace.name().into());
                self.within(scope, || call(&namespace, event, &room, id));
            }
        };
        if before {
            tell(RoomEvent::Created, None);
        }
        tell(change, id);
        if after {
            tell(RoomEvent::Deleted, None);
        }
    }

    /// A socket is there from before this instance began.
    pub(crate) fn count_rooms(&self, resumed: &Resumed) {
        if self.hears_rooms.get() {
            for room in &resumed.rooms {
                self.rooms.join(&resumed.info.namespace, room);
            }
        }
    }
}
