//! A script of bytes that drives a protocol guest through its whole contract: sessions, upgrades,
//! frames, posts, orders of every kind, closings, time, restored instances. Every script is possible;
//! none breaks the host's side of the contract. Used by the fuzz target `events` and by
//! `tests/component.rs`.
//!
//! A line is a step: a letter (see `Play::step`), then its arguments, one byte each (`1` is connection
//! 1, `:` is 10), then text up to the end of the line. Pieces of a text are separated by the record
//! separator (1E). A first line that begins with `h` sets what holds for the whole script. In what
//! clients send, the byte 01 stands for the recovery id that was heard last, 02 for the offset.

use crate::support::guest::Guest;
use crate::support::protocol::{Effect, Host, Link, happened, manifest, request, sid};
use holdfast_protocol::contract::{
    Ack, Act, App, AppEvent, Audience, AudienceDisconnect, AudienceRooms, Body, Broadcast, Cause,
    Commanded, Connecting, Connection, Delivery, Emission, Event, Find, Frame, Judgement, Loaded,
    Lost, Note, Order, Payload, Published, Refusal, Reply, ReturnAddress, SavedSession, Serve,
    ServeReply, Session, Share, Transport,
};
use std::collections::{BTreeMap, BTreeSet};

/// Steps of one script: what follows is ignored.
const STEPS_MAX: usize = 300;

/// Connections of one script: openings beyond are ignored.
const CONNECTIONS_MAX: u64 = 80;

/// App events that are kept, to be lost later.
const EVENTS_MAX: usize = 32;

/// Orders that the app of itself gives after one step.
const ANSWERS_MAX: usize = 64;

const STEPS: &[u8] = b"wpugpbBcdefFrxtooooaAlnLOSRRzmks";
const WAITS_MS: &[u64] = &[
    1, 10, 60, 100, 700, 2_000, 3_000, 5_000, 9_000, 25_000, 31_000,
];
const CAUSES: &[Cause] = &[
    Cause::Peer,
    Cause::Failed,
    Cause::Invalid,
    Cause::TooLong,
    Cause::Slow,
];
const NAMESPACES: &[&str] = &["/", "/b", "/c", "/nowhere"];

/// A script under way.
pub struct Play<'a, G> {
    pub host: Host<G>,
    lines: Vec<&'a [u8]>,
    next: Connection,
    /// The app admits whoever comes, and acknowledges what it is asked to.
    admits: bool,
    events: Vec<(App, AppEvent)>,
    /// What the host remembered at some earlier time.
    earlier: BTreeMap<Session, Vec<u8>>,
    /// Sessions of the third revision.
    old: BTreeSet<Session>,
    /// The recovery id and the offset that a client heard last.
    pid: String,
    offset: String,
}

impl<'a, G: Guest> Play<'a, G> {
    /// A host with one app and no sessions.
    pub fn new(make: fn() -> G, script: &'a [u8]) -> Self {
        let mut lines: Vec<_> = script
            .split(|byte| *byte == b'\n')
            .take(STEPS_MAX)
            .collect();
        let set = if lines
            .first()
            .is_some_and(|line| line.first() == Some(&b'h'))
        {
            lines.remove(0)
        } else {
            b"h"
        };
        let holds = |at: usize| set.get(at).is_some_and(|byte| byte % 2 == 1);
        let mut settings = vec![
            ("upgrade_timeout", "2000"),
            ("connect_timeout", "30000"),
            ("allow_eio3", "true"),
        ];
        if holds(4) {
            settings.push(("max_http_buffer_size", "100"));
        }
        if holds(5) {
            settings.push(("allow_upgrades", "false"));
        }
        if holds(7) {
            settings.push(("allow_eio3", "true"));
        }
        if holds(8) {
            settings.push(("parser", "msgpack"));
        }
        if holds(9) {
            settings.push((
                "connection_state_recovery.max_disconnection_duration",
                "20000",
            ));
            settings.push(("connection_state_recovery.packets_max", "6"));
        }
        if holds(10) {
            settings.push(("cors.origin", "[\"http://a\",\"/b$/\"]"));
            settings.push(("cors.credentials", "true"));
            settings.push(("cookie.name", "io"));
            settings.push(("initial_packet", "hello"));
        }
        let hears = holds(11);
        let mut host = Host::new(make, &settings);
        // Comparing with restored instances is the rule.
        host.shadowing = !holds(6);
        let mut play = Play {
            host,
            lines,
            next: 1,
            admits: !holds(1),
            events: Vec::new(),
            earlier: BTreeMap::new(),
            old: BTreeSet::new(),
            pid: String::new(),
            offset: String::new(),
        };
        let mut first = manifest(&["/", "/b"], holds(2), holds(3));
        first.hears_rooms = hears;
        first.hears_denials = hears;
        first.decides_cors = hears && holds(12);
        let effects = play.host.load(0, first);
        play.carry(effects);
        play
    }

