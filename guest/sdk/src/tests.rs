//! Apps driven as the node drives them.

use crate::bindings::exports::holdfast::edge::app_guest::{Command, Happening};
use crate::bindings::exports::holdfast::edge::types::{
    Acknowledged, Act, AppEvent, Counted, Delivery, Found, Level, Order, Payload,
};
use crate::limits::{
    ACKS_PER_SOCKET_MAX, LISTENERS_PER_SOCKET_MAX, ROOM_BYTES_MAX, ROOMS_PER_SOCKET_MAX,
    SOCKET_DATA_BYTES_MAX, TIMERS_MAX,
};
use crate::testing::{Client, Server, context, handshake};
use crate::{Ack, AckError, AcksError, Args, Binary, ConnectError, Io, Socket, Value, info, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

type Log = Rc<RefCell<Vec<String>>>;

fn second() -> Duration {
    Duration::from_secs(1)
}

/// Starts an app that only says what is to happen to a socket that connects.
fn serve(connected: impl Fn(&Socket) + 'static) -> Server {
    Server::start(move |io: &Io| {
        io.on_connection(connected);
    })
}

fn acts(server: &Server) -> Vec<Act> {
    let orders = server
        .commands()
        .into_iter()
        .filter_map(|command| match command {
            Command::Order(Order { act, .. }) => Some(act),
            _ => None,
        });
    orders.collect()
}

fn levels(server: &Server) -> Vec<Level> {
    server.logs().into_iter().map(|line| line.level).collect()
}

fn noted(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.borrow_mut())
}

#[test]
fn the_manifest_names_the_namespaces() {
    let server = Server::start(|io: &Io| {
        io.of("chat").on_connection(|_| ());
        let _ = io.of("/named-is-enough");
    });
    let manifest = server.manifest();
    assert_eq!(manifest.namespaces, ["/chat", "/named-is-enough"]);
    assert!(!manifest.dynamic && !manifest.judges_handshakes);
    assert_eq!(Server::start(|_: &Io| ()).manifest().namespaces, ["/"]);
    assert_eq!(Server::start(|_: &Io| ()).connect("/").rooms().len(), 1);
    let refused = Server::start_with(context(), |_: &Io| Err("no database")).err();
    assert_eq!(refused.as_deref(), Some("no database"));
}

#[test]
fn a_socket_is_admitted_before_anything_else() {
    let server = serve(|socket| socket.emit("welcome", socket.id()));
    let ann = server.connect("/");
    let [Act::Admit, Act::Emit(welcome)] = &acts(&server)[..] else {
        panic!("admit and emit")
    };
    assert_eq!(
        welcome.payload.json,
        format!(r#"["welcome","{}"]"#, ann.id())
    );
}

#[test]
fn middlewares_decide_in_order() {
    let server = Server::start(|io: &Io| {
        io.middleware(|socket| {
            let auth: Value = socket.handshake().auth().unwrap_or_default();
            if auth["user"].is_string() {
                Ok(())
            } else {
                Err("who are you?".into())
            }
        });
        io.middleware(|socket| {
            socket.join("members");
            socket.set_data(json!({ "user": true }));
            match socket.handshake().query("colour") {
                Some("blue") => Ok(()),
                _ => Err(ConnectError::new("wrong colour").with_data(json!({ "wanted": "blue" }))),
            }
        });
        io.on_connection(|socket| socket.emit("rooms", socket.rooms()));
    });
    assert_eq!(
        server.connect_as("/", json!({})).err(),
        Some("who are you?".into())
    );
    let wrong = server
        .connect_as("/", json!({ "user": "Ann" }))
        .err()
        .unwrap();
    assert_eq!(
        (wrong.message.as_str(), wrong.data),
        ("wrong colour", Some(json!({ "wanted": "blue" })))
    );
    let mut blue = handshake();
    blue.auth = r#"{"user":"Ann"}"#.into();
    blue.query = vec![crate::Header {
        name: "colour".into(),
        value: "blue".into(),
    }];
    let ann = server.connect_with("/", blue).unwrap();
    assert_eq!(ann.rooms(), [ann.id(), "members".into()]);
    assert_eq!(ann.data(), r#"{"user":true}"#);
    assert_eq!(
        ann.received::<Vec<String>>("rooms"),
        [[ann.id(), "members".into()]]
    );
}

#[test]
fn listeners_are_called_in_order_and_may_change_the_list() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let note = |text: &'static str| {
            let log = Rc::clone(&notes);
            move || log.borrow_mut().push(text.to_owned())
        };
        let (any, first, second, added, once) = (
            note("any"),
            note("first"),
            note("second"),
            note("added"),
            note("once"),
        );
        socket.on("go", move |socket: &Socket, ()| {
            first();
            let added = added.clone();
            socket.on("go", move |_: &Socket, ()| added());
            socket.off("stop");
        });
        socket.once("go", move |_: &Socket, ()| once());
        socket.on("go", move |socket: &Socket, ()| {
            second();
            socket.off("go");
        });
        socket.on_any(move |_, _, _| any());
        socket.on("stop", |socket: &Socket, ()| socket.disconnect(false));
    });
    let ann = server.connect("/");
    ann.emit("go", ());
    assert_eq!(noted(&log), ["any", "first", "once", "second"]);
    ann.emit("go", ());
    assert_eq!(noted(&log), ["any"]);
    ann.emit("stop", ());
    assert_eq!(ann.gone(), None);
}

