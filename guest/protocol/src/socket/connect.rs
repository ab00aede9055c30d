//! Joining a namespace and leaving it (reference: `Client.connect`, `Namespace._add`,
//! `Socket._onconnect`, `Socket._onclose`), and what becomes of sockets when apps come and go.

use super::Sockets;
use super::encoder::{self, Control};
use super::peer::{self, Room, Socket, Stage};
use super::recovery::moves::Moves;
use crate::answer::{Answer, Manner};
use crate::base64;
use crate::budget::Kind;
use crate::contract::{
    App, AppEvent, Connecting, Refusal, Session as SessionNumber, Socket as SocketNumber,
};
use crate::engine::Engine;
use crate::limits::{AUTH_BYTES_MAX, SLOTS_PER_SESSION_MAX, SOCKETS_PER_SESSION_MAX};
use crate::reason::Reason;
use crate::text::push_json_string;

impl Sockets {
    /// A client asks to join a namespace that it is not in.
    pub(super) fn handle_connect(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        namespace: &str,
        auth: &str,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        // The msgpack parser takes names without a slash: they are nobody's.
        let app = self
            .apps
            .serving(namespace)
            .filter(|_| namespace.starts_with('/'));
        let Some(app) = app else {
            let json = "{\"message\":\"Invalid namespace\"}";
            send_control(
                session,
                namespace,
                Control::Unknown { json },
                engine,
                answer,
            );
            return;
        };
        if peer.sockets.len() >= SOCKETS_PER_SESSION_MAX {
            send_error(
                session,
                namespace,
                "Too many namespaces",
                None,
                engine,
                answer,
            );
            return;
        }
        if auth.len() > AUTH_BYTES_MAX {
            send_error(
                session,
                namespace,
                "Auth payload too large",
                None,
                engine,
                answer,
            );
            return;
        }
        if peer.next_slot >= SLOTS_PER_SESSION_MAX {
            self.close_session(now_ms, session, engine, answer);
            return;
        }
        let Some(known) = engine.session(session) else {
            return;
        };
        let slot = peer.next_slot as u16;
        let id = if engine.is_third(session) {
            peer::session_id(&known.sid, namespace)
        } else {
            None
        };
        let id = id.unwrap_or_else(|| peer::public_id(known.seed, slot));
        let mut socket = Socket {
            slot,
            app,
            id,
            namespace: namespace.into(),
            mark: peer::mark(namespace),
            stage: Stage::Connecting {
                until_ms: now_ms + engine.settings.connect_timeout_ms,
            },
            auth: if auth.is_empty() {
                "{}".into()
            } else {
                auth.into()
            },
            data: "{}".into(),
            rooms: Vec::new(),
            pid: 0,
            since: 0,
            copied: 0,
            moves: Moves::default(),
            asked: None,
            recovered: false,
            asking: 0,
        };
        let seed = known.seed;
        if !engine.take(Kind::Sockets, socket.held()) {
            let full = "Too many connections";
            send_error(session, namespace, full, None, engine, answer);
            return;
        }
        peer.next_slot += 1;
        let number = peer::number(session, slot);
        let waits = !engine.is_third(session) && self.claim(now_ms, number, seed, &mut socket);
        engine.budget.charge(Kind::Kept, socket.kept());
        if let Some(known) = engine.session(session).filter(|_| !waits) {
            let event = self.connecting(session, &socket, &known.handshake);
            answer.dispatch(app, event);
        }
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.sockets.push(socket);
        }
        engine.mark(session);
    }

    /// The app lets a socket in.
    pub(super) fn admit(
        &mut self,
        now_ms: u64,
        number: SocketNumber,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let (session, slot) = peer::parts(number);
        if !engine.is_open(session) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let Some(socket) = peer.socket_mut(slot) else {
            return;
        };
        if socket.stage == Stage::Connected || socket.asking > 0 {
            return;
        }
        let recovery = self.recovery.as_ref().filter(|_| socket.recovered);
        if recovery.is_some_and(|recovery| !recovery.tells_after(socket.since, socket.copied)) {
            // What it missed has been dropped while the app thought about it: its client begins anew.
            socket.recovered = false;
            self.close_session(now_ms, session, engine, answer);
            return;
        }
        socket.stage = Stage::Connected;
        if !socket.rooms.contains(&Room::Own) {
            socket.rooms.push(Room::Own);
        }
        let json = if engine.is_third(session) {
            String::new()
        } else if let Some(recovery) = &self.recovery {
            if !socket.recovered {
                socket.since = recovery.head();
            }
            let pid = base64::encode_id(socket.pid);
            format!("{{\"sid\":\"{}\",\"pid\":\"{pid}\"}}", socket.id_text())
        } else {
            format!("{{\"sid\":\"{}\"}}", socket.id_text())
        };
        let namespace = socket.namespace.clone();
        let recovered = socket.recovered;
        peer.connect_until_ms = None;
        self.enter(number, answer);
        if recovered {
            self.send_missed(session, slot, engine, answer);
        }
        let control = Control::Connect { json: &json };
        send_control(session, &namespace, control, engine, answer);
        engine.mark(session);
    }

    /// The app refuses a socket, or the guest does in its place.
    pub(super) fn refuse(
        &mut self,
        number: SocketNumber,
        refusal: &Refusal,
        tell: Option<Reason>,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let (session, slot) = peer::parts(number);
        let Some(socket) = self.peers.get(&session).and_then(|peer| peer.socket(slot)) else {
            return;
        };
        if socket.stage == Stage::Connected || socket.asking > 0 {
            return;
        }
        let namespace = socket.namespace.clone();
        self.remove(session, slot, tell, engine, answer);
        // A namespace that there is not is told to all clients alike, whoever finds it out.
        let is_unknown = refusal.message == "Invalid namespace" && !self.apps.declares(&namespace);
        if engine.is_third(session) && !is_unknown {
            send_bare_error(session, &namespace, refusal, engine, answer);
            return;
        }
        send_error(
            session,
            &namespace,
            &refusal.message,
            refusal.data.as_deref(),
            engine,
            answer,
        );
    }

    /// Takes a socket out of its namespace and tells its app, unless there is nothing to tell.
    pub(super) fn remove(
        &mut self,
        session: SessionNumber,
        slot: u16,
        tell: Option<Reason>,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let Some(socket) = self
            .peers
            .get_mut(&session)
            .and_then(|peer| peer.remove(slot))
        else {
            return;
        };
        self.exit(session, &socket, tell, engine, answer);
        engine.mark(session);
    }

    /// Puts a socket out: DISCONNECT, and the reason `server namespace disconnect`.
    pub(super) fn put_out(
        &mut self,
        number: SocketNumber,
        tell: bool,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let (session, slot) = peer::parts(number);
        let Some(socket) = self.peers.get(&session).and_then(|peer| peer.socket(slot)) else {
            return;
        };
        if socket.stage != Stage::Connected {
            return;
        }
        let namespace = socket.namespace.clone();
        send_control(session, &namespace, Control::Disconnect, engine, answer);
        let reason = tell.then_some(Reason::ServerNamespaceDisconnect);
        self.remove(session, slot, reason, engine, answer);
    }

    /// Looks at a session whose time has come.
    pub fn elapse(
        &mut self,
        now_ms: u64,
        session: SessionNumber,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        let Some(peer) = self.peers.get(&session) else {
            return;
        };
        if peer
            .connect_until_ms
            .is_some_and(|until_ms| until_ms <= now_ms)
        {
            self.close_session(now_ms, session, engine, answer);
            engine.mark(session);
            return;
        }
        let late = |socket: &&Socket| matches!(socket.stage, Stage::Connecting { until_ms } if until_ms <= now_ms);
        let late: Vec<u16> = peer
            .sockets
            .iter()
            .filter(late)
            .map(|socket| socket.slot)
            .collect();
        for slot in late {
            let number = peer::number(session, slot);
            if self.is_asking(number) {
                // The other shards have not all answered: its client begins anew.
                self.introduce(now_ms, number, engine, answer);
                continue;
            }
            let refusal = Refusal {
                message: "timeout".to_owned(),
                data: None,
            };
            let tell = Some(Reason::ServerNamespaceDisconnect);
            self.refuse(peer::number(session, slot), &refusal, tell, engine, answer);
        }
    }

    /// An app's instance is new: it meets its sockets again, in ascending order.
    pub fn resume(&self, app: App, engine: &Engine, answer: &mut Answer) {
        let mut sessions: Vec<_> = self.peers.keys().copied().collect();
        sessions.sort_unstable();
        for session in sessions {
            let Some((peer, known)) = self.peers.get(&session).zip(engine.session(session)) else {
                continue;
            };
            let served = peer.sockets.iter();
            for socket in served.filter(|socket| socket.app == app && socket.asking == 0) {
                let event = match socket.stage {
                    Stage::Connected => {
                        AppEvent::Resumed(socket.resumed(session, &known.handshake))
                    }
                    Stage::Connecting { .. } => self.connecting(session, socket, &known.handshake),
                };
                answer.dispatch(app, event);
            }
        }
    }

    /// An app is gone: so are its sockets. There is nobody to tell but the clients.
    pub fn handle_unloaded(&mut self, app: App, engine: &mut Engine, answer: &mut Answer) {
        self.apps.unload(app);
        self.put_out_unserved(app, engine, answer);
    }

    /// What an app serves is not what it was: sockets whose namespace it serves no more are put out, and
    /// those of other apps in namespaces that are its own now. The app itself never heard of its own.
    pub fn put_out_unserved(&mut self, app: App, engine: &mut Engine, answer: &mut Answer) {
        let mut numbers = Vec::new();
        for (session, peer) in &self.peers {
            let unserved = peer.sockets.iter().filter(|socket| {
                let by = self.apps.serving(&socket.namespace);
                by != Some(socket.app) && (socket.app == app || by == Some(app))
            });
            numbers.extend(unserved.map(|socket| {
                let number = peer::number(*session, socket.slot);
                (number, socket.app != app)
            }));
        }
        numbers.sort_unstable();
        for (number, tell) in numbers {
            let refusal = Refusal {
                message: "Invalid namespace".to_owned(),
                data: None,
            };
            let reason = tell.then_some(Reason::ServerNamespaceDisconnect);
            self.refuse(number, &refusal, reason, engine, answer);
            self.put_out(number, tell, engine, answer);
        }
    }

    /// An app crashed over an event: whoever waits for an answer to it gets one.
    pub fn handle_lost(
        &mut self,
        now_ms: u64,
        event: &AppEvent,
        engine: &mut Engine,
        answer: &mut Answer,
    ) {
        match event {
            AppEvent::Connecting(Connecting { info, .. }) => {
                let refusal = Refusal {
                    message: "Internal server error".to_owned(),
                    data: None,
                };
                self.refuse(info.socket, &refusal, None, engine, answer);
            }
            // Nobody would ever hear this socket: its client is to come back anew.
            AppEvent::Resumed(resumed) => {
                let (session, slot) = peer::parts(resumed.info.socket);
                if self
                    .peers
                    .get(&session)
                    .is_some_and(|peer| peer.socket(slot).is_some())
                {
                    self.close_session(now_ms, session, engine, answer);
                }
            }
            AppEvent::Judging(judging) => {
                engine.refuse_candidate(judging.token, "Forbidden", answer)
            }
            AppEvent::Sharing(sharing) => engine.fail_held(now_ms, sharing.token, answer),
            AppEvent::Message(_)
            | AppEvent::Acked(_)
            | AppEvent::Counted(_)
            | AppEvent::Disconnected(_)
            | AppEvent::Found(_)
            | AppEvent::Served(_)
            | AppEvent::Answered(_)
            | AppEvent::Denied(_)
            | AppEvent::Room(_) => {}
        }
    }
}

