//! Messages that await acknowledgements, of one socket or of all receivers of a broadcast.

use crate::limits::ACKS_MAX;
use crate::timers::Timer;
use crate::{AckError, AcksError, Args, Socket};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Hears of the one acknowledgement.
pub(crate) type OnAck = Box<dyn FnOnce(Result<Args, AckError>)>;
/// Hears of all acknowledgements.
pub(crate) type OnAcks = Box<dyn FnOnce(Result<Vec<Args>, AcksError<Args>>)>;

/// One message that waits.
pub(crate) struct Pending {
    pub(crate) timer: Option<Timer>,
    pub(crate) from: Awaited,
}

/// From whom.
pub(crate) enum Awaited {
    /// From one socket.
    One { socket: Socket, done: OnAck },
    /// From all receivers of a broadcast.
    All {
        answers: Vec<Args>,
        /// Who has answered: a client that does so twice counts once.
        answered: BTreeSet<u64>,
        receivers: u64,
        uncounted_shards: u32,
        done: OnAcks,
    },
}

/// All that wait, by number.
#[derive(Default)]
pub(crate) struct Acks {
    waiting: RefCell<BTreeMap<u64, Pending>>,
}

impl Acks {
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.borrow().len() >= ACKS_MAX
    }

    pub(crate) fn add(&self, ack: u64, pending: Pending) {
        self.waiting.borrow_mut().insert(ack, pending);
    }

    pub(crate) fn take(&self, ack: u64) -> Option<Pending> {
        self.waiting.borrow_mut().remove(&ack)
    }

    /// An acknowledgement has come. Gives the message back when it waits for no other.
    pub(crate) fn answered(&self, ack: u64, socket: u64, args: &Args) -> Option<Pending> {
        let mut waiting = self.waiting.borrow_mut();
        let complete = match &mut waiting.get_mut(&ack)?.from {
            Awaited::One { socket: asked, .. } => asked.number() == socket,
            Awaited::All {
                answers,
                answered,
                receivers,
                uncounted_shards,
                ..
            } => {
                if !answered.insert(socket) {
                    return None;
                }
                answers.push(args.clone());
                *uncounted_shards == 0 && answers.len() as u64 >= *receivers
            }
        };
        if complete { waiting.remove(&ack) } else { None }
    }

    /// A shard has said how many receivers it has. Gives the message back when it waits for no other.
    pub(crate) fn counted(&self, ack: u64, more: u32) -> Option<Pending> {
        let mut waiting = self.waiting.borrow_mut();
        let complete = match &mut waiting.get_mut(&ack)?.from {
            Awaited::One { .. } => false,
            Awaited::All {
                answers,
                receivers,
                uncounted_shards,
                ..
            } => {
                *receivers += u64::from(more);
                *uncounted_shards = uncounted_shards.saturating_sub(1);
                *uncounted_shards == 0 && answers.len() as u64 >= *receivers
            }
        };
        if complete { waiting.remove(&ack) } else { None }
    }

    /// Drops everything, and with it what the functions hold.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn close(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        drop(waiting);
    }
}
