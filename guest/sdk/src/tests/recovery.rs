//! Clients that come back to a connection that broke.

use crate::testing::Server;
use crate::{Io, Socket, Value, json};

fn app(io: &Io) {
    io.middleware(|socket| {
        socket.emit("asked", (socket.recovered(), socket.rooms().len()));
        match socket.data::<Value>().unwrap_or_default()["banned"] == true {
            true => Err("banned".into()),
            false => Ok(()),
        }
    });
    io.on_connection(|socket| {
        socket.emit(
            "hello",
            (
                socket.recovered(),
                socket.resumed(),
                socket.rooms(),
                socket.data::<Value>().unwrap_or_default(),
            ),
        );
        socket.on("sit", |socket: &Socket, data: Value| {
            socket.join(["r", "s"]);
            socket.set_data(data);
        });
        socket.on("say", |socket: &Socket, n: u8| {
            socket.io().to("r").emit("said", n);
            socket.io().to("r").volatile().emit("said", n + 100);
        });
    });
}

type Hello = (bool, bool, Vec<String>, Value);

#[test]
fn rooms_data_and_messages_are_there_again() {
    let server = Server::start(app);
    let (ann, bob) = (server.connect("/"), server.connect("/"));
    assert_eq!(ann.received::<(bool, u8)>("asked"), [(false, 1)]);
    ann.emit("sit", json!({ "seat": 4 }));
    let rooms = ann.rooms();
    ann.disconnect("transport close");
    bob.emit("say", 1);
    bob.emit("say", 2);
    let _ = ann.received::<Hello>("hello");
    let again = server.recover(&ann, true).unwrap();
    assert_eq!((again.id(), again.rooms()), (ann.id(), rooms.clone()));
    assert_eq!(again.received::<u8>("said"), [1, 2]);
    assert!(again.received::<(bool, u8)>("asked").is_empty());
    let hello: Vec<Hello> = again.received("hello");
    assert_eq!(hello, [(true, false, rooms.clone(), json!({ "seat": 4 }))]);
    bob.emit("say", 3);
    assert_eq!(again.received::<u8>("said"), [3, 103]);

    server.restart(app);
    assert_eq!(
        again.received::<Hello>("hello"),
        [(true, true, rooms, json!({ "seat": 4 }))]
    );
}

#[test]
fn middlewares_are_asked_if_the_operator_wants_it() {
    let server = Server::start(app);
    let (ann, eve) = (server.connect("/"), server.connect("/"));
    let _ = (ann.inbox(), eve.inbox());
    ann.emit("sit", json!({}));
    eve.emit("sit", json!({ "banned": true }));
    for client in [&ann, &eve] {
        client.disconnect("ping timeout");
    }
    let again = server.recover(&ann, false).unwrap();
    assert_eq!(again.received::<(bool, u8)>("asked"), [(true, 3)]);
    assert_eq!(server.recover(&eve, false).err().unwrap().message, "banned");
}
