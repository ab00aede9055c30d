//! The rooms that a socket joined and left of late: what was sent to a room was for those who were in it
//! then, and not for those who are in it now (the reference looks at the latter). Pure.

use crate::codec::{Reader, Writer};
use crate::limits::MOVES_MAX;
use crate::socket::peer::Room;

/// What has changed since the entry of the log up to which the client has got everything. In order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves(Vec<Move>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Move {
    /// The entry of the log made last before.
    at: u64,
    /// It joined the room; or it left it.
    joined: bool,
    room: Room,
}

impl Moves {
    /// A room was joined, or left.
    pub fn note(&mut self, at: u64, joined: bool, room: Room) {
        if self.0.len() >= MOVES_MAX {
            self.0.remove(0);
        }
        self.0.push(Move { at, joined, room });
    }

    /// Forgets what no entry after this one is older than.
    pub fn forget(&mut self, since: u64) {
        self.0.retain(|step| step.at > since);
    }

    /// What it is charged.
    pub fn held(&self) -> u64 {
        self.0.iter().map(|step| step.room.held()).sum()
    }

    /// Writes it into a blob or a note.
    pub fn encode(&self, to: &mut Writer) {
        to.number(self.0.len() as u64);
        for step in &self.0 {
            to.number(step.at);
            to.byte(u8::from(step.joined));
            step.room.encode(to);
        }
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Moves> {
        let count = from.count().filter(|count| *count <= MOVES_MAX)?;
        let steps = (0..count).map(|_| {
            Some(Move {
                at: from.number()?,
                joined: from.byte()? != 0,
                room: Room::decode(from)?,
            })
        });
        Some(Moves(steps.collect::<Option<_>>()?))
    }
}

/// In which rooms a socket was, as one goes through the log.
pub struct Membership {
    rooms: Vec<String>,
    /// What is still to come, the next at the end.
    ahead: Vec<(u64, bool, String)>,
}

impl Membership {
    /// Begins before all moves; `rooms` is where it is after them.
    pub fn new(
        rooms: impl Iterator<Item = String>,
        moves: &Moves,
        name: impl Fn(&Room) -> String,
    ) -> Membership {
        let ahead = moves.0.iter().rev();
        let mut membership = Membership {
            rooms: rooms.collect(),
            ahead: ahead
                .map(|step| (step.at, step.joined, name(&step.room)))
                .collect(),
        };
        for at in 0..membership.ahead.len() {
            if let Some((_, joined, room)) = membership.ahead.get(at).cloned() {
                membership.go(!joined, room);
            }
        }
        membership
    }

    fn go(&mut self, joined: bool, room: String) {
        self.rooms.retain(|known| *known != room);
        if joined {
            self.rooms.push(room);
        }
    }

    /// Where it was when this entry was made. To be asked for entries in ascending order.
    pub fn at(&mut self, number: u64) -> &[String] {
        while let Some((_, joined, room)) = self.ahead.pop_if(|(at, ..)| *at < number) {
            self.go(joined, room);
        }
        &self.rooms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> Room {
        Room::Named(name.into())
    }

    fn name(room: &Room) -> String {
        match room {
            Room::Own => "own".to_owned(),
            Room::Named(name) => name.to_string(),
        }
    }

    #[test]
    fn a_socket_was_where_it_was() {
        let mut moves = Moves::default();
        moves.note(5, true, room("a"));
        moves.note(7, false, room("b"));
        moves.note(7, true, room("c"));
        moves.note(9, false, room("a"));
        let now = ["own", "c"].map(str::to_owned);
        let rooms = |moves: &Moves, number: u64| {
            let mut membership = Membership::new(now.iter().cloned(), moves, name);
            membership.at(number.min(6));
            let mut rooms = membership.at(number).to_vec();
            rooms.sort();
            rooms.join(" ")
        };
        assert_eq!(rooms(&moves, 5), "b own");
        assert_eq!(rooms(&moves, 6), "a b own");
        assert_eq!(rooms(&moves, 7), "a b own");
        assert_eq!(rooms(&moves, 8), "a c own");
        assert_eq!(rooms(&moves, 10), "c own");
        moves.forget(7);
        assert_eq!(rooms(&moves, 8), "a c own");
        assert_eq!(rooms(&moves, 10), "c own");
        let mut to = Writer::default();
        moves.encode(&mut to);
        let mut from = Reader(&to.0);
        assert_eq!(Moves::decode(&mut from), Some(moves));
        assert!(from.0.is_empty());
    }

    #[test]
    fn so_many_moves_and_no_more_are_remembered() {
        let mut moves = Moves::default();
        for at in 0..MOVES_MAX as u64 + 9 {
            moves.note(at, true, room("a"));
        }
        assert_eq!(moves.0.len(), MOVES_MAX);
        assert_eq!(moves.0[0].at, 9);
    }
}
