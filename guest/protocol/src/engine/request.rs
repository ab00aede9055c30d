//! A request arrives: the reference's checks in the reference's order, then handshake, poll, POST or
//! upgrade (reference: `Server.verify`, `handshake`, `onWebSocket`).

use super::dialect::{self, Dialect, Revision};
use super::handshake::{self, Candidate};
use super::headers::is_field_value;
use super::query::Query;
use super::session::{Carrier, Heartbeat, Polling, Session, State};
use super::{Engine, Notice, Role, is_polling, polling};
use crate::answer::Answer;
use crate::contract::{
    Action, App, AppEvent, Attach, Connection, Frame, Judgement, Judging, Request,
    Session as SessionNumber, Transport,
};
use crate::limits::HANDSHAKE_BYTES_MAX;

/// The errors of a request, with the codes of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denial {
    TransportUnknown,
    SessionUnknown,
    BadHandshakeMethod,
    BadRequest,
    UnsupportedProtocolVersion,
}

impl Denial {
    fn code(self) -> u8 {
        match self {
            Denial::TransportUnknown => 0,
            Denial::SessionUnknown => 1,
            Denial::BadHandshakeMethod => 2,
            Denial::BadRequest => 3,
            Denial::UnsupportedProtocolVersion => 5,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Denial::TransportUnknown => "Transport unknown",
            Denial::SessionUnknown => "Session ID unknown",
            Denial::BadHandshakeMethod => "Bad handshake method",
            Denial::BadRequest => "Bad request",
            Denial::UnsupportedProtocolVersion => "Unsupported protocol version",
        }
    }
}

/// The code of a request that an app forbids.
const FORBIDDEN: u8 = 4;

impl Engine {
    /// A request under the mount path. `judges` are the apps that want to be asked about handshakes.
    pub fn handle_requested(
        &mut self,
        now_ms: u64,
        request: Request,
        judges: &[App],
        answer: &mut Answer,
    ) {
        // The place for a byte stream's first packet: until then it is a transport nobody knows.
        if request.transport == Transport::ByteStream {
            deny(&request, Denial::TransportUnknown, answer);
            return;
        }
        // The place for CORS: its preflight is answered before any check.
        let query = Query::read(&request.url);
        match self.verify(&request, &query) {
            Err(denial) => deny(&request, denial, answer),
            Ok(Some(number)) => self.handle_known(now_ms, number, &request, &query, answer),
            Ok(None) => self.handle_handshake(now_ms, &request, &query, judges, answer),
        }
    }

    /// The checks, in the reference's order: transport, origin, session, method. Gives the session
    /// that the request names.
    fn verify(&self, request: &Request, query: &Query) -> Result<Option<SessionNumber>, Denial> {
        let upgrade = request.transport == Transport::Websocket;
        let transport = query.find("transport").unwrap_or("");
        match transport {
            "polling" if self.settings.polling => {}
            "websocket" if self.settings.websocket => {}
            _ => return Err(Denial::TransportUnknown),
        }
        if request
            .headers
            .iter()
            .any(|header| header.name == "origin" && !is_field_value(&header.value))
        {
            return Err(Denial::BadRequest);
        }
        let Some(sid) = query.find("sid").filter(|sid| !sid.is_empty()) else {
            if request.method != "GET" {
                return Err(Denial::BadHandshakeMethod);
            }
            if transport == "websocket" && !upgrade {
                return Err(Denial::BadRequest);
            }
            return Ok(None);
        };
        let number = *self.sids.get(sid).ok_or(Denial::SessionUnknown)?;
        let session = self.sessions.get(&number).ok_or(Denial::SessionUnknown)?;
        let carried = if is_polling(session) {
            "polling"
        } else {
            "websocket"
        };
        // An exchange over a WebSocket session would never be answered by the reference.
        if !upgrade && (carried != transport || carried == "websocket") {
            return Err(Denial::BadRequest);
        }
        if Revision::of(query) != session.dialect.revision {
            return Err(Denial::BadRequest);
        }
        Ok(Some(number))
    }

