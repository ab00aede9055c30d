//! Clients of every kind, a network that delays and breaks, an app that answers and broadcasts: all in
//! virtual time, all from one seed. The clients number what they send and check what they get.
//!
//! What must hold: nothing is lost, doubled or reordered in a session that is not cut off; nothing is
//! heard of a socket after its end; two runs of a seed are equal; a restored instance decides the same
//! after every call, and may take over at any of them. What the miniature host asserts holds as well:
//! each exchange is answered once, nothing is sent to what is over, columns fit.

use crate::support::guest::Guest;
use crate::support::protocol::{Effect, Host, manifest, request, sid};
use holdfast_protocol::Protocol;
use holdfast_protocol::contract::{
    Act, AppEvent, Audience, Body, Broadcast, Cause, Connecting, Connection, Delivery, Emission,
    Frame, Order, Payload, Reply, Transport,
};
use std::collections::{BTreeMap, BTreeSet};

const CLIENTS: u64 = 6;
const MESSAGES: u32 = 12;
const END_MS: u64 = 90_000;

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

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Polling,
    Websocket,
    Upgrading,
}

/// What is under way.
enum Parcel {
    /// To the host.
    Request {
        client: u64,
        connection: Connection,
        transport: Transport,
        method: &'static str,
        body: Option<String>,
    },
    Frame {
        connection: Connection,
        frame: Frame,
    },
    Cut {
        client: u64,
    },
    /// To a client.
    Answer {
        client: u64,
        connection: Connection,
        status: u16,
        body: String,
    },
    Arrived {
        client: u64,
        connection: Connection,
        frame: Frame,
    },
    Accepted {
        client: u64,
        connection: Connection,
    },
    Gone {
        client: u64,
        connection: Connection,
    },
    /// A client's own time.
    Speak {
        client: u64,
    },
    /// The app's own time.
    Broadcast,
    Orders(Vec<Order>),
}

struct Client {
    kind: Kind,
    session: Option<Connection>,
    poll: Option<Connection>,
    post: Option<Connection>,
    stream: Option<Connection>,
    probe: Option<Connection>,
    /// `3probe` has come: no more polls, `5` once nothing is on its way.
    pausing: bool,
    joined: bool,
    over: bool,
    /// Packets that wait for a POST, or for the end of the upgrade.
    outgoing: Vec<Frame>,
    said: u32,
    /// The events received, in order.
    heard: Vec<String>,
    acked: Vec<u64>,
    attachments_due: bool,
}

/// What the app believes of a socket.
#[derive(Default)]
struct Seat {
    client: u64,
    connected: bool,
    gone: bool,
    /// The next number that the client has to say.
    next: u32,
    /// What the client has to hear, in order.
    told: Vec<String>,
}

struct World<G> {
    host: Host<G>,
    random: Random,
    queue: BTreeMap<(u64, u64), Parcel>,
    order: u64,
    /// When the last parcel of a connection arrives: they do not overtake each other.
    lanes: BTreeMap<(Connection, bool), u64>,
    clients: Vec<Client>,
    owners: BTreeMap<Connection, u64>,
    seats: BTreeMap<u64, Seat>,
    next_connection: Connection,
    trace: Vec<(u64, Effect)>,
    broadcasts: u32,
    swaps: bool,
}

/// Runs a seed to its end and gives everything that left the host, with its time.
pub fn run<G: Guest>(make: fn() -> G, seed: u64, shadowing: bool) -> Vec<(u64, Effect)> {
    let mut host = Host::new(
        make,
        &[
            ("ping_interval", "5000"),
            ("ping_timeout", "4000"),
            ("upgrade_timeout", "3000"),
        ],
    );
    host.shadowing = shadowing;
    let mut world = World {
        host,
        random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        queue: BTreeMap::new(),
        order: 0,
        lanes: BTreeMap::new(),
        clients: Vec::new(),
        owners: BTreeMap::new(),
        seats: BTreeMap::new(),
        next_connection: 1,
        trace: Vec::new(),
        broadcasts: 0,
        swaps: shadowing,
    };
    let effects = world.host.load(0, manifest(&["/"], false, false));
    world.carry(effects);
    world.play();
    world.check();
    world.trace
}

