//! Carries out what the protocol guest decided, in its order. Called by `shard` after every call that
//! returned; it never calls a guest, and never reads what it carries.

use crate::connection::{Link, Surroundings};
use crate::guest::contract::{
    Action, Cause, Close, Closed, Decided, Dispatch, Drained, Event, FrameKind, Happened, LogLine,
    Published, Send,
};
use crate::inbox::nothing;
use crate::mailbox::Decision;
use crate::records::{Records, unframed};
use crate::telemetry::limited;
use crate::websocket::{Framed, Kind};
use std::rc::Rc;
use tokio::sync::oneshot;

/// Bytes of messages that are compressed at most after one call of the guest, since the shard waits for it:
/// about 50 ms at level 6. What is beyond is sent as it is; a session that polled may bring a whole outbox.
const COMPRESSED_BYTES_MAX: usize = 2 << 20;

/// What performing leads to: for the rest of the turn, and for its end.
pub struct Aftermath {
    /// Events for the next call of the protocol guest.
    pub happened: Happened,
    /// Events for apps, in order.
    pub dispatched: Vec<Dispatch>,
    /// Messages for other shards and nodes.
    pub published: Vec<Published>,
    /// Channels to hear (true) or not to hear any more.
    pub subscriptions: Vec<(String, bool)>,
    /// When to call at the latest, if the guest said.
    pub wake_at: Option<u64>,
    /// Connections with something to write.
    pub touched: Vec<Rc<Link>>,
    /// Connections whose closing handshake has begun.
    pub closing: Vec<Rc<Link>>,
    /// Lines for the log.
    pub lines: Vec<LogLine>,
    /// Bytes of messages that may still be compressed.
    compressible_bytes: usize,
}

impl Default for Aftermath {
    fn default() -> Self {
        Self {
            happened: nothing(),
            dispatched: Vec::new(),
            published: Vec::new(),
            subscriptions: Vec::new(),
            wake_at: None,
            touched: Vec::new(),
            closing: Vec::new(),
            lines: Vec::new(),
            compressible_bytes: COMPRESSED_BYTES_MAX,
        }
    }
}

/// The columns of an answer with a place in each.
struct Columns<'a> {
    sends: std::slice::Iter<'a, Send>,
    targets: &'a [u64],
    frames: std::slice::Iter<'a, crate::guest::contract::SentFrame>,
    text: &'a str,
    bytes: &'a [u8],
}

/// Whether the columns of an answer fit together. An answer whose columns do not is not performed.
pub fn is_consistent(decided: &Decided) -> bool {
    let sum = |numbers: &mut dyn Iterator<Item = u32>| numbers.map(u64::from).sum::<u64>();
    let of_kind = |text: bool| {
        sum(&mut decided
            .frames
            .iter()
            .filter(|frame| (frame.kind == FrameKind::Text) == text)
            .map(|frame| frame.length))
    };
    let sends = sum(&mut decided.actions.iter().map(|action| {
        if let Action::Send(count) = action {
            *count
        } else {
            0
        }
    }));
    let mut end = 0;
    sends == decided.sends.len() as u64
        && sum(&mut decided.sends.iter().map(|send| send.targets)) == decided.targets.len() as u64
        && sum(&mut decided.sends.iter().map(|send| send.frames)) == decided.frames.len() as u64
        && of_kind(true) == decided.text.len() as u64
        && of_kind(false) == decided.bytes.len() as u64
        && decided
            .frames
            .iter()
            .filter(|frame| frame.kind == FrameKind::Text)
            .all(|frame| {
                end += frame.length as usize;
                decided.text.is_char_boundary(end)
            })
}

impl Records {
    /// Performs an answer whose columns are consistent.
    pub fn perform(
        &mut self,
        decided: Decided,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) {
        let Decided {
            actions,
            sends,
            targets,
            frames,
            text,
            bytes,
        } = decided;
        let mut columns = Columns {
            sends: sends.iter(),
            targets: &targets,
            frames: frames.iter(),
            text: &text,
            bytes: &bytes,
        };
        for action in actions {
            self.perform_one(action, &mut columns, surroundings, after);
        }
    }

