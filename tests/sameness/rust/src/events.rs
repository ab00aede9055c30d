//! `/events`: listeners of every kind, and acknowledgements.

use crate::audience::list;
use holdfast_sdk::serde::Deserialize;
use holdfast_sdk::{Ack, Args, Io, Socket, Value, json, sleep};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Attaches the namespace.
pub(crate) fn attach(io: &Io, common: impl Fn(&Socket) + 'static) {
    io.of("/events").on_connection(move |socket| {
        common(socket);
        attach_values(socket);
        attach_listeners(socket);
        attach_answers(socket);
        attach_time(socket);
    });
}

/// What a value is, for a handler.
fn kind(value: &Value, args: &Args) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(items) => items.iter().map(|item| kind(item, args)).collect(),
        Value::Object(members) if members.contains_key("_placeholder") => {
            let number = members
                .get("num")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let attachment = usize::try_from(number)
                .ok()
                .and_then(|number| args.attachments().get(number));
            json!(format!("binary {}", attachment.map_or(0, Vec::len)))
        }
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), kind(value, args)))
                .collect(),
        ),
    }
}

fn attach_values(socket: &Socket) {
    socket.on_ack("kinds", |_, args: Args, ack: Ack| {
        let kinds: Vec<_> = list(&args).iter().map(|value| kind(value, &args)).collect();
        ack.send((kinds,));
    });
    socket.on("echo", |socket: &Socket, args: Args| {
        socket.emit("echo", args)
    });
    socket.on_ack("echo back", |_, args: Args, ack: Ack| ack.send(args));
    socket.on("to all", |socket: &Socket, args: Args| {
        socket.namespace().emit("to all", args)
    });
    socket.on("count", |socket: &Socket, args: Args| {
        socket.emit("count", list(&args).len())
    });
    socket.on("message", |socket: &Socket, args: Args| socket.send(args));
    socket.on("7", |socket: &Socket, args: Args| {
        socket.emit("seven", args)
    });
    socket.on_ack("length", |_, text: String, ack: Ack| {
        ack.send(text.encode_utf16().count())
    });
    socket.on_ack(
        "typed",
        |_, (named, (x, y)): (Named, (i64, i64)), ack: Ack| {
            ack.send(format!("{} {} {}", named.name, named.tags.join("+"), x + y));
        },
    );
    socket.on(
        "optional",
        |socket: &Socket, (a, b): (Option<Value>, Option<Value>)| {
            socket.emit(
                "optional",
                (a.unwrap_or(json!("no a")), b.unwrap_or(json!("no b"))),
            );
        },
    );
}

#[derive(Deserialize)]
#[serde(crate = "holdfast_sdk::serde")]
struct Named {
    name: String,
    tags: Vec<String>,
}

fn attach_listeners(socket: &Socket) {
    for place in [1, 2, 3] {
        socket.on("several", move |socket: &Socket, args: Args| {
            socket.emit("several", (place, args))
        });
    }
    socket.once("once", |socket: &Socket, args: Args| {
        socket.emit("once", args)
    });
    let first = socket.on("removed", |socket: &Socket, ()| socket.emit("removed", 1));
    socket.on("removed", |socket: &Socket, ()| socket.emit("removed", 2));
    socket.on_ack("remove one", move |socket, (), ack: Ack| {
        socket.off_listener(first);
        ack.send(());
    });
    socket.on_ack("remove all", |socket, (), ack: Ack| {
        socket.off("removed");
        ack.send(());
    });
    socket.on("growing", |socket: &Socket, ()| {
        socket.on("growing", |socket: &Socket, ()| {
            socket.emit("growing", "new")
        });
        socket.emit("growing", "old");
    });
    socket.on("shrinking", |socket: &Socket, ()| {
        socket.emit("shrinking", ());
        socket.off("shrinking");
    });
    let numbers = Rc::new(RefCell::new(Vec::new()));
    let pushed = Rc::clone(&numbers);
    socket.on("number", move |number: u32| {
        pushed.borrow_mut().push(number)
    });
    socket.on_ack("numbers", move |_, (), ack: Ack| {
        ack.send(&*numbers.borrow())
    });
}

fn attach_answers(socket: &Socket) {
    socket.on_ack("answer nothing", |_, (), ack: Ack| ack.send(()));
    socket.on_ack("answer one", |_, (), ack: Ack| ack.send("one"));
    socket.on_ack("answer many", |_, (), ack: Ack| {
        ack.send(("one", json!({ "two": 2 }), [3].as_slice(), Value::Null))
    });
    // An acknowledgement can be sent once only: the compiler sees to it. Two listeners can.
    for word in ["first", "second"] {
        socket.on_ack("answer twice", move |_, (), ack: Ack| ack.send(word));
    }
    for word in ["first listener", "second listener"] {
        socket.on_ack("answer both", move |_, (), ack: Ack| ack.send(word));
    }
    socket.on_ack("answer never", |_, (), _: Ack| {});
    socket.on_ack("answer late", |socket, ms: u64, ack: Ack| {
        socket
            .io()
            .set_timeout(Duration::from_millis(ms), move || ack.send(ms));
    });
    socket.on_ack("answer gone", |socket, (), ack: Ack| {
        socket.disconnect(false);
        ack.send("gone");
    });
    socket.on_ack("answer wanted", |socket, value: u32, ack: Ack| {
        socket.emit("wanted", (value, ack.is_wanted()));
    });
}

fn attach_time(socket: &Socket) {
    socket.on("slow", async |socket: &Socket, ms: u64| {
        sleep(Duration::from_millis(ms)).await;
        socket.emit("slow", ms);
    });
    socket.on("steps", async |ack: Ack| {
        let mut steps = Vec::new();
        for step in [1, 2, 3] {
            sleep(Duration::from_millis(2)).await;
            steps.push(step);
        }
        ack.send((steps,));
    });
}
