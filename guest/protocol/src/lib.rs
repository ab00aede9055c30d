//! Engine.IO and Socket.IO as one deterministic state machine: what happened goes in, what is to be
//! done comes out. No clock, no randomness, no input or output of its own.
//!
//! ```text
//!  Happened ──► lib.rs ──► engine/ (connections ─► sessions) ──► socket/ (sessions ─► sockets) ──► apps
//!                             ▲                                     │
//!                             └────────────── send, close ──────────┘
//!  Decided  ◄── answer.rs ◄── all of them;   timers.rs, snapshot.rs at the end of each call
//! ```
//!
//! The same calls give the same answers, byte for byte. An instance that is restored from the blobs
//! that another one has saved, at any moment, goes on as that one would have: see `snapshot.rs`.

mod answer;
mod apps;
pub mod bare;
mod base64;
mod budget;
mod codec;
#[cfg(all(target_family = "wasm", feature = "component"))]
mod component;
mod engine;
pub mod limits;
mod numbers;
mod options;
mod reason;
mod settings;
mod snapshot;
mod socket;
mod text;
mod timers;

/// The code generated from `wit/`, for a component that wraps this library.
pub mod bindings {
    #![expect(
        missing_docs,
        reason = "generated; the documentation is in the WIT files"
    )]
    wit_bindgen::generate!({
        path: "../../wit",
        world: "protocol",
        additional_derives: [PartialEq],
        pub_export_macro: true,
    });
}

/// The contract's types, as generated from `wit/`.
pub mod contract {
    pub use crate::bindings::exports::holdfast::edge::protocol_guest::*;
    pub use crate::bindings::exports::holdfast::edge::types::{
        Ack, Acknowledged, Act, Answered, Audience, AudienceDisconnect, AudienceRooms, Broadcast,
        Connecting, Counted, Delivery, Denied, Departed, Emission, Find, Found, Handshake,
        Incoming, Judgement, Judging, Level, Payload, Place, Recovered, Refusal, Reply, Resumed,
        ReturnAddress, RoomChange, RoomEvent, Serve, ServeReply, Served, Share, Socket, SocketInfo,
        Token,
    };
}

use answer::Answer;
use apps::Instance;
use budget::Budget;
use contract::{
    Action, Body, Collected, Decided, Description, Event, FrameKind, Happened, Level, Loaded, Note,
    ReceivedFrame, Save, SavedSession, Setting, Transport,
};
use engine::Engine;
use engine::packet::Data;
use settings::Settings;
use snapshot::{BLOB_VERSION, Remembered};
use socket::Sockets;
use timers::Timers;

/// One instance of the protocol guest: one shard's sessions.
#[derive(Default)]
pub struct Protocol {
    engine: Engine,
    sockets: Sockets,
    timers: Timers,
}

/// The frames that have not been handled yet.
struct Frames<'a> {
    frames: std::slice::Iter<'a, ReceivedFrame>,
    text: &'a str,
    bytes: &'a [u8],
}

impl Protocol {
    /// An instance with the settings of the reference and without sessions.
    pub fn new() -> Self {
        Protocol::default()
    }

    /// Takes settings over. The error is a sentence for the operator.
    pub fn configure(&mut self, settings: Vec<Setting>) -> Result<(), String> {
        self.engine.settings = Settings::read(&settings)?;
        self.sockets.configure(&self.engine.settings);
        Ok(())
    }

    /// What the host has to know to route.
    pub fn describe(&self) -> Description {
        describe(&self.engine.settings)
    }

    /// Takes sessions over that another instance has saved.
    pub fn restore(&mut self, sessions: Vec<SavedSession>, notes: Vec<Note>) -> Result<(), String> {
        for saved in sessions {
            let number = saved.session;
            self.engine.drop_session(number);
            self.sockets.drop_peer(number, &mut self.engine.budget);
            if !saved.blob.is_empty() {
                match snapshot::decode(number, &saved.blob, saved.waiting) {
                    Some(Remembered::Session(session, peer, extras)) => {
                        self.engine.restore_session(number, *session, extras);
                        self.sockets
                            .put_peer(number, *peer, &mut self.engine.budget);
                    }
                    Some(Remembered::Candidate(candidate, extras)) => {
                        self.engine.put_candidate(number, candidate);
                        self.engine.carry(number, extras);
                    }
                    Some(Remembered::Held(held)) => self.engine.put_held(number, held),
                    None => return Err(format!("the state of session {number} is not readable")),
                }
            }
            self.arm(number);
        }
        if let Some(recovery) = &mut self.sockets.recovery {
            for note in &notes {
                let number = note.number;
                recovery
                    .restore(note)
                    .ok_or_else(|| format!("note {number} is not readable"))?;
            }
        }
        self.arm_recovery();
        Ok(())
    }

