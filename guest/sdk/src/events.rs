//! Events with types, declared once for everybody who sends or hears them: handlers, other handlers,
//! tests. A thin layer over `on` and `emit`.

use crate::answer::Answer;
use crate::broadcast::Broadcast;
use crate::component::Outcome;
use crate::direct::Direct;
use crate::listeners::Listener;
use crate::namespace::Namespace;
use crate::timed::Timed;
use crate::{Ack, AckError, AcksError, Socket};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;

/// An event with a name and types: see [`events!`](crate::events).
pub trait Event: 'static {
    /// What it is called on the wire.
    const NAME: &'static str;
    /// Its arguments: a tuple is several, `()` none, anything else one.
    type Args: Serialize + DeserializeOwned + 'static;
    /// What it is acknowledged with, by the same rule.
    type Answer: Serialize + DeserializeOwned + 'static;
}

/// What all receivers of a broadcast answer, or those until the time was up.
pub type AllAnswers<A> = Result<Vec<A>, AcksError<A>>;

/// Declares events: a name for Rust, the name on the wire, the arguments, and what they are acknowledged
/// with, if anything.
///
/// ```
/// use holdfast_sdk::{Io, events};
/// use holdfast_sdk::testing::Server;
///
/// events! {
///     /// Somebody says something in a room, and hears how many were there.
///     pub Say = "say": (String, String) => u32;
///     /// It was said.
///     pub Said = "said": String;
/// }
///
/// fn app(io: &Io) {
///     io.on_connection(|socket| {
///         // All types come from the event: none is written.
///         socket.on_event(Say, |socket, (room, text), ack| {
///             socket.io().to(room).emit_event(Said, text);
///             ack.send(1);
///         });
///         socket.join("lobby");
///     });
/// }
///
/// let ann = Server::start(app).connect("/");
/// assert_eq!(ann.call_event(Say, ("lobby".into(), "hello".into())), Some(1));
/// assert_eq!(ann.received_event(Said), ["hello"]);
/// ```
#[macro_export]
macro_rules! events {
    ($($(#[$meta:meta])* $visible:vis $event:ident = $name:literal : $args:ty $(=> $answer:ty)?;)*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visible struct $event;

        impl $crate::Event for $event {
            const NAME: &'static str = $name;
            type Args = $args;
            type Answer = $crate::events!(@answer $($answer)?);
        }
    )* };
    (@answer) => { () };
    (@answer $answer:ty) => { $answer };
}

/// The client's callback, which takes only what the event is acknowledged with: see [`Ack`].
pub struct TypedAck<T> {
    ack: Ack,
    answer: PhantomData<fn(T)>,
}

impl<T: Serialize> TypedAck<T> {
    fn new(ack: Ack) -> Self {
        Self {
            ack,
            answer: PhantomData,
        }
    }

    /// Whether the client waits for an answer: it gave a callback.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.ack.is_wanted()
    }

    /// Answers. If nobody waits, nothing happens.
    pub fn send(self, answer: T) {
        self.ack.send(answer);
    }
}

impl<T> fmt::Debug for TypedAck<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ack.fmt(f)
    }
}

/// Events with types.
impl Socket {
    /// Like [`Socket::on`], for an event with types: none of the function's three parameters needs its
    /// type written.
    pub fn on_event<E, R, F>(&self, _: E, mut handler: F) -> Listener
    where
        E: Event,
        R: Outcome,
        F: FnMut(&Socket, E::Args, TypedAck<E::Answer>) -> R + 'static,
    {
        let handler = move |socket: &Socket, args: E::Args, ack: Ack| {
            handler(socket, args, TypedAck::new(ack))
        };
        self.on(E::NAME, handler)
    }

    /// The same for an async function.
    pub fn on_event_async<E, R, F>(&self, _: E, handler: F) -> Listener
    where
        E: Event,
        R: Outcome,
        F: AsyncFn(&Socket, E::Args, TypedAck<E::Answer>) -> R + 'static,
    {
        let handler = async move |socket: &Socket, args: E::Args, ack: Ack| {
            handler(socket, args, TypedAck::new(ack)).await.outcome()
        };
        self.on(E::NAME, handler)
    }

    /// Like [`Socket::emit`], for an event with types.
    pub fn emit_event<E: Event>(&self, _: E, args: E::Args) {
        self.emit(E::NAME, args);
    }

    /// Like [`Socket::emit_with_ack`], for an event with types.
    pub fn emit_event_with_ack<E: Event>(
        &self,
        _: E,
        args: E::Args,
    ) -> Answer<Result<E::Answer, AckError>> {
        self.emit_with_ack(E::NAME, args)
    }
}

macro_rules! emitters {
    ($($target:ident)*) => { $(
        /// Events with types.
        impl $target {
            #[doc = concat!("Like [`", stringify!($target), "::emit`], for an event with types.")]
            pub fn emit_event<E: Event>(&self, _: E, args: E::Args) {
                self.emit(E::NAME, args);
            }
        }
    )* };
}

emitters!(Broadcast Direct Namespace);

/// Events with types.
impl Timed<Direct> {
    /// Like `emit_with_ack`, for an event with types.
    pub fn emit_event_with_ack<E: Event>(
        &self,
        _: E,
        args: E::Args,
    ) -> Answer<Result<E::Answer, AckError>> {
        self.emit_with_ack(E::NAME, args)
    }
}

/// Events with types.
impl Timed<Broadcast> {
    /// Like `emit_with_acks`, for an event with types.
    pub fn emit_event_with_acks<E: Event>(
        &self,
        _: E,
        args: E::Args,
    ) -> Answer<AllAnswers<E::Answer>> {
        self.emit_with_acks(E::NAME, args)
    }
}

#[cfg(not(target_family = "wasm"))]
impl crate::testing::Client {
    /// Sends an event with types.
    pub fn emit_event<E: Event>(&self, _: E, args: E::Args) {
        self.emit(E::NAME, args);
    }

    /// Sends an event with types and gives the answer, if it came at once.
    #[must_use]
    pub fn call_event<E: Event>(&self, _: E, args: E::Args) -> Option<E::Answer> {
        self.call(E::NAME, args)
    }

    /// The messages of this event that it received since they were last asked for.
    #[must_use]
    pub fn received_event<E: Event>(&self, _: E) -> Vec<E::Args> {
        self.received(E::NAME)
    }
}