    /// A request of a session that exists.
    fn handle_known(
        &mut self,
        now_ms: u64,
        number: SessionNumber,
        request: &Request,
        query: &Query,
        answer: &mut Answer,
    ) {
        let connection = request.connection;
        if request.transport == Transport::Websocket {
            self.handle_upgrade(
                now_ms,
                number,
                connection,
                query.find("transport") == Some("websocket"),
                dialect::is_base64(query),
                answer,
            );
            return;
        }
        match request.method.as_str() {
            "GET" => self.handle_poll(now_ms, number, connection, answer),
            "POST" => {
                let octets = request.headers.iter().any(|header| {
                    header.name == "content-type" && header.value == "application/octet-stream"
                });
                self.handle_post(number, connection, octets, answer);
            }
            _ => answer.respond(connection, 500, &[], Vec::new()),
        }
    }

    /// A request without a session: it wants one.
    fn handle_handshake(
        &mut self,
        now_ms: u64,
        request: &Request,
        query: &Query,
        judges: &[App],
        answer: &mut Answer,
    ) {
        let connection = request.connection;
        let upgrade = request.transport == Transport::Websocket;
        if upgrade && query.find("transport") != Some("websocket") {
            // The reference finds out after the 101 that polling handles no upgrades.
            answer.accept(connection, self.settings.max_http_buffer_size);
            answer.close(connection);
            return;
        }
        let handshake = handshake::encode(request, query, now_ms);
        if handshake.len() > HANDSHAKE_BYTES_MAX {
            answer.respond(connection, 431, &[("connection", "close")], Vec::new());
            return;
        }
        if self.is_full(&handshake) {
            answer.respond(connection, 503, &[("connection", "close")], Vec::new());
            return;
        }
        let candidate = Candidate {
            sid: request.fresh.id.as_str().into(),
            seed: [request.fresh.seed_low, request.fresh.seed_high],
            handshake,
            upgrade,
            dialect: Dialect::of(query, &request.headers),
            judges: judges.to_vec(),
            until_ms: now_ms + self.settings.connect_timeout_ms,
            dirty: true,
        };
        if judges.is_empty() {
            self.open(now_ms, connection, candidate, answer);
            return;
        }
        for judge in judges {
            let handshake = handshake::decode(&candidate.handshake, "{}");
            answer.dispatch(
                *judge,
                AppEvent::Judging(Judging {
                    token: connection,
                    handshake,
                }),
            );
        }
        self.put_candidate(connection, candidate);
        self.dirty.push(connection);
    }

    /// Asks an app again that was started anew before it answered.
    pub fn judge_again(&mut self, app: App, answer: &mut Answer) {
        let mut numbers: Vec<_> = self.candidates.keys().copied().collect();
        numbers.sort_unstable();
        for token in numbers {
            if let Some(candidate) = self.candidates.get(&token)
                && candidate.judges.contains(&app)
            {
                let handshake = handshake::decode(&candidate.handshake, "{}");
                answer.dispatch(app, AppEvent::Judging(Judging { token, handshake }));
            }
        }
    }

    /// An app has judged.
    pub fn handle_judged(
        &mut self,
        now_ms: u64,
        app: App,
        judgement: &Judgement,
        answer: &mut Answer,
    ) {
        let number = judgement.token;
        let Some(candidate) = self.candidates.get_mut(&number) else {
            return;
        };
        if !candidate.judges.contains(&app) {
            return;
        }
        if let Some(message) = &judgement.refusal {
            self.refuse_candidate(
                number,
                if message.is_empty() {
                    "Forbidden"
                } else {
                    message
                },
                answer,
            );
            return;
        }
        candidate.judges.retain(|judge| *judge != app);
        self.dirty.push(number);
        self.open_judged(now_ms, number, answer);
    }

