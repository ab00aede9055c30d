//! Turns guests into components: builds a guest crate for wasm and wraps its core module.
//!
//! Called by the host's build script (embedded guests), by the tests' build script (hostile guests)
//! and by the host at load time (a core module given as `--app`). It never downloads anything: the
//! wasm standard library comes from an installed rustup target or from Debian's `rustc-web`.

mod c;
mod component;
mod embed;
#[cfg(feature = "snapshot")]
mod snapshot;
mod toolchain;

pub use component::{componentize, is_component, is_core_module};
pub use embed::embed_script;
#[cfg(feature = "snapshot")]
pub use snapshot::prepare;
pub use toolchain::{Target, Toolchain, build_guest, build_module};
