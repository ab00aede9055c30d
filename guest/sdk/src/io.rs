//! The server, as an app sees it.

use crate::bindings::exports::holdfast::edge::types::Handshake;
use crate::error;
use crate::limits::{HANDLERS_PER_NAMESPACE_MAX, TIMERS_MAX};
use crate::namespace::{Handlers, Namespace};
use crate::runtime::Runtime;
use crate::timers::{Due, Timer, milliseconds};
use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

/// The server, and by itself the namespace `/` with all its methods: `io.emit`, `io.to`,
/// `io.on_connection`, … Cheap to clone, so handlers may keep it.
#[derive(Clone)]
pub struct Io {
    root: Namespace,
}

impl Io {
    pub(crate) fn new(runtime: Rc<Runtime>) -> Self {
        let known = runtime.namespaces.borrow().get("/").cloned();
        let handlers = known.unwrap_or_else(|| Rc::new(Handlers::new("/")));
        Self {
            root: Namespace::new(runtime, handlers),
        }
    }

    /// A namespace, `/chat` say. Naming it when the app starts makes the app serve it; later this is
    /// only good for sending there.
    #[must_use]
    pub fn of(&self, name: &str) -> Namespace {
        let name = if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("/{name}")
        };
        if name == self.root.name() {
            self.root.declare();
            return self.root.clone();
        }
        let known = self.runtime().namespaces.borrow().get(&name).cloned();
        let is_known = known.is_some();
        let handlers = known.unwrap_or_else(|| Rc::new(Handlers::new(&name)));
        let namespace = Namespace::new(Rc::clone(self.runtime()), handlers);
        if !is_known && !self.runtime().is_started() {
            namespace.declare();
        }
        namespace
    }

    /// Decides who may open a session at all (Socket.IO `allowRequest`). The error is what the client
    /// gets. A second call replaces the first.
    pub fn allow_request(&self, judge: impl Fn(&Handshake) -> Result<(), String> + 'static) {
        if self.runtime().is_started() {
            error!("allow_request counts only when the app starts");
        }
        let before = self.runtime().judge.replace(Some(Rc::new(judge)));
        drop(before);
    }

    /// Calls a function once, after a time (at least 1 ms). It is forgotten when the app is swapped or
    /// crashes. At `TIMERS_MAX` it never runs, with an error in the log.
    pub fn set_timeout(&self, after: Duration, call: impl FnOnce() + 'static) -> Timer {
        let call = Cell::new(Some(call));
        let call = Rc::new(move || {
            if let Some(call) = call.take() {
                call()
            }
        });
        self.add_timer(after, Due::Once(call))
    }

    /// Calls a function again and again, every so often (at least 1 ms). Times that have passed
    /// unnoticed are left out.
    pub fn set_interval(&self, every: Duration, call: impl FnMut() + 'static) -> Timer {
        let call = RefCell::new(call);
        let call = Rc::new(move || {
            if let Ok(mut call) = call.try_borrow_mut() {
                call()
            }
        });
        self.add_timer(every, Due::Again(call, milliseconds(every)))
    }

    /// Forgets a timer. One that has run out is ignored.
    pub fn clear(&self, timer: Timer) {
        self.runtime().timers.clear(timer);
    }

    /// Calls a function when the node is about to stop, shortly before the sockets are closed.
    pub fn on_stopping(&self, call: impl Fn() + 'static) {
        let mut calls = self.runtime().stopping.borrow_mut();
        if calls.len() < HANDLERS_PER_NAMESPACE_MAX {
            calls.push(Rc::new(call));
        } else {
            error!("on_stopping: {HANDLERS_PER_NAMESPACE_MAX} functions are the limit");
        }
    }

    /// The time in milliseconds since the Unix epoch. The same for all that one batch brought.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.runtime().now_ms.get()
    }

    /// A value from the environment, if the node's config grants it.
    #[must_use]
    pub fn env(&self, name: &str) -> Option<&str> {
        self.runtime()
            .env
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// 128 random bits, drawn by the node when this instance started: a seed for the app's own
    /// randomness. There is no other source in here.
    #[must_use]
    pub fn seed(&self) -> u128 {
        self.runtime().seed
    }

    fn add_timer(&self, after: Duration, due: Due) -> Timer {
        let due_ms = self.runtime().later(after);
        self.runtime().timers.add(due_ms, due).unwrap_or_else(|| {
            error!("{TIMERS_MAX} timers are set, which is the limit: this one will not run");
            Timer { due_ms, number: 0 }
        })
    }
}

impl Deref for Io {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.root
    }
}
