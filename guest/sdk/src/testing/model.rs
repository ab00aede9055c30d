//! What the node and its protocol guest would do with an app's commands, as far as tests need it.

use crate::Args;
use crate::args::split_event;
use crate::bindings::exports::holdfast::edge::app_guest::{Command, Happening};
use crate::bindings::exports::holdfast::edge::types::{
    Act, AppEvent, Audience, Counted, Departed, Found, LogLine, Order, Payload, Refusal, Resumed,
    SocketInfo,
};
use crate::runtime::Runtime;
use crate::testing::client::Received;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The sockets and timers of one node.
pub(super) struct Model {
    pub(super) runtime: Rc<Runtime>,
    pub(super) now_ms: u64,
    pub(super) peers: BTreeMap<u64, Peer>,
    timers: BTreeMap<u64, u64>,
    pub(super) commands: Vec<Command>,
    pub(super) logs: Vec<LogLine>,
    pub(super) judgement: Option<Option<String>>,
}

/// One client in one namespace.
pub(super) struct Peer {
    pub(super) info: SocketInfo,
    pub(super) state: PeerState,
    pub(super) rooms: Vec<String>,
    pub(super) data: String,
    pub(super) inbox: Vec<Received>,
    pub(super) answers: BTreeMap<u64, Args>,
    pub(super) asked: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum PeerState {
    Waiting,
    Connected,
    Refused(Refusal),
    Gone(String),
}

impl Model {
    pub(super) fn new(runtime: Rc<Runtime>, now_ms: u64) -> Self {
        Self {
            runtime,
            now_ms,
            peers: BTreeMap::new(),
            timers: BTreeMap::new(),
            commands: Vec::new(),
            logs: Vec::new(),
            judgement: None,
        }
    }

    /// Gives the app what happened, and what follows from its commands, until nothing follows.
    pub(super) fn turn(&mut self, mut happened: Vec<Happening>) {
        while !happened.is_empty() {
            let commands = self
                .runtime
                .handle(self.now_ms, std::mem::take(&mut happened));
            for command in commands {
                self.commands.push(command.clone());
                self.perform(command, &mut happened);
            }
        }
    }

    /// Lets time pass, timer by timer.
    pub(super) fn advance(&mut self, by_ms: u64) {
        let until_ms = self.now_ms + by_ms;
        loop {
            let due = self
                .timers
                .iter()
                .map(|(timer, due_ms)| (*due_ms, *timer))
                .min();
            let Some((due_ms, timer)) = due.filter(|(due_ms, _)| *due_ms <= until_ms) else {
                break;
            };
            self.now_ms = self.now_ms.max(due_ms);
            self.timers.remove(&timer);
            self.turn(vec![Happening::Elapsed(timer)]);
        }
        self.now_ms = until_ms;
    }

    /// The event that a socket is gone.
    pub(super) fn depart(&mut self, socket: u64, reason: &str) -> Option<Happening> {
        let peer = self
            .peers
            .get_mut(&socket)
            .filter(|peer| peer.state == PeerState::Connected)?;
        peer.state = PeerState::Gone(reason.to_owned());
        let rooms = std::mem::take(&mut peer.rooms);
        Some(Happening::Event(AppEvent::Disconnected(Departed {
            socket,
            reason: reason.to_owned(),
            rooms,
        })))
    }

    fn perform(&mut self, command: Command, follows: &mut Vec<Happening>) {
        match command {
            Command::Order(Order {
                socket: Some(socket),
                act,
            }) => self.perform_for(socket, act, follows),
            Command::Order(Order { socket: None, act }) => self.perform_for_all(act, follows),
            Command::SetTimer(timer) => {
                self.timers
                    .insert(timer.timer, self.now_ms + timer.delay_ms);
            }
            Command::ClearTimer(timer) => {
                self.timers.remove(&timer);
            }
            Command::Log(line) => self.logs.push(line),
            Command::Fetch(_) => {}
        }
    }

