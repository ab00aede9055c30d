//! A host in miniature for a protocol guest: it keeps outboxes, attachments and blobs, carries actions
//! out and checks each against the contract. No sockets, no clock. Used by the transcripts, the
//! simulation and the restore property.

use super::guest::Guest;
use holdfast_protocol::contract::{
    Action, App, AppEvent, Body, Cause, Closed, Collected, Commanded, Connection, Decided, Deflate,
    Drained, Event, Frame, FrameKind, Fresh, Happened, Header, Loaded, Manifest, Note, Order,
    Place, Published, ReceivedFrame, Request, SavedSession, Send, Session, Setting, Transport,
};
use std::collections::{BTreeMap, BTreeSet};

/// Something that left the host, in the order of leaving.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are few of them, and not for long"
)]
pub enum Effect {
    Respond {
        connection: Connection,
        status: u16,
        headers: Vec<Header>,
        body: Vec<u8>,
        compress: bool,
        last: bool,
    },
    Accept {
        connection: Connection,
        headers: Vec<Header>,
        deflate: Option<Deflate>,
    },
    Published(Published),
    HandOut {
        connection: Connection,
        name: String,
        headers: Vec<Header>,
    },
    Collect {
        connection: Connection,
        bytes_max: u64,
    },
    /// A frame written to a WebSocket.
    Frame {
        connection: Connection,
        frame: Frame,
    },
    /// A frame put into an outbox.
    Waits {
        session: Session,
        frame: Frame,
    },
    Close(Connection),
    Attach {
        session: Session,
        connection: Connection,
    },
    Drain(Session),
    Forget(Session),
    App {
        app: App,
        /// None: the instance that serves the shard.
        place: Option<Place>,
        event: AppEvent,
    },
    WakeAt(u64),
    Log(String),
}

/// What the host remembers of a session.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub blob: Vec<u8>,
    pub outbox: Vec<Frame>,
    /// Whether any frame in it may be compressed.
    pub compress: bool,
    pub attached: Option<Connection>,
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Link {
    /// An exchange that awaits its answer.
    Exchange { collected: bool },
    /// An upgrade that awaits its answer.
    Upgrading,
    /// A WebSocket.
    Stream,
}

/// A host with one shard.
pub struct Host<G> {
    pub guest: G,
    pub make: fn() -> G,
    pub settings: Vec<Setting>,
    pub now_ms: u64,
    pub records: BTreeMap<Session, Record>,
    pub notes: BTreeMap<u64, Vec<u8>>,
    pub links: BTreeMap<Connection, Link>,
    pub manifests: BTreeMap<App, Manifest>,
    /// Where an app's instance for this shard is; 0 unless it is said here.
    pub places: BTreeMap<App, Place>,
    /// How many orders without a socket each instance has given.
    pub given: BTreeMap<(App, Place), u64>,
    /// What the guest wants to hear from other shards.
    pub channels: BTreeSet<String>,
    pub wake_at: Option<u64>,
    /// Sessions that are over: nothing may be said of them again.
    pub forgotten: BTreeSet<Session>,
    /// Check after every call that a restored instance decides the same in the next one.
    pub shadowing: bool,
    shadow: Option<G>,
    /// While this is set, what outboxes held is not handed over; afterwards it comes after the next
    /// events, as late as a turn allows.
    pub late: bool,
    held: Vec<Event>,
    pub calls: u64,
}

