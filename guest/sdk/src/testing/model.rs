//! What the node and its protocol guest would do with an app's commands, as far as tests need it.

use crate::Args;
use crate::args::split_event;
use crate::bindings::exports::holdfast::edge::app_guest::{
    Command, Fetched, Happening, IncomingResponse, OutgoingRequest,
};
use crate::bindings::exports::holdfast::edge::types::{
    Act, AppEvent, Audience, Counted, Delivery, Departed, Found, Judgement, LogLine, Order,
    Payload, Refusal, Resumed, RoomChange, RoomEvent, Serve, SocketInfo,
};
use crate::runtime::Runtime;
use crate::testing::client::Received;
use crate::testing::web::Web;
use crate::timers::milliseconds;
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
    pub(super) judgements: Vec<Judgement>,
    pub(super) shared: Option<Result<String, String>>,
    /// What the app asked its other instances, and how it answered them.
    pub(super) served: Vec<Serve>,
    pub(super) served_answers: Vec<Args>,
    pub(super) hears_rooms: bool,
    /// Answers HTTP requests.
    pub(super) web: Option<Rc<Web>>,
    /// Answers to them that take their time.
    late: BTreeMap<(u64, u64), Happening>,
}

/// One client in one namespace.
pub(super) struct Peer {
    pub(super) info: SocketInfo,
    pub(super) state: PeerState,
    pub(super) rooms: Vec<String>,
    /// Of who is gone, or comes back: the rooms it was in.
    pub(super) kept_rooms: Vec<String>,
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
            judgements: Vec::new(),
            shared: None,
            served: Vec::new(),
            served_answers: Vec::new(),
            hears_rooms: false,
            web: None,
            late: BTreeMap::new(),
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
            let timer = self.timers.iter().map(|(timer, due_ms)| (*due_ms, *timer));
            let timer = timer.min().filter(|(due_ms, _)| *due_ms <= until_ms);
            let late = self.late.first_key_value().map(|(due, _)| *due);
            let late = late.filter(|(due_ms, _)| *due_ms <= until_ms);
            let happening = match (timer, late) {
                (Some(timer), Some(late)) if timer.0 <= late.0 => Happening::Elapsed(timer.1),
                (_, Some(late)) => match self.late.remove(&late) {
                    Some(fetched) => fetched,
                    None => break,
                },
                (Some(timer), None) => Happening::Elapsed(timer.1),
                (None, None) => break,
            };
            let due_ms = match happening {
                Happening::Elapsed(number) => self.timers.remove(&number),
                _ => late.map(|(due_ms, _)| due_ms),
            };
            self.now_ms = self.now_ms.max(due_ms.unwrap_or_default());
            self.turn(vec![happening]);
        }
        self.now_ms = until_ms;
    }

    /// Answers a request as the test wants it.
    fn fetch(&mut self, request: &OutgoingRequest, follows: &mut Vec<Happening>) {
        let answer = match &self.web {
            Some(web) => web(request),
            None => {
                Err("the test answers no requests: see `Server::answer_fetch`".to_owned()).into()
            }
        };
        let fetched = Happening::Fetched(Fetched {
            token: request.token,
            outcome: answer.outcome.map(IncomingResponse::from),
        });
        match answer.after {
            None => follows.push(fetched),
            Some(after) => {
                let due_ms = self.now_ms + milliseconds(after);
                self.late.insert((due_ms, request.token), fetched);
            }
        }
    }

    /// The event that a socket is gone.
    pub(super) fn depart(&mut self, socket: u64, reason: &str) -> Vec<Happening> {
        let connected = self
            .peers
            .get_mut(&socket)
            .filter(|peer| matches!(peer.state, PeerState::Connected | PeerState::Waiting));
        let Some(peer) = connected else {
            return Vec::new();
        };
        peer.state = PeerState::Gone(reason.to_owned());
        let rooms = std::mem::take(&mut peer.rooms);
        peer.kept_rooms.clone_from(&rooms);
        let mut follows = vec![Happening::Event(AppEvent::Disconnected(Departed {
            socket,
            reason: reason.to_owned(),
            rooms: rooms.clone(),
        }))];
        for room in rooms {
            self.tell_left(socket, &room, &mut follows);
        }
        follows
    }

    /// A socket joins rooms.
    fn join(&mut self, socket: u64, rooms: &[String], follows: &mut Vec<Happening>) {
        for room in rooms {
            let Some(peer) = self.peers.get_mut(&socket) else {
                return;
            };
            if peer.rooms.contains(room) {
                continue;
            }
            peer.rooms.push(room.clone());
            if self.hears_rooms && self.count(socket, room) == 1 {
                self.tell_room(socket, room, RoomEvent::Created, follows);
            }
            self.tell_room(socket, room, RoomEvent::Joined, follows);
        }
    }

    /// A socket leaves rooms.
    fn leave(&mut self, socket: u64, rooms: &[String], follows: &mut Vec<Happening>) {
        for room in rooms {
            let Some(peer) = self.peers.get_mut(&socket) else {
                return;
            };
            let before = peer.rooms.len();
            peer.rooms.retain(|known| known != room);
            if peer.rooms.len() < before {
                self.tell_left(socket, room, follows);
            }
        }
    }

    fn tell_left(&self, socket: u64, room: &str, follows: &mut Vec<Happening>) {
        self.tell_room(socket, room, RoomEvent::Left, follows);
        if self.hears_rooms && self.count(socket, room) == 0 {
            self.tell_room(socket, room, RoomEvent::Deleted, follows);
        }
    }

    /// How many are in a room of a socket's namespace.
    fn count(&self, socket: u64, room: &str) -> usize {
        let namespace = self.peers.get(&socket).map(|peer| &peer.info.namespace);
        let is_in = |peer: &&Peer| {
            Some(&peer.info.namespace) == namespace && peer.rooms.iter().any(|known| known == room)
        };
        self.peers.values().filter(is_in).count()
    }

    fn tell_room(&self, socket: u64, room: &str, change: RoomEvent, follows: &mut Vec<Happening>) {
        let Some(peer) = self.peers.get(&socket).filter(|_| self.hears_rooms) else {
            return;
        };
        let is_of_socket = matches!(change, RoomEvent::Joined | RoomEvent::Left);
        follows.push(Happening::Event(AppEvent::Room(RoomChange {
            namespace: peer.info.namespace.clone(),
            room: room.to_owned(),
            change,
            socket: is_of_socket.then(|| (socket, peer.info.id.clone())),
        })));
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
            Command::Fetch(request) => self.fetch(&request, follows),
        }
    }

    fn perform_for(&mut self, socket: u64, act: Act, follows: &mut Vec<Happening>) {
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        match (act, &peer.state) {
            (Act::Admit, PeerState::Waiting) => {
                peer.state = PeerState::Connected;
                let own = peer.info.id.clone();
                let kept = std::mem::take(&mut peer.kept_rooms);
                self.join(socket, &[own], follows);
                self.join(socket, &kept, follows);
            }
            (Act::Refuse(refusal), PeerState::Waiting) => peer.state = PeerState::Refused(refusal),
            (Act::Emit(emission), PeerState::Connected) => {
                peer.receive(emission.payload, emission.ack)
            }
            (Act::Reply(reply), PeerState::Connected) => {
                peer.answers.insert(reply.ack, Args::whole(reply.payload));
            }
            (Act::Join(rooms), PeerState::Connected) => self.join(socket, &rooms, follows),
            (Act::Leave(rooms), PeerState::Connected) => self.leave(socket, &rooms, follows),
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
                if message.ack.is_none() && !message.delivery.contains(Delivery::VOLATILE) {
                    self.keep_for_recovery(&message.to, &message.payload);
                }
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
            Act::AudienceJoin(change) => {
                for socket in self.numbers(&change.to) {
                    self.join(socket, &change.rooms, follows);
                }
            }
            Act::AudienceLeave(change) => {
                for socket in self.numbers(&change.to) {
                    self.leave(socket, &change.rooms, follows);
                }
            }
            Act::AudienceDisconnect(order) => {
                for socket in self.numbers(&order.to) {
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
            Act::Judge(judgement) => self.judgements.push(judgement),
            Act::Share(share) => self.shared = Some(share.outcome),
            Act::Serve(serve) => self.served.push(serve),
            Act::ServeReply(reply) => self.served_answers.push(Args::whole(reply.payload)),
            _ => {}
        }
    }

    fn numbers(&mut self, to: &Audience) -> Vec<u64> {
        self.audience(to).map(|peer| peer.info.socket).collect()
    }

    /// Those whose connection broke get the message when they come back.
    fn keep_for_recovery(&mut self, to: &Audience, payload: &Payload) {
        for peer in self.peers.values_mut() {
            if matches!(peer.state, PeerState::Gone(_))
                && is_among(to, &peer.info, &peer.kept_rooms)
            {
                peer.receive(payload.clone(), None);
            }
        }
    }

    fn audience<'a>(&'a mut self, to: &'a Audience) -> impl Iterator<Item = &'a mut Peer> {
        self.peers.values_mut().filter(|peer| {
            peer.state == PeerState::Connected && is_among(to, &peer.info, &peer.rooms)
        })
    }
}

fn is_among(to: &Audience, info: &SocketInfo, rooms: &[String]) -> bool {
    info.namespace == to.namespace
        && (to.rooms.is_empty() || to.rooms.iter().any(|room| rooms.contains(room)))
        && !to.except.iter().any(|room| rooms.contains(room))
}

impl Peer {
    pub(super) fn new(info: SocketInfo) -> Self {
        Self {
            info,
            state: PeerState::Waiting,
            rooms: Vec::new(),
            kept_rooms: Vec::new(),
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
            self.inbox.push(Received {
                event: event.as_ref().to_owned(),
                args,
                ack,
            });
        }
    }
}
