//! Connection state recovery with clients as they are: several shards, orders of several app instances
//! that reach each shard at its own time, connections that break at any frame, guests that are replaced.
//! All in virtual time, all from one seed.
//!
//! What must hold: as long as a client is recovered, it hears everything that was sent to its audience
//! exactly once, and what one instance sent in the order of sending. A client whose connection the node
//! knows to be broken is recovered, wherever it comes back, unless a limit of the log says otherwise.

use crate::support::protocol::{Effect, Host, manifest, request};
use holdfast_protocol::Protocol;
use holdfast_protocol::contract::{
    Act, AppEvent, Audience, Broadcast, Cause, Connection, Delivery, Emission, Event, Frame, Order,
    Payload, Published, Refusal, Transport,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const SHARDS: usize = 3;
const CLIENTS: usize = 5;
const STEPS: u32 = 1500;
/// Where the shard is in the number of a connection.
const SHARD_SHIFT: u32 = 38;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }

    fn pick(&mut self, count: usize) -> usize {
        self.below(count as u64) as usize
    }
}

/// What goes from one shard to another, or from an app's instance to a shard.
#[derive(Clone)]
enum Letter {
    Orders {
        place: usize,
        before: u64,
        orders: Vec<Order>,
    },
    Published(Published),
}

/// A connection as its client has it.
struct Link {
    shard: usize,
    connection: Connection,
    /// Frames on their way to the client; none is the end.
    down: VecDeque<Option<Frame>>,
}

/// `Socket` of socket.io-client: `onpacket`, `onevent`, `onconnect`, `emitEvent`.
#[derive(Default)]
struct Client {
    link: Option<Link>,
    pid: Option<String>,
    offset: Option<String>,
    id: Option<String>,
    connected: bool,
    buffer: Vec<Vec<Value>>,
    /// The node knows that the last connection is gone, and all shards have heard what there is to hear.
    known_gone: bool,
    /// What was said in the CONNECT that has not been answered.
    expects: Expects,
    recoveries: u32,
    lives: u32,
    /// For each instance: the broadcasts heard since the life began.
    heard: Vec<Vec<usize>>,
    singles: Vec<u64>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Expects {
    #[default]
    Anything,
    Recovery,
}

/// A socket as the app's instance of its shard knows it.
struct Seat {
    id: String,
    /// Not gone, and not refused.
    here: bool,
    /// Admitted, and here.
    alive: bool,
}

/// What the client that has this public id is to hear.
struct Life {
    rooms: BTreeSet<String>,
    /// For each instance: the first broadcast that has not been looked at, and those that are for it.
    next: Vec<usize>,
    expected: Vec<Vec<usize>>,
}

impl Life {
    fn consider(&mut self, place: usize, number: usize, to: &Audience) {
        if number < self.next[place] {
            return;
        }
        assert_eq!(number, self.next[place]);
        self.next[place] += 1;
        let inside = |rooms: &[String]| rooms.iter().any(|room| self.rooms.contains(room));
        if (to.rooms.is_empty() || inside(&to.rooms)) && !inside(&to.except) {
            self.expected[place].push(number);
        }
    }
}

/// How a seed is played.
#[derive(Clone, Copy)]
struct Play {
    shards: usize,
    /// Entries of the log.
    packets_max: &'static str,
    /// Whether limits may make a recovery impossible.
    tight: bool,
}

struct World {
    play: Play,
    random: Random,
    hosts: Vec<Host<Protocol>>,
    /// By sender and receiver.
    letters: BTreeMap<(usize, usize), VecDeque<Letter>>,
    clients: Vec<Client>,
    owners: BTreeMap<Connection, usize>,
    /// Broken connections that the node has not noticed.
    zombies: Vec<(usize, Connection)>,
    seats: BTreeMap<u64, Seat>,
    /// Single messages by the public id they were for: the number, and whether it must arrive.
    posted: BTreeMap<String, Vec<(u64, bool)>>,
    /// By public id.
    lives: BTreeMap<String, Life>,
    /// For each instance: whom each broadcast was for.
    broadcasts: Vec<Vec<Audience>>,
    /// For each shard and each instance: how many of them the shard has sent.
    sent: Vec<Vec<usize>>,
    given: Vec<u64>,
    next_connection: u64,
    next_single: u64,
    now_ms: u64,
}

fn room(client: usize) -> String {
    format!("r{}", client % 2)
}

fn shard_of(socket: u64) -> usize {
    (socket >> (16 + SHARD_SHIFT)) as usize
}

fn payload(json: &Value) -> Payload {
    Payload {
        json: json.to_string(),
        attachments: Vec::new(),
    }
}

impl World {
    fn new(seed: u64, play: Play) -> Self {
        let shards = play.shards.to_string();
        let numbers: Vec<String> = (0..play.shards).map(|shard| shard.to_string()).collect();
        let hosts = numbers
            .iter()
            .map(|shard| {
                let settings = [
                    ("connection_state_recovery.packets_max", play.packets_max),
                    ("shard", shard.as_str()),
                    ("shards", shards.as_str()),
                ];
                Host::new(Protocol::new, &settings)
            })
            .collect();
        let mut world = World {
            play,
            random: Random(seed.wrapping_mul(2).wrapping_add(1)),
            hosts,
            letters: BTreeMap::new(),
            clients: Vec::new(),
            owners: BTreeMap::new(),
            zombies: Vec::new(),
            seats: BTreeMap::new(),
            posted: BTreeMap::new(),
            lives: BTreeMap::new(),
            broadcasts: vec![Vec::new(); play.shards],
            sent: vec![vec![0; play.shards]; play.shards],
            given: vec![0; play.shards],
            next_connection: 1,
            next_single: 0,
            now_ms: 1_000_000,
        };
        for shard in 0..play.shards {
            world.hosts[shard].shadowing = seed.is_multiple_of(4);
            world.hosts[shard].places.insert(0, shard as u32);
            let effects = world.hosts[shard].load(0, manifest(&["/"], false, false));
            world.settle(shard, effects);
        }
        for _ in 0..CLIENTS {
            world.clients.push(Client {
                heard: vec![Vec::new(); play.shards],
                ..Client::default()
            });
        }
        world
    }

