//! How shards are reached: one mailbox a shard, and the numbers that say whose a thing is.
//!
//! Called by `http` (requests for whichever shard owns the session), by `shard` (events and orders for
//! an app or socket that lives elsewhere) and by `server` (stop). It never reads what it carries.

use crate::app::{App, AppNumber};
use crate::batch;
use crate::config::SHARDS_MAX;
use crate::guest::contract::{
    AppEvent, Body, Deflate, HandOut, Header, Manifest, Order, Published, Request, Response,
};
use crate::tickets::Ticket;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

const COUNTER_BITS: u32 = 38;
/// A socket's number is a session's number and this many bits.
const SLOT_BITS: u32 = 16;
/// The random part of an id, in characters of base64url; the rest names the shard.
const SECRET_CHARS: usize = 18;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bytes of letters a shard may have waiting, on average over all shards, before the node takes up nothing
/// new: what is under way goes first.
const BACKLOG_BYTES_MAX: usize = 64 << 20;
/// What a letter counts beside its texts and bytes.
const LETTER_BYTES: usize = 128;

/// What the guest decided about an exchange or upgrade.
#[derive(Debug)]
pub enum Decision {
    /// Answer with this.
    Respond(Response),
    /// Read at most so many bytes of the body, and ask again.
    Collect(u64, oneshot::Receiver<Decision>),
    /// Answer with a file of the browser client.
    HandOut(HandOut),
    /// Carry out the upgrade, with these headers, and compression of messages if the client offers it.
    Accept(Vec<Header>, Option<Deflate>),
}

/// A socket that HTTP is done with.
pub struct Upgraded {
    pub socket: std::net::TcpStream,
    /// What the client sent after its request.
    pub already: bytes::Bytes,
    /// How messages are compressed, if that was agreed on.
    pub deflate: Option<Deflate>,
    /// The right to the connection.
    pub ticket: Arc<Ticket>,
}

/// An instance that has started and is to serve in place of another.
pub struct Successor {
    pub app: App,
    /// Hears how long the shard did nothing else, when the instance has met the shard's sockets.
    pub done: oneshot::Sender<Duration>,
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
    /// Events for the instance of an app that runs on the receiving shard: from which shard, for which
    /// start of it.
    AppEvents {
        app: AppNumber,
        from: usize,
        generation: u32,
        events: Vec<AppEvent>,
    },
    /// Orders for the receiving shard of an app's instance in a place, and how many without a socket
    /// were given there before.
    Orders {
        app: AppNumber,
        place: usize,
        orders: Vec<Order>,
        before: u64,
    },
    /// An app's instance in a place has started anew.
    AppLoaded {
        app: AppNumber,
        place: usize,
        manifest: Manifest,
        generation: u32,
    },
    /// Events of the receiving shard that an app's instance elsewhere crashed over.
    Lost(AppNumber, Vec<AppEvent>),
    /// An instance that is to take the place of the app's that runs on the receiving shard.
    Swap(AppNumber, Box<Successor>),
    /// A message on a channel.
    Published(Published),
    /// The node is about to stop.
    Stop,
}

impl Letter {
    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        LETTER_BYTES
            + match self {
                Self::Requested(request, _) => batch::weight_of_request(request),
                Self::Collected(_, body) => batch::weight_of_body(body),
                Self::AppEvents { events, .. } | Self::Lost(_, events) => {
                    batch::weight_of_app_events(events)
                }
                Self::Orders { orders, .. } => batch::weight_of_orders(orders),
                Self::Published(message) => batch::weight_of_message(message),
                Self::Left(_)
                | Self::Upgraded(..)
                | Self::UpgradeFailed(_)
                | Self::AppLoaded { .. }
                | Self::Swap(..)
                | Self::Stop => 0,
            }
    }
}

/// A letter and what it weighs.
type Weighed = (usize, Letter);

/// One shard's mailbox.
#[derive(Default)]
pub struct Mailbox {
    letters: Mutex<VecDeque<Weighed>>,
    /// Wakes the shard: letters, or frames from its own connections.
    pub notify: Notify,
    counter: AtomicU64,
}