    /// An app that was to judge is gone: the others decide.
    pub fn forget_judge(&mut self, now_ms: u64, app: App, answer: &mut Answer) {
        let mut numbers: Vec<_> = self.candidates.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            if let Some(candidate) = self.candidates.get_mut(&number)
                && candidate.judges.contains(&app)
            {
                candidate.judges.retain(|judge| *judge != app);
                self.dirty.push(number);
                self.open_judged(now_ms, number, answer);
            }
        }
    }

    fn open_judged(&mut self, now_ms: u64, number: SessionNumber, answer: &mut Answer) {
        if self
            .candidates
            .get(&number)
            .is_some_and(|candidate| candidate.judges.is_empty())
            && let Some(candidate) = self.take_candidate(number)
        {
            self.connections.remove(&number);
            if !self.speaks(&candidate.dialect) {
                answer.act(Action::Forget(number));
            }
            self.open(now_ms, number, candidate, answer);
        }
    }

    /// Refuses a handshake that awaits judgement: code 4.
    pub fn refuse_candidate(&mut self, number: SessionNumber, message: &str, answer: &mut Answer) {
        let Some(candidate) = self.take_candidate(number) else {
            return;
        };
        self.connections.remove(&number);
        self.dirty.push(number);
        refuse(number, candidate.upgrade, FORBIDDEN, message, answer);
        answer.act(Action::Forget(number));
    }

    /// Opens a session: nobody objects.
    fn open(
        &mut self,
        now_ms: u64,
        number: SessionNumber,
        candidate: Candidate,
        answer: &mut Answer,
    ) {
        if !self.speaks(&candidate.dialect) {
            self.refuse_revision(number, candidate.upgrade, answer);
            return;
        }
        let open = handshake::open_packet(&candidate.sid, !candidate.upgrade, &self.settings);
        let carrier = if candidate.upgrade {
            Carrier::Stream(number)
        } else {
            Carrier::Polling(Polling::default())
        };
        let heartbeat = match candidate.dialect.revision {
            Revision::Fourth => Heartbeat::Rest {
                ping_at_ms: now_ms + self.settings.ping_interval_ms,
            },
            Revision::Third => self.awaited(now_ms),
        };
        let session = Session {
            sid: candidate.sid,
            seed: candidate.seed,
            handshake: candidate.handshake,
            dialect: candidate.dialect,
            state: State::Open,
            carrier,
            heartbeat,
            post: None,
            post_octets: false,
            waiting: 0,
            dirty: true,
        };
        self.put_session(number, session);
        self.dirty.push(number);
        if candidate.upgrade {
            answer.accept(number, self.settings.max_http_buffer_size);
            answer.act(Action::Attach(Attach {
                session: number,
                connection: number,
            }));
            self.send_bare(number, &open, answer);
        } else {
            // The place for `initial_packet` and cookies.
            if let Some(session) = self.sessions.get(&number) {
                polling::respond(&session.dialect, number, &[Frame::Text(open)], answer);
            }
        }
        self.notices.push(Notice::Opened(number));
    }

    /// Whether the revision is allowed.
    fn speaks(&self, dialect: &Dialect) -> bool {
        dialect.revision == Revision::Fourth || self.settings.allow_eio3
    }

    /// The reference looks at the revision last; a WebSocket is open by then.
    fn refuse_revision(&self, connection: Connection, upgrade: bool, answer: &mut Answer) {
        let denial = Denial::UnsupportedProtocolVersion;
        if upgrade {
            answer.accept(connection, self.settings.max_http_buffer_size);
            answer.close(connection);
        } else {
            refuse(connection, false, denial.code(), denial.message(), answer);
        }
    }

    /// A role for a connection that is there already.
    pub(super) fn place(&mut self, connection: Connection, session: SessionNumber, role: Role) {
        self.put_connection(connection, session, role);
    }
}

fn deny(request: &Request, denial: Denial, answer: &mut Answer) {
    let upgrade = request.transport != Transport::Exchange;
    refuse(
        request.connection,
        upgrade,
        denial.code(),
        denial.message(),
        answer,
    );
}

/// A refusal as the reference words it: JSON for an exchange, a bare message for an upgrade.
fn refuse(connection: Connection, upgrade: bool, code: u8, message: &str, answer: &mut Answer) {
    if upgrade {
        let headers = [("content-type", "text/html"), ("connection", "close")];
        answer.respond(connection, 400, &headers, message.as_bytes().to_vec());
        return;
    }
    let mut body = format!("{{\"code\":{code},\"message\":");
    crate::text::push_json_string(message, &mut body);
    body.push('}');
    let status = if code == FORBIDDEN { 403 } else { 400 };
    answer.respond(
        connection,
        status,
        &[("content-type", "application/json")],
        body.into_bytes(),
    );
}
