//! The engine without Socket.IO on it: for guests whose messages mean something else. The same calls as
//! `Protocol`; what a message means, a `Layer` says. Used by `tests/guests/engine-echo`; apps take no part.

use crate::Frames;
use crate::answer::{Answer, Manner};
use crate::codec::{Reader, Writer};
use crate::contract::{
    Action, Body, Collected, Decided, Event, Happened, Save, SavedSession, Session as SessionNumber,
};
use crate::engine::packet::{Content, Data};
use crate::engine::session::Session;
use crate::engine::{Engine, Notice};
use crate::settings::Settings;
use crate::snapshot::BLOB_VERSION;
use crate::timers::Timers;

/// What stands on the engine. It is told of everything in order, and must not need to remember anything
/// of a session: the engine's own state alone survives a restart.
pub trait Layer {
    /// A session is open.
    fn opened(&mut self, _session: SessionNumber, _sessions: &mut Outlet<'_>) {}

    /// A session has sent a message.
    fn receive(&mut self, session: SessionNumber, message: Message<'_>, sessions: &mut Outlet<'_>);

    /// A session is gone.
    fn ended(&mut self, _session: SessionNumber, _sessions: &mut Outlet<'_>) {}
}

/// A message of Engine.IO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text, empty too.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// What a layer may do with sessions.
pub struct Outlet<'a> {
    now_ms: u64,
    engine: &'a mut Engine,
    answer: &'a mut Answer,
}

impl Outlet<'_> {
    /// Sends a message to a session. Nothing happens when there is none.
    pub fn send(&mut self, session: SessionNumber, message: Message<'_>) {
        if !self.engine.is_open(session) {
            return;
        }
        let mark = self.answer.begin();
        match message {
            Message::Text(text) => self.answer.text_frame(&["4", text]),
            Message::Binary(bytes) => self.answer.binary_frame(bytes),
        }
        let receivers = std::iter::once(session);
        self.engine
            .deliver(mark, receivers, Manner::PLAIN, self.answer);
    }

    /// Closes a session after what was sent to it.
    pub fn close(&mut self, session: SessionNumber) {
        self.engine.close(self.now_ms, session, self.answer);
    }
}

/// One instance: one shard's sessions, and what stands on them.
#[derive(Default)]
pub struct Bare<L> {
    engine: Engine,
    timers: Timers,
    layer: L,
}

impl<L: Layer> Bare<L> {
    /// As `Protocol::configure`.
    pub fn configure(&mut self, settings: Vec<crate::contract::Setting>) -> Result<(), String> {
        self.engine.settings = Settings::read(&settings)?;
        Ok(())
    }

    /// As `Protocol::describe`.
    pub fn describe(&self) -> crate::contract::Description {
        crate::describe(&self.engine.settings)
    }

    /// As `Protocol::restore`.
    pub fn restore(&mut self, sessions: Vec<SavedSession>) -> Result<(), String> {
        for saved in sessions {
            let number = saved.session;
            self.engine.drop_session(number);
            if !saved.blob.is_empty() {
                let session = decode(&saved.blob, saved.waiting)
                    .ok_or_else(|| format!("the state of session {number} is not readable"))?;
                self.engine.put_session(number, session);
            }
            self.timers.arm(number, self.engine.deadline_ms(number));
        }
        Ok(())
    }

    /// As `Protocol::handle`.
    pub fn handle(&mut self, now_ms: u64, happened: Happened) -> Decided {
        let mut answer = Answer::new();
        let mut frames = Frames {
            frames: happened.frames.iter(),
            text: &happened.text,
            bytes: &happened.bytes,
        };
        for event in happened.events {
            self.handle_event(now_ms, event, &mut frames, &mut answer);
            self.handle_notices(now_ms, &mut answer);
        }
        for session in self.timers.due(now_ms) {
            self.engine.elapse(now_ms, session, &mut answer);
            self.handle_notices(now_ms, &mut answer);
            self.timers.arm(session, self.engine.deadline_ms(session));
        }
        self.engine.flush(&mut answer);
        self.engine.finish(&mut answer);
        for session in self.engine.take_dirty() {
            self.timers.arm(session, self.engine.deadline_ms(session));
            if let Some(known) = self.engine.session(session) {
                let blob = encode(known);
                answer.act(Action::Save(Save { session, blob }));
            }
        }
        if let Some(at_ms) = self.timers.wake_at() {
            answer.act(Action::WakeAt(at_ms));
        }
        answer.finish()
    }

    fn handle_event(
        &mut self,
        now_ms: u64,
        event: Event,
        frames: &mut Frames<'_>,
        answer: &mut Answer,
    ) {
        match event {
            Event::Received(count) => {
                for (connection, data) in (0..count).map_while(|_| frames.next()) {
                    let message = self.engine.receive(now_ms, connection, data, answer);
                    self.receive(now_ms, message, answer);
                }
            }
            Event::Requested(request) => self.engine.handle_requested(now_ms, request, answer),
            Event::Collected(collected) => self.handle_collected(now_ms, &collected, answer),
            Event::Drained(drained) => self.engine.handle_drained(drained, answer),
            Event::Closed(closed) => {
                self.engine
                    .handle_closed(closed.connection, closed.cause, answer)
            }
            Event::Overflowed(session) => self.engine.handle_overflowed(session, answer),
            Event::Stopping => self.engine.stop(now_ms, answer),
            // Of apps, of time, which is looked at in every call, and of other nodes.
            _ => {}
        }
    }

    fn handle_collected(&mut self, now_ms: u64, collected: &Collected, answer: &mut Answer) {
        let connection = collected.connection;
        let Some(post) = self.engine.begin_post(connection) else {
            return;
        };
        self.engine.take_post(connection);
        let Body::Whole(body) = &collected.body else {
            Engine::refuse_post(connection, answer);
            return;
        };
        post.read(body, |packet: Data<'_>| {
            let message = self
                .engine
                .receive_posted(now_ms, post.session, packet, answer);
            self.receive(now_ms, message, answer);
        });
        Engine::finish_post(post, answer);
    }

    fn receive(
        &mut self,
        now_ms: u64,
        message: Option<(SessionNumber, Content<'_>)>,
        answer: &mut Answer,
    ) {
        if let Some((session, content)) = message {
            let message = match &content {
                Content::Text(text) => Message::Text(text.unwrap_or("")),
                Content::Binary(bytes) => Message::Binary(bytes),
            };
            let engine = &mut self.engine;
            let mut outlet = Outlet {
                now_ms,
                engine,
                answer,
            };
            self.layer.receive(session, message, &mut outlet);
        }
        self.handle_notices(now_ms, answer);
    }

    fn handle_notices(&mut self, now_ms: u64, answer: &mut Answer) {
        for notice in self.engine.take_notices() {
            let engine = &mut self.engine;
            let mut outlet = Outlet {
                now_ms,
                engine,
                answer,
            };
            match notice {
                Notice::Opened(session) => self.layer.opened(session, &mut outlet),
                // Recovery is Socket.IO's.
                Notice::Asked(_) | Notice::Answered(_) => {}
                Notice::Ended(session, _) => self.layer.ended(session, &mut outlet),
            }
        }
    }
}

fn encode(session: &Session) -> Vec<u8> {
    let mut to = Writer::default();
    to.byte(BLOB_VERSION);
    session.encode(&mut to);
    to.0
}

fn decode(blob: &[u8], waiting: u32) -> Option<Session> {
    let mut from = Reader(blob);
    if from.byte()? != BLOB_VERSION {
        return None;
    }
    let session = Session::decode(&mut from, waiting)?;
    from.0.is_empty().then_some(session)
}