impl Mailbox {
    /// Leaves a letter and wakes the shard.
    fn put(&self, letter: Weighed) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push_back(letter);
        if letters.len() == 1 {
            self.notify.notify_one();
        }
    }

    /// Takes letters in order, until they weigh so much: at least one, if there is one. Also says whether
    /// some are left, of which nothing will tell.
    fn take(&self, bytes_max: usize) -> (Vec<Weighed>, bool) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0_usize;
        let fits = letters.iter().take_while(|(weight, _)| {
            bytes = bytes.saturating_add(*weight);
            bytes <= bytes_max
        });
        let count = fits.count().max(1).min(letters.len());
        if count == letters.len() {
            return (std::mem::take(&mut *letters).into(), false);
        }
        (letters.drain(..count).collect(), true)
    }
}

/// All shards of a node. Cheap to clone.
#[derive(Clone)]
pub struct Shards(Arc<Mailboxes>);

struct Mailboxes {
    all: Box<[Mailbox]>,
    /// What the letters weigh that wait in any of them.
    waiting_bytes: AtomicUsize,
}

impl Shards {
    /// Mailboxes for so many shards (at most [`SHARDS_MAX`]).
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Mailboxes {
            all: (0..count.clamp(1, SHARDS_MAX))
                .map(|_| Mailbox::default())
                .collect(),
            waiting_bytes: AtomicUsize::new(0),
        }))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.all.len()
    }

    /// A shard's mailbox, if there is such a shard.
    pub fn mailbox(&self, shard: usize) -> Option<&Mailbox> {
        self.0.all.get(shard)
    }

    /// Leaves a letter for a shard; one that does not exist gets none.
    pub fn send(&self, shard: usize, letter: Letter) {
        if let Some(mailbox) = self.mailbox(shard) {
            let weight = letter.weight();
            self.0.waiting_bytes.fetch_add(weight, Ordering::Relaxed);
            mailbox.put((weight, letter));
        }
    }

    /// Takes letters of a shard in order, until they weigh so much, but at least one. Also says whether
    /// some are left, of which nothing will tell.
    pub fn take(&self, shard: usize, bytes_max: usize) -> (Vec<Letter>, bool) {
        let Some(mailbox) = self.mailbox(shard) else {
            return (Vec::new(), false);
        };
        let (taken, are_left) = mailbox.take(bytes_max);
        let weight: usize = taken.iter().map(|(weight, _)| weight).sum();
        self.0.waiting_bytes.fetch_sub(weight, Ordering::Relaxed);
        let letters = taken.into_iter().map(|(_, letter)| letter);
        (letters.collect(), are_left)
    }

    /// Whether so much is under way between shards that nothing new should be taken up.
    pub fn are_behind(&self) -> bool {
        let bytes_max = BACKLOG_BYTES_MAX.saturating_mul(self.count());
        self.0.waiting_bytes.load(Ordering::Relaxed) > bytes_max
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
    fn letters_are_taken_in_order_and_by_weight() {
        let shards = Shards::new(2);
        let body = |bytes: usize| Body::Whole(vec![0; bytes]);
        for number in 0..5 {
            shards.send(1, Letter::Collected(number, body(1000)));
        }
        let numbers = |bytes_max| {
            let (letters, are_left) = shards.take(1, bytes_max);
            let numbers = letters.into_iter().map(|letter| match letter {
                Letter::Collected(number, _) => number,
                _ => panic!("another letter"),
            });
            (numbers.collect::<Vec<_>>(), are_left)
        };
        assert_eq!(numbers(0), (vec![0], true), "at least one");
        assert_eq!(numbers(2400), (vec![1, 2], true));
        assert_eq!(numbers(usize::MAX), (vec![3, 4], false));
        assert_eq!(numbers(usize::MAX), (vec![], false));
        assert!(!shards.are_behind());
        shards.send(0, Letter::Collected(9, body(2 * BACKLOG_BYTES_MAX)));
        assert!(shards.are_behind(), "whosever they are");
        shards.take(0, 0);
        assert!(!shards.are_behind());
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
