//! Dynamic namespaces: parents that accept names nobody declared, and their children (Socket.IO
//! `of(regex)` and `of(function)`).
//!
//! A child comes to be when the first client is accepted, with the middlewares and connection handlers
//! that its parent had at that moment. While it exists its parents are not asked again.

use crate::bindings::exports::holdfast::edge::types::Handshake;
use crate::broadcast::Broadcast;
use crate::component::Outcome;
use crate::limits::CHILD_NAMESPACES_MAX;
use crate::log::quoted;
use crate::log::{error, warn};
use crate::namespace::{Check, Handlers, Namespace, on_connection, on_connection_async};
use crate::rooms::Rooms;
use crate::runtime::Runtime;
use crate::{ConnectError, RoomEvent, Socket};
use regex_lite::Regex;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Accepts a name for who wants to connect.
type Accepts = Box<dyn Fn(&str, &Handshake) -> bool>;

/// Decides whether a namespace of this name may come to be.
pub(crate) enum Matcher {
    /// Searched anywhere in the name.
    Pattern(Regex),
    /// Asked with the handshake of who wants to connect.
    Function(Accepts),
    /// A pattern that could not be read.
    Nothing,
}

impl Matcher {
    /// A pattern. One that cannot be read matches nothing, with an error in the log.
    pub(crate) fn pattern(pattern: &str) -> Self {
        match Regex::new(pattern) {
            Ok(pattern) => Self::Pattern(pattern),
            Err(reason) => {
                error!(
                    "of_pattern: {}: {reason}, it matches nothing",
                    quoted(pattern)
                );
                Self::Nothing
            }
        }
    }

    fn accepts(&self, name: &str, handshake: &Handshake) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.is_match(name),
            Self::Function(function) => function(name, handshake),
            Self::Nothing => false,
        }
    }
}

/// What a parent is and has.
pub(crate) struct Parent {
    matcher: Matcher,
    handlers: Rc<Handlers>,
    children: RefCell<BTreeMap<String, Rc<Handlers>>>,
}

impl Parent {
    pub(crate) fn new(number: usize, matcher: Matcher) -> Self {
        Self {
            matcher,
            handlers: Rc::new(Handlers::new(&format!("/_{number}"))),
            children: RefCell::default(),
        }
    }

    /// Lets go of the functions of the app.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn close(&self) {
        self.handlers.close();
        let children = self.children.take();
        children.values().for_each(|child| child.close());
    }
}

/// A family of namespaces that come to be when clients ask for them: see `Io::of_pattern` and
/// `Io::of_matching`. What is attached here, every child gets that comes to be afterwards.
#[derive(Clone)]
pub struct ParentNamespace {
    runtime: Rc<Runtime>,
    parent: Rc<Parent>,
}

impl ParentNamespace {
    pub(crate) fn new(runtime: Rc<Runtime>, parent: Rc<Parent>) -> Self {
        Self { runtime, parent }
    }

    /// Calls a function for every socket that connects to a child: see [`Namespace::on_connection`].
    pub fn on_connection<R: Outcome>(&self, handler: impl Fn(&Socket) -> R + 'static) -> &Self {
        self.parent.handlers.add_connection(on_connection(handler));
        self
    }

    /// The same for an async function: see [`Namespace::on_connection_async`].
    pub fn on_connection_async<R, F>(&self, handler: F) -> &Self
    where
        R: Outcome,
        F: AsyncFn(&Socket) -> R + 'static,
    {
        let handler = on_connection_async(handler);
        self.parent.handlers.add_connection(handler);
        self
    }

    /// Decides who may connect to a child: see [`Namespace::middleware`].
    pub fn middleware(
        &self,
        middleware: impl Fn(&Socket) -> Result<(), ConnectError> + 'static,
    ) -> &Self {
        let middleware = Check::Now(Rc::new(middleware));
        self.parent.handlers.add_middleware(middleware);
        self
    }

    /// The same, deciding later: see [`Namespace::middleware_async`].
    pub fn middleware_async<F>(&self, middleware: F) -> &Self
    where
        F: AsyncFn(&Socket) -> Result<(), ConnectError> + 'static,
    {
        self.parent
            .handlers
            .add_middleware(Check::later(middleware));
        self
    }

    /// Calls a function when something happens to a room of a child: see [`Namespace::on_room`].
    pub fn on_room(
        &self,
        handler: impl Fn(&Namespace, RoomEvent, &str, Option<&str>) + 'static,
    ) -> &Self {
        self.runtime.hear_rooms();
        self.parent.handlers.add_room(Rc::new(handler));
        self
    }

    /// The children that exist now, by name.
    #[must_use]
    pub fn children(&self) -> Vec<Namespace> {
        let children = self.parent.children.borrow();
        children
            .values()
            .map(|child| Namespace::new(Rc::clone(&self.runtime), Rc::clone(child)))
            .collect()
    }

    /// Sends a message to everybody in all children.
    pub fn emit(&self, event: &str, args: impl Serialize) {
        self.everybody().emit(event, args);
    }

    /// Sends a `message` event to everybody in all children.
    pub fn send(&self, args: impl Serialize) {
        self.everybody().emit("message", args);
    }

    /// Everybody in all children who is in these rooms.
    pub fn to(&self, rooms: impl Rooms) -> ParentBroadcast {
        self.everybody().to(rooms)
    }

    /// Everybody in all children who is in none of these rooms.
    pub fn except(&self, rooms: impl Rooms) -> ParentBroadcast {
        self.everybody().except(rooms)
    }

    /// Everybody in all children who is connected to this node.
    pub fn local(&self) -> ParentBroadcast {
        self.everybody().local()
    }

