//! Runs an app that is a script: QuickJS as a guest of the `app` world.
//!
//! The engine is compiled once and is the same for all scripts; an app is the text that comes with `start`
//! (its form: `guest/js/README.md`). The Socket.IO server API and the surroundings of a script (`console`,
//! timers, `fetch`, …) are JavaScript, in `guest/js/lib`, which is embedded here. The seam between the two:
//! `natives` (what the library can ask for) and `deliver` (what it is told).
//!
//! What a script does wrong costs one event: exceptions are logged with the place in the user's source, a
//! handler that does not end is interrupted by `budget` before the host ends the instance, and memory and
//! recursion end in exceptions.
//!
//! The component imports nothing but the contract's `app-clock`, which `budget` asks: time and randomness come
//! from the host's calls (`platform`).
//!
//! | module | is |
//! |---|---|
//! | `engine` | one instance: starting a script, handling what happened |
//! | `deliver` | events, as calls of the library |
//! | `natives` | calls of the library, as commands |
//! | `state`, `handles` | what both share |
//! | `modules`, `script` | where modules come from |
//! | `library` | the embedded JavaScript |
//! | `errors`, `source_map` | exceptions, with places in the user's source |
//! | `budget`, `limits` | bounds |
//! | `values` | text and bytes across the seam |
//! | `platform` | what C code would ask an operating system for |
//! | `component`, `bindings` | the contract with the host |
#![warn(missing_docs, unreachable_pub)]

pub mod bindings;
mod budget;
#[cfg(target_family = "wasm")]
mod component;
mod deliver;
mod engine;
mod errors;
mod handles;
mod library;
mod limits;
mod modules;
mod natives;
#[cfg(target_family = "wasm")]
mod platform;
mod script;
mod source_map;
mod state;
mod values;

pub use engine::Engine;

#[cfg(test)]
mod tests;
