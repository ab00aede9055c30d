//! Who may come in and what may pass, decided later: async middlewares and admission, changed messages.

use super::{Log, acts, levels, noted, second, serve};
use crate::limits::TASKS_MAX;
use crate::testing::types::Act;
use crate::testing::{Server, after, handshake};
use crate::{
    Ack, Admission, ConnectError, FetchError, Handshake, Header, Io, Level, Rejection, Response,
    Value, fetch, json, sleep, spawn,
};
use std::rc::Rc;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn with_auth(auth: &Value) -> Handshake {
    Handshake {
        auth: auth.to_string(),
        ..handshake()
    }
}

/// An app that asks another server about tokens.
fn guarded(log: &Log) -> Server {
    let notes = Rc::clone(log);
    let server = Server::start(move |io: &Io| {
        let (first, last, connected) = (Rc::clone(&notes), Rc::clone(&notes), Rc::clone(&notes));
        io.middleware(move |socket| {
            first.borrow_mut().push("first".into());
            socket.join("early");
            Ok(())
        });
        io.middleware_async(async |socket| {
            let token: Value = socket.handshake().auth().unwrap_or_default();
            let url = format!(
                "https://auth.example/{}",
                token["token"].as_str().unwrap_or("none")
            );
            let known = fetch(url).await;
            match known {
                Ok(known) if known.is_ok() => {
                    socket.set_data(json!({ "name": known.text() }));
                    socket.emit("welcome", known.text());
                    Ok(())
                }
                Ok(_) => Err(ConnectError::new("unknown").with_data(json!({ "try": "again" }))),
                Err(error) => Err(error.to_string().into()),
            }
        });
        io.middleware(move |_| {
            last.borrow_mut().push("last".into());
            Ok(())
        });
        io.on_connection(move |socket| {
            connected
                .borrow_mut()
                .push(format!("connected {:?}", socket.rooms()));
            socket.on("hello", |ack: Ack| ack.send("hello"));
        });
    });
    server.answer_fetch(|request| match request.url.as_str() {
        "https://auth.example/ann" => after(ms(100), Response::new(200).with_body("Ann")),
        _ => after(ms(50), Response::new(404)),
    });
    server
}

#[test]
fn a_middleware_may_answer_later() {
    let log = Log::default();
    let server = guarded(&log);
    let ann = server.begin_connect("/", with_auth(&json!({ "token": "ann" })));
    let bob = server.begin_connect("/", with_auth(&json!({ "token": "bob" })));
    assert!(!ann.is_connected() && ann.refusal().is_none());
    server.advance(ms(50));
    let refused = ConnectError::new("unknown").with_data(json!({ "try": "again" }));
    assert_eq!((ann.is_connected(), bob.refusal()), (false, Some(refused)));
    assert!(
        server
            .commands()
            .iter()
            .all(|command| !format!("{command:?}").contains("Join"))
    );
    server.advance(ms(50));
    assert!(ann.is_connected());
    // What the middlewares did comes after the answer, in the order in which they did it.
    let done = acts(&server);
    assert!(
        matches!(
            &done[..],
            [Act::Admit, Act::Join(_), Act::SetData(_), Act::Emit(_)]
        ),
        "{done:?}"
    );
    assert_eq!(ann.rooms(), [ann.id(), "early".into()]);
    assert_eq!(ann.call("hello", ()), Some("hello".to_owned()));
    let rooms = format!("connected [{:?}, \"early\"]", ann.id());
    assert_eq!(noted(&log), ["first", "first", "last", &rooms]);
    assert_eq!(server.tasks(), 0);
}

#[test]
fn who_leaves_while_waiting_is_forgotten() {
    let log = Log::default();
    let server = guarded(&log);
    let ann = server.begin_connect("/", with_auth(&json!({ "token": "ann" })));
    ann.disconnect("transport close");
    server.advance(second());
    assert_eq!((noted(&log), server.tasks()), (vec!["first".to_owned()], 0));
    assert!(acts(&server).is_empty());
}

#[test]
fn when_there_are_too_many_tasks_nobody_waits() {
    let server = Server::start(|io: &Io| {
        io.middleware_async(async |_| Ok(()));
        io.allow_request_async(async |_| Ok::<(), _>(()));
        io.of("/plain").on_connection(|_| {
            for _ in 0..TASKS_MAX {
                spawn(std::future::pending::<()>());
            }
        });
    });
    assert!(server.connect("/").is_connected());
    assert_eq!(server.judge(handshake()), Ok(()));
    let _plain = server.connect("/plain");
    assert_eq!(server.connect_as("/", ()).err(), Some("too busy".into()));
    assert_eq!(server.judge(handshake()), Err("too busy".to_owned()));
    assert!(levels(&server).is_empty());
}

