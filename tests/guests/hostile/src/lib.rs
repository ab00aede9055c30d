//! An app guest that misbehaves on request: a message named `trap`, `loop`, `eat`, `flood`,
//! `nonsense` or `strangers` does what it says; `where`, `shout`, `find` and `ask` show which instance does
//! what; any other message is answered. Used by `tests/containment.rs` and `tests/instances.rs` only.

wit_bindgen::generate!({ path: "../../../wit", world: "app" });

use exports::holdfast::edge::app_guest::{Command, Context, Guest, Happening};
use exports::holdfast::edge::types::{
    Act, AppEvent, Audience, Broadcast, Connecting, Delivery, Emission, Find, Manifest, Order,
    Payload, Reply,
};
use std::cell::RefCell;

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::default();
}

/// What an instance knows of itself, and what it waits for.
#[derive(Default)]
struct Instance {
    place: u32,
    shards: u32,
    instances: u32,
    next_number: u64,
    questions: Vec<Question>,
}

/// Something that all shards answer.
struct Question {
    number: u64,
    socket: u64,
    shards_left: u32,
    expected: usize,
    answers: usize,
}

impl Instance {
    /// A new number for a question of this socket.
    fn ask(&mut self, socket: u64) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.questions.push(Question {
            number,
            socket,
            shards_left: self.shards,
            expected: 0,
            answers: 0,
        });
        number
    }

    /// Notes an answer; when it was the last, tells the socket that asked.
    fn note(&mut self, number: u64, change: impl FnOnce(&mut Question)) -> Vec<Command> {
        let Some(at) = self.questions.iter().position(|one| one.number == number) else {
            return Vec::new();
        };
        change(&mut self.questions[at]);
        let question = &self.questions[at];
        if question.shards_left > 0 || question.answers < question.expected {
            return Vec::new();
        }
        let question = self.questions.remove(at);
        let json = format!("[\"answers\",{},{}]", question.answers, self.place);
        vec![emit(question.socket, &json)]
    }
}

struct Hostile;

impl Guest for Hostile {
    fn start(context: Context) -> Result<Manifest, String> {
        if context.env.iter().any(|(name, _)| name == "REFUSE") {
            return Err("it was told to refuse".to_owned());
        }
        INSTANCE.set(Instance {
            place: context.place,
            shards: context.shards,
            instances: context.instances,
            next_number: context.first_ack,
            questions: Vec::new(),
        });
        Ok(Manifest {
            name: "hostile".to_owned(),
            version: "1".to_owned(),
            namespaces: vec!["/".to_owned(), "/trap".to_owned()],
            dynamic: false,
            judges_handshakes: false,
            decides_cors: false,
            hears_denials: false,
            hears_rooms: false,
            settings: Vec::new(),
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
            } else if json.starts_with("[\"where\"") {
                let json = INSTANCE.with_borrow(|own| {
                    format!("[\"where\",{},{},{}]", own.place, own.instances, own.shards)
                });
                vec![emit(message.socket, &json)]
            } else if json.starts_with("[\"shout\"") {
                let place = INSTANCE.with_borrow(|own| own.place);
                vec![broadcast(&format!("[\"shout\",{place}]"), None)]
            } else if json.starts_with("[\"ask\"") {
                let number = INSTANCE.with_borrow_mut(|own| own.ask(message.socket));
                vec![broadcast("[\"question\"]", Some(number))]
            } else if json.starts_with("[\"find\"") {
                let token = INSTANCE.with_borrow_mut(|own| own.ask(message.socket));
                vec![Command::Order(Order {
                    socket: None,
                    act: Act::Find(Find {
                        token,
                        to: everybody(),
                        local: false,
                    }),
                })]
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
        Happening::Event(AppEvent::Counted(counted)) => INSTANCE.with_borrow_mut(|own| {
            own.note(counted.ack, |question| {
                question.shards_left -= 1;
                question.expected += counted.receivers as usize;
            })
        }),
        Happening::Event(AppEvent::Acked(acked)) => {
            INSTANCE.with_borrow_mut(|own| own.note(acked.ack, |question| question.answers += 1))
        }
        Happening::Event(AppEvent::Found(found)) => INSTANCE.with_borrow_mut(|own| {
            own.note(found.token, |question| {
                question.shards_left -= 1;
                question.answers += found.sockets.len();
            })
        }),
        _ => Vec::new(),
    }
}

fn everybody() -> Audience {
    Audience {
        namespace: "/".to_owned(),
        rooms: Vec::new(),
        except: Vec::new(),
    }
}

fn broadcast(json: &str, ack: Option<u64>) -> Command {
    Command::Order(Order {
        socket: None,
        act: Act::Broadcast(Broadcast {
            to: everybody(),
            payload: Payload {
                json: json.to_owned(),
                attachments: Vec::new(),
            },
            delivery: Delivery::empty(),
            ack,
        }),
    })
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
