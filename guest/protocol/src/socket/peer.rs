//! What is known of one session's sockets, and how it is written into the session's blob.

use super::recovery::dormant::{decode_id, encode_id};
use super::recovery::moves::Moves;
use crate::base64;
use crate::budget::{Budget, Kind};
use crate::codec::{Reader, Writer};
use crate::contract::{
    App, Departed, Resumed, Session as SessionNumber, Socket as SocketNumber, SocketInfo,
};
use crate::engine::handshake;
use crate::limits::{
    ATTACHMENT_BYTES, MEMBERSHIP_BYTES, PARTIAL_BYTES, SLOTS_PER_SESSION_MAX, SOCKET_BYTES,
    SOCKETS_PER_SESSION_MAX,
};
use crate::reason::Reason;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::sync::Arc;

/// The sockets of a session.
#[derive(Debug, Default)]
pub struct Peer {
    /// In ascending order of their slots.
    pub sockets: Vec<Socket>,
    /// The slot of the next CONNECT.
    pub next_slot: u32,
    /// A packet whose attachments have not all come.
    pub partial: Option<Partial>,
    /// Whether the blob holds one.
    pub partial_saved: bool,
    /// When the session is closed, unless a namespace is joined before.
    pub connect_until_ms: Option<u64>,
}

/// A session in a namespace.
#[derive(Debug)]
pub struct Socket {
    pub slot: u16,
    pub app: App,
    /// The public id: `id_text` writes it.
    pub id: u128,
    pub namespace: Arc<str>,
    /// The `mark` of its name.
    pub mark: u64,
    pub stage: Stage,
    /// The payload of the CONNECT packet.
    pub auth: Box<str>,
    /// What the app keeps with it.
    pub data: Box<str>,
    /// In the order of joining. Of one that is to be recovered: those that it was in.
    pub rooms: Vec<Room>,
    /// What its client shows when it comes back (connection state recovery); 0: nothing.
    pub pid: u128,
    /// The entry of the log up to which its client has got everything.
    pub since: u64,
    /// The last entry that was copied for it from another shard; 0: none.
    pub copied: u64,
    /// The rooms that it joined and left after that entry.
    pub moves: Moves,
    /// The entry made last when the ping was sent that has not been answered.
    pub asked: Option<u64>,
    /// Whether it took up where an earlier connection of its client ended.
    pub recovered: bool,
    /// How many other shards have yet to tell whether its client was theirs.
    pub asking: u32,
}

/// ```text
///  CONNECT ──► Connecting ──admit──► Connected ──► (forgotten)
///                  └── refuse, connect_timeout, session gone ──► (forgotten)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The app has not answered.
    Connecting { until_ms: u64 },
    /// Packets flow.
    Connected,
}

/// A room that a socket is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// The one named by its own id.
    Own,
    Named(Arc<str>),
}

/// A packet whose text has come and whose attachments are coming.
#[derive(Debug, PartialEq, Eq)]
pub struct Partial {
    /// ACK instead of EVENT.
    pub ack_packet: bool,
    pub namespace: Box<str>,
    pub ack: Option<u64>,
    pub json: Box<str>,
    /// How many attachments were announced; at least 1.
    pub announced: u32,
    pub attachments: Vec<Vec<u8>>,
}

/// A socket's number.
pub fn number(session: SessionNumber, slot: u16) -> SocketNumber {
    session << 16 | u64::from(slot)
}

/// The session and slot of a socket's number.
pub fn parts(socket: SocketNumber) -> (SessionNumber, u16) {
    (socket >> 16, socket as u16)
}

/// The public id of a slot: nobody who knows it can tell the session's secret id or seed.
pub fn public_id(seed: [u64; 2], slot: u16) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(seed[0], seed[1]);
    hasher.write_u16(slot.to_le());
    hasher.finish128().as_u128() & ((1 << 120) - 1)
}

/// The secret with which the client of a slot comes back: nobody can tell it from the public id.
pub fn private_id(seed: [u64; 2], slot: u16) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(seed[0], seed[1]);
    hasher.write_u32(1 << 16 | u32::from(slot));
    hasher.finish128().as_u128() & ((1 << 120) - 1)
}

/// Marks the id of a socket outside of `/` whose client is one of Socket.IO 2: the namespace and `#` stand
/// before it.
const PREFIXED: u128 = 1 << 120;

/// The id of a socket whose client is one of Socket.IO 2: that of the session, as such a client
/// expects (reference: the constructor of `Socket`).
pub fn session_id(sid: &str, namespace: &str) -> Option<u128> {
    let id = base64::decode_id(sid)?;
    Some(if namespace == "/" { id } else { id | PREFIXED })
}

/// A public id as apps see it, of a socket in this namespace.
pub fn id_text(id: u128, namespace: &str) -> String {
    let text = base64::encode_id(id & !PREFIXED);
    if id & PREFIXED == 0 {
        text
    } else {
        format!("{namespace}#{text}")
    }
}

