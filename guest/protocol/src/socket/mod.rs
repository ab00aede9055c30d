//! Socket.IO, fifth revision, and what is left of the fourth for clients of Socket.IO 2: sessions in, sockets
//! and their messages out to the apps. Called by
//! `lib.rs`; calls the engine to send and to close. Knows nothing of connections.
//!
//! Acknowledgement numbers are passed on, both ways, and not remembered: the app that chose one knows
//! for which sockets it is open, and takes the first answer of each.
//!
//! | file | is |
//! |---|---|
//! | `mod.rs` | sessions come and go, packets arrive |
//! | `connect.rs` | joining a namespace, and leaving it |
//! | `orders.rs` | what the apps want done |
//! | `rooms.rs` | joining a room, and leaving it |
//! | `serve.rs` | messages between the instances of an app |
//! | `recovery/` | clients that lost their connection come back |
//! | `peer.rs` | the sockets of a session, and their bytes |
//! | `address.rs` | what clients of Socket.IO 2 call a namespace |
//! | `namespace.rs` | who is where |
//! | `encoder.rs` | packets to frames, by whichever parser |
//! | `packet.rs`, `msgpack/`, `json.rs` | formats, pure |

mod address;
mod connect;
mod encoder;
pub mod json;
mod msgpack;
mod namespace;
mod orders;
pub mod packet;
pub mod peer;
pub mod recovery;
mod rooms;
mod serve;

use crate::answer::Answer;
use crate::apps::Apps;
use crate::budget::{Budget, Kind};
use crate::contract::{Acknowledged, AppEvent, Incoming, Level, Payload, Session as SessionNumber};
use crate::engine::packet::Content;
use crate::engine::{Engine, Notice};
use crate::limits::{AUTH_BYTES_MAX, NAMESPACE_BYTES_MAX};
use crate::numbers::NumberMap;
use crate::reason::Reason;
use crate::settings::Parser;
use address::Address;
use namespace::Namespaces;
use packet::{Packet, PacketKind};
use peer::{Partial, Peer, Socket, Stage};
use recovery::Recovery;

/// All sockets of the shard.
#[derive(Default)]
pub struct Sockets {
    pub apps: Apps,
    peers: NumberMap<SessionNumber, Peer>,
    namespaces: Namespaces,
    /// None: it is off.
    pub recovery: Option<Recovery>,
    /// Sessions that began a packet with attachments, or went on with one, in this call.
    partials: Vec<SessionNumber>,
}

impl Sockets {
    // ------------------------------------------------------------------ sessions

    /// A session is open, or gone.
    pub fn handle_notice(
        &mut self,
        now_ms: u64,
        notice: Notice,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        match notice {
            Notice::Opened(session) => {
                let connect_until_ms = Some(now_ms + engine.settings.connect_timeout_ms);
                self.peers.insert(
                    session,
                    Peer {
                        connect_until_ms,
                        ..Peer::default()
                    },
                );
                // Clients of Socket.IO 2 are in `/` without asking (reference: `Server.onconnection`).
                if engine.is_third(session) {
                    self.handle_connect(now_ms, session, "/", "", engine, answer);
                }
            }
            Notice::Asked(session) => self.note_heartbeat(session, false, engine),
            Notice::Answered(session) => self.note_heartbeat(session, true, engine),
            Notice::Ended(session, reason) => {
                if let Some(mut peer) = self.peers.remove(&session) {
                    drop_partial(&mut peer, &mut engine.budget);
                    self.depart(session, &peer.sockets, reason, engine, answer);
                }
            }
        }
    }

    /// Tells the apps of sockets that are gone, and forgets where they were.
    fn depart(
        &mut self,
        session: SessionNumber,
        sockets: &[Socket],
        reason: Reason,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        for socket in sockets {
            self.exit(session, socket, Some(reason), engine, answer);
        }
    }

    /// Closes a session because of its state or by an app's wish (reference: `Client.close`): its
    /// sockets are gone at once.
    fn close_session(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        if !engine.is_open(session) {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&session) {
            let gone = std::mem::take(&mut peer.sockets);
            peer.connect_until_ms = None;
            drop_partial(peer, &mut engine.budget);
            self.depart(session, &gone, Reason::ForcedServerClose, engine, answer);
        }
        engine.close(now_ms, session, answer);
    }

