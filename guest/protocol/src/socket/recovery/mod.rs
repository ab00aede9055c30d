//! Connection state recovery: a client whose connection broke comes back and is given its socket, its
//! rooms and what it missed (reference: `SessionAwareAdapter`, "Connection state recovery").
//!
//! | file | is |
//! |---|---|
//! | `mod.rs` | what this shard remembers, and its notes with the host |
//! | `revive.rs` | clients that come back, to this shard or another one |
//! | `sockets.rs` | where it meets the sockets |
//! | `log.rs` | what was sent of late |
//! | `dormant.rs` | sockets whose clients are away |
//! | `moves.rs` | rooms that they joined and left |
//! | `offset.rs`, `wire.rs` | formats, pure |
//!
//! What a client has for sure is known from its heartbeat: with the pong it has everything that was sent
//! before the ping. So a client that was sent nothing for long, whose offset is forgotten or is none, is
//! recovered as well as one with a fresh offset.
//!
//! Each entry of the log and each dormant socket is a note with the host, so that a fresh instance of
//! this guest has them.

pub mod dormant;
mod log;
pub mod moves;
mod offset;
mod revive;
mod sockets;
mod wire;

use super::peer::{self, Room, Socket};
use crate::base64;
use crate::codec::{Reader, Writer};
use crate::contract::{
    Action, App, Audience, Delivery, Emission, Note, Payload, Place, Socket as SocketNumber,
};
use crate::limits::{MEMORY_SHARES, RECOVERY_SHARE};
use crate::options::Value;
use crate::settings::Settings;
use dormant::Dormant;
use log::{Entry, Log};
use offset::Offset;
use std::collections::{BTreeMap, BTreeSet};
use wire::{Found, Message};

/// The timer of this module, among those of the sessions: no session has this number.
pub const TIMER: u64 = u64::MAX;

/// The channel on which the shards of a node talk.
const CHANNEL: &str = "recovery";

// The two upper bits of a note's number say what it is.
const TAG_SHIFT: u32 = 62;
const TAG_ENTRY: u64 = 0;
const TAG_STATE: u64 = 1;
const TAG_DORMANT: u64 = 2;
const TAG_FOUND: u64 = 3;
/// The rest of it: a socket's number without its shard.
const NUMBER_MASK: u64 = (1 << 54) - 1;

/// What a shard remembers for clients that come back.
#[derive(Debug, Default)]
pub struct Recovery {
    now_ms: u64,
    /// How long a client may be away.
    away_ms: u64,
    /// How long an entry of the log may be missed: by a client that is away, and by one that is gone
    /// without having said so.
    keep_ms: u64,
    packets_max: u64,
    bytes_max: u64,
    copies_bytes_max: u64,
    dormant_bytes_max: u64,
    /// Whether clients that come back need not pass the app's middlewares.
    pub skip_middlewares: bool,
    shard: u32,
    pub shards: u32,
    log: Log,
    /// What sockets missed on other shards. Numbered as the log is; a log of its own, so that many who come
    /// from elsewhere do not push out what others have missed here.
    copies: Log,
    /// By their secrets.
    dormants: BTreeMap<u128, Dormant>,
    expiries: BTreeSet<(u64, u128)>,
    /// Their secrets by the numbers that they had, without the shard.
    numbers: BTreeMap<u64, u128>,
    dormant_bytes: u64,
    /// How many orders for audiences have been carried out, of each instance.
    seen: Counts,
    /// Of these, the last one that has been dropped from the log.
    dropped: Counts,
    /// The order for an audience that is being carried out.
    order: Option<(Place, u64)>,
    /// What other shards have found, while this one has not carried out what that shard had.
    found: BTreeMap<SocketNumber, Found>,
    found_bytes: u64,
    is_subscribed: bool,
    is_state_changed: bool,
    /// Notes and messages, in order.
    actions: Vec<Action>,
}

/// What a client that comes back says.
pub struct Claim {
    pid: u128,
    offset: String,
}

