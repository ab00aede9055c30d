//! Builds a `Decided`: keeps the order of actions and fills the columns of sends. Used by both layers;
//! decides nothing.

use crate::contract::{
    Accept, Action, App, AppEvent, Close, Connection, Decided, Dispatch, Frame, FrameKind, Header,
    Level, LogLine, Place, Response, Send, SentFrame, Session, Write,
};
use crate::engine::dialect::Form;

/// What one call of `handle` has decided so far.
pub struct Answer {
    decided: Decided,
    /// Sends since the last other action.
    sends: u32,
    /// What the descriptions of sockets for apps take so far, by estimate.
    pub described_bytes: u64,
    /// Grouped by app and instance: one `dispatch` for each.
    events: Vec<(App, Option<Place>, Vec<AppEvent>)>,
}

/// How a send may be treated on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Only to those that can be written to at once.
    pub volatile: bool,
    /// The host may compress it.
    pub compress: bool,
}

impl Manner {
    /// For what the protocol says itself.
    pub const PLAIN: Manner = Manner {
        volatile: false,
        compress: true,
    };
}

/// Where the frames of a send begin.
#[derive(Clone, Copy)]
pub struct Mark {
    targets: usize,
    frames: usize,
    text: usize,
    bytes: usize,
}

impl Answer {
    /// An answer that does nothing yet. The buffers of the call before are too large or too small as
    /// often as not, so this one begins with none.
    pub fn new() -> Self {
        let decided = Decided {
            actions: Vec::new(),
            sends: Vec::new(),
            targets: Vec::new(),
            frames: Vec::new(),
            text: String::new(),
            bytes: Vec::new(),
        };
        Answer {
            decided,
            sends: 0,
            described_bytes: 0,
            events: Vec::new(),
        }
    }

    /// Adds an action after all sends so far.
    pub fn act(&mut self, action: Action) {
        self.end_sends();
        self.decided.actions.push(action);
    }

    fn end_sends(&mut self) {
        if self.sends > 0 {
            self.decided.actions.push(Action::Send(self.sends));
            self.sends = 0;
        }
    }

    /// Begins a send: its frames follow, then `targets` and `commit`, or `cancel`.
    pub fn begin(&self) -> Mark {
        Mark {
            targets: self.decided.targets.len(),
            frames: self.decided.frames.len(),
            text: self.decided.text.len(),
            bytes: self.decided.bytes.len(),
        }
    }

    /// A text frame of these pieces.
    pub fn text_frame(&mut self, pieces: &[&str]) {
        let mut length = 0;
        for piece in pieces {
            self.decided.text.push_str(piece);
            length += piece.len();
        }
        self.decided.frames.push(SentFrame {
            kind: FrameKind::Text,
            length: length as u32,
        });
    }

    /// A binary frame.
    pub fn binary_frame(&mut self, bytes: &[u8]) {
        self.decided.bytes.extend_from_slice(bytes);
        self.decided.frames.push(SentFrame {
            kind: FrameKind::Binary,
            length: bytes.len() as u32,
        });
    }

    /// How many frames the send has that began at the mark.
    pub fn frames_since(&self, mark: Mark) -> u32 {
        (self.decided.frames.len() - mark.frames) as u32
    }

    /// One more receiver of the send.
    pub fn target(&mut self, session: Session) {
        self.decided.targets.push(session);
    }

    /// Ends the send; without a receiver it is as if it had not begun.
    pub fn commit(&mut self, mark: Mark, manner: Manner) {
        let targets = (self.decided.targets.len() - mark.targets) as u32;
        let frames = self.frames_since(mark);
        if targets == 0 {
            self.cancel(mark);
            return;
        }
        self.decided.sends.push(Send {
            targets,
            frames,
            volatile: manner.volatile,
            compress: manner.compress,
        });
        self.sends += 1;
    }

    /// Takes the frames and receivers since the mark back.
    pub fn cancel(&mut self, mark: Mark) {
        self.decided.targets.truncate(mark.targets);
        self.decided.frames.truncate(mark.frames);
        self.decided.text.truncate(mark.text);
        self.decided.bytes.truncate(mark.bytes);
    }

    /// Whether a frame since the mark is a binary one.
    pub fn has_bytes_since(&self, mark: Mark) -> bool {
        let frames = self.decided.frames.iter().skip(mark.frames);
        frames
            .into_iter()
            .any(|frame| frame.kind == FrameKind::Binary)
    }

