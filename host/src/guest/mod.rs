//! The sandbox: loads guests, calls them under limits, and says why a call failed.
//!
//! Called by `shard` (protocol and app instances), `server` (loading before listening) and `cli`
//! (`check`, `inspect`). The only place that names wasmtime. It never performs what a guest decides.

mod app;
mod cache;
pub mod contract;
mod inspect;
mod limits;
mod log_pipe;
mod module;
mod protocol;
mod runtime;

pub use app::AppGuest;
pub use inspect::{Inspection, inspect};
pub use limits::{Crash, CrashKind, GuestLimits};
pub use module::{GuestError, Module, Source, World};
pub use protocol::ProtocolGuest;
pub use runtime::Runtime;