    /// Closes a session over a packet that cannot be read (reference: `Client.onerror`): its sockets
    /// are told when the session has ended.
    fn reject(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        answer.log(
            Level::Debug,
            format!("session {session}: a packet against the protocol"),
        );
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.connect_until_ms = None;
            drop_partial(peer, &mut engine.budget);
        }
        engine.close(now_ms, session, answer);
        engine.mark(session);
    }

    // ------------------------------------------------------------------ packets

    /// A message of a session: a packet, or an attachment of one.
    pub fn receive(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        content: Content<'_>,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        if engine.settings.parser == Parser::Msgpack {
            self.receive_msgpack(now_ms, session, &content, engine, answer);
            return;
        }
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        match content {
            Content::Text(Some(text)) if peer.partial.is_none() => {
                let namespace_bytes_max = if engine.is_third(session) {
                    NAMESPACE_BYTES_MAX + AUTH_BYTES_MAX
                } else {
                    NAMESPACE_BYTES_MAX
                };
                let attachments_max = engine.settings.max_attachments;
                match packet::decode(text, attachments_max, namespace_bytes_max) {
                    Some(packet) => self.receive_packet(now_ms, session, packet, engine, answer),
                    None => self.reject(now_ms, session, engine, answer),
                }
            }
            Content::Text(_) => self.reject(now_ms, session, engine, answer),
            Content::Binary(bytes) => {
                let Some(mut partial) = peer.partial.take() else {
                    self.reject(now_ms, session, engine, answer);
                    return;
                };
                self.partials.push(session);
                engine.budget.release(Kind::Partials, partial.held());
                partial.attachments.push(bytes.into_owned());
                if partial.attachments.len() < partial.announced as usize {
                    let size: usize = partial.attachments.iter().map(Vec::len).sum();
                    if size as u64 > engine.settings.max_http_buffer_size
                        || !engine.take(Kind::Partials, partial.held())
                    {
                        self.reject(now_ms, session, engine, answer);
                    } else {
                        peer.partial = Some(partial);
                    }
                    return;
                }
                self.receive_complete(now_ms, session, partial, engine, answer);
            }
        }
    }

    /// A message of a session whose packets are written by the msgpack parser.
    fn receive_msgpack(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        content: &Content<'_>,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let decoded = match content {
            Content::Binary(bytes) => msgpack::decode(bytes),
            Content::Text(_) => None,
        };
        let Some(decoded) = decoded else {
            self.reject(now_ms, session, engine, answer);
            return;
        };
        let packet = Packet {
            kind: decoded.kind,
            namespace: &decoded.namespace,
            ack: decoded.ack,
            json: &decoded.json,
            attachments: 0,
        };
        let attachments = decoded.attachments;
        self.receive_whole(now_ms, session, packet, attachments, engine, answer);
    }

    /// A packet's text. Its attachments, if there are any, follow.
    fn receive_packet(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        packet: Packet<'_>,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        if packet.attachments > 0 {
            let Some(peer) = self.peers.get_mut(&session) else {
                return;
            };
            let partial = Partial {
                ack_packet: packet.kind == PacketKind::Ack,
                namespace: packet.namespace.into(),
                ack: packet.ack,
                json: packet.json.into(),
                announced: packet.attachments,
                attachments: Vec::new(),
            };
            if engine.take(Kind::Partials, partial.held()) {
                peer.partial = Some(partial);
                self.partials.push(session);
            } else {
                self.reject(now_ms, session, engine, answer);
            }
            return;
        }
        self.receive_whole(now_ms, session, packet, Vec::new(), engine, answer);
    }

    /// The last attachment of a packet has come.
    fn receive_complete(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        partial: Partial,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let attachments = partial.attachments;
        if !partial.json.is_empty() && !json::placeholders_fit(&partial.json, attachments.len()) {
            self.reject(now_ms, session, engine, answer);
            return;
        }
        let packet = Packet {
            kind: if partial.ack_packet {
                PacketKind::Ack
            } else {
                PacketKind::Event
            },
            namespace: &partial.namespace,
            ack: partial.ack,
            json: &partial.json,
            attachments: partial.announced,
        };
        self.receive_whole(now_ms, session, packet, attachments, engine, answer);
    }

    /// A packet, complete (reference: `Client.ondecoded`).
    fn receive_whole(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        packet: Packet<'_>,
        attachments: Vec<Vec<u8>>,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let address;
        let mut packet = packet;
        if engine.is_third(session) {
            let Some(read) = Address::read(packet.namespace) else {
                self.reject(now_ms, session, engine, answer);
                return;
            };
            address = read;
            packet.namespace = &address.namespace;
            if packet.kind == PacketKind::Connect {
                packet.json = &address.auth;
            }
        }
        let Some(peer) = self.peers.get(&session) else {
            return;
        };
        let socket = peer.within(packet.namespace);
        let joined = socket.filter(|socket| socket.stage == Stage::Connected);
        match (packet.kind, joined) {
            (PacketKind::Connect, None) => {
                // One CONNECT is on its way to the app: another one for the namespace says nothing new.
                if socket.is_none() {
                    self.handle_connect(
                        now_ms,
                        session,
                        packet.namespace,
                        packet.json,
                        engine,
                        answer,
                    );
                }
            }
            (PacketKind::Event, Some(socket)) => {
                // An event without a name is nobody's.
                if !packet.json.is_empty() {
                    let number = peer::number(session, socket.slot);
                    let payload = Payload {
                        json: packet.json.to_owned(),
                        attachments,
                    };
                    let incoming = Incoming {
                        socket: number,
                        payload,
                        ack: packet.ack,
                    };
                    answer.dispatch(socket.app, AppEvent::Message(incoming));
                }
            }
            (PacketKind::Ack, Some(socket)) => {
                // Whether the number was asked for, the instance knows that chose it: bits 43 to 52 say
                // which one that is.
                let place = |ack: &u64| (ack >> PLACE_SHIFT) < u64::from(engine.settings.shards);
                if let Some(ack) = packet.ack.filter(place) {
                    let place = (ack >> PLACE_SHIFT) as u32;
                    let number = peer::number(session, socket.slot);
                    let json = if packet.json.is_empty() {
                        "[]"
                    } else {
                        packet.json
                    };
                    let payload = Payload {
                        json: json.to_owned(),
                        attachments,
                    };
                    answer.dispatch_to(
                        socket.app,
                        self.apps.elsewhere(socket.app, place),
                        AppEvent::Acked(Acknowledged {
                            socket: number,
                            ack,
                            payload,
                        }),
                    );
                }
            }
            (PacketKind::Disconnect, Some(socket)) => {
                let slot = socket.slot;
                self.remove(
                    session,
                    slot,
                    Some(Reason::ClientNamespaceDisconnect),
                    engine,
                    answer,
                );
            }
            (PacketKind::Connect | PacketKind::ConnectError, Some(_)) | (_, None) => {
                answer.log(
                    Level::Debug,
                    format!("session {session}: a packet that its state does not allow"),
                );
                self.close_session(now_ms, session, engine, answer);
            }
        }
    }

    // ------------------------------------------------------------------ time, and what is remembered

    /// When a session's sockets have to be looked at.
    pub fn deadline_ms(&self, session: SessionNumber) -> Option<u64> {
        self.peers.get(&session)?.deadline_ms()
    }

    /// Marks the sessions whose blob has to tell of a packet that is still incomplete, or no longer.
    pub fn mark_partials(&mut self, engine: &mut Engine) {
        let mut partials = std::mem::take(&mut self.partials);
        partials.sort_unstable();
        partials.dedup();
        for session in partials {
            if self
                .peers
                .get(&session)
                .is_some_and(|peer| peer.partial.is_some() || peer.partial_saved)
            {
                engine.mark(session);
            }
        }
    }

    /// What is to be remembered of a session's sockets.
    pub fn peer_to_save(&mut self, session: SessionNumber) -> Option<&Peer> {
        let peer = self.peers.get_mut(&session)?;
        peer.partial_saved = peer.partial.is_some();
        Some(peer)
    }

    /// Charges all that is held, for a count from scratch.
    pub fn recount(&self, budget: &mut Budget) {
        for peer in self.peers.values() {
            peer.charge(budget);
        }
    }

    /// Takes restored sockets in.
    pub fn put_peer(&mut self, session: SessionNumber, mut peer: Peer, budget: &mut Budget) {
        peer.charge(budget);
        for socket in &mut peer.sockets {
            if socket.stage == Stage::Connected {
                let number = peer::number(session, socket.slot);
                let namespace = self.namespaces.enter(number, socket);
                for room in &mut socket.rooms {
                    *room = namespace.join(number, socket.id, room.clone());
                }
            }
        }
        self.peers.insert(session, peer);
    }

    /// Drops what is known of a session, without telling anybody: `restore` replaces it.
    pub fn drop_peer(&mut self, session: SessionNumber, budget: &mut Budget) {
        if let Some(mut peer) = self.peers.remove(&session) {
            drop_partial(&mut peer, budget);
            for socket in &peer.sockets {
                budget.release(Kind::Sockets, socket.held());
                budget.release(Kind::Kept, socket.kept());
                self.namespaces
                    .remove(peer::number(session, socket.slot), socket);
            }
        }
    }
}

/// Gives up a packet whose attachments have not all come.
fn drop_partial(peer: &mut Peer, budget: &mut Budget) {
    if let Some(partial) = peer.partial.take() {
        budget.release(Kind::Partials, partial.held());
    }
}

/// The bit of an acknowledgement number above which is the place of the instance that chose it.
const PLACE_SHIFT: u32 = 43;
