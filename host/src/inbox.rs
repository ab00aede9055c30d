//! What a shard's own connections have brought since its last turn. Filled by `connection`, emptied by
//! `shard`. It never calls a guest.

use crate::guest::contract::{Cause, Closed, Event, FrameKind, Happened, ReceivedFrame};
use std::cell::RefCell;
use std::task::{Context, Poll, Waker};

/// Where readers leave frames. One a shard, shared by its connections' tasks.
pub struct Inbox {
    happened: RefCell<Happened>,
    gone: RefCell<Vec<u64>>,
    waiting: RefCell<Vec<Waker>>,
    frames_max: usize,
    bytes_max: usize,
}

/// An event batch with nothing in it.
pub const fn nothing() -> Happened {
    Happened {
        events: Vec::new(),
        frames: Vec::new(),
        text: String::new(),
        bytes: Vec::new(),
    }
}

/// Adds a frame to a batch.
pub fn push_frame(happened: &mut Happened, connection: u64, kind: FrameKind, length: usize) {
    happened.frames.push(ReceivedFrame {
        connection,
        kind,
        length: u32::try_from(length).unwrap_or(u32::MAX),
    });
    if let Some(Event::Received(count)) = happened.events.last_mut() {
        *count += 1;
    } else {
        happened.events.push(Event::Received(1));
    }
}

impl Inbox {
    /// An empty inbox that takes so many frames and bytes a turn: past either readers wait for the next.
    pub const fn new(frames_max: usize, bytes_max: usize) -> Self {
        Self {
            happened: RefCell::new(nothing()),
            gone: RefCell::new(Vec::new()),
            waiting: RefCell::new(Vec::new()),
            frames_max,
            bytes_max,
        }
    }

    /// A text message came in.
    pub fn text(&self, connection: u64, text: &str) {
        let happened = &mut *self.happened.borrow_mut();
        happened.text.push_str(text);
        push_frame(happened, connection, FrameKind::Text, text.len());
    }

    /// A binary message came in.
    pub fn binary(&self, connection: u64, bytes: &[u8]) {
        let happened = &mut *self.happened.borrow_mut();
        happened.bytes.extend_from_slice(bytes);
        push_frame(happened, connection, FrameKind::Binary, bytes.len());
    }

    /// A connection is over; the guest is to hear why.
    pub fn closed(&self, connection: u64, cause: Cause) {
        self.happened
            .borrow_mut()
            .events
            .push(Event::Closed(Closed { connection, cause }));
        self.gone.borrow_mut().push(connection);
    }

    /// A connection that this side closed is over.
    pub fn gone(&self, connection: u64) {
        self.gone.borrow_mut().push(connection);
    }

    /// Whether there is nothing for a turn.
    pub fn is_empty(&self) -> bool {
        self.happened.borrow().events.is_empty() && self.gone.borrow().is_empty()
    }

    /// Whether readers should wait for the next turn.
    fn is_full(&self) -> bool {
        let happened = self.happened.borrow();
        happened.frames.len() >= self.frames_max
            || happened.text.len() + happened.bytes.len() >= self.bytes_max
    }

    /// Takes everything, and lets waiting readers go on.
    pub fn take(&self) -> (Happened, Vec<u64>) {
        for waker in self.waiting.borrow_mut().drain(..) {
            waker.wake();
        }
        (self.happened.replace(nothing()), self.gone.take())
    }

    /// Whether a reader may add to what is here; one that may not is woken when the shard has taken it.
    pub fn poll_space(&self, context: &Context<'_>) -> Poll<()> {
        if !self.is_full() {
            return Poll::Ready(());
        }
        self.waiting.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn readers_wait_when_it_is_full() {
        let context = Context::from_waker(Waker::noop());
        let inbox = Inbox::new(2, 100);
        inbox.text(1, "a");
        assert!(inbox.poll_space(&context).is_ready());
        inbox.binary(1, b"b");
        assert!(inbox.poll_space(&context).is_pending(), "two frames");
        inbox.take();
        inbox.text(1, &"x".repeat(100));
        assert!(inbox.poll_space(&context).is_pending(), "a hundred bytes");
        inbox.take();
        assert!(inbox.poll_space(&context).is_ready());
    }
}
