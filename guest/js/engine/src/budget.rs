//! How long a script may run: counted in steps of the interpreter, since the engine has no clock. Asked by
//! QuickJS every ten thousand calls or loop rounds; it never looks at what runs.

use crate::limits::TICKS_PER_MS;
use std::cell::Cell;

/// The steps of one call of the host. Each event may take half of what is left, so that one that does not end
/// leaves the others theirs.
#[derive(Default)]
pub(crate) struct Budget {
    per_call: Cell<u64>,
    of_call: Cell<u64>,
    of_event: Cell<u64>,
    interrupted: Cell<bool>,
}

impl Budget {
    /// Sets what a call may take, by the host's deadline for it.
    pub(crate) fn set(&self, deadline_ms: u32) {
        let per_call = u64::from(deadline_ms).saturating_mul(TICKS_PER_MS).max(4);
        self.per_call.set(per_call);
    }

    /// A call of the host begins.
    pub(crate) fn begin_call(&self) {
        self.of_call.set(self.per_call.get());
    }

    /// An event begins.
    pub(crate) fn begin_event(&self) {
        self.of_event.set((self.of_call.get() / 2).max(1));
        self.interrupted.set(false);
    }

    /// QuickJS asks whether to stop what runs.
    pub(crate) fn is_spent(&self) -> bool {
        self.of_call.set(self.of_call.get().saturating_sub(1));
        let left = self.of_event.get();
        if left == 0 {
            self.interrupted.set(true);
            return true;
        }
        self.of_event.set(left - 1);
        false
    }

    /// Whether something of this event was stopped. Asking forgets it.
    pub(crate) fn take_interrupted(&self) -> bool {
        self.interrupted.replace(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_gets_half_of_what_is_left() {
        let budget = Budget::default();
        budget.set(8);
        budget.begin_call();
        let mut sum = 0;
        for expected in [4 * TICKS_PER_MS, 2 * TICKS_PER_MS] {
            budget.begin_event();
            let mut ticks = 0;
            while !budget.is_spent() {
                ticks += 1;
            }
            assert!(ticks <= expected && ticks > 0, "{ticks}");
            assert!(budget.take_interrupted() && !budget.take_interrupted());
            sum += ticks;
        }
        assert!(sum <= 8 * TICKS_PER_MS);
    }
}
