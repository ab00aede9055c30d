//! A limit for the wait for an acknowledgement, said before the message (Socket.IO `timeout`).

use crate::AckError;
use crate::answer::Answer;
use crate::broadcast::Broadcast;
use crate::direct::Direct;
use crate::events::AllAnswers;
use crate::fetch::RemoteSocket;
use crate::servers::read_answers;
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
    /// Sends a message, to be acknowledged in time: see [`Socket::emit_with_ack`](crate::Socket::emit_with_ack).
    pub fn emit_with_ack<A: DeserializeOwned + 'static>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> Answer<Result<A, AckError>> {
        self.target.ask(event, &args, Some(self.timeout))
    }
}

impl Timed<RemoteSocket> {
    /// Sends a message, to be acknowledged in time: await the answer, or give it a function with
    /// [`Answer::then`]. If the socket is gone: [`AckError::Disconnected`].
    pub fn emit_with_ack<A: DeserializeOwned + 'static>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> Answer<Result<A, AckError>> {
        self.target.ask(event, &args, self.timeout)
    }
}

impl Timed<Broadcast> {
    /// Sends a message that every receiver is to acknowledge in time: await the answers, or give them a
    /// function with [`Answer::then`]. They come when all are there or the time is up. Those that are no
    /// `A` are left out, with a warning in the log.
    ///
    /// ```
    /// # use holdfast_sdk::{AcksError, Io};
    /// # use std::time::Duration;
    /// # async fn vote(io: &Io) -> usize {
    /// let asked = io.to("voters").timeout(Duration::from_secs(10)).emit_with_acks::<bool>("vote", ());
    /// let votes = asked.await.unwrap_or_else(|AcksError { answers, .. }| answers);
    /// votes.into_iter().filter(|vote| *vote).count()
    /// # }
    /// ```
    pub fn emit_with_acks<A: DeserializeOwned + 'static>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> Answer<AllAnswers<A>> {
        let (sender, answer) = Answer::new();
        let done = move |answers| sender.send(read_answers(answers));
        self.target.ask(event, &args, self.timeout, Box::new(done));
        answer
    }
}
