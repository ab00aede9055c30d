//! The server, as an app sees it.

use crate::Admission;
use crate::bindings::exports::holdfast::edge::types::{Denied, Handshake};
use crate::extract::State;
use crate::limits::{HANDLERS_PER_NAMESPACE_MAX, SETTINGS_MAX, TIMERS_MAX};
use crate::log::error;
use crate::namespace::{Handlers, Namespace};
use crate::parent::{Matcher, ParentNamespace};
use crate::runtime::Runtime;
use crate::tasks::Step;
use crate::timers::{Due, Timer, milliseconds};
use serde::Serialize;
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
    /// only good for sending there, unless a pattern of [`Io::of_pattern`] matches: then it is a child
    /// of that, and comes to be if it does not exist.
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
        if let Some(handlers) = known {
            return Namespace::new(Rc::clone(self.runtime()), handlers);
        }
        let child = self.runtime().child_by_pattern(&name);
        let is_new = child.is_some() || !self.runtime().is_started();
        let handlers = child.unwrap_or_else(|| Rc::new(Handlers::new(&name)));
        let namespace = Namespace::new(Rc::clone(self.runtime()), Rc::clone(&handlers));
        if is_new {
            namespace.declare();
            let runtime = Rc::clone(self.runtime());
            self.runtime()
                .defer(move || runtime.tell_new_namespace(&handlers));
        }
        namespace
    }

    /// Serves all namespaces whose name this regular expression matches, anywhere in it: write
    /// `^/room-\d+$` for the whole name. Several parents are asked in the order in which they are named
    /// here. A pattern that cannot be read matches nothing, with an error in the log.
    #[must_use]
    pub fn of_pattern(&self, pattern: &str) -> ParentNamespace {
        self.add_parent(Matcher::pattern(pattern))
    }

    /// Serves all namespaces that this function accepts, by name and by the handshake of the first who
    /// wants to connect. While the namespace exists it is not asked again: who may connect is for
    /// middlewares to decide.
    #[must_use]
    pub fn of_matching(
        &self,
        accepts: impl Fn(&str, &Handshake) -> bool + 'static,
    ) -> ParentNamespace {
        self.add_parent(Matcher::Function(Box::new(accepts)))
    }

    fn add_parent(&self, matcher: Matcher) -> ParentNamespace {
        let parent = self.runtime().add_parent(matcher);
        ParentNamespace::new(Rc::clone(self.runtime()), parent)
    }

    /// Forgets a child namespace when its last socket is gone (Socket.IO
    /// `cleanupEmptyChildNamespaces`). Its parents are asked again when somebody wants to connect.
    pub fn cleanup_empty_child_namespaces(&self) {
        self.runtime().cleans_up.set(true);
    }

    /// Calls a function for every namespace that comes to be (Socket.IO `new_namespace`), before
    /// anybody is let in.
    pub fn on_new_namespace(&self, call: impl Fn(&Namespace) + 'static) {
        let mut calls = self.runtime().new_namespace.borrow_mut();
        if calls.len() < HANDLERS_PER_NAMESPACE_MAX {
            calls.push(Rc::new(call));
        } else {
            error!("on_new_namespace: {HANDLERS_PER_NAMESPACE_MAX} functions are the limit");
        }
    }

    /// Decides who may open a session at all (Socket.IO `allowRequest`). The error is what the client
    /// gets; `Ok` may carry headers for it: see [`Admission`]. A second call replaces the first.
    pub fn allow_request<A: Into<Admission>>(
        &self,
        judge: impl Fn(&Handshake) -> Result<A, String> + 'static,
    ) {
        self.needs_start("allow_request");
        let judge = move |handshake: Handshake| Step::Now(judge(&handshake).map(Into::into));
        let before = self.runtime().judge.replace(Some(Rc::new(judge)));
        drop(before);
    }

    /// The same, deciding later: the request waits, and nobody else does.
    pub fn allow_request_async<A, F>(&self, judge: F)
    where
        A: Into<Admission>,
        F: AsyncFn(&Handshake) -> Result<A, String> + 'static,
    {
        self.needs_start("allow_request");
        let judge = Rc::new(judge);
        let judge = move |handshake: Handshake| -> Step<Result<Admission, String>> {
            let judge = Rc::clone(&judge);
            Step::Later(Box::pin(
                async move { judge(&handshake).await.map(Into::into) },
            ))
        };
        let before = self.runtime().judge.replace(Some(Rc::new(judge)));
        drop(before);
    }

    /// Decides what pages of other origins may do (Socket.IO `cors` as a function): `true`, `false`, or
    /// an object with `origin`, `methods`, … as Socket.IO has it, regular expressions as strings between
    /// slashes. The error refuses the request. A second call replaces the first.
    ///
    /// ```
    /// # use holdfast_sdk::{Io, json};
    /// # fn app(io: &Io) {
    /// io.cors(|handshake| match handshake.header("origin") {
    ///     Some("https://example.com") => Ok(json!({ "origin": true, "credentials": true })),
    ///     _ => Ok(json!(false)),
    /// });
    /// # }
    /// ```
    pub fn cors<C: Serialize>(&self, decide: impl Fn(&Handshake) -> Result<C, String> + 'static) {
        self.needs_start("cors");
        let decide = move |handshake: Handshake| Step::Now(options(decide(&handshake)));
        let before = self.runtime().cors.replace(Some(Rc::new(decide)));
        drop(before);
    }

    /// The same, deciding later: the request waits, and nobody else does.
    pub fn cors_async<C, F>(&self, decide: F)
    where
        C: Serialize,
        F: AsyncFn(&Handshake) -> Result<C, String> + 'static,
    {
        self.needs_start("cors");
        let decide = Rc::new(decide);
        let decide = move |handshake: Handshake| -> Step<Result<String, String>> {
            let decide = Rc::clone(&decide);
            Step::Later(Box::pin(async move { options(decide(&handshake).await) }))
        };
        let before = self.runtime().cors.replace(Some(Rc::new(decide)));
        drop(before);
    }

    /// Calls a function for every request that was refused (Engine.IO `connection_error`).
    pub fn on_connection_error(&self, call: impl Fn(&Denied) + 'static) {
        self.needs_start("on_connection_error");
        let mut calls = self.runtime().denials.borrow_mut();
        if calls.len() < HANDLERS_PER_NAMESPACE_MAX {
            calls.push(Rc::new(call));
        } else {
            error!("on_connection_error: {HANDLERS_PER_NAMESPACE_MAX} functions are the limit");
        }
    }

    /// Asks for a setting of the node's protocol (`[protocol]` of the config: `cors.origin`,
    /// `max_http_buffer_size`, …), by its name there. The operator's own value comes first. Text and numbers
    /// are given as they are, lists as such. Only when the app starts; at most `SETTINGS_MAX`.
    ///
    /// ```
    /// # fn app(io: &holdfast_sdk::Io) {
    /// io.setting("cors.origin", ["https://example.com"]);
    /// io.setting("ping_interval", 10_000);
    /// # }
    /// ```
    pub fn setting(&self, name: &str, value: impl Serialize) {
        self.needs_start("setting");
        let value = match serde_json::to_value(&value) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(value) => value.to_string(),
            Err(reason) => return error!("setting {name:?}: {reason}"),
        };
        let mut settings = self.runtime().settings.borrow_mut();
        if settings.len() >= SETTINGS_MAX && !settings.contains_key(name) {
            return error!("setting {name:?}: {SETTINGS_MAX} settings are the limit");
        }
        settings.insert(name.to_owned(), value);
    }

    /// Keeps a value for all handlers, by its type: [`State<T>`](crate::State) as a handler's parameter, or
    /// [`Io::state`]. It replaces an earlier one of the type. What handlers change in it, it keeps in a
    /// `Cell` or `RefCell`. A swap or a crash begins with a new one; other instances have their own.
    pub fn manage<T: 'static>(&self, value: T) {
        let before = self.runtime().states.insert(value);
        drop(before);
    }

    /// The value of this type that was given to [`Io::manage`].
    #[must_use]
    pub fn state<T: 'static>(&self) -> Option<State<T>> {
        self.runtime().states.get().map(State)
    }

    /// Disconnects everybody who is connected to this node, with their whole sessions, from all namespaces
    /// that this app serves (Socket.IO `io.close`; the node itself goes on and lets clients in again).
    pub fn close(&self) {
        let namespaces: Vec<_> = self
            .runtime()
            .namespaces
            .borrow()
            .values()
            .cloned()
            .collect();
        for handlers in namespaces {
            Namespace::new(Rc::clone(self.runtime()), handlers)
                .local()
                .disconnect_sockets(true);
        }
    }

    /// How many instances of the app run on this node, this one too: 1, or one a shard.
    #[must_use]
    pub fn instances(&self) -> u32 {
        self.runtime().instances
    }

    /// Which of them this one is.
    #[must_use]
    pub fn place(&self) -> u32 {
        self.runtime().place
    }

    fn needs_start(&self, what: &str) {
        if self.runtime().is_started() {
            error!("{what} counts only when the app starts");
        }
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

/// Options of `cors` as JSON text.
fn options(decided: Result<impl Serialize, String>) -> Result<String, String> {
    serde_json::to_string(&decided?).map_err(|error| error.to_string())
}

impl Deref for Io {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.root
    }
}
