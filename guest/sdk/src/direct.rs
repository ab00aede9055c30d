//! A message to one socket, with flags.

use crate::answer::Answer;
use crate::bindings::exports::holdfast::edge::types::Delivery;
use crate::broadcast::Broadcast;
use crate::message::with;
use crate::rooms::Rooms;
use crate::timed::Timed;
use crate::{AckError, Socket};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// One socket, with flags for the next message: `socket.volatile().emit(…)`. `to`, `except` and
/// `broadcast` make it everybody else, with the same flags.
#[derive(Clone)]
#[must_use = "nothing is sent before `emit`"]
pub struct Direct {
    socket: Socket,
    delivery: Delivery,
}

impl Direct {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            delivery: Delivery::empty(),
        }
    }

    /// The message may be lost if it cannot be written at once.
    pub fn volatile(mut self) -> Self {
        self.delivery |= Delivery::VOLATILE;
        self
    }

    /// Whether the message may be compressed on its way.
    pub fn compress(mut self, compressed: bool) -> Self {
        self.delivery = with(self.delivery, Delivery::UNCOMPRESSED, !compressed);
        self
    }

    /// Sends it: see [`Socket::emit`].
    pub fn emit(&self, event: &str, args: impl Serialize) {
        self.socket.emit_as(self.delivery, event, &args);
    }

    /// Sends it, to be acknowledged: see [`Socket::emit_with_ack`].
    pub fn emit_with_ack<A: DeserializeOwned + 'static>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> Answer<Result<A, AckError>> {
        self.ask(event, &args, None)
    }

    pub(crate) fn ask<A: DeserializeOwned + 'static>(
        &self,
        event: &str,
        args: &impl Serialize,
        timeout: Option<Duration>,
    ) -> Answer<Result<A, AckError>> {
        self.socket
            .emit_with_ack_as(self.delivery, event, args, timeout)
    }

    /// Sends a `message` event.
    pub fn send(&self, args: impl Serialize) {
        self.emit("message", args);
    }

    /// With a time within which to acknowledge the next message.
    pub fn timeout(self, timeout: Duration) -> Timed<Self> {
        Timed::new(self, timeout)
    }

    /// Everybody else in the namespace.
    pub fn broadcast(self) -> Broadcast {
        self.socket.broadcast().with_delivery(self.delivery)
    }

    /// Everybody else who is in these rooms.
    pub fn to(self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// Everybody else who is in none of these rooms.
    pub fn except(self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// Everybody else who is connected to this node.
    pub fn local(self) -> Broadcast {
        self.broadcast().local()
    }
}
