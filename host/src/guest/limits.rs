//! What a guest may use, and what happens when it uses more. Called by the two instances; it never
//! decides what follows from a crash.

use std::fmt;
use wasmtime::{StoreLimits, StoreLimitsBuilder, Trap};

/// How often the epoch advances: the precision of deadlines.
pub const EPOCH_TICK_MS: u64 = 10;

/// Elements a guest's tables may hold together: a Rust guest has a few hundred, an engine for
/// scripts some thousands.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// What one guest instance may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestLimits {
    /// Linear memory in bytes. A guest that asks for more is stopped.
    pub memory_bytes_max: u64,
    /// How long one call may take. A guest that takes longer is stopped.
    pub deadline_ms: u64,
}

impl GuestLimits {
    pub(super) fn store(&self) -> StoreLimits {
        StoreLimitsBuilder::new()
            .memory_size(usize::try_from(self.memory_bytes_max).unwrap_or(usize::MAX))
            .table_elements(TABLE_ELEMENTS_MAX)
            .trap_on_grow_failure(true)
            .build()
    }

    /// The deadline in epoch ticks, never shorter than asked for.
    pub(super) fn ticks(&self) -> u64 {
        self.deadline_ms.div_ceil(EPOCH_TICK_MS).saturating_add(1)
    }
}

/// Why a call into a guest did not return. The instance is dead; what the call would have done has
/// not happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// What ended it.
    pub kind: CrashKind,
    /// The reason with the guest's backtrace, for the log.
    pub report: String,
}

/// What ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashKind {
    /// The guest trapped: a panic, an out-of-bounds access, an unreachable instruction.
    Trap,
    /// The call took longer than `deadline_ms`.
    Deadline,
    /// The guest asked for more than `memory_bytes_max`.
    Memory,
    /// The guest returned something that does not fit the contract, such as text that is not UTF-8.
    Contract,
}

impl Crash {
    pub(super) fn new(error: &wasmtime::Error) -> Self {
        let report = format!("{error:#}");
        let kind = match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => CrashKind::Deadline,
            Some(_) => CrashKind::Trap,
            None if report.contains("growing memory") || report.contains("growing table") => {
                CrashKind::Memory
            }
            None => CrashKind::Contract,
        };
        Self { kind, report }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            CrashKind::Trap => "trapped",
            CrashKind::Deadline => "took longer than its deadline",
            CrashKind::Memory => "asked for more memory than it may have",
            CrashKind::Contract => "broke the contract",
        };
        write!(formatter, "the guest {kind}: {}", self.report)
    }
}
