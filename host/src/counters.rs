//! What a node counts. Added to by every shard, read by whoever reports. It never logs.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows. Relaxed: counts from several threads, in no particular order.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts so many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of a node.
#[derive(Debug, Default)]
pub struct Counters {
    /// TCP connections accepted.
    pub connections_opened: Counter,
    /// TCP connections turned away because there were too many.
    pub connections_refused: Counter,
    /// Messages received on WebSockets.
    pub frames_in: Counter,
    /// Bytes received on WebSockets, frame headers included.
    pub bytes_in: Counter,
    /// Frames queued for WebSockets.
    pub frames_out: Counter,
    /// Bytes queued for WebSockets, frame headers included.
    pub bytes_out: Counter,
    /// Calls of protocol guests.
    pub guest_calls: Counter,
    /// Calls of any guest that did not return.
    pub guest_traps: Counter,
    /// Peers closed because they took what was sent to them too slowly.
    pub slow_peers_closed: Counter,
    /// Notes of protocol guests that were kept.
    pub notes_kept: Counter,
    /// Notes of protocol guests that were too much to be kept.
    pub notes_refused: Counter,
    /// Notes that a new protocol guest could not be restored with.
    pub notes_lost: Counter,
    /// Volatile messages dropped for a receiver that was not ready.
    pub volatile_dropped: Counter,
}