impl Recovery {
    /// None if it is off.
    pub fn new(settings: &Settings) -> Option<Recovery> {
        let options = settings.recovery.as_ref()?;
        let share = settings.memory_bytes_max / MEMORY_SHARES * RECOVERY_SHARE;
        Some(Recovery {
            away_ms: options.max_disconnection_ms,
            keep_ms: options.max_disconnection_ms
                + settings.ping_interval_ms
                // A pong may be put off once: so late is the ping that was the last to be answered.
                + 4 * settings.ping_timeout_ms,
            packets_max: options.packets_max,
            bytes_max: options.bytes_max.min(share),
            copies_bytes_max: options.bytes_max.min(share / 2),
            dormant_bytes_max: share / 2,
            skip_middlewares: options.skip_middlewares,
            shard: settings.shard,
            shards: settings.shards,
            ..Recovery::default()
        })
    }

    /// A call of the guest begins.
    pub fn begin(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        if self.shards > 1 && !self.is_subscribed {
            self.is_subscribed = true;
            self.is_state_changed = true;
            self.actions.push(Action::Subscribe(CHANNEL.to_owned()));
        }
    }

    /// The number of the entry made last: whoever connects now has missed nothing up to it.
    pub fn head(&self) -> u64 {
        self.log.last
    }

    /// Whether everything after an entry can still be told to a socket whose last copy has this number.
    pub fn tells_after(&self, since: u64, copied: u64) -> bool {
        since >= self.log.floor && (since >= copied || since >= self.copies.floor)
    }

    // ------------------------------------------------------------------ what is sent

    /// An order for an audience begins: `number` is how many there are with it.
    pub fn begin_order(&mut self, app: App, place: Place, number: u64) {
        self.order = Some((place, number));
        if self.shards > 1 {
            self.seen.insert((app, place), number);
            self.is_state_changed = true;
        }
    }

    /// It is carried out.
    pub fn end_order(&mut self) {
        self.order = None;
    }

    /// Remembers an event; gives its payload as it is to be sent.
    pub fn remember(
        &mut self,
        app: App,
        to: Audience,
        payload: &Payload,
        single: bool,
        compress: bool,
    ) -> Option<Payload> {
        let number = self.log.last.saturating_add(1).max(self.now_ms << 12);
        let stamped = log::stamped(payload, self.offset(number))?;
        let entry = Entry {
            at_ms: self.now_ms,
            app,
            order: self.order.filter(|_| !single),
            to,
            payload: payload.clone(),
            single,
            compress,
            copy: false,
        };
        self.keep(entry);
        Some(stamped)
    }

    /// Remembers an event for a socket whose client is away.
    pub fn remember_for(&mut self, app: App, number: SocketNumber, emission: &Emission) {
        let is_kept = emission.ack.is_none() && !emission.delivery.contains(Delivery::VOLATILE);
        let pid = self
            .numbers
            .get(&(number & NUMBER_MASK))
            .filter(|_| is_kept);
        let dormant = pid.and_then(|pid| self.dormants.get(pid));
        let Some(dormant) = dormant.filter(|dormant| dormant.app == app) else {
            return;
        };
        let to = Audience {
            namespace: dormant.namespace.to_string(),
            rooms: vec![own_name(dormant.id, &dormant.namespace)],
            except: Vec::new(),
        };
        let compress = !emission.delivery.contains(Delivery::UNCOMPRESSED);
        self.remember(app, to, &emission.payload, true, compress);
    }

    /// A volatile event's payload as it is to be sent: without an offset, unless its client would take
    /// something else for one.
    pub fn volatile(&self, payload: &Payload) -> Option<Payload> {
        if !log::ends_with_string(payload) {
            return None;
        }
        log::stamped(payload, self.offset(self.log.last))
    }

    fn keep(&mut self, entry: Entry) {
        let number = self.log.next(self.now_ms);
        let mut to = Writer::default();
        entry.encode(&mut to);
        self.actions.push(Action::Note(Note {
            number: TAG_ENTRY << TAG_SHIFT | number,
            bytes: to.0,
        }));
        if entry.copy {
            self.copies.put(number, entry);
        } else {
            self.log.put(number, entry);
        }
        self.shed();
    }

