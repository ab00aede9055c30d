//! The node's clock: milliseconds that never go back. Read by `shard` once a turn and by `server` at
//! the start; it never sleeps.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that all shards of a node share. Its zero is the Unix epoch as the system told it when the
/// node started; later changes of the system's time do not move it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_ms: u64,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            started_ms: u64::try_from(since.as_millis()).unwrap_or_default(),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.started_ms + self.uptime_ms()
    }

    /// Milliseconds since the start.
    pub fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
