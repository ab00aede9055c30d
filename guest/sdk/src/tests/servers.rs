//! Messages between instances, room events, admission.

use super::{Log, acts, levels, noted, second};
use crate::bindings::exports::holdfast::edge::app_guest::Happening;
use crate::bindings::exports::holdfast::edge::types::{Act, AppEvent, RoomChange};
use crate::testing::{Server, context, handshake};
use crate::{Admission, Args, Header, Io, Level, RESERVED_SERVER_EVENTS, RoomEvent, Socket, json};
use std::rc::Rc;
use std::time::Duration;

/// One of so many instances, that asks the others and notes what comes.
fn one_of(instances: u32) -> (Server, Log) {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let mut context = context();
    context.instances = instances;
    let server = Server::start_with(context, move |io: &Io| {
        io.on_connection(move |socket| {
            let notes = Rc::clone(&notes);
            socket.on("tell", |socket: &Socket, args: Args| {
                socket.namespace().server_side_emit("told", args);
            });
            socket.on("ask", move |socket: &Socket, ()| {
                let notes = Rc::clone(&notes);
                let done = move |answers: Result<Vec<String>, crate::AcksError<String>>| {
                    notes.borrow_mut().push(match answers {
                        Ok(answers) => answers.join(),
                        Err(error) => format!("{error}: {}", error.answers.join()),
                    });
                };
                socket.io().server_side_emit_with_ack("name", 1).then(done);
            });
        });
    });
    (server.unwrap(), log)
}

trait Join {
    fn join(&self) -> String;
}

impl Join for Vec<String> {
    fn join(&self) -> String {
        self.as_slice().join(",")
    }
}

#[test]
fn other_instances_are_told_and_asked() {
    let (server, log) = one_of(3);
    let ann = server.connect("/");
    ann.emit("tell", (1, "two"));
    let told = server.served().pop().unwrap();
    assert_eq!(
        (
            told.namespace.as_str(),
            told.payload.json.as_str(),
            told.reply
        ),
        ("/", r#"["told",1,"two"]"#, None)
    );
    ann.emit("ask", ());
    let question = server.served().pop().unwrap();
    server.answer_served(&question, "a");
    assert!(noted(&log).is_empty());
    server.answer_served(&question, "b");
    assert_eq!(noted(&log), ["a,b"]);
    server.answer_served(&question, "c");
    ann.emit("ask", ());
    let question = server.served().pop().unwrap();
    server.answer_served(&question, "a");
    server.advance(Duration::from_secs(5));
    assert_eq!(
        noted(&log),
        ["timeout reached: only 1 responses received out of 2: a"]
    );
    server.answer_served(&question, "b");
    assert!(noted(&log).is_empty());
}

#[test]
fn who_is_alone_is_answered_by_nobody() {
    let (server, log) = one_of(1);
    server.connect("/").emit("ask", ());
    assert_eq!(noted(&log), [""]);
    assert!(server.served().is_empty());
}

#[test]
fn messages_of_other_instances_are_heard_and_answered_once() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = Server::start(move |io: &Io| {
        let (one, two) = (Rc::clone(&notes), Rc::clone(&notes));
        io.on_server_side("name", move |n: u8, reply| {
            one.borrow_mut().push(format!("{n} {}", reply.is_wanted()));
            reply.send(("one", n));
        });
        io.on_server_side("name", move |(), reply| {
            two.borrow_mut()
                .push(format!("again {}", reply.is_wanted()));
            reply.send("two");
        });
        let later = io.clone();
        io.of("/other").on_server_side("later", move |(), reply| {
            later.set_timeout(second(), || reply.send("now"));
        });
    });
    let answer = server.serve("/", "name", 7).unwrap();
    assert_eq!(answer.read(), Ok(("one".to_owned(), 7)));
    assert_eq!(noted(&log), ["7 true", "again false"]);
    let answer = server.serve("/", "name", "seven").unwrap();
    assert_eq!(
        answer.read(),
        Ok("two".to_owned()),
        "the first expects a number"
    );
    assert_eq!(noted(&log), ["again true"]);
    assert_eq!(server.serve("/", "later", ()), None, "another namespace");
    assert_eq!(server.serve("/other", "later", ()), None);
    server.advance(second());
    assert_eq!(server.served_answers()[0].read(), Ok("now".to_owned()));
}

#[test]
fn reserved_names_are_no_messages_between_servers() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = Server::start(move |io: &Io| {
        for event in RESERVED_SERVER_EVENTS {
            io.server_side_emit(event, ());
        }
        io.server_side_emit_with_ack("connect", ())
            .then(move |answers: Result<Vec<()>, _>| {
                notes.borrow_mut().push(answers.unwrap_err().to_string());
            });
    });
    let _ = server.connect("/");
    assert!(matches!(&acts(&server)[..], [Act::Admit]));
    assert_eq!(levels(&server), [Level::Error; 4]);
    assert_eq!(noted(&log), ["the message could not be sent"]);
}

