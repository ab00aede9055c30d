//! Hearing from a socket: listeners, middlewares, what is sent to it.

use crate::ack::Ack;
use crate::args::split_event;
use crate::bindings::exports::holdfast::edge::types::Payload;
use crate::component::Outcome;
use crate::handler::{Handler, Listening, OnEvent, OnceHandler, call_mut};
use crate::limits::LISTENERS_PER_SOCKET_MAX;
use crate::listeners::{Ear, Listener, OnAny};
use crate::log::error;
use crate::message::RESERVED_EVENTS;
use crate::packet::{Packet, PacketCheck};
use crate::{Args, EventError, Rejection, Socket};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

/// Hearing from it.
impl Socket {
    /// Calls a function for every message with this event name. The function may be sync or async, and has
    /// up to seven parameters whose types say what it needs, and are written:
    ///
    /// | parameter | is |
    /// |---|---|
    /// | `&Socket` (the first only) or `Socket` | the socket |
    /// | `Io`, [`State<T>`](crate::State) | the server; what was given to `io.manage` |
    /// | [`Auth<T>`](crate::Auth), [`Query<T>`](crate::Query), [`EventName`](crate::EventName) | from the handshake; the name |
    /// | [`Ack`] | the client's callback |
    /// | anything that serde reads | an argument; a tuple is several, `()` none, [`Args`] the rest as they came |
    ///
    /// ```
    /// # use holdfast_sdk::{Ack, Args, Binary, Socket, sleep};
    /// # use std::time::Duration;
    /// # fn connected(socket: &Socket) {
    /// socket.on("say", |socket: &Socket, room: String, text: String| socket.to(&room).emit("said", text));
    /// socket.on("add", |a: i64, b: i64, ack: Ack| ack.send(a + b));
    /// socket.on("upload", |(name, bytes): (String, Binary)| holdfast_sdk::info!("{name}: {}", bytes.len()));
    /// socket.on("slow", async |socket: &Socket, args: Args, ack: Ack| {
    ///     sleep(Duration::from_secs(1)).await;
    ///     ack.send(args);
    /// });
    /// socket.on("parse", |text: String, ack: Ack| -> Result<(), std::num::ParseIntError> {
    ///     ack.send(text.parse::<i64>()?);
    ///     Ok(())
    /// });
    /// # }
    /// ```
    ///
    /// A message with other arguments is dropped, with a warning in the log; see `on_error`. A `Result`
    /// that is an error is a line in the log with the event's name and the socket: nothing else comes of it,
    /// and an `Ack` that was not used is not sent.
    ///
    /// An **async** handler begins at once, and goes on when what it awaits is there; meanwhile everything
    /// else goes on too, this socket's next messages included. It is not ended when the socket is
    /// disconnected, as in JavaScript: for that there are [`Socket::spawn`] and [`Socket::closed`].
    ///
    /// A reserved name, or more than `LISTENERS_PER_SOCKET_MAX` listeners: nothing is added, and an
    /// error in the log.
    pub fn on<M>(&self, event: impl Into<Cow<'static, str>>, handler: impl Handler<M>) -> Listener {
        self.listen(event.into(), false, handler.into_listener().0)
    }

    /// Like `on`, for the next such message only.
    pub fn once<M>(
        &self,
        event: impl Into<Cow<'static, str>>,
        handler: impl OnceHandler<M>,
    ) -> Listener {
        self.listen(event.into(), true, handler.into_listener_once().0)
    }

