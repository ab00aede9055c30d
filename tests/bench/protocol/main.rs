//! What one call of the protocol guest costs, natively and as the component that is shipped.
//!
//! `make bench-protocol`. Every figure but the first is for a whole round of 64-byte messages: one call with what
//! came from the clients (frames in, events for the app out) and one with what the app ordered (one
//! message to each of them). Criterion's throughput line is messages (a message in and one out), or
//! receivers of a broadcast, a second.
//!
//! | group | varies |
//! |---|---|
//! | `call` | nothing: one call about nothing, the wall alone |
//! | `round` | messages in one call: 1 and 64 |
//! | `sessions` | sessions of the shard: 10, 1,000, 10,000; 64 messages a call |
//! | `namespaces` | namespaces that each of 100 sessions is in: 1, 16, 128; 64 messages a call |
//! | `broadcast` | receivers of one broadcast: 1, 1,000, 10,000 |

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use std::path::Path;
use std::time::Duration;

const MESSAGE: &str = r#"["message",{"id":12345,"text":"sixty-four bytes, more or less"}]"#;
const START_MS: u64 = 1_000_000;
const GUEST_BYTES_MAX: u64 = 1 << 30;

/// The same benchmark for the types of one side: generated twice from the same WIT.
macro_rules! side {
    ($side:ident, $edge:path) => {
        mod $side {
            use super::{GUEST_BYTES_MAX, MESSAGE};
            use edge::protocol_guest::{
                Action, Commanded, Decided, Event, FrameKind, Fresh, Happened, Loaded,
                ReceivedFrame, Request, Setting, Transport,
            };
            use edge::types::{
                Act, Audience, Broadcast, Delivery, Emission, Header, Manifest, Order, Payload,
            };
            use $edge as edge;

            /// A shard's sessions, each in so many namespaces.
            #[derive(Clone, Copy)]
            pub struct Crowd {
                pub sessions: u64,
                pub namespaces: u16,
            }

            pub fn settings() -> Vec<Setting> {
                vec![Setting {
                    key: "memory_bytes_max".to_owned(),
                    value: GUEST_BYTES_MAX.to_string(),
                }]
            }

            fn namespace(number: u16) -> String {
                match number {
                    0 => "/".to_owned(),
                    number => format!("/namespace-{number}"),
                }
            }

            fn nothing() -> Happened {
                Happened {
                    events: Vec::new(),
                    frames: Vec::new(),
                    text: String::new(),
                    bytes: Vec::new(),
                }
            }

            fn request(connection: u64) -> Event {
                let header = |name: &str, value: &str| Header {
                    name: name.to_owned(),
                    value: value.to_owned(),
                };
                Event::Requested(Request {
                    connection,
                    transport: Transport::Websocket,
                    method: "GET".to_owned(),
                    url: "/socket.io/?EIO=4&transport=websocket".to_owned(),
                    headers: vec![
                        header("host", "localhost:3000"),
                        header("origin", "http://localhost:3000"),
                        header("user-agent", "bench"),
                    ],
                    address: "127.0.0.1".to_owned(),
                    secure: false,
                    fresh: Fresh {
                        id: format!("AA{connection:018}"),
                        seed_low: connection,
                        seed_high: !connection,
                    },
                })
            }

            fn received(texts: impl Iterator<Item = (u64, String)>) -> Happened {
                let mut happened = nothing();
                for (connection, text) in texts {
                    happened.frames.push(ReceivedFrame {
                        connection,
                        kind: FrameKind::Text,
                        length: text.len() as u32,
                    });
                    happened.text.push_str(&text);
                }
                happened.events = vec![Event::Received(happened.frames.len() as u32)];
                happened
            }

            fn commanded(orders: Vec<Order>) -> Happened {
                Happened {
                    events: vec![Event::Commanded(Commanded {
                        app: 0,
                        orders,
                        place: 0,
                        before: 0,
                        home: true,
                    })],
                    ..nothing()
                }
            }

            fn payload() -> Payload {
                Payload {
                    json: MESSAGE.to_owned(),
                    attachments: Vec::new(),
                }
            }

            /// The calls that bring the crowd about.
            pub fn arrival(crowd: Crowd) -> Vec<Happened> {
                let mut calls = vec![Happened {
                    events: vec![Event::Loaded(Loaded {
                        app: 0,
                        manifest: Manifest {
                            name: "bench".to_owned(),
                            version: "1".to_owned(),
                            namespaces: (0..crowd.namespaces).map(namespace).collect(),
                            dynamic: false,
                            judges_handshakes: false,
                            decides_cors: false,
                            hears_denials: false,
                            hears_rooms: false,
                            settings: Vec::new(),
                        },
                        resume: true,
                        place: 0,
                    })],
                    ..nothing()
                }];
                for session in 1..=crowd.sessions {
                    calls.push(Happened {
                        events: vec![request(session)],
                        ..nothing()
                    });
                    let names = (0..crowd.namespaces).map(namespace);
                    let connect = names.map(|name| match name.as_str() {
                        "/" => (session, "40".to_owned()),
                        name => (session, format!("40{name},")),
                    });
                    calls.push(received(connect));
                    let admit = (0..u64::from(crowd.namespaces)).map(|slot| Order {
                        socket: Some(session << 16 | slot),
                        act: Act::Admit,
                    });
                    calls.push(commanded(admit.collect()));
                }
                calls
            }

            /// One round: so many messages in, and as many out.
            pub fn round(crowd: Crowd, messages: u64) -> [Happened; 2] {
                let last = crowd.namespaces - 1;
                let who = |number: u64| 1 + number * 7919 % crowd.sessions;
                let texts = (0..messages).map(|number| {
                    let text = match last {
                        0 => format!("42{MESSAGE}"),
                        last => format!("42{},{MESSAGE}", namespace(last)),
                    };
                    (who(number), text)
                });
                let orders = (0..messages).map(|number| Order {
                    socket: Some(who(number) << 16 | u64::from(last)),
                    act: Act::Emit(Emission {
                        payload: payload(),
                        delivery: Delivery::empty(),
                        ack: None,
                    }),
                });
                [received(texts), commanded(orders.collect())]
            }

            /// A call that has nothing to say.
            pub fn idle() -> Happened {
                Happened {
                    events: vec![Event::Elapsed],
                    ..nothing()
                }
            }

            /// One message to everybody.
            pub fn broadcast() -> Happened {
                commanded(vec![Order {
                    socket: None,
                    act: Act::Broadcast(Broadcast {
                        to: Audience {
                            namespace: "/".to_owned(),
                            rooms: Vec::new(),
                            except: Vec::new(),
                        },
                        payload: payload(),
                        delivery: Delivery::empty(),
                        ack: None,
                    }),
                }])
            }

            /// What a call gave, to be sure that it did its work.
            pub fn weigh(decided: &Decided) -> (usize, usize) {
                let dispatched = decided.actions.iter().map(|action| match action {
                    Action::Dispatch(dispatch) => dispatch.events.len(),
                    _ => 0,
                });
                (dispatched.sum(), decided.targets.len())
            }
        }
    };
}

