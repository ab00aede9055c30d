//! What answers to requests carry besides: CORS headers, the cookie, and the headers of the operator and
//! of the app. Noted when a request comes, put on when the call ends that answers it.

use super::Engine;
use super::handshake::{decode_headers, encode_headers};
use crate::answer::Answer;
use crate::codec::{Reader, Writer};
use crate::contract::{Accept, Action, Connection, Header, Level, Request, Response, Transport};
use crate::limits::DENIALS_PER_CALL_MAX;
use crate::settings::Settings;
use std::sync::Arc;

/// What the answer to one request carries besides.
#[derive(Debug, Default)]
pub struct Extras {
    /// CORS: in front of the answer's own headers.
    first: Vec<Header>,
    /// The client is an Internet Explorer, which is told not to look for scripts.
    explorer: bool,
    /// It wants to be a WebSocket: a refusal carries nothing.
    upgrade: bool,
    /// Of the answer that opens a session. Not remembered: it is given in the same call.
    pub initial: Vec<Header>,
    /// Of the session.
    pub headers: Arc<[Header]>,
}

impl Extras {
    /// For a request, with the headers of CORS.
    pub fn of(request: &Request, first: Vec<Header>) -> Extras {
        let explorer = request.headers.iter().any(|header| {
            header.name == "user-agent"
                && (header.value.contains(";MSIE") || header.value.contains("Trident/"))
        });
        Extras {
            first,
            explorer,
            upgrade: request.transport != Transport::Exchange,
            ..Extras::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty()
            && !self.explorer
            && self.initial.is_empty()
            && self.headers.is_empty()
    }

    /// Writes what has to be remembered while the answer is not given.
    pub fn encode(&self, to: &mut Writer) {
        encode_headers(&self.first, to);
        to.byte(u8::from(self.explorer));
        to.byte(u8::from(self.upgrade));
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Extras> {
        Some(Extras {
            first: decode_headers(from)?,
            explorer: from.byte()? != 0,
            upgrade: from.byte()? != 0,
            ..Extras::default()
        })
    }

    /// The event `headers` of the reference changes answers of polls and POSTs, not errors.
    fn put_on_response(self, settings: &Settings, response: &mut Response) {
        if self.upgrade {
            return;
        }
        let own = std::mem::replace(&mut response.headers, self.first);
        let success = response.status == 200;
        for header in own {
            if success && self.explorer && header.name == "cache-control" {
                response.headers.push(Header {
                    name: "x-xss-protection".to_owned(),
                    value: "0".to_owned(),
                });
            }
            response.headers.push(header);
        }
        if success {
            put_all(&mut response.headers, &self.initial);
            put_all(&mut response.headers, &settings.headers);
            put_all(&mut response.headers, &self.headers);
        }
    }

    fn put_on_accept(self, settings: &Settings, accept: &mut Accept) {
        accept.headers.extend(self.first);
        put_all(&mut accept.headers, &self.initial);
        put_all(&mut accept.headers, &settings.headers);
        put_all(&mut accept.headers, &self.headers);
    }
}

/// Adds headers, each in place of one with its name. Cookies stay beside each other.
fn put_all(to: &mut Vec<Header>, headers: &[Header]) {
    for header in headers {
        let same = |other: &&mut Header| other.name == header.name && header.name != "set-cookie";
        match to.iter_mut().find(same) {
            Some(other) => other.value.clone_from(&header.value),
            None => to.push(header.clone()),
        }
    }
}

impl Engine {
    /// Notes what the answer on a connection carries.
    pub fn carry(&mut self, connection: Connection, extras: Extras) {
        if !extras.is_empty() || !self.settings.headers.is_empty() {
            self.extras.insert(connection, extras);
        }
    }

    /// The answer on this connection opens a session.
    pub(super) fn carry_initial(
        &mut self,
        connection: Connection,
        initial: Vec<Header>,
        headers: Arc<[Header]>,
    ) {
        if initial.is_empty() && headers.is_empty() {
            return;
        }
        let extras = self.extras.entry(connection).or_default();
        extras.initial = initial;
        extras.headers = headers;
    }

    /// The answer on this connection belongs to a session with these headers.
    pub(super) fn carry_headers(&mut self, connection: Connection, headers: Arc<[Header]>) {
        self.carry_initial(connection, Vec::new(), headers);
    }

    /// What the answers on these connections carry, for a blob.
    pub fn encode_extras(
        &self,
        connections: impl IntoIterator<Item = Connection>,
        to: &mut Writer,
    ) {
        let none = Extras::default();
        for connection in connections {
            self.extras.get(&connection).unwrap_or(&none).encode(to);
        }
    }

    /// Completes what this call has decided. Once, at its end.
    pub fn finish(&mut self, answer: &mut Answer) {
        self.put_on(answer);
        let untold = self.denials.saturating_sub(DENIALS_PER_CALL_MAX);
        if untold > 0 {
            let text = format!("{untold} more refused requests that the apps do not hear of");
            answer.log(Level::Warn, text);
        }
        self.denials = 0;
    }

    fn put_on(&mut self, answer: &mut Answer) {
        let deflate = self.settings.per_message_deflate;
        if self.extras.is_empty() && deflate.is_none() {
            return;
        }
        for action in answer.actions() {
            match action {
                Action::Respond(response) => {
                    if let Some(extras) = self.extras.remove(&response.connection) {
                        extras.put_on_response(&self.settings, response);
                    }
                }
                Action::Accept(accept) => {
                    accept.deflate = deflate;
                    if let Some(extras) = self.extras.remove(&accept.connection) {
                        extras.put_on_accept(&self.settings, accept);
                    }
                }
                _ => {}
            }
        }
    }
}
