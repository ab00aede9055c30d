//! How shards are reached: one mailbox a shard, and the numbers that say whose a thing is.
//!
//! Called by `http` (requests for whichever shard owns the session), by `shard` (events and orders for
//! an app or socket that lives elsewhere) and by `server` (stop). It never reads what it carries.

use crate::config::SHARDS_MAX;
use crate::guest::contract::{
    AppEvent, Body, HandOut, Header, Manifest, Order, Published, Request, Response,
};
use crate::tickets::Ticket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, oneshot};

const COUNTER_BITS: u32 = 38;
/// A socket's number is a session's number and this many bits.
const SLOT_BITS: u32 = 16;
/// The random part of an id, in characters of base64url; the rest names the shard.
const SECRET_CHARS: usize = 18;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What the guest decided about an exchange or upgrade.
#[derive(Debug)]
pub enum Decision {
    /// Answer with this.
    Respond(Response),
    /// Read at most so many bytes of the body, and ask again.
    Collect(u64, oneshot::Receiver<Decision>),
    /// Answer with a file of the browser client.
    HandOut(HandOut),
    /// Carry out the upgrade, with these headers.
    Accept(Vec<Header>),
}

/// A socket that HTTP is done with.
pub struct Upgraded {
    pub socket: std::net::TcpStream,
    /// What the client sent after its request.
    pub already: bytes::Bytes,
    /// The right to the connection.
    pub ticket: Arc<Ticket>,
}

/// Something for a shard to take up in its next turn.
pub enum Letter {
    /// A request that this shard owns.
    Requested(Request, oneshot::Sender<Decision>),
    /// A body that was asked for.
    Collected(u64, Body),
    /// The client of an exchange left before the answer.
    Left(u64),
    /// An accepted upgrade is through.
    Upgraded(u64, Upgraded),
    /// An accepted upgrade failed.
    UpgradeFailed(u64),
    /// Events for the app that runs on the receiving shard: from which shard, for which start of the
    /// app.
    AppEvents {
        from: usize,
        generation: u32,
        events: Vec<AppEvent>,
    },
    /// Orders of the app for the receiving shard, and how many without a socket it gave before.
    Orders { orders: Vec<Order>, before: u64 },
    /// The app has started anew.
    AppLoaded { manifest: Manifest, generation: u32 },
    /// A message on a channel.
    Published(Published),
    /// The node is about to stop.
    Stop,
}

/// One shard's mailbox.
#[derive(Default)]
pub struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    /// Wakes the shard: letters, or frames from its own connections.
    pub notify: Notify,
    counter: AtomicU64,
}

impl Mailbox {
    /// Leaves a letter and wakes the shard.
    pub fn send(&self, letter: Letter) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push(letter);
        if letters.len() == 1 {
            self.notify.notify_one();
        }
    }

    /// Takes all letters, in order.
    pub fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// All shards of a node. Cheap to clone.
#[derive(Clone)]
pub struct Shards(Arc<[Mailbox]>);

impl Shards {
    /// Mailboxes for so many shards (at most [`SHARDS_MAX`]).
    pub fn new(count: usize) -> Self {
        Self(
            (0..count.clamp(1, SHARDS_MAX))
                .map(|_| Mailbox::default())
                .collect(),
        )
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// A shard's mailbox, if there is such a shard.
    pub fn mailbox(&self, shard: usize) -> Option<&Mailbox> {
        self.0.get(shard)
    }

    /// Leaves a letter for a shard; one that does not exist gets none.
    pub fn send(&self, shard: usize, letter: Letter) {
        if let Some(mailbox) = self.mailbox(shard) {
            mailbox.send(letter);
        }
    }

    /// A new connection's number, owned by this shard.
    pub fn number(&self, shard: usize) -> u64 {
        let count = self
            .mailbox(shard)
            .map_or(0, |mailbox| mailbox.counter.fetch_add(1, Ordering::Relaxed));
        (shard as u64) << COUNTER_BITS | (count & ((1 << COUNTER_BITS) - 1))
    }

    /// The shard named in an id that [`fresh_id`] made, if this node has it.
    pub fn of_id(&self, id: &str) -> Option<usize> {
        let &[high, low] = id.as_bytes().get(SECRET_CHARS..)? else {
            return None;
        };
        let shard = digit(high)? << 6 | digit(low)?;
        (shard < self.count()).then_some(shard)
    }
}

/// The shard that owns a connection or session.
pub const fn shard_of(connection: u64) -> usize {
    (connection >> COUNTER_BITS) as usize
}

/// The shard that owns a socket.
pub const fn shard_of_socket(socket: u64) -> usize {
    shard_of(socket >> SLOT_BITS)
}

/// An id of 20 characters that nobody can guess (108 random bits) and that names the shard.
pub fn fresh_id(shard: usize, random: &[u8; SECRET_CHARS]) -> String {
    let secret = random.iter().map(|byte| character(usize::from(*byte)));
    secret
        .chain([character(shard >> 6), character(shard)])
        .collect()
}

fn character(value: usize) -> char {
    char::from(ALPHABET.get(value & 63).copied().unwrap_or(b'A'))
}

fn digit(character: u8) -> Option<usize> {
    ALPHABET.iter().position(|known| *known == character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_their_shard() {
        let shards = Shards::new(1000);
        for shard in [0, 1, 63, 64, 999] {
            let id = fresh_id(shard, &[200; SECRET_CHARS]);
            assert_eq!((id.len(), shards.of_id(&id)), (20, Some(shard)));
        }
        assert_eq!(Shards::new(2).of_id(&fresh_id(2, &[0; SECRET_CHARS])), None);
    }

    #[test]
    fn ids_from_elsewhere_name_none() {
        let shards = Shards::new(2);
        for id in [
            "",
            "short",
            "__proto__",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAA!!",
            "ÄÄÄÄÄÄÄÄÄÄ",
        ] {
            assert_eq!(shards.of_id(id), None, "{id}");
        }
    }

    #[test]
    fn numbers_name_their_shard() {
        let shards = Shards::new(1024);
        let (first, second) = (shards.number(1023), shards.number(1023));
        assert_eq!(second, first + 1);
        assert_eq!(
            (shard_of(second), shard_of_socket(second << 16 | 7)),
            (1023, 1023)
        );
    }
}
