//! Who gets a broadcast: the outbox of every connection on this thread.
//!
//! Used by the echo servers whose connection task must be woken to write, which is every
//! library that owns its stream. Never touches a socket.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};

/// A text message that starts with this byte goes to every connection, not back to its sender.
pub const BROADCAST: u8 = b'!';

/// What waits to be written by one connection's task.
pub struct Outbox<M> {
    queue: RefCell<VecDeque<M>>,
    waker: RefCell<Option<Waker>>,
}

impl<M> Outbox<M> {
    pub fn pop(&self) -> Option<M> {
        self.queue.borrow_mut().pop_front()
    }

    pub fn push(&self, message: M) {
        self.queue.borrow_mut().push_back(message);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// From the connection's own task, which is about to look.
    pub fn push_quietly(&self, message: M) {
        self.queue.borrow_mut().push_back(message);
    }

    pub fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()))
        {
            *waker = Some(cx.waker().clone());
        }
    }
}

/// All outboxes of a thread.
pub struct Hub<M> {
    outboxes: RefCell<Vec<Rc<Outbox<M>>>>,
}

impl<M: Clone> Hub<M> {
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            outboxes: RefCell::default(),
        })
    }

    pub fn join(&self) -> Rc<Outbox<M>> {
        let outbox = Rc::new(Outbox {
            queue: RefCell::default(),
            waker: RefCell::default(),
        });
        self.outboxes.borrow_mut().push(outbox.clone());
        outbox
    }

    pub fn broadcast(&self, message: &M) {
        for outbox in self.outboxes.borrow().iter() {
            outbox.push(message.clone());
        }
    }
}