    fn offset(&self, number: u64) -> Offset {
        Offset {
            number,
            shard: self.shard,
        }
    }

    fn shed(&mut self) {
        let before_ms = self.now_ms.saturating_sub(self.keep_ms);
        // Nothing is too old before that much time has passed.
        let before_ms = if self.now_ms < self.keep_ms {
            0
        } else {
            before_ms
        };
        let (packets_max, bytes_max) = (self.packets_max, self.bytes_max);
        while let Some((number, entry)) = self.log.shed(before_ms, packets_max, bytes_max) {
            self.erase(number);
            if self.shards > 1
                && let Some((place, order)) = entry.order
            {
                self.dropped.insert((entry.app, place), order);
            }
        }
        let bytes_max = self.copies_bytes_max;
        while let Some((number, _)) = self.copies.shed(before_ms, packets_max, bytes_max) {
            self.erase(number);
        }
    }

    fn erase(&mut self, number: u64) {
        self.actions
            .push(Action::Erase(TAG_ENTRY << TAG_SHIFT | number));
        self.is_state_changed = true;
    }

    // ------------------------------------------------------------------ who is away

    /// A socket's connection broke: its client may come back.
    pub fn retire(&mut self, number: SocketNumber, socket: &Socket) {
        let room = |room: &Room| match room {
            Room::Own => String::new(),
            Room::Named(name) => name.to_string(),
        };
        self.lay_down(Dormant {
            number,
            pid: socket.pid,
            id: socket.id,
            app: socket.app,
            namespace: (*socket.namespace).into(),
            rooms: socket.rooms.iter().map(room).collect(),
            data: socket.data.clone(),
            since: socket.since,
            copied: socket.copied,
            moves: socket.moves.clone(),
            until_ms: self.now_ms + self.away_ms,
        });
    }

    fn lay_down(&mut self, dormant: Dormant) {
        let mut to = Writer::default();
        dormant.encode(&mut to);
        self.actions.push(Action::Note(Note {
            number: dormant_note(dormant.number),
            bytes: to.0,
        }));
        self.put_dormant(dormant);
        while self.dormant_bytes > self.dormant_bytes_max
            && let Some((_, pid)) = self.expiries.first().copied()
        {
            self.take_dormant(pid);
        }
    }

    fn put_dormant(&mut self, dormant: Dormant) {
        self.drop_dormant(dormant.pid);
        self.expiries.insert((dormant.until_ms, dormant.pid));
        self.numbers
            .insert(dormant.number & NUMBER_MASK, dormant.pid);
        self.dormant_bytes += dormant.bytes();
        self.dormants.insert(dormant.pid, dormant);
    }

    fn take_dormant(&mut self, pid: u128) -> Option<Dormant> {
        let dormant = self.drop_dormant(pid)?;
        self.actions
            .push(Action::Erase(dormant_note(dormant.number)));
        Some(dormant)
    }

    fn drop_dormant(&mut self, pid: u128) -> Option<Dormant> {
        let dormant = self.dormants.remove(&pid)?;
        self.numbers.remove(&(dormant.number & NUMBER_MASK));
        self.expiries.remove(&(dormant.until_ms, pid));
        self.dormant_bytes -= dormant.bytes();
        Some(dormant)
    }

    // ------------------------------------------------------------------ time

    /// When it has to be looked at.
    pub fn deadline_ms(&self) -> Option<u64> {
        let expiry = self.expiries.first().map(|(until_ms, _)| *until_ms);
        let oldest = [self.log.oldest_ms(), self.copies.oldest_ms()];
        let oldest = oldest.into_iter().flatten();
        expiry
            .into_iter()
            .chain(oldest.map(|at_ms| at_ms + self.keep_ms))
            .min()
    }

    /// Forgets what is too old.
    pub fn elapse(&mut self) {
        while let Some((until_ms, pid)) = self.expiries.first().copied()
            && until_ms <= self.now_ms
        {
            self.take_dormant(pid);
        }
        self.shed();
    }

