//! A request arrives: the reference's checks in the reference's order, then handshake, poll, POST or
//! upgrade (reference: `Server.verify`, `handshake`, `onWebSocket`).

use super::dialect::{self, Dialect, Revision};
use super::handshake::{self, Candidate};
use super::headers::{self, is_field_value};
use super::query::Query;
use super::session::{Carrier, Heartbeat, Polling, Session, State};
use super::{Engine, Notice, Role, is_polling, polling};
use crate::answer::Answer;
use crate::budget::Kind;
use crate::contract::{
    Action, App, AppEvent, Attach, Connection, Denied, Frame, Handshake, Header, Judgement,
    Judging, Level, Request, Session as SessionNumber, Transport,
};
use crate::limits::{DENIALS_PER_CALL_MAX, HANDSHAKE_BYTES_MAX, REFUSAL_BYTES_MAX};
use crate::text::{self, push_json_string};
use std::sync::Arc;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    TransportUnknown,
    SessionUnknown,
    BadHandshakeMethod,
    InvalidOrigin,
    /// The session has another transport: this one.
    TransportMismatch(&'static str),
    /// The session speaks another revision: this one.
    ProtocolMismatch(u8),
    TransportHandshake,
    MiddlewareFailure,
    UnsupportedProtocolVersion,
}

impl Denial {
    /// The reference's code.
    fn code(self) -> u8 {
        match self {
            Denial::TransportUnknown => 0,
            Denial::SessionUnknown => 1,
            Denial::BadHandshakeMethod => 2,
            Denial::InvalidOrigin
            | Denial::TransportMismatch(_)
            | Denial::ProtocolMismatch(_)
            | Denial::TransportHandshake
            | Denial::MiddlewareFailure => 3,
            Denial::UnsupportedProtocolVersion => 5,
        }
    }

    /// The reference's `context`, as JSON text.
    fn context(self, request: &Request, query: &Query) -> String {
        let origins = request.headers.iter();
        let mut origins = origins.filter(|header| header.name == "origin");
        let transport = query.find("transport");
        let protocol = Some(if query.find("EIO") == Some("4") {
            "4"
        } else {
            "3"
        });
        match self {
            Denial::TransportUnknown => object(&[("transport", transport)], &[]),
            Denial::SessionUnknown => object(&[("sid", query.find("sid"))], &[]),
            Denial::BadHandshakeMethod => object(&[("method", Some(&request.method))], &[]),
            Denial::InvalidOrigin => {
                let origin = origins.next().map(|header| header.value.as_str());
                object(&[("name", Some("INVALID_ORIGIN")), ("origin", origin)], &[])
            }
            Denial::TransportMismatch(previous) => object(
                &[
                    ("name", Some("TRANSPORT_MISMATCH")),
                    ("transport", transport),
                    ("previousTransport", Some(previous)),
                ],
                &[],
            ),
            Denial::ProtocolMismatch(previous) => object(
                &[("name", Some("PROTOCOL_MISMATCH"))],
                &[
                    ("protocol", protocol),
                    ("previousProtocol", Some(&previous.to_string())),
                ],
            ),
            Denial::TransportHandshake => {
                object(&[("name", Some("TRANSPORT_HANDSHAKE_ERROR"))], &[])
            }
            Denial::MiddlewareFailure => object(&[("name", Some("MIDDLEWARE_FAILURE"))], &[]),
            Denial::UnsupportedProtocolVersion => object(&[], &[("protocol", protocol)]),
        }
    }
}

/// A JSON object of strings, then numbers. What is none is left out.
fn object(texts: &[(&str, Option<&str>)], numbers: &[(&str, Option<&str>)]) -> String {
    let mut json = "{".to_owned();
    let all = texts.iter().map(|pair| (pair, true));
    for ((key, value), quoted) in all.chain(numbers.iter().map(|pair| (pair, false))) {
        let Some(value) = value else {
            continue;
        };
        if json.len() > 1 {
            json.push(',');
        }
        push_json_string(key, &mut json);
        json.push(':');
        if quoted {
            push_json_string(value, &mut json);
        } else {
            json.push_str(value);
        }
    }
    json.push('}');
    json
}

