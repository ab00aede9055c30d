//! What the apps want done. An app's orders reach its own sockets and namespaces only; orders for
//! sockets that are gone are ignored.
//!
//! There is one node: what goes to the apps of other nodes has nobody to go to, and is not answered.

use super::Sockets;
use super::encoder::{self, Reach};
use super::peer::{self, Socket, Stage};
use crate::answer::{Answer, Manner};
use crate::apps::Instance;
use crate::budget::Kind;
use crate::contract::{
    Act, App, AppEvent, Audience, AudienceDisconnect, AudienceRooms, Broadcast, Counted, Delivery,
    Emission, Find, Found, Level, Order, Payload, Reply, Socket as SocketNumber,
};
use crate::engine::Engine;
use crate::limits::{CALL_SHARE, SOCKET_DATA_BYTES_MAX};

impl Sockets {
    /// One order of an app.
    pub fn handle_order(
        &mut self,
        now_ms: u64,
        by: Instance,
        order: Order,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        match order.socket {
            Some(number) => {
                let owner = self.owner(number);
                if owner == Some(by.app) {
                    self.handle_socket_order(now_ms, number, order.act, engine, answer);
                } else if let (None, Act::Emit(emission), Some(recovery)) =
                    (owner, &order.act, &mut self.recovery)
                {
                    recovery.remember_for(by.app, number, emission);
                }
            }
            None => self.handle_audience_order(now_ms, by, order.act, engine, answer),
        }
    }

    /// Which app serves a socket.
    fn owner(&self, number: SocketNumber) -> Option<App> {
        let (session, slot) = peer::parts(number);
        Some(self.peers.get(&session)?.socket(slot)?.app)
    }

    fn handle_socket_order(
        &mut self,
        now_ms: u64,
        number: SocketNumber,
        act: Act,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        match act {
            Act::Admit => self.admit(now_ms, number, engine, answer),
            Act::Refuse(refusal) => self.refuse(number, &refusal, None, engine, answer),
            Act::Emit(emission) => self.emit(number, &emission, engine, answer),
            Act::Reply(reply) => self.reply(number, &reply, engine, answer),
            Act::Join(rooms) => self.join(&[number], &rooms, engine, answer),
            Act::Leave(rooms) => self.leave(number, &rooms, engine, answer),
            Act::Disconnect(false) => self.put_out(number, true, engine, answer),
            Act::Disconnect(true) => self.put_session_out(now_ms, number, engine, answer),
            Act::SetData(data) => self.set_data(number, data, engine, answer),
            _ => answer.log(
                Level::Warn,
                format!("an order for socket {number} that takes no socket: ignored"),
            ),
        }
    }

    fn handle_audience_order(
        &mut self,
        now_ms: u64,
        by: Instance,
        act: Act,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let app = by.app;
        match act {
            Act::Broadcast(broadcast) => self.broadcast(by, &broadcast, engine, answer),
            Act::AudienceJoin(AudienceRooms { to, rooms, .. }) => {
                let numbers = self.audience(app, &to);
                self.join(&numbers, &rooms, engine, answer);
            }
            Act::AudienceLeave(AudienceRooms { to, rooms, .. }) => {
                for number in self.audience(app, &to) {
                    self.leave(number, &rooms, engine, answer);
                }
            }
            Act::AudienceDisconnect(AudienceDisconnect { to, close, .. }) => {
                for number in self.audience(app, &to) {
                    if close {
                        self.put_session_out(now_ms, number, engine, answer);
                    } else {
                        self.put_out(number, true, engine, answer);
                    }
                }
            }
            Act::Find(find) => self.find(by, &find, engine, answer),
            Act::Judge(judgement) => engine.handle_judged(now_ms, app, &judgement, answer),
            Act::Share(share) => engine.handle_share(now_ms, app, &share, answer),
            Act::Serve(serve) => self.serve(by, serve, engine.settings.shard, answer),
            Act::ServeReply(reply) => self.serve_reply(app, reply, engine.settings.shard, answer),
            _ => answer.log(
                Level::Warn,
                "an order that needs a socket came without one: ignored".to_owned(),
            ),
        }
    }

