//! The key property of the protocol guest: an instance that is restored from the blobs of another one,
//! at any point of any conversation, decides everything later as that one does. And: no blob and no
//! byte of a peer makes it panic.

use crate::support::protocol::{Effect, Host, happened, manifest, request, sid};
use holdfast_protocol::Protocol;
use holdfast_protocol::contract::{
    Act, Audience, AudienceDisconnect, AudienceRooms, Body, Broadcast, Cause, Delivery, Emission,
    Event, Find, Frame, FrameKind, Happened, Header, Judgement, Note, Order, Payload, Published,
    ReceivedFrame, Refusal, Reply, SavedSession, Setting, Share, Transport,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};

const TEXTS: &[&str] = &[
    "40",
    "40/b,{\"a\":1}",
    "40/x",
    "41",
    "41/b,",
    "42[\"a\"]",
    "427[\"a\",{}]",
    "42/b,[\"b\"]",
    "43",
    "431[1]",
    "451-[\"x\",{\"_placeholder\":true,\"num\":0}]",
    "452-[\"y\"]",
    "450-[\"z\"]",
    "3",
    "3",
    "2probe",
    "2probe",
    "5",
    "5",
    "6",
    "0",
    "1",
    "2",
    "4",
    "49",
    "44{}",
    "7",
    "",
    "42[\"connect\"]",
    "bAQI=",
    "40",
    "40",
    "42[\"a\"]",
    "42[\"c\"]",
    "40/b?x=1",
    "b4AQI=",
];

type Step = (u8, u8, u8);

fn url(kind: u8, session: u64) -> String {
    let transport = if kind.is_multiple_of(2) {
        "polling"
    } else {
        "websocket"
    };
    if session == 0 {
        format!("/socket.io/?EIO=4&transport={transport}")
    } else {
        format!(
            "/socket.io/?EIO=4&transport={transport}&sid={}",
            sid(session)
        )
    }
}

/// The same of a client of the third revision, of one kind or another.
fn third_url(kind: u8, session: u64, variant: u8) -> String {
    let more = ["", "&b64=1", "&j=1", "&b64=1&j=2"][usize::from(variant) % 4];
    url(kind, session).replace("EIO=4", "EIO=3") + more
}

/// Packets in a body of a session, whose revision is the third or not.
fn body(third: bool, packets: &[&str]) -> Body {
    let body = if third {
        packets
            .iter()
            .map(|packet| format!("{}:{packet}", packet.len()))
            .collect()
    } else {
        packets.join("\u{1e}")
    };
    Body::Whole(body.into_bytes())
}

fn payload(variant: u8) -> Payload {
    if variant.is_multiple_of(4) {
        let json = "[\"e\",{\"_placeholder\":true,\"num\":0}]".to_owned();
        Payload {
            json,
            attachments: vec![vec![variant]],
        }
    } else {
        Payload {
            json: format!("[\"e\",{variant}]"),
            attachments: Vec::new(),
        }
    }
}

fn header(name: &str, variant: u8) -> Header {
    Header {
        name: name.to_owned(),
        value: variant.to_string(),
    }
}

