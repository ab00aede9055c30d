//! One client in one namespace.

use crate::ack::Ack;
use crate::acks::OnAck;
use crate::args::split_event;
use crate::bindings::exports::holdfast::edge::types::{
    Act, Delivery, Emission, Handshake, Payload, Recovered, Resumed, SocketInfo,
};
use crate::broadcast::Broadcast;
use crate::direct::Direct;
use crate::limits::{
    ACKS_PER_SOCKET_MAX, LISTENERS_PER_SOCKET_MAX, ROOM_BYTES_MAX, ROOMS_PER_SOCKET_MAX,
    SOCKET_DATA_BYTES_MAX,
};
use crate::listeners::{Ear, Listener, Listeners, OnAny, OnEvent};
use crate::log::quoted;
use crate::message::{RESERVED_EVENTS, event_payload};
use crate::namespace::Namespace;
use crate::rooms::Rooms;
use crate::timed::Timed;
use crate::{AckError, Args, ArgsError, EventError, Io, Rejection, error};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// One client in one namespace. Cheap to clone; a clone is the same socket.
///
/// Once it is disconnected, whatever is sent to it is dropped.
#[derive(Clone)]
pub struct Socket(Rc<State>);

struct State {
    namespace: Namespace,
    info: SocketInfo,
    resumed: bool,
    /// A middleware could not be added: nothing is delivered, as nobody knows what it would have rejected.
    is_deaf: Cell<bool>,
    life: Cell<Life>,
    rooms: RefCell<Vec<String>>,
    data: RefCell<String>,
    listeners: Listeners,
    /// The numbers of its messages that await an acknowledgement.
    pending: RefCell<Vec<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Connected, or about to be.
    Connected,
    /// `disconnect` was called, or the client is gone: nothing is sent any more.
    Leaving,
    /// In no room any more.
    Gone,
}

/// What it is.
impl Socket {
    /// Its public id, which is also the name of a room with nobody else in it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.info.id
    }

    /// The namespace it is in.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// The server.
    #[must_use]
    pub fn io(&self) -> Io {
        Io::new(Rc::clone(self.0.namespace.runtime()))
    }

    /// The HTTP request that opened its session, and the client's `auth`.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.0.info.handshake
    }

    /// The rooms it is in, in the order of joining, its own id first.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        self.0.rooms.borrow().clone()
    }

    /// Whether it is in this room.
    #[must_use]
    pub fn is_in(&self, room: &str) -> bool {
        self.0.rooms.borrow().iter().any(|known| known == room)
    }

    /// Whether messages can be sent to it.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.life.get() == Life::Connected
    }

    /// Whether rooms and data are what they were before: it took up where an earlier connection of its
    /// client ended (connection state recovery), or it was connected before this instance of the app began.
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.0.info.recovered || self.0.resumed
    }

    /// Whether it was connected before this instance of the app began: after a crash or a swap.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.0.resumed
    }

    /// What the app keeps with it. It outlives crashes and swaps, and `fetch_sockets` shows it.
    ///
    /// # Errors
    /// When it is not such a type. If nothing was set it is an empty object.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        serde_json::from_str(&self.0.data.borrow())
            .map_err(|error| ArgsError::new(error.to_string()))
    }

    /// Keeps something with it, in place of what was kept before. More than `SOCKET_DATA_BYTES_MAX` as
    /// JSON, or no JSON: nothing changes, and an error in the log.
    pub fn set_data(&self, data: impl Serialize) {
        match serde_json::to_string(&data) {
            Ok(json) if json.len() > SOCKET_DATA_BYTES_MAX => {
                error!(
                    "set_data: {} bytes are too many, {SOCKET_DATA_BYTES_MAX} is the limit",
                    json.len()
                );
            }
            Ok(json) => {
                self.0.data.replace(json.clone());
                self.order(Act::SetData(json));
            }
            Err(reason) => error!("set_data: {reason}"),
        }
    }
}

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

/// Talking to it, and through it to others.
impl Socket {
    /// Sends it a message. A reserved name, or arguments that are no JSON: nothing, and an error in
    /// the log.
    pub fn emit(&self, event: &str, args: impl Serialize) {
        self.emit_as(Delivery::empty(), event, &args);
    }

    /// Sends it a `message` event.
    pub fn send(&self, args: impl Serialize) {
        self.emit("message", args);
    }

    /// The same as `send`.
    pub fn write(&self, args: impl Serialize) {
        self.send(args);
    }

    /// Sends it a message that it is to acknowledge. `done` hears the answer, or why there is none;
    /// once, and never before this returns.
    pub fn emit_with_ack<A, F>(&self, event: &str, args: impl Serialize, timeout: Duration, done: F)
    where
        A: DeserializeOwned,
        F: FnOnce(Result<A, AckError>) + 'static,
    {
        self.emit_with_ack_as(Delivery::empty(), event, &args, timeout, done);
    }

    /// The next message may be lost if it cannot be written at once.
    pub fn volatile(&self) -> Direct {
        Direct::new(self.clone()).volatile()
    }

    /// Whether the next message may be compressed on its way.
    pub fn compress(&self, compressed: bool) -> Direct {
        Direct::new(self.clone()).compress(compressed)
    }

    /// With a time within which to acknowledge the next message.
    pub fn timeout(&self, timeout: Duration) -> Timed<Direct> {
        Direct::new(self.clone()).timeout(timeout)
    }

    /// Everybody else in the namespace.
    pub fn broadcast(&self) -> Broadcast {
        self.0.namespace.except(self.id())
    }

