//! Every bound of the engine. Where the host's limits matter, these stay below them, so that a script meets an
//! exception and not the end of its instance.

/// The part of the instance's memory that is kept back from the script: for commands, events on their way in,
/// and what the allocator cannot use.
pub(crate) const MEMORY_RESERVED_SHARE: u64 = 4;

/// Bytes that QuickJS holds when it first looks for cycles of objects that nobody reaches; later ones come when
/// that has grown by half. Looking writes to every object, so that an instance has all memory of the library to
/// itself, which it shares with others before.
pub(crate) const FIRST_COLLECTION_BYTES: usize = 4 << 20;

/// Bytes of the C stack that JavaScript may use: deeper recursion is a `RangeError`.
pub(crate) const STACK_BYTES_MAX: usize = 256 << 10;

/// Commands that one call of the host may give; one more is a `RangeError` for who gives it.
pub(crate) const COMMANDS_MAX: usize = 1_000_000;

/// The share of the instance's memory that the commands of one call may take.
pub(crate) const COMMANDS_MEMORY_SHARE: u64 = 8;

/// Unhandled rejections that are remembered until the event is over; more are counted.
pub(crate) const REJECTIONS_MAX: usize = 64;

/// Bytes of a log line.
pub(crate) const REPORT_BYTES_MAX: usize = 8 << 10;

/// Log lines of one call of the host; more are left out.
pub(crate) const LOG_LINES_MAX: usize = 1000;

/// Bytes of a bundled source map that is read.
pub(crate) const SOURCE_MAP_BYTES_MAX: usize = 64 << 20;

/// The form of the script text that this engine reads.
pub(crate) const SCRIPT_VERSION: u32 = 1;

/// Promise jobs that may follow one event. More is a chain without an end, which costs the instance.
pub(crate) const JOBS_MAX: usize = 1_000_000;
