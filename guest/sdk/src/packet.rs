//! A message of a client before it is delivered, as a socket's middlewares see and change it.

use crate::args::encode_answer;
use crate::log::error;
use crate::tasks::LocalFuture;
use crate::{Args, ArgsError, Rejection, Socket};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::rc::Rc;

/// A message on its way to the listeners: see [`Socket::middleware`].
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    pub(crate) event: Rc<str>,
    pub(crate) args: Args,
}

impl Packet {
    /// The event's name.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The arguments as they are now.
    #[must_use]
    pub fn args(&self) -> &Args {
        &self.args
    }

    /// The arguments as what a handler would take: see [`Args::read`].
    ///
    /// # Errors
    /// When they are not that.
    pub fn read<A: DeserializeOwned>(&self) -> Result<A, ArgsError> {
        self.args.read()
    }

    /// Delivers it to the listeners of another name.
    pub fn set_event(&mut self, event: &str) {
        self.event = event.into();
    }

    /// Delivers other arguments: a tuple is several, as in `emit`. Arguments that are no JSON: nothing
    /// changes, and an error in the log.
    pub fn set_args(&mut self, args: impl Serialize) {
        match encode_answer(&args) {
            Ok(payload) => self.args = Args::whole(payload),
            Err(reason) => error!("set_args: {reason}, the arguments stay as they are"),
        }
    }
}

/// What a middleware says of a message.
pub(crate) type Passed<T> = Result<T, Rejection>;

type PassNow = dyn Fn(&Socket, &mut Packet) -> Passed<()>;
type PassLater = dyn Fn(Socket, Packet) -> LocalFuture<Passed<Packet>>;

/// Decides whether a message is delivered.
#[derive(Clone)]
pub(crate) enum PacketCheck {
    /// At once.
    Now(Rc<PassNow>),
    /// Later.
    Later(Rc<PassLater>),
}
