//! Asking who is there: `fetch_sockets` and what it finds.

use crate::answer::Answer;
use crate::bindings::exports::holdfast::edge::types::{
    Act, Audience, Find, Found, Handshake, Resumed,
};
use crate::broadcast::Broadcast;
use crate::limits::{FETCH_TIMEOUT_MS, FETCHES_MAX};
use crate::log::{error, warn};
use crate::namespace::Namespace;
use crate::rooms::Rooms;
use crate::runtime::Runtime;
use crate::timed::Timed;
use crate::timers::{Due, Timer};
use crate::{AckError, AcksError, Args, ArgsError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A socket that this app instance may not serve itself: of another node, or found by `fetch_sockets`.
/// What it knows is what was so when it was asked.
#[derive(Clone)]
pub struct RemoteSocket {
    namespace: Namespace,
    found: Resumed,
}

impl RemoteSocket {
    /// Its public id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.found.info.id
    }

    /// The HTTP request that opened its session.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.found.info.handshake
    }

    /// The rooms it is in, its own id among them.
    #[must_use]
    pub fn rooms(&self) -> &[String] {
        &self.found.rooms
    }

    /// What its app keeps with it.
    ///
    /// # Errors
    /// When it is not such a type.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        serde_json::from_str(&self.found.data).map_err(|error| ArgsError::new(error.to_string()))
    }

    /// Sends it a message.
    pub fn emit(&self, event: &str, args: impl Serialize) {
        self.own().emit(event, args);
    }

    /// With a time within which to acknowledge: `remote.timeout(…).emit_with_ack(…)`.
    pub fn timeout(&self, timeout: Duration) -> Timed<Self> {
        Timed::new(self.clone(), timeout)
    }

    /// Makes it join rooms.
    pub fn join(&self, rooms: impl Rooms) {
        self.own().sockets_join(rooms);
    }

    /// Makes it leave rooms.
    pub fn leave(&self, rooms: impl Rooms) {
        self.own().sockets_leave(rooms);
    }

    /// Disconnects it; with `true` its whole session.
    pub fn disconnect(&self, close: bool) {
        self.own().disconnect_sockets(close);
    }

    /// Sends it a message that it is to acknowledge.
    pub(crate) fn ask<A: DeserializeOwned + 'static>(
        &self,
        event: &str,
        args: &impl Serialize,
        timeout: Duration,
    ) -> Answer<Result<A, AckError>> {
        let (sender, answer) = Answer::new();
        let done = move |answers: Result<Vec<Args>, AcksError<Args>>| {
            sender.send(match answers {
                Ok(answers) => match answers.first() {
                    Some(args) => args.read().map_err(AckError::from),
                    None => Err(AckError::Disconnected),
                },
                Err(AcksError { cause, .. }) => Err(cause),
            });
        };
        self.own().ask(event, args, timeout, Box::new(done));
        answer
    }

    /// The audience that is this socket alone.
    fn own(&self) -> Broadcast {
        self.namespace.to(self.id())
    }
}

/// A question that not all shards have answered.
pub(crate) struct Fetch {
    namespace: Namespace,
    unanswered_shards: u32,
    timer: Option<Timer>,
    sockets: Vec<Resumed>,
    done: Box<dyn FnOnce(Vec<RemoteSocket>)>,
}

impl Fetch {
    fn finish(self, runtime: &Runtime) {
        if let Some(timer) = self.timer {
            runtime.timers.clear(timer);
        }
        let Self {
            namespace,
            sockets,
            done,
            ..
        } = self;
        done(
            sockets
                .into_iter()
                .map(|found| RemoteSocket {
                    namespace: namespace.clone(),
                    found,
                })
                .collect(),
        );
    }
}

impl Runtime {
    pub(crate) fn fetch(
        &self,
        namespace: Namespace,
        to: Audience,
        local: bool,
        done: impl FnOnce(Vec<RemoteSocket>) + 'static,
    ) {
        if self.fetches.borrow().len() >= FETCHES_MAX {
            error!("fetch_sockets: {FETCHES_MAX} are under way, which is the limit");
            return self.defer(move || done(Vec::new()));
        }
        let token = self.fresh_number();
        let timer = self.timers.add(
            self.now_ms.get().saturating_add(FETCH_TIMEOUT_MS),
            Due::Fetch(token),
        );
        let unanswered_shards = self.shards;
        let fetch = Fetch {
            namespace,
            unanswered_shards,
            timer,
            sockets: Vec::new(),
            done: Box::new(done),
        };
        self.fetches.borrow_mut().insert(token, fetch);
        self.order_all(Act::Find(Find { token, to, local }));
    }

    pub(crate) fn handle_found(&self, found: Found) {
        let mut fetches = self.fetches.borrow_mut();
        let Some(fetch) = fetches.get_mut(&found.token) else {
            return;
        };
        fetch.sockets.extend(found.sockets);
        fetch.unanswered_shards = fetch.unanswered_shards.saturating_sub(1);
        if fetch.unanswered_shards > 0 {
            return;
        }
        let complete = fetches.remove(&found.token);
        drop(fetches);
        if let Some(fetch) = complete {
            fetch.finish(self);
        }
    }

    pub(crate) fn fetch_late(&self, token: u64) {
        let late = self.fetches.borrow_mut().remove(&token);
        if let Some(fetch) = late {
            warn!(
                "fetch_sockets: {} of {} shards did not answer in time",
                fetch.unanswered_shards, self.shards
            );
            fetch.finish(self);
        }
    }
}