    /// Everybody in all children; the message may be lost for those who cannot be written to at once.
    pub fn volatile(&self) -> ParentBroadcast {
        self.everybody().volatile()
    }

    /// Everybody in all children; whether the message may be compressed on its way.
    pub fn compress(&self, compressed: bool) -> ParentBroadcast {
        self.everybody().compress(compressed)
    }

    fn everybody(&self) -> ParentBroadcast {
        ParentBroadcast(self.children().iter().map(Namespace::everybody).collect())
    }
}

/// Everybody in the children of a parent namespace: one [`Broadcast`] for each.
#[derive(Clone)]
#[must_use = "nothing is sent before `emit`"]
pub struct ParentBroadcast(Vec<Broadcast>);

impl ParentBroadcast {
    /// Also those in these rooms.
    pub fn to(self, rooms: impl Rooms) -> Self {
        let rooms = rooms.into_rooms();
        self.each(|broadcast| broadcast.to(rooms.as_slice()))
    }

    /// But not those in these rooms.
    pub fn except(self, rooms: impl Rooms) -> Self {
        let rooms = rooms.into_rooms();
        self.each(|broadcast| broadcast.except(rooms.as_slice()))
    }

    /// Only those connected to this node.
    pub fn local(self) -> Self {
        self.each(Broadcast::local)
    }

    /// The message may be lost for those who cannot be written to at once.
    pub fn volatile(self) -> Self {
        self.each(Broadcast::volatile)
    }

    /// Whether the message may be compressed on its way.
    pub fn compress(self, compressed: bool) -> Self {
        self.each(|broadcast| broadcast.compress(compressed))
    }

    /// Sends a message: see [`Broadcast::emit`].
    pub fn emit(&self, event: &str, args: impl Serialize) {
        for broadcast in &self.0 {
            broadcast.emit(event, &args);
        }
    }

    fn each(self, change: impl Fn(Broadcast) -> Broadcast) -> Self {
        Self(self.0.into_iter().map(change).collect())
    }
}

impl Runtime {
    /// Adds a parent; parents are asked in the order in which they were added.
    pub(crate) fn add_parent(&self, matcher: Matcher) -> Rc<Parent> {
        let mut parents = self.parents.borrow_mut();
        let parent = Rc::new(Parent::new(parents.len(), matcher));
        if self.is_started() {
            error!("dynamic namespaces count only when the app starts");
        } else {
            parents.push(Rc::clone(&parent));
        }
        parent
    }

    /// The namespace that a client asks for: one that exists, or a child of the first parent that
    /// accepts it.
    pub(crate) fn find_namespace(
        self: &Rc<Self>,
        name: &str,
        handshake: &Handshake,
    ) -> Option<Rc<Handlers>> {
        let known = self.namespaces.borrow().get(name).cloned();
        if known.is_some() {
            return known;
        }
        let parents = self.parents.borrow().clone();
        let accepting = parents
            .iter()
            .find(|parent| parent.matcher.accepts(name, handshake))?;
        // The function may have named the namespace itself.
        let known = self.namespaces.borrow().get(name).cloned();
        known.or_else(|| {
            let child = self.create_child(accepting, name)?;
            self.tell_new_namespace(&child);
            Some(child)
        })
    }

    /// A child of the first parent whose pattern matches: for `Io::of`, which knows no handshake.
    pub(crate) fn child_by_pattern(self: &Rc<Self>, name: &str) -> Option<Rc<Handlers>> {
        let parents = self.parents.borrow().clone();
        let accepting = parents.iter().find(
            |parent| matches!(&parent.matcher, Matcher::Pattern(pattern) if pattern.is_match(name)),
        )?;
        self.create_child(accepting, name)
    }

    fn create_child(&self, parent: &Rc<Parent>, name: &str) -> Option<Rc<Handlers>> {
        if self.children.get() >= CHILD_NAMESPACES_MAX {
            warn!(
                "{}: {CHILD_NAMESPACES_MAX} child namespaces are the limit, it does not come to be",
                quoted(name)
            );
            return None;
        }
        self.children.set(self.children.get() + 1);
        let child = Rc::new(parent.handlers.child(name, parent));
        parent
            .children
            .borrow_mut()
            .insert(name.to_owned(), Rc::clone(&child));
        self.namespaces
            .borrow_mut()
            .insert(name.to_owned(), Rc::clone(&child));
        Some(child)
    }

    /// Calls those who want to hear of new namespaces.
    pub(crate) fn tell_new_namespace(self: &Rc<Self>, handlers: &Rc<Handlers>) {
        let calls = self.new_namespace.borrow().clone();
        let namespace = Namespace::new(Rc::clone(self), Rc::clone(handlers));
        for call in calls {
            call(&namespace);
        }
    }

    /// Forgets a child in which nobody is any more, if the app wants that.
    pub(crate) fn clean_up(&self, handlers: &Handlers) {
        if !self.cleans_up.get() || handlers.sockets.get() > 0 {
            return;
        }
        let Some(parent) = handlers.parent() else {
            return;
        };
        let mut children = parent.children.borrow_mut();
        let is_current = children
            .get(handlers.name())
            .is_some_and(|child| std::ptr::eq(Rc::as_ptr(child), handlers));
        if !is_current {
            return;
        }
        let child = children.remove(handlers.name());
        self.children.set(self.children.get().saturating_sub(1));
        let known = self.namespaces.borrow_mut().remove(handlers.name());
        drop(children);
        // Dropped without a borrow: what its functions hold may come back here.
        drop((child, known));
    }
}
