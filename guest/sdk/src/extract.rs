//! What the parameters of a handler may be: the message's arguments, and what stands around them.

use crate::handler::Call;
use crate::query::read_query;
use crate::{Ack, ArgsError, Io, Socket};
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};
use std::any::type_name;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// A parameter of a handler. The type `M` is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a handler",
    label = "neither something that a client sends nor something around it",
    note = "what a client sends implements `serde::de::DeserializeOwned`; around it there are `Socket`, `Io`, `Ack`, `State<T>`, \
            `Auth<T>`, `Query<T>`, `EventName`"
)]
pub trait FromEvent<M>: Sized {
    /// Takes it from a message.
    ///
    /// # Errors
    /// When the message does not have it: the handler is not called.
    #[doc(hidden)]
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError>;
}

/// What a client sends. For the compiler.
pub struct Sent;
/// What stands around it. For the compiler.
pub struct Around;

impl<T: DeserializeOwned> FromEvent<Sent> for T {
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError> {
        let (value, taken) = call.args.read_from(call.taken.get())?;
        call.taken.set(call.taken.get().saturating_add(taken));
        Ok(value)
    }
}

impl FromEvent<Around> for Socket {
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError> {
        Ok(call.socket.clone())
    }
}

impl FromEvent<Around> for Io {
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError> {
        Ok(call.socket.io())
    }
}

impl FromEvent<Around> for Ack {
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError> {
        Ok(Self::new(call.socket.clone(), call.ack.clone()))
    }
}

/// An argument, as a parameter: `Data(text): Data<String>` is the same as `text: String`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Data<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// What was given to [`Io::manage`], as a parameter. Cheap to clone.
///
/// ```
/// # use holdfast_sdk::{Ack, Io, State};
/// # use std::cell::Cell;
/// #[derive(Default)]
/// struct Counter(Cell<u64>);
///
/// fn app(io: &Io) {
///     io.manage(Counter::default());
///     io.on_connection(|socket| {
///         socket.on("count", |State(counter): State<Counter>, ack: Ack| {
///             counter.0.set(counter.0.get() + 1);
///             ack.send(counter.0.get());
///         });
///     });
/// }
/// # holdfast_sdk::testing::Server::start(app);
/// ```
pub struct State<T>(pub Rc<T>);

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: 'static> FromEvent<Around> for State<T> {
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError> {
        let runtime = call.socket.namespace().runtime();
        runtime.states.get().map(Self).ok_or_else(|| {
            let name = type_name::<T>();
            ArgsError::new(format!(
                "State<{name}>: there is none, give one to `io.manage` when the app starts"
            ))
        })
    }
}

/// The credentials that the client connected with (`auth`), as a parameter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Auth<T>(pub T);

impl<T: DeserializeOwned> FromEvent<Around> for Auth<T> {
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError> {
        let auth = call.socket.handshake().auth();
        auth.map(Self)
            .map_err(|error| ArgsError::new(format!("auth: {error}")))
    }
}

/// The query of the URL that opened the session, as a parameter: a type with a field for each name that
/// matters. Numbers and booleans are read from their text; of a name that comes twice the first counts,
/// unless the field is a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromEvent<Around> for Query<T> {
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError> {
        read_query(&call.socket.handshake().query).map(Self)
    }
}

/// The event's name, as a parameter: for a function that listens to several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventName(pub Rc<str>);

impl Deref for EventName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EventName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl FromEvent<Around> for EventName {
    fn from_event(call: &Call<'_>) -> Result<Self, ArgsError> {
        Ok(Self(Rc::clone(call.event)))
    }
}

macro_rules! transparent {
    ($($name:ident)*) => { $(
        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }
    )* };
}

transparent!(Data Auth Query);
