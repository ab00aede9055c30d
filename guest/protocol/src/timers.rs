//! Deadlines: one a session, the earliest of all its reasons to be looked at. Used by `lib.rs`.
//!
//! What is armed is a function of the sessions' state alone, so that a fresh instance, restored, asks
//! for the same wake-ups. Arming and disarming cost O(log sessions).

use crate::numbers::NumberMap;
use std::collections::BTreeSet;

/// The deadlines of all sessions, in milliseconds of the host's clock.
#[derive(Default)]
pub struct Timers {
    queue: BTreeSet<(u64, u64)>,
    armed: NumberMap<u64, u64>,
    asked: Option<u64>,
}

impl Timers {
    /// Sets the deadline of a session in place of the one before; none forgets it.
    pub fn arm(&mut self, session: u64, at_ms: Option<u64>) {
        let before = match at_ms {
            Some(at) => self.armed.insert(session, at),
            None => self.armed.remove(&session),
        };
        if before == at_ms {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, session));
        }
        if let Some(at) = at_ms {
            self.queue.insert((at, session));
        }
    }

    /// The sessions whose deadline has come, the earliest first. They stay armed until armed anew.
    pub fn due(&self, now_ms: u64) -> Vec<u64> {
        let past = self.queue.range(..=(now_ms, u64::MAX));
        past.map(|(_, session)| *session).collect()
    }

    /// The time to ask the host for, if it is another one than was asked for last.
    pub fn wake_at(&mut self) -> Option<u64> {
        let first = self.queue.first().map(|(at, _)| *at);
        let news = first != self.asked;
        self.asked = first;
        first.filter(|_| news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_is_asked_for_once() {
        let mut timers = Timers::default();
        assert_eq!(timers.wake_at(), None);
        timers.arm(1, Some(50));
        timers.arm(2, Some(30));
        assert_eq!(timers.wake_at(), Some(30));
        assert_eq!(timers.wake_at(), None);
        assert_eq!(timers.due(49), vec![2]);
        timers.arm(2, Some(60));
        assert_eq!(timers.wake_at(), Some(50));
        timers.arm(1, None);
        timers.arm(2, None);
        assert_eq!(timers.wake_at(), None);
        timers.arm(2, Some(50));
        assert_eq!(timers.wake_at(), Some(50));
    }
}