    /// Everything that happened since the last call, and what is to be done about it.
    pub fn handle(&mut self, now_ms: u64, happened: Happened) -> Decided {
        let Happened {
            events,
            frames,
            text,
            bytes,
        } = happened;
        let mut answer = Answer::new();
        if let Some(recovery) = &mut self.sockets.recovery {
            recovery.begin(now_ms);
        }
        let mut frames = Frames {
            frames: frames.iter(),
            text: &text,
            bytes: &bytes,
        };
        for event in events {
            self.handle_event(now_ms, event, &mut frames, &mut answer);
            self.handle_notices(now_ms, &mut answer);
        }
        self.sockets.catch_up(now_ms, &mut self.engine, &mut answer);
        self.elapse(now_ms, &mut answer);
        self.sockets.mark_partials(&mut self.engine);
        self.engine.flush(&mut answer);
        self.engine.finish(&mut answer);
        answer.end_events();
        for session in self.engine.take_dirty() {
            self.arm(session);
            if let Some(blob) = snapshot::encode(session, &self.engine, &mut self.sockets) {
                answer.act(Action::Save(Save { session, blob }));
            }
        }
        if let Some(recovery) = &mut self.sockets.recovery {
            for action in recovery.take_actions() {
                answer.act(action);
            }
        }
        self.arm_recovery();
        if let Some(at_ms) = self.timers.wake_at() {
            answer.act(Action::WakeAt(at_ms));
        }
        answer.finish()
    }

    /// Whether what is counted as held of the memory is what is held: for tests.
    pub fn is_budget_exact(&self) -> bool {
        let mut budget = Budget::default();
        self.engine.recount(&mut budget);
        self.sockets.recount(&mut budget);
        budget == self.engine.budget
    }

    fn handle_event(
        &mut self,
        now_ms: u64,
        event: Event,
        frames: &mut Frames<'_>,
        answer: &mut Answer,
    ) {
        match event {
            Event::Received(count) => self.handle_received(now_ms, count, frames, answer),
            Event::Requested(request) => {
                self.engine.handle_requested(now_ms, request, answer);
            }
            Event::Collected(collected) => self.handle_collected(now_ms, collected, answer),
            Event::Drained(drained) => self.engine.handle_drained(drained, answer),
            Event::Closed(closed) => {
                self.engine
                    .handle_closed(closed.connection, closed.cause, answer)
            }
            Event::Overflowed(session) => self.engine.handle_overflowed(session, answer),
            // Time is looked at in every call.
            Event::Elapsed => {}
            Event::Loaded(loaded) => {
                let Loaded {
                    app,
                    manifest,
                    place,
                    ..
                } = loaded;
                if !self.sockets.apps.load(app, manifest, place) {
                    answer.log(
                        Level::Error,
                        format!("app {app} declares too much: it serves nothing"),
                    );
                }
                self.engine.interests = self.sockets.apps.interests();
                if loaded.resume {
                    self.sockets.put_out_unserved(app, &mut self.engine, answer);
                    self.sockets.resume(app, &self.engine, answer);
                    self.engine.judge_again(app, answer);
                    self.engine.share_again(now_ms, app, answer);
                }
            }
            Event::Unloaded(app) => {
                self.sockets.handle_unloaded(app, &mut self.engine, answer);
                self.engine.interests = self.sockets.apps.interests();
                self.engine.forget_judge(now_ms, app, answer);
                self.engine.share_again(now_ms, app, answer);
            }
            Event::Commanded(commanded) => {
                let by = Instance {
                    app: commanded.app,
                    place: commanded.place,
                };
                let mut number = commanded.before;
                for order in commanded.orders {
                    if order.socket.is_none() {
                        number += 1;
                        self.sockets.begin_order(by.app, by.place, number);
                    }
                    self.sockets
                        .handle_order(now_ms, by, order, &mut self.engine, answer);
                    self.sockets.end_order();
                    self.handle_notices(now_ms, answer);
                }
            }
            Event::Lost(lost) => {
                self.sockets
                    .handle_lost(now_ms, &lost.event, &mut self.engine, answer)
            }
            Event::Published(published) => {
                self.sockets
                    .hear(now_ms, &published, &mut self.engine, answer)
            }
            Event::Stopping => self.engine.stop(now_ms, answer),
        }
    }