#[test]
fn handlers_may_do_everything() {
    let server = serve(|socket| {
        let mut count = 0;
        socket.on_ack("everything", move |socket, args: Args, ack: Ack| {
            count += 1;
            socket.join(["a", "b"]);
            socket.leave("a");
            socket.set_data(count);
            socket.to("b").emit("others", &args);
            socket
                .io()
                .to("b")
                .except("c")
                .local()
                .compress(false)
                .emit("b", count);
            socket.io().set_timeout(second(), || ());
            socket.on("more", |socket: &Socket, ()| socket.disconnect(true));
            socket.off("everything");
            ack.send((count, args));
            socket.disconnect(true);
            socket.emit("after", ());
            socket.join("late");
        });
    });
    let ann = server.connect("/");
    let _ = server.commands();
    assert_eq!(
        ann.call::<()>("everything", ("x", Binary(vec![1]))),
        Some(())
    );
    let acts = acts(&server);
    assert!(
        matches!(&acts[..], [
            Act::Join(_), Act::Leave(_), Act::SetData(_), Act::Broadcast(_), Act::Broadcast(local), Act::Reply(_),
            Act::Disconnect(true)
        ] if local.delivery == Delivery::LOCAL | Delivery::UNCOMPRESSED),
        "{acts:?}"
    );
    assert_eq!(ann.gone().as_deref(), Some("server namespace disconnect"));
}