#[test]
fn a_child_namespace_with_somebody_at_the_door_stays() {
    let server = Server::start(|io: &Io| {
        io.cleanup_empty_child_namespaces();
        let family = io.of_pattern("^/room-");
        family.middleware_async(async |_| {
            sleep(ms(10)).await;
            Ok(())
        });
        family.on_connection_async(async |socket| socket.emit("hello", ()));
        let all = family.clone();
        io.on_connection(move |socket| {
            let all = all.clone();
            socket.on("children", move |ack: Ack| ack.send(all.children().len()));
        });
    });
    let watch = server.connect("/");
    let first = server.begin_connect("/room-1", handshake());
    server.advance(ms(10));
    assert_eq!((first.is_connected(), first.inbox().len()), (true, 1));
    let second = server.begin_connect("/room-1", handshake());
    first.disconnect("transport close");
    assert_eq!(watch.call("children", ()), Some(1));
    second.disconnect("transport close");
    assert_eq!(watch.call("children", ()), Some(0));
}

#[test]
fn sessions_and_pages_are_judged_later() {
    let server = Server::start(|io: &Io| {
        io.allow_request_async(async |handshake| {
            let known = fetch("https://auth.example/").await;
            match handshake.query("name") {
                _ if known.is_err() => Err("try later".to_owned()),
                Some(name) => Ok(Admission::new().header("x-name", name)),
                None => Err("who?".to_owned()),
            }
        });
        io.cors_async(async |handshake| Ok(json!({ "origin": handshake.header("origin") })));
    });
    server.answer_fetch(|_| after(ms(20), Response::new(200)));
    let query = vec![Header {
        name: "name".into(),
        value: "Ann".into(),
    }];
    server.begin_judge(
        5,
        Handshake {
            query,
            ..handshake()
        },
    );
    server.begin_judge(6, handshake());
    assert!(server.judgements().is_empty());
    server.advance(ms(20));
    let judged: Vec<_> = server
        .judgements()
        .into_iter()
        .map(|judgement| (judgement.token, judgement.refusal, judgement.headers.len()))
        .collect();
    assert_eq!(judged, [(5, None, 1), (6, Some("who?".to_owned()), 0)]);
    assert_eq!(server.share(handshake()), Ok(json!({ "origin": null })));
}

#[test]
fn middlewares_change_messages() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let (notes, errors) = (Rc::clone(&notes), Rc::clone(&notes));
        socket.on_any({
            let notes = Rc::clone(&notes);
            move |_, event, args| notes.borrow_mut().push(format!("any {event} {args:?}"))
        });
        socket.middleware(|_, packet| {
            if let Ok(text) = packet.read::<String>() {
                packet.set_args((text.to_uppercase(), "changed"));
            }
            if packet.event() == "old" {
                packet.set_event("new");
            }
            Ok(())
        });
        socket.middleware_async(async |socket, packet| {
            if packet.event() == "slow" {
                sleep(ms(10)).await;
            }
            let user: Value = socket.data().unwrap_or_default();
            match packet.event() {
                "secret" if user["admin"] != true => Err(Rejection::new("not for you")),
                _ => Ok(()),
            }
        });
        for event in ["new", "slow", "secret"] {
            let notes = Rc::clone(&notes);
            socket.on(event, move |args: crate::Args, ack: Ack| {
                notes.borrow_mut().push(format!("{event} {args:?}"));
                ack.send(event);
            });
        }
        socket.on_error(move |_, error| errors.borrow_mut().push(error.to_string()));
    });
    let ann = server.connect("/");
    let slow = ann.ask("slow", "a");
    assert_eq!(ann.call("old", "b"), Some("new".to_owned()));
    assert_eq!(ann.call::<()>("secret", 1), None);
    server.advance(ms(10));
    assert_eq!(ann.answer(slow), Some("slow".to_owned()));
    let expected = [
        r#"any slow ["a"]"#,
        r#"any old ["b"]"#,
        r#"new ["B","changed"]"#,
        r#"any secret [1]"#,
        r#"event "secret": not for you"#,
        r#"slow ["A","changed"]"#,
    ];
    assert_eq!(noted(&log), expected);
    assert_eq!(levels(&server), [Level::Warn]);
}

#[test]
fn instances_answer_later() {
    let server = Server::start(|io: &Io| {
        io.on_server_side_async(
            "rate",
            async |currency: String, reply| -> Result<(), FetchError> {
                let rate = fetch(format!("https://rates.example/{currency}")).await?;
                reply.send(rate.text());
                Ok(())
            },
        );
        io.on_server_side("bad", |(): (), _| Err("no"));
    });
    server.answer_fetch(|request| match request.url.as_str() {
        "https://rates.example/euro" => after(ms(5), Response::new(200).with_body("0.9")),
        _ => Err("no such host".to_owned()).into(),
    });
    assert!(server.serve("/", "rate", "euro").is_none());
    server.advance(ms(5));
    assert_eq!(server.served_answers()[0].json(), r#"["0.9"]"#);
    assert!(server.serve("/", "rate", "pound").is_none());
    assert!(server.serve("/", "bad", ()).is_none());
    let lines: Vec<_> = server.logs().into_iter().map(|line| line.text).collect();
    let expected = [
        r#"server-side handler of "rate" in /: failed: no such host"#,
        r#"server-side handler of "bad" in /: failed: no"#,
    ];
    assert_eq!(lines, expected);
}
