//! What is held of the guest's memory, by estimate, so that it is never needed: each kind of holder has
//! a share of `memory_bytes_max` (see `limits.rs`), is charged when it takes something and released when
//! it gives it up. Both layers keep it; nothing of it is remembered, a restore charges anew.
//!
//! An estimate counts what is held twice, once for the copy that a call may make of it for a blob or
//! for an app. So the guest's memory suffices even if a call has to save everything.

use crate::limits::{
    KEPT_SHARE, MEMORY_SHARES, PARTIALS_SHARE, SESSION_BYTES, SESSIONS_SHARE, SOCKETS_SHARE,
};

/// What is held, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    held: [u64; KINDS],
}

/// Kinds of holders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sessions, and handshakes that await judgement.
    Sessions,
    /// Sockets and the auth payloads they came with.
    Sockets,
    /// Packets whose attachments have not all come.
    Partials,
    /// What apps keep with sockets: data and rooms.
    Kept,
}

const KINDS: usize = 4;

impl Kind {
    /// How many parts of the memory are for it.
    fn share(self) -> u64 {
        match self {
            Kind::Sessions => SESSIONS_SHARE,
            Kind::Sockets => SOCKETS_SHARE,
            Kind::Partials => PARTIALS_SHARE,
            Kind::Kept => KEPT_SHARE,
        }
    }
}

impl Budget {
    /// Charges so many bytes to a kind of holder, if its share allows it.
    pub fn take(&mut self, kind: Kind, bytes: u64, memory_bytes_max: u64) -> bool {
        let fits = self.fits(kind, bytes, memory_bytes_max);
        if fits {
            self.charge(kind, bytes);
        }
        fits
    }

    /// Whether a kind's share allows so many bytes more.
    pub fn fits(&self, kind: Kind, bytes: u64, memory_bytes_max: u64) -> bool {
        self.held(kind) + bytes <= memory_bytes_max / MEMORY_SHARES * kind.share()
    }

    /// Charges what is there already: what a restore brings has fitted before.
    pub fn charge(&mut self, kind: Kind, bytes: u64) {
        if let Some(held) = self.held.get_mut(kind as usize) {
            *held += bytes;
        }
    }

    /// Gives back what was charged.
    pub fn release(&mut self, kind: Kind, bytes: u64) {
        if let Some(held) = self.held.get_mut(kind as usize) {
            debug_assert!(*held >= bytes, "{kind:?}: more released than charged");
            *held = held.saturating_sub(bytes);
        }
    }

    /// What a kind of holder has been charged.
    pub fn held(&self, kind: Kind) -> u64 {
        self.held.get(kind as usize).copied().unwrap_or(0)
    }
}

/// What a session takes, with a handshake of this many bytes.
pub const fn session_bytes(handshake: usize) -> u64 {
    SESSION_BYTES + 2 * handshake as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept_to() {
        let mut budget = Budget::default();
        let memory = 1600;
        let share = 100 * KEPT_SHARE;
        assert!(budget.take(Kind::Kept, share, memory));
        assert!(!budget.take(Kind::Kept, 1, memory));
        assert!(budget.take(Kind::Partials, 1, memory));
        budget.release(Kind::Kept, 1);
        assert!(budget.take(Kind::Kept, 1, memory));
        budget.release(Kind::Kept, share);
        budget.release(Kind::Partials, 1);
        assert_eq!(budget, Budget::default());
    }
}