impl<G: Guest> Host<G> {
    pub fn new(make: fn() -> G, settings: &[(&str, &str)]) -> Self {
        let settings: Vec<Setting> = settings
            .iter()
            .map(|(key, value)| Setting {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        let mut guest = make();
        guest
            .configure(settings.clone())
            .expect("the settings are possible");
        Host {
            guest,
            make,
            settings,
            now_ms: 1_000_000,
            records: BTreeMap::new(),
            notes: BTreeMap::new(),
            links: BTreeMap::new(),
            manifests: BTreeMap::new(),
            places: BTreeMap::new(),
            given: BTreeMap::new(),
            channels: BTreeSet::new(),
            wake_at: None,
            forgotten: BTreeSet::new(),
            shadowing: false,
            shadow: None,
            late: false,
            held: Vec::new(),
            calls: 0,
        }
    }

    /// A fresh instance with everything the host remembers.
    pub fn restored(&self) -> G {
        let mut guest = (self.make)();
        guest
            .configure(self.settings.clone())
            .expect("the settings are possible");
        let sessions = self.records.iter().map(|(session, record)| SavedSession {
            session: *session,
            blob: record.blob.clone(),
            waiting: if record.attached.is_none() {
                record.outbox.len() as u32
            } else {
                0
            },
        });
        let notes = self.notes.iter().map(|(number, bytes)| Note {
            number: *number,
            bytes: bytes.clone(),
        });
        guest
            .restore(sessions.collect(), notes.collect())
            .expect("what was saved can be read");
        let events = self.manifests.iter().map(|(app, manifest)| {
            Event::Loaded(Loaded {
                app: *app,
                manifest: manifest.clone(),
                resume: false,
                place: self.places.get(app).copied().unwrap_or(0),
            })
        });
        let events: Vec<Event> = events.collect();
        let decided = guest.handle(self.now_ms, happened(events));
        for action in &decided.actions {
            let harmless = match action {
                Action::WakeAt(_) => true,
                Action::Subscribe(channel) => self.channels.contains(channel),
                _ => false,
            };
            assert!(
                harmless,
                "a restored instance does something by itself: {action:?}"
            );
        }
        assert!(decided.sends.is_empty());
        guest
    }

    /// One turn: these events, and what follows from them at once.
    pub fn turn(&mut self, events: Vec<Event>) -> Vec<Effect> {
        self.call(happened(events))
    }

    /// Ends a turn: hands over what is held.
    pub fn release(&mut self) -> Vec<Effect> {
        self.late = false;
        if self.held.is_empty() {
            Vec::new()
        } else {
            self.turn(Vec::new())
        }
    }

    /// One turn with frames.
    pub fn frames(&mut self, received: Vec<(Connection, Frame)>) -> Vec<Effect> {
        let mut all = happened(vec![Event::Received(received.len() as u32)]);
        for (connection, frame) in received {
            let (kind, length) = match &frame {
                Frame::Text(text) => {
                    all.text.push_str(text);
                    (FrameKind::Text, text.len())
                }
                Frame::Binary(bytes) => {
                    all.bytes.extend_from_slice(bytes);
                    (FrameKind::Binary, bytes.len())
                }
            };
            all.frames.push(ReceivedFrame {
                connection,
                kind,
                length: length as u32,
            });
        }
        self.call(all)
    }

    fn call(&mut self, mut happened: Happened) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.late {
            happened.events.append(&mut self.held);
        }
        loop {
            self.calls += 1;
            let decided = self.guest.handle(self.now_ms, happened.clone());
            assert!(self.guest.is_budget_exact());
            if let Some(shadow) = &mut self.shadow {
                let other = shadow.handle(self.now_ms, happened.clone());
                assert!(shadow.is_budget_exact());
                assert_eq!(
                    decided, other,
                    "a restored instance decides otherwise over {happened:?}"
                );
            }
            let drained = self.perform(decided, &mut effects);
            if self.shadowing {
                self.shadow = Some(self.restored());
            }
            if self.late {
                self.held.extend(drained);
                return effects;
            }
            if drained.is_empty() {
                return effects;
            }
            happened = crate::support::protocol::happened(drained);
        }
    }

    fn perform(&mut self, decided: Decided, effects: &mut Vec<Effect>) -> Vec<Event> {
        let Decided {
            actions,
            sends,
            targets,
            frames,
            text,
            bytes,
        } = decided;
        let (mut sends, mut targets, mut frames) =
            (sends.into_iter(), targets.into_iter(), frames.into_iter());
        let (mut text, mut bytes) = (text.as_str(), bytes.as_slice());
        let mut drained = Vec::new();
        for action in actions {
            match action {
                Action::Send(count) => {
                    for _ in 0..count {
                        let send = sends.next().expect("a send for each that is announced");
                        let mut contents = Vec::new();
                        for _ in 0..send.frames {
                            let frame = frames.next().expect("a frame for each that is announced");
                            let length = frame.length as usize;
                            contents.push(match frame.kind {
                                FrameKind::Text => {
                                    let (this, rest) = text.split_at(length);
                                    text = rest;
                                    Frame::Text(this.to_owned())
                                }
                                FrameKind::Binary => {
                                    let (this, rest) = bytes.split_at(length);
                                    bytes = rest;
                                    Frame::Binary(this.to_vec())
                                }
                            });
                        }
                        assert!(
                            send.frames > 0 && send.targets > 0,
                            "a send of nothing or to nobody"
                        );
                        let mut seen = BTreeSet::new();
                        for _ in 0..send.targets {
                            let session =
                                targets.next().expect("a target for each that is announced");
                            assert!(seen.insert(session), "session {session} twice in one send");
                            self.send(session, &contents, &send, effects);
                        }
                    }
                }
                Action::Accept(accept) => {
                    assert_eq!(
                        self.links.get(&accept.connection),
                        Some(&Link::Upgrading),
                        "accepts what is no upgrade"
                    );
                    self.links.insert(accept.connection, Link::Stream);
                    effects.push(Effect::Accept {
                        connection: accept.connection,
                        headers: accept.headers,
                        deflate: accept.deflate,
                    });
                }
                Action::Respond(response) => {
                    let link = self.links.remove(&response.connection);
                    let owed = matches!(link, Some(Link::Exchange { .. } | Link::Upgrading));
                    assert!(
                        owed,
                        "an answer to {}, which awaits none",
                        response.connection
                    );
                    assert!((200..600).contains(&response.status));
                    effects.push(Effect::Respond {
                        connection: response.connection,
                        status: response.status,
                        headers: response.headers,
                        body: response.body,
                        compress: response.compress,
                        last: response.last,
                    });
                }
                Action::Collect(collect) => {
                    let link = self.links.get_mut(&collect.connection);
                    let link = link.expect("collects what is there");
                    assert_eq!(
                        *link,
                        Link::Exchange { collected: false },
                        "collects once, from exchanges"
                    );
                    *link = Link::Exchange { collected: true };
                    effects.push(Effect::Collect {
                        connection: collect.connection,
                        bytes_max: collect.bytes_max,
                    });
                }
                Action::Attach(attach) => {
                    assert_eq!(
                        self.links.get(&attach.connection),
                        Some(&Link::Stream),
                        "attaches what is no stream"
                    );
                    assert!(!self.forgotten.contains(&attach.session));
                    effects.push(Effect::Attach {
                        session: attach.session,
                        connection: attach.connection,
                    });
                    let record = self.records.entry(attach.session).or_default();
                    record.attached = Some(attach.connection);
                    for frame in std::mem::take(&mut record.outbox) {
                        effects.push(Effect::Frame {
                            connection: attach.connection,
                            frame,
                        });
                    }
                }
                Action::Detach(session) => {
                    self.records.entry(session).or_default().attached = None;
                }
                Action::Write(write) => {
                    assert_eq!(
                        self.links.get(&write.connection),
                        Some(&Link::Stream),
                        "writes to what is no stream"
                    );
                    effects.push(Effect::Frame {
                        connection: write.connection,
                        frame: write.frame,
                    });
                }
                Action::Drain(session) => {
                    let record = self
                        .records
                        .get_mut(&session)
                        .expect("drains a session that is there");
                    effects.push(Effect::Drain(session));
                    drained.push(Event::Drained(Drained {
                        session,
                        frames: std::mem::take(&mut record.outbox),
                        compress: std::mem::take(&mut record.compress),
                    }));
                }
                Action::Note(note) => {
                    assert!(!note.bytes.is_empty(), "notes nothing");
                    self.notes.insert(note.number, note.bytes);
                }
                Action::Erase(number) => {
                    assert!(
                        self.notes.remove(&number).is_some(),
                        "erases note {number:x}, which there is not"
                    );
                }
                Action::HandOut(file) => {
                    let link = self.links.remove(&file.connection);
                    assert_eq!(
                        link,
                        Some(Link::Exchange { collected: false }),
                        "hands out to what awaits no answer"
                    );
                    effects.push(Effect::HandOut {
                        connection: file.connection,
                        name: file.name,
                        headers: file.headers,
                    });
                }
                Action::Close(close) => {
                    assert_eq!(
                        self.links.remove(&close.connection),
                        Some(Link::Stream),
                        "closes what is no stream"
                    );
                    assert_eq!((close.code, close.reason.as_str()), (None, ""));
                    effects.push(Effect::Close(close.connection));
                }
                Action::Save(save) => {
                    assert!(
                        !self.forgotten.contains(&save.session),
                        "saves what is forgotten"
                    );
                    assert!(!save.blob.is_empty());
                    self.records.entry(save.session).or_default().blob = save.blob;
                }
                Action::Forget(session) => {
                    assert!(
                        self.forgotten.insert(session),
                        "forgets session {session} twice"
                    );
                    self.records.remove(&session);
                    effects.push(Effect::Forget(session));
                }
                Action::WakeAt(at_ms) => {
                    assert!(at_ms > self.now_ms, "asks for a time that is past");
                    self.wake_at = Some(at_ms);
                    effects.push(Effect::WakeAt(at_ms));
                }
                Action::Dispatch(dispatch) => {
                    assert!(!dispatch.events.is_empty());
                    for event in dispatch.events {
                        effects.push(Effect::App {
                            app: dispatch.app,
                            place: dispatch.place,
                            event,
                        });
                    }
                }
                Action::Log(line) => effects.push(Effect::Log(line.text)),
                Action::Publish(message) => effects.push(Effect::Published(message)),
                Action::Subscribe(channel) => {
                    self.channels.insert(channel);
                }
                Action::Unsubscribe(channel) => {
                    self.channels.remove(&channel);
                }
            }
        }
        assert!(
            sends.next().is_none() && targets.next().is_none() && frames.next().is_none(),
            "columns are left over"
        );
        assert!(
            text.is_empty() && bytes.is_empty(),
            "contents are left over"
        );
        drained
    }

    fn send(
        &mut self,
        session: Session,
        frames: &[Frame],
        manner: &Send,
        effects: &mut Vec<Effect>,
    ) {
        assert!(
            !self.forgotten.contains(&session),
            "sends to a session that is over"
        );
        let record = self.records.entry(session).or_default();
        for frame in frames {
            match record.attached {
                Some(connection) => effects.push(Effect::Frame {
                    connection,
                    frame: frame.clone(),
                }),
                None if manner.volatile => {}
                None => {
                    record.compress |= manner.compress;
                    record.outbox.push(frame.clone());
                    effects.push(Effect::Waits {
                        session,
                        frame: frame.clone(),
                    });
                }
            }
        }
    }

    // ------------------------------------------------------------------ events

    pub fn load(&mut self, app: App, manifest: Manifest) -> Vec<Effect> {
        self.manifests.insert(app, manifest.clone());
        let place = self.places.get(&app).copied().unwrap_or(0);
        self.turn(vec![Event::Loaded(Loaded {
            app,
            manifest,
            resume: true,
            place,
        })])
    }

    pub fn unload(&mut self, app: App) -> Vec<Effect> {
        self.manifests.remove(&app);
        self.turn(vec![Event::Unloaded(app)])
    }

    pub fn request(&mut self, request: Request) -> Vec<Effect> {
        let link = match request.transport {
            Transport::Exchange => Link::Exchange { collected: false },
            Transport::Websocket | Transport::ByteStream => Link::Upgrading,
        };
        self.links.insert(request.connection, link);
        self.turn(vec![Event::Requested(request)])
    }

    /// The body of a POST that the guest collects. Nothing, if it does not.
    pub fn body(&mut self, connection: Connection, body: Body) -> Vec<Effect> {
        if self.links.get(&connection) != Some(&(Link::Exchange { collected: true })) {
            return Vec::new();
        }
        self.turn(vec![Event::Collected(Collected { connection, body })])
    }

    /// A frame on a WebSocket. Nothing, if it is not there.
    pub fn frame(&mut self, connection: Connection, frame: Frame) -> Vec<Effect> {
        if self.links.get(&connection) != Some(&Link::Stream) {
            return Vec::new();
        }
        self.frames(vec![(connection, frame)])
    }

    /// The peer, or the network, ends a connection. Nothing, if it is not there.
    pub fn closed(&mut self, connection: Connection, cause: Cause) -> Vec<Effect> {
        if self.links.remove(&connection).is_none() {
            return Vec::new();
        }
        for record in self.records.values_mut() {
            if record.attached == Some(connection) {
                record.attached = None;
            }
        }
        self.turn(vec![Event::Closed(Closed { connection, cause })])
    }

    pub fn command(&mut self, app: App, orders: Vec<Order>) -> Vec<Effect> {
        self.command_from(app, 0, orders)
    }

    pub fn command_from(&mut self, app: App, place: Place, orders: Vec<Order>) -> Vec<Effect> {
        let given = self.given.entry((app, place)).or_default();
        let before = *given;
        *given += orders.iter().filter(|order| order.socket.is_none()).count() as u64;
        self.turn(vec![Event::Commanded(Commanded {
            app,
            orders,
            place,
            before,
            home: true,
        })])
    }

    /// A message from another shard.
    pub fn published(&mut self, message: Published) -> Vec<Effect> {
        if !self.channels.contains(&message.channel) {
            return Vec::new();
        }
        self.turn(vec![Event::Published(message)])
    }

    /// Time passes, with a call at each time that the guest has asked for.
    pub fn advance(&mut self, to_ms: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(at_ms) = self.wake_at.filter(|at_ms| *at_ms <= to_ms) {
            self.now_ms = at_ms;
            self.wake_at = None;
            effects.extend(self.turn(vec![Event::Elapsed]));
        }
        self.now_ms = to_ms;
        effects
    }
}

/// Events without frames.
pub fn happened(events: Vec<Event>) -> Happened {
    Happened {
        events,
        frames: Vec::new(),
        text: String::new(),
        bytes: Vec::new(),
    }
}

/// A request as a browser sends it.
pub fn request(
    connection: Connection,
    transport: Transport,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
) -> Request {
    Request {
        connection,
        transport,
        method: method.to_owned(),
        url: url.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect(),
        address: "192.0.2.1".to_owned(),
        secure: false,
        fresh: Fresh {
            id: sid(connection),
            seed_low: connection.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            seed_high: connection.wrapping_mul(0xc2b2_ae3d_27d4_eb4f),
        },
    }
}

/// The session id that a connection gets.
pub fn sid(connection: Connection) -> String {
    format!("{connection:0>20}")
}

/// An app that serves these namespaces.
pub fn manifest(namespaces: &[&str], dynamic: bool, judges_handshakes: bool) -> Manifest {
    Manifest {
        name: "app".to_owned(),
        version: "1".to_owned(),
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        dynamic,
        judges_handshakes,
        decides_cors: false,
        hears_denials: false,
        hears_rooms: false,
        settings: Vec::new(),
    }
}
