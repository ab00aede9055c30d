//! Holdfast's host: it moves bytes and keeps time; guests decide.
//!
//! A node as a library: [`server::Node::prepare`] loads the guests, [`server::bind`] opens ports, and
//! [`server::Node::run`] serves until told to stop. The binary in `main` adds the command line.

#![deny(unsafe_code)]

mod app;
mod apps;
mod batch;
pub mod cli;
mod clock;
mod coding;
pub mod config;
mod connection;
pub mod control;
pub mod counters;
mod deflate;
mod extension;
mod files;
pub mod guest;
mod http;
mod inbox;
mod mailbox;
mod outgoing;
mod perform;
mod protocol;
mod records;
mod script;
pub mod server;
mod shard;
mod telemetry;
mod tickets;
mod watch;
mod websocket;