    fn perform_for(&mut self, socket: u64, act: Act, follows: &mut Vec<Happening>) {
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        match (act, &peer.state) {
            (Act::Admit, PeerState::Waiting) => {
                peer.state = PeerState::Connected;
                peer.rooms = vec![peer.info.id.clone()];
            }
            (Act::Refuse(refusal), PeerState::Waiting) => peer.state = PeerState::Refused(refusal),
            (Act::Emit(emission), PeerState::Connected) => {
                peer.receive(emission.payload, emission.ack)
            }
            (Act::Reply(reply), PeerState::Connected) => {
                peer.answers.insert(reply.ack, Args::whole(reply.payload));
            }
            (Act::Join(rooms), PeerState::Connected) => peer.join(&rooms),
            (Act::Leave(rooms), PeerState::Connected) => peer.leave(&rooms),
            (Act::SetData(data), PeerState::Connected) => peer.data = data,
            (Act::Disconnect(_), PeerState::Connected) => {
                follows.extend(self.depart(socket, "server namespace disconnect"));
            }
            _ => {}
        }
    }

    fn perform_for_all(&mut self, act: Act, follows: &mut Vec<Happening>) {
        match act {
            Act::Broadcast(message) => {
                let mut receivers = 0;
                for peer in self.audience(&message.to) {
                    receivers += 1;
                    peer.receive(message.payload.clone(), message.ack);
                }
                if let Some(ack) = message.ack {
                    follows.push(Happening::Event(AppEvent::Counted(Counted {
                        ack,
                        receivers,
                    })));
                }
            }
            Act::AudienceJoin(change) => self
                .audience(&change.to)
                .for_each(|peer| peer.join(&change.rooms)),
            Act::AudienceLeave(change) => self
                .audience(&change.to)
                .for_each(|peer| peer.leave(&change.rooms)),
            Act::AudienceDisconnect(order) => {
                let sockets: Vec<u64> = self
                    .audience(&order.to)
                    .map(|peer| peer.info.socket)
                    .collect();
                for socket in sockets {
                    follows.extend(self.depart(socket, "server namespace disconnect"));
                }
            }
            Act::Find(find) => {
                let sockets = self.audience(&find.to).map(|peer| peer.resumed()).collect();
                follows.push(Happening::Event(AppEvent::Found(Found {
                    token: find.token,
                    sockets,
                })));
            }
            Act::Judge(judgement) => self.judgement = Some(judgement.refusal),
            _ => {}
        }
    }

    fn audience<'a>(&'a mut self, to: &'a Audience) -> impl Iterator<Item = &'a mut Peer> {
        self.peers.values_mut().filter(|peer| {
            peer.state == PeerState::Connected
                && peer.info.namespace == to.namespace
                && (to.rooms.is_empty() || to.rooms.iter().any(|room| peer.rooms.contains(room)))
                && !to.except.iter().any(|room| peer.rooms.contains(room))
        })
    }
}

impl Peer {
    pub(super) fn new(info: SocketInfo) -> Self {
        Self {
            info,
            state: PeerState::Waiting,
            rooms: Vec::new(),
            data: "{}".to_owned(),
            inbox: Vec::new(),
            answers: BTreeMap::new(),
            asked: 0,
        }
    }

    pub(super) fn resumed(&self) -> Resumed {
        Resumed {
            info: self.info.clone(),
            rooms: self.rooms.clone(),
            data: self.data.clone(),
        }
    }

    fn receive(&mut self, payload: Payload, ack: Option<u64>) {
        if let Some((event, args)) = split_event(payload) {
            self.inbox.push(Received { event, args, ack });
        }
    }

    fn join(&mut self, rooms: &[String]) {
        for room in rooms {
            if !self.rooms.contains(room) {
                self.rooms.push(room.clone());
            }
        }
    }

    fn leave(&mut self, rooms: &[String]) {
        self.rooms.retain(|room| !rooms.contains(room));
    }
}