side!(native, holdfast_protocol::bindings::exports::holdfast::edge);
side!(
    component,
    holdfast::guest::contract::protocol_world::exports::holdfast::edge
);

fn native_guest(crowd: native::Crowd) -> holdfast_protocol::Protocol {
    let mut guest = holdfast_protocol::Protocol::new();
    guest.configure(native::settings()).expect("possible");
    for call in native::arrival(crowd) {
        guest.handle(START_MS, call);
    }
    guest
}

fn component_guest(crowd: component::Crowd) -> holdfast::guest::ProtocolGuest {
    use holdfast::guest::{GuestLimits, ProtocolGuest, Runtime, Source, World};
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent");
    let folder = root.join("target/bench-protocol");
    let built = holdfast_guest_build::build_guest(
        &root.join("guest/protocol"),
        &root.join("target/guests"),
        "guest",
    )
    .expect("the guest builds");
    let runtime = Runtime::new(&folder).expect("wasm runs here");
    let module = runtime
        .load(&Source::Bytes(built), World::Protocol)
        .expect("it fits");
    let limits = GuestLimits {
        memory_bytes_max: GUEST_BYTES_MAX,
        deadline_ms: 60_000,
    };
    let mut guest =
        ProtocolGuest::start(&runtime, &module, limits, &component::settings()).expect("starts");
    for call in component::arrival(crowd) {
        guest.handle(START_MS, &call).expect("no crash");
    }
    guest
}