/// The id that is written so in this namespace, if the text has the form of one.
pub fn id_named(text: &str, namespace: &str) -> Option<u128> {
    match text.strip_prefix(namespace) {
        Some(rest) => base64::decode_id(rest.strip_prefix('#')?).map(|id| id | PREFIXED),
        None => base64::decode_id(text),
    }
}

/// Something short that tells most names apart: their length and their last bytes. So finding one
/// among many costs little.
pub fn mark(name: &str) -> u64 {
    let last = name.bytes().rev().take(8);
    last.fold(name.len() as u64, |mark, byte| {
        mark.rotate_left(8) ^ u64::from(byte)
    })
}

impl Peer {
    /// The socket in a slot.
    pub fn socket(&self, slot: u16) -> Option<&Socket> {
        let at = self
            .sockets
            .binary_search_by_key(&slot, |socket| socket.slot);
        self.sockets.get(at.ok()?)
    }

    /// The socket in a slot.
    pub fn socket_mut(&mut self, slot: u16) -> Option<&mut Socket> {
        let at = self
            .sockets
            .binary_search_by_key(&slot, |socket| socket.slot);
        self.sockets.get_mut(at.ok()?)
    }

    /// The socket in a namespace.
    pub fn within(&self, namespace: &str) -> Option<&Socket> {
        let mark = mark(namespace);
        self.sockets
            .iter()
            .find(|socket| socket.mark == mark && *socket.namespace == *namespace)
    }

    /// Takes a socket out.
    pub fn remove(&mut self, slot: u16) -> Option<Socket> {
        let at = self
            .sockets
            .binary_search_by_key(&slot, |socket| socket.slot);
        Some(self.sockets.remove(at.ok()?))
    }

    /// When its sockets have to be looked at.
    pub fn deadline_ms(&self) -> Option<u64> {
        let connecting = self.sockets.iter().filter_map(|socket| match socket.stage {
            Stage::Connecting { until_ms } => Some(until_ms),
            Stage::Connected => None,
        });
        connecting.chain(self.connect_until_ms).min()
    }

    /// Charges what it holds.
    pub fn charge(&self, budget: &mut Budget) {
        for socket in &self.sockets {
            budget.charge(Kind::Sockets, socket.held());
            budget.charge(Kind::Kept, socket.kept());
        }
        if let Some(partial) = &self.partial {
            budget.charge(Kind::Partials, partial.held());
        }
    }

    /// Writes it into a blob.
    pub fn encode(&self, to: &mut Writer) {
        to.number(u64::from(self.next_slot));
        to.maybe(self.connect_until_ms);
        to.number(self.sockets.len() as u64);
        for socket in &self.sockets {
            socket.encode(to);
        }
        match &self.partial {
            Some(partial) => {
                to.byte(1);
                partial.encode(to);
            }
            None => to.byte(0),
        }
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Peer> {
        let next_slot = from
            .number32()
            .filter(|slot| *slot <= SLOTS_PER_SESSION_MAX)?;
        let connect_until_ms = from.maybe()?;
        let count = from
            .count()
            .filter(|count| *count <= SOCKETS_PER_SESSION_MAX)?;
        let mut sockets: Vec<Socket> = Vec::with_capacity(count);
        for _ in 0..count {
            let socket = Socket::decode(from)?;
            let above = sockets.last().is_none_or(|last| last.slot < socket.slot);
            let alone = sockets
                .iter()
                .all(|other| other.namespace != socket.namespace);
            if !above || !alone || u32::from(socket.slot) >= next_slot {
                return None;
            }
            sockets.push(socket);
        }
        let partial = match from.byte()? {
            0 => None,
            1 => Some(Partial::decode(from)?),
            _ => return None,
        };
        let partial_saved = partial.is_some();
        Some(Peer {
            sockets,
            next_slot,
            partial,
            partial_saved,
            connect_until_ms,
        })
    }
}

impl Room {
    /// What being in it is charged: see `budget.rs`. The own room is part of the socket.
    pub fn held(&self) -> u64 {
        match self {
            Room::Own => 0,
            Room::Named(name) => MEMBERSHIP_BYTES + 2 * name.len() as u64,
        }
    }

    /// Writes it into a blob or a note.
    pub fn encode(&self, to: &mut Writer) {
        match self {
            Room::Own => to.byte(0),
            Room::Named(name) => {
                to.byte(1);
                to.bytes(name.as_bytes());
            }
        }
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Room> {
        Some(match from.byte()? {
            0 => Room::Own,
            1 => Room::Named(from.text()?.into()),
            _ => return None,
        })
    }
}

impl Socket {
    /// Its public id as text.
    pub fn id_text(&self) -> String {
        id_text(self.id, &self.namespace)
    }

    /// The room of this name, for this socket.
    pub fn room(&self, name: &str) -> Room {
        if id_named(name, &self.namespace) == Some(self.id) {
            Room::Own
        } else {
            Room::Named(name.into())
        }
    }

    /// The name of a room that it is in.
    pub fn room_name(&self, room: &Room) -> String {
        match room {
            Room::Own => self.id_text(),
            Room::Named(name) => name.to_string(),
        }
    }

