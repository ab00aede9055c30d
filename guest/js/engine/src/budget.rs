//! How long a script may run. Asked by QuickJS every ten thousand calls or loop rounds, it asks the host's clock
//! how long the call has taken; it never looks at what runs. Where there is no such clock (natively), a count of
//! these questions takes its place.

use std::cell::Cell;

/// Questions that stand for a millisecond where there is no clock.
#[cfg(not(target_family = "wasm"))]
const ASKED_PER_MS: u32 = 1;

/// The time of one call of the host. Each event may take half of what is left, so that one that does not end
/// leaves the others theirs, and all end before the host ends the instance.
#[derive(Default)]
pub(crate) struct Budget {
    per_call_ms: Cell<u32>,
    /// When the present event is to end, in milliseconds of the call.
    until_ms: Cell<u32>,
    interrupted: Cell<bool>,
    #[cfg(not(target_family = "wasm"))]
    asked: Cell<u32>,
}

impl Budget {
    /// Sets what a call may take, by the host's deadline for it.
    pub(crate) fn set(&self, deadline_ms: u32) {
        // The last part is for what cannot be interrupted.
        self.per_call_ms.set((deadline_ms - deadline_ms / 5).max(2));
    }

    /// A call of the host begins.
    pub(crate) fn begin_call(&self) {
        #[cfg(not(target_family = "wasm"))]
        self.asked.set(0);
        self.until_ms.set(0);
    }

    /// An event begins.
    pub(crate) fn begin_event(&self) {
        self.interrupted.set(false);
        // Asked only when something takes long: see `is_spent`.
        self.until_ms.set(0);
    }

    /// QuickJS asks whether to stop what runs.
    pub(crate) fn is_spent(&self) -> bool {
        let now_ms = self.call_ms();
        if self.until_ms.get() == 0 {
            let left_ms = self.per_call_ms.get().saturating_sub(now_ms);
            self.until_ms.set(now_ms.saturating_add(left_ms / 2).max(1));
        }
        let is_spent = now_ms > self.until_ms.get();
        if is_spent {
            self.interrupted.set(true);
        }
        is_spent
    }

    /// Whether something of this event was stopped. Asking forgets it.
    pub(crate) fn take_interrupted(&self) -> bool {
        self.interrupted.replace(false)
    }

    #[cfg(target_family = "wasm")]
    #[expect(clippy::unused_self, reason = "natively it counts")]
    fn call_ms(&self) -> u32 {
        crate::bindings::holdfast::edge::app_clock::call_ms()
    }

    #[cfg(not(target_family = "wasm"))]
    fn call_ms(&self) -> u32 {
        self.asked.set(self.asked.get().saturating_add(1));
        self.asked.get() / ASKED_PER_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_gets_half_of_what_is_left() {
        let budget = Budget::default();
        budget.set(100);
        budget.begin_call();
        let mut counts = Vec::new();
        for _ in 0..3 {
            budget.begin_event();
            let mut count = 0;
            while !budget.is_spent() {
                count += 1;
            }
            assert!(budget.take_interrupted() && !budget.take_interrupted());
            counts.push(count);
        }
        assert!(counts.iter().sum::<u32>() <= 80, "{counts:?}");
        assert!(
            counts.windows(2).all(|pair| pair[0] > pair[1]),
            "{counts:?}"
        );
    }
}
