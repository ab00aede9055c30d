//! One client in one namespace.

mod hearing;
mod life;

pub use life::Closed;

use crate::acks::OnAck;
use crate::answer::Answer;
use crate::bindings::exports::holdfast::edge::types::{
    Act, Delivery, Emission, Handshake, Recovered, Resumed, SocketInfo,
};
use crate::broadcast::Broadcast;
use crate::direct::Direct;
use crate::limits::{
    ACKS_PER_SOCKET_MAX, ROOM_BYTES_MAX, ROOMS_PER_SOCKET_MAX, SOCKET_DATA_BYTES_MAX,
};
use crate::listeners::Listeners;
use crate::log::error;
use crate::log::quoted;
use crate::message::event_payload;
use crate::namespace::Namespace;
use crate::rooms::Rooms;
use crate::timed::Timed;
use crate::{AckError, ArgsError, Io};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::{Cell, OnceCell, RefCell};
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
    /// An async middleware has not decided yet: orders wait.
    is_held: Cell<bool>,
    /// Why it is gone.
    ended: OnceCell<String>,
    extras: OnceCell<Box<life::Extras>>,
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
    /// The same; but the client may come back, or has come back, under the same id.
    Lost,
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

    /// Sends it a message that it is to acknowledge: await the answer, or give it a function with
    /// [`Answer::then`]. The message is sent now, either way. Without a time (`socket.timeout(…)` before it)
    /// it waits until the socket is disconnected.
    ///
    /// ```
    /// # use holdfast_sdk::{AckError, Socket};
    /// # use std::time::Duration;
    /// # async fn ask(socket: &Socket) -> Result<(), AckError> {
    /// let name: String = socket.timeout(Duration::from_secs(5)).emit_with_ack("name?", ()).await?;
    /// let age = socket.emit_with_ack::<u8>("age?", &name).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<A: DeserializeOwned + 'static>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> Answer<Result<A, AckError>> {
        self.emit_with_ack_as(Delivery::empty(), event, &args, None)
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
        if self.0.life.get() == Life::Lost {
            return self
                .0
                .namespace
                .to(self.id())
                .with_delivery(delivery)
                .emit(event, args);
        }
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

    pub(crate) fn emit_with_ack_as<A: DeserializeOwned + 'static>(
        &self,
        delivery: Delivery,
        event: &str,
        args: &impl Serialize,
        timeout: Option<Duration>,
    ) -> Answer<Result<A, AckError>> {
        let runtime = self.0.namespace.runtime();
        let (sender, answer) = Answer::new();
        let done: OnAck =
            Box::new(move |answer| sender.send(answer.and_then(|args| Ok(args.read()?))));
        if !self.is_connected() {
            runtime.defer(move || done(Err(AckError::Disconnected)));
        } else if let Some(payload) = event_payload(event, args) {
            if let Some(ack) = runtime.await_ack(self, timeout, done) {
                self.tell_outgoing(&payload);
                self.order(Act::Emit(Emission {
                    payload,
                    delivery,
                    ack: Some(ack),
                }));
            }
        } else {
            runtime.defer(move || done(Err(AckError::NotSent)));
        }
        answer
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
            is_held: Cell::new(false),
            ended: OnceCell::new(),
            extras: OnceCell::new(),
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
        if matches!(self.0.life.get(), Life::Gone | Life::Lost) {
            return;
        }
        if self.0.is_held.get() {
            return self.held(act);
        }
        self.0.namespace.runtime().order(self.number(), act);
    }

    /// The client is gone; the node says which rooms it was in.
    pub(crate) fn mark_leaving(&self, rooms: Vec<String>) {
        self.0.life.set(Life::Leaving);
        self.0.rooms.replace(rooms);
    }

    /// The client may come back: what is sent to it until then is kept for it.
    pub(crate) fn mark_lost(&self) {
        self.0.life.set(Life::Lost);
    }

    /// Whether the client is gone.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.0.life.get(), Life::Gone | Life::Lost)
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
