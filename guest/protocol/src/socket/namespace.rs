//! Who is where: the connected sockets of each namespace, by number, by public id and by room. An
//! index over what `peer.rs` remembers, rebuilt by a restore. Iterated in ascending order only.

use super::peer::{self, Room, Socket};
use crate::contract::{Audience, Socket as SocketNumber};
use crate::numbers::NumberMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The namespaces that somebody is in.
#[derive(Default)]
pub struct Namespaces(BTreeMap<Arc<str>, Namespace>);

/// The connected sockets of one namespace.
pub struct Namespace {
    name: Arc<str>,
    sockets: BTreeSet<SocketNumber>,
    /// Those that are in the room named by their own id.
    own: NumberMap<u128, SocketNumber>,
    rooms: BTreeMap<Arc<str>, BTreeSet<SocketNumber>>,
}

impl Namespaces {
    /// Takes a connected socket in; its rooms are to be joined.
    pub fn enter(&mut self, number: SocketNumber, socket: &Socket) -> &mut Namespace {
        let name = &socket.namespace;
        let namespace = self
            .0
            .entry(Arc::clone(name))
            .or_insert_with(|| Namespace::new(Arc::clone(name)));
        namespace.sockets.insert(number);
        namespace
    }

    /// Takes a connected socket out.
    pub fn remove(&mut self, number: SocketNumber, socket: &Socket) {
        let Some(namespace) = self.0.get_mut(&socket.namespace) else {
            return;
        };
        namespace.sockets.remove(&number);
        for room in &socket.rooms {
            namespace.leave(number, socket.id, room);
        }
        if namespace.sockets.is_empty() {
            self.0.remove(&socket.namespace);
        }
    }

    /// A namespace that somebody is in.
    pub fn find(&self, name: &str) -> Option<&Namespace> {
        self.0.get(name)
    }

    /// A namespace that somebody is in.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Namespace> {
        self.0.get_mut(name)
    }
}

impl Namespace {
    fn new(name: Arc<str>) -> Namespace {
        Namespace {
            name,
            sockets: BTreeSet::new(),
            own: NumberMap::default(),
            rooms: BTreeMap::new(),
        }
    }

    /// Puts a socket into a room. Gives the room with the name that all in it share.
    pub fn join(&mut self, number: SocketNumber, id: u128, room: Room) -> Room {
        match room {
            Room::Own => {
                self.own.insert(id, number);
                Room::Own
            }
            Room::Named(name) => {
                let entry = self.rooms.entry(name);
                let name = Arc::clone(entry.key());
                entry.or_default().insert(number);
                Room::Named(name)
            }
        }
    }

    /// Whether anybody is in the room of this name.
    pub fn is_inhabited(&self, room: &str) -> bool {
        self.rooms.contains_key(room) || self.own_room(room).is_some()
    }

    /// Takes a socket out of a room.
    pub fn leave(&mut self, number: SocketNumber, id: u128, room: &Room) {
        match room {
            Room::Own => {
                self.own.remove(&id);
            }
            Room::Named(name) => {
                if let Some(inside) = self.rooms.get_mut(name) {
                    inside.remove(&number);
                    if inside.is_empty() {
                        self.rooms.remove(name);
                    }
                }
            }
        }
    }

    /// Gives an audience to `visit`: in ascending order, each once.
    pub fn visit(
        &self,
        audience: &Audience,
        visit: impl FnOnce(&mut dyn Iterator<Item = SocketNumber>),
    ) {
        let mut except = BTreeSet::new();
        for room in &audience.except {
            except.extend(self.inside(room));
        }
        let chosen: BTreeSet<SocketNumber>;
        let all = match audience.rooms.as_slice() {
            [] => self.sockets.iter(),
            [room] if self.own_room(room).is_none() => match self.rooms.get(room.as_str()) {
                Some(inside) => inside.iter(),
                None => return visit(&mut std::iter::empty()),
            },
            rooms => {
                chosen = rooms.iter().flat_map(|room| self.inside(room)).collect();
                chosen.iter()
            }
        };
        let mut all = all.copied();
        if except.is_empty() {
            visit(&mut all);
        } else {
            visit(&mut all.filter(|number| !except.contains(number)));
        }
    }

    /// An audience as a list.
    pub fn list(&self, audience: &Audience) -> Vec<SocketNumber> {
        let mut list = Vec::new();
        self.visit(audience, |sockets| list.extend(sockets));
        list
    }

    fn own_room(&self, room: &str) -> Option<SocketNumber> {
        self.own.get(&peer::id_named(room, &self.name)?).copied()
    }

    fn inside<'a>(&'a self, room: &str) -> impl Iterator<Item = SocketNumber> + use<'a> {
        self.own_room(room)
            .into_iter()
            .chain(self.rooms.get(room).into_iter().flatten().copied())
    }
}