    /// Plays the script to its end.
    pub fn run(&mut self) {
        for line in std::mem::take(&mut self.lines) {
            let Some((step, rest)) = line.split_first() else {
                continue;
            };
            let known = STEPS.contains(step);
            let step = if known {
                *step
            } else {
                STEPS[usize::from(*step) % STEPS.len()]
            };
            let effects = self.step(step, rest);
            self.carry(effects);
        }
        let effects = self.host.release();
        self.carry(effects);
    }

    fn step(&mut self, step: u8, rest: &[u8]) -> Vec<Effect> {
        let mut rest = Rest(rest);
        match step {
            // A WebSocket session; a polling one. The text is more of the query; one that begins with `3`
            // asks for the third revision.
            b'w' => self.ask(Transport::Websocket, "GET", 0, &rest.text()),
            b'p' => self.ask(Transport::Exchange, "GET", 0, &rest.text()),
            // An upgrade of a session, a poll, an exchange of another method.
            b'u' => {
                let who = self.who(&mut rest);
                self.ask(Transport::Websocket, "GET", who, &rest.text())
            }
            b'g' => {
                let who = self.who(&mut rest);
                self.ask(Transport::Exchange, "GET", who, &rest.text())
            }
            b'e' => {
                let who = self.who(&mut rest);
                self.ask(Transport::Exchange, "DELETE", who, &rest.text())
            }
            // A POST with its body, with one that is too long, with one that is on its way.
            b'b' => {
                let who = self.who(&mut rest);
                let body = self.said(rest.0);
                self.post(who, Some(Body::Whole(body)))
            }
            b'B' => {
                let who = self.who(&mut rest);
                self.post(who, Some(Body::TooLong))
            }
            b'c' => {
                let who = self.who(&mut rest);
                self.post(who, None)
            }
            // The body that was on its way.
            b'd' => {
                let waiting = self
                    .host
                    .links
                    .iter()
                    .find(|(_, link)| **link == Link::Exchange { collected: true });
                let Some(connection) = waiting.map(|(connection, _)| *connection) else {
                    return Vec::new();
                };
                self.host.body(connection, Body::Whole(rest.0.to_vec()))
            }
            // Frames: a text, bytes, several texts at once.
            b'f' => {
                let who = self.who(&mut rest);
                let text = String::from_utf8_lossy(&self.said(rest.0)).into_owned();
                self.host.frame(who, Frame::Text(text))
            }
            b'F' => {
                let who = self.who(&mut rest);
                self.host.frame(who, Frame::Binary(rest.0.to_vec()))
            }
            b'r' => {
                let who = self.who(&mut rest);
                if self.host.links.get(&who) != Some(&Link::Stream) {
                    return Vec::new();
                }
                let frames = rest
                    .pieces()
                    .into_iter()
                    .map(|piece| (who, Frame::Text(piece)));
                self.host.frames(frames.collect())
            }
            // The end of a connection.
            b'x' => {
                let who = self.who(&mut rest);
                let cause = CAUSES[rest.digit() % CAUSES.len()];
                self.host.closed(who, cause)
            }
            // Time.
            b't' => {
                let wait_ms = WAITS_MS[rest.digit() % WAITS_MS.len()];
                let to_ms = self.host.now_ms + wait_ms;
                self.host.advance(to_ms)
            }
            b'o' => self.command(&mut rest),
            // The app starts anew; a second app comes, which claims nothing of the first; an app goes.
            b'a' => self.host.load(
                0,
                manifest(&["/", "/b"], rest.digit() % 2 == 1, rest.digit() % 2 == 1),
            ),
            b'A' => self.host.load(
                1,
                manifest(&["/c"], rest.digit() % 2 == 1, rest.digit() % 2 == 1),
            ),
            b'l' => self.host.unload((rest.digit() % 2) as App),
            // An app starts anew in the turn in which another order comes.
            b'n' => {
                let app = (rest.digit() % 2) as App;
                let Some(manifest) = self.host.manifests.get(&app).cloned() else {
                    return Vec::new();
                };
                let orders = vec![self.order(&mut rest)];
                let loaded = Loaded {
                    app,
                    manifest,
                    resume: true,
                    place: 0,
                };
                self.host.turn(vec![
                    Event::Loaded(loaded),
                    Event::Commanded(Commanded {
                        app,
                        orders,
                        place: 0,
                        before: 0,
                        home: false,
                    }),
                ])
            }
            // An app crashed over an event.
            b'L' => {
                if self.events.is_empty() {
                    return Vec::new();
                }
                let at = rest.digit() % self.events.len();
                let (app, event) = self.events.remove(at);
                self.host.turn(vec![Event::Lost(Lost { app, event })])
            }
            // A session fetches nothing.
            b'O' => {
                let who = self.who(&mut rest);
                let Some(record) = self.host.records.get_mut(&who) else {
                    return Vec::new();
                };
                if record.attached.is_some() || record.outbox.is_empty() {
                    return Vec::new();
                }
                record.outbox.clear();
                self.host.turn(vec![Event::Overflowed(who)])
            }
            b'S' => self.host.turn(vec![Event::Stopping]),
            // A restored instance takes over.
            b'R' => {
                self.host.guest = if rest.digit() % 2 == 1 {
                    self.preloaded()
                } else {
                    self.host.restored()
                };
                Vec::new()
            }
            // What outboxes held comes late, from here to the next of these.
            b'z' => {
                if self.host.late {
                    return self.host.release();
                }
                self.host.late = true;
                Vec::new()
            }
            b'm' => {
                let published = Published {
                    channel: rest.text(),
                    bytes: rest.0.to_vec(),
                };
                self.host.turn(vec![Event::Published(published)])
            }
            // A call about nothing.
            b'k' => self.host.turn(vec![Event::Elapsed]),
            // What is remembered now is given to a later instance first.
            _ => {
                self.earlier = self
                    .host
                    .records
                    .iter()
                    .map(|(number, record)| (*number, record.blob.clone()))
                    .collect();
                Vec::new()
            }
        }
    }