fn order(what: u8, who: u64, variant: u8) -> Order {
    let socket = who << 16 | u64::from(variant % 3);
    let rooms = vec![["r", "s", "t"][usize::from(variant % 3)].to_owned()];
    let to = Audience {
        namespace: if variant.is_multiple_of(5) { "/b" } else { "/" }.to_owned(),
        rooms: if variant.is_multiple_of(2) {
            Vec::new()
        } else {
            rooms.clone()
        },
        except: if variant.is_multiple_of(7) {
            rooms.clone()
        } else {
            Vec::new()
        },
    };
    let delivery = if variant.is_multiple_of(3) {
        Delivery::VOLATILE
    } else {
        Delivery::empty()
    };
    let ack = variant.is_multiple_of(2).then_some(u64::from(variant));
    let (alone, act) = match what % 16 {
        0..=3 => (true, Act::Admit),
        4 => (
            true,
            Act::Refuse(Refusal {
                message: "no".to_owned(),
                data: None,
            }),
        ),
        5 | 6 => (
            true,
            Act::Emit(Emission {
                payload: payload(variant),
                delivery,
                ack,
            }),
        ),
        7 => (
            true,
            Act::Reply(Reply {
                ack: 1,
                payload: payload(variant),
            }),
        ),
        8 => (true, Act::Join(rooms)),
        9 => (true, Act::Leave(rooms)),
        10 => (true, Act::SetData(format!("{{\"n\":{variant}}}"))),
        11 => (
            false,
            Act::Broadcast(Broadcast {
                to,
                payload: payload(variant),
                delivery,
                ack,
            }),
        ),
        12 => (
            false,
            Act::AudienceJoin(AudienceRooms {
                to,
                rooms,
                local: false,
            }),
        ),
        13 => (
            false,
            Act::Find(Find {
                token: 1,
                to,
                local: false,
            }),
        ),
        14 if variant.is_multiple_of(4) => (
            false,
            Act::AudienceDisconnect(AudienceDisconnect {
                to,
                close: variant.is_multiple_of(8),
                local: false,
            }),
        ),
        14 => {
            let refusal = variant.is_multiple_of(3).then(|| "no".to_owned());
            (
                false,
                Act::Judge(Judgement {
                    token: who,
                    refusal,
                    initial_headers: vec![header("x-initial", variant)],
                    headers: vec![header("x-own", variant)],
                }),
            )
        }
        15 if variant.is_multiple_of(2) => {
            let outcome = match variant % 8 {
                0 => Err("no".to_owned()),
                2 => Ok("false".to_owned()),
                4 => Ok("true".to_owned()),
                _ => Ok("{\"origin\":true,\"credentials\":true}".to_owned()),
            };
            let share = Share {
                token: who,
                outcome,
            };
            (false, Act::Share(share))
        }
        _ => (true, Act::Disconnect(variant.is_multiple_of(2))),
    };
    Order {
        socket: alone.then_some(socket),
        act,
    }
}

/// What recovery gave away: secrets, and messages to other shards. Here they come back to the same one.
#[derive(Default)]
struct Given {
    pids: Vec<String>,
    messages: VecDeque<Published>,
}

impl Given {
    fn learn(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Frame {
                    frame: Frame::Text(text),
                    ..
                }
                | Effect::Waits {
                    frame: Frame::Text(text),
                    ..
                } => {
                    let pid = text
                        .split_once("\"pid\":\"")
                        .map(|(_, pid)| pid[..20].to_owned());
                    self.pids.extend(pid.filter(|_| text.starts_with("40")));
                }
                Effect::Published(message) => self.messages.push_back(message),
                _ => {}
            }
        }
    }

    fn claim(&self, now_ms: u64, variant: u8) -> String {
        let pid = &self.pids[usize::from(variant) % self.pids.len()];
        match variant % 3 {
            0 => format!("40{{\"pid\":\"{pid}\"}}"),
            1 => format!(
                "40{{\"pid\":\"{pid}\",\"offset\":\"{:x}.0\"}}",
                now_ms << 12
            ),
            _ => format!("40{{\"offset\":\"text\",\"pid\":\"{pid}\"}}"),
        }
    }
}

