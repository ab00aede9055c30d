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

/// A message of a client that a listener could not take, for `Socket::on_error`.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("event {event:?}: {error}")]
pub struct EventError {
    /// The event's name, as the client sent it.
    pub event: String,
    /// What the client sent.
    pub args: Args,
    /// Why a listener could not take it.
    pub error: ArgsError,
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
    /// The client acknowledged with other arguments than expected.
    #[error("{0}")]
    Args(#[from] ArgsError),
}

/// Why a broadcast was not acknowledged by all its receivers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{cause} ({} answered)", answers.len())]
pub struct AcksError<A> {
    /// What was answered until then, in the order of arrival.
    pub answers: Vec<A>,
    /// Why no more.
    pub cause: AckError,
}