#[test]
fn after_disconnect_nothing_is_heard_or_sent() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let (one, two, three) = (Rc::clone(&notes), Rc::clone(&notes), Rc::clone(&notes));
        socket.on("leave", |socket: &Socket, ()| {
            socket.disconnect(false);
            socket.disconnect(false);
        });
        socket.on("late", move |_: &Socket, ()| {
            one.borrow_mut().push("late".into())
        });
        socket.on_disconnecting(move |socket, reason| {
            two.borrow_mut()
                .push(format!("{reason}, in {}", socket.rooms().len()));
            socket.emit("nobody", ());
            socket.broadcast().emit("left", socket.id());
        });
        socket.on_disconnect(move |socket, _| {
            three
                .borrow_mut()
                .push(format!("gone, in {}", socket.rooms().len()));
            socket.emit("nobody", ());
            socket.set_data(1);
        });
        socket.join("r");
    });
    let (ann, bob) = (server.connect("/"), server.connect("/"));
    let _ = server.commands();
    let message = |json: &str| {
        let payload = Payload {
            json: json.into(),
            attachments: vec![],
        };
        let message = crate::bindings::exports::holdfast::edge::types::Incoming {
            socket: ann.number(),
            payload,
            ack: Some(1),
        };
        Happening::Event(AppEvent::Message(message))
    };
    server.turn(vec![message(r#"["leave"]"#), message(r#"["late"]"#)]);
    assert_eq!(
        noted(&log),
        ["server namespace disconnect, in 2", "gone, in 0"]
    );
    let acts = acts(&server);
    assert!(
        matches!(&acts[..], [Act::Disconnect(false), Act::Broadcast(_)]),
        "{acts:?}"
    );
    assert_eq!(bob.received::<String>("left"), [ann.id()]);
    server.turn(vec![message(r#"["late"]"#)]);
    assert!(noted(&log).is_empty());
}

#[test]
fn wrong_arguments_cost_one_message() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let notes = Rc::clone(&notes);
        socket.on_ack("n", |_, n: u8, ack: Ack| ack.send(n));
        socket.on_error(move |_, error| notes.borrow_mut().push(error.to_string()));
    });
    let ann = server.connect("/");
    assert_eq!(ann.call::<u8>("n", 300), None);
    assert_eq!(
        noted(&log),
        [r#"event "n": argument 1: invalid value: integer `300`, expected u8"#]
    );
    let logs = server.logs();
    assert_eq!(logs[0].level, Level::Warn);
    assert!(
        logs[0].text.starts_with(r#"handler of "n" of socket "#),
        "{}",
        logs[0].text
    );
    assert_eq!(ann.call::<u8>("n", 3), Some(3));
    ann.send(
        Payload {
            json: "[{}]".into(),
            attachments: vec![],
        },
        None,
    );
    assert_eq!(levels(&server), [Level::Warn]);
}

#[test]
fn reserved_names_are_refused() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        for event in crate::RESERVED_EVENTS {
            socket.emit(event, ());
            socket.broadcast().emit(event, ());
        }
        socket.on("disconnect", |_: &Socket, ()| ());
        let notes = Rc::clone(&notes);
        socket
            .timeout(second())
            .emit_with_ack("connect", ())
            .then(move |answer: Result<(), _>| {
                notes.borrow_mut().push(format!("{answer:?}"));
            });
        assert!(log.borrow().is_empty(), "not before emit_with_ack returns");
    });
    let _ann = server.connect("/");
    assert!(matches!(&acts(&server)[..], [Act::Admit]));
    assert_eq!(levels(&server), [Level::Error; 14]);
}

#[test]
fn clients_acknowledge_or_not() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let notes = Rc::clone(&notes);
        socket.on("ask", move |socket: &Socket, ()| {
            let notes = Rc::clone(&notes);
            socket.timeout(second()).emit_with_ack("q", 1).then(
                move |answer: Result<(i32, Binary), AckError>| {
                    notes.borrow_mut().push(format!("{answer:?}"));
                },
            );
        });
    });
    let ann = server.connect("/");
    let ask = |client: &Client| {
        client.emit("ask", ());
        client.inbox().pop().unwrap()
    };
    let question = ask(&ann);
    ann.acknowledge(&question, (2, Binary(vec![3])));
    ann.acknowledge(&question, (2, Binary(vec![3])));
    assert_eq!(noted(&log), ["Ok((2, Binary([3])))"]);

    let other = server.connect("/");
    let question = ask(&ann);
    other.acknowledge(&question, (2, Binary(vec![3])));
    assert!(noted(&log).is_empty(), "only the one who was asked");
    ann.acknowledge(&question, "text");
    assert!(noted(&log)[0].starts_with("Err(Args("));

    let question = ask(&ann);
    server.advance(Duration::from_millis(999));
    assert!(noted(&log).is_empty());
    server.advance(Duration::from_millis(1));
    assert_eq!(noted(&log), ["Err(Timeout)"]);
    ann.acknowledge(&question, (2, Binary(vec![3])));
    assert!(noted(&log).is_empty());

    let _question = ask(&ann);
    ann.disconnect("transport close");
    assert_eq!(noted(&log), ["Err(Disconnected)"]);
    server.advance(second());
    assert!(noted(&log).is_empty());
}

