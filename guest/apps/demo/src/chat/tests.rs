//! The chat, driven as its clients drive it.

use crate::limits::{HISTORY_MAX, ROOMS_PER_SOCKET_MAX, TEXT_CHARS_MAX};
use holdfast_sdk::testing::{Client, Server};
use holdfast_sdk::{Value, json};

fn join(client: &Client, room: &str, nick: &str) -> Value {
    client.call("chat:join", (room, nick)).unwrap()
}

fn say(client: &Client, room: &str, text: &str) -> Value {
    client.call("chat:message", (room, text)).unwrap()
}

#[test]
fn members_messages_history() {
    let server = Server::start(crate::app);
    let [ann, bob, eve] = [(); 3].map(|()| server.connect("/"));
    assert_eq!(
        join(&ann, "lobby", "Ann"),
        json!({ "ok": true, "room": "lobby", "members": ["Ann"], "history": [] })
    );
    assert_eq!(join(&bob, "lobby", "Bob")["members"], json!(["Ann", "Bob"]));
    let told = json!({ "room": "lobby", "members": ["Ann", "Bob"] });
    assert_eq!(ann.received::<Value>("chat:members").last(), Some(&told));
    assert_eq!(bob.received::<Value>("chat:members"), [told]);

    assert_eq!(say(&bob, "lobby", "<b>hi</b> 😀"), json!({ "ok": true }));
    let message =
        json!({ "room": "lobby", "nick": "Bob", "text": "<b>hi</b> 😀", "at": server.now_ms() });
    for client in [&ann, &bob] {
        assert_eq!(
            client.received::<Value>("chat:message"),
            std::slice::from_ref(&message)
        );
    }
    assert_eq!(
        say(&eve, "lobby", "me too"),
        json!({ "ok": false, "error": "join the room first" })
    );
    assert_eq!(join(&eve, "lobby", "Eve")["history"], json!([message]));

    eve.emit("chat:leave", "lobby");
    bob.disconnect("transport close");
    let told: Vec<Value> = ann.received("chat:members");
    assert_eq!(
        told.last(),
        Some(&json!({ "room": "lobby", "members": ["Ann"] }))
    );
    assert_eq!(say(&eve, "lobby", "still?")["ok"], false);
}

#[test]
fn bad_input_is_answered() {
    let server = Server::start(crate::app);
    let ann = server.connect("/");
    let refused = |event: &str, args: Value| {
        let answer: Value = match args.as_array().map(Vec::as_slice) {
            Some([one]) => ann.call(event, one).unwrap(),
            Some([one, two]) => ann.call(event, (one, two)).unwrap(),
            _ => ann.call(event, ()).unwrap(),
        };
        assert_eq!(answer["ok"], false, "{event} {args}");
        answer["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused("chat:join", json!([])), "argument 1: is missing");
    assert!(refused("chat:join", json!([1, 2])).starts_with("argument 1: invalid type"));
    assert_eq!(
        refused("chat:join", json!(["lobby"])),
        "argument 2: is missing"
    );
    assert_eq!(
        refused("chat:join", json!(["lobby", "  "])),
        "your name must not be empty"
    );
    assert_eq!(
        refused("chat:join", json!(["x".repeat(65), "Ann"])),
        "the room's name may have 64 characters"
    );
    assert_eq!(
        refused("chat:leave", json!(["lobby"])),
        "you are not in that room"
    );
    assert_eq!(join(&ann, "lobby", "Ann")["ok"], true);
    assert_eq!(
        refused("chat:message", json!(["lobby", ""])),
        "a message must not be empty"
    );
    refused(
        "chat:message",
        json!(["lobby", "😀".repeat(TEXT_CHARS_MAX + 1)]),
    );
    for room in 1..ROOMS_PER_SOCKET_MAX {
        assert_eq!(join(&ann, &room.to_string(), "Ann")["ok"], true);
    }
    assert_eq!(
        refused("chat:join", json!(["one more", "Ann"])),
        "you are in 16 rooms already"
    );
    assert_eq!(join(&ann, "1", "Anna")["members"], json!(["Anna"]));
}

#[test]
fn history_is_bounded() {
    let server = Server::start(crate::app);
    let ann = server.connect("/");
    join(&ann, "lobby", "Ann");
    for number in 0..HISTORY_MAX + 7 {
        say(&ann, "lobby", &number.to_string());
    }
    let history = join(&ann, "lobby", "Ann")["history"].clone();
    assert_eq!(history.as_array().unwrap().len(), HISTORY_MAX);
    assert_eq!(history[0]["text"], "7");
}

#[test]
fn empty_rooms_make_place() {
    let server = Server::start(crate::app);
    let clients: Vec<Client> = (0..super::ROOMS_MAX).map(|_| server.connect("/")).collect();
    for (number, client) in clients.iter().enumerate() {
        assert_eq!(join(client, &format!("room {number}"), "x")["ok"], true);
    }
    let ann = server.connect("/");
    assert_eq!(
        join(&ann, "lobby", "Ann")["error"],
        "there are too many rooms"
    );
    clients[3].disconnect("transport close");
    assert_eq!(join(&ann, "lobby", "Ann")["ok"], true);
}

#[test]
fn members_survive_a_swap() {
    let server = Server::start(crate::app);
    let [ann, bob] = [(); 2].map(|()| server.connect("/"));
    join(&ann, "lobby", "Ann");
    join(&bob, "lobby", "Bob");
    server.restart(crate::app);
    assert_eq!(say(&ann, "lobby", "still here"), json!({ "ok": true }));
    assert_eq!(bob.received::<Value>("chat:message").len(), 1);
    bob.disconnect("transport close");
    let told: Vec<Value> = ann.received("chat:members");
    assert_eq!(
        told.last(),
        Some(&json!({ "room": "lobby", "members": ["Ann"] }))
    );
}
