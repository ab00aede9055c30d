//! Socket.IO, fifth revision, and what is left of the fourth for clients of Socket.IO 2: sessions in, sockets and their messages out to the apps. Called by
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
//! | `peer.rs` | the sockets of a session, and their bytes |
//! | `address.rs` | what clients of Socket.IO 2 call a namespace |
//! | `namespace.rs` | who is where |
//! | `packet.rs`, `json.rs` | formats, pure |

mod address;
mod connect;
pub mod json;
mod namespace;
mod orders;
pub mod packet;
pub mod peer;

use crate::answer::Answer;
use crate::apps::Apps;
use crate::contract::{Acknowledged, AppEvent, Incoming, Level, Payload, Session as SessionNumber};
use crate::engine::packet::Content;
use crate::engine::{Engine, Notice};
use crate::limits::{AUTH_BYTES_MAX, NAMESPACE_BYTES_MAX};
use crate::numbers::NumberMap;
use crate::reason::Reason;
use address::Address;
use namespace::Namespaces;
use packet::{Packet, PacketKind};
use peer::{Partial, Peer, Stage};

/// All sockets of the shard.
#[derive(Default)]
pub struct Sockets {
    pub apps: Apps,
    peers: NumberMap<SessionNumber, Peer>,
    namespaces: Namespaces,
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
            Notice::Ended(session, reason) => {
                if let Some(peer) = self.peers.remove(&session) {
                    self.depart(session, &peer, reason, answer);
                }
            }
        }
    }

    /// Tells the apps of sockets that are gone, and forgets where they were.
    fn depart(&mut self, session: SessionNumber, peer: &Peer, reason: Reason, answer: &mut Answer) {
        for socket in &peer.sockets {
            self.namespaces
                .remove(peer::number(session, socket.slot), socket);
            answer.dispatch(
                socket.app,
                AppEvent::Disconnected(socket.departed(session, reason)),
            );
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
            let gone = Peer {
                sockets: std::mem::take(&mut peer.sockets),
                ..Peer::default()
            };
            peer.connect_until_ms = None;
            peer.partial = None;
            self.depart(session, &gone, Reason::ForcedServerClose, answer);
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
            peer.partial = None;
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
                partial.attachments.push(bytes.into_owned());
                if partial.attachments.len() < partial.announced as usize {
                    let held: usize = partial.attachments.iter().map(Vec::len).sum();
                    if held as u64 > engine.settings.max_http_buffer_size {
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
            peer.partial = Some(Partial {
                ack_packet: packet.kind == PacketKind::Ack,
                namespace: packet.namespace.into(),
                ack: packet.ack,
                json: packet.json.into(),
                announced: packet.attachments,
                attachments: Vec::new(),
            });
            self.partials.push(session);
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
                // Whether the number was asked for, the app knows that chose it.
                if let Some(ack) = packet.ack {
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
                    answer.dispatch(
                        socket.app,
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

    /// Takes restored sockets in.
    pub fn put_peer(&mut self, session: SessionNumber, peer: Peer) {
        for socket in peer
            .sockets
            .iter()
            .filter(|socket| socket.stage == Stage::Connected)
        {
            self.namespaces
                .insert(peer::number(session, socket.slot), socket);
        }
        self.peers.insert(session, peer);
    }

    /// Drops what is known of a session, without telling anybody: `restore` replaces it.
    pub fn drop_peer(&mut self, session: SessionNumber) {
        if let Some(peer) = self.peers.remove(&session) {
            for socket in &peer.sockets {
                self.namespaces
                    .remove(peer::number(session, socket.slot), socket);
            }
        }
    }
}
