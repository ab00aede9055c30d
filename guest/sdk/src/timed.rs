//! A limit for the wait for an acknowledgement, said before the message (Socket.IO `timeout`).

use crate::broadcast::Broadcast;
use crate::direct::Direct;
use crate::fetch::RemoteSocket;
use crate::{AckError, AcksError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A socket or a broadcast with a time within which to acknowledge: `socket.timeout(…).emit_with_ack(…)`.
#[derive(Clone)]
#[must_use = "nothing is sent before `emit`"]
pub struct Timed<T> {
    target: T,
    timeout: Duration,
}

impl<T> Timed<T> {
    pub(crate) fn new(target: T, timeout: Duration) -> Self {
        Self { target, timeout }
    }
}

impl Timed<Direct> {
    /// Sends a message, to be acknowledged in time: see `Socket::emit_with_ack`.
    pub fn emit_with_ack<A, F>(&self, event: &str, args: impl Serialize, done: F)
    where
        A: DeserializeOwned,
        F: FnOnce(Result<A, AckError>) + 'static,
    {
        self.target.emit_with_ack(event, args, self.timeout, done);
    }
}

impl Timed<RemoteSocket> {
    /// Sends a message, to be acknowledged in time: see [`RemoteSocket::emit_with_ack`].
    pub fn emit_with_ack<A, F>(&self, event: &str, args: impl Serialize, done: F)
    where
        A: DeserializeOwned,
        F: FnOnce(Result<A, AckError>) + 'static,
    {
        self.target.emit_with_ack(event, args, self.timeout, done);
    }
}

impl Timed<Broadcast> {
    /// Sends a message, to be acknowledged by all in time: see [`Broadcast::emit_with_acks`].
    pub fn emit_with_acks<A, F>(&self, event: &str, args: impl Serialize, done: F)
    where
        A: DeserializeOwned,
        F: FnOnce(Result<Vec<A>, AcksError<A>>) + 'static,
    {
        self.target.emit_with_acks(event, args, self.timeout, done);
    }
}
