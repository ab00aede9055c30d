//! Middlewares of sockets, listeners for everything, answers given twice.

use super::{Log, noted, second, serve};
use crate::limits::LISTENERS_PER_SOCKET_MAX;
use crate::testing::{Server, context};
use crate::{Ack, AckError, Args, EventFault, Io, Rejection, Socket, json};
use std::rc::Rc;

fn note(log: &Log, text: &'static str) -> impl Fn() + Clone + 'static {
    let log = Rc::clone(log);
    move || log.borrow_mut().push(text.to_owned())
}

#[test]
fn middlewares_come_between_any_and_the_listeners() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let [any, first, second, listener, error] =
            ["any", "first", "second", "listener", "error"].map(|text| note(&notes, text));
        socket.on("x", move |_: &Socket, _: Args| listener());
        socket.middleware(move |_, packet| {
            first();
            match (packet.event(), packet.read::<Option<u8>>()) {
                ("x", Ok(Some(7))) => Err(Rejection::new("no sevens").with_data(json!({ "n": 7 }))),
                _ => Ok(()),
            }
        });
        socket.middleware(move |_, _| {
            second();
            Ok(())
        });
        socket.on_any(move |_, _, _| any());
        socket.on_error(move |_, fault| {
            assert_eq!(fault.to_string(), r#"event "x": no sevens"#);
            let EventFault::Rejected(rejection) = &fault.error else {
                panic!("{fault}")
            };
            assert_eq!(rejection.data, Some(json!({ "n": 7 })));
            error();
        });
    });
    let ann = server.connect("/");
    ann.emit("x", 1);
    assert_eq!(noted(&log), ["any", "first", "second", "listener"]);
    assert_eq!(ann.call::<()>("x", 7), None);
    assert_eq!(noted(&log), ["any", "first", "error"]);
}

#[test]
fn who_disconnects_in_a_middleware_hears_no_more() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let heard = note(&notes, "heard");
        socket.on("x", move |_: &Socket, ()| heard());
        socket.middleware(|socket, _| {
            socket.disconnect(false);
            Ok(())
        });
    });
    server.connect("/").emit("x", ());
    assert!(noted(&log).is_empty());
}

#[test]
fn too_many_middlewares_let_nothing_through() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let heard = note(&notes, "heard");
        socket.on("x", move |_: &Socket, ()| heard());
        for _ in 0..LISTENERS_PER_SOCKET_MAX {
            socket.middleware(|_, _| Ok(()));
        }
    });
    server.connect("/").emit("x", ());
    assert!(noted(&log).is_empty());
}

#[test]
fn listeners_for_everything_have_an_order_and_an_end() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let [one, two, three] = ["one", "two", "three"].map(|text| note(&notes, text));
        let gone = socket.on_any(move |_, _, _| one());
        socket.on_any(move |_, _, _| two());
        socket.prepend_any(move |_, _, _| three());
        socket.on("one", move |socket: &Socket, ()| socket.off_listener(gone));
        socket.on("all", |socket: &Socket, ()| socket.off_any());
        socket.once_ack("once", |_, (), ack: Ack| ack.send("once"));
    });
    let ann = server.connect("/");
    ann.emit("one", ());
    assert_eq!(noted(&log), ["three", "one", "two"]);
    ann.emit("all", ());
    assert_eq!(noted(&log), ["three", "two"]);
    assert_eq!(ann.call("once", ()), Some("once".to_owned()));
    assert_eq!(ann.call::<String>("once", ()), None);
    assert!(noted(&log).is_empty());
}

#[test]
fn outgoing_messages_are_heard_broadcasts_too() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        if socket
            .handshake()
            .auth()
            .is_ok_and(|auth: crate::Value| auth["listens"] == true)
        {
            let notes = Rc::clone(&notes);
            let first = note(&notes, "first");
            socket.on_any_outgoing(move |_, event, args| {
                notes.borrow_mut().push(format!("{event} {}", args.json()));
            });
            socket.prepend_any_outgoing(move |_, _, _| first());
        }
        socket.on_ack("go", |socket, n: u8, ack: Ack| {
            socket.emit("direct", n);
            socket.broadcast().emit("others", n);
            socket.io().emit("all", n);
            socket.to("nobody").emit("nobody", n);
            socket
                .timeout(second())
                .emit_with_ack("asked", n)
                .then(|_: Result<(), _>| ());
            ack.send(n);
        });
        socket.on("off", |socket: &Socket, ()| socket.off_any_outgoing());
    });
    let ann = server.connect_as("/", json!({ "listens": true })).unwrap();
    let bob = server.connect("/");
    bob.emit("go", 1);
    assert_eq!(noted(&log), ["first", "others [1]", "first", "all [1]"]);
    assert_eq!(ann.call("go", 2), Some(2));
    let expected = [
        "first",
        "direct [2]",
        "first",
        "all [2]",
        "first",
        "asked [2]",
    ];
    assert_eq!(noted(&log), expected);
    ann.emit("off", ());
    ann.emit("go", 3);
    assert!(noted(&log).is_empty());
}

