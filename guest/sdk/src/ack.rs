//! The acknowledgement that a client waits for.

use crate::Socket;
use crate::args::encode_answer;
use crate::bindings::exports::holdfast::edge::types::{Act, Reply};
use crate::log::error;
use serde::Serialize;
use std::cell::Cell;
use std::rc::Rc;

/// The client's number for the answer, until somebody takes it to answer. All listeners of a message
/// share it.
pub(crate) type AckNumber = Rc<Cell<Option<u64>>>;

/// Answers one message of a client, once, now or later. Dropped unused, the client gets no answer. When
/// several listeners of one message answer, the client gets the first answer only.
#[derive(Debug)]
pub struct Ack {
    socket: Socket,
    number: Option<AckNumber>,
}

impl Ack {
    pub(crate) fn new(socket: Socket, number: Option<AckNumber>) -> Self {
        Self { socket, number }
    }

    /// Whether the client waits for an answer: it gave a callback.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.number
            .as_ref()
            .is_some_and(|number| number.get().is_some())
    }

    /// Answers. If nobody waits, nothing happens. Arguments that are no JSON: an error in the log.
    pub fn send(self, args: impl Serialize) {
        let Some((number, ack)) = self.number.and_then(|number| {
            let ack = number.get()?;
            Some((number, ack))
        }) else {
            return;
        };
        if !self.socket.is_connected() {
            return;
        }
        match encode_answer(&args) {
            Ok(payload) => {
                number.set(None);
                self.socket.order(Act::Reply(Reply { ack, payload }));
            }
            Err(reason) => error!("acknowledgement: {reason}, nothing is sent"),
        }
    }
}
