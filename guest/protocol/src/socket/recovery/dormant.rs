//! A socket whose connection broke, and whose client may come back.

use super::log::{decode_names, encode_names};
use super::moves::Moves;
use crate::codec::{Reader, Writer};
use crate::contract::{App, Socket as SocketNumber};
use crate::limits::DORMANT_BYTES;
use crate::socket::peer::Room;

/// What is remembered of a socket while its client is away (reference: `Adapter.persistSession`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dormant {
    /// The number that it had.
    pub number: SocketNumber,
    /// The secret that its client shows.
    pub pid: u128,
    /// Its public id.
    pub id: u128,
    pub app: App,
    pub namespace: Box<str>,
    /// In the order of joining; the empty name is the room of its own id.
    pub rooms: Vec<String>,
    pub data: Box<str>,
    /// The entry of the log up to which its client has got everything.
    pub since: u64,
    /// The last entry that was copied for it from another shard; 0: none.
    pub copied: u64,
    /// The rooms that it joined and left after that entry.
    pub moves: Moves,
    /// When it is forgotten.
    pub until_ms: u64,
}

impl Dormant {
    /// What it takes, by estimate: twice its contents, for the copy in a note.
    pub fn bytes(&self) -> u64 {
        let rooms: usize = self.rooms.iter().map(|room| room.len() + 24).sum();
        let contents = self.namespace.len() + self.data.len() + rooms;
        DORMANT_BYTES + 2 * contents as u64 + self.moves.held()
    }

    /// Its rooms as a socket has them.
    pub fn rooms(&self) -> Vec<Room> {
        let room = |name: &String| match name.as_str() {
            "" => Room::Own,
            name => Room::Named(name.into()),
        };
        self.rooms.iter().map(room).collect()
    }

    /// Writes it into a note, or into a message to another shard.
    pub fn encode(&self, to: &mut Writer) {
        to.word(self.number);
        encode_id(self.pid, to);
        encode_id(self.id, to);
        to.number(u64::from(self.app));
        to.bytes(self.namespace.as_bytes());
        encode_names(&self.rooms, to);
        to.bytes(self.data.as_bytes());
        to.number(self.since);
        to.number(self.copied);
        self.moves.encode(to);
        to.number(self.until_ms);
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Dormant> {
        Some(Dormant {
            number: from.word()?,
            pid: decode_id(from)?,
            id: decode_id(from)?,
            app: from.number32()?,
            namespace: from.text()?.into(),
            rooms: decode_names(from)?,
            data: from.text()?.into(),
            since: from.number()?,
            copied: from.number()?,
            moves: Moves::decode(from)?,
            until_ms: from.number()?,
        })
    }
}

pub fn encode_id(id: u128, to: &mut Writer) {
    to.word(id as u64);
    to.word((id >> 64) as u64);
}

pub fn decode_id(from: &mut Reader<'_>) -> Option<u128> {
    Some(u128::from(from.word()?) | u128::from(from.word()?) << 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dormant_socket_is_remembered() {
        let dormant = Dormant {
            number: 7 << 54 | 1 << 16,
            pid: 1 << 100 | 5,
            id: 9,
            app: 1,
            namespace: "/a".into(),
            rooms: vec![String::new(), "r".to_owned()],
            data: "{}".into(),
            since: 77,
            copied: 80,
            moves: Moves::default(),
            until_ms: 99,
        };
        let mut to = Writer::default();
        dormant.encode(&mut to);
        let mut from = Reader(&to.0);
        assert_eq!(Dormant::decode(&mut from), Some(dormant.clone()));
        assert!(from.0.is_empty());
        assert_eq!(dormant.rooms(), [Room::Own, Room::Named("r".into())]);
    }
}