    // ------------------------------------------------------------------ one socket

    /// A connected socket.
    fn connected(&self, number: SocketNumber) -> Option<&Socket> {
        let (session, slot) = peer::parts(number);
        let socket = self.peers.get(&session)?.socket(slot)?;
        (socket.stage == Stage::Connected).then_some(socket)
    }

    fn emit(
        &mut self,
        number: SocketNumber,
        emission: &Emission,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        // One that awaits admission too: the reference sends what middlewares emit at once.
        let (session, slot) = peer::parts(number);
        let Some(socket) = self.peers.get(&session).and_then(|peer| peer.socket(slot)) else {
            return;
        };
        let Emission {
            payload,
            ack,
            delivery,
        } = emission;
        let recovery = self.recovery.as_mut();
        let recovery = recovery.filter(|_| ack.is_none() && socket.stage == Stage::Connected);
        let stamped = recovery.and_then(|recovery| {
            if delivery.contains(Delivery::VOLATILE) {
                return recovery.volatile(payload);
            }
            let to = Audience {
                namespace: socket.namespace.to_string(),
                rooms: vec![socket.id_text()],
                except: Vec::new(),
            };
            let compress = !delivery.contains(Delivery::UNCOMPRESSED);
            recovery.remember(socket.app, to, payload, true, compress)
        });
        let payload = stamped.as_ref().unwrap_or(payload);
        let mark = answer.begin();
        let parser = engine.settings.parser;
        if !encoder::encode_event(parser, &socket.namespace, *ack, payload, Reach::One, answer) {
            answer.log(Level::Warn, not_json(number));
            return;
        }
        engine.deliver(
            mark,
            std::iter::once(session),
            manner(emission.delivery),
            answer,
        );
    }

    fn reply(&self, number: SocketNumber, reply: &Reply, engine: &mut Engine, answer: &mut Answer) {
        let Some(socket) = self.connected(number) else {
            return;
        };
        let (session, _) = peer::parts(number);
        let mark = answer.begin();
        let Reply { ack, payload } = reply;
        if !encoder::encode_ack(
            engine.settings.parser,
            &socket.namespace,
            *ack,
            payload,
            answer,
        ) {
            answer.log(Level::Warn, not_json(number));
            return;
        }
        engine.deliver(mark, std::iter::once(session), Manner::PLAIN, answer);
    }

    /// Closes the whole session of a socket (reference: `Client._disconnect`): every socket of it is
    /// told first.
    fn put_session_out(
        &mut self,
        now_ms: u64,
        number: SocketNumber,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        if self.connected(number).is_none() {
            return;
        }
        let (session, _) = peer::parts(number);
        let slots: Vec<u16> = self
            .peers
            .get(&session)
            .into_iter()
            .flat_map(|peer| &peer.sockets)
            .map(|s| s.slot)
            .collect();
        for slot in slots {
            self.put_out(peer::number(session, slot), true, engine, answer);
        }
        self.close_session(now_ms, session, engine, answer);
    }

    fn set_data(
        &mut self,
        number: SocketNumber,
        data: String,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let (session, slot) = peer::parts(number);
        let Some(socket) = self
            .peers
            .get_mut(&session)
            .and_then(|peer| peer.socket_mut(slot))
        else {
            return;
        };
        engine
            .budget
            .release(Kind::Kept, 2 * socket.data.len() as u64);
        if data.len() > SOCKET_DATA_BYTES_MAX || !engine.take(Kind::Kept, 2 * data.len() as u64) {
            engine
                .budget
                .charge(Kind::Kept, 2 * socket.data.len() as u64);
            let text = format!(
                "data of socket {number} not kept: more than {SOCKET_DATA_BYTES_MAX} bytes, or than there \
                 is memory for"
            );
            answer.log(Level::Warn, text);
            return;
        }
        socket.data = data.into();
        engine.mark(session);
    }

    // ------------------------------------------------------------------ an audience

