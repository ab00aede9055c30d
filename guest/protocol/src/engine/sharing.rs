//! What comes before the checks of a request (reference: `_applyMiddlewares`, `attachServe`): CORS, by
//! the settings or by an app that is asked, and the files for clients.

use super::cors::{Cors, Sharing};
use super::extras::Extras;
use super::query::Query;
use super::request::Denial;
use super::{Engine, Role};
use crate::answer::Answer;
use crate::budget::{Kind, session_bytes};
use crate::codec::{Reader, Writer};
use crate::contract::{
    Action, App, AppEvent, Connection, Fresh, HandOut, Header, Judging, Level, Request, Share,
    Transport,
};
use crate::engine::handshake;
use crate::limits::HANDSHAKE_BYTES_MAX;

/// A request that waits for an app to decide on CORS.
///
/// ```text
///  requested ──► Held ──the app shares──► checks, handshake, poll, …
///                  └── it does not, it crashes, connect_timeout ──► (refused), client gone ──► (forgotten)
/// ```
#[derive(Debug)]
pub struct Held {
    pub app: App,
    pub request: Request,
    /// When the app's answer does not count any more.
    pub until_ms: u64,
}

/// The names of the files for clients; each has a source map, too.
const FILES: [&str; 4] = [
    "socket.io.js",
    "socket.io.min.js",
    "socket.io.esm.min.js",
    "socket.io.msgpack.min.js",
];

impl Engine {
    /// A request under the mount path.
    pub fn handle_requested(&mut self, now_ms: u64, request: Request, answer: &mut Answer) {
        // The place for a byte stream's first packet: until then it is a transport nobody knows.
        if request.transport == Transport::ByteStream {
            let query = Query::read(&request.url);
            self.deny(now_ms, &request, &query, Denial::TransportUnknown, answer);
            return;
        }
        if let Some(app) = self.interests.sharer {
            self.hold(now_ms, app, request, answer);
            return;
        }
        let sharing = self.share(&request);
        self.handle_shared(now_ms, &request, sharing, answer);
    }

    /// What the settings say about CORS.
    fn share(&self, request: &Request) -> Option<Sharing> {
        self.settings.cors.as_ref()?.share(request)
    }

    /// A request whose CORS is decided: none if there is nothing about it.
    fn handle_shared(
        &mut self,
        now_ms: u64,
        request: &Request,
        sharing: Option<Sharing>,
        answer: &mut Answer,
    ) {
        let connection = request.connection;
        let Sharing { headers, preflight } = sharing.unwrap_or_default();
        if let Some(status) = preflight {
            answer.respond(connection, status, &[("content-length", "0")], Vec::new());
            answer.prepend_headers(headers);
            return;
        }
        if let Some(name) = self.client_file(request) {
            hand_out(connection, name, headers, answer);
            return;
        }
        self.carry(connection, Extras::of(request, headers));
        self.handle_checked(now_ms, request, answer);
    }