impl<G: Guest> World<G> {
    fn play(&mut self) {
        let start_ms = self.host.now_ms;
        for client in 0..CLIENTS {
            let kind = [Kind::Polling, Kind::Websocket, Kind::Upgrading][(client % 3) as usize];
            self.clients.push(Client {
                kind,
                session: None,
                poll: None,
                post: None,
                stream: None,
                probe: None,
                pausing: false,
                joined: false,
                over: false,
                outgoing: Vec::new(),
                said: 0,
                heard: Vec::new(),
                acked: Vec::new(),
                attachments_due: false,
            });
            let transport = if kind == Kind::Websocket {
                Transport::Websocket
            } else {
                Transport::Exchange
            };
            let connection = self.request(client, transport, "GET", None);
            self.clients[client as usize].session = Some(connection);
            if self.lossy(client) {
                let at_ms = self.host.now_ms + 1_000 + self.random.below(20_000);
                self.put(at_ms, Parcel::Cut { client });
            }
        }
        for at in 0..8 {
            self.put(start_ms + 2_000 + at * 3_100, Parcel::Broadcast);
        }
        while let Some(((at_ms, _), parcel)) = self.queue.pop_first() {
            if at_ms > start_ms + END_MS {
                break;
            }
            let effects = self.host.advance(at_ms);
            self.carry(effects);
            if self.swaps && self.random.below(10) == 0 {
                self.host.guest = self.host.restored();
            }
            self.host.late = self.random.below(2) == 0;
            self.deliver(parcel);
            let effects = self.host.release();
            self.carry(effects);
        }
    }

    /// Every second client of a kind is cut off one day.
    fn lossy(&self, client: u64) -> bool {
        client >= CLIENTS / 2
    }

    fn put(&mut self, at_ms: u64, parcel: Parcel) {
        self.order += 1;
        self.queue.insert((at_ms, self.order), parcel);
    }

    /// Sends a parcel along a connection: after a while, behind those before it.
    fn travel(&mut self, connection: Connection, to_host: bool, parcel: Parcel) {
        let delay = 1 + self.random.below(120);
        let last = self.lanes.entry((connection, to_host)).or_default();
        *last = (*last).max(self.host.now_ms + delay);
        let at_ms = *last;
        self.put(at_ms, parcel);
    }

