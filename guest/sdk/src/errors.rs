//! What can go wrong, sorted by who hears of it.

use crate::Args;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

/// Why a client may not connect: what a middleware returns. The client's `connect_error` event gets it.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{message}")]
pub struct ConnectError {
    /// Becomes `error.message` at the client.
    pub message: String,
    /// Becomes `error.data` at the client.
    pub data: Option<Value>,
}

impl ConnectError {
    /// A refusal with a message and no data.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            data: None,
        }
    }

    /// The same with data. Data that is no JSON is left out.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::to_value(data).ok();
        self
    }
}

impl From<&str> for ConnectError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for ConnectError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// Arguments that are not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct ArgsError {
    reason: String,
}

impl ArgsError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// Why a message of a client is not delivered: what a socket's middleware returns.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{message}")]
pub struct Rejection {
    /// A sentence for `Socket::on_error`.
    pub message: String,
    /// More, for a program.
    pub data: Option<Value>,
}

impl Rejection {
    /// A rejection with a message and no data.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            data: None,
        }
    }

    /// The same with data. Data that is no JSON is left out.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::to_value(data).ok();
        self
    }
}

impl From<&str> for Rejection {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for Rejection {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// A message of a client that was not delivered, for `Socket::on_error`.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("event {event:?}: {error}")]
pub struct EventError {
    /// The event's name, as the client sent it.
    pub event: String,
    /// What the client sent.
    pub args: Args,
    /// Why it was not delivered.
    pub error: EventFault,
}

/// Why a message of a client was not delivered.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EventFault {
    /// To one listener: it expects other arguments.
    #[error("{0}")]
    Args(#[from] ArgsError),
    /// To no listener: a middleware of the socket rejected it.
    #[error("{0}")]
    Rejected(#[from] Rejection),
}

/// Why an acknowledgement did not come.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AckError {
    /// Not in time.
    #[error("operation has timed out")]
    Timeout,
    /// The socket was disconnected before it acknowledged.
    #[error("socket has been disconnected")]
    Disconnected,
    /// The message could not be sent: a reserved name, or arguments that are no JSON. See the log.
    #[error("the message could not be sent")]
    NotSent,
    /// The message was not sent: too many await an acknowledgement (`limits`).
    #[error("too many messages await an acknowledgement")]
    TooMany,
    /// Not all other instances of the app answered a server-side message in time.
    #[error("timeout reached: only {received} responses received out of {expected}")]
    Servers {
        /// How many did.
        received: u32,
        /// How many there are.
        expected: u32,
    },
    /// The client acknowledged with other arguments than expected.
    #[error("{0}")]
    Args(#[from] ArgsError),
}

/// Why a broadcast, or a server-side message, was not answered by all its receivers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{cause}")]
pub struct AcksError<A> {
    /// What was answered until then, in the order of arrival.
    pub answers: Vec<A>,
    /// Why no more.
    pub cause: AckError,
}
