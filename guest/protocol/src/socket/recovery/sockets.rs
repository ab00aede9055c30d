//! Where recovery meets the sockets: who comes back, who is asked for, what is sent again.

use super::revive::{Revived, Told};
use super::{Claim, Recovery};
use crate::answer::{Answer, Manner};
use crate::budget::{Budget, Kind};
use crate::contract::{
    App, AppEvent, Connecting, Place, Published, Recovered, Session as SessionNumber,
    Socket as SocketNumber,
};
use crate::engine::Engine;
use crate::limits::ASK_MS;
use crate::settings::Settings;
use crate::socket::Sockets;
use crate::socket::encoder::{self, Reach};
use crate::socket::peer::{self, Room, Socket, Stage};

impl Sockets {
    /// Turns recovery on, if the settings say so.
    pub fn configure(&mut self, settings: &Settings) {
        self.recovery = Recovery::new(settings);
    }

    /// An order for an audience begins, of so many with it.
    pub fn begin_order(&mut self, app: App, place: Place, number: u64) {
        if let Some(recovery) = &mut self.recovery {
            recovery.begin_order(app, place, number);
        }
    }

    /// It is carried out.
    pub fn end_order(&mut self) {
        if let Some(recovery) = &mut self.recovery {
            recovery.end_order();
        }
    }

    /// A new socket whose client may come back to it, or comes back now. True: other shards are asked, and
    /// the app is to wait.
    pub(in crate::socket) fn claim(
        &mut self,
        now_ms: u64,
        number: SocketNumber,
        seed: [u64; 2],
        socket: &mut Socket,
    ) -> bool {
        let Some(recovery) = &mut self.recovery else {
            return false;
        };
        socket.pid = peer::private_id(seed, socket.slot);
        let Some(claim) = Claim::read(&socket.auth) else {
            return false;
        };
        if let Some(revived) = recovery.revive(&claim, &socket.namespace) {
            take_up(socket, revived);
        } else if recovery.shards > 1 {
            socket.asking = recovery.ask(number, claim, &socket.namespace);
            socket.stage = Stage::Connecting {
                until_ms: now_ms + ASK_MS,
            };
        }
        socket.asking > 0
    }

    /// How the app meets a socket that awaits its word.
    pub(in crate::socket) fn connecting(
        &self,
        session: SessionNumber,
        socket: &Socket,
        handshake: &[u8],
    ) -> AppEvent {
        let recovered = self.recovery.as_ref().filter(|_| socket.recovered);
        AppEvent::Connecting(Connecting {
            info: socket.info(session, handshake),
            recovered: recovered.map(|recovery| Recovered {
                rooms: socket.room_names(),
                data: socket.data.to_string(),
                skip_middlewares: recovery.skip_middlewares,
            }),
        })
    }

    /// Whether other shards have yet to tell of a socket.
    pub(in crate::socket) fn is_asking(&self, number: SocketNumber) -> bool {
        let (session, slot) = peer::parts(number);
        let socket = self.peers.get(&session).and_then(|peer| peer.socket(slot));
        socket.is_some_and(|socket| socket.asking > 0)
    }

    /// A session was pinged, or has answered: what its clients have for sure.
    pub(in crate::socket) fn note_heartbeat(
        &mut self,
        session: SessionNumber,
        is_answer: bool,
        engine: &mut Engine,
    ) {
        let Some((recovery, peer)) = self.recovery.as_ref().zip(self.peers.get_mut(&session))
        else {
            return;
        };
        for socket in &mut peer.sockets {
            if socket.stage != Stage::Connected {
                continue;
            }
            if is_answer {
                let asked = socket.asked.take().unwrap_or(0);
                socket.since = socket.since.max(asked);
                engine.budget.release(Kind::Kept, socket.moves.held());
                socket.moves.forget(socket.since);
                engine.budget.charge(Kind::Kept, socket.moves.held());
            } else {
                socket.asked = Some(recovery.head());
            }
        }
    }

