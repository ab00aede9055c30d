//! What handlers may be: their parameters, what they return, events with types, state.

use super::{Log, levels, noted, serve};
use crate::limits::SETTINGS_MAX;
use crate::testing::types::Act;
use crate::testing::{Server, handshake};
use crate::{
    Ack, Args, Auth, Binary, Data, EventName, Header, Io, Level, Query, Socket, State, Value,
    events, sleep,
};
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

#[derive(Deserialize)]
struct User {
    name: String,
}

#[derive(Deserialize)]
struct Wanted {
    colour: String,
    size: Option<u8>,
}

#[derive(Default)]
struct Counter(Cell<u32>);

#[test]
fn parameters_say_what_they_need() {
    let server = Server::start(|io: &Io| {
        io.manage(Counter::default());
        io.on_connection(|socket| {
            socket.on("nothing", || ());
            socket.on("a", |socket: &Socket, a: i64, b: i64, ack: Ack| {
                ack.send((socket.id(), a + b))
            });
            socket.on("b", |(a, b): (i64, i64), c: Option<i64>, ack: Ack| {
                ack.send((a + b, c))
            });
            socket.on(
                "c",
                |ack: Ack, first: String, Data(second): Data<Binary>, rest: Args| {
                    ack.send((first, second, rest));
                },
            );
            socket.on(
                "d",
                |socket: Socket,
                 io: Io,
                 State(counter): State<Counter>,
                 Auth(user): Auth<User>,
                 Query(query): Query<Wanted>,
                 event: EventName,
                 ack: Ack| {
                    counter.0.set(counter.0.get() + 1);
                    let same = socket.io().place() == io.place();
                    let count = io.state::<Counter>().map(|State(counter)| counter.0.get());
                    ack.send((same, count, user.name, query.colour, query.size, event));
                },
            );
            socket.on("e", named);
            socket.on("e", named_async);
        });
    });
    let mut shake = handshake();
    shake.auth = r#"{"name":"Ann"}"#.into();
    shake.query = vec![
        Header {
            name: "colour".into(),
            value: "blue".into(),
        },
        Header {
            name: "size".into(),
            value: "4".into(),
        },
    ];
    let ann = server.connect_with("/", shake).unwrap();
    ann.emit("nothing", (1, 2));
    assert_eq!(ann.call("a", (1, 2)), Some((ann.id(), 3)));
    assert_eq!(ann.call("b", (1, 2, 3)), Some((3, Some(3))));
    assert_eq!(ann.call("b", (1, 2)), Some((3, None::<i64>)));
    let some = ("x", Binary(vec![1]), 2, Binary(vec![3]));
    let back = ("x".to_owned(), Binary(vec![1]), 2, Binary(vec![3]));
    assert_eq!(ann.call("c", some), Some(back));
    for count in 1..3 {
        let expected = (
            true,
            count,
            "Ann".to_owned(),
            "blue".to_owned(),
            4,
            "d".to_owned(),
        );
        assert_eq!(ann.call("d", ()), Some(expected));
    }
    ann.emit("e", "text");
    assert_eq!(ann.received::<String>("named"), ["text", "text, later"]);
    assert!(levels(&server).is_empty());
}

fn named(socket: &Socket, text: String) {
    socket.emit("named", text);
}

async fn named_async(socket: &Socket, text: String) -> Result<(), String> {
    socket.emit("named", format!("{text}, later"));
    Ok(())
}

#[test]
fn a_parameter_that_is_not_there_is_named() {
    let server = serve(|socket| {
        socket.on("two", |_: String, _: u8| ());
        socket.on("state", |_: State<Counter>| ());
        socket.on("auth", async |_: Auth<User>| ());
        socket.on("query", |_: Query<Wanted>| ());
    });
    let ann = server.connect("/");
    let line = |event: &str| {
        ann.emit(event, ("x", "y"));
        let [line] = server.logs().try_into().unwrap();
        assert_eq!(line.level, Level::Warn);
        let start = format!("handler of \"{event}\" of socket {} in /: ", ann.id());
        line.text.strip_prefix(&start).unwrap().to_owned()
    };
    assert_eq!(
        line("two"),
        r#"argument 2: invalid type: string "y", expected u8"#
    );
    assert!(line("state").contains("give one to `io.manage`"));
    assert!(line("auth").starts_with("auth: missing field `name`"));
    assert!(line("query").starts_with("query: missing field `colour`"));
}

#[test]
fn a_handler_that_fails_is_a_line_and_no_answer() {
    let server = Server::start(|io: &Io| {
        io.on_connection(|socket| {
            socket.on(
                "now",
                |text: String, ack: Ack| -> Result<(), std::num::ParseIntError> {
                    ack.send(text.parse::<u8>()?);
                    Ok(())
                },
            );
            socket.on(
                "later",
                async |text: String, ack: Ack| -> Result<(), std::num::ParseIntError> {
                    sleep(Duration::from_millis(1)).await;
                    ack.send(text.parse::<u8>()?);
                    Ok(())
                },
            );
            socket.on_ack("fixed", |_, (), _| Err("no"));
        });
        io.of("/bad").on_connection(|_| Err("not today"));
        io.of("/late").on_connection_async(async |socket| {
            socket.on("x", |socket: &Socket| socket.emit("heard", ()));
            sleep(Duration::from_millis(5)).await;
            Err("too late")
        });
    });
    let ann = server.connect("/");
    let lines = || -> Vec<String> { server.logs().into_iter().map(|line| line.text).collect() };
    let id = ann.id();
    assert_eq!(
        (ann.call("now", "7"), ann.call::<u8>("now", "x")),
        (Some(7), None)
    );
    assert_eq!(
        lines(),
        [format!(
            "handler of \"now\" of socket {id} in /: failed: invalid digit found in string"
        )]
    );
    let later = ann.ask("later", "-");
    server.advance(Duration::from_millis(1));
    assert_eq!(
        (ann.answer::<u8>(later), ann.call::<()>("fixed", ())),
        (None, None)
    );
    assert_eq!(lines().len(), 2);
    let bob = server.connect("/bad");
    assert_eq!(
        lines(),
        [format!(
            "connection handler of socket {} in /bad: failed: not today",
            bob.id()
        )]
    );
    assert!(bob.is_connected());
    let eve = server.connect("/late");
    eve.emit("x", ());
    assert_eq!(eve.inbox().len(), 1);
    server.advance(Duration::from_millis(5));
    assert!(lines()[0].ends_with("in /late: failed: too late"));
}

