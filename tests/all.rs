//! All tests of the product as one binary: `cargo test -p holdfast-tests`, or a topic of it by name.

mod apps;
mod clients;
mod component;
mod containment;
mod examples;
mod house;
mod instances;
mod outgoing;
mod recovery;
mod restore;
mod sameness;
mod simulation;
mod sockets;
mod support;
mod swap;
mod transcripts;