#[test]
fn acknowledgement_numbers_count_up_from_the_first() {
    let mut context = context();
    context.first_ack = 1000;
    let app = |io: &Io| {
        io.on_connection(|socket| {
            socket
                .timeout(second())
                .emit_with_ack("a", ())
                .then(|_: Result<(), _>| ());
            socket
                .timeout(second())
                .emit_with_ack("b", ())
                .then(|_: Result<(), _>| ());
        });
    };
    let server = Server::start_with(context, app).unwrap();
    let acks: Vec<_> = server
        .connect("/")
        .inbox()
        .iter()
        .map(|message| message.ack)
        .collect();
    assert_eq!(acks, [Some(1000), Some(1001)]);
    let again: Vec<_> = server
        .connect("/")
        .inbox()
        .iter()
        .map(|message| message.ack)
        .collect();
    assert_eq!(again, [Some(1002), Some(1003)]);
}

/// An app on so many shards that asks everybody and notes what comes.
fn asks_everybody(shards: u32) -> (Server, Log) {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let mut context = context();
    context.shards = shards;
    let app = move |io: &Io| {
        io.on_connection(move |socket| {
            let notes = Rc::clone(&notes);
            socket.on("ask", move |socket: &Socket, ()| {
                let notes = Rc::clone(&notes);
                let done = move |answers: Result<Vec<i32>, AcksError<i32>>| {
                    notes.borrow_mut().push(format!("{answers:?}"))
                };
                socket
                    .broadcast()
                    .timeout(second())
                    .emit_with_acks("q", ())
                    .then(done);
            });
        });
    };
    (Server::start_with(context, app).unwrap(), log)
}

#[test]
fn everybody_acknowledges() {
    let (server, log) = asks_everybody(1);
    let clients = [(); 3].map(|()| server.connect("/"));
    clients[0].emit("ask", ());
    for (client, answer) in clients[1..].iter().zip([7, 8]) {
        assert!(noted(&log).is_empty());
        client.acknowledge(&client.inbox()[0], answer);
    }
    assert_eq!(noted(&log), ["Ok([7, 8])"]);

    clients[0].emit("ask", ());
    clients[1].acknowledge(&clients[1].inbox()[0], 7);
    server.advance(second());
    assert_eq!(
        noted(&log),
        ["Err(AcksError { answers: [7], cause: Timeout })"]
    );

    clients[0].emit("ask", ());
    clients[1].acknowledge(&clients[1].inbox()[0], "wrong");
    clients[2].acknowledge(clients[2].inbox().last().unwrap(), 9);
    assert_eq!(noted(&log), ["Ok([9])"]);

    clients[1].disconnect("transport close");
    clients[2].disconnect("transport close");
    clients[0].emit("ask", ());
    assert_eq!(noted(&log), ["Ok([])"], "nobody is there");
}

#[test]
fn all_shards_count() {
    let (server, log) = asks_everybody(3);
    let (ann, bob) = (server.connect("/"), server.connect("/"));
    ann.emit("ask", ());
    bob.acknowledge(&bob.inbox()[0], 1);
    let counted = |receivers| {
        server.turn(vec![Happening::Event(AppEvent::Counted(Counted {
            ack: 1,
            receivers,
        }))])
    };
    counted(1);
    assert!(noted(&log).is_empty());
    counted(0);
    assert!(noted(&log).is_empty(), "one of two has answered");
    let payload = Payload {
        json: "[2]".into(),
        attachments: vec![],
    };
    server.turn(vec![Happening::Event(AppEvent::Acked(Acknowledged {
        socket: 99 << 16,
        ack: 1,
        payload,
    }))]);
    assert_eq!(noted(&log), ["Ok([1, 2])"]);
    counted(5);
    server.advance(second());
    assert!(noted(&log).is_empty());
}