fn play(steps: &[Step]) -> Host<Protocol> {
    let mut settings = vec![
        ("upgrade_timeout", "2000"),
        ("connect_timeout", "30000"),
        ("allow_eio3", "true"),
    ];
    if steps.len().is_multiple_of(2) {
        settings.extend([("cors.origin", "true"), ("cookie", "true")]);
    }
    if steps.len().is_multiple_of(3) {
        settings.extend([("headers.x-all", "1"), ("initial_packet", "hello")]);
    }
    if steps.len() % 5 < 3 {
        settings.extend([
            (
                "connection_state_recovery.max_disconnection_duration",
                "20000",
            ),
            ("connection_state_recovery.packets_max", "9"),
        ]);
    }
    if steps.len() % 5 == 2 {
        settings.push(("shards", "2"));
    }
    let mut given = Given::default();
    let mut host = Host::new(Protocol::new, &settings);
    host.shadowing = true;
    // The sessions of the third revision.
    let mut thirds = BTreeSet::new();
    let mut manifest_of_0 = manifest(&["/", "/b"], false, steps.len().is_multiple_of(5));
    manifest_of_0.decides_cors = steps.len().is_multiple_of(7);
    manifest_of_0.hears_denials = steps.len().is_multiple_of(4);
    host.load(0, manifest_of_0);
    let mut next = 1;
    for (what, who, variant) in steps {
        let (who, variant) = (u64::from(*who) % next.max(1), *variant);
        host.late = what.is_multiple_of(3);
        let text = TEXTS[usize::from(variant) % TEXTS.len()];
        let third = thirds.contains(&who);
        let address = |kind| {
            if third {
                third_url(kind, who, variant)
            } else {
                url(kind, who)
            }
        };
        match what % 20 {
            0 | 1 => {
                let transport = if variant.is_multiple_of(2) {
                    Transport::Exchange
                } else {
                    Transport::Websocket
                };
                let url = if (variant / 2).is_multiple_of(3) {
                    thirds.insert(next);
                    third_url(variant, 0, variant / 6)
                } else {
                    url(variant, 0)
                };
                host.request(request(next, transport, "GET", &url, &[]));
                next += 1;
            }
            2..=4 => {
                let origin = format!("https://{variant}.example");
                let headers = [("origin", origin.as_str())];
                let url = address(0);
                host.request(request(next, Transport::Exchange, "GET", &url, &headers));
                next += 1;
            }
            5 => {
                let url = address(1);
                host.request(request(next, Transport::Websocket, "GET", &url, &[]));
                next += 1;
            }
            6 | 7 => {
                let octets = [("content-type", "application/octet-stream")];
                let headers = if third && variant.is_multiple_of(8) {
                    &octets[..]
                } else {
                    &[]
                };
                let url = address(0);
                host.request(request(next, Transport::Exchange, "POST", &url, headers));
                if !variant.is_multiple_of(4) {
                    host.body(next, body(third, &[text, "42[\"tail\"]"]));
                }
                next += 1;
            }
            8 => {
                let body = if variant.is_multiple_of(3) {
                    Body::TooLong
                } else {
                    body(third, &[text])
                };
                host.body(who, body);
            }
            9..=12 => given.learn(host.frame(who, Frame::Text(text.to_owned()))),
            13 => drop(host.frame(who, Frame::Binary(vec![variant; usize::from(variant % 9)]))),
            14 if variant.is_multiple_of(3) => given.learn(host.closed(who, Cause::Failed)),
            14 | 15 => {
                let to_ms = host.now_ms
                    + [10, 60, 100, 700, 9_000, 25_000, 20_000][usize::from(variant) % 7];
                given.learn(host.advance(to_ms));
            }
            16 if variant == 0 => drop(host.turn(vec![Event::Stopping])),
            16 if variant == 1 => drop(host.unload(0)),
            16 if variant < 20 => drop(host.load(0, manifest(&["/", "/b"], true, false))),
            17 if variant.is_multiple_of(2) && !given.pids.is_empty() => {
                host.request(request(next, Transport::Websocket, "GET", &url(1, 0), &[]));
                let claim = given.claim(host.now_ms, variant / 2);
                given.learn(host.frame(next, Frame::Text(claim)));
                let admit = order(u8::from(variant > 200) * 4, next, 0);
                given.learn(host.command(0, vec![admit]));
                next += 1;
            }
            19 if variant.is_multiple_of(2) => {
                // A client that is in a namespace and in a room, all at once.
                host.request(request(next, Transport::Websocket, "GET", &url(1, 0), &[]));
                host.frame(next, Frame::Text("40".to_owned()));
                let orders = vec![order(0, next, 0), order(8, next, variant / 6 * 3)];
                given.learn(host.command(0, orders));
                next += 1;
            }
            18 if !given.messages.is_empty() => {
                let message = given.messages.pop_front();
                given.learn(host.published(message.unwrap()));
            }
            _ => given.learn(host.command(
                0,
                vec![
                    order(variant / 2, who, variant),
                    order(variant, who, variant / 3),
                ],
            )),
        }
    }
    host
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restore_at_any_point_changes_nothing(steps in vec(any::<Step>(), 1..120)) {
        play(&steps);
    }

    #[test]
    fn no_blob_makes_it_panic(steps in vec(any::<Step>(), 20..60), cuts in vec(any::<(u16, u8)>(), 1..20)) {
        let host = play(&steps);
        let mut guest = Protocol::new();
        guest.configure(host.settings.clone()).unwrap();
        for (session, record) in &host.records {
            let mut blob = record.blob.clone();
            for (at, byte) in &cuts {
                let at = usize::from(*at) % blob.len().max(1);
                if let Some(place) = blob.get_mut(at) {
                    *place = *byte;
                }
            }
            let saved = SavedSession { session: *session, blob, waiting: 1 };
            let _ = guest.restore(vec![saved], Vec::new());
        }
        for (number, note) in &host.notes {
            let mut bytes = note.clone();
            for (at, byte) in &cuts {
                let at = usize::from(*at) % bytes.len().max(1);
                if let Some(place) = bytes.get_mut(at) {
                    *place = *byte;
                }
            }
            let damaged = Note { number: *number, bytes };
            let _ = guest.restore(Vec::new(), vec![damaged]);
        }
        let poke = Happened {
            events: vec![Event::Elapsed, Event::Received(20), Event::Stopping],
            frames: (0..20).map(|connection| ReceivedFrame { connection, kind: FrameKind::Text, length: 2 }).collect(),
            text: "40".repeat(20),
            bytes: Vec::new(),
        };
        guest.handle(host.now_ms, poke.clone());
        guest.handle(host.now_ms + 100_000, poke);
    }

    #[test]
    fn no_bytes_are_a_blob_by_chance(blob in vec(any::<u8>(), 1..300), number in any::<u64>()) {
        let mut guest = Protocol::new();
        let recovery = Setting { key: "connection_state_recovery".to_owned(), value: "true".to_owned() };
        guest.configure(vec![recovery]).unwrap();
        let _ = guest.restore(Vec::new(), vec![Note { number, bytes: blob.clone() }]);
        let _ = guest.restore(vec![SavedSession { session: 1, blob, waiting: 0 }], Vec::new());
        guest.handle(5, happened(vec![Event::Elapsed]));
    }

    #[test]
    fn no_text_makes_it_panic(texts in vec("[0-6]?[0-9/,\\-]{0,4}[\\[\\]{}\",:a-z0-9\\\\é ]{0,30}", 1..20)) {
        let mut host = Host::new(Protocol::new, &[]);
        host.load(0, manifest(&["/"], true, false));
        for (at, text) in texts.iter().enumerate() {
            let connection = at as u64 + 1;
            host.request(request(connection, Transport::Websocket, "GET", &url(1, 0), &[]));
            host.frame(connection, Frame::Text("40".to_owned()));
            let admit = Order { socket: Some(connection << 16), act: Act::Admit };
            host.command(0, vec![admit]);
            host.frame(connection, Frame::Text(format!("4{text}")));
            host.frame(connection, Frame::Text(text.clone()));
        }
    }
}

