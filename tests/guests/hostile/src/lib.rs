//! An app guest that misbehaves on request: a message named `trap`, `loop`, `eat`, `flood`,
//! `nonsense` or `strangers` does what it says; any other message is answered. Used by
//! `tests/containment.rs` only.

wit_bindgen::generate!({ path: "../../../wit", world: "app" });

use exports::holdfast::edge::app_guest::{Command, Context, Guest, Happening};
use exports::holdfast::edge::types::{
    Act, AppEvent, Audience, Broadcast, Connecting, Delivery, Emission, Manifest, Order, Payload,
    Reply,
};

struct Hostile;

impl Guest for Hostile {
    fn start(context: Context) -> Result<Manifest, String> {
        if context.env.iter().any(|(name, _)| name == "REFUSE") {
            return Err("it was told to refuse".to_owned());
        }
        Ok(Manifest {
            name: "hostile".to_owned(),
            version: "1".to_owned(),
            namespaces: vec!["/".to_owned(), "/trap".to_owned()],
            dynamic: false,
            judges_handshakes: false,
            decides_cors: false,
            hears_denials: false,
            hears_rooms: false,
        })
    }

    fn handle(_now_ms: u64, happened: Vec<Happening>) -> Vec<Command> {
        happened.into_iter().flat_map(answer).collect()
    }
}

fn answer(happening: Happening) -> Vec<Command> {
    match happening {
        Happening::Event(AppEvent::Connecting(Connecting { info, .. })) => {
            assert!(info.namespace != "/trap", "nobody connects here");
            vec![order(info.socket, Act::Admit)]
        }
        Happening::Event(AppEvent::Resumed(resumed)) => {
            vec![emit(resumed.info.socket, "[\"resumed\"]")]
        }
        Happening::Event(AppEvent::Message(message)) => {
            let json = message.payload.json.as_str();
            if json.starts_with("[\"trap\"") {
                panic!("told to");
            } else if json.starts_with("[\"loop\"") {
                loop {
                    std::hint::spin_loop();
                }
            } else if json.starts_with("[\"eat\"") {
                let mut eaten = Vec::new();
                loop {
                    eaten.push(vec![1_u8; 1 << 20]);
                }
            } else if json.starts_with("[\"flood\"") {
                (0..10_000)
                    .map(|_| {
                        emit(
                            message.socket,
                            &format!("[\"flood\",\"{}\"]", "x".repeat(1000)),
                        )
                    })
                    .collect()
            } else if json.starts_with("[\"strangers\"") {
                let everybody = Broadcast {
                    to: Audience {
                        namespace: "/nowhere".to_owned(),
                        rooms: vec![String::new()],
                        except: Vec::new(),
                    },
                    payload: Payload {
                        json: "[\"lost\"]".to_owned(),
                        attachments: vec![vec![0; 3]],
                    },
                    delivery: Delivery::all(),
                    ack: Some(u64::MAX),
                };
                let mut commands = vec![
                    order(u64::MAX, Act::Admit),
                    order(0, Act::Join(vec!["x".to_owned()])),
                    order(12_345, Act::Disconnect(true)),
                    Command::Order(Order {
                        socket: None,
                        act: Act::Broadcast(everybody),
                    }),
                    Command::ClearTimer(99),
                ];
                commands.push(emit(message.socket, "[\"still here\"]"));
                commands
            } else if json.starts_with("[\"nonsense\"") {
                vec![
                    emit(message.socket, "{not json"),
                    emit(message.socket, "[\"after\"]"),
                ]
            } else if let Some(ack) = message.ack {
                let payload = Payload {
                    json: "[\"ok\"]".to_owned(),
                    attachments: Vec::new(),
                };
                vec![order(message.socket, Act::Reply(Reply { ack, payload }))]
            } else {
                vec![emit(message.socket, json)]
            }
        }
        _ => Vec::new(),
    }
}

fn order(socket: u64, act: Act) -> Command {
    Command::Order(Order {
        socket: Some(socket),
        act,
    })
}

fn emit(socket: u64, json: &str) -> Command {
    let payload = Payload {
        json: json.to_owned(),
        attachments: Vec::new(),
    };
    order(
        socket,
        Act::Emit(Emission {
            payload,
            delivery: Delivery::empty(),
            ack: None,
        }),
    )
}

#[cfg(target_family = "wasm")]
export!(Hostile);