    fn request(
        &mut self,
        client: u64,
        transport: Transport,
        method: &'static str,
        body: Option<String>,
    ) -> Connection {
        let connection = self.next_connection;
        self.next_connection += 1;
        self.owners.insert(connection, client);
        self.travel(
            connection,
            true,
            Parcel::Request {
                client,
                connection,
                transport,
                method,
                body,
            },
        );
        connection
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Request {
                client,
                connection,
                transport,
                method,
                body,
            } => {
                let session = self.clients[client as usize].session;
                let kind = if transport == Transport::Websocket {
                    "websocket"
                } else {
                    "polling"
                };
                let mut url = format!("/socket.io/?EIO=4&transport={kind}");
                if session != Some(connection) {
                    url.push_str(&format!("&sid={}", sid(session.unwrap_or_default())));
                }
                if self.clients[client as usize].over {
                    return;
                }
                let effects = self
                    .host
                    .request(request(connection, transport, method, &url, &[]));
                self.carry(effects);
                if let Some(body) = body {
                    let effects = self.host.body(connection, Body::Whole(body.into_bytes()));
                    self.carry(effects);
                }
            }
            Parcel::Frame { connection, frame } => {
                let effects = self.host.frame(connection, frame);
                self.carry(effects);
            }
            Parcel::Cut { client } => self.cut(client),
            Parcel::Answer {
                client,
                connection,
                status,
                body,
            } => self.answered(client, connection, status, &body),
            Parcel::Arrived {
                client,
                connection,
                frame,
            } => self.arrived(client, connection, frame),
            Parcel::Accepted { client, connection } => {
                if self.clients[client as usize].probe == Some(connection) {
                    self.travel(connection, true, frame(connection, "2probe"));
                } else {
                    self.clients[client as usize].stream = Some(connection);
                }
            }
            Parcel::Gone { client, connection } => {
                let client = &mut self.clients[client as usize];
                client.over |= client.stream == Some(connection);
                if client.probe == Some(connection) {
                    client.probe = None;
                    client.pausing = false;
                }
            }
            Parcel::Speak { client } => self.speak(client),
            Parcel::Broadcast => self.broadcast(),
            Parcel::Orders(orders) => {
                let effects = self.host.command(0, orders);
                self.carry(effects);
            }
        }
    }

    // ------------------------------------------------------------------ the host's side

    fn carry(&mut self, effects: Vec<Effect>) {
        let now_ms = self.host.now_ms;
        let mut orders = Vec::new();
        for effect in effects {
            self.trace.push((now_ms, effect.clone()));
            match effect {
                Effect::Respond {
                    connection,
                    status,
                    body,
                    ..
                } => {
                    let body = String::from_utf8(body).unwrap();
                    let client = self.owners[&connection];
                    self.travel(
                        connection,
                        false,
                        Parcel::Answer {
                            client,
                            connection,
                            status,
                            body,
                        },
                    );
                }
                Effect::Accept { connection, .. } => {
                    let client = self.owners[&connection];
                    self.travel(connection, false, Parcel::Accepted { client, connection });
                }
                Effect::Frame { connection, frame } => {
                    let client = self.owners[&connection];
                    self.travel(
                        connection,
                        false,
                        Parcel::Arrived {
                            client,
                            connection,
                            frame,
                        },
                    );
                }
                Effect::Close(connection) => {
                    let client = self.owners[&connection];
                    self.travel(connection, false, Parcel::Gone { client, connection });
                }
                Effect::App { event, .. } => self.heard_by_app(event, &mut orders),
                _ => {}
            }
        }
        if !orders.is_empty() {
            if self.random.below(3) == 0 {
                let at_ms = now_ms + self.random.below(40);
                // Later orders must not overtake these.
                let last = self.lanes.entry((0, true)).or_default();
                *last = (*last).max(at_ms);
                let at_ms = *last;
                self.put(at_ms, Parcel::Orders(orders));
            } else if self
                .lanes
                .get(&(0, true))
                .is_some_and(|last| *last >= now_ms)
            {
                let at_ms = self.lanes[&(0, true)];
                self.put(at_ms, Parcel::Orders(orders));
            } else {
                let effects = self.host.command(0, orders);
                self.carry(effects);
            }
        }
    }

    fn heard_by_app(&mut self, event: AppEvent, orders: &mut Vec<Order>) {
        match event {
            AppEvent::Connecting(Connecting { info, .. }) => {
                let client = self.owners[&(info.socket >> 16)];
                self.seats.insert(
                    info.socket,
                    Seat {
                        client,
                        connected: true,
                        ..Seat::default()
                    },
                );
                orders.push(Order {
                    socket: Some(info.socket),
                    act: Act::Admit,
                });
            }
            AppEvent::Message(message) => {
                let seat = self
                    .seats
                    .get_mut(&message.socket)
                    .expect("a socket that was announced");
                assert!(!seat.gone, "a message after the end");
                let number = seat.next;
                seat.next += 1;
                let said = if message.payload.attachments.is_empty() {
                    format!("[\"up\",{number}]")
                } else {
                    assert_eq!(message.payload.attachments, [vec![number as u8; 3]]);
                    format!("[\"up\",{number},{{\"_placeholder\":true,\"num\":0}}]")
                };
                assert_eq!(message.payload.json, said, "out of order");
                if let Some(ack) = message.ack {
                    let payload = Payload {
                        json: "[]".to_owned(),
                        attachments: Vec::new(),
                    };
                    orders.push(Order {
                        socket: Some(message.socket),
                        act: Act::Reply(Reply { ack, payload }),
                    });
                }
                let binary = number.is_multiple_of(4);
                let placeholder = if binary {
                    ",{\"_placeholder\":true,\"num\":0}"
                } else {
                    ""
                };
                let json = format!("[\"down\",{number}{placeholder}]");
                seat.told.push(json.clone());
                let attachments = if binary {
                    vec![vec![number as u8; 5]]
                } else {
                    Vec::new()
                };
                let payload = Payload { json, attachments };
                let emission = Emission {
                    payload,
                    delivery: Delivery::empty(),
                    ack: None,
                };
                orders.push(Order {
                    socket: Some(message.socket),
                    act: Act::Emit(emission),
                });
            }
            AppEvent::Disconnected(departed) => {
                let seat = self
                    .seats
                    .get_mut(&departed.socket)
                    .expect("a socket that was announced");
                assert!(!std::mem::replace(&mut seat.gone, true), "gone twice");
                let known = [
                    "transport error",
                    "transport close",
                    "ping timeout",
                    "forced close",
                ];
                assert!(
                    known.contains(&departed.reason.as_str()),
                    "{}",
                    departed.reason
                );
                let client = seat.client;
                assert!(
                    self.lossy(client),
                    "client {client} is gone: {}",
                    departed.reason
                );
            }
            other => panic!("the app did not ask for {other:?}"),
        }
    }

    fn broadcast(&mut self) {
        // Only when no order is on its way, so that the app knows in what order they arrive.
        let now_ms = self.host.now_ms;
        if self
            .lanes
            .get(&(0, true))
            .is_some_and(|last| *last >= now_ms)
        {
            self.put(now_ms + 50, Parcel::Broadcast);
            return;
        }
        let json = format!("[\"all\",{}]", self.broadcasts);
        self.broadcasts += 1;
        for seat in self
            .seats
            .values_mut()
            .filter(|seat| seat.connected && !seat.gone)
        {
            seat.told.push(json.clone());
        }
        let to = Audience {
            namespace: "/".to_owned(),
            rooms: Vec::new(),
            except: Vec::new(),
        };
        let payload = Payload {
            json,
            attachments: Vec::new(),
        };
        let act = Act::Broadcast(Broadcast {
            to,
            payload,
            delivery: Delivery::empty(),
            ack: None,
        });
        let effects = self.host.command(0, vec![Order { socket: None, act }]);
        self.carry(effects);
    }

    /// The network loses a client: all its connections break.
    fn cut(&mut self, client: u64) {
        self.clients[client as usize].over = true;
        let connections: Vec<Connection> = self
            .owners
            .iter()
            .filter(|(_, owner)| **owner == client)
            .map(|(connection, _)| *connection)
            .collect();
        for connection in connections {
            let effects = self.host.closed(connection, Cause::Failed);
            self.carry(effects);
        }
    }

    // ------------------------------------------------------------------ the clients' side

    fn answered(&mut self, number: u64, connection: Connection, status: u16, body: &str) {
        let client = &mut self.clients[number as usize];
        if client.over {
            return;
        }
        assert_eq!(status, 200, "client {number}: {body}");
        if client.post == Some(connection) {
            client.post = None;
            assert_eq!(body, "ok");
        } else {
            assert!(client.poll == Some(connection) || client.session == Some(connection));
            client.poll = None;
            for packet in body.split('\u{1e}') {
                let frame = match packet.strip_prefix('b') {
                    Some(coded) => Frame::Binary(decode(coded)),
                    None => Frame::Text(packet.to_owned()),
                };
                self.packet(number, frame);
            }
        }
        self.go_on(number);
    }

    fn arrived(&mut self, number: u64, connection: Connection, frame: Frame) {
        if self.clients[number as usize].over {
            return;
        }
        if self.clients[number as usize].probe == Some(connection) {
            if frame == Frame::Text("3probe".to_owned()) {
                self.clients[number as usize].pausing = true;
                self.go_on(number);
                return;
            }
            panic!("client {number} was sent {frame:?} before it changed over");
        }
        assert_eq!(
            self.clients[number as usize].stream,
            Some(connection),
            "two transports write"
        );
        self.packet(number, frame);
        self.go_on(number);
    }

    fn packet(&mut self, number: u64, frame: Frame) {
        let client = &mut self.clients[number as usize];
        let text = match frame {
            Frame::Binary(bytes) => {
                assert!(
                    std::mem::replace(&mut client.attachments_due, false),
                    "a stray attachment"
                );
                assert_eq!(bytes.len(), 5);
                return;
            }
            Frame::Text(text) => text,
        };
        assert!(!client.attachments_due, "text before an attachment");
        if text.starts_with("0{") {
            self.send(number, Frame::Text("40".to_owned()));
            if self.clients[number as usize].kind == Kind::Upgrading {
                let probe = self.request(number, Transport::Websocket, "GET", None);
                self.clients[number as usize].probe = Some(probe);
            }
        } else if text == "2" {
            self.send(number, Frame::Text("3".to_owned()));
        } else if text.starts_with("40{") {
            assert!(!std::mem::replace(&mut client.joined, true));
            let at_ms = self.host.now_ms + self.random.below(500);
            self.put(at_ms, Parcel::Speak { client: number });
        } else if let Some(json) = text.strip_prefix("42") {
            client.heard.push(json.to_owned());
        } else if let Some(json) = text.strip_prefix("451-") {
            client.heard.push(json.to_owned());
            client.attachments_due = true;
        } else if let Some(ack) = text.strip_prefix("43") {
            client
                .acked
                .push(ack.trim_end_matches("[]").parse().unwrap());
        } else {
            assert!(text == "6", "client {number} got {text}");
        }
    }

    fn speak(&mut self, number: u64) {
        let client = &mut self.clients[number as usize];
        if client.over || client.said == MESSAGES {
            return;
        }
        let said = client.said;
        client.said += 1;
        if said % 3 == 1 {
            self.send(
                number,
                Frame::Text(format!(
                    "451-[\"up\",{said},{{\"_placeholder\":true,\"num\":0}}]"
                )),
            );
            self.send(number, Frame::Binary(vec![said as u8; 3]));
        } else {
            self.send(number, Frame::Text(format!("42{said}[\"up\",{said}]")));
        }
        let at_ms = self.host.now_ms + self.random.below(1_500);
        self.put(at_ms, Parcel::Speak { client: number });
        self.go_on(number);
    }

    fn send(&mut self, number: u64, frame: Frame) {
        let client = &mut self.clients[number as usize];
        match client.stream {
            Some(connection) if !client.pausing => {
                self.travel(connection, true, Parcel::Frame { connection, frame })
            }
            _ => client.outgoing.push(frame),
        }
    }

    /// Polls, posts, changes over: whatever is due.
    fn go_on(&mut self, number: u64) {
        let client = &mut self.clients[number as usize];
        if client.over || client.stream.is_some() {
            return;
        }
        if client.pausing {
            if client.poll.is_none() && client.post.is_none() {
                let Some(connection) = client.probe.take() else {
                    return;
                };
                client.pausing = false;
                client.stream = Some(connection);
                let outgoing = std::mem::take(&mut client.outgoing);
                self.travel(connection, true, self::frame(connection, "5"));
                for frame in outgoing {
                    self.travel(connection, true, Parcel::Frame { connection, frame });
                }
            }
            return;
        }
        if client.poll.is_none() {
            let poll = self.request(number, Transport::Exchange, "GET", None);
            self.clients[number as usize].poll = Some(poll);
        }
        let client = &mut self.clients[number as usize];
        if client.post.is_none() && !client.outgoing.is_empty() {
            let packets = std::mem::take(&mut client.outgoing);
            let packets: Vec<String> = packets.iter().map(packed).collect();
            let post = self.request(
                number,
                Transport::Exchange,
                "POST",
                Some(packets.join("\u{1e}")),
            );
            self.clients[number as usize].post = Some(post);
        }
    }

    // ------------------------------------------------------------------ the end

    fn check(&self) {
        for (number, client) in self.clients.iter().enumerate() {
            let seat = self
                .seats
                .values()
                .find(|seat| seat.client == number as u64);
            let told = seat.map(|seat| seat.told.as_slice()).unwrap_or_default();
            assert!(
                told.starts_with(&client.heard),
                "client {number} heard {:?} of {told:?}",
                client.heard
            );
            let once: BTreeSet<_> = client.acked.iter().collect();
            assert_eq!(
                once.len(),
                client.acked.len(),
                "client {number}: an acknowledgement twice"
            );
            if !self.lossy(number as u64) {
                assert_eq!(
                    client.heard.len(),
                    told.len(),
                    "client {number} missed something"
                );
                assert_eq!(
                    seat.map(|seat| seat.next),
                    Some(MESSAGES),
                    "the app missed something of client {number}"
                );
                let asked = (0..MESSAGES).filter(|said| said % 3 != 1).count();
                assert_eq!(
                    client.acked.len(),
                    asked,
                    "client {number} missed an acknowledgement"
                );
                assert!(
                    client.kind == Kind::Polling || client.stream.is_some(),
                    "client {number} has not changed over"
                );
            }
        }
    }
}