/// Rounds on both sides.
fn rounds(
    group: &mut BenchmarkGroup<'_, WallTime>,
    label: &str,
    sessions: u64,
    namespaces: u16,
    messages: u64,
) {
    group.throughput(Throughput::Elements(messages));
    let crowd = native::Crowd {
        sessions,
        namespaces,
    };
    let mut guest = native_guest(crowd);
    let calls = native::round(crowd, messages);
    let [came, ordered] = calls.clone().map(|call| guest.handle(START_MS, call));
    assert_eq!(native::weigh(&came), (messages as usize, 0));
    assert_eq!(native::weigh(&ordered), (0, messages as usize));
    group.bench_function(format!("native/{label}"), |bench| {
        bench.iter_batched(
            || calls.clone(),
            |calls| calls.map(|call| guest.handle(START_MS, call)),
            BatchSize::SmallInput,
        );
    });
    let crowd = component::Crowd {
        sessions,
        namespaces,
    };
    let mut guest = component_guest(crowd);
    let calls = component::round(crowd, messages);
    for (call, expected) in calls
        .iter()
        .zip([(messages as usize, 0), (0, messages as usize)])
    {
        let decided = guest.handle(START_MS, call).expect("no crash");
        assert_eq!(component::weigh(&decided), expected);
    }
    group.bench_function(format!("component/{label}"), |bench| {
        bench.iter(|| {
            for call in &calls {
                std::hint::black_box(guest.handle(START_MS, call).expect("no crash"));
            }
        });
    });
}

fn calls(group: &mut BenchmarkGroup<'_, WallTime>) {
    let (sessions, namespaces) = (1, 1);
    let mut guest = native_guest(native::Crowd {
        sessions,
        namespaces,
    });
    group.bench_function("native", |bench| {
        bench.iter(|| guest.handle(START_MS, native::idle()));
    });
    let mut guest = component_guest(component::Crowd {
        sessions,
        namespaces,
    });
    let call = component::idle();
    group.bench_function("component", |bench| {
        bench.iter(|| guest.handle(START_MS, &call).expect("no crash"));
    });
}

fn broadcasts(group: &mut BenchmarkGroup<'_, WallTime>, receivers: u64) {
    group.throughput(Throughput::Elements(receivers));
    let mut guest = native_guest(native::Crowd {
        sessions: receivers,
        namespaces: 1,
    });
    let call = native::broadcast();
    let decided = guest.handle(START_MS, call.clone());
    assert_eq!(native::weigh(&decided), (0, receivers as usize));
    group.bench_function(format!("native/{receivers}"), |bench| {
        bench.iter_batched(
            || call.clone(),
            |call| guest.handle(START_MS, call),
            BatchSize::SmallInput,
        );
    });
    let mut guest = component_guest(component::Crowd {
        sessions: receivers,
        namespaces: 1,
    });
    let call = component::broadcast();
    let decided = guest.handle(START_MS, &call).expect("no crash");
    assert_eq!(component::weigh(&decided), (0, receivers as usize));
    group.bench_function(format!("component/{receivers}"), |bench| {
        bench.iter(|| guest.handle(START_MS, &call).expect("no crash"));
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    let mut group = criterion.benchmark_group("call");
    calls(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("round");
    for messages in [1, 64] {
        rounds(&mut group, &messages.to_string(), 100, 1, messages);
    }
    group.finish();
    let mut group = criterion.benchmark_group("sessions");
    for sessions in [10, 1_000, 10_000] {
        rounds(&mut group, &sessions.to_string(), sessions, 1, 64);
    }
    group.finish();
    let mut group = criterion.benchmark_group("namespaces");
    for namespaces in [1, 16, 128] {
        rounds(&mut group, &namespaces.to_string(), 100, namespaces, 64);
    }
    group.finish();
    let mut group = criterion.benchmark_group("broadcast");
    for receivers in [1, 1_000, 10_000] {
        broadcasts(&mut group, receivers);
    }
    group.finish();
    criterion.final_summary();
}