#[test]
fn timers_run_when_they_are_due() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = Server::start(move |io: &Io| {
        let note = |text: &'static str| {
            let (log, io) = (Rc::clone(&notes), io.clone());
            move || {
                log.borrow_mut()
                    .push(format!("{text} {}", io.now_ms() % 10_000))
            }
        };
        io.set_timeout(Duration::from_millis(30), note("late"));
        io.set_timeout(Duration::from_millis(10), note("early"));
        io.set_timeout(Duration::from_millis(10), note("early too"));
        let never = io.set_timeout(Duration::from_millis(20), note("never"));
        io.clear(never);
        io.clear(never);
        let (mut left, again, handle) = (3, note("again"), Rc::new(Cell::new(None)));
        let (cleared, within) = (Rc::clone(&handle), io.clone());
        handle.set(Some(io.set_interval(
            Duration::from_millis(25),
            move || {
                again();
                left -= 1;
                if left == 0 {
                    cleared
                        .get()
                        .into_iter()
                        .for_each(|timer| within.clear(timer));
                }
            },
        )));
        let (nested, inner) = (io.clone(), note("nested"));
        io.set_timeout(Duration::from_micros(1), move || {
            nested.set_timeout(Duration::ZERO, inner);
        });
        info!("started");
    });
    server.turn(vec![Happening::Elapsed(77)]);
    assert_eq!(server.logs()[0].text, "started");
    server.advance(Duration::from_millis(200));
    let expected = [
        "nested 2",
        "early 10",
        "early too 10",
        "again 25",
        "late 30",
        "again 50",
        "again 75",
    ];
    assert_eq!(noted(&log), expected);
    let wakes = server
        .commands()
        .iter()
        .filter(|command| matches!(command, Command::SetTimer(_)))
        .count();
    assert!(wakes <= 7, "{wakes}");
}

#[test]
fn an_interval_leaves_out_what_has_passed() {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let server = Server::start(move |io: &Io| {
        io.set_interval(Duration::from_millis(10), move || {
            counted.set(counted.get() + 1)
        });
    });
    server.turn(vec![Happening::Elapsed(77)]);
    server.advance(Duration::from_millis(100));
    assert_eq!(count.get(), 10);
}

#[test]
fn long_timers_are_made_of_several() {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let server = Server::start(move |io: &Io| {
        io.set_timeout(Duration::from_secs(60 * 86_400), move || counted.set(1));
        io.set_timeout(Duration::MAX, || panic!("the end of time"));
    });
    server.turn(vec![Happening::Elapsed(77)]);
    server.advance(Duration::from_secs(60 * 86_400 - 1));
    assert_eq!(count.get(), 0);
    server.advance(second());
    assert_eq!(count.get(), 1);
    assert_eq!(
        server
            .commands()
            .iter()
            .filter(|command| matches!(command, Command::SetTimer(_)))
            .count(),
        4
    );
}

#[test]
fn fetching_and_steering_others() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = Server::start(move |io: &Io| {
        io.on_connection(move |socket| {
            let notes = Rc::clone(&notes);
            socket.set_data(json!({ "n": socket.id() }));
            socket.on("who", move |socket: &Socket, room: String| {
                let notes = Rc::clone(&notes);
                socket.io().to(room).fetch_sockets().then(move |sockets| {
                    for socket in sockets {
                        let data: Value = socket.data().unwrap();
                        assert_eq!(data["n"], socket.id());
                        notes
                            .borrow_mut()
                            .push(format!("{:?}", socket.rooms().len()));
                        socket.emit("found", 1);
                        socket.join("found");
                    }
                });
            });
            socket.on("steer", |socket: &Socket, ()| {
                socket.broadcast().sockets_join(["a", "b"]);
                socket.io().to("a").sockets_leave("b");
            });
            socket.on("rooms", |socket: &Socket, ()| {
                socket.emit("rooms", socket.rooms())
            });
            socket.on("end", |socket: &Socket, ()| {
                socket.to("a").disconnect_sockets(true)
            });
        });
    });
    let (ann, bob) = (server.connect("/"), server.connect("/"));
    ann.emit("steer", ());
    assert_eq!(bob.rooms(), [bob.id(), "a".into()]);
    bob.emit("rooms", ());
    assert_eq!(bob.received::<Vec<String>>("rooms"), [bob.rooms()]);
    ann.emit("who", "a");
    assert_eq!(noted(&log), ["2"]);
    assert_eq!(bob.received::<i32>("found"), [1]);
    assert_eq!(bob.rooms(), [bob.id(), "a".into(), "found".into()]);
    bob.emit("rooms", ());
    assert_eq!(bob.received::<Vec<String>>("rooms"), [bob.rooms()]);
    ann.emit("end", ());
    assert_eq!((bob.gone().is_some(), ann.gone()), (true, None));
}

