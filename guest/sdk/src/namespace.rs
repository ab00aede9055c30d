//! Namespaces: where an app's handlers are attached.

use crate::answer::Answer;
use crate::broadcast::Broadcast;
use crate::component::Outcome;
use crate::fetch::RemoteSocket;
use crate::handler::Ran;
use crate::limits::HANDLERS_PER_NAMESPACE_MAX;
use crate::log::error;
use crate::parent::Parent;
use crate::room_events::OnRoom;
use crate::rooms::Rooms;
use crate::runtime::Runtime;
use crate::servers::OnServed;
use crate::tasks::{LocalFuture, Step};
use crate::timed::Timed;
use crate::{ConnectError, RoomEvent, Socket};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

pub(crate) type OnConnection = Rc<dyn Fn(&Socket) -> Ran>;

/// Whether somebody may connect.
pub(crate) type Verdict = Result<(), ConnectError>;

type CheckNow = dyn Fn(&Socket) -> Verdict;
type CheckLater = dyn Fn(&Socket) -> LocalFuture<Verdict>;

/// Decides who may connect.
#[derive(Clone)]
pub(crate) enum Check {
    /// At once.
    Now(Rc<CheckNow>),
    /// Later.
    Later(Rc<CheckLater>),
}

impl Check {
    pub(crate) fn is_async(&self) -> bool {
        matches!(self, Self::Later(_))
    }

    /// Of an async function.
    pub(crate) fn later<F>(middleware: F) -> Self
    where
        F: AsyncFn(&Socket) -> Result<(), ConnectError> + 'static,
    {
        let middleware = Rc::new(middleware);
        Self::Later(Rc::new(move |socket| {
            let (middleware, socket) = (Rc::clone(&middleware), socket.clone());
            Box::pin(async move { middleware(&socket).await })
        }))
    }
}

/// A connection handler, as the namespaces keep it.
pub(crate) fn on_connection<R: Outcome>(handler: impl Fn(&Socket) -> R + 'static) -> OnConnection {
    Rc::new(move |socket| Step::Now(handler(socket).outcome()))
}

/// An async one.
pub(crate) fn on_connection_async<R, F>(handler: F) -> OnConnection
where
    R: Outcome,
    F: AsyncFn(&Socket) -> R + 'static,
{
    let handler = Rc::new(handler);
    Rc::new(move |socket| {
        let (handler, socket) = (Rc::clone(&handler), socket.clone());
        Step::Later(Box::pin(async move { handler(&socket).await.outcome() }))
    })
}

/// The handlers of one namespace.
pub(crate) struct Handlers {
    name: String,
    connection: RefCell<Vec<OnConnection>>,
    middleware: RefCell<Vec<Check>>,
    served: RefCell<Vec<(String, OnServed)>>,
    room: RefCell<Vec<OnRoom>>,
    /// Of a child: whose.
    parent: Option<Weak<Parent>>,
    /// How many sockets of this instance are here.
    pub(crate) sockets: Cell<usize>,
}

