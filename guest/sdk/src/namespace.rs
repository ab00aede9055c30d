//! Namespaces: where an app's handlers are attached.

use crate::broadcast::Broadcast;
use crate::fetch::RemoteSocket;
use crate::limits::HANDLERS_PER_NAMESPACE_MAX;
use crate::rooms::Rooms;
use crate::runtime::Runtime;
use crate::{AcksError, ConnectError, Socket, error};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

type OnConnection = Rc<dyn Fn(&Socket)>;
type Middleware = Rc<dyn Fn(&Socket) -> Result<(), ConnectError>>;

/// The handlers of one namespace.
pub(crate) struct Handlers {
    name: String,
    connection: RefCell<Vec<OnConnection>>,
    middleware: RefCell<Vec<Middleware>>,
}

impl Handlers {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            connection: RefCell::default(),
            middleware: RefCell::default(),
        }
    }

    pub(crate) fn connection_handlers(&self) -> Vec<OnConnection> {
        self.connection.borrow().clone()
    }

    pub(crate) fn middlewares(&self) -> Vec<Middleware> {
        self.middleware.borrow().clone()
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
    pub fn on_connection(&self, handler: impl Fn(&Socket) + 'static) -> &Self {
        self.declare();
        let mut handlers = self.handlers.connection.borrow_mut();
        if handlers.len() < HANDLERS_PER_NAMESPACE_MAX {
            handlers.push(Rc::new(handler));
        } else {
            error!(
                "{}: there are {HANDLERS_PER_NAMESPACE_MAX} connection handlers already",
                self.name()
            );
        }
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
        let mut middlewares = self.handlers.middleware.borrow_mut();
        if middlewares.len() < HANDLERS_PER_NAMESPACE_MAX {
            middlewares.push(Rc::new(middleware));
        } else {
            // Leaving a check out would let in who should stay out.
            error!(
                "{}: there are {HANDLERS_PER_NAMESPACE_MAX} middlewares already: nobody is let in",
                self.name()
            );
            middlewares.push(Rc::new(|_| Err("too many middlewares".into())));
        }
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

    /// Sends a message to everybody here.
    pub fn emit(&self, event: &str, args: impl Serialize) {
        self.everybody().emit(event, args);
    }

    /// Sends a `message` event to everybody here.
    pub fn send(&self, args: impl Serialize) {
        self.everybody().send(args);
    }

    /// Sends a message to everybody here, who are to acknowledge it: see [`Broadcast::emit_with_acks`].
    pub fn emit_with_acks<A, F>(
        &self,
        event: &str,
        args: impl Serialize,
        timeout: Duration,
        done: F,
    ) where
        A: DeserializeOwned,
        F: FnOnce(Result<Vec<A>, AcksError<A>>) + 'static,
    {
        self.everybody().emit_with_acks(event, args, timeout, done);
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
    pub fn fetch_sockets(&self, done: impl FnOnce(Vec<RemoteSocket>) + 'static) {
        self.everybody().fetch_sockets(done);
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
