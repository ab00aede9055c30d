//! Tests of Holdfast apps: a node in the test's process, and clients that follow a script.
//!
//! ```
//! use holdfast_test::Node;
//!
//! // The built-in demo app; `.app("app.wasm")`, `.app(App::crate_folder("…"))`, … load another.
//! let node = Node::builder().demo().setting("protocol.ping_interval", 300).start()?;
//!
//! let (mut ann, mut bob) = (node.connect("/"), node.connect("/"));
//! ann.emit("echo", ("hello", 1));
//! ann.expect("echo", ("hello", 1));
//! assert_eq!(bob.call("echo", "anybody?"), "anybody?");
//! bob.disconnect();
//! # Ok::<(), holdfast_test::StartError>(())
//! ```
//!
//! Everything waits, with a bound ([`Builder::patience`], 10 seconds at first), and panics with a message
//! that says what was expected and what came instead. When a test fails, the node's log is shown.
//!
//! An app in Rust can also be driven without a node, a network or wasm, in virtual time: see
//! `holdfast_sdk::testing`. That is the place for an app's logic; this crate is for what lies between an
//! app and its clients, for apps in other languages, and for settings.
//!
//! | module | is |
//! |---|---|
//! | `node`, `app` | the node and how it is set up |
//! | `log` | what it logs |
//! | `client` | clients and what can be expected of them |
//! | `session` | a client's connection: Engine.IO 4 over polling, WebSocket, or one after the other |
//! | `packet` | Socket.IO 5 packets |
//! | `args` | arguments of messages |
//! | `http` | plain requests |
#![warn(unreachable_pub)]

mod app;
mod args;
mod client;
mod http;
pub mod limits;
mod log;
mod node;
mod packet;
mod session;

pub use app::App;
pub use args::Binary;
pub use client::{Client, Connecting, Message, Question};
pub use http::Answer;
pub use node::{Builder, Node, StartError};
pub use serde_json::{self, Value, json};
pub use session::{Failure, Transport};
pub use toml;
