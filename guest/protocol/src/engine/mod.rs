//! Engine.IO, third and fourth revision: connections in, sessions out. Called by `lib.rs` with what happened to
//! connections, and by the layer above with what to send. Knows nothing of what the messages mean.
//!
//! | file | is |
//! |---|---|
//! | `mod.rs` | the tables, receiving, sending, ending |
//! | `sharing.rs` | what comes before the checks of a request: CORS, files for clients |
//! | `request.rs` | the checks of a request, handshakes, judgement |
//! | `polling.rs` | polls and POSTs |
//! | `upgrade.rs` | from polling to a WebSocket |
//! | `heartbeat.rs` | everything that happens because time passes |
//! | `extras.rs` | what answers carry besides: headers of CORS, the operator, the app |
//! | `session.rs`, `handshake.rs` | state and its bytes |
//! | `dialect.rs` | how a session's packets are written |
//! | `packet.rs`, `payload.rs`, `packet3.rs`, `payload3.rs`, `jsonp.rs`, `query.rs`, `cors.rs`, `cookie.rs`, `headers.rs` | formats, pure |

pub mod cookie;
pub mod cors;
pub mod dialect;
pub mod extras;
pub mod handshake;
pub mod headers;
mod heartbeat;
mod jsonp;
pub mod packet;
mod packet3;
pub mod payload;
pub mod payload3;
mod polling;
pub mod query;
mod request;
pub mod session;
pub mod sharing;
mod upgrade;

use crate::answer::{Answer, Manner, Mark};
use crate::apps::Interests;
use crate::budget::{Budget, Kind, session_bytes};
use crate::contract::{Action, Cause, Connection, Frame, Session as SessionNumber};
use crate::limits::CLOSE_BUFFER_MS;
use crate::numbers::{NumberMap, NumberSet};
use crate::reason::Reason;
use crate::settings::Settings;
use dialect::{Form, Revision};
use extras::Extras;
use handshake::Candidate;
use packet::{Content, Data, Packet};
use session::{Carrier, Heartbeat, Session, State, Upgrade};
use sharing::Held;
use std::collections::BTreeMap;

/// All sessions of the shard.
#[derive(Default)]
pub struct Engine {
    pub settings: Settings,
    sessions: NumberMap<SessionNumber, Session>,
    candidates: NumberMap<SessionNumber, Candidate>,
    /// Requests about which an app decides.
    held: NumberMap<Connection, Held>,
    /// What the answers on connections carry besides.
    extras: BTreeMap<Connection, Extras>,
    /// What the apps want to be asked, or told, of requests.
    pub interests: Interests,
    /// Refused requests in this call that the apps were to hear of.
    denials: u32,
    /// What both layers hold.
    pub budget: Budget,
    connections: NumberMap<Connection, Place>,
    sids: BTreeMap<Box<str>, SessionNumber>,
    /// Sessions whose packets the host cannot simply write out: polling or closing.
    unattached: NumberSet<SessionNumber>,
    /// Sessions of the third revision, to which bytes are sent in another form.
    third: NumberMap<SessionNumber, Form>,
    /// Sessions with a pending poll and something in the outbox for it.
    flush: Vec<SessionNumber>,
    /// Sessions to be saved, or forgotten by the timers.
    dirty: Vec<SessionNumber>,
    /// What the layer above has not heard of yet.
    notices: Vec<Notice>,
}

/// What a connection is to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    session: SessionNumber,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Its WebSocket.
    Stream,
    /// A WebSocket that has not taken over.
    Probe,
    /// The pending poll.
    Poll,
    /// The POST that is being read.
    Post,
    /// The request that awaits judgement.
    Candidate,
    /// The request about which an app decides.
    Held,
}

/// What happened to a session, for the layer above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is open.
    Opened(SessionNumber),
    /// It is gone.
    Ended(SessionNumber, Reason),
    /// It was pinged, and the ping is behind all that was sent before. Told only for recovery.
    Asked(SessionNumber),
    /// The pong has come. Told only for recovery.
    Answered(SessionNumber),
}