    /// A fresh instance that was given an earlier state before the present one.
    fn preloaded(&self) -> G {
        let mut guest = (self.host.make)();
        guest
            .configure(self.host.settings.clone())
            .expect("the settings are possible");
        let saved = |session: &Session, blob: &[u8], waiting: usize| SavedSession {
            session: *session,
            blob: blob.to_vec(),
            waiting: u32::try_from(waiting).expect("few"),
        };
        let earlier = self
            .earlier
            .iter()
            .map(|(session, blob)| saved(session, blob, 0));
        guest
            .restore(earlier.collect(), Vec::new())
            .expect("what was saved can be read");
        let gone = self
            .earlier
            .keys()
            .filter(|session| !self.host.records.contains_key(session));
        guest
            .restore(
                gone.map(|session| saved(session, &[], 0)).collect(),
                Vec::new(),
            )
            .expect("nothing can be read");
        let present = self.host.records.iter().map(|(session, record)| {
            let waiting = if record.attached.is_none() {
                record.outbox.len()
            } else {
                0
            };
            saved(session, &record.blob, waiting)
        });
        let notes = self.host.notes.iter().map(|(number, bytes)| Note {
            number: *number,
            bytes: bytes.clone(),
        });
        guest
            .restore(present.collect(), notes.collect())
            .expect("what was saved can be read");
        let loaded = self.host.manifests.iter().map(|(app, manifest)| {
            Event::Loaded(Loaded {
                app: *app,
                manifest: manifest.clone(),
                resume: false,
                place: 0,
            })
        });
        guest.handle(self.host.now_ms, happened(loaded.collect()));
        guest
    }

    // ------------------------------------------------------------------ the clients

    /// What a client sends, with what it heard put in.
    fn said(&self, bytes: &[u8]) -> Vec<u8> {
        let mut said = Vec::with_capacity(bytes.len());
        for byte in bytes {
            match byte {
                1 => said.extend_from_slice(self.pid.as_bytes()),
                2 => said.extend_from_slice(self.offset.as_bytes()),
                byte => said.push(*byte),
            }
        }
        said
    }

