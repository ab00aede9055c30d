//! Hearing from a socket: listeners, middlewares, what is sent to it.

use crate::ack::Ack;
use crate::args::split_event;
use crate::bindings::exports::holdfast::edge::types::Payload;
use crate::limits::LISTENERS_PER_SOCKET_MAX;
use crate::listeners::{Ear, Listener, OnAny, OnEvent};
use crate::message::RESERVED_EVENTS;
use crate::{Args, EventError, Rejection, Socket, error};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Hearing from it.
impl Socket {
    /// Calls a function for every message with this event name. Its arguments are read as the
    /// function's second parameter: a tuple is several, `()` none, anything else is one (see `Args`).
    /// A message with other arguments is dropped, with a warning in the log; see `on_error`.
    ///
    /// A reserved name, or more than `LISTENERS_PER_SOCKET_MAX` listeners: nothing is added, and an
    /// error in the log.
    pub fn on<A, F>(&self, event: impl Into<Cow<'static, str>>, handler: F) -> Listener
    where
        A: DeserializeOwned,
        F: FnMut(&Socket, A) + 'static,
    {
        let handler = RefCell::new(handler);
        self.listen(
            event.into(),
            false,
            Rc::new(move |socket, args, _| {
                let args = args.read()?;
                call(&handler, |handler| handler(socket, args));
                Ok(())
            }),
        )
    }

    /// The same for messages that want an answer: the client's callback is the third parameter.
    ///
    /// ```
    /// # use holdfast_sdk::{Ack, Socket};
    /// # fn connected(socket: &Socket) {
    /// socket.on_ack("sum", |_, (a, b): (i64, i64), ack: Ack| ack.send(a + b));
    /// # }
    /// ```
    pub fn on_ack<A, F>(&self, event: impl Into<Cow<'static, str>>, handler: F) -> Listener
    where
        A: DeserializeOwned,
        F: FnMut(&Socket, A, Ack) + 'static,
    {
        let handler = RefCell::new(handler);
        self.listen(
            event.into(),
            false,
            Rc::new(move |socket, args, ack| {
                let args = args.read()?;
                call(&handler, |handler| {
                    handler(socket, args, Ack::new(socket.clone(), ack))
                });
                Ok(())
            }),
        )
    }

    /// Like `on`, for the next such message only.
    pub fn once<A, F>(&self, event: impl Into<Cow<'static, str>>, handler: F) -> Listener
    where
        A: DeserializeOwned,
        F: FnOnce(&Socket, A) + 'static,
    {
        let handler = Cell::new(Some(handler));
        self.listen(
            event.into(),
            true,
            Rc::new(move |socket, args, _| {
                let args = args.read()?;
                if let Some(handler) = handler.take() {
                    handler(socket, args);
                }
                Ok(())
            }),
        )
    }

    /// Like `on_ack`, for the next such message only.
    pub fn once_ack<A, F>(&self, event: impl Into<Cow<'static, str>>, handler: F) -> Listener
    where
        A: DeserializeOwned,
        F: FnOnce(&Socket, A, Ack) + 'static,
    {
        let handler = Cell::new(Some(handler));
        self.listen(
            event.into(),
            true,
            Rc::new(move |socket, args, ack| {
                let args = args.read()?;
                if let Some(handler) = handler.take() {
                    handler(socket, args, Ack::new(socket.clone(), ack));
                }
                Ok(())
            }),
        )
    }

    /// Decides whether a message is delivered (Socket.IO `socket.use`): asked after the functions of
    /// `on_any`, before the listeners of its name, in the order in which they were added. The first error
    /// ends it: no listener hears the message, `on_error` hears why. The client hears nothing.
    ///
    /// ```
    /// # use holdfast_sdk::Socket;
    /// # fn connected(socket: &Socket) {
    /// socket.middleware(|_, event, _| if event == "secret" { Err("not for you".into()) } else { Ok(()) });
    /// # }
    /// ```
    pub fn middleware(
        &self,
        middleware: impl Fn(&Socket, &str, &Args) -> Result<(), Rejection> + 'static,
    ) -> Listener {
        let listener = self.add(Ear::Middleware(Rc::new(middleware)), false);
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
            error!("socket {}: {LISTENERS_PER_SOCKET_MAX} listeners are the limit, one more is not added", self.id());
            Listener::NONE
        })
    }
}

/// For the rest of the crate.
impl Socket {
    /// What the middlewares say of a message.
    pub(crate) fn ask_middlewares(&self, event: &str, args: &Args) -> Result<(), Rejection> {
        if self.0.is_deaf.get() {
            return Err("too many middlewares".into());
        }
        let middlewares = self.0.listeners.pick(|ear| match ear {
            Ear::Middleware(call) => Some(Rc::clone(call)),
            _ => None,
        });
        middlewares
            .iter()
            .try_for_each(|middleware| middleware(self, event, args))
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
    Rc::new(move |socket, event, args| call(&handler, |handler| handler(socket, event, args)))
}

/// Calls a handler that may change its own variables. It cannot be running already: nothing that an
/// app can do calls a listener before the present one returns.
fn call<F>(handler: &RefCell<F>, run: impl FnOnce(&mut F)) {
    match handler.try_borrow_mut() {
        Ok(mut handler) => run(&mut handler),
        Err(_) => error!("a listener was called inside itself"),
    }
}
