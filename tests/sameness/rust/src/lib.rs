//! The app of the table of behaviours (`tests/sameness`), with holdfast-sdk: the same as `app.mjs`, which
//! is written against the API of socket.io. What a handler sees is told to the client.

mod acts;
mod audience;
mod events;
mod gate;
mod namespaces;
mod shared;
mod watch;

use holdfast_sdk::{Ack, Args, Io, Socket, Value, json, sleep};
use shared::Shared;
use std::rc::Rc;
use std::time::Duration;

holdfast_sdk::app!(app);

/// Attaches all namespaces.
pub fn app(io: &Io) {
    let shared = Rc::new(Shared::default());
    gate::attach_requests(io, &shared);
    let attach = |shared: &Rc<Shared>| {
        let shared = Rc::clone(shared);
        move |socket: &Socket| common(socket, &shared)
    };
    io.on_connection(attach(&shared));
    io.on_connection(|socket| socket.emit("welcome", (socket.id(), socket.namespace().name())));
    // Named without a slash.
    io.of("plain").on_connection(attach(&shared));

    let late = attach(&shared);
    io.of("/late")
        .on_connection_async(async move |socket: &Socket| {
            late(socket);
            socket.emit("at once", 1);
            socket.emit("at once", 2);
            sleep(Duration::from_millis(20)).await;
            socket.emit("after a while", ());
        });

    io.of("/kick").on_connection(|socket| {
        socket.emit("welcome", ());
        let auth: Value = socket.handshake().auth().unwrap_or_default();
        socket.disconnect(auth["close"] == json!(true));
    });

    events::attach(io, attach(&shared));
    watch::attach(io, &shared, attach(&shared));
    gate::attach(io, &shared, attach(&shared));
    namespaces::attach(io, &shared, attach(&shared));
}

/// What every namespace has.
fn common(socket: &Socket, shared: &Rc<Shared>) {
    socket.on_ack("sync", |_, (), ack: Ack| ack.send(()));
    let acting = Rc::clone(shared);
    socket.on(
        "act",
        move |socket: Socket, name: String, args: Args, ack: Ack| {
            let shared = Rc::clone(&acting);
            async move { acts::act(&socket, &shared, &name, &args, ack).await }
        },
    );
    let tell = |what: &'static str| {
        move |socket: &Socket, reason: &str| {
            socket.namespace().to("watchers").emit(
                what,
                json!({
                    "id": socket.id(),
                    "reason": reason,
                    "connected": what == "leaving",
                    "rooms": socket.rooms(),
                }),
            );
        }
    };
    socket.on_disconnecting(tell("leaving"));
    socket.on_disconnect(tell("left"));
}
