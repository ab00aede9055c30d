//! Connection state recovery on two shards, with clients that keep an offset as the unmodified
//! `socket.io-client` does: broken connections at any moment, comings back to either shard, broadcasts
//! and messages to one, heartbeats, fresh instances of the guest at any time. All in virtual time, from one
//! seed.
//!
//! What must hold: every client that comes back in time is recovered, and of the messages that were sent
//! to it while it was there or away each arrives once, in order.

use crate::support::protocol::{Effect, Host, manifest, request};
use holdfast_protocol::Protocol;
use holdfast_protocol::contract::{
    Act, AppEvent, Audience, Broadcast, Cause, Connecting, Connection, Delivery, Emission, Event,
    Frame, Order, Payload, Published, Transport,
};
use std::collections::VecDeque;

const CLIENTS: usize = 3;
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
}

/// On its way to a shard.
enum Parcel {
    Orders { orders: Vec<Order>, before: u64 },
    Published(Published),
}

#[derive(Default)]
struct Client {
    connection: Option<Connection>,
    /// Frames that it has not read yet: lost when the connection breaks.
    unread: VecDeque<Frame>,
    pid: String,
    offset: String,
    recoveries: u32,
    /// The numbers of the broadcasts, and of the messages to it alone.
    heard: Vec<u64>,
    alone: Vec<u64>,
    /// Its socket, as the app knows it.
    socket: Option<u64>,
}

struct World {
    random: Random,
    shards: [Host<Protocol>; 2],
    parcels: [VecDeque<Parcel>; 2],
    clients: Vec<Client>,
    next_connection: u64,
    orders: u64,
    broadcasts: u64,
    alone: Vec<u64>,
}

fn payload(json: String) -> Payload {
    Payload {
        json,
        attachments: Vec::new(),
    }
}

impl World {
    fn new(seed: u64) -> World {
        let host = |shard: &str| {
            let mut host = Host::new(
                Protocol::new,
                &[
                    ("connection_state_recovery", "true"),
                    ("connection_state_recovery.packets_max", "400"),
                    ("shard", shard),
                    ("shards", "2"),
                    ("ping_interval", "300"),
                    ("ping_timeout", "10000"),
                ],
            );
            host.load(0, manifest(&["/"], false, false));
            host
        };
        World {
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            shards: [host("0"), host("1")],
            parcels: [VecDeque::new(), VecDeque::new()],
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            next_connection: 1,
            orders: 0,
            broadcasts: 0,
            alone: vec![0; CLIENTS],
        }
    }

    fn shard_of(connection: Connection) -> usize {
        (connection >> SHARD_SHIFT) as usize
    }