    /// The sockets of an audience, if it is the app's to address.
    fn audience(&self, app: App, to: &Audience) -> Vec<SocketNumber> {
        if self.apps.serving(&to.namespace) != Some(app) {
            return Vec::new();
        }
        self.namespaces
            .find(&to.namespace)
            .map(|namespace| namespace.list(to))
            .unwrap_or_default()
    }

    fn broadcast(
        &mut self,
        by: Instance,
        broadcast: &Broadcast,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let Broadcast {
            to,
            payload,
            delivery,
            ack,
        } = broadcast;
        let stamped = self.stamp(by, broadcast);
        let payload = stamped.as_ref().unwrap_or(payload);
        let mut receivers = 0;
        if self.apps.serving(&to.namespace) == Some(by.app)
            && let Some(namespace) = self.namespaces.find(&to.namespace)
        {
            let mark = answer.begin();
            let parser = engine.settings.parser;
            let reach = Reach::Audience;
            if answer.targets() as u64 * TARGET_BYTES > call_bytes_max(engine) {
                let text = "too many receivers in one call: a broadcast was dropped".to_owned();
                answer.log(Level::Warn, text);
            } else if encoder::encode_event(parser, &to.namespace, *ack, payload, reach, answer) {
                namespace.visit(to, |sockets| {
                    let sessions = sockets.map(|number| peer::parts(number).0);
                    receivers = engine.deliver(mark, sessions, manner(*delivery), answer);
                });
            } else {
                let text = "the payload of a broadcast is not JSON: dropped".to_owned();
                answer.log(Level::Warn, text);
            }
        }
        if let Some(ack) = *ack {
            let place = self.apps.elsewhere(by.app, by.place);
            let counted = Counted { ack, receivers };
            answer.dispatch_to(by.app, place, AppEvent::Counted(counted));
        }
    }

    /// The payload of a broadcast with an offset, if clients may come back for it.
    fn stamp(&mut self, by: Instance, broadcast: &Broadcast) -> Option<Payload> {
        let recovery = self.recovery.as_mut()?;
        let Broadcast {
            to,
            payload,
            delivery,
            ack,
        } = broadcast;
        if ack.is_some() || self.apps.serving(&to.namespace) != Some(by.app) {
            return None;
        }
        if delivery.contains(Delivery::VOLATILE) {
            return recovery.volatile(payload);
        }
        let compress = !delivery.contains(Delivery::UNCOMPRESSED);
        recovery.remember(by.app, to.clone(), payload, false, compress)
    }

    fn find(&self, by: Instance, find: &Find, engine: &Engine, answer: &mut Answer) {
        let mut sockets = Vec::new();
        for number in self.audience(by.app, &find.to) {
            let (session, _) = peer::parts(number);
            let Some((socket, known)) = self.connected(number).zip(engine.session(session)) else {
                continue;
            };
            // A header of a few bytes becomes two strings.
            let bytes = socket.held() + socket.kept() + 8 * known.handshake.len() as u64;
            answer.described_bytes += bytes;
            if answer.described_bytes > call_bytes_max(engine) {
                let text = "too many sockets to describe in one answer: the rest is left out";
                answer.log(Level::Warn, text.to_owned());
                break;
            }
            sockets.push(socket.resumed(session, &known.handshake));
        }
        let place = self.apps.elsewhere(by.app, by.place);
        let found = Found {
            token: find.token,
            sockets,
        };
        answer.dispatch_to(by.app, place, AppEvent::Found(found));
    }
}

/// What one call may use for receivers, or for descriptions, in bytes.
fn call_bytes_max(engine: &Engine) -> u64 {
    engine.settings.memory_bytes_max / CALL_SHARE
}

/// What a receiver takes in an answer.
const TARGET_BYTES: u64 = 8;

fn not_json(number: SocketNumber) -> String {
    format!("a payload for socket {number} is not JSON: dropped")
}

fn manner(delivery: Delivery) -> Manner {
    Manner {
        volatile: delivery.contains(Delivery::VOLATILE),
        compress: !delivery.contains(Delivery::UNCOMPRESSED),
    }
}