    /// What became of sessions goes to the layer above.
    fn handle_notices(&mut self, now_ms: u64, answer: &mut Answer) {
        for notice in self.engine.take_notices() {
            self.sockets
                .handle_notice(now_ms, notice, &mut self.engine, answer);
        }
    }

    fn handle_received(
        &mut self,
        now_ms: u64,
        count: u32,
        frames: &mut Frames<'_>,
        answer: &mut Answer,
    ) {
        for _ in 0..count {
            let Some((connection, data)) = frames.next() else {
                return;
            };
            if let Some((session, content)) = self.engine.receive(now_ms, connection, data, answer)
            {
                self.sockets
                    .receive(now_ms, session, content, &mut self.engine, answer);
            }
            self.handle_notices(now_ms, answer);
        }
    }

    /// A POST's body: its packets, then the answer, whatever they did to the session (reference:
    /// `Polling.onDataRequest`).
    fn handle_collected(&mut self, now_ms: u64, collected: Collected, answer: &mut Answer) {
        let connection = collected.connection;
        let Some(post) = self.engine.begin_post(connection) else {
            return;
        };
        self.engine.take_post(connection);
        let Body::Whole(body) = &collected.body else {
            Engine::refuse_post(connection, answer);
            return;
        };
        post.read(body, |packet| {
            if let Some((session, content)) =
                self.engine
                    .receive_posted(now_ms, post.session, packet, answer)
            {
                self.sockets
                    .receive(now_ms, session, content, &mut self.engine, answer);
            }
            self.handle_notices(now_ms, answer);
        });
        Engine::finish_post(post, answer);
    }

    /// Looks at every session whose time has come, the earliest first.
    fn elapse(&mut self, now_ms: u64, answer: &mut Answer) {
        for session in self.timers.due(now_ms) {
            if session == socket::recovery::TIMER {
                if let Some(recovery) = &mut self.sockets.recovery {
                    recovery.elapse();
                }
                continue;
            }
            self.engine.elapse(now_ms, session, answer);
            self.handle_notices(now_ms, answer);
            self.sockets
                .elapse(now_ms, session, &mut self.engine, answer);
            self.handle_notices(now_ms, answer);
            self.arm(session);
        }
    }

    fn arm_recovery(&mut self) {
        if let Some(recovery) = &self.sockets.recovery {
            self.timers
                .arm(socket::recovery::TIMER, recovery.deadline_ms());
        }
    }

    fn arm(&mut self, session: u64) {
        let engine = self.engine.deadline_ms(session);
        let sockets = self.sockets.deadline_ms(session);
        self.timers
            .arm(session, engine.into_iter().chain(sockets).min());
    }
}

fn describe(settings: &Settings) -> Description {
    // Exchanges always: without polling they are told so (code 0).
    let mut transports = vec![Transport::Exchange];
    if settings.websocket {
        transports.push(Transport::Websocket);
    }
    Description {
        name: "socket.io".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mount_path: settings.path.clone(),
        session_key: "sid".to_owned(),
        transports,
        blob_version_min: u32::from(BLOB_VERSION),
        blob_version_max: u32::from(BLOB_VERSION),
    }
}

impl<'a> Frames<'a> {
    /// The next frame. None: there is none, or the columns do not fit together.
    fn next(&mut self) -> Option<(u64, Data<'a>)> {
        let frame = self.frames.next()?;
        let length = frame.length as usize;
        let data = match frame.kind {
            FrameKind::Text => {
                let (text, rest) = self.text.split_at_checked(length)?;
                self.text = rest;
                Data::Text(text)
            }
            FrameKind::Binary => {
                let (bytes, rest) = self.bytes.split_at_checked(length)?;
                self.bytes = rest;
                Data::Binary(bytes)
            }
        };
        Some((frame.connection, data))
    }
}