    /// What a shard decided: frames go to clients, events to the app, whose orders are sent off.
    fn carry(&mut self, shard: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Frame { connection, frame } => {
                    let client = self
                        .clients
                        .iter_mut()
                        .find(|client| client.connection == Some(connection));
                    if let Some(client) = client {
                        client.unread.push_back(frame);
                    }
                }
                Effect::Published(published) => {
                    self.parcels[1 - shard].push_back(Parcel::Published(published))
                }
                Effect::App { event, .. } => self.hear_as_app(shard, event),
                _ => {}
            }
        }
    }

    fn hear_as_app(&mut self, shard: usize, event: AppEvent) {
        match event {
            AppEvent::Connecting(Connecting { info, recovered }) => {
                let mut orders = vec![Act::Admit];
                if let Some(recovered) = &recovered {
                    assert!(recovered.rooms.contains(&"all".to_owned()));
                    assert!(recovered.skip_middlewares && info.recovered);
                } else {
                    orders.push(Act::Join(vec!["all".to_owned()]));
                }
                let connection = info.socket >> 16;
                let client = self
                    .clients
                    .iter_mut()
                    .find(|client| client.connection == Some(connection));
                if let Some(client) = client {
                    client.socket = Some(info.socket);
                }
                let orders = orders.into_iter().map(|act| Order {
                    socket: Some(info.socket),
                    act,
                });
                let orders = orders.collect();
                let before = self.orders;
                self.parcels[shard].push_back(Parcel::Orders { orders, before });
            }
            // The app goes on sending to the socket that it had: what it sends is kept.
            AppEvent::Disconnected(_) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }

    /// The next thing on its way to a shard arrives.
    fn arrive(&mut self, shard: usize) {
        let effects = match self.parcels[shard].pop_front() {
            None => return,
            Some(Parcel::Orders { orders, before }) => {
                self.shards[shard].turn(vec![Event::Commanded(
                    holdfast_protocol::contract::Commanded {
                        app: 0,
                        orders,
                        place: 0,
                        before,
                        home: shard == 0,
                    },
                )])
            }
            Some(Parcel::Published(published)) => {
                self.shards[shard].turn(vec![Event::Published(published)])
            }
        };
        self.carry(shard, effects);
    }

    fn broadcast(&mut self) {
        self.broadcasts += 1;
        let number = self.broadcasts;
        let order = |json: String, delivery| Order {
            socket: None,
            act: Act::Broadcast(Broadcast {
                to: Audience {
                    namespace: "/".to_owned(),
                    rooms: vec!["all".to_owned()],
                    except: Vec::new(),
                },
                payload: payload(json),
                delivery,
                ack: None,
            }),
        };
        let mut orders = vec![order(format!("[\"all\",{number}]"), Delivery::empty())];
        if self.random.below(4) == 0 {
            orders.push(order(
                "[\"fleeting\",\"text\"]".to_owned(),
                Delivery::VOLATILE,
            ));
        }
        let before = self.orders;
        self.orders += orders.len() as u64;
        for parcels in &mut self.parcels {
            let orders = orders.clone();
            parcels.push_back(Parcel::Orders { orders, before });
        }
    }

    /// A message to one, whether its client is there or away. One that crosses the socket's way to another
    /// shard is lost.
    fn tell(&mut self, who: usize) {
        let Some(socket) = self.clients[who].socket else {
            return;
        };
        self.alone[who] += 1;
        let json = format!("[\"one\",{}]", self.alone[who]);
        let order = Order {
            socket: Some(socket),
            act: Act::Emit(Emission {
                payload: payload(json),
                delivery: Delivery::empty(),
                ack: None,
            }),
        };
        let before = self.orders;
        let orders = vec![order];
        self.parcels[Self::shard_of(socket >> 16)].push_back(Parcel::Orders { orders, before });
    }

    /// A client comes, or comes back: not within the instant in which its socket is on its way from shard
    /// to shard.
    fn connect(&mut self, who: usize) {
        self.deliver();
        let shard = self.random.below(2);
        let connection = shard << SHARD_SHIFT | self.next_connection;
        self.next_connection += 1;
        self.clients[who].connection = Some(connection);
        let url = "/socket.io/?EIO=4&transport=websocket";
        let effects = self.shards[shard as usize].request(request(
            connection,
            Transport::Websocket,
            "GET",
            url,
            &[],
        ));
        self.carry(shard as usize, effects);
        let client = &self.clients[who];
        let auth = if client.pid.is_empty() {
            String::new()
        } else {
            format!(
                "{{\"pid\":\"{}\",\"offset\":\"{}\"}}",
                client.pid, client.offset
            )
        };
        let effects =
            self.shards[shard as usize].frame(connection, Frame::Text(format!("40{auth}")));
        self.carry(shard as usize, effects);
    }

    fn cut(&mut self, who: usize) {
        let client = &mut self.clients[who];
        client.unread.clear();
        if let Some(connection) = client.connection.take() {
            let shard = Self::shard_of(connection);
            let effects = self.shards[shard].closed(connection, Cause::Failed);
            self.carry(shard, effects);
        }
    }

    /// A client reads one frame (reference: `Socket.onevent`, `emitEvent`, `onconnect`).
    fn read(&mut self, who: usize) {
        let client = &mut self.clients[who];
        let (Some(connection), Some(Frame::Text(text))) =
            (client.connection, client.unread.pop_front())
        else {
            return;
        };
        if text == "2" {
            let shard = Self::shard_of(connection);
            let effects = self.shards[shard].frame(connection, Frame::Text("3".to_owned()));
            return self.carry(shard, effects);
        }
        if let Some(json) = text.strip_prefix("40") {
            let reply: serde_json::Value = serde_json::from_str(json).expect("an object");
            let pid = reply["pid"].as_str().expect("recovery is on").to_owned();
            if !client.pid.is_empty() {
                assert_eq!(pid, client.pid, "client {who} was not recovered");
                client.recoveries += 1;
            }
            client.pid = pid;
        } else if let Some(json) = text.strip_prefix("42") {
            let args: Vec<serde_json::Value> = serde_json::from_str(json).expect("an array");
            match args[0].as_str() {
                Some("all") => client.heard.push(args[1].as_u64().expect("a number")),
                Some("one") => client.alone.push(args[1].as_u64().expect("a number")),
                _ => {}
            }
            if let Some(offset) = args.last().and_then(serde_json::Value::as_str) {
                client.offset = offset.to_owned();
            }
        }
    }

    /// Time passes: what shards say to each other is quicker than that.
    fn pass(&mut self, wait_ms: u64) {
        self.deliver();
        for shard in 0..2 {
            let to_ms = self.shards[shard].now_ms + wait_ms;
            let effects = self.shards[shard].advance(to_ms);
            self.carry(shard, effects);
        }
    }

    /// Everything that is on its way to shards arrives.
    fn deliver(&mut self) {
        while self.parcels.iter().any(|parcels| !parcels.is_empty()) {
            self.arrive(0);
            self.arrive(1);
        }
    }

    /// Everything that is on its way arrives.
    fn settle(&mut self) {
        self.deliver();
        for who in 0..CLIENTS {
            while !self.clients[who].unread.is_empty() {
                self.read(who);
            }
        }
    }
}