    /// What it is charged as a socket: see `budget.rs`.
    pub fn held(&self) -> u64 {
        SOCKET_BYTES + self.namespace.len() as u64 + 2 * self.auth.len() as u64
    }

    /// What its app is charged for keeping with it.
    pub fn kept(&self) -> u64 {
        let rooms: u64 = self.rooms.iter().map(Room::held).sum();
        2 * self.data.len() as u64 + rooms + self.moves.held()
    }

    /// How the app meets it.
    pub fn info(&self, session: SessionNumber, handshake: &[u8]) -> SocketInfo {
        SocketInfo {
            socket: number(session, self.slot),
            id: self.id_text(),
            namespace: self.namespace.to_string(),
            handshake: handshake::decode(handshake, &self.auth),
            recovered: self.recovered,
        }
    }

    /// How the app meets it again.
    pub fn resumed(&self, session: SessionNumber, handshake: &[u8]) -> Resumed {
        Resumed {
            info: self.info(session, handshake),
            rooms: self.room_names(),
            data: self.data.to_string(),
        }
    }

    /// How the app parts from it.
    pub fn departed(&self, session: SessionNumber, reason: Reason) -> Departed {
        Departed {
            socket: number(session, self.slot),
            reason: reason.word().to_owned(),
            rooms: self.room_names(),
        }
    }

    /// The names of its rooms.
    pub fn room_names(&self) -> Vec<String> {
        self.rooms.iter().map(|room| self.room_name(room)).collect()
    }

    fn encode(&self, to: &mut Writer) {
        to.number(u64::from(self.slot));
        to.number(u64::from(self.app));
        to.word(self.id as u64);
        to.word((self.id >> 64) as u64);
        to.bytes(self.namespace.as_bytes());
        to.maybe(match self.stage {
            Stage::Connecting { until_ms } => Some(until_ms),
            Stage::Connected => None,
        });
        to.bytes(self.auth.as_bytes());
        to.bytes(self.data.as_bytes());
        if self.pid == 0 {
            to.byte(0);
        } else {
            to.byte(1 | u8::from(self.recovered) << 1);
            encode_id(self.pid, to);
            to.number(self.since);
            to.number(self.copied);
            self.moves.encode(to);
            to.maybe(self.asked);
            to.number(u64::from(self.asking));
        }
        to.number(self.rooms.len() as u64);
        for room in &self.rooms {
            room.encode(to);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<Socket> {
        let slot = u16::try_from(from.number()?).ok()?;
        let app = from.number32()?;
        let id = u128::from(from.word()?) | u128::from(from.word()?) << 64;
        let namespace: Arc<str> = from.text()?.into();
        let mark = mark(&namespace);
        let stage = match from.maybe()? {
            Some(until_ms) => Stage::Connecting { until_ms },
            None => Stage::Connected,
        };
        let auth = from.text()?.into();
        let data = from.text()?.into();
        let flags = from.byte().filter(|flags| *flags < 4)?;
        let (mut pid, mut since, mut copied, mut asked, mut asking) = (0, 0, 0, None, 0);
        let mut moves = Moves::default();
        if flags & 1 != 0 {
            pid = decode_id(from)?;
            since = from.number()?;
            copied = from.number()?;
            moves = Moves::decode(from)?;
            asked = from.maybe()?;
            asking = from.number32()?;
        }
        let count = from.count()?;
        let mut rooms = Vec::new();
        for _ in 0..count {
            rooms.push(Room::decode(from)?);
        }
        Some(Socket {
            slot,
            app,
            id,
            namespace,
            mark,
            stage,
            auth,
            data,
            rooms,
            pid,
            since,
            copied,
            moves,
            asked,
            recovered: flags & 2 != 0,
            asking,
        })
    }
}

impl Partial {
    /// What it is charged: see `budget.rs`.
    pub fn held(&self) -> u64 {
        let attachments = self.attachments.iter();
        let attachments: u64 = attachments
            .map(|bytes| ATTACHMENT_BYTES + 2 * bytes.len() as u64)
            .sum();
        PARTIAL_BYTES + 2 * (self.namespace.len() + self.json.len()) as u64 + attachments
    }

    fn encode(&self, to: &mut Writer) {
        to.byte(u8::from(self.ack_packet));
        to.bytes(self.namespace.as_bytes());
        to.maybe(self.ack);
        to.bytes(self.json.as_bytes());
        to.number(u64::from(self.announced));
        to.number(self.attachments.len() as u64);
        for attachment in &self.attachments {
            to.bytes(attachment);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<Partial> {
        let ack_packet = from.byte()? != 0;
        let namespace = from.text()?.into();
        let ack = from.maybe()?;
        let json = from.text()?.into();
        let announced = from.number32()?;
        let count = from.count()?;
        let attachments = (0..count)
            .map(|_| from.bytes().map(<[u8]>::to_vec))
            .collect::<Option<_>>()?;
        Some(Partial {
            ack_packet,
            namespace,
            ack,
            json,
            announced,
            attachments,
        })
    }
}