/// CONNECT_ERROR.
fn send_error(
    session: SessionNumber,
    namespace: &str,
    message: &str,
    data: Option<&str>,
    engine: &mut Engine,
    answer: &mut Answer,
) {
    let mut json = "{\"message\":".to_owned();
    push_json_string(message, &mut json);
    if let Some(data) = data {
        json.push_str(",\"data\":");
        json.push_str(data);
    }
    json.push('}');
    let control = Control::Refused { json: &json };
    send_control(session, namespace, control, engine, answer);
}

/// A packet that is not for handlers, to one session.
fn send_control(
    session: SessionNumber,
    namespace: &str,
    control: Control<'_>,
    engine: &mut Engine,
    answer: &mut Answer,
) {
    let mark = answer.begin();
    encoder::encode_control(engine.settings.parser, namespace, control, answer);
    engine.deliver(mark, std::iter::once(session), Manner::PLAIN, answer);
}

/// The error of Socket.IO 2: the data, or the message when there is none to speak of (reference:
/// `err.data || err.message`).
fn send_bare_error(
    session: SessionNumber,
    namespace: &str,
    refusal: &Refusal,
    engine: &mut Engine,
    answer: &mut Answer,
) {
    let data = refusal.data.as_deref().map(str::trim);
    let json = match data.filter(|data| !matches!(*data, "" | "null" | "false" | "0" | "\"\"")) {
        Some(data) => data.to_owned(),
        None => {
            let mut json = String::new();
            push_json_string(&refusal.message, &mut json);
            json
        }
    };
    let control = Control::Refused { json: &json };
    send_control(session, namespace, control, engine, answer);
}