    /// The file that a request is for.
    fn client_file(&self, request: &Request) -> Option<&'static str> {
        if !self.settings.serve_client || request.transport != Transport::Exchange {
            return None;
        }
        let rest = request.url.strip_prefix(&self.settings.path)?;
        let name = rest.strip_prefix('/')?.split('?').next()?;
        MAPS.into_iter().chain(FILES).find(|file| *file == name)
    }

    // ------------------------------------------------------------------ by an app

    /// Asks an app and waits.
    fn hold(&mut self, now_ms: u64, app: App, request: Request, answer: &mut Answer) {
        let connection = request.connection;
        let query = Query::read(&request.url);
        let handshake = handshake::encode(&request, &query, now_ms);
        if handshake.len() > HANDSHAKE_BYTES_MAX {
            answer.respond(connection, 431, &[("connection", "close")], Vec::new());
            return;
        }
        if self.is_full(handshake.len()) {
            answer.respond(connection, 503, &[("connection", "close")], Vec::new());
            return;
        }
        let until_ms = now_ms + self.settings.connect_timeout_ms;
        let held = Held {
            app,
            request,
            until_ms,
        };
        ask(&held, now_ms, answer);
        self.put_held(connection, held);
        self.dirty.push(connection);
    }

    /// An app has decided.
    pub fn handle_share(&mut self, now_ms: u64, app: App, share: &Share, answer: &mut Answer) {
        let number = share.token;
        if self.held.get(&number).is_none_or(|held| held.app != app) {
            return;
        }
        let cors = match &share.outcome {
            Ok(json) => Cors::read(json).map_err(|wrong| {
                let text =
                    format!("app {app} decides on CORS with options that cannot be: {wrong}");
                answer.log(Level::Warn, text);
            }),
            Err(_) => Err(()),
        };
        match cors {
            Ok(cors) => {
                let Some(held) = self.take_held(number) else {
                    return;
                };
                let sharing = cors.and_then(|cors| cors.share(&held.request));
                self.release(now_ms, &held.request, sharing, answer);
            }
            Err(()) => self.fail_held(now_ms, number, answer),
        }
    }

    /// An app is there anew, or gone: asks again, or another one, or decides by the settings.
    pub fn share_again(&mut self, now_ms: u64, app: App, answer: &mut Answer) {
        let mut numbers: Vec<_> = self.held.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let Some(held) = self.held.get_mut(&number).filter(|held| held.app == app) else {
                continue;
            };
            if let Some(sharer) = self.interests.sharer {
                held.app = sharer;
                ask(held, now_ms, answer);
                self.dirty.push(number);
            } else if let Some(held) = self.take_held(number) {
                let sharing = self.share(&held.request);
                self.release(now_ms, &held.request, sharing, answer);
            }
        }
    }

    /// Nobody decides about a request: it is refused (reference: a middleware that fails). A file for
    /// clients is handed out all the same, as in the reference.
    pub fn fail_held(&mut self, now_ms: u64, number: Connection, answer: &mut Answer) {
        let Some(held) = self.take_held(number) else {
            return;
        };
        self.dirty.push(number);
        if let Some(name) = self.client_file(&held.request) {
            hand_out(number, name, Vec::new(), answer);
        } else {
            let query = Query::read(&held.request.url);
            self.deny(
                now_ms,
                &held.request,
                &query,
                Denial::MiddlewareFailure,
                answer,
            );
        }
        answer.act(Action::Forget(number));
    }

    fn release(
        &mut self,
        now_ms: u64,
        request: &Request,
        sharing: Option<Sharing>,
        answer: &mut Answer,
    ) {
        let number = request.connection;
        self.dirty.push(number);
        self.handle_shared(now_ms, request, sharing, answer);
        if !self.sessions.contains_key(&number) && !self.candidates.contains_key(&number) {
            answer.act(Action::Forget(number));
        }
    }

    // ------------------------------------------------------------------ the table

    /// A request that waits.
    pub fn held(&self, number: Connection) -> Option<&Held> {
        self.held.get(&number)
    }

    /// Takes a request in that waits.
    pub fn put_held(&mut self, number: Connection, held: Held) {
        self.put_connection(number, number, Role::Held);
        self.budget.charge(Kind::Sessions, held.bytes());
        if let Some(before) = self.held.insert(number, held) {
            self.budget.release(Kind::Sessions, before.bytes());
        }
    }

    pub(super) fn take_held(&mut self, number: Connection) -> Option<Held> {
        let held = self.held.remove(&number)?;
        self.budget.release(Kind::Sessions, held.bytes());
        self.connections.remove(&number);
        Some(held)
    }
}

/// The source maps of `FILES`.
const MAPS: [&str; 4] = [
    "socket.io.js.map",
    "socket.io.min.js.map",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js.map",
];

fn ask(held: &Held, now_ms: u64, answer: &mut Answer) {
    let query = Query::read(&held.request.url);
    let handshake = handshake::describe(&held.request, &query, now_ms);
    let token = held.request.connection;
    answer.dispatch(held.app, AppEvent::Sharing(Judging { token, handshake }));
}

fn hand_out(connection: Connection, name: &str, headers: Vec<Header>, answer: &mut Answer) {
    answer.act(Action::HandOut(HandOut {
        connection,
        name: name.to_owned(),
        headers,
    }));
}

impl Held {
    /// What it takes of the guest's memory, by estimate.
    pub fn bytes(&self) -> u64 {
        let request = &self.request;
        let headers = request.headers.iter();
        let headers: usize = headers
            .map(|header| header.name.len() + header.value.len())
            .sum();
        session_bytes(headers + request.url.len())
    }

    /// Writes it into a blob.
    pub fn encode(&self, to: &mut Writer) {
        let request = &self.request;
        to.number(u64::from(self.app));
        to.number(self.until_ms);
        to.byte(u8::from(request.transport == Transport::Websocket));
        to.bytes(request.method.as_bytes());
        to.bytes(request.url.as_bytes());
        handshake::encode_headers(&request.headers, to);
        to.bytes(request.address.as_bytes());
        to.byte(u8::from(request.secure));
        to.bytes(request.fresh.id.as_bytes());
        to.word(request.fresh.seed_low);
        to.word(request.fresh.seed_high);
    }

    /// Reads what `encode` wrote.
    pub fn decode(connection: Connection, from: &mut Reader<'_>) -> Option<Held> {
        let app = from.number32()?;
        let until_ms = from.number()?;
        let transport = match from.byte()? {
            0 => Transport::Exchange,
            _ => Transport::Websocket,
        };
        let request = Request {
            connection,
            transport,
            method: from.text()?.to_owned(),
            url: from.text()?.to_owned(),
            headers: handshake::decode_headers(from)?,
            address: from.text()?.to_owned(),
            secure: from.byte()? != 0,
            fresh: Fresh {
                id: from.text()?.to_owned(),
                seed_low: from.word()?,
                seed_high: from.word()?,
            },
        };
        Some(Held {
            app,
            request,
            until_ms,
        })
    }
}