fn frame(connection: Connection, text: &str) -> Parcel {
    Parcel::Frame {
        connection,
        frame: Frame::Text(text.to_owned()),
    }
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A packet in a POST's body.
fn packed(frame: &Frame) -> String {
    match frame {
        Frame::Text(packet) if packet == "40" || packet == "3" => packet.clone(),
        Frame::Text(packet) => packet.clone(),
        Frame::Binary(bytes) => {
            let mut coded = "b".to_owned();
            for group in bytes.chunks(3) {
                let bits = group
                    .iter()
                    .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
                    << (8 * (3 - group.len()));
                for at in 0..4 {
                    let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
                    coded.push(if at <= group.len() {
                        char::from(letter)
                    } else {
                        '='
                    });
                }
            }
            coded
        }
    }
}

fn decode(coded: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut bits = 0u32;
    let mut count = 0;
    for letter in coded.bytes().take_while(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|known| *known == letter).unwrap() as u32;
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// How many seeds to run: `HOLDFAST_SEEDS`, or so many.
fn seeds(usual: u64) -> u64 {
    std::env::var("HOLDFAST_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(usual)
}

#[test]
fn nothing_is_lost_doubled_or_reordered() {
    for seed in 1..=seeds(60) {
        run(Protocol::new, seed, false);
    }
}

#[test]
fn a_restored_instance_may_take_over_at_any_time() {
    for seed in 1..=seeds(15) {
        run(Protocol::new, seed, true);
    }
}

#[test]
fn two_runs_of_a_seed_are_equal() {
    for seed in [7, 99, 4711] {
        assert_eq!(
            run(Protocol::new, seed, false),
            run(Protocol::new, seed, false)
        );
    }
}