    /// What a client keeps of a frame for a later connection.
    fn hear(&mut self, frame: &Frame) {
        let Frame::Text(text) = frame else {
            return;
        };
        if let Some((_, rest)) = text.split_once("\"pid\":\"") {
            self.pid = rest.split('"').next().unwrap_or_default().to_owned();
        } else if text.starts_with("42")
            && let Some(rest) = text.strip_suffix("\"]")
        {
            self.offset = rest.rsplit('"').next().unwrap_or_default().to_owned();
        }
    }

    fn who(&self, rest: &mut Rest<'_>) -> Connection {
        rest.digit() as u64 % self.next
    }

    fn ask(
        &mut self,
        transport: Transport,
        method: &str,
        session: Session,
        more: &str,
    ) -> Vec<Effect> {
        if self.next > CONNECTIONS_MAX {
            return Vec::new();
        }
        let connection = self.next;
        self.next += 1;
        let kind = if transport == Transport::Websocket {
            "websocket"
        } else {
            "polling"
        };
        let is_old = if session == 0 {
            more.starts_with('3')
        } else {
            self.old.contains(&session)
        };
        let more = if session == 0 && is_old {
            self.old.insert(connection);
            more.get(1..).unwrap_or_default()
        } else {
            more
        };
        let revision = if is_old { 3 } else { 4 };
        let mut url = format!("/socket.io/?EIO={revision}&transport={kind}");
        if session != 0 {
            url.push_str("&sid=");
            url.push_str(&sid(session));
        }
        url.push_str(more);
        self.host.request(request(
            connection,
            transport,
            method,
            &url,
            &[("host", "x")],
        ))
    }

    fn post(&mut self, session: Session, body: Option<Body>) -> Vec<Effect> {
        let connection = self.next;
        let mut effects = self.ask(Transport::Exchange, "POST", session, "");
        if let Some(body) = body {
            effects.extend(self.host.body(connection, body));
        }
        effects
    }

    // ------------------------------------------------------------------ the apps

    /// What the app of itself does about its events.
    fn carry(&mut self, mut effects: Vec<Effect>) {
        for _ in 0..ANSWERS_MAX {
            let mut orders = Vec::new();
            for effect in std::mem::take(&mut effects) {
                if let Effect::Frame { frame, .. } = &effect {
                    self.hear(frame);
                }
                let Effect::App { app, event, .. } = effect else {
                    continue;
                };
                if let AppEvent::Sharing(sharing) = &event
                    && self.admits
                {
                    let share = Share {
                        token: sharing.token,
                        outcome: Ok("{\"origin\":[\"http://a\",\"/b$/\"]}".to_owned()),
                    };
                    orders.push((
                        app,
                        Order {
                            socket: None,
                            act: Act::Share(share),
                        },
                    ));
                }
                let socket = match &event {
                    AppEvent::Connecting(Connecting { info, .. }) => {
                        Some((info.socket, Act::Admit))
                    }
                    AppEvent::Message(message) => {
                        let payload = message.payload.clone();
                        message
                            .ack
                            .map(|ack| (message.socket, Act::Reply(Reply { ack, payload })))
                    }
                    _ => None,
                };
                if let Some((socket, act)) = socket.filter(|_| self.admits) {
                    orders.push((
                        app,
                        Order {
                            socket: Some(socket),
                            act,
                        },
                    ));
                }
                if self.events.len() < EVENTS_MAX {
                    self.events.push((app, event));
                }
            }
            if orders.is_empty() {
                return;
            }
            for (app, order) in orders {
                effects.extend(self.host.command(app, vec![order]));
            }
        }
    }

    /// Orders of one app: its number, then orders.
    fn command(&mut self, rest: &mut Rest<'_>) -> Vec<Effect> {
        let app = (rest.digit() % 2) as App;
        let order = self.order(rest);
        let twice = rest.0.is_empty() && matches!(order.act, Act::Join(_) | Act::Broadcast(_));
        let orders = if twice {
            vec![order.clone(), order]
        } else {
            vec![order]
        };
        self.host.command(app, orders)
    }

