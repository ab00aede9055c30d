//! The node, as a test sees it.
#![allow(clippy::panic, reason = "what a test does wrong is to fail the test")]

use crate::args::{encode_answer, encode_event};
use crate::bindings::exports::holdfast::edge::app_guest::{
    Command, Context, Happening, Manifest, OutgoingRequest,
};
use crate::bindings::exports::holdfast::edge::types::{
    Answered, AppEvent, Connecting, Denied, Handshake, Judgement, Judging, LogLine, Recovered,
    Refusal, ReturnAddress, Serve, Served, SocketInfo,
};
use crate::component::Outcome;
use crate::runtime::Runtime;
use crate::testing::model::{Model, Peer, PeerState};
use crate::testing::{Client, WebAnswer};
use crate::timers::milliseconds;
use crate::{Args, ConnectError, Io};
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
        name: "app".to_owned(),
        deadline_ms: 1000,
        memory_bytes_max: 256 << 20,
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
        let mut model = Model::new(runtime, now_ms);
        model.hears_rooms = manifest.hears_rooms;
        let model = Rc::new(RefCell::new(model));
        Ok(Self {
            model,
            manifest: Rc::new(RefCell::new(manifest)),
        })
    }

    /// A new instance of the app takes over, as after a crash or a swap: its memory is empty, the
    /// sockets stay. Timers of the old one run out unheard.
    pub fn restart<O: Outcome>(&self, app: impl FnOnce(&Io) -> O) {
        let mut model = self.model.borrow_mut();
        let first_ack = model.runtime.fresh_number();
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
        model.hears_rooms = manifest.hears_rooms;
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
        let peer = self.newcomer(namespace, handshake);
        self.introduce(peer, None)
    }

    /// A client whose connection broke comes back to it (connection state recovery): a new socket with
    /// the same id, rooms and data, which gets what was sent to it meanwhile. With `skip_middlewares` as
    /// the operator's setting of that name has it.
    ///
    /// # Errors
    /// What the client's `connect_error` would get.
    pub fn recover(&self, gone: &Client, skip_middlewares: bool) -> Result<Client, ConnectError> {
        let (socket, _) = self.next_socket();
        let mut model = self.model.borrow_mut();
        let Some(old) = model.peers.get_mut(&gone.socket) else {
            panic!("there is no such client")
        };
        assert!(
            matches!(old.state, PeerState::Gone(_)),
            "only who is gone can come back"
        );
        let info = SocketInfo {
            socket,
            recovered: true,
            ..old.info.clone()
        };
        let mut peer = Peer::new(info);
        peer.kept_rooms = std::mem::take(&mut old.kept_rooms);
        peer.data.clone_from(&old.data);
        peer.inbox = std::mem::take(&mut old.inbox);
        // Whoever comes back once does not get messages twice.
        old.info.namespace.clear();
        drop(model);
        let recovered = Recovered {
            rooms: peer.kept_rooms.clone(),
            data: peer.data.clone(),
            skip_middlewares,
        };
        self.introduce(peer, Some(recovered))
    }

    /// A client that asks to connect and may have to wait, for a middleware that answers later: see
    /// [`Client::is_connected`] and [`Client::refusal`].
    #[must_use]
    pub fn begin_connect(&self, namespace: &str, handshake: Handshake) -> Client {
        let peer = self.newcomer(namespace, handshake);
        let socket = peer.info.socket;
        self.ask_to_connect(peer, None);
        Client {
            server: self.clone(),
            socket,
        }
    }

    fn newcomer(&self, namespace: &str, handshake: Handshake) -> Peer {
        let (socket, count) = self.next_socket();
        Peer::new(SocketInfo {
            socket,
            id: format!("socket-{count:013}"),
            namespace: namespace.to_owned(),
            handshake,
            recovered: false,
        })
    }

    fn next_socket(&self) -> (u64, usize) {
        let count = self.model.borrow().peers.len() + 1;
        ((count as u64) << 16, count)
    }

    fn ask_to_connect(&self, peer: Peer, recovered: Option<Recovered>) {
        let mut model = self.model.borrow_mut();
        let info = peer.info.clone();
        model.peers.insert(info.socket, peer);
        model.turn(vec![Happening::Event(AppEvent::Connecting(Connecting {
            info,
            recovered,
        }))]);
    }

    /// Asks the app whether a client may connect, and wants to know at once.
    fn introduce(&self, peer: Peer, recovered: Option<Recovered>) -> Result<Client, ConnectError> {
        let socket = peer.info.socket;
        self.ask_to_connect(peer, recovered);
        let model = self.model.borrow();
        let state = model.peers.get(&socket).map(|peer| peer.state.clone());
        drop(model);
        match state {
            Some(PeerState::Refused(refusal)) => Err(refused(refusal)),
            Some(PeerState::Waiting) | None => {
                panic!("the app did not answer at once: there is `begin_connect`")
            }
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
        self.judgement(handshake).refusal.map_or(Ok(()), Err)
    }

    /// Asks the same; the answer with its headers.
    #[must_use]
    pub fn judgement(&self, handshake: Handshake) -> Judgement {
        self.begin_judge(1, handshake);
        let judgement = self.model.borrow_mut().judgements.pop();
        judgement.unwrap_or_else(|| panic!("the app did not judge at once: there is `begin_judge`"))
    }

    /// Asks the same, and does not wait: what the app decides later is in [`judgements`](Self::judgements).
    pub fn begin_judge(&self, token: u64, handshake: Handshake) {
        self.turn(vec![Happening::Event(AppEvent::Judging(Judging {
            token,
            handshake,
        }))]);
    }

    /// What the app has decided about sessions since this was last called.
    #[must_use]
    pub fn judgements(&self) -> Vec<Judgement> {
        std::mem::take(&mut self.model.borrow_mut().judgements)
    }

    /// Asks the app what pages of other origins may do (`Io::cors`): options as JSON.
    ///
    /// # Errors
    /// Why the request is refused.
    pub fn share(&self, handshake: Handshake) -> Result<serde_json::Value, String> {
        let sharing = Judging {
            token: 1,
            handshake,
        };
        self.turn(vec![Happening::Event(AppEvent::Sharing(sharing))]);
        let shared = self.model.borrow_mut().shared.take();
        let options = shared.unwrap_or_else(|| panic!("the app did not decide"))?;
        Ok(serde_json::from_str(&options).unwrap_or_else(|error| panic!("{options}: {error}")))
    }

    /// Tells the app of a refused request (`Io::on_connection_error`).
    pub fn deny(&self, handshake: Handshake, code: u8, message: &str) {
        let denied = Denied {
            handshake,
            code,
            message: message.to_owned(),
            context: "{}".to_owned(),
        };
        self.turn(vec![Happening::Event(AppEvent::Denied(denied))]);
    }

    /// Another instance of the app sends a message to this one, and wants an answer. What this one
    /// answered, if it did at once.
    pub fn serve(&self, namespace: &str, event: &str, args: impl Serialize) -> Option<Args> {
        let payload = encode_event(event, &args).unwrap_or_else(|error| panic!("{event}: {error}"));
        let reply = Some(ReturnAddress { place: 1, token: 1 });
        self.turn(vec![Happening::Event(AppEvent::Served(Served {
            namespace: namespace.to_owned(),
            payload,
            reply,
        }))]);
        self.served_answers().pop()
    }

    /// How the app answered other instances since this was last asked.
    #[must_use]
    pub fn served_answers(&self) -> Vec<Args> {
        std::mem::take(&mut self.model.borrow_mut().served_answers)
    }

    /// What the app sent to its other instances since this was last asked.
    #[must_use]
    pub fn served(&self) -> Vec<Serve> {
        std::mem::take(&mut self.model.borrow_mut().served)
    }

    /// Another instance answers such a message.
    pub fn answer_served(&self, question: &Serve, args: impl Serialize) {
        let Some(token) = question.reply else {
            panic!("no answer is wanted")
        };
        let payload = encode_answer(&args).unwrap_or_else(|error| panic!("answer: {error}"));
        let answered = Answered { token, payload };
        self.turn(vec![Happening::Event(AppEvent::Answered(answered))]);
    }

    /// Plays the web: this function answers the app's HTTP requests (`fetch`), with a
    /// [`Response`](crate::Response) or a `Result`, at once or [`after`](crate::testing::after) a time. Without
    /// one they fail.
    ///
    /// ```
    /// # use holdfast_sdk::testing::Server;
    /// # use holdfast_sdk::{Ack, FetchError, Io, Response, fetch, json, serde_json::Value};
    /// # fn app(io: &Io) {
    /// #     io.on_connection(|socket| {
    /// #         socket.on("rate", async |ack: Ack| -> Result<(), FetchError> {
    /// #             ack.send(fetch("https://rates.example.com/").await?.json::<Value>()?);
    /// #             Ok(())
    /// #         });
    /// #     });
    /// # }
    /// let server = Server::start(app);
    /// server.answer_fetch(|request| match request.url.as_str() {
    ///     "https://rates.example.com/" => Response::new(200).with_json(&json!({ "euro": 0.9 })),
    ///     _ => Response::new(404),
    /// });
    /// assert_eq!(server.connect("/").call("rate", ()), Some(json!({ "euro": 0.9 })));
    /// ```
    pub fn answer_fetch<A: Into<WebAnswer>>(&self, web: impl Fn(&OutgoingRequest) -> A + 'static) {
        self.model.borrow_mut().web = Some(Rc::new(move |request| web(request).into()));
    }

    /// How many tasks of the app are under way: async handlers that wait, and what it spawned.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.model.borrow().runtime.tasks.count()
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

/// As the client's `connect_error` has it.
pub(super) fn refused(refusal: Refusal) -> ConnectError {
    ConnectError {
        message: refusal.message,
        data: refusal
            .data
            .and_then(|data| serde_json::from_str(&data).ok()),
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // Handlers hold the instance that holds them.
        self.runtime.close();
    }
}