#[test]
fn once_may_use_up_what_it_holds() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let (one, two) = (String::from("one"), String::from("two"));
        let (notes, later) = (Rc::clone(&notes), Rc::clone(&notes));
        socket.once("x", move || notes.borrow_mut().push(one));
        socket.once("x", async move |_: Socket| later.borrow_mut().push(two));
    });
    let ann = server.connect("/");
    ann.emit("x", ());
    ann.emit("x", ());
    assert_eq!(noted(&log), ["one", "two"]);
}

events! {
    /// Adds.
    Add = "add": (i64, i64) => i64;
    Sum = "sum": i64;
    Ask = "ask": () => String;
}

#[test]
fn events_have_types() {
    let server = serve(|socket| {
        socket.on_event(Add, |socket, (a, b), ack| {
            socket.emit_event(Sum, a + b);
            socket.broadcast().emit_event(Sum, a + b);
            socket.io().emit_event(Sum, 0);
            assert!(ack.is_wanted());
            ack.send(a + b);
        });
        let greeting = String::from("hello, ");
        socket.on_event_async(Ask, async move |socket, (), ack| {
            let name = socket
                .timeout(Duration::from_secs(1))
                .emit_event_with_ack(Ask, ());
            ack.send(greeting.clone() + &name.await?);
            Ok::<_, crate::AckError>(())
        });
    });
    let (ann, bob) = (server.connect("/"), server.connect("/"));
    assert_eq!(ann.call_event(Add, (1, 2)), Some(3));
    assert_eq!(
        (ann.received_event(Sum), bob.received_event(Sum)),
        (vec![3, 0], vec![3, 0])
    );
    let asked = ann.ask("ask", ());
    let [question] = ann.inbox().try_into().unwrap();
    ann.acknowledge(&question, "Ann");
    assert_eq!(ann.answer(asked), Some("hello, Ann".to_owned()));
}

#[test]
fn a_socket_keeps_values_by_type() {
    let held = Rc::new(());
    let kept = Rc::clone(&held);
    let server = serve(move |socket| {
        assert!(
            socket
                .extensions()
                .insert(RefCell::new(Vec::<u8>::new()))
                .is_none()
        );
        socket.extensions().insert(Rc::clone(&kept));
        socket.on("add", |socket: &Socket, n: u8, ack: Ack| {
            let list = socket.extensions().get::<RefCell<Vec<u8>>>().unwrap();
            list.borrow_mut().push(n);
            ack.send(&*list.borrow());
        });
        assert_eq!(*socket.extensions().get_or_insert_with(|| 5_u64), 5);
        assert_eq!(socket.extensions().remove::<u64>().as_deref(), Some(&5));
        assert!(socket.extensions().get::<u64>().is_none());
    });
    let ann = server.connect("/");
    let _: Option<Value> = ann.call("add", 1);
    assert_eq!(ann.call("add", 2), Some(vec![1, 2]));
    assert_eq!(Rc::strong_count(&held), 3);
    ann.disconnect("transport close");
    assert_eq!(Rc::strong_count(&held), 2);
}

#[test]
fn the_app_asks_for_settings_and_ends_connections() {
    let server = Server::start(|io: &Io| {
        io.setting("cors.origin", ["https://a.example", "https://b.example"]);
        io.setting("path", "/ws");
        io.setting("ping_interval", 1);
        io.setting("ping_interval", 10_000);
        for number in 0..SETTINGS_MAX {
            io.setting(&format!("x.{number}"), number);
        }
        let end = io.clone();
        io.on_connection(move |socket| {
            let end = end.clone();
            socket.on("end", move || {
                end.setting("too", "late");
                end.close();
            });
        });
        io.of("/other").on_connection(|_| ());
        assert!(io.state::<Counter>().is_none());
    });
    let settings = server.manifest().settings;
    assert_eq!(settings.len(), SETTINGS_MAX);
    let value = |name: &str| {
        let found = settings.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(
        value("cors.origin"),
        Some(r#"["https://a.example","https://b.example"]"#)
    );
    assert_eq!(
        (value("path"), value("ping_interval")),
        (Some("/ws"), Some("10000"))
    );
    let (ann, bob) = (server.connect("/"), server.connect("/other"));
    assert_eq!(levels(&server), [Level::Error; 3]);
    assert!(server.connect("/").is_connected());
    let _ = server.commands();
    ann.emit("end", ());
    let ends = super::acts(&server);
    assert!(
        matches!(&ends[..], [Act::AudienceDisconnect(a), Act::AudienceDisconnect(b)]
        if a.close && b.close && a.local && b.local)
    );
    assert!(ann.gone().is_some() && bob.gone().is_some());
    assert!(
        server.logs()[0]
            .text
            .contains("counts only when the app starts")
    );
}