    /// Everybody else who is in these rooms.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// Everybody else who is in none of these rooms.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// Everybody else who is connected to this node.
    pub fn local(&self) -> Broadcast {
        self.broadcast().local()
    }

    /// Joins rooms.
    pub fn join(&self, rooms: impl Rooms) {
        let rooms = rooms.into_rooms();
        if self.is_connected() && !rooms.is_empty() {
            self.note_joined(&rooms);
            self.order(Act::Join(rooms));
        }
    }

    /// Leaves rooms.
    pub fn leave(&self, rooms: impl Rooms) {
        let rooms = rooms.into_rooms();
        if self.is_connected() && !rooms.is_empty() {
            self.note_left(&rooms);
            self.order(Act::Leave(rooms));
        }
    }

    /// Disconnects it from this namespace; with `true` its whole session, all its namespaces.
    pub fn disconnect(&self, close: bool) {
        if self.is_connected() {
            self.order(Act::Disconnect(close));
            self.0.life.set(Life::Leaving);
        }
    }

    pub(crate) fn emit_as(&self, delivery: Delivery, event: &str, args: &impl Serialize) {
        if !self.is_connected() {
            return;
        }
        if let Some(payload) = event_payload(event, args) {
            self.tell_outgoing(&payload);
            self.order(Act::Emit(Emission {
                payload,
                delivery,
                ack: None,
            }));
        }
    }

    pub(crate) fn emit_with_ack_as<A, F>(
        &self,
        delivery: Delivery,
        event: &str,
        args: &impl Serialize,
        timeout: Duration,
        done: F,
    ) where
        A: DeserializeOwned,
        F: FnOnce(Result<A, AckError>) + 'static,
    {
        let runtime = self.0.namespace.runtime();
        if !self.is_connected() {
            return runtime.defer(move || done(Err(AckError::Disconnected)));
        }
        let Some(payload) = event_payload(event, args) else {
            return runtime.defer(move || done(Err(AckError::NotSent)));
        };
        let done: OnAck = Box::new(move |answer| done(answer.and_then(|args| Ok(args.read()?))));
        if let Some(ack) = runtime.await_ack(self, timeout, done) {
            self.tell_outgoing(&payload);
            self.order(Act::Emit(Emission {
                payload,
                delivery,
                ack: Some(ack),
            }));
        }
    }
}

/// For the rest of the crate.
impl Socket {
    pub(crate) fn connecting(
        namespace: Namespace,
        mut info: SocketInfo,
        recovered: Option<Recovered>,
    ) -> Self {
        info.recovered |= recovered.is_some();
        let (rooms, data) = match recovered {
            Some(Recovered { rooms, data, .. }) => (rooms, data),
            None => (vec![info.id.clone()], "{}".to_owned()),
        };
        Self::new(namespace, info, false, rooms, data)
    }

    pub(crate) fn from_resumed(namespace: Namespace, resumed: Resumed) -> Self {
        Self::new(namespace, resumed.info, true, resumed.rooms, resumed.data)
    }

    fn new(
        namespace: Namespace,
        info: SocketInfo,
        resumed: bool,
        rooms: Vec<String>,
        data: String,
    ) -> Self {
        Self(Rc::new(State {
            namespace,
            info,
            resumed,
            is_deaf: Cell::new(false),
            life: Cell::new(Life::Connected),
            rooms: RefCell::new(rooms),
            data: RefCell::new(data),
            listeners: Listeners::default(),
            pending: RefCell::default(),
        }))
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.info.socket
    }

    pub(crate) fn listeners(&self) -> &Listeners {
        &self.0.listeners
    }

    pub(crate) fn order(&self, act: Act) {
        if self.0.life.get() != Life::Gone {
            self.0.namespace.runtime().order(self.number(), act);
        }
    }

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

    /// The client is gone; the node says which rooms it was in.
    pub(crate) fn mark_leaving(&self, rooms: Vec<String>) {
        self.0.life.set(Life::Leaving);
        self.0.rooms.replace(rooms);
    }

    pub(crate) fn mark_gone(&self) {
        self.0.life.set(Life::Gone);
        self.0.rooms.take();
    }

    pub(crate) fn note_joined(&self, joined: &[String]) {
        let mut rooms = self.0.rooms.borrow_mut();
        for room in joined {
            let is_joined = room.len() <= ROOM_BYTES_MAX && rooms.len() <= ROOMS_PER_SOCKET_MAX;
            if is_joined && !rooms.contains(room) {
                rooms.push(room.clone());
            }
        }
    }

    pub(crate) fn note_left(&self, left: &[String]) {
        self.0
            .rooms
            .borrow_mut()
            .retain(|room| !left.contains(room));
    }

    pub(crate) fn has_many_pending(&self) -> bool {
        self.0.pending.borrow().len() >= ACKS_PER_SOCKET_MAX
    }

    pub(crate) fn add_pending(&self, ack: u64) {
        self.0.pending.borrow_mut().push(ack);
    }

    pub(crate) fn remove_pending(&self, ack: u64) {
        self.0.pending.borrow_mut().retain(|known| *known != ack);
    }

    pub(crate) fn take_pending(&self) -> Vec<u64> {
        self.0.pending.take()
    }

    /// Lets go of what the listeners hold, which may be this socket.
    pub(crate) fn forget_listeners(&self) {
        self.0.listeners.remove(|_, _| true);
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Socket({} {})",
            self.0.namespace.name(),
            quoted(self.id())
        )
    }
}