    /// Sends what a socket missed that has been let in again.
    pub(in crate::socket) fn send_missed(
        &self,
        session: SessionNumber,
        slot: u16,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let socket = self.peers.get(&session).and_then(|peer| peer.socket(slot));
        let Some((recovery, socket)) = self.recovery.as_ref().zip(socket) else {
            return;
        };
        for missed in recovery.missed(socket) {
            let mark = answer.begin();
            let reach = if missed.single {
                Reach::One
            } else {
                Reach::Audience
            };
            let parser = engine.settings.parser;
            let namespace = &socket.namespace;
            if encoder::encode_event(parser, namespace, None, &missed.payload, reach, answer) {
                let manner = Manner {
                    volatile: false,
                    compress: missed.compress,
                };
                engine.deliver(mark, std::iter::once(session), manner, answer);
            }
        }
    }

    /// A message of another shard.
    pub fn hear(
        &mut self,
        now_ms: u64,
        published: &Published,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let peers = &self.peers;
        let waits = |number: SocketNumber| {
            let (session, slot) = peer::parts(number);
            let socket = peers.get(&session).and_then(|peer| peer.socket(slot));
            socket.is_some_and(|socket| socket.asking > 0)
        };
        let told = self
            .recovery
            .as_mut()
            .and_then(|recovery| recovery.hear(published, waits));
        if let Some(told) = told {
            self.settle(now_ms, told, engine, answer);
        }
    }

    /// Lets sockets go on that were found elsewhere, when this shard has caught up.
    pub fn catch_up(&mut self, now_ms: u64, engine: &mut Engine, answer: &mut Answer) {
        let Some(recovery) = &mut self.recovery else {
            return;
        };
        for (socket, revived) in recovery.take_revived() {
            match revived {
                Some(revived) => {
                    self.settle(now_ms, Told::Revived(socket, revived), engine, answer)
                }
                None => self.introduce(now_ms, socket, engine, answer),
            }
        }
    }

    fn settle(&mut self, now_ms: u64, told: Told, engine: &mut Engine, answer: &mut Answer) {
        let number = match &told {
            Told::Unknown(number) | Told::Revived(number, _) => *number,
        };
        let (session, slot) = peer::parts(number);
        let socket = self
            .peers
            .get_mut(&session)
            .and_then(|peer| peer.socket_mut(slot))
            .filter(|socket| socket.asking > 0);
        let Some(socket) = socket else {
            return;
        };
        match told {
            Told::Unknown(_) if socket.asking > 1 => socket.asking -= 1,
            Told::Unknown(_) => {
                self.introduce(now_ms, number, engine, answer);
                return;
            }
            Told::Revived(_, revived) => {
                engine.budget.release(Kind::Kept, socket.kept());
                take_up(socket, revived);
                engine.budget.charge(Kind::Kept, socket.kept());
                self.introduce(now_ms, number, engine, answer);
                return;
            }
        }
        engine.mark(session);
    }

    /// A socket for which other shards were asked goes to its app, as what it is now.
    pub(in crate::socket) fn introduce(
        &mut self,
        now_ms: u64,
        number: SocketNumber,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let (session, slot) = peer::parts(number);
        if let Some(recovery) = &mut self.recovery {
            recovery.give_back(number);
        }
        let socket = self
            .peers
            .get_mut(&session)
            .and_then(|peer| peer.socket_mut(slot));
        let Some(socket) = socket else {
            return;
        };
        socket.asking = 0;
        socket.stage = Stage::Connecting {
            until_ms: now_ms + engine.settings.connect_timeout_ms,
        };
        engine.mark(session);
        let socket = self.peers.get(&session).and_then(|peer| peer.socket(slot));
        if let Some((socket, known)) = socket.zip(engine.session(session)) {
            let event = self.connecting(session, socket, &known.handshake);
            answer.dispatch(socket.app, event);
        }
    }
}

impl Recovery {
    /// A socket joins a room, or leaves it.
    pub(in crate::socket) fn note_move(
        &self,
        socket: &mut Socket,
        joined: bool,
        room: Room,
        budget: &mut Budget,
    ) {
        if socket.pid == 0 {
            return;
        }
        budget.release(Kind::Kept, socket.moves.held());
        socket.moves.note(self.head(), joined, room);
        budget.charge(Kind::Kept, socket.moves.held());
    }
}

/// Makes a new socket the one that its client had.
fn take_up(socket: &mut Socket, revived: Revived) {
    let Revived { dormant, since } = revived;
    socket.id = dormant.id;
    socket.pid = dormant.pid;
    socket.rooms = dormant.rooms();
    socket.data = dormant.data;
    socket.since = since;
    socket.copied = dormant.copied;
    socket.moves = dormant.moves;
    socket.moves.forget(since);
    socket.recovered = true;
}