fn play(seed: u64) -> u32 {
    let mut world = World::new(seed);
    for who in 0..CLIENTS {
        world.connect(who);
    }
    world.settle();
    for _ in 0..120 {
        let who = world.random.below(CLIENTS as u64) as usize;
        match world.random.below(12) {
            0..=2 => world.broadcast(),
            3 => world.tell(who),
            4 | 5 => {
                let shard = world.random.below(2) as usize;
                world.arrive(shard);
            }
            6 | 7 => world.read(who),
            8 => world.cut(who),
            9 if world.clients[who].connection.is_none() => world.connect(who),
            10 => {
                let wait_ms = 1 + world.random.below(200);
                world.pass(wait_ms);
            }
            11 => {
                let shard = world.random.below(2) as usize;
                world.shards[shard].guest = world.shards[shard].restored();
            }
            _ => {}
        }
    }
    for who in 0..CLIENTS {
        if world.clients[who].connection.is_none() {
            world.connect(who);
        }
    }
    world.settle();
    world.settle();
    let mut recoveries = 0;
    for (who, client) in world.clients.iter().enumerate() {
        let all: Vec<u64> = (1..=world.broadcasts).collect();
        assert_eq!(client.heard, all, "seed {seed}: client {who}, to all");
        assert!(
            client.alone.is_sorted_by(|one, next| one < next),
            "seed {seed}: client {who}, alone: {:?}",
            client.alone
        );
        recoveries += client.recoveries;
    }
    recoveries
}

#[test]
fn nothing_is_missed_or_heard_twice_wherever_a_client_comes_back() {
    let seeds = std::env::var("SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let recoveries: u32 = (1..=seeds.unwrap_or(400)).map(play).sum();
    assert!(recoveries > 400, "only {recoveries} recoveries were tried");
}