    // ------------------------------------------------------------------ the node

    /// What left a shard goes where it belongs.
    fn settle(&mut self, shard: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Frame { connection, frame } => self.sink(connection, Some(frame)),
                Effect::Close(connection) => self.sink(connection, None),
                Effect::App { event, .. } => self.handle_app_event(shard, event),
                Effect::Published(message) => {
                    for to in (0..self.play.shards).filter(|to| *to != shard) {
                        self.post(shard, to, Letter::Published(message.clone()));
                    }
                }
                Effect::Respond { .. } | Effect::Waits { .. } => panic!("{effect:?}"),
                _ => {}
            }
        }
    }

    fn sink(&mut self, connection: Connection, frame: Option<Frame>) {
        let Some(client) = self.owners.get(&connection) else {
            return;
        };
        if let Some(link) = &mut self.clients[*client].link
            && link.connection == connection
        {
            link.down.push_back(frame);
        }
    }

    fn post(&mut self, from: usize, to: usize, letter: Letter) {
        self.letters
            .entry((from, to))
            .or_default()
            .push_back(letter);
    }

    /// One letter arrives.
    fn deliver(&mut self, from: usize, to: usize) {
        let letter = self
            .letters
            .get_mut(&(from, to))
            .and_then(VecDeque::pop_front);
        let effects = match letter {
            None => return,
            Some(Letter::Published(message)) => self.hosts[to].published(message),
            Some(Letter::Orders {
                place,
                before,
                orders,
            }) => {
                for order in &orders {
                    self.foresee(to, place, order);
                }
                self.hosts[to].given.insert((0, place as u32), before);
                self.hosts[to].command_from(0, place as u32, orders)
            }
        };
        self.settle(to, effects);
    }

    /// What an order that reaches a shard means for what clients hear.
    fn foresee(&mut self, shard: usize, place: usize, order: &Order) {
        let seat = order.socket.and_then(|socket| self.seats.get_mut(&socket));
        let life = seat.as_ref().and_then(|seat| self.lives.get_mut(&seat.id));
        match (&order.act, seat) {
            (Act::Broadcast(broadcast), _) => {
                let json: Value = serde_json::from_str(&broadcast.payload.json).unwrap();
                if json[0] != "b" {
                    return;
                }
                let number = json[2].as_u64().unwrap() as usize;
                assert_eq!(self.sent[shard][place], number);
                self.sent[shard][place] += 1;
                for (socket, seat) in &self.seats {
                    if seat.here
                        && shard_of(*socket) == shard
                        && let Some(life) = self.lives.get_mut(&seat.id)
                    {
                        life.consider(place, number, &broadcast.to);
                    }
                }
            }
            (Act::Admit, Some(seat)) if seat.here => {
                seat.alive = true;
                if life.is_none() {
                    let life = Life {
                        rooms: BTreeSet::new(),
                        next: self.sent[shard].clone(),
                        expected: vec![Vec::new(); self.play.shards],
                    };
                    self.lives.insert(seat.id.clone(), life);
                }
            }
            (Act::Refuse(_), Some(seat)) => seat.here = false,
            (Act::Join(rooms), Some(seat)) if seat.alive => {
                life.unwrap().rooms.extend(rooms.iter().cloned());
            }
            (Act::Leave(rooms), Some(seat)) if seat.alive => {
                life.unwrap().rooms.retain(|room| !rooms.contains(room));
            }
            (Act::Emit(emission), Some(seat)) => {
                let json: Value = serde_json::from_str(&emission.payload.json).unwrap();
                let number = json[1].as_u64().unwrap();
                let posted = self.posted.entry(seat.id.clone()).or_default();
                posted.push((number, seat.alive));
            }
            _ => {}
        }
    }

    /// Every letter arrives, and every broken connection that is known stays known.
    fn flush(&mut self) {
        while let Some(key) = self
            .letters
            .iter()
            .find(|(_, queue)| !queue.is_empty())
            .map(|(key, _)| *key)
        {
            self.deliver(key.0, key.1);
        }
        for client in 0..self.clients.len() {
            let open = self.zombies.iter().any(|(of, _)| *of == client);
            if self.clients[client].link.is_none() && !open {
                self.clients[client].known_gone = true;
            }
        }
    }

    fn advance(&mut self, ms: u64) {
        self.now_ms += ms;
        for shard in 0..self.play.shards {
            let effects = self.hosts[shard].advance(self.now_ms);
            self.settle(shard, effects);
        }
    }

    // ------------------------------------------------------------------ the app

    fn handle_app_event(&mut self, shard: usize, event: AppEvent) {
        match event {
            AppEvent::Connecting(connecting) => {
                let socket = connecting.info.socket;
                let client = self.owners[&(socket >> 16)];
                let data = format!("{{\"client\":{client}}}");
                let order = |act| Order {
                    socket: Some(socket),
                    act,
                };
                let id = connecting.info.id;
                let orders = match connecting.recovered {
                    Some(recovered) => {
                        assert!(connecting.info.recovered);
                        assert_eq!(recovered.data, data);
                        let mut others = self.seats.values();
                        let alone = others.all(|seat| !seat.here || seat.id != id);
                        assert!(alone, "two sockets with one id");
                        let life = self.lives.get_mut(&id).unwrap();
                        let mut rooms = life.rooms.clone();
                        rooms.insert(id.clone());
                        assert_eq!(recovered.rooms.into_iter().collect::<BTreeSet<_>>(), rooms);
                        // What was sent while it was away was for those who are where it was.
                        for (place, sent) in self.sent[shard].iter().enumerate() {
                            for number in life.next[place]..*sent {
                                life.consider(place, number, &self.broadcasts[place][number]);
                            }
                        }
                        if self.random.below(6) == 0 {
                            vec![order(Act::Refuse(Refusal {
                                message: "not now".to_owned(),
                                data: None,
                            }))]
                        } else {
                            vec![order(Act::Admit)]
                        }
                    }
                    None => vec![
                        order(Act::Admit),
                        order(Act::Join(vec![room(client)])),
                        order(Act::SetData(data)),
                    ],
                };
                let seat = Seat {
                    id,
                    here: true,
                    alive: false,
                };
                self.seats.insert(socket, seat);
                self.order(shard, orders);
            }
            AppEvent::Disconnected(departed) => {
                let seat = self.seats.get_mut(&departed.socket).unwrap();
                (seat.here, seat.alive) = (false, false);
            }
            AppEvent::Counted(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// The instance of a shard gives orders for sockets there.
    fn order(&mut self, shard: usize, orders: Vec<Order>) {
        let before = self.given[shard];
        self.post(
            shard,
            shard,
            Letter::Orders {
                place: shard,
                before,
                orders,
            },
        );
    }

    /// An instance says something to an audience.
    fn broadcast(&mut self) {
        let place = self.random.pick(self.play.shards);
        let mut some =
            |one_in: u64, room: &str| (self.random.below(one_in) == 0).then(|| room.to_owned());
        let rooms = [some(4, "r0"), some(4, "r1"), some(5, "r2")];
        let rooms = rooms.into_iter().flatten().collect();
        let except = some(4, "r1").into_iter().chain(some(9, "r2")).collect();
        let to = Audience {
            namespace: "/".to_owned(),
            rooms,
            except,
        };
        let mut delivery = Delivery::empty();
        let mut ack = None;
        let number = self.broadcasts[place].len();
        let json = match self.random.below(8) {
            0 => json!(["volatile", "text"]),
            1 => json!(["volatile"]),
            2 => json!(["volatile", 5]),
            3 => json!(["acknowledged", "text"]),
            4 => json!(["b", place, number, "text"]),
            _ => json!(["b", place, number]),
        };
        match json[0].as_str() {
            Some("volatile") => delivery = Delivery::VOLATILE,
            Some("acknowledged") => ack = Some(1 + number as u64),
            _ => self.broadcasts[place].push(to.clone()),
        }
        let act = Act::Broadcast(Broadcast {
            to,
            payload: payload(&json),
            delivery,
            ack,
        });
        let before = self.given[place];
        self.given[place] += 1;
        for to in 0..self.play.shards {
            let orders = vec![Order {
                socket: None,
                act: act.clone(),
            }];
            self.post(
                place,
                to,
                Letter::Orders {
                    place,
                    before,
                    orders,
                },
            );
        }
    }

    /// One of the last sockets, that may be gone by now.
    fn some_socket(&mut self) -> Option<u64> {
        let mut sockets: Vec<u64> = self.seats.keys().copied().collect();
        sockets.sort_by_key(|socket| socket >> 16 & ((1 << SHARD_SHIFT) - 1));
        let recent = sockets.len().saturating_sub(6);
        let count = sockets.len() - recent;
        (count > 0).then(|| sockets[recent + self.random.pick(count)])
    }

    /// The instance of a shard says something to one socket there.
    fn emit(&mut self) {
        let Some(socket) = self.some_socket() else {
            return;
        };
        let number = self.next_single;
        self.next_single += 1;
        let act = Act::Emit(Emission {
            payload: payload(&json!(["s", number])),
            delivery: Delivery::empty(),
            ack: None,
        });
        let order = Order {
            socket: Some(socket),
            act,
        };
        self.order(shard_of(socket), vec![order]);
    }

    /// A socket joins or leaves a room.
    fn change_rooms(&mut self) {
        let Some(socket) = self.some_socket() else {
            return;
        };
        let rooms = vec![format!("r{}", self.random.below(3))];
        let act = if self.random.below(2) == 0 {
            Act::Join(rooms)
        } else {
            Act::Leave(rooms)
        };
        let order = Order {
            socket: Some(socket),
            act,
        };
        self.order(shard_of(socket), vec![order]);
    }

    // ------------------------------------------------------------------ the clients

    fn open(&mut self, client: usize) {
        let shard = self.random.pick(self.play.shards);
        self.open_on(shard, client);
    }

    fn open_on(&mut self, shard: usize, client: usize) {
        let connection = (shard as u64) << SHARD_SHIFT | self.next_connection;
        self.next_connection += 1;
        self.owners.insert(connection, client);
        let known_gone = std::mem::take(&mut self.clients[client].known_gone);
        self.clients[client].expects =
            if known_gone && self.clients[client].pid.is_some() && !self.play.tight {
                Expects::Recovery
            } else {
                Expects::Anything
            };
        self.clients[client].link = Some(Link {
            shard,
            connection,
            down: VecDeque::new(),
        });
        let url = "/socket.io/?EIO=4&transport=websocket";
        let effects =
            self.hosts[shard].request(request(connection, Transport::Websocket, "GET", url, &[]));
        self.settle(shard, effects);
    }

    fn say(&mut self, client: usize, text: String) {
        let Some(link) = &self.clients[client].link else {
            return;
        };
        let (shard, connection) = (link.shard, link.connection);
        let effects = self.hosts[shard].frame(connection, Frame::Text(text));
        self.settle(shard, effects);
    }

    /// The connection breaks; what is on its way is lost. The node may notice later.
    fn cut(&mut self, client: usize, noticed: bool) {
        // What came before CONNECT waits in the client, which would hear it again after the next one:
        // nothing that a server could prevent.
        if !self.clients[client].buffer.is_empty() {
            return;
        }
        let Some(link) = self.clients[client].link.take() else {
            return;
        };
        self.clients[client].connected = false;
        self.clients[client].known_gone = false;
        self.zombies.push((client, link.connection));
        if noticed {
            self.notice(self.zombies.len() - 1);
        }
    }

    fn notice(&mut self, at: usize) {
        let (_, connection) = self.zombies.remove(at);
        let shard = (connection >> SHARD_SHIFT) as usize;
        let effects = self.hosts[shard].closed(connection, Cause::Failed);
        self.settle(shard, effects);
    }

    fn is_sent_to(&self, client: usize) -> bool {
        let link = self.clients[client].link.as_ref();
        link.is_some_and(|link| !link.down.is_empty())
    }

    /// One frame reaches a client.
    fn arrive(&mut self, client: usize) {
        let frame = self.clients[client]
            .link
            .as_mut()
            .and_then(|link| link.down.pop_front());
        match frame {
            None => {}
            Some(None) => {
                self.clients[client].link = None;
                self.clients[client].connected = false;
                self.clients[client].known_gone = false;
            }
            Some(Some(Frame::Text(text))) => self.read(client, &text),
            Some(Some(frame)) => panic!("{frame:?}"),
        }
    }

    fn read(&mut self, client: usize, text: &str) {
        let known = &self.clients[client];
        if text.starts_with("0{") || text.starts_with("44") {
            // The application, when it is refused, tries again.
            let mut auth = serde_json::Map::new();
            if let Some(pid) = &known.pid {
                auth.insert("pid".to_owned(), json!(pid));
                if let Some(offset) = &known.offset {
                    auth.insert("offset".to_owned(), json!(offset));
                }
            }
            let connect = if auth.is_empty() {
                "40".to_owned()
            } else {
                format!("40{}", Value::Object(auth))
            };
            self.say(client, connect);
        } else if text == "2" {
            self.say(client, "3".to_owned());
        } else if let Some(json) = text.strip_prefix("40") {
            let data: Value = serde_json::from_str(json).unwrap();
            self.connected(client, &data);
        } else if let Some(json) = text.strip_prefix("42") {
            let start = json.find('[').unwrap();
            let mut args: Vec<Value> = serde_json::from_str(&json[start..]).unwrap();
            if start > 0 {
                // The callback for the acknowledgement is the last argument.
                args.push(Value::Null);
            }
            if known.connected {
                self.hear(client, &args);
            } else {
                self.clients[client].buffer.push(args);
            }
        } else {
            panic!("client {client} gets {text}");
        }
    }

    fn connected(&mut self, client: usize, data: &Value) {
        let pid = data["pid"].as_str().unwrap().to_owned();
        let known = &mut self.clients[client];
        let recovered = known.pid.as_ref() == Some(&pid);
        let id = data["sid"].as_str().unwrap().to_owned();
        if recovered {
            assert_eq!(known.id.as_ref(), Some(&id), "recovered with another id");
            known.recoveries += 1;
        } else {
            assert!(
                known.expects == Expects::Anything,
                "client {client} is not recovered"
            );
            known.lives += 1;
            known.heard = vec![Vec::new(); self.play.shards];
            known.singles.clear();
        }
        known.pid = Some(pid);
        known.id = Some(id);
        known.connected = true;
        for args in std::mem::take(&mut known.buffer) {
            self.hear(client, &args);
        }
    }

    fn hear(&mut self, client: usize, args: &[Value]) {
        let known = &mut self.clients[client];
        if let Some(Value::String(offset)) = args.last() {
            known.offset = Some(offset.clone());
        }
        match args[0].as_str() {
            Some("b") => {
                let place = args[1].as_u64().unwrap() as usize;
                let number = args[2].as_u64().unwrap() as usize;
                let heard = &mut known.heard[place];
                let life = &self.lives[known.id.as_ref().unwrap()];
                assert_eq!(
                    Some(&number),
                    life.expected[place].get(heard.len()),
                    "client {client} hears {number} of {place} after {heard:?}"
                );
                heard.push(number);
            }
            Some("s") => known.singles.push(args[1].as_u64().unwrap()),
            _ => {}
        }
    }

    // ------------------------------------------------------------------ a run

    fn step(&mut self) {
        let client = self.random.pick(CLIENTS);
        match self.random.below(40) {
            0..=11 => self.arrive(client),
            12..=19 => {
                let from = self.random.pick(self.play.shards);
                let to = self.random.pick(self.play.shards);
                self.deliver(from, to);
            }
            20..=25 => self.broadcast(),
            26 | 27 => self.emit(),
            28 => self.change_rooms(),
            29 | 30 => {
                let noticed = self.random.below(4) > 0;
                self.cut(client, noticed);
            }
            31 if !self.zombies.is_empty() => {
                let at = self.random.pick(self.zombies.len());
                self.notice(at);
            }
            32..=35 if self.clients[client].link.is_none() => {
                if self.random.below(4) > 0 {
                    self.flush();
                }
                self.open(client);
            }
            36 => self.advance(1),
            37 if self.random.below(4) == 0 => {
                self.flush();
                let ms = [300, 3_000, 12_000][self.random.pick(3)];
                self.advance(ms);
            }
            38 if self.random.below(4) == 0 => {
                let shard = self.random.pick(self.play.shards);
                self.hosts[shard].guest = self.hosts[shard].restored();
            }
            _ => {}
        }
    }

    /// Everybody comes back and hears all there is. Gives recoveries and lives.
    fn end(&mut self) -> (u32, u32) {
        while !self.zombies.is_empty() {
            self.notice(0);
        }
        self.flush();
        for _ in 0..3 {
            for client in 0..CLIENTS {
                if self.clients[client].link.is_none() {
                    self.open(client);
                }
            }
            for _ in 0..30 {
                self.flush();
                for client in 0..CLIENTS {
                    while self.is_sent_to(client) {
                        self.arrive(client);
                    }
                }
            }
        }
        let mut sum = (0, 0);
        for (client, known) in self.clients.iter().enumerate() {
            assert!(known.connected);
            let id = known.id.as_ref().unwrap();
            let life = &self.lives[id];
            assert_eq!(known.heard, life.expected, "client {client}");
            let given: Vec<usize> = self.broadcasts.iter().map(Vec::len).collect();
            assert_eq!(life.next, given, "client {client}");
            let none = Vec::new();
            let mut heard = known.singles.iter().peekable();
            for (number, must) in self.posted.get(id).unwrap_or(&none) {
                if heard.peek() == Some(&number) {
                    heard.next();
                } else {
                    assert!(!must, "client {client} never hears single {number}");
                }
            }
            assert_eq!(heard.next(), None, "client {client}: out of order");
            sum = (sum.0 + known.recoveries, sum.1 + known.lives);
        }
        sum
    }
}

fn run(seed: u64, play: Play) -> (u32, u32) {
    let mut world = World::new(seed, play);
    for client in 0..CLIENTS {
        world.open(client);
    }
    for _ in 0..STEPS {
        world.step();
    }
    world.end()
}

fn seeds() -> u64 {
    std::env::var("HOLDFAST_SEEDS").map_or(24, |seeds| seeds.parse().unwrap())
}

fn run_all(play: Play) {
    let mut sum = (0, 0);
    for seed in 0..seeds() {
        let (recoveries, lives) = std::panic::catch_unwind(|| run(seed, play))
            .unwrap_or_else(|_| panic!("seed {seed} fails"));
        sum = (sum.0 + recoveries, sum.1 + lives);
    }
    println!("{} recoveries, {} lives", sum.0, sum.1);
    assert!(sum.0 > sum.1, "{} recoveries, {} lives", sum.0, sum.1);
}

#[test]
fn on_one_shard_everything_arrives_once_and_in_order() {
    run_all(Play {
        shards: 1,
        packets_max: "10000",
        tight: false,
    });
}

#[test]
fn between_shards_everything_arrives_once_and_in_order() {
    run_all(Play {
        shards: SHARDS,
        packets_max: "10000",
        tight: false,
    });
}

#[test]
fn a_log_that_is_too_short_loses_nothing_unsaid() {
    let mut lives = 0;
    for shards in [1, 2] {
        for seed in 0..seeds() {
            let play = Play {
                shards,
                packets_max: "12",
                tight: true,
            };
            lives += run(seed, play).1;
        }
    }
    assert!(lives > 0);
}

/// What no client sends, and what no shard does, changes nothing.
#[test]
fn no_message_between_shards_makes_it_panic() {
    let settings = [
        ("connection_state_recovery", "true"),
        ("shard", "0"),
        ("shards", "2"),
    ];
    let mut host = Host::new(Protocol::new, &settings);
    host.load(0, manifest(&["/"], false, false));
    let mut random = Random(7);
    for length in 0..400 {
        let bytes = (0..length % 80)
            .map(|at| if at == 0 { random.below(5) } else { random.below(256) } as u8)
            .collect();
        let channel = "recovery".to_owned();
        host.turn(vec![Event::Published(Published { channel, bytes })]);
    }
}

/// Many who come from another shard do not push out what others have missed on this one.
#[test]
fn many_who_change_shards_leave_the_log_to_the_others() {
    let play = Play {
        shards: 2,
        packets_max: "12",
        tight: false,
    };
    let mut world = World::new(3, play);
    world.clients.clear();
    for client in 0..40 {
        world.clients.push(Client {
            heard: vec![Vec::new(); 2],
            ..Client::default()
        });
        world.open_on(client % 2, client);
    }
    let quiet = |world: &mut World| {
        for _ in 0..5 {
            world.flush();
            for client in 0..40 {
                while world.is_sent_to(client) {
                    world.arrive(client);
                }
            }
        }
    };
    quiet(&mut world);
    for client in 0..40 {
        world.cut(client, true);
    }
    while world.broadcasts.iter().map(Vec::len).sum::<usize>() < 10 {
        world.broadcast();
    }
    quiet(&mut world);
    // First those of the other shard, then those who were here.
    for client in (0..40).filter(|client| client % 2 == 0) {
        world.open_on(1, client);
        quiet(&mut world);
    }
    for client in (0..40).filter(|client| client % 2 == 1) {
        world.open_on(1, client);
        quiet(&mut world);
    }
    let recovered = world.clients.iter().filter(|client| client.recoveries == 1);
    assert_eq!(recovered.count(), 40);
}
