//! What is to happen later. The app's timers and the timeouts of acknowledgements wait here; the host
//! is asked for one wake-up only, for the earliest.

use crate::limits::{TIMERS_MAX, WAIT_MS_MAX};
use crate::time::Alarm;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// A timer, to be given to `clear`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    pub(crate) due_ms: u64,
    pub(crate) number: u64,
}

/// What a timer does when it has run out.
#[derive(Clone)]
pub(crate) enum Due {
    /// A function of the app, once.
    Once(Rc<dyn Fn()>),
    /// A function of the app, and again after so many milliseconds.
    Again(Rc<dyn Fn()>, u64),
    /// A task that sleeps.
    Wake(Rc<Alarm>),
    /// Tasks are left over from the call before.
    Tasks,
    /// The acknowledgement of this number is late.
    Ack(u64),
    /// The fetch of this number is late.
    Fetch(u64),
    /// The question of this number to other instances is late.
    Question(u64),
}

impl Due {
    /// Whether it counts among the app's timers.
    fn is_counted(&self) -> bool {
        matches!(self, Self::Once(_) | Self::Again(..) | Self::Wake(_))
    }
}

/// All timers of an app.
#[derive(Default)]
pub(crate) struct Timers {
    waiting: RefCell<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// By time and number, so that equal times keep the order in which they were set.
    queue: BTreeMap<(u64, u64), Due>,
    /// Where an interval waits now: its handle names the place where it waited first.
    moved: BTreeMap<u64, u64>,
    /// Functions and sleeping tasks of the app among them.
    functions: usize,
    last: u64,
    /// The wake-up that the host was asked for.
    armed_ms: Option<u64>,
}

impl Timers {
    /// Adds one. None when there are too many.
    pub(crate) fn add(&self, due_ms: u64, due: Due) -> Option<Timer> {
        let waiting = &mut *self.waiting.borrow_mut();
        if due.is_counted() {
            if waiting.functions >= TIMERS_MAX {
                return None;
            }
            waiting.functions += 1;
        }
        waiting.last += 1;
        let timer = Timer {
            due_ms,
            number: waiting.last,
        };
        waiting.queue.insert((due_ms, timer.number), due);
        Some(timer)
    }

    /// Forgets one; what has run out already is ignored.
    pub(crate) fn clear(&self, timer: Timer) {
        let waiting = &mut *self.waiting.borrow_mut();
        let due_ms = waiting.moved.remove(&timer.number).unwrap_or(timer.due_ms);
        let cleared = waiting.queue.remove(&(due_ms, timer.number));
        if cleared.is_some_and(|due| due.is_counted()) {
            waiting.functions = waiting.functions.saturating_sub(1);
        }
    }

    /// Takes the earliest one that has run out and was set before the one of number `before`. An
    /// interval waits again at once, so that its function can clear it.
    pub(crate) fn take_due(&self, now_ms: u64, before: u64) -> Option<Due> {
        let waiting = &mut *self.waiting.borrow_mut();
        let (&(due_ms, number), _) = waiting
            .queue
            .range(..=(now_ms, u64::MAX))
            .find(|((_, number), _)| *number < before)?;
        let due = waiting.queue.remove(&(due_ms, number))?;
        match &due {
            Due::Again(_, every_ms) => {
                let next_ms = due_ms
                    .saturating_add(*every_ms)
                    .max(now_ms.saturating_add(1));
                waiting.moved.insert(number, next_ms);
                waiting.queue.insert((next_ms, number), due.clone());
            }
            Due::Once(_) | Due::Wake(_) => {
                waiting.functions = waiting.functions.saturating_sub(1);
            }
            Due::Tasks | Due::Ack(_) | Due::Fetch(_) | Due::Question(_) => {}
        }
        Some(due)
    }

    /// The number that the next timer gets.
    pub(crate) fn next_number(&self) -> u64 {
        self.waiting.borrow().last + 1
    }

    /// The host's timer has run out: it has to be asked again.
    pub(crate) fn disarm(&self) {
        self.waiting.borrow_mut().armed_ms = None;
    }

    /// How long the host is to wait, if it has to be told.
    pub(crate) fn arm(&self, now_ms: u64) -> Option<u64> {
        let waiting = &mut *self.waiting.borrow_mut();
        let (&(due_ms, _), _) = waiting.queue.first_key_value()?;
        let delay_ms = due_ms.saturating_sub(now_ms).min(WAIT_MS_MAX);
        let wake_ms = now_ms.saturating_add(delay_ms);
        if waiting.armed_ms.is_some_and(|armed_ms| armed_ms <= wake_ms) {
            return None;
        }
        waiting.armed_ms = Some(wake_ms);
        Some(delay_ms)
    }

    /// Drops everything, and with it what the functions hold.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn close(&self) {
        let queue = std::mem::take(&mut self.waiting.borrow_mut().queue);
        drop(queue);
    }
}

/// Whole milliseconds, rounded up; at least one, as in JavaScript.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000))
        .unwrap_or(u64::MAX)
        .max(1)
}
