//! What several tests need: a guest to drive natively, a host in miniature, a real node, real sockets.

pub mod client;
pub mod guest;
pub mod node;
pub mod origin;
pub mod protocol;
