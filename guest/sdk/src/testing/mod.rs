//! Driving an app in tests: no wasm, no network, time under control.
//!
//! ```
//! # use holdfast_sdk::{Ack, Io, Socket};
//! # fn app(io: &Io) {
//! #     io.on_connection(|socket| {
//! #         socket.join("all");
//! #         socket.on_ack("add", |_, (a, b): (i64, i64), ack: Ack| ack.send(a + b));
//! #         socket.on("say", |socket: &Socket, text: String| socket.to("all").emit("said", text));
//! #     });
//! # }
//! use holdfast_sdk::testing::Server;
//!
//! let server = Server::start(app);
//! let (ann, bob) = (server.connect("/"), server.connect("/"));
//! assert_eq!(ann.call("add", (1, 2)), Some(3));
//! ann.emit("say", "hello");
//! assert_eq!(bob.received::<String>("said"), ["hello"]);
//! ```
//!
//! `Server` plays the node: it carries out what the app asks for on a simple model of sockets and
//! rooms, in one shard, and feeds back what follows. `Server::commands` shows what was asked for,
//! command by command. Whatever a test does wrong panics.

mod client;
mod model;
mod server;
mod web;

pub use crate::bindings::exports::holdfast::edge::{app_guest, types};
pub use client::{Client, Question, Received};
pub use server::{Server, context, handshake};
pub use web::{WebAnswer, after};
