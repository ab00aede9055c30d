//! What happens to a session because time passes: pings and their timeout, NOOPs and the end of an
//! upgrade, the end of a buffered close, and a handshake nobody judges.

use super::polling::next_noop;
use super::session::{Carrier, Heartbeat, State, Upgrade};
use super::{Engine, Notice, Parting};
use crate::answer::Answer;
use crate::contract::Session as SessionNumber;
use crate::limits::TIMER_LATE_MS;
use crate::reason::Reason;

impl Engine {
    /// The state of a session whose client is to ping.
    pub(super) fn awaited(&self, now_ms: u64) -> Heartbeat {
        Heartbeat::Awaited {
            until_ms: now_ms + self.settings.ping_interval_ms + self.settings.ping_timeout_ms,
        }
    }

    /// When a session, or a handshake that awaits judgement, has to be looked at.
    pub fn deadline_ms(&self, number: SessionNumber) -> Option<u64> {
        if let Some(candidate) = self.candidates.get(&number) {
            return Some(candidate.until_ms);
        }
        if let Some(held) = self.held.get(&number) {
            return Some(held.until_ms);
        }
        self.sessions.get(&number)?.deadline_ms()
    }

    /// Looks at a session whose time has come. Every deadline that has passed is dealt with.
    pub fn elapse(&mut self, now_ms: u64, number: SessionNumber, answer: &mut Answer) {
        if self
            .candidates
            .get(&number)
            .is_some_and(|candidate| candidate.until_ms <= now_ms)
        {
            self.refuse_candidate(number, "Forbidden", answer);
            return;
        }
        if self
            .held
            .get(&number)
            .is_some_and(|held| held.until_ms <= now_ms)
        {
            self.fail_held(now_ms, number, answer);
            return;
        }
        self.elapse_upgrade(now_ms, number, answer);
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        match session.state {
            State::Closing { until_ms } if until_ms <= now_ms => {
                self.end(number, Reason::ForcedClose, Parting::Close, answer);
                return;
            }
            State::Closing { .. } | State::Open => {}
        }
        match session.heartbeat {
            Heartbeat::Asked { until_ms, .. } | Heartbeat::Awaited { until_ms }
                if until_ms <= now_ms =>
            {
                self.end(number, Reason::PingTimeout, Parting::Close, answer);
            }
            Heartbeat::Rest { ping_at_ms } if ping_at_ms <= now_ms => {
                // A session that closes is not pinged, but the wait for its pong runs all the same.
                // Nobody gains from a timer that is a little late.
                let asked_ms = if now_ms - ping_at_ms <= TIMER_LATE_MS {
                    ping_at_ms
                } else {
                    now_ms
                };
                session.heartbeat = Heartbeat::Asked {
                    until_ms: asked_ms + self.settings.ping_timeout_ms,
                    put_off: false,
                };
                self.mark(number);
                self.send_bare(number, "2", answer);
                if self.settings.recovery.is_some() {
                    self.notices.push(Notice::Asked(number));
                }
            }
            Heartbeat::Asked { .. } | Heartbeat::Rest { .. } | Heartbeat::Awaited { .. } => {}
        }
    }

    fn elapse_upgrade(&mut self, now_ms: u64, number: SessionNumber, answer: &mut Answer) {
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        let Carrier::Polling(polling) = &mut session.carrier else {
            return;
        };
        match &mut polling.upgrade {
            Upgrade::Opened { until_ms, .. } | Upgrade::Probed { until_ms, .. }
                if *until_ms <= now_ms =>
            {
                self.abandon_upgrade(number, answer);
            }
            Upgrade::Probed { noop_at_ms, .. }
                if *noop_at_ms <= now_ms && polling.poll.is_some() =>
            {
                *noop_at_ms = next_noop(*noop_at_ms, now_ms);
                self.mark(number);
                self.free_poll(number, answer);
            }
            _ => {}
        }
    }
}
