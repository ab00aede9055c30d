//! Handlers for Holdfast in Rust, with the words of Socket.IO. The crate's README has the whole API beside
//! JavaScript's, with examples.
//!
//! ```
//! use holdfast_sdk::{Ack, Io, Socket, sleep};
//! use std::time::Duration;
//!
//! fn app(io: &Io) {
//!     io.on_connection(|socket| {
//!         socket.on("add", |a: i64, b: i64, ack: Ack| ack.send(a + b));
//!         socket.on("say", |socket: &Socket, room: String, text: String| {
//!             socket.join(&room);
//!             socket.to(&room).emit("said", text);
//!         });
//!         socket.on("later", async |socket: &Socket, text: String| {
//!             sleep(Duration::from_secs(1)).await;
//!             socket.emit("said", text);
//!         });
//!     });
//! }
//!
//! holdfast_sdk::app!(app);
//! # fn main() {}
//! ```
//!
//! An app is a wasm component with one thread. The node calls it with what happened and carries out
//! what the handlers asked for when they have all returned, in the order in which they asked; nothing a
//! handler calls runs another handler before it returns. So handlers may do everything everywhere: emit,
//! join, add and remove listeners, disconnect.
//!
//! **Arguments** go through serde: a tuple is several, `()` none, anything else one. [`Args`] is all of
//! them (or the rest) as they came, [`Binary`] a binary value anywhere inside. Types of your own derive
//! `Serialize` and `Deserialize` from the crate `serde`, or from here with
//! `#[serde(crate = "holdfast_sdk::serde")]`.
//!
//! **Async** handlers are futures on a small executor: they begin at once, and go on when a timer, an
//! acknowledgement, a response or a channel wakes them; nobody waits for them. See [`Socket::on`],
//! [`spawn`], [`Answer`].
//!
//! **Swaps and crashes** keep sockets, rooms and `set_data`; the app's own memory begins empty, its
//! tasks too. The connection handlers run again for every socket, which says `recovered()`; middlewares do
//! not. A client that comes back to a broken connection (connection state recovery) says `recovered()` too.
//! A panic is a crash.
//!
//! **Tests** need no wasm and no network: see [`testing`]. Every bound is in [`limits`].
//!
//! | module | is |
//! |---|---|
//! | `io`, `namespace`, `parent`, `broadcast`, `direct`, `timed`, `socket`, `ack`, `fetch` | what an app holds in its hands |
//! | `handler`, `extract`, `query`, `packet`, `events` | handlers: which functions, with which parameters |
//! | `tasks`, `answer`, `time`, `http` | futures |
//! | `admission` | who may open a session |
//! | `servers` | messages between the app's instances |
//! | `room_events` | what happens to rooms |
//! | `state` | values by their type |
//! | `args` | arguments: reading, writing, binary |
//! | `runtime`, `dispatch`, `scope` | the instance's state, the way in, what runs now |
//! | `acks`, `listeners`, `timers`, `message`, `rooms`, `numbers` | its parts |
//! | `component`, `bindings` | the contract with the host |
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice
    )
)]
#![warn(missing_docs, unreachable_pub)]
#![forbid(unsafe_op_in_unsafe_fn)]

mod ack;
mod acks;
mod admission;
mod answer;
mod args;
pub mod bindings;
mod broadcast;
#[doc(hidden)]
pub mod component;
mod direct;
mod dispatch;
mod errors;
mod events;
mod extract;
mod fetch;
mod handler;
mod handshake;
mod http;
mod io;
pub mod limits;
mod listeners;
mod log;
mod message;
mod namespace;
mod numbers;
mod packet;
mod parent;
mod query;
mod room_events;
mod rooms;
mod runtime;
mod scope;
mod servers;
mod socket;
mod state;
mod tasks;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod time;
mod timed;
mod timers;

pub use ack::Ack;
pub use admission::Admission;
pub use answer::Answer;
pub use args::{Args, Binary};
pub use bindings::exports::holdfast::edge::types::{
    Denied, Handshake, Header, Level, Payload, RoomEvent,
};
pub use broadcast::Broadcast;
pub use component::Outcome;
pub use direct::Direct;
pub use errors::{AckError, AcksError, ArgsError, ConnectError, EventError, EventFault, Rejection};
pub use events::{AllAnswers, Event, TypedAck};
pub use extract::{Auth, Data, EventName, FromEvent, Query, State};
pub use fetch::RemoteSocket;
pub use handler::{Handler, OnceHandler};
pub use http::{FetchError, Redirect, Request, Response, fetch};
pub use io::Io;
pub use listeners::Listener;
pub use log::log;
pub use message::{RESERVED_EVENTS, RESERVED_SERVER_EVENTS};
pub use namespace::Namespace;
pub use packet::Packet;
pub use parent::{ParentBroadcast, ParentNamespace};
pub use rooms::Rooms;
pub use servers::ServerReply;
pub use socket::{Closed, Socket};
pub use state::Extensions;
pub use tasks::{Cancelled, JoinHandle, spawn, yield_now};
pub use time::{Elapsed, Interval, Sleep, interval, sleep, timeout};
pub use timed::Timed;
pub use timers::Timer;

pub use serde;
pub use serde_json::{self, Value, json};

#[cfg(test)]
mod tests;

/// The README's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
