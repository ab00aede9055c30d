//! A client, as a test sees it.
#![allow(clippy::panic, reason = "what a test does wrong is to fail the test")]

use crate::args::{encode_answer, encode_event};
use crate::bindings::exports::holdfast::edge::app_guest::Happening;
use crate::bindings::exports::holdfast::edge::types::{Acknowledged, AppEvent, Incoming, Payload};
use crate::testing::Server;
use crate::testing::model::{Peer, PeerState};
use crate::testing::server::refused;
use crate::{Args, ConnectError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One client in one namespace.
#[derive(Clone)]
pub struct Client {
    pub(super) server: Server,
    pub(super) socket: u64,
}

/// A message that a client has received.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The event's name.
    pub event: String,
    /// Its arguments.
    pub args: Args,
    /// The number of the acknowledgement that the app waits for.
    pub ack: Option<u64>,
}

/// A message that the client wants answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question(u64);

impl Client {
    /// Its public id.
    #[must_use]
    pub fn id(&self) -> String {
        self.peer(|peer| peer.info.id.clone())
    }

    /// Its number in the contract.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.socket
    }

    /// The rooms it is in.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        self.peer(|peer| peer.rooms.clone())
    }

    /// What the app keeps with it, as JSON.
    #[must_use]
    pub fn data(&self) -> String {
        self.peer(|peer| peer.data.clone())
    }

    /// Whether it is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.peer(|peer| peer.state == PeerState::Connected)
    }

    /// Why it was refused: what its `connect_error` got. None while it waits, and when it was let in.
    #[must_use]
    pub fn refusal(&self) -> Option<ConnectError> {
        self.peer(|peer| match &peer.state {
            PeerState::Refused(refusal) => Some(refused(refusal.clone())),
            _ => None,
        })
    }

    /// Why it is disconnected. None while it is not.
    #[must_use]
    pub fn gone(&self) -> Option<String> {
        self.peer(|peer| match &peer.state {
            PeerState::Gone(reason) => Some(reason.clone()),
            _ => None,
        })
    }

    /// Sends a message.
    pub fn emit(&self, event: &str, args: impl Serialize) {
        self.send(encode(event, args), None);
    }

    /// Sends a message that wants an answer.
    pub fn ask(&self, event: &str, args: impl Serialize) -> Question {
        let ack = self.peer(|peer| {
            peer.asked += 1;
            peer.asked
        });
        self.send(encode(event, args), Some(ack));
        Question(ack)
    }

    /// The answer to a message, once, if it has come.
    #[must_use]
    pub fn answer<A: DeserializeOwned>(&self, question: Question) -> Option<A> {
        let answer = self.peer(|peer| peer.answers.remove(&question.0))?;
        Some(
            answer
                .read()
                .unwrap_or_else(|error| panic!("answer {answer:?}: {error}")),
        )
    }

    /// Sends a message and gives the answer, if it came at once.
    #[must_use]
    pub fn call<A: DeserializeOwned>(&self, event: &str, args: impl Serialize) -> Option<A> {
        self.answer(self.ask(event, args))
    }

    /// Sends anything.
    pub fn send(&self, payload: Payload, ack: Option<u64>) {
        let message = Incoming {
            socket: self.socket,
            payload,
            ack,
        };
        self.server
            .turn(vec![Happening::Event(AppEvent::Message(message))]);
    }

    /// The messages of one event that it received since they were last asked for.
    #[must_use]
    pub fn received<A: DeserializeOwned>(&self, event: &str) -> Vec<A> {
        let messages: Vec<Received> = self.peer(|peer| {
            peer.inbox
                .extract_if(.., |message| message.event == event)
                .collect()
        });
        let read = |Received { args, .. }| {
            args.read()
                .unwrap_or_else(|error| panic!("{event} {args:?}: {error}"))
        };
        messages.into_iter().map(read).collect()
    }

    /// All messages that it received since they were last asked for.
    #[must_use]
    pub fn inbox(&self) -> Vec<Received> {
        self.peer(|peer| std::mem::take(&mut peer.inbox))
    }

    /// Acknowledges a message that the app waits for.
    pub fn acknowledge(&self, message: &Received, args: impl Serialize) {
        let Some(ack) = message.ack else {
            panic!("{} wants no acknowledgement", message.event)
        };
        let payload =
            encode_answer(&args).unwrap_or_else(|error| panic!("acknowledgement: {error}"));
        let acked = Acknowledged {
            socket: self.socket,
            ack,
            payload,
        };
        self.server
            .turn(vec![Happening::Event(AppEvent::Acked(acked))]);
    }

    /// Goes, with one of Socket.IO's reasons.
    pub fn disconnect(&self, reason: &str) {
        let departed = self.server.model.borrow_mut().depart(self.socket, reason);
        self.server.turn(departed);
    }

    fn peer<T>(&self, look: impl FnOnce(&mut Peer) -> T) -> T {
        let mut model = self.server.model.borrow_mut();
        match model.peers.get_mut(&self.socket) {
            Some(peer) => look(peer),
            None => panic!("there is no such client"),
        }
    }
}

fn encode(event: &str, args: impl Serialize) -> Payload {
    encode_event(event, &args).unwrap_or_else(|error| panic!("{event}: {error}"))
}
