//! Every bound of the loader, each with its unit and what happens beyond it.

/// Bytes of one file of an app; a longer one is refused.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// Bytes of the script text, and of all sources and maps together; more is refused.
pub const SCRIPT_BYTES_MAX: usize = 64 << 20;

/// Modules of one app; more are refused.
pub const MODULES_MAX: usize = 4096;

/// Bytes of a source map that lies beside a `.js` file; a longer one is left out, with a note.
pub const MAP_BYTES_MAX: u64 = 64 << 20;

/// Bytes of the mappings in such a map; longer ones are left out, with a note.
pub const MAPPINGS_BYTES_MAX: usize = 16 << 20;

/// Problems that one error lists; more are counted.
pub const PROBLEMS_MAX: usize = 20;

/// Characters of a source line that an error shows.
pub(crate) const EXCERPT_CHARS_MAX: usize = 120;

/// Bytes of the stack of the thread that reads an app; only what is used takes memory. The parser recurses, with
/// about 2 KiB a level at most: more than the two bounds below need.
pub(crate) const STACK_BYTES: usize = 512 << 20;

/// Brackets inside of each other that a file may have; the time of some checks grows with the square of it.
pub(crate) const BRACKETS_MAX: usize = 5_000;

/// Operators and keywords one after another, without a comma or semicolon between them, that a file may have: each
/// may stand inside of the one before.
pub(crate) const CHAIN_MAX: usize = 50_000;

/// `extends` of a `tsconfig.json` that are followed.
pub(crate) const CONFIG_CHAIN_MAX: usize = 8;

/// Bytes of a `tsconfig.json`; a longer one is refused.
pub(crate) const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Bytes of esbuild's messages that are shown.
pub(crate) const ESBUILD_MESSAGE_BYTES_MAX: u64 = 64 << 10;