    fn perform_one(
        &mut self,
        action: Action,
        columns: &mut Columns<'_>,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) {
        match action {
            Action::Send(count) => {
                for _ in 0..count {
                    let Some(send) = columns.sends.next() else {
                        return;
                    };
                    let (targets, rest) = columns
                        .targets
                        .split_at_checked(send.targets as usize)
                        .unwrap_or_default();
                    columns.targets = rest;
                    let frames = frame(columns, send);
                    self.send(targets, &frames, send, surroundings, after);
                }
            }
            Action::Respond(response) => {
                if let Some(exchange) = self.exchanges.remove(&response.connection) {
                    // The client may have left meanwhile.
                    let _ = exchange.send(Decision::Respond(response));
                }
            }
            Action::Collect(collect) => {
                if let Some(exchange) = self.exchanges.remove(&collect.connection) {
                    let (next, answer) = oneshot::channel();
                    if exchange
                        .send(Decision::Collect(collect.bytes_max, answer))
                        .is_ok()
                    {
                        self.exchanges.insert(collect.connection, next);
                    } else {
                        left(collect.connection, after);
                    }
                }
            }
            Action::Accept(accept) => {
                if let Some(exchange) = self.exchanges.remove(&accept.connection) {
                    if exchange
                        .send(Decision::Accept(accept.headers, accept.deflate))
                        .is_ok()
                    {
                        self.links.insert(
                            accept.connection,
                            Link::new(accept.connection, accept.receive_bytes_max),
                        );
                    } else {
                        left(accept.connection, after);
                    }
                }
            }
            Action::Attach(attach) => {
                if let Some(link) = self.links.get(&attach.connection).cloned() {
                    let session = self.sessions.entry(attach.session).or_default();
                    for frame in session.take_outbox() {
                        queue(&link, &frame, surroundings, after);
                    }
                    session.link = Some(link);
                }
            }
            Action::Detach(session) => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.link = None;
                }
            }
            Action::Write(write) => {
                if let Some(link) = self.links.get(&write.connection) {
                    let frame = match &write.frame {
                        crate::guest::contract::Frame::Text(text) => {
                            Framed::new(Kind::Text, text.as_bytes())
                        }
                        crate::guest::contract::Frame::Binary(bytes) => {
                            Framed::new(Kind::Binary, bytes)
                        }
                    };
                    queue(link, &frame, surroundings, after);
                }
            }
            Action::Drain(number) => {
                let session = self.sessions.get_mut(&number);
                let (compress, waiting) = session
                    .map(|session| (session.may_compress(), session.take_outbox()))
                    .unwrap_or_default();
                let frames = waiting.iter().map(unframed).collect();
                after.happened.events.push(Event::Drained(Drained {
                    session: number,
                    frames,
                    compress,
                }));
            }
            Action::Close(close) => self.close(&close, after),
            Action::Save(save) => {
                self.sessions.entry(save.session).or_default().blob = save.blob.into_boxed_slice()
            }
            Action::Forget(session) => {
                self.sessions.remove(&session);
            }
            Action::Note(note) => {
                let number = note.number;
                if self.note(note, surroundings.notes_bytes_max) {
                    surroundings.counters.notes_kept.add(1);
                } else {
                    surroundings.counters.notes_refused.add(1);
                    limited!(
                        error,
                        note = number,
                        shard = surroundings.shard,
                        "the protocol guest remembers too much: a note is not kept"
                    );
                }
            }
            Action::Erase(number) => self.erase(number),
            Action::HandOut(file) => {
                if let Some(exchange) = self.exchanges.remove(&file.connection) {
                    let _ = exchange.send(Decision::HandOut(file));
                }
            }
            Action::WakeAt(at) => after.wake_at = Some(at),
            Action::Dispatch(dispatch) => after.dispatched.push(dispatch),
            Action::Publish(message) => after.published.push(message),
            Action::Subscribe(channel) => after.subscriptions.push((channel, true)),
            Action::Unsubscribe(channel) => after.subscriptions.push((channel, false)),
            Action::Log(line) => after.lines.push(line),
        }
    }

    fn close(&self, close: &Close, after: &mut Aftermath) {
        if let Some(link) = self.links.get(&close.connection)
            && link.is_open()
        {
            link.close(close.code, &close.reason);
            after.touched.push(link.clone());
            after.closing.push(link.clone());
        }
    }

    fn send(
        &mut self,
        targets: &[u64],
        frames: &[Framed],
        send: &Send,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) {
        let counters = &surroundings.counters;
        for target in targets {
            let session = match self.sessions.get_mut(target) {
                Some(session) => session,
                None => self.sessions.entry(*target).or_default(),
            };
            match &session.link {
                Some(link) if send.volatile && link.is_blocked() => {
                    counters.volatile_dropped.add(1)
                }
                Some(link) => frames
                    .iter()
                    .for_each(|frame| queue(link, frame, surroundings, after)),
                None if send.volatile => counters.volatile_dropped.add(1),
                None => {
                    if !frames.iter().all(|frame| {
                        session.wait(frame, send.compress, surroundings.outbox_bytes_max)
                    }) {
                        counters.slow_peers_closed.add(1);
                        limited!(
                            info,
                            session = *target,
                            shard = surroundings.shard,
                            "a session that fetches nothing has too much waiting"
                        );
                        after.happened.events.push(Event::Overflowed(*target));
                    }
                }
            }
        }
    }
}

/// Frames the next messages of the columns, those of a send.
fn frame(columns: &mut Columns<'_>, send: &Send) -> Vec<Framed> {
    columns
        .frames
        .by_ref()
        .take(send.frames as usize)
        .map(|frame| {
            let length = frame.length as usize;
            if frame.kind == FrameKind::Text {
                let (text, rest) = columns.text.split_at_checked(length).unwrap_or_default();
                columns.text = rest;
                Framed::message(Kind::Text, text.as_bytes(), send.compress)
            } else {
                let (bytes, rest) = columns.bytes.split_at_checked(length).unwrap_or_default();
                columns.bytes = rest;
                Framed::message(Kind::Binary, bytes, send.compress)
            }
        })
        .collect()
}

/// The client left while the guest was deciding.
fn left(connection: u64, after: &mut Aftermath) {
    after.happened.events.push(Event::Closed(Closed {
        connection,
        cause: Cause::Peer,
    }));
}

/// Queues a frame on a connection; one that is too slow is closed.
fn queue(link: &Rc<Link>, frame: &Framed, surroundings: &Surroundings, after: &mut Aftermath) {
    let bytes = frame.written(link.deflate(), &mut after.compressible_bytes);
    surroundings.counters.frames_out.add(1);
    surroundings.counters.bytes_out.add(bytes.len() as u64);
    if link.queued_bytes() == 0 {
        after.touched.push(link.clone());
    }
    if !link.queue(bytes, surroundings.outbox_bytes_max) {
        limited!(
            info,
            connection = link.number,
            shard = surroundings.shard,
            waiting_bytes = link.queued_bytes(),
            "closed a peer that is too slow"
        );
        surroundings.counters.slow_peers_closed.add(1);
        link.abort();
        after.happened.events.push(Event::Closed(Closed {
            connection: link.number,
            cause: Cause::Slow,
        }));
    }
}
