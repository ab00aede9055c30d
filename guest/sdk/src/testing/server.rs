//! The node, as a test sees it.
#![allow(clippy::panic, reason = "what a test does wrong is to fail the test")]

use crate::bindings::exports::holdfast::edge::app_guest::{Command, Context, Happening, Manifest};
use crate::bindings::exports::holdfast::edge::types::{
    AppEvent, Connecting, Handshake, Judging, LogLine, SocketInfo,
};
use crate::component::Outcome;
use crate::runtime::Runtime;
use crate::testing::Client;
use crate::testing::model::{Model, Peer, PeerState};
use crate::timers::milliseconds;
use crate::{ConnectError, Io};
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// When tests begin: 2026-01-01.
const START_MS: u64 = 1_767_225_600_000;

/// A node with one app and one shard, in virtual time.
#[derive(Clone)]
pub struct Server {
    pub(super) model: Rc<RefCell<Model>>,
    manifest: Rc<RefCell<Manifest>>,
}

/// What an app is started with when a test does not care.
#[must_use]
pub fn context() -> Context {
    Context {
        env: Vec::new(),
        script: None,
        shards: 1,
        instances: 1,
        place: 0,
        first_ack: 1,
        seed_low: 1,
        seed_high: 2,
        now_ms: START_MS,
    }
}

/// How a client's session was opened when a test does not care.
#[must_use]
pub fn handshake() -> Handshake {
    Handshake {
        headers: Vec::new(),
        query: Vec::new(),
        url: "/socket.io/?EIO=4&transport=websocket".to_owned(),
        address: "127.0.0.1".to_owned(),
        secure: false,
        cross_domain: false,
        issued_ms: START_MS,
        auth: "{}".to_owned(),
    }
}

impl Server {
    /// Starts an app: the function that is given to `app!`.
    pub fn start<O: Outcome>(app: impl FnOnce(&Io) -> O) -> Self {
        Self::start_with(context(), app)
            .unwrap_or_else(|error| panic!("the app did not start: {error}"))
    }

    /// Starts an app with an environment, shards, …
    ///
    /// # Errors
    /// What the app says when it does not start.
    pub fn start_with<O: Outcome>(
        context: Context,
        app: impl FnOnce(&Io) -> O,
    ) -> Result<Self, String> {
        let now_ms = context.now_ms;
        let (runtime, manifest) = Runtime::start(context, "test", "0", |io| app(io).outcome())?;
        let model = Rc::new(RefCell::new(Model::new(runtime, now_ms)));
        Ok(Self {
            model,
            manifest: Rc::new(RefCell::new(manifest)),
        })
    }

    /// A new instance of the app takes over, as after a crash or a swap: its memory is empty, the
    /// sockets stay. Timers of the old one run out unheard.
    pub fn restart<O: Outcome>(&self, app: impl FnOnce(&Io) -> O) {
        let mut model = self.model.borrow_mut();
        let first_ack = model.runtime.fresh_number().unwrap_or(1);
        let context = Context {
            first_ack,
            now_ms: model.now_ms,
            ..context()
        };
        let started = Runtime::start(context, "test", "0", |io| app(io).outcome());
        let (runtime, manifest) =
            started.unwrap_or_else(|error| panic!("the app did not start: {error}"));
        model.runtime.close();
        model.runtime = runtime;
        self.manifest.replace(manifest);
        let connected = model
            .peers
            .values()
            .filter(|peer| peer.state == PeerState::Connected);
        let resumed = connected
            .map(|peer| Happening::Event(AppEvent::Resumed(peer.resumed())))
            .collect();
        model.turn(resumed);
    }

    /// What the app declared.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        self.manifest.borrow().clone()
    }

    /// A client that has connected to a namespace.
    #[must_use]
    pub fn connect(&self, namespace: &str) -> Client {
        self.connect_as(namespace, serde_json::json!({}))
            .unwrap_or_else(|error| panic!("refused: {error}"))
    }

    /// A client that connects with credentials.
    ///
    /// # Errors
    /// What the client's `connect_error` would get.
    pub fn connect_as(
        &self,
        namespace: &str,
        auth: impl Serialize,
    ) -> Result<Client, ConnectError> {
        let auth = serde_json::to_string(&auth).unwrap_or_else(|error| panic!("auth: {error}"));
        self.connect_with(
            namespace,
            Handshake {
                auth,
                ..handshake()
            },
        )
    }

    /// A client that connects with headers, a query, …
    ///
    /// # Errors
    /// What the client's `connect_error` would get.
    pub fn connect_with(
        &self,
        namespace: &str,
        handshake: Handshake,
    ) -> Result<Client, ConnectError> {
        let mut model = self.model.borrow_mut();
        let socket = (model.peers.len() as u64 + 1) << 16;
        let id = format!("socket-{:013}", model.peers.len() + 1);
        let info = SocketInfo {
            socket,
            id,
            namespace: namespace.to_owned(),
            handshake,
            recovered: false,
        };
        model.peers.insert(socket, Peer::new(info.clone()));
        model.turn(vec![Happening::Event(AppEvent::Connecting(Connecting {
            info,
            recovered: None,
        }))]);
        let state = model.peers.get(&socket).map(|peer| peer.state.clone());
        drop(model);
        match state {
            Some(PeerState::Refused(refusal)) => Err(ConnectError {
                message: refusal.message,
                data: refusal
                    .data
                    .and_then(|data| serde_json::from_str(&data).ok()),
            }),
            Some(PeerState::Waiting) | None => panic!("the app did not answer"),
            Some(PeerState::Connected | PeerState::Gone(_)) => Ok(Client {
                server: self.clone(),
                socket,
            }),
        }
    }

    /// Asks the app whether a session may be opened (`Io::allow_request`).
    ///
    /// # Errors
    /// What the client would get.
    pub fn judge(&self, handshake: Handshake) -> Result<(), String> {
        self.turn(vec![Happening::Event(AppEvent::Judging(Judging {
            token: 1,
            handshake,
        }))]);
        let judgement = self.model.borrow_mut().judgement.take();
        judgement
            .unwrap_or_else(|| panic!("the app did not judge"))
            .map_or(Ok(()), Err)
    }

    /// Lets time pass; what is due happens when it is due.
    pub fn advance(&self, by: Duration) {
        self.model.borrow_mut().advance(milliseconds(by));
    }

    /// The time.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.model.borrow().now_ms
    }

    /// Tells the app that the node is about to stop.
    pub fn stop(&self) {
        self.turn(vec![Happening::Stopping]);
    }

    /// Gives the app anything that the contract knows.
    pub fn turn(&self, happened: Vec<Happening>) {
        self.model.borrow_mut().turn(happened);
    }

    /// What the app asked for since this was last called.
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.model.borrow_mut().commands)
    }

    /// What the app logged since this was last called.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.model.borrow_mut().logs)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // Handlers hold the instance that holds them.
        self.runtime.close();
    }
}