    /// `on` for a function with exactly these three parameters, whose types need not be written.
    ///
    /// ```
    /// # use holdfast_sdk::{Ack, Socket};
    /// # fn connected(socket: &Socket) {
    /// socket.on_ack("sum", |_, (a, b): (i64, i64), ack| ack.send(a + b));
    /// # }
    /// ```
    pub fn on_ack<A, R, F>(&self, event: impl Into<Cow<'static, str>>, handler: F) -> Listener
    where
        A: DeserializeOwned + 'static,
        R: Outcome,
        F: FnMut(&Socket, A, Ack) -> R + 'static,
    {
        let handler: Listening = handler.into_listener();
        self.listen(event.into(), false, handler.0)
    }

    /// Like `on_ack`, for the next such message only.
    pub fn once_ack<A, R, F>(&self, event: impl Into<Cow<'static, str>>, handler: F) -> Listener
    where
        A: DeserializeOwned + 'static,
        R: Outcome,
        F: FnOnce(&Socket, A, Ack) -> R + 'static,
    {
        let handler: Listening = handler.into_listener_once();
        self.listen(event.into(), true, handler.0)
    }

    /// Decides whether a message is delivered, and as what (Socket.IO `socket.use`): asked after the
    /// functions of `on_any`, before the listeners of its name, in the order in which they were added. It
    /// may change the message. The first error ends it: no listener hears the message, `on_error` hears why.
    /// The client hears nothing.
    ///
    /// ```
    /// # use holdfast_sdk::Socket;
    /// # fn connected(socket: &Socket) {
    /// socket.middleware(|_, packet| match packet.event() {
    ///     "secret" => Err("not for you".into()),
    ///     "shout" => {
    ///         let text: String = packet.read().map_err(|error| error.to_string())?;
    ///         packet.set_args(text.to_uppercase());
    ///         Ok(())
    ///     }
    ///     _ => Ok(()),
    /// });
    /// # }
    /// ```
    pub fn middleware(
        &self,
        middleware: impl Fn(&Socket, &mut Packet) -> Result<(), Rejection> + 'static,
    ) -> Listener {
        self.add_middleware(PacketCheck::Now(Rc::new(middleware)))
    }

    /// The same, deciding later. Messages that come meanwhile do not wait for this one. At `TASKS_MAX` the
    /// message is dropped, with an error in the log.
    pub fn middleware_async<F>(&self, middleware: F) -> Listener
    where
        F: AsyncFn(&Socket, &mut Packet) -> Result<(), Rejection> + 'static,
    {
        let middleware = Rc::new(middleware);
        self.add_middleware(PacketCheck::Later(Rc::new(move |socket, mut packet| {
            let middleware = Rc::clone(&middleware);
            Box::pin(async move {
                middleware(&socket, &mut packet).await?;
                Ok(packet)
            })
        })))
    }

    fn add_middleware(&self, check: PacketCheck) -> Listener {
        let listener = self.add(Ear::Middleware(check), false);
        if listener == Listener::NONE {
            self.0.is_deaf.set(true);
        }
        listener
    }

    /// Calls a function for every message, before the middlewares and the listeners of its name.
    pub fn on_any(&self, handler: impl FnMut(&Socket, &str, Args) + 'static) -> Listener {
        self.add(Ear::Any(any(handler)), false)
    }

    /// Like `on_any`, before all functions that were added so.
    pub fn prepend_any(&self, handler: impl FnMut(&Socket, &str, Args) + 'static) -> Listener {
        self.add(Ear::Any(any(handler)), true)
    }

    /// Removes all functions of `on_any` and `prepend_any`. For one of them: `off_listener`.
    pub fn off_any(&self) {
        self.0.listeners.remove(|_, ear| matches!(ear, Ear::Any(_)));
    }

    /// Calls a function for every message that is sent to it, broadcasts too; not for acknowledgements.
    /// It runs when the function that sends has returned.
    pub fn on_any_outgoing(&self, handler: impl FnMut(&Socket, &str, Args) + 'static) -> Listener {
        self.0.namespace.runtime().hears_outgoing.set(true);
        self.add(Ear::AnyOutgoing(any(handler)), false)
    }

    /// Like `on_any_outgoing`, before all functions that were added so.
    pub fn prepend_any_outgoing(
        &self,
        handler: impl FnMut(&Socket, &str, Args) + 'static,
    ) -> Listener {
        self.0.namespace.runtime().hears_outgoing.set(true);
        self.add(Ear::AnyOutgoing(any(handler)), true)
    }

    /// Removes all functions of `on_any_outgoing` and `prepend_any_outgoing`.
    pub fn off_any_outgoing(&self) {
        self.0
            .listeners
            .remove(|_, ear| matches!(ear, Ear::AnyOutgoing(_)));
    }

    /// Calls a function when it is about to leave its rooms, with the reason in Socket.IO's words.
    pub fn on_disconnecting(&self, handler: impl Fn(&Socket, &str) + 'static) -> Listener {
        self.add(Ear::Disconnecting(Rc::new(handler)), false)
    }

    /// Calls a function when it is gone, with the reason in Socket.IO's words.
    pub fn on_disconnect(&self, handler: impl Fn(&Socket, &str) + 'static) -> Listener {
        self.add(Ear::Disconnected(Rc::new(handler)), false)
    }

    /// Calls a function when a message is not delivered: it has other arguments than a listener expects,
    /// or a middleware rejected it.
    pub fn on_error(&self, handler: impl Fn(&Socket, &EventError) + 'static) -> Listener {
        self.add(Ear::Error(Rc::new(handler)), false)
    }

    /// Removes all listeners of an event.
    pub fn off(&self, event: &str) {
        self.0
            .listeners
            .remove(|_, ear| matches!(ear, Ear::Event { name, .. } if name == event));
    }

    /// Removes one listener.
    pub fn off_listener(&self, listener: Listener) {
        self.0.listeners.remove(|known, _| known == listener);
    }

    fn listen(&self, name: Cow<'static, str>, once: bool, call: OnEvent) -> Listener {
        if RESERVED_EVENTS.contains(&name.as_ref()) {
            error!(
                "on: {name:?} is a reserved event name that no client can send; there is `on_disconnect`"
            );
        }
        self.add(Ear::Event { name, call, once }, false)
    }

    fn add(&self, ear: Ear, is_first: bool) -> Listener {
        self.0.listeners.add(ear, is_first).unwrap_or_else(|| {
            error!("{self:?}: {LISTENERS_PER_SOCKET_MAX} listeners are the limit, one more is not added");
            Listener::NONE
        })
    }
}

/// For the rest of the crate.
impl Socket {
    /// Its middlewares.
    pub(crate) fn packet_checks(&self) -> Vec<PacketCheck> {
        if self.0.is_deaf.get() {
            return vec![PacketCheck::Now(Rc::new(|_, _| {
                Err("too many middlewares".into())
            }))];
        }
        self.0.listeners.pick(|ear| match ear {
            Ear::Middleware(check) => Some(check.clone()),
            _ => None,
        })
    }

    /// Calls the outgoing listeners, when the function that sends has returned.
    pub(crate) fn tell_outgoing(&self, payload: &Payload) {
        let runtime = self.0.namespace.runtime();
        if !runtime.hears_outgoing.get() {
            return;
        }
        let calls = self.0.listeners.pick(|ear| match ear {
            Ear::AnyOutgoing(call) => Some(Rc::clone(call)),
            _ => None,
        });
        if calls.is_empty() {
            return;
        }
        let Some((event, args)) = split_event(payload.clone()) else {
            return;
        };
        let socket = self.clone();
        runtime.defer(move || {
            for call in calls {
                call(&socket, &event, args.clone());
            }
        });
    }
}

/// A function for all messages, as the listeners keep it.
fn any(handler: impl FnMut(&Socket, &str, Args) + 'static) -> OnAny {
    let handler = RefCell::new(handler);
    Rc::new(move |socket, event, args| {
        let _ = call_mut(&handler, |handler| handler(socket, event, args));
    })
}