/// The last packet that a pending poll is given when its session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parting {
    /// `1`: the server closes.
    Close,
    /// `6`: the client has closed.
    Noop,
    /// `6` and `1`: a buffered close (the reference sends an empty packet to carry it).
    NoopClose,
}

impl Parting {
    fn packets(self) -> Vec<Frame> {
        let packets: &[&str] = match self {
            Parting::Close => &["1"],
            Parting::Noop => &["6"],
            Parting::NoopClose => &["6", "1"],
        };
        packets
            .iter()
            .map(|packet| Frame::Text((*packet).to_owned()))
            .collect()
    }
}

impl Engine {
    // ------------------------------------------------------------------ receiving

    /// A frame from a WebSocket. Gives the session and the message in it, if there is one.
    pub fn receive<'a>(
        &mut self,
        now_ms: u64,
        connection: Connection,
        data: Data<'a>,
        answer: &mut Answer,
    ) -> Option<(SessionNumber, Content<'a>)> {
        let place = *self.connections.get(&connection)?;
        match place.role {
            Role::Stream => self.receive_packet(now_ms, place.session, data, false, answer),
            Role::Probe => {
                self.receive_probe(now_ms, place.session, connection, data, answer);
                None
            }
            Role::Poll | Role::Post | Role::Candidate | Role::Held => None,
        }
    }

    /// One packet of a session (reference: `Socket.onPacket`).
    pub fn receive_packet<'a>(
        &mut self,
        now_ms: u64,
        number: SessionNumber,
        data: Data<'a>,
        posted: bool,
        answer: &mut Answer,
    ) -> Option<(SessionNumber, Content<'a>)> {
        let session = self.sessions.get_mut(&number)?;
        let revision = session.dialect.revision;
        let packet = match revision {
            Revision::Fourth => packet::decode(data),
            Revision::Third => packet3::decode(data),
        };
        // A POST's close packet is the transport's, whatever the session's state.
        if posted && packet == Packet::Close {
            self.end(number, Reason::TransportClose, Parting::Noop, answer);
            return None;
        }
        if session.state != State::Open {
            return None;
        }
        if let Heartbeat::Asked {
            until_ms,
            put_off: put_off @ false,
        } = &mut session.heartbeat
            && packet != Packet::Pong
        {
            *until_ms = now_ms + self.settings.ping_timeout_ms;
            *put_off = true;
            self.mark(number);
        }
        match packet {
            Packet::Message(content) => return Some((number, content)),
            Packet::Pong if revision == Revision::Fourth => {
                if let Some(session) = self.sessions.get_mut(&number) {
                    session.heartbeat = Heartbeat::Rest {
                        ping_at_ms: now_ms + self.settings.ping_interval_ms,
                    };
                }
                self.mark(number);
                if self.settings.recovery.is_some() {
                    self.notices.push(Notice::Answered(number));
                }
            }
            Packet::Ping(_) if revision == Revision::Third => {
                let awaited = self.awaited(now_ms);
                if let Some(session) = self.sessions.get_mut(&number) {
                    session.heartbeat = awaited;
                }
                self.mark(number);
                self.send_bare(number, "3", answer);
            }
            // The wrong direction for the revision.
            Packet::Ping(_) | Packet::Pong => {
                self.end(number, Reason::TransportError, Parting::Close, answer)
            }
            Packet::Invalid => self.end(number, Reason::ParseError, Parting::Close, answer),
            Packet::Open | Packet::Close | Packet::Upgrade | Packet::Noop => {}
        }
        None
    }

    /// A connection is gone.
    pub fn handle_closed(&mut self, connection: Connection, cause: Cause, answer: &mut Answer) {
        self.extras.remove(&connection);
        let Some(place) = self.connections.remove(&connection) else {
            return;
        };
        let number = place.session;
        match place.role {
            Role::Stream => {
                let reason = match cause {
                    Cause::Peer | Cause::Failed => Reason::TransportClose,
                    Cause::Invalid | Cause::TooLong | Cause::Slow => Reason::TransportError,
                };
                self.end(number, reason, Parting::Close, answer);
            }
            Role::Probe => self.handle_probe_lost(number, answer),
            Role::Poll => self.end(number, Reason::TransportError, Parting::Close, answer),
            Role::Post => {
                let polls = self.sessions.get(&number).is_some_and(is_polling);
                if polls {
                    self.end(number, Reason::TransportError, Parting::Close, answer);
                } else if let Some(session) = self.sessions.get_mut(&number) {
                    session.post = None;
                    self.mark(number);
                }
            }
            Role::Candidate | Role::Held => {
                self.take_candidate(number);
                self.take_held(number);
                answer.act(Action::Forget(number));
                self.dirty.push(number);
            }
        }
    }

    /// The session's outbox is full: it cannot go on.
    pub fn handle_overflowed(&mut self, number: SessionNumber, answer: &mut Answer) {
        self.end(number, Reason::TransportError, Parting::Close, answer);
    }

    // ------------------------------------------------------------------ sending

    /// Sends the frames since `mark` to these sessions. They come in ascending order, each once. What
    /// is volatile reaches those that can be written to at once: of polling sessions, those with a
    /// pending poll. Gives the number of sessions it was meant for.
    pub fn deliver(
        &mut self,
        mark: Mark,
        receivers: impl Iterator<Item = SessionNumber>,
        manner: Manner,
        answer: &mut Answer,
    ) -> u32 {
        let volatile = manner.volatile;
        let frames = answer.frames_since(mark);
        let mut count = 0;
        let third = !self.third.is_empty() && answer.has_bytes_since(mark);
        // Those that need the frames in another form, or under another manner.
        let mut others: Vec<((Option<Form>, bool), SessionNumber)> = Vec::new();
        for number in receivers {
            count += 1;
            if !self.unattached.is_empty() && self.unattached.contains(&number) {
                if !self.wait(number, frames, volatile) {
                    continue;
                }
                if volatile {
                    let form = self.third.get(&number).copied().filter(|_| third);
                    others.push(((form, false), number));
                    continue;
                }
            }
            if third && let Some(form) = self.third.get(&number) {
                others.push(((Some(*form), volatile), number));
                continue;
            }
            answer.target(number);
        }
        if others.is_empty() {
            answer.commit(mark, manner);
            return count;
        }
        let frames = answer.frames(mark);
        answer.commit(mark, manner);
        others.sort_unstable();
        for group in others.chunk_by(|(one, _), (next, _)| one == next) {
            let Some(((form, volatile), _)) = group.first() else {
                continue;
            };
            let again = answer.begin();
            answer.repeat(&frames, *form);
            for (_, number) in group {
                answer.target(*number);
            }
            let volatile = *volatile;
            answer.commit(again, Manner { volatile, ..manner });
        }
        count
    }

    /// Whether so many frames may go to the outbox of a session that is not a plain stream.
    fn wait(&mut self, number: SessionNumber, frames: u32, volatile: bool) -> bool {
        let Some(session) = self.sessions.get_mut(&number) else {
            return false;
        };
        if session.state != State::Open {
            return false;
        }
        let Carrier::Polling(polling) = &session.carrier else {
            return true;
        };
        let writable = polling.poll.is_some() && !polling.draining;
        if volatile && !writable {
            return false;
        }
        session.waiting = session.waiting.saturating_add(frames);
        if writable {
            self.flush.push(number);
        }
        true
    }

    /// A packet without contents to one session.
    fn send_bare(&mut self, number: SessionNumber, packet: &str, answer: &mut Answer) {
        let mark = answer.begin();
        answer.text_frame(&[packet]);
        self.deliver(mark, std::iter::once(number), Manner::PLAIN, answer);
    }

    // ------------------------------------------------------------------ ending

    /// Closes a session in an orderly way (reference: `Socket.close`): what was sent still arrives. A
    /// polling client without a poll hears of it with its next one, within 30 s. Ends with
    /// `forced close`.
    pub fn close(&mut self, now_ms: u64, number: SessionNumber, answer: &mut Answer) {
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        if session.state != State::Open {
            return;
        }
        let at_once = match &session.carrier {
            Carrier::Stream(_) => true,
            Carrier::Polling(polling) => {
                polling.poll.is_some() && !polling.draining && session.waiting == 0
            }
        };
        if at_once {
            self.end(number, Reason::ForcedClose, Parting::Close, answer);
            return;
        }
        session.state = State::Closing {
            until_ms: now_ms + CLOSE_BUFFER_MS,
        };
        self.mark(number);
    }

    /// Ends a session at once (reference: `Socket.onClose`): whatever is open is closed or answered.
    fn end(
        &mut self,
        number: SessionNumber,
        reason: Reason,
        parting: Parting,
        answer: &mut Answer,
    ) {
        let Some(session) = self.take_session(number) else {
            return;
        };
        if self.sids.get(&session.sid) == Some(&number) {
            self.sids.remove(&session.sid);
        }
        match session.carrier {
            Carrier::Stream(connection) => self.close_connection(connection, answer),
            Carrier::Polling(polling) => {
                if let Some(poll) = polling.poll
                    && self.connections.remove(&poll).is_some()
                {
                    polling::respond(&session.dialect, poll, &parting.packets(), None, answer);
                }
                if let Some(connection) = polling.upgrade.connection() {
                    self.close_connection(connection, answer);
                }
            }
        }
        if let Some(post) = session.post
            && self.connections.remove(&post).is_some()
        {
            answer.respond(post, 400, &[("connection", "close")], Vec::new());
        }
        self.unattached.remove(&number);
        answer.act(Action::Forget(number));
        self.dirty.push(number);
        self.notices.push(Notice::Ended(number, reason));
    }

    fn close_connection(&mut self, connection: Connection, answer: &mut Answer) {
        if self.connections.remove(&connection).is_some() {
            answer.close(connection);
        }
    }

    /// Ends everything: the node stops (reference: `Server.close`).
    pub fn stop(&mut self, now_ms: u64, answer: &mut Answer) {
        let mut numbers: Vec<_> = self.sessions.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            self.end(number, Reason::ServerShuttingDown, Parting::Close, answer);
        }
        let mut numbers: Vec<_> = self.candidates.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            self.refuse_candidate(number, "Forbidden", answer);
        }
        let mut numbers: Vec<_> = self.held.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            self.fail_held(now_ms, number, answer);
        }
    }

    // ------------------------------------------------------------------ for the layer above, and lib.rs

    /// Whether messages can be sent to it and received from it.
    pub fn is_open(&self, number: SessionNumber) -> bool {
        self.sessions
            .get(&number)
            .is_some_and(|session| session.state == State::Open)
    }

    /// A session's seed and the request that opened it.
    pub fn session(&self, number: SessionNumber) -> Option<&Session> {
        self.sessions.get(&number)
    }

    /// Whether a session speaks the third revision: its client is one of Socket.IO 2.
    pub fn is_third(&self, number: SessionNumber) -> bool {
        !self.third.is_empty() && self.third.contains_key(&number)
    }

    /// A handshake that awaits judgement.
    pub fn candidate(&self, number: SessionNumber) -> Option<&Candidate> {
        self.candidates.get(&number)
    }

    /// Charges all that is held, for a count from scratch.
    pub fn recount(&self, budget: &mut Budget) {
        let sessions = self.sessions.values().map(Session::bytes);
        let candidates = self.candidates.values().map(Candidate::bytes);
        let held = self.held.values().map(Held::bytes);
        for bytes in sessions.chain(candidates).chain(held) {
            budget.charge(Kind::Sessions, bytes);
        }
    }

    /// Charges so many bytes to a kind of holder, if its share of the memory allows it.
    pub fn take(&mut self, kind: Kind, bytes: u64) -> bool {
        self.budget
            .take(kind, bytes, self.settings.memory_bytes_max)
    }

    /// Notes that a session is to be saved at the end of this call.
    pub fn mark(&mut self, number: SessionNumber) {
        if let Some(session) = self.sessions.get_mut(&number)
            && !session.dirty
        {
            session.dirty = true;
            self.dirty.push(number);
        }
    }

    /// The oldest thing that the layer above has not heard of. Nothing in nearly every case.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The sessions that changed in this call, in ascending order. They are clean after this.
    pub fn take_dirty(&mut self) -> Vec<SessionNumber> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for number in &dirty {
            if let Some(session) = self.sessions.get_mut(number) {
                session.dirty = false;
            }
            if let Some(candidate) = self.candidates.get_mut(number) {
                candidate.dirty = false;
            }
        }
        dirty
    }

    // ------------------------------------------------------------------ restoring

    /// Takes a session in, with its connections.
    pub fn put_session(&mut self, number: SessionNumber, session: Session) {
        match &session.carrier {
            Carrier::Stream(connection) => self.put_connection(*connection, number, Role::Stream),
            Carrier::Polling(polling) => {
                self.unattached.insert(number);
                if let Some(poll) = polling.poll {
                    self.put_connection(poll, number, Role::Poll);
                }
                match polling.upgrade {
                    Upgrade::Confirmed { connection } => {
                        self.put_connection(connection, number, Role::Stream)
                    }
                    Upgrade::Opened { connection, .. } | Upgrade::Probed { connection, .. } => {
                        self.put_connection(connection, number, Role::Probe);
                    }
                    Upgrade::None => {}
                }
            }
        }
        if let Some(post) = session.post {
            self.put_connection(post, number, Role::Post);
        }
        if session.state != State::Open {
            self.unattached.insert(number);
        }
        self.sids.insert(session.sid.clone(), number);
        if let Some(form) = session.dialect.form(is_polling(&session)) {
            self.third.insert(number, form);
        }
        self.budget.charge(Kind::Sessions, session.bytes());
        if let Some(before) = self.sessions.insert(number, session) {
            self.budget.release(Kind::Sessions, before.bytes());
        }
    }

    /// Takes a session in that another instance has saved, with what its answers carry.
    pub fn restore_session(
        &mut self,
        number: SessionNumber,
        session: Session,
        extras: Vec<Extras>,
    ) {
        for (exchange, mut extras) in session.exchanges().zip(extras) {
            extras.headers = session.headers.clone();
            self.carry(exchange, extras);
        }
        self.put_session(number, session);
    }

    /// Whether another session would be too many, with a handshake of so many bytes.
    fn is_full(&self, handshake: usize) -> bool {
        let bytes = session_bytes(handshake);
        !self
            .budget
            .fits(Kind::Sessions, bytes, self.settings.memory_bytes_max)
    }

    fn take_session(&mut self, number: SessionNumber) -> Option<Session> {
        let session = self.sessions.remove(&number)?;
        self.third.remove(&number);
        self.budget.release(Kind::Sessions, session.bytes());
        Some(session)
    }

    fn take_candidate(&mut self, number: SessionNumber) -> Option<Candidate> {
        let candidate = self.candidates.remove(&number)?;
        self.budget.release(Kind::Sessions, candidate.bytes());
        Some(candidate)
    }

    /// Takes a candidate in.
    pub fn put_candidate(&mut self, number: SessionNumber, candidate: Candidate) {
        self.put_connection(number, number, Role::Candidate);
        self.budget.charge(Kind::Sessions, candidate.bytes());
        if let Some(before) = self.candidates.insert(number, candidate) {
            self.budget.release(Kind::Sessions, before.bytes());
        }
    }

    fn put_connection(&mut self, connection: Connection, session: SessionNumber, role: Role) {
        self.connections.insert(connection, Place { session, role });
    }

    /// Drops what is known of a session, without telling anybody: `restore` replaces it.
    pub fn drop_session(&mut self, number: SessionNumber) {
        let mut connections = Vec::new();
        if let Some(session) = self.take_session(number) {
            if self.sids.get(&session.sid) == Some(&number) {
                self.sids.remove(&session.sid);
            }
            connections.extend(session.post);
            match session.carrier {
                Carrier::Stream(connection) => connections.push(connection),
                Carrier::Polling(polling) => {
                    connections.extend(polling.poll);
                    connections.extend(polling.upgrade.connection());
                }
            }
        }
        if self.take_candidate(number).is_some() | self.take_held(number).is_some() {
            connections.push(number);
        }
        for connection in connections {
            self.extras.remove(&connection);
            if self
                .connections
                .get(&connection)
                .is_some_and(|place| place.session == number)
            {
                self.connections.remove(&connection);
            }
        }
        self.unattached.remove(&number);
    }
}

fn is_polling(session: &Session) -> bool {
    matches!(session.carrier, Carrier::Polling(_))
}
