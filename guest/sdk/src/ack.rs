//! The acknowledgement that a client waits for.

use crate::Socket;
use crate::args::encode_answer;
use crate::bindings::exports::holdfast::edge::types::{Act, Reply};
use crate::error;
use serde::Serialize;

/// Answers one message of a client, once, now or later. Dropped unused, the client gets no answer.
#[derive(Debug)]
pub struct Ack {
    socket: Socket,
    number: Option<u64>,
}

impl Ack {
    pub(crate) fn new(socket: Socket, number: Option<u64>) -> Self {
        Self { socket, number }
    }

    /// Whether the client waits for an answer: it gave a callback.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.number.is_some()
    }

    /// Answers. If nobody waits, nothing happens. Arguments that are no JSON: an error in the log.
    pub fn send(self, args: impl Serialize) {
        let Some(ack) = self.number else { return };
        if !self.socket.is_connected() {
            return;
        }
        match encode_answer(&args) {
            Ok(payload) => self.socket.order(Act::Reply(Reply { ack, payload })),
            Err(reason) => error!("acknowledgement: {reason}, nothing is sent"),
        }
    }
}