/// What was taken from an outbox for a poll arrives before everything sent later, whatever happens
/// before it is handed over.
#[test]
fn what_is_drained_is_not_overtaken() {
    for upgrading in [false, true] {
        let mut host = Host::new(Protocol::new, &[]);
        host.shadowing = true;
        host.load(0, manifest(&["/"], false, false));
        host.request(request(1, Transport::Exchange, "GET", &url(0, 0), &[]));
        host.request(request(2, Transport::Exchange, "POST", &url(0, 1), &[]));
        host.body(2, Body::Whole(b"40".to_vec()));
        let emit = |json: &str| {
            let payload = Payload {
                json: json.to_owned(),
                attachments: Vec::new(),
            };
            let emission = Emission {
                payload,
                delivery: Delivery::empty(),
                ack: None,
            };
            vec![Order {
                socket: Some(1 << 16),
                act: Act::Emit(emission),
            }]
        };
        host.command(
            0,
            vec![Order {
                socket: Some(1 << 16),
                act: Act::Admit,
            }],
        );
        host.request(request(3, Transport::Exchange, "GET", &url(0, 1), &[]));
        host.request(request(4, Transport::Websocket, "GET", &url(1, 1), &[]));
        host.frame(4, Frame::Text("2probe".to_owned()));
        host.request(request(5, Transport::Exchange, "GET", &url(0, 1), &[]));

        host.late = true;
        let mut effects = host.command(0, emit("[1]"));
        if upgrading {
            effects.extend(host.frame(4, Frame::Text("5".to_owned())));
        } else {
            effects.extend(host.command(0, emit("[2]")));
        }
        host.late = false;
        effects.extend(host.command(0, emit("[3]")));
        effects.extend(host.release());
        let mut seen = Vec::new();
        for effect in &effects {
            match effect {
                Effect::Respond {
                    connection, body, ..
                } => {
                    seen.push((*connection, String::from_utf8(body.clone()).unwrap()));
                }
                Effect::Frame {
                    connection,
                    frame: Frame::Text(text),
                } => seen.push((*connection, text.clone())),
                _ => {}
            }
        }
        let expected = if upgrading {
            vec![(5, "42[1]".to_owned()), (4, "42[3]".to_owned())]
        } else {
            vec![(5, "42[1]".to_owned())]
        };
        assert_eq!(seen, expected);
        if !upgrading {
            let effects = host.request(request(6, Transport::Exchange, "GET", &url(0, 1), &[]));
            let answered = effects.iter().any(|effect| {
                matches!(effect, Effect::Respond { connection: 6, body, .. } if body == b"42[2]\x1e42[3]")
            });
            assert!(answered, "{effects:?}");
        }
    }
}