    // ------------------------------------------------------------------ the host's notes

    /// What the host is to remember of this call, and what other shards are to hear.
    pub fn take_actions(&mut self) -> Vec<Action> {
        if std::mem::take(&mut self.is_state_changed) {
            let mut to = Writer::default();
            to.number(self.log.last);
            to.number(self.log.floor);
            to.number(self.copies.floor);
            encode_counts(&self.seen, &mut to);
            encode_counts(&self.dropped, &mut to);
            self.actions.push(Action::Note(Note {
                number: TAG_STATE << TAG_SHIFT,
                bytes: to.0,
            }));
        }
        std::mem::take(&mut self.actions)
    }

    /// Takes a note over. None: it cannot be read.
    pub fn restore(&mut self, note: &Note) -> Option<()> {
        let number = note.number & NUMBER_MASK;
        let mut from = Reader(&note.bytes);
        let is_gone = note.bytes.is_empty();
        match note.number >> TAG_SHIFT {
            TAG_ENTRY => {
                self.log.remove(note.number);
                self.copies.remove(note.number);
                if !is_gone {
                    let entry = Entry::decode(&mut from)?;
                    self.log.last = self.log.last.max(note.number);
                    if entry.copy {
                        self.copies.put(note.number, entry);
                    } else {
                        self.log.put(note.number, entry);
                    }
                }
            }
            TAG_STATE if is_gone => {}
            TAG_STATE => {
                // The host remembers what was subscribed to.
                self.is_subscribed = true;
                let last = from.number()?;
                self.log.last = self.log.last.max(last);
                self.log.floor = from.number()?;
                self.copies.floor = from.number()?;
                self.seen = decode_counts(&mut from)?;
                self.dropped = decode_counts(&mut from)?;
            }
            TAG_DORMANT => {
                if let Some(pid) = self.numbers.get(&number).copied() {
                    self.drop_dormant(pid);
                }
                if !is_gone {
                    let dormant = Dormant::decode(&mut from)?;
                    if dormant_note(dormant.number) != note.number {
                        return None;
                    }
                    self.put_dormant(dormant);
                }
            }
            _ => {
                let same = |socket: &&SocketNumber| **socket & NUMBER_MASK == number;
                if let Some(socket) = self.found.keys().find(same).copied() {
                    self.drop_found(socket);
                }
                if !is_gone {
                    let Message::Found(found) = Message::decode(&note.bytes)? else {
                        return None;
                    };
                    if found_note(found.socket) != note.number {
                        return None;
                    }
                    self.put_found(*found);
                }
                return Some(());
            }
        }
        from.0.is_empty().then_some(())
    }
}

impl Claim {
    /// What the payload of a CONNECT packet claims.
    pub fn read(auth: &str) -> Option<Claim> {
        let auth = Value::read(auth)?;
        let text = |name| match auth.find(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        Some(Claim {
            pid: base64::decode_id(&text("pid")?)?,
            offset: text("offset").unwrap_or_default(),
        })
    }
}

type Counts = BTreeMap<(App, Place), u64>;

fn encode_counts(counts: &Counts, to: &mut Writer) {
    to.number(counts.len() as u64);
    for ((app, place), number) in counts {
        to.number(u64::from(*app));
        to.number(u64::from(*place));
        to.number(*number);
    }
}

fn decode_counts(from: &mut Reader<'_>) -> Option<Counts> {
    let count = from.count()?;
    (0..count)
        .map(|_| Some(((from.number32()?, from.number32()?), from.number()?)))
        .collect()
}

/// The number of the note of a dormant socket.
fn dormant_note(socket: SocketNumber) -> u64 {
    TAG_DORMANT << TAG_SHIFT | socket & NUMBER_MASK
}

fn found_note(socket: SocketNumber) -> u64 {
    TAG_FOUND << TAG_SHIFT | socket & NUMBER_MASK
}

/// The name that a dormant socket's room of its own has in the log.
fn own_name(id: u128, namespace: &str) -> String {
    peer::id_text(id, namespace)
}
