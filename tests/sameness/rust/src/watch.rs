//! `/any`, `/packets`, `/watched`: everything that comes in and goes out, middlewares of sockets, rooms.

use crate::audience::list;
use crate::shared::Shared;
use holdfast_sdk::{Ack, Args, EventFault, Io, Rejection, RoomEvent, Socket, Value, json, sleep};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What was noted.
type Log = Rc<RefCell<Vec<Value>>>;

/// Attaches the namespaces.
pub(crate) fn attach(io: &Io, shared: &Rc<Shared>, common: impl Fn(&Socket) + 'static) {
    let common = Rc::new(common);
    let attaching = Rc::clone(&common);
    io.of("/any").on_connection(move |socket| {
        attaching(socket);
        attach_any(socket);
    });
    let attaching = Rc::clone(&common);
    io.of("/packets").on_connection(move |socket| {
        attaching(socket);
        attach_packets(socket);
    });
    let watched = io.of("/watched");
    let noting = Rc::clone(shared);
    watched.on_room(move |_, event, room, id| {
        let name = match event {
            RoomEvent::Created => "create-room",
            RoomEvent::Joined => "join-room",
            RoomEvent::Left => "leave-room",
            RoomEvent::Deleted => "delete-room",
        };
        noting
            .room_events
            .borrow_mut()
            .push(json!([name, room, id]));
    });
    watched.on_connection(move |socket| common(socket));
}

/// Notes events with the number of their arguments.
fn noting(log: &Log, what: &'static str) -> impl FnMut(&Socket, &str, Args) + 'static {
    let log = Rc::clone(log);
    move |_: &Socket, event: &str, args: Args| {
        log.borrow_mut()
            .push(json!([what, event, list(&args).len()]));
    }
}

fn attach_any(socket: &Socket) {
    let log = Log::default();
    let one = socket.on_any(noting(&log, "any"));
    let out = socket.on_any_outgoing(noting(&log, "out"));
    let answering = |event: &'static str, act: Box<dyn Fn(&Socket)>| {
        socket.on_ack(event, move |socket, _: Args, ack: Ack| {
            act(socket);
            ack.send(());
        });
    };
    let heard = Rc::clone(&log);
    answering(
        "heard",
        Box::new(move |_| heard.borrow_mut().push(json!(["listener"]))),
    );
    let asked = Rc::clone(&log);
    socket.middleware(move |_, _| {
        asked.borrow_mut().push(json!(["middleware"]));
        Ok(())
    });
    let prepending = Rc::clone(&log);
    answering(
        "prepend",
        Box::new(move |socket| {
            socket.prepend_any(noting(&prepending, "before any"));
            socket.prepend_any_outgoing(noting(&prepending, "before out"));
        }),
    );
    let adding = Rc::clone(&log);
    answering(
        "second",
        Box::new(move |socket| {
            socket.on_any(noting(&adding, "second any"));
            socket.on_any_outgoing(noting(&adding, "second out"));
        }),
    );
    answering(
        "off one",
        Box::new(move |socket| {
            socket.off_listener(one);
            socket.off_listener(out);
        }),
    );
    answering(
        "off all",
        Box::new(|socket| {
            socket.off_any();
            socket.off_any_outgoing();
        }),
    );
    answering("out", Box::new(|socket| socket.emit("out", (1, 2))));
    answering(
        "out to all",
        Box::new(|socket| socket.namespace().emit("out to all", 1)),
    );
    answering(
        "out to others",
        Box::new(|socket| socket.broadcast().emit("out to others", ())),
    );
    socket.on_ack("answered", |_, (), ack: Ack| ack.send(1));
    socket.on_ack("log", move |_, (), ack: Ack| ack.send((&*log.borrow(),)));
    // There is no list of listeners here.
    socket.on_ack("counts", |_, (), ack: Ack| ack.send("no list"));
}

fn attach_packets(socket: &Socket) {
    let log = Log::default();
    let first = Rc::clone(&log);
    socket.middleware(move |_, packet| {
        first
            .borrow_mut()
            .push(json!(["first", packet.event(), list(packet.args())]));
        match packet.event() {
            "refused" => Err(Rejection::new("not this")),
            "refused with data" => Err(Rejection::new("not this").with_data(json!({ "code": 7 }))),
            _ => Ok(()),
        }
    });
    let second = Rc::clone(&log);
    socket.middleware(move |_, packet| {
        second.borrow_mut().push(json!(["second", packet.event()]));
        Ok(())
    });
    socket.middleware_async(async |_, packet| {
        if packet.event() == "waits" {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    });
    socket.middleware(|_, packet| {
        if packet.event() == "changed" {
            packet.set_args("by a middleware");
        }
        Ok(())
    });
    socket.on_error(|socket, fault| {
        if let EventFault::Rejected(rejection) = &fault.error {
            let data = rejection.data.clone().unwrap_or_default();
            socket.emit("refusal", (&rejection.message, data));
        }
    });
    for event in [
        "let through",
        "refused",
        "refused with data",
        "waits",
        "changed",
    ] {
        socket.on(event, move |socket: &Socket, args: Args| {
            socket.emit("heard", (event, args))
        });
    }
    socket.on_ack("log", move |_, (), ack: Ack| ack.send((&*log.borrow(),)));
}