#[test]
fn a_fetch_waits_for_all_shards_or_the_time() {
    let found = Rc::new(Cell::new(None));
    let noted = Rc::clone(&found);
    let mut context = context();
    context.shards = 3;
    let app = move |io: &Io| {
        io.on_connection(move |socket| {
            let noted = Rc::clone(&noted);
            socket
                .io()
                .fetch_sockets()
                .then(move |sockets| noted.set(Some(sockets.len())));
        });
    };
    let server = Server::start_with(context, app).unwrap();
    let _ann = server.connect("/");
    assert_eq!(found.get(), None);
    let empty = || {
        vec![Happening::Event(AppEvent::Found(Found {
            token: 1,
            sockets: vec![],
        }))]
    };
    server.turn(empty());
    assert_eq!(found.get(), None);
    server.turn(empty());
    assert_eq!(found.take(), Some(1));
    server.turn(empty());
    let _bob = server.connect("/");
    server.advance(Duration::from_secs(5));
    assert_eq!(found.get(), Some(2));
    assert_eq!(levels(&server), [Level::Warn]);
}

#[test]
fn sockets_outlive_the_app() {
    let app = |io: &Io| {
        io.middleware(|socket| {
            if socket.recovered() {
                Err("is not asked again".into())
            } else {
                Ok(())
            }
        });
        io.on_connection(|socket| {
            if !socket.recovered() {
                socket.join("r");
                socket.set_data("kept");
            }
            socket.on_ack("state", |socket, (), ack: Ack| {
                ack.send((
                    socket.recovered(),
                    socket.rooms(),
                    socket.data::<String>().ok(),
                ));
            });
        });
    };
    let server = Server::start(app);
    let ann = server.connect("/");
    let state = |recovered| Some((recovered, ann.rooms(), Some("kept".to_owned())));
    assert_eq!(ann.call("state", ()), state(false));
    server.restart(app);
    assert_eq!(ann.call("state", ()), state(true));
    assert_eq!(ann.rooms(), [ann.id(), "r".into()]);
}

#[test]
fn the_environment_the_seed_and_the_end() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let mut context = context();
    context.env = vec![("MOOD".into(), "good".into())];
    let app = move |io: &Io| {
        assert_eq!((io.env("MOOD"), io.env("HOME")), (Some("good"), None));
        assert_eq!(io.seed(), 2 << 64 | 1);
        io.allow_request(|handshake| match handshake.header("x-key") {
            Some(_) => Ok(()),
            None => Err("no key".into()),
        });
        let handle = io.clone();
        io.on_stopping(move || {
            handle.emit("good-bye", ());
            notes.borrow_mut().push("stopping".into());
        });
        io.on_connection(|_| ());
    };
    let server = Server::start_with(context, app).unwrap();
    assert!(server.manifest().judges_handshakes);
    assert_eq!(server.judge(handshake()), Err("no key".into()));
    let mut with_key = handshake();
    with_key.headers.push(crate::Header {
        name: "x-key".into(),
        value: "1".into(),
    });
    assert_eq!(server.judge(with_key), Ok(()));
    let ann = server.connect("/");
    server.stop();
    assert_eq!(
        (noted(&log).len(), ann.received::<()>("good-bye").len()),
        (1, 1)
    );
}

