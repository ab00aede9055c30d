//! What the apps want done. An app's orders reach its own sockets and namespaces only; orders for
//! sockets that are gone are ignored.
//!
//! There is one node: what goes to the apps of other nodes has nobody to go to, and is not answered.

use super::namespace::Namespaces;
use super::peer::{self, Room, Socket, Stage};
use super::{Sockets, packet};
use crate::answer::{Answer, Manner};
use crate::contract::{
    Act, App, AppEvent, Audience, AudienceDisconnect, AudienceRooms, Broadcast, Counted, Delivery,
    Emission, Find, Found, Level, Order, Reply, Socket as SocketNumber,
};
use crate::engine::Engine;
use crate::limits::{ROOM_BYTES_MAX, ROOMS_PER_SOCKET_MAX, SOCKET_DATA_BYTES_MAX};

impl Sockets {
    /// One order of an app.
    pub fn handle_order(
        &mut self,
        now_ms: u64,
        app: App,
        order: Order,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        match order.socket {
            Some(number) => {
                if self.owner(number) == Some(app) {
                    self.handle_socket_order(now_ms, number, order.act, engine, answer);
                }
            }
            None => self.handle_audience_order(now_ms, app, order.act, engine, answer),
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
            Act::Admit => self.admit(number, engine, answer),
            Act::Refuse(refusal) => self.refuse(number, &refusal, None, engine, answer),
            Act::Emit(emission) => self.emit(number, &emission, engine, answer),
            Act::Reply(reply) => self.reply(number, &reply, engine, answer),
            Act::Join(rooms) => self.join(number, &rooms, engine, answer),
            Act::Leave(rooms) => self.leave(number, &rooms, engine),
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
        app: App,
        act: Act,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        match act {
            Act::Broadcast(broadcast) => self.broadcast(app, &broadcast, engine, answer),
            Act::AudienceJoin(AudienceRooms { to, rooms, .. }) => {
                for number in self.audience(app, &to) {
                    self.join(number, &rooms, engine, answer);
                }
            }
            Act::AudienceLeave(AudienceRooms { to, rooms, .. }) => {
                for number in self.audience(app, &to) {
                    self.leave(number, &rooms, engine);
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
            Act::Find(find) => self.find(app, &find, engine, answer),
            Act::Judge(judgement) => engine.handle_judged(now_ms, app, &judgement, answer),
            Act::Share(share) => engine.handle_share(now_ms, app, &share, answer),
            // A cluster of one: nobody hears it, nobody answers.
            Act::Serve(_) | Act::ServeReply(_) => {}
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
        &self,
        number: SocketNumber,
        emission: &Emission,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let Some(socket) = self.connected(number) else {
            return;
        };
        let (session, _) = peer::parts(number);
        let mark = answer.begin();
        packet::encode_event(&socket.namespace, emission.ack, &emission.payload, answer);
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
        packet::encode_ack(&socket.namespace, reply.ack, &reply.payload, answer);
        engine.deliver(mark, std::iter::once(session), Manner::PLAIN, answer);
    }

    fn join(
        &mut self,
        number: SocketNumber,
        rooms: &[String],
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let Some((socket, namespaces)) = self.connected_mut(number) else {
            return;
        };
        let Some(namespace) = namespaces.find_mut(&socket.namespace) else {
            return;
        };
        let before = socket.rooms.len();
        for name in rooms {
            let room = room_of(socket, name);
            if socket.rooms.contains(&room) {
                continue;
            }
            if name.len() > ROOM_BYTES_MAX || socket.rooms.len() > ROOMS_PER_SOCKET_MAX {
                let text = format!(
                    "socket {number} not joined to a room: at most {ROOMS_PER_SOCKET_MAX} rooms, \
                     names of at most {ROOM_BYTES_MAX} bytes"
                );
                answer.log(Level::Warn, text);
                continue;
            }
            namespace.join(number, socket.id, &room);
            socket.rooms.push(room);
        }
        if socket.rooms.len() != before {
            engine.mark(peer::parts(number).0);
        }
    }

    fn leave(&mut self, number: SocketNumber, rooms: &[String], engine: &mut Engine) {
        let Some((socket, namespaces)) = self.connected_mut(number) else {
            return;
        };
        let Some(namespace) = namespaces.find_mut(&socket.namespace) else {
            return;
        };
        let before = socket.rooms.len();
        for name in rooms {
            let room = room_of(socket, name);
            if let Some(at) = socket.rooms.iter().position(|joined| *joined == room) {
                namespace.leave(number, socket.id, &room);
                socket.rooms.remove(at);
            }
        }
        if socket.rooms.len() != before {
            engine.mark(peer::parts(number).0);
        }
    }

    fn connected_mut(&mut self, number: SocketNumber) -> Option<(&mut Socket, &mut Namespaces)> {
        let (session, slot) = peer::parts(number);
        let socket = self.peers.get_mut(&session)?.socket_mut(slot)?;
        (socket.stage == Stage::Connected).then_some((socket, &mut self.namespaces))
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
        if data.len() > SOCKET_DATA_BYTES_MAX {
            let text = format!(
                "data of socket {number} not kept: more than {SOCKET_DATA_BYTES_MAX} bytes"
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

    fn broadcast(&self, app: App, broadcast: &Broadcast, engine: &mut Engine, answer: &mut Answer) {
        let Broadcast {
            to,
            payload,
            delivery,
            ack,
        } = broadcast;
        let mut receivers = 0;
        if self.apps.serving(&to.namespace) == Some(app)
            && let Some(namespace) = self.namespaces.find(&to.namespace)
        {
            let mark = answer.begin();
            packet::encode_event(&to.namespace, *ack, payload, answer);
            namespace.visit(to, |sockets| {
                let sessions = sockets.map(|number| peer::parts(number).0);
                receivers = engine.deliver(mark, sessions, manner(*delivery), answer);
            });
        }
        if let Some(ack) = *ack {
            answer.dispatch(app, AppEvent::Counted(Counted { ack, receivers }));
        }
    }

    fn find(&self, app: App, find: &Find, engine: &Engine, answer: &mut Answer) {
        let mut sockets = Vec::new();
        for number in self.audience(app, &find.to) {
            let (session, _) = peer::parts(number);
            if let Some((socket, known)) = self.connected(number).zip(engine.session(session)) {
                sockets.push(socket.resumed(session, &known.handshake));
            }
        }
        answer.dispatch(
            app,
            AppEvent::Found(Found {
                token: find.token,
                sockets,
            }),
        );
    }
}

fn manner(delivery: Delivery) -> Manner {
    Manner {
        volatile: delivery.contains(Delivery::VOLATILE),
        compress: !delivery.contains(Delivery::UNCOMPRESSED),
    }
}

/// The room of this name, for this socket.
fn room_of(socket: &Socket, name: &str) -> Room {
    if peer::id_named(name, &socket.namespace) == Some(socket.id) {
        Room::Own
    } else {
        Room::Named(name.into())
    }
}