    /// One order: a letter, the socket's connection and slot, a byte for what can be chosen, a text.
    fn order(&self, rest: &mut Rest<'_>) -> Order {
        let what = rest.byte();
        let socket = self.who(rest) << 16 | (rest.digit() % 4) as u64;
        let choice = rest.digit();
        let rooms = || rest.pieces();
        let ack = || (choice & 1 != 0).then_some(choice as Ack);
        let payload = || {
            let attachments = if choice & 2 == 0 {
                Vec::new()
            } else {
                vec![rest.0.to_vec(), Vec::new()]
            };
            Payload {
                json: rest.text(),
                attachments,
            }
        };
        let delivery = || {
            if choice & 4 == 0 {
                Delivery::empty()
            } else {
                Delivery::VOLATILE | Delivery::UNCOMPRESSED
            }
        };
        let to = || Audience {
            namespace: NAMESPACES[choice / 8 % NAMESPACES.len()].to_owned(),
            rooms: if choice & 4 == 0 {
                Vec::new()
            } else {
                vec!["r".to_owned(), "s".to_owned(), format!("{socket}")]
            },
            except: if choice & 2 == 0 {
                Vec::new()
            } else {
                rest.pieces()
            },
        };
        let namespace = || NAMESPACES[choice % NAMESPACES.len()].to_owned();
        let (alone, act) = match what {
            b'a' => (true, Act::Admit),
            b'r' => {
                let data = (choice & 1 != 0).then(|| rest.text());
                (
                    true,
                    Act::Refuse(Refusal {
                        message: rest.text(),
                        data,
                    }),
                )
            }
            b'e' => (
                true,
                Act::Emit(Emission {
                    payload: payload(),
                    delivery: delivery(),
                    ack: ack(),
                }),
            ),
            b'y' => (
                true,
                Act::Reply(Reply {
                    ack: choice as Ack,
                    payload: payload(),
                }),
            ),
            b'j' => (true, Act::Join(rooms())),
            b'v' => (true, Act::Leave(rooms())),
            b'd' => (true, Act::Disconnect(choice & 1 != 0)),
            b's' => (true, Act::SetData(rest.text())),
            b'J' => (
                false,
                Act::AudienceJoin(AudienceRooms {
                    to: to(),
                    rooms: rooms(),
                    local: choice & 2 != 0,
                }),
            ),
            b'V' => (
                false,
                Act::AudienceLeave(AudienceRooms {
                    to: to(),
                    rooms: rooms(),
                    local: choice & 2 != 0,
                }),
            ),
            b'D' => (
                false,
                Act::AudienceDisconnect(AudienceDisconnect {
                    to: to(),
                    close: choice & 1 != 0,
                    local: choice & 2 != 0,
                }),
            ),
            b'F' => (
                false,
                Act::Find(Find {
                    token: choice as u64,
                    to: to(),
                    local: choice & 2 != 0,
                }),
            ),
            b'S' => (
                false,
                Act::Serve(Serve {
                    namespace: namespace(),
                    payload: payload(),
                    reply: ack(),
                }),
            ),
            b'Y' => (
                false,
                Act::ServeReply(ServeReply {
                    to: ReturnAddress {
                        place: choice as u32,
                        token: choice as u64,
                    },
                    payload: payload(),
                }),
            ),
            b'h' => {
                let outcome = if choice & 1 == 0 {
                    Ok(rest.text())
                } else {
                    Err(rest.text())
                };
                (
                    false,
                    Act::Share(Share {
                        token: socket >> 16,
                        outcome,
                    }),
                )
            }
            b'g' => {
                let refusal = (choice & 1 != 0).then(|| rest.text());
                (
                    false,
                    Act::Judge(Judgement {
                        token: socket >> 16,
                        refusal,
                        initial_headers: Vec::new(),
                        headers: Vec::new(),
                    }),
                )
            }
            _ => {
                let delivery = delivery();
                (
                    false,
                    Act::Broadcast(Broadcast {
                        to: to(),
                        payload: payload(),
                        delivery,
                        ack: ack(),
                    }),
                )
            }
        };
        // Now and then what should have a socket has none, and the other way round.
        let alone = alone != (choice & 64 != 0);
        Order {
            socket: alone.then_some(socket),
            act,
        }
    }
}

/// What is left of a line.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return b'0';
        };
        self.0 = rest;
        *first
    }

    /// `0` is 0, `:` is 10.
    fn digit(&mut self) -> usize {
        usize::from(self.byte().wrapping_sub(b'0'))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }

    fn pieces(&self) -> Vec<String> {
        self.0
            .split(|byte| *byte == 0x1e)
            .map(|piece| String::from_utf8_lossy(piece).into_owned())
            .collect()
    }
}