impl Handlers {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            connection: RefCell::default(),
            middleware: RefCell::default(),
            served: RefCell::default(),
            room: RefCell::default(),
            parent: None,
            sockets: Cell::new(0),
        }
    }

    /// Those of a child: it begins with what its parent has now.
    pub(crate) fn child(&self, name: &str, parent: &Rc<Parent>) -> Self {
        Self {
            connection: self.connection.clone(),
            middleware: self.middleware.clone(),
            room: self.room.clone(),
            parent: Some(Rc::downgrade(parent)),
            ..Self::new(name)
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn parent(&self) -> Option<Rc<Parent>> {
        self.parent.as_ref()?.upgrade()
    }

    pub(crate) fn add_connection(&self, handler: OnConnection) {
        self.add(&self.connection, handler, "connection handlers");
    }

    pub(crate) fn add_middleware(&self, middleware: Check) {
        if !self.add(&self.middleware, middleware, "middlewares") {
            // Leaving a check out would let in who should stay out.
            error!("{}: nobody is let in", self.name);
            self.middleware
                .borrow_mut()
                .push(Check::Now(Rc::new(|_| Err("too many middlewares".into()))));
        }
    }

    pub(crate) fn add_served(&self, event: &str, handler: OnServed) {
        let handler = (event.to_owned(), handler);
        self.add(&self.served, handler, "server-side listeners");
    }

    pub(crate) fn add_room(&self, handler: OnRoom) {
        self.add(&self.room, handler, "room listeners");
    }

    fn add<T>(&self, list: &RefCell<Vec<T>>, function: T, what: &str) -> bool {
        let mut list = list.borrow_mut();
        let has_place = list.len() < HANDLERS_PER_NAMESPACE_MAX;
        if has_place {
            list.push(function);
        } else {
            error!(
                "{}: there are {HANDLERS_PER_NAMESPACE_MAX} {what} already",
                self.name
            );
        }
        has_place
    }

    pub(crate) fn connection_handlers(&self) -> Vec<OnConnection> {
        self.connection.borrow().clone()
    }

    pub(crate) fn middlewares(&self) -> Vec<Check> {
        self.middleware.borrow().clone()
    }

    pub(crate) fn served_handlers(&self, event: &str) -> Vec<OnServed> {
        let served = self.served.borrow();
        let named = served.iter().filter(|(name, _)| name == event);
        named.map(|(_, call)| Rc::clone(call)).collect()
    }

    pub(crate) fn room_handlers(&self) -> Vec<OnRoom> {
        self.room.borrow().clone()
    }

    /// Lets go of the functions of the app.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn close(&self) {
        drop(self.connection.take());
        drop(self.middleware.take());
        drop(self.served.take());
        drop(self.room.take());
    }
}

/// One namespace. Cheap to clone. `Io` is the one called `/`.
#[derive(Clone)]
pub struct Namespace {
    runtime: Rc<Runtime>,
    handlers: Rc<Handlers>,
}

impl Namespace {
    pub(crate) fn new(runtime: Rc<Runtime>, handlers: Rc<Handlers>) -> Self {
        Self { runtime, handlers }
    }

