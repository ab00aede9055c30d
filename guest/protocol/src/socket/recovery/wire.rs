//! What shards say to each other about sockets whose clients come back elsewhere. Pure; decoding
//! arbitrary bytes never panics.
//!
//! ```text
//!  asker                                   every other shard
//!    ── Ask(pid) ──────────────────────────►  has it: Found, and forgets it;  has it not: Unknown
//!    ◄── Found(dormant, what it missed) ────
//!    ── Return(dormant) ───────────────────►  when the asker's client is gone again
//! ```

use super::dormant::{Dormant, decode_id, encode_id};
use super::log::Entry;
use crate::codec::{Reader, Writer};
use crate::contract::{Place, Socket as SocketNumber};

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Ask(Ask),
    /// Not here.
    Unknown {
        to: u32,
        socket: SocketNumber,
    },
    Found(Box<Found>),
    Return {
        to: u32,
        dormant: Dormant,
    },
}

/// Who comes back?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub from: u32,
    /// The socket that waits for the answer.
    pub socket: SocketNumber,
    pub pid: u128,
    pub namespace: String,
    /// What the client said.
    pub offset: String,
}

/// Somebody who was here.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub to: u32,
    pub from: u32,
    pub socket: SocketNumber,
    pub dormant: Dormant,
    /// How many orders for audiences the shard has carried out, of each instance of its app.
    pub seen: Vec<(Place, u64)>,
    /// What it missed, without offsets.
    pub entries: Vec<Entry>,
}

impl Found {
    /// What it takes, by estimate.
    pub fn bytes(&self) -> u64 {
        self.dormant.bytes() + self.entries.iter().map(Entry::bytes).sum::<u64>()
    }
}

impl Message {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        match self {
            Message::Ask(ask) => {
                to.byte(0);
                to.number(u64::from(ask.from));
                to.word(ask.socket);
                encode_id(ask.pid, &mut to);
                to.bytes(ask.namespace.as_bytes());
                to.bytes(ask.offset.as_bytes());
            }
            Message::Unknown { to: shard, socket } => {
                to.byte(1);
                to.number(u64::from(*shard));
                to.word(*socket);
            }
            Message::Found(found) => {
                to.byte(2);
                to.number(u64::from(found.to));
                to.number(u64::from(found.from));
                to.word(found.socket);
                found.dormant.encode(&mut to);
                to.number(found.seen.len() as u64);
                for (place, number) in &found.seen {
                    to.number(u64::from(*place));
                    to.number(*number);
                }
                to.number(found.entries.len() as u64);
                for entry in &found.entries {
                    entry.encode(&mut to);
                }
            }
            Message::Return { to: shard, dormant } => {
                to.byte(3);
                to.number(u64::from(*shard));
                dormant.encode(&mut to);
            }
        }
        to.0
    }

    /// From bytes. None: they are no message.
    pub fn decode(bytes: &[u8]) -> Option<Message> {
        let mut from = Reader(bytes);
        let message = match from.byte()? {
            0 => Message::Ask(Ask {
                from: from.number32()?,
                socket: from.word()?,
                pid: decode_id(&mut from)?,
                namespace: from.text()?.to_owned(),
                offset: from.text()?.to_owned(),
            }),
            1 => Message::Unknown {
                to: from.number32()?,
                socket: from.word()?,
            },
            2 => {
                let to = from.number32()?;
                let shard = from.number32()?;
                let socket = from.word()?;
                let dormant = Dormant::decode(&mut from)?;
                let count = from.count()?;
                let seen = (0..count)
                    .map(|_| Some((from.number32()?, from.number()?)))
                    .collect::<Option<_>>()?;
                let count = from.count()?;
                let entries = (0..count)
                    .map(|_| Entry::decode(&mut from))
                    .collect::<Option<_>>()?;
                Message::Found(Box::new(Found {
                    to,
                    from: shard,
                    socket,
                    dormant,
                    seen,
                    entries,
                }))
            }
            3 => Message::Return {
                to: from.number32()?,
                dormant: Dormant::decode(&mut from)?,
            },
            _ => return None,
        };
        from.0.is_empty().then_some(message)
    }
}
