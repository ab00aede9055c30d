//! How a new version of an app takes the place of the one that runs on a shard, while every connection stays
//! open.
//!
//! Called by the turn, between two calls of the app. The old instance is given what waited for it when the new
//! one came; the new one then meets the sockets, as after a crash, and is given everything since. It never
//! starts an instance: whoever sends one has done so.

use super::Shard;
use super::home::Home;
use crate::app::{App, AppNumber};
use crate::guest::GuestError;
use crate::guest::contract::Happening;
use crate::mailbox::Successor;
use crate::perform::Aftermath;
use std::time::Instant;

/// An instance that waits for its turn.
pub(super) struct Expected {
    successor: Successor,
    /// How many events the old instance is given before; none says that nobody has looked yet.
    left: Option<usize>,
}

impl Home {
    /// An instance is to follow on this one.
    pub(super) fn await_successor(&mut self, successor: Successor) {
        self.expected = Some(Expected {
            successor,
            left: None,
        });
    }

    /// Notes that the instance was given so many events.
    pub(super) fn note_given(&mut self, count: usize) {
        if let Some(left) = self.expected.as_mut().and_then(|one| one.left.as_mut()) {
            *left = left.saturating_sub(count);
        }
    }

    /// The instance that follows, when this one has had what waited for it. What it ordered then has been
    /// carried out: the turn has called the protocol guest since.
    pub(super) fn take_successor(&mut self) -> Option<Successor> {
        let is_down = self.app.retry_at_ms.is_some();
        let waiting = self.inbox.len();
        let left = self.expected.as_mut()?.left.get_or_insert(waiting);
        if *left > 0 && waiting > 0 && !is_down {
            return None;
        }
        self.expected.take().map(|expected| expected.successor)
    }

    /// Takes up the instance that follows, and returns what waits for it. The timers and requests of the one
    /// before go with it.
    fn succeed(&mut self, app: App) -> Vec<Happening> {
        self.give_up_requests();
        self.cautious = false;
        self.app = app;
        std::mem::take(&mut self.inbox)
    }
}

impl Shard {
    /// Puts an instance in the place of the one that runs here.
    pub(super) fn swap(
        &mut self,
        app: AppNumber,
        successor: Successor,
        now_ms: u64,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        let begun = Instant::now();
        let Some(home) = self.home(app) else {
            return Ok(());
        };
        let generation = successor.app.generation;
        let waiting = home.succeed(successor.app);
        let (mut queue, waiting) = self.announce(app, now_ms, waiting, after)?;
        let mut introductions = queue.len();
        let Some(home) = self.home(app) else {
            return Ok(());
        };
        queue.extend(waiting);
        queue.append(&mut home.inbox);
        home.inbox = queue;
        // A crash ends this: then others have been introduced to another instance.
        while introductions > 0
            && self
                .home(app)
                .is_some_and(|home| home.app.generation == generation)
        {
            let given = self.give_portion(app, now_ms, after)?;
            if given == 0 {
                break;
            }
            introductions = introductions.saturating_sub(given);
        }
        // Whoever swaps may have gone.
        let _ = successor.done.send(begun.elapsed());
        Ok(())
    }
}