    /// Its name, which begins with `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.handlers.name
    }

    /// Calls a function for every socket that connects here (Socket.IO `on("connection")`), before any
    /// of its messages. After a crash or a swap also for those that were connected before:
    /// `socket.recovered()` then says so.
    ///
    /// It may return a `Result`: an error is a line in the log, the socket stays.
    pub fn on_connection<R: Outcome>(&self, handler: impl Fn(&Socket) -> R + 'static) -> &Self {
        self.declare();
        self.handlers.add_connection(on_connection(handler));
        self
    }

    /// The same for an async function. It begins at once, and goes on while the socket's messages come in:
    /// listeners that are to hear the first ones have to be attached before the first `await`.
    pub fn on_connection_async<R, F>(&self, handler: F) -> &Self
    where
        R: Outcome,
        F: AsyncFn(&Socket) -> R + 'static,
    {
        self.declare();
        self.handlers.add_connection(on_connection_async(handler));
        self
    }

    /// Decides who may connect here (Socket.IO `use`). Middlewares are asked in the order in which they
    /// were added; the first error is what the client's `connect_error` event gets. What one does with
    /// the socket (`join`, `set_data`, `emit`) is done after the socket is let in.
    pub fn middleware(
        &self,
        middleware: impl Fn(&Socket) -> Result<(), ConnectError> + 'static,
    ) -> &Self {
        self.declare();
        self.handlers
            .add_middleware(Check::Now(Rc::new(middleware)));
        self
    }

    /// The same, deciding later: the client waits, at most as long as the node's `connect_timeout`
    /// allows, and nobody else does. If it goes meanwhile, what comes after this middleware is not asked. At
    /// `TASKS_MAX` it is refused.
    ///
    /// ```
    /// # use holdfast_sdk::{ConnectError, Io, Request, fetch, json};
    /// # fn app(io: &Io) {
    /// io.middleware_async(async |socket| {
    ///     let token: String = socket.handshake().auth().map_err(|_| ConnectError::new("a token, please"))?;
    ///     let asked = Request::post("https://auth.example.com/check").json(&json!({ "token": token }));
    ///     match fetch(asked).await {
    ///         Ok(answer) if answer.is_ok() => {
    ///             socket.set_data(answer.text());
    ///             Ok(())
    ///         }
    ///         Ok(_) => Err(ConnectError::new("unknown token")),
    ///         Err(error) => Err(ConnectError::new("try later").with_data(error.to_string())),
    ///     }
    /// });
    /// # }
    /// ```
    pub fn middleware_async<F>(&self, middleware: F) -> &Self
    where
        F: AsyncFn(&Socket) -> Result<(), ConnectError> + 'static,
    {
        self.declare();
        self.handlers.add_middleware(Check::later(middleware));
        self
    }

    /// The sockets here that this instance of the app serves, in the order of their numbers.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let sockets = self.runtime.sockets.borrow();
        let here = sockets
            .values()
            .filter(|socket| socket.namespace().name() == self.name());
        let mut here: Vec<Socket> = here.cloned().collect();
        // The map's order means nothing.
        here.sort_by_key(Socket::number);
        here
    }

    /// Calls a function when something happens to a room here (Socket.IO adapter events): the room, and
    /// the id of the socket that joined or left. Of one change in this order: created, joined; left,
    /// deleted. A socket's own id is a room too. It counts only if the app listens to some rooms when it
    /// starts, because telling costs something for every change of every room.
    pub fn on_room(
        &self,
        handler: impl Fn(&Namespace, RoomEvent, &str, Option<&str>) + 'static,
    ) -> &Self {
        self.declare();
        self.runtime.hear_rooms();
        self.handlers.add_room(Rc::new(handler));
        self
    }

    /// Everybody here who is in these rooms.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.everybody().to(rooms)
    }

    /// Everybody here who is in none of these rooms.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.everybody().except(rooms)
    }

    /// Everybody here who is connected to this node.
    pub fn local(&self) -> Broadcast {
        self.everybody().local()
    }

    /// Everybody here; the message may be lost for those who cannot be written to at once.
    pub fn volatile(&self) -> Broadcast {
        self.everybody().volatile()
    }

    /// Everybody here; whether the message may be compressed on its way.
    pub fn compress(&self, compressed: bool) -> Broadcast {
        self.everybody().compress(compressed)
    }

    /// Everybody here, with a time within which to acknowledge the next message.
    pub fn timeout(&self, timeout: Duration) -> Timed<Broadcast> {
        self.everybody().timeout(timeout)
    }

    /// Sends a message to everybody here.
    pub fn emit(&self, event: &str, args: impl Serialize) {
        self.everybody().emit(event, args);
    }

    /// Sends a `message` event to everybody here.
    pub fn send(&self, args: impl Serialize) {
        self.everybody().send(args);
    }

    /// The same as `send`.
    pub fn write(&self, args: impl Serialize) {
        self.send(args);
    }

    /// Makes everybody here join rooms.
    pub fn sockets_join(&self, rooms: impl Rooms) {
        self.everybody().sockets_join(rooms);
    }

    /// Makes everybody here leave rooms.
    pub fn sockets_leave(&self, rooms: impl Rooms) {
        self.everybody().sockets_leave(rooms);
    }

    /// Disconnects everybody here; with `true` their whole sessions.
    pub fn disconnect_sockets(&self, close: bool) {
        self.everybody().disconnect_sockets(close);
    }

    /// Asks who is here: see [`Broadcast::fetch_sockets`].
    pub fn fetch_sockets(&self) -> Answer<Vec<RemoteSocket>> {
        self.everybody().fetch_sockets()
    }

    pub(crate) fn everybody(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }

    pub(crate) fn runtime(&self) -> &Rc<Runtime> {
        &self.runtime
    }

    pub(crate) fn handlers(&self) -> &Handlers {
        &self.handlers
    }

    /// Makes this namespace one that the app serves.
    pub(crate) fn declare(&self) {
        let mut namespaces = self.runtime.namespaces.borrow_mut();
        if namespaces.contains_key(self.name()) {
            return;
        }
        if self.runtime.is_started() {
            error!(
                "{}: a namespace is served only if the app names it when it starts",
                self.name()
            );
            return;
        }
        namespaces.insert(self.name().to_owned(), Rc::clone(&self.handlers));
    }
}