#[test]
fn one_message_is_answered_once() {
    let server = serve(|socket| {
        socket.on_ack("x", |_, (), ack: Ack| {
            assert!(ack.is_wanted());
            ack.send(1);
        });
        socket.on_ack("x", |socket, (), ack: Ack| {
            assert!(!ack.is_wanted());
            ack.send(2);
            socket.emit("done", ());
        });
        socket.on_ack("late", |socket, (), ack: Ack| {
            socket.io().set_timeout(second(), move || ack.send("late"));
        });
    });
    let ann = server.connect("/");
    let _ = server.commands();
    assert_eq!(ann.call("x", ()), Some(1));
    assert_eq!(super::acts(&server).len(), 2, "one answer, one message");
    ann.emit("late", ());
    ann.disconnect("transport close");
    server.advance(second());
    assert!(super::acts(&server).is_empty());
}

#[test]
fn who_answers_twice_counts_once() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let notes = Rc::clone(&notes);
        socket.on("ask", move |socket: &Socket, ()| {
            let notes = Rc::clone(&notes);
            let all = socket.io().timeout(second());
            all.emit_with_acks("q", ())
                .then(move |answers: Result<Vec<u8>, _>| {
                    notes.borrow_mut().push(match answers {
                        Ok(answers) => format!("{answers:?}"),
                        Err(error) => format!("{error}: {:?}", error.answers),
                    });
                });
        });
    });
    let [ann, bob] = [(); 2].map(|()| server.connect("/"));
    ann.emit("ask", ());
    let question = ann.inbox().pop().unwrap();
    ann.acknowledge(&question, 1);
    ann.acknowledge(&question, 2);
    assert!(noted(&log).is_empty());
    bob.acknowledge(&bob.inbox()[0], 3);
    assert_eq!(noted(&log), ["[1, 3]"]);
    ann.emit("ask", ());
    ann.acknowledge(&ann.inbox()[0], 1);
    server.advance(second());
    assert_eq!(noted(&log), ["operation has timed out: [1]"]);
}

#[test]
fn a_remote_socket_answers_for_itself() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let notes = Rc::clone(&notes);
        socket.on("ask", move |socket: &Socket, id: String| {
            let notes = Rc::clone(&notes);
            socket
                .io()
                .to(id)
                .local()
                .fetch_sockets()
                .then(move |sockets| {
                    for socket in sockets {
                        let notes = Rc::clone(&notes);
                        let done = move |answer: Result<u8, AckError>| {
                            notes.borrow_mut().push(format!("{answer:?}"));
                        };
                        socket.timeout(second()).emit_with_ack("q", ()).then(done);
                    }
                });
        });
    });
    let [ann, bob] = [(); 2].map(|()| server.connect("/"));
    ann.emit("ask", bob.id());
    bob.acknowledge(&bob.inbox()[0], 5);
    assert_eq!(noted(&log), ["Ok(5)"]);
    ann.emit("ask", bob.id());
    server.advance(second());
    assert_eq!(noted(&log), ["Err(Timeout)"]);
}

#[test]
fn numbers_count_around_below_the_place() {
    const PLACE: u64 = 5 << 43;
    let mut context = context();
    context.first_ack = PLACE | ((1 << 43) - 1);
    let server = Server::start_with(context, |io: &Io| {
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
    });
    let inbox = server.unwrap().connect("/").inbox();
    let acks: Vec<_> = inbox.iter().map(|message| message.ack).collect();
    assert_eq!(acks, [Some(PLACE | ((1 << 43) - 1)), Some(PLACE)]);
}