#[test]
fn bounds_hold() {
    let refused = Rc::new(Cell::new(0));
    let counted = Rc::clone(&refused);
    let server = serve(move |socket| {
        for _ in 0..=LISTENERS_PER_SOCKET_MAX {
            socket.on("x", |_: &Socket, ()| ());
        }
        for _ in 0..=ACKS_PER_SOCKET_MAX {
            let counted = Rc::clone(&counted);
            socket
                .timeout(second())
                .emit_with_ack("q", ())
                .then(move |answer: Result<(), _>| {
                    if answer == Err(AckError::TooMany) {
                        counted.set(counted.get() + 1);
                    }
                });
        }
        socket.set_data("x".repeat(SOCKET_DATA_BYTES_MAX));
        for _ in 0..=TIMERS_MAX {
            socket.io().set_timeout(second(), || ());
        }
        info!("{}", "ä".repeat(8 * 1024));
    });
    let ann = server.connect("/");
    assert_eq!(ann.inbox().len(), ACKS_PER_SOCKET_MAX);
    assert_eq!(refused.get(), 1);
    assert_eq!(ann.data(), "{}");
    let logs = server.logs();
    assert_eq!(
        logs.iter()
            .filter(|line| line.level == Level::Error)
            .count(),
        3
    );
    assert!(logs.iter().all(|line| line.text.len() <= 8 * 1024));
}

#[test]
fn a_socket_lets_go_of_what_its_listeners_hold() {
    let held = Rc::new(());
    let kept = Rc::clone(&held);
    let server = serve(move |socket| {
        let (kept, own) = (Rc::clone(&kept), socket.clone());
        socket.on("x", move |_: &Socket, ()| {
            let _ = (&kept, &own);
        });
    });
    let ann = server.connect("/");
    assert_eq!(Rc::strong_count(&held), 3);
    ann.disconnect("transport close");
    assert_eq!(Rc::strong_count(&held), 2);
    drop((ann, server));
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn the_same_calls_give_the_same_commands() {
    let run = || {
        let (server, _) = asks_everybody(1);
        let clients = [(); 5].map(|()| server.connect("/"));
        clients.iter().for_each(|client| client.emit("ask", ()));
        server.advance(second());
        clients
            .iter()
            .for_each(|client| client.disconnect("transport close"));
        server.commands()
    };
    assert_eq!(run(), run());
}

#[test]
fn who_is_refused_is_let_go() {
    let held = Rc::new(());
    let (kept, log) = (Rc::clone(&held), Log::default());
    let notes = Rc::clone(&log);
    let server = Server::start(move |io: &Io| {
        io.middleware(move |socket| {
            let (kept, own, notes) = (Rc::clone(&kept), socket.clone(), Rc::clone(&notes));
            socket.on("x", move |_: &Socket, ()| drop((kept.clone(), own.clone())));
            socket
                .timeout(second())
                .emit_with_ack("q", ())
                .then(move |answer: Result<(), _>| {
                    notes.borrow_mut().push(format!("{answer:?}"));
                });
            Err("no".into())
        });
    });
    assert!(server.connect_as("/", ()).is_err());
    assert_eq!(Rc::strong_count(&held), 2);
    assert_eq!(noted(&log), ["Err(Disconnected)"]);
}

#[test]
fn rooms_are_bounded() {
    let server = serve(|socket| {
        socket.join("x".repeat(ROOM_BYTES_MAX + 1));
        socket.join(
            (0..=ROOMS_PER_SOCKET_MAX)
                .map(|room| room.to_string())
                .collect::<Vec<_>>(),
        );
        socket.emit("rooms", socket.rooms().len());
    });
    assert_eq!(
        server.connect("/").received::<usize>("rooms"),
        [ROOMS_PER_SOCKET_MAX + 1]
    );
}

mod dynamic;
mod gates;
mod handlers;
mod packets;
mod recovery;
mod servers;
mod tasks;