/// The words for a code.
fn message(code: u8) -> &'static str {
    match code {
        0 => "Transport unknown",
        1 => "Session ID unknown",
        2 => "Bad handshake method",
        3 => "Bad request",
        FORBIDDEN => "Forbidden",
        _ => "Unsupported protocol version",
    }
}

/// The code of a request that an app forbids.
const FORBIDDEN: u8 = 4;

impl Engine {
    /// A request whose CORS is settled.
    pub(super) fn handle_checked(&mut self, now_ms: u64, request: &Request, answer: &mut Answer) {
        let query = Query::read(&request.url);
        match self.verify(request, &query) {
            Err(denial) => self.deny(now_ms, request, &query, denial, answer),
            Ok(Some(number)) => self.handle_known(now_ms, number, request, &query, answer),
            Ok(None) => self.handle_handshake(now_ms, request, &query, answer),
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
            return Err(Denial::InvalidOrigin);
        }
        let Some(sid) = query.find("sid").filter(|sid| !sid.is_empty()) else {
            if request.method != "GET" {
                return Err(Denial::BadHandshakeMethod);
            }
            if transport == "websocket" && !upgrade {
                return Err(Denial::TransportHandshake);
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
            return Err(Denial::TransportMismatch(carried));
        }
        let revision = session.dialect.revision;
        if Revision::of(query) != revision {
            return Err(Denial::ProtocolMismatch(revision.number()));
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
        if let Some(session) = self.sessions.get(&number) {
            self.carry_headers(connection, session.headers.clone());
        }
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
        answer: &mut Answer,
    ) {
        let connection = request.connection;
        let upgrade = request.transport == Transport::Websocket;
        if upgrade && query.find("transport") != Some("websocket") {
            // The reference finds out after the 101 that polling handles no upgrades.
            let initial = self.settings.initial_headers.clone();
            self.carry_initial(connection, initial, Arc::default());
            answer.accept(connection, self.settings.max_http_buffer_size);
            answer.close(connection);
            return;
        }
        let handshake = handshake::encode(request, query, now_ms);
        if handshake.len() > HANDSHAKE_BYTES_MAX {
            answer.respond(connection, 431, &[("connection", "close")], Vec::new());
            return;
        }
        if self.is_full(handshake.len()) {
            answer.respond(connection, 503, &[("connection", "close")], Vec::new());
            return;
        }
        let candidate = Candidate {
            sid: request.fresh.id.as_str().into(),
            seed: [request.fresh.seed_low, request.fresh.seed_high],
            handshake,
            upgrade,
            dialect: Dialect::of(query),
            judges: self.interests.judges.clone(),
            until_ms: now_ms + self.settings.connect_timeout_ms,
            initial_headers: Vec::new(),
            headers: Vec::new(),
            dirty: true,
        };
        if candidate.judges.is_empty() {
            self.open(now_ms, connection, candidate, answer);
            return;
        }
        for judge in &candidate.judges {
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
            self.refuse_candidate(number, message, answer);
            return;
        }
        candidate.judges.retain(|judge| *judge != app);
        let before = candidate.bytes();
        let left_out = headers::gather(&mut candidate.initial_headers, &judgement.initial_headers)
            + headers::gather(&mut candidate.headers, &judgement.headers);
        let after = candidate.bytes();
        self.budget.release(Kind::Sessions, before);
        self.budget.charge(Kind::Sessions, after);
        if left_out > 0 {
            let text =
                format!("app {app} wants {left_out} headers that are not possible or too many");
            answer.log(Level::Warn, text);
        }
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
        let message = text::cut(message, REFUSAL_BYTES_MAX);
        self.tell(
            FORBIDDEN,
            || {
                let handshake = handshake::decode(&candidate.handshake, "{}");
                (handshake, object(&[("message", Some(message))], &[]))
            },
            answer,
        );
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
        let headers: Arc<[Header]> = candidate.headers.as_slice().into();
        let mut initial = Vec::new();
        if let Some(cookie) = &self.settings.cookie
            && !candidate.upgrade
        {
            initial.push(Header {
                name: "set-cookie".to_owned(),
                value: cookie.serialize(&candidate.sid),
            });
        }
        initial.extend(self.settings.initial_headers.iter().cloned());
        initial.extend(candidate.initial_headers.iter().cloned());
        self.carry_initial(number, initial, headers.clone());
        if !self.speaks(&candidate.dialect) {
            self.refuse_revision(number, &candidate, answer);
            return;
        }
        let initial_packet = self.settings.initial_packet.clone();
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
            headers,
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
            if let Some(packet) = initial_packet {
                self.send_bare(number, &format!("4{packet}"), answer);
            }
        } else {
            let mut packets = vec![Frame::Text(open)];
            packets.extend(initial_packet.map(|packet| Frame::Text(format!("4{packet}"))));
            if let Some(session) = self.sessions.get(&number) {
                let settings = Some(&self.settings);
                polling::respond(&session.dialect, number, &packets, settings, answer);
            }
        }
        self.notices.push(Notice::Opened(number));
    }

    /// Whether the revision is allowed.
    fn speaks(&self, dialect: &Dialect) -> bool {
        dialect.revision == Revision::Fourth || self.settings.allow_eio3
    }

    /// The reference looks at the revision last; a WebSocket is open by then.
    fn refuse_revision(
        &mut self,
        connection: Connection,
        candidate: &Candidate,
        answer: &mut Answer,
    ) {
        let code = Denial::UnsupportedProtocolVersion.code();
        self.tell(
            code,
            || {
                let handshake = handshake::decode(&candidate.handshake, "{}");
                (handshake, object(&[], &[("protocol", Some("3"))]))
            },
            answer,
        );
        if candidate.upgrade {
            answer.accept(connection, self.settings.max_http_buffer_size);
            answer.close(connection);
        } else {
            refuse(connection, false, code, message(code), answer);
        }
    }

    /// Refuses a request, and tells the apps that want to hear of it.
    pub(super) fn deny(
        &mut self,
        now_ms: u64,
        request: &Request,
        query: &Query,
        denial: Denial,
        answer: &mut Answer,
    ) {
        let code = denial.code();
        self.tell(
            code,
            || {
                let handshake = handshake::describe(request, query, now_ms);
                (handshake, denial.context(request, query))
            },
            answer,
        );
        let upgrade = request.transport != Transport::Exchange;
        refuse(request.connection, upgrade, code, message(code), answer);
    }

    /// Tells apps of a refusal (reference: `connection_error`).
    fn tell(
        &mut self,
        code: u8,
        describe: impl FnOnce() -> (Handshake, String),
        answer: &mut Answer,
    ) {
        if self.interests.hearers.is_empty() {
            return;
        }
        self.denials = self.denials.saturating_add(1);
        if self.denials > DENIALS_PER_CALL_MAX {
            return;
        }
        let (handshake, context) = describe();
        for hearer in &self.interests.hearers {
            let denied = Denied {
                handshake: handshake.clone(),
                code,
                message: message(code).to_owned(),
                context: context.clone(),
            };
            answer.dispatch(*hearer, AppEvent::Denied(denied));
        }
    }

    /// A role for a connection that is there already.
    pub(super) fn place(&mut self, connection: Connection, session: SessionNumber, role: Role) {
        self.put_connection(connection, session, role);
    }
}

/// A refusal as the reference words it: JSON for an exchange, a bare message for an upgrade.
/// Without a message it has the code's own.
fn refuse(connection: Connection, upgrade: bool, code: u8, text: &str, answer: &mut Answer) {
    let text = if text.is_empty() { message(code) } else { text };
    if upgrade {
        let headers = [("content-type", "text/html"), ("connection", "close")];
        answer.respond(connection, 400, &headers, text.as_bytes().to_vec());
        return;
    }
    let mut body = format!("{{\"code\":{code},\"message\":");
    push_json_string(text, &mut body);
    body.push('}');
    let status = if code == FORBIDDEN { 403 } else { 400 };
    answer.respond(
        connection,
        status,
        &[("content-type", "application/json")],
        body.into_bytes(),
    );
}