    /// A copy of the frames since the mark.
    pub fn frames(&self, mark: Mark) -> Vec<Frame> {
        let mut text = self.decided.text.get(mark.text..).unwrap_or("");
        let mut bytes = self.decided.bytes.get(mark.bytes..).unwrap_or(&[]);
        let mut frames = Vec::new();
        for frame in self.decided.frames.iter().skip(mark.frames) {
            let length = frame.length as usize;
            match frame.kind {
                FrameKind::Text => {
                    let (this, rest) = text.split_at_checked(length).unwrap_or((text, ""));
                    text = rest;
                    frames.push(Frame::Text(this.to_owned()));
                }
                FrameKind::Binary => {
                    let (this, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
                    bytes = rest;
                    frames.push(Frame::Binary(this.to_vec()));
                }
            }
        }
        frames
    }

    /// Writes frames again, for other receivers, the bytes in this form.
    pub fn repeat(&mut self, frames: &[Frame], form: Option<Form>) {
        for frame in frames {
            match (frame, form) {
                (Frame::Text(text), _) => self.text_frame(&[text]),
                (Frame::Binary(bytes), None) => self.binary_frame(bytes),
                (Frame::Binary(bytes), Some(form)) => match form.write(bytes) {
                    Frame::Text(text) => self.text_frame(&[&text]),
                    Frame::Binary(bytes) => self.binary_frame(&bytes),
                },
            }
        }
    }

    /// Gives an event to the instance of an app that serves this shard. All events of a call reach an
    /// instance together, in order.
    pub fn dispatch(&mut self, app: App, event: AppEvent) {
        self.dispatch_to(app, None, event);
    }

    /// Gives an event to an instance of an app; none is the one that serves this shard.
    pub fn dispatch_to(&mut self, app: App, place: Option<Place>, event: AppEvent) {
        let same =
            |(of, at, _): &&mut (App, Option<Place>, Vec<AppEvent>)| *of == app && *at == place;
        match self.events.iter_mut().find(same) {
            Some((_, _, events)) => events.push(event),
            None => self.events.push((app, place, vec![event])),
        }
    }

    /// How many receivers all sends of this call have so far.
    pub fn targets(&self) -> usize {
        self.decided.targets.len()
    }

    /// Answers an exchange, or refuses an upgrade.
    pub fn respond(
        &mut self,
        connection: Connection,
        status: u16,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) {
        let last = status >= 400 && headers.contains(&("connection", "close")) || status == 413;
        let headers = headers
            .iter()
            .filter(|(name, _)| *name != "connection")
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        self.act(Action::Respond(Response {
            connection,
            status,
            headers,
            body,
            compress: false,
            last,
        }));
    }

    /// Whether the host may compress the answer that was given last.
    pub fn compress(&mut self, compress: bool) {
        if let Some(Action::Respond(response)) = self.decided.actions.last_mut() {
            response.compress = compress;
        }
    }

    /// Puts headers in front of those of the answer that was given last.
    pub fn prepend_headers(&mut self, mut headers: Vec<Header>) {
        if let Some(Action::Respond(response)) = self.decided.actions.last_mut() {
            headers.append(&mut response.headers);
            response.headers = headers;
        }
    }

    /// The actions so far, to be completed.
    pub fn actions(&mut self) -> impl Iterator<Item = &mut Action> {
        self.decided.actions.iter_mut()
    }

    /// Carries out an upgrade.
    pub fn accept(&mut self, connection: Connection, receive_bytes_max: u64) {
        self.act(Action::Accept(Accept {
            connection,
            headers: Vec::new(),
            receive_bytes_max,
            deflate: None,
        }));
    }

    /// A text frame to a connection that is no session's yet.
    pub fn write(&mut self, connection: Connection, text: &str) {
        self.act(Action::Write(Write {
            connection,
            frame: Frame::Text(text.to_owned()),
        }));
    }

    /// Closes a connection with an empty close frame, as the reference does.
    pub fn close(&mut self, connection: Connection) {
        self.act(Action::Close(Close {
            connection,
            code: None,
            reason: String::new(),
        }));
    }

    /// A line for the log.
    pub fn log(&mut self, level: Level, text: String) {
        self.act(Action::Log(LogLine { level, text }));
    }

    /// Everything decided, with the events for the apps after the other actions so far.
    pub fn end_events(&mut self) {
        self.end_sends();
        for (app, place, events) in std::mem::take(&mut self.events) {
            self.decided
                .actions
                .push(Action::Dispatch(Dispatch { app, place, events }));
        }
    }

    /// Everything decided.
    pub fn finish(mut self) -> Decided {
        self.end_events();
        self.decided
    }
}