fn watches_rooms(log: &Log) -> impl Fn(&Io) + use<> {
    let notes = Rc::clone(log);
    move |io: &Io| {
        let notes = Rc::clone(&notes);
        io.on_room(move |namespace, event, room, id| {
            let id = id.map_or("-", |id| &id[id.len() - 1..]);
            let room = if room.starts_with("socket-") {
                "own"
            } else {
                room
            };
            let event = format!("{event:?}").replace("RoomEvent::", "");
            let name = namespace.name();
            notes
                .borrow_mut()
                .push(format!("{name} {event} {room} {id}"));
        });
        io.on_connection(|socket| {
            socket.on("join", |socket: &Socket, room: String| socket.join(room));
            socket.on("leave", |socket: &Socket, room: String| socket.leave(room));
        });
    }
}

#[test]
fn rooms_are_told_when_they_come_and_go() {
    let log = Log::default();
    let server = Server::start(watches_rooms(&log));
    assert!(server.manifest().hears_rooms);
    let ann = server.connect("/");
    assert_eq!(noted(&log), ["/ Created own -", "/ Joined own 1"]);
    let bob = server.connect("/");
    ann.emit("join", "r");
    bob.emit("join", "r");
    bob.emit("join", "r");
    let _ = log.borrow_mut().drain(..2);
    assert_eq!(
        noted(&log),
        ["/ Created r -", "/ Joined r 1", "/ Joined r 2"]
    );
    ann.emit("leave", "r");
    assert_eq!(noted(&log), ["/ Left r 1"]);

    server.restart(watches_rooms(&log));
    assert!(noted(&log).is_empty());
    ann.emit("join", "r");
    assert_eq!(noted(&log), ["/ Joined r 1"]);
    ann.emit("leave", "r");
    bob.disconnect("transport close");
    assert_eq!(
        noted(&log),
        [
            "/ Left r 1",
            "/ Left own 2",
            "/ Deleted own -",
            "/ Left r 2",
            "/ Deleted r -"
        ]
    );
}

#[test]
fn a_room_is_created_and_deleted_once_for_all_shards() {
    let log = Log::default();
    let server = Server::start(watches_rooms(&log));
    let told = |shard: u64, change| {
        let is_of_socket = matches!(change, RoomEvent::Joined | RoomEvent::Left);
        server.turn(vec![Happening::Event(AppEvent::Room(RoomChange {
            namespace: "/".into(),
            room: "r".into(),
            change,
            socket: is_of_socket.then(|| (shard << 54 | 1 << 16, format!("id-{shard}"))),
        }))]);
    };
    for shard in 0..2 {
        told(shard, RoomEvent::Created);
        told(shard, RoomEvent::Joined);
    }
    for shard in 0..2 {
        told(shard, RoomEvent::Left);
        told(shard, RoomEvent::Deleted);
    }
    assert_eq!(
        noted(&log),
        [
            "/ Created r -",
            "/ Joined r 0",
            "/ Joined r 1",
            "/ Left r 0",
            "/ Left r 1",
            "/ Deleted r -"
        ]
    );
}

#[test]
fn nobody_hears_rooms_who_did_not_ask() {
    let server = Server::start(|io: &Io| {
        io.on_connection(|socket| {
            socket.io().on_room(|_, _, _, _| panic!("too late"));
        });
    });
    assert!(!server.manifest().hears_rooms);
    let _ = server.connect("/");
    assert_eq!(levels(&server), [Level::Error]);
}

#[test]
fn admission_cors_and_denials() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = Server::start(move |io: &Io| {
        io.allow_request(|handshake| match handshake.query("deny") {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(Admission::new()
                .initial_header("X-First", "1")
                .header("x-every", "2")),
        });
        io.cors(|handshake| match handshake.header("origin") {
            Some("https://evil.example") => Err("not you".to_owned()),
            Some(origin) => Ok(json!({ "origin": [origin, "/^https:/"] })),
            None => Ok(json!(false)),
        });
        let notes = Rc::clone(&notes);
        io.on_connection_error(move |denied| {
            notes
                .borrow_mut()
                .push(format!("{} {}", denied.code, denied.message));
        });
    });
    let manifest = server.manifest();
    assert!(manifest.judges_handshakes && manifest.decides_cors && manifest.hears_denials);
    let header = |name: &str, value: &str| Header {
        name: name.into(),
        value: value.into(),
    };
    let judgement = server.judgement(handshake());
    assert_eq!(judgement.refusal, None);
    assert_eq!(judgement.initial_headers, [header("x-first", "1")]);
    assert_eq!(judgement.headers, [header("x-every", "2")]);
    let mut denied = handshake();
    denied.query = vec![header("deny", "go away")];
    assert_eq!(server.judge(denied.clone()), Err("go away".into()));
    server.deny(denied, 4, "go away");
    assert_eq!(noted(&log), ["4 go away"]);
    let mut foreign = handshake();
    assert_eq!(server.share(foreign.clone()), Ok(json!(false)));
    foreign.headers = vec![header("origin", "https://a.example")];
    assert_eq!(
        server.share(foreign.clone()),
        Ok(json!({ "origin": ["https://a.example", "/^https:/"] }))
    );
    foreign.headers = vec![header("origin", "https://evil.example")];
    assert_eq!(server.share(foreign), Err("not you".into()));
}
