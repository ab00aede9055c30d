//! The laboratory, driven as its clients drive it.

use holdfast_sdk::testing::{Client, Server, context};
use holdfast_sdk::{Value, json};
use std::time::Duration;

fn three(server: &Server) -> [Client; 3] {
    [(); 3].map(|()| server.connect("/lab"))
}

#[test]
fn an_audience_is_told_and_moved() {
    let server = Server::start(crate::app);
    let [ann, bob, eve] = three(&server);
    ann.emit(
        "sockets:join",
        (json!({ "to": [bob.id(), eve.id()] }), ["r"]),
    );
    assert_eq!(bob.rooms(), [bob.id(), "r".to_owned()]);
    let options = json!({ "to": ["r"], "except": [eve.id()], "local": true, "compress": false });
    bob.emit("tell", (options, "news", 1));
    bob.emit(
        "tell",
        (
            json!({ "to": ["r"], "others": true, "volatile": true }),
            "news",
            2,
        ),
    );
    let heard = [&ann, &bob, &eve].map(|client| client.received::<u8>("news"));
    assert_eq!(heard, [vec![], vec![1], vec![2]]);
    bob.emit("data:set", 7);
    let found: Vec<Value> = ann
        .call(
            "sockets:fetch",
            json!({ "to": ["r"], "except": [eve.id()] }),
        )
        .unwrap();
    assert_eq!(
        found,
        [json!({ "id": bob.id(), "rooms": bob.rooms(), "data": { "value": 7 }, "query": null })]
    );
    ann.emit("sockets:leave", (json!({ "to": [bob.id()] }), ["r"]));
    assert_eq!(bob.rooms(), [bob.id()]);
    ann.emit("sockets:disconnect", (json!({ "others": true }), false));
    assert!(ann.gone().is_none() && bob.gone().is_some() && eve.gone().is_some());
}

#[test]
fn an_audience_is_asked() {
    let server = Server::start(crate::app);
    let [ann, bob, eve] = three(&server);
    let asked = ann.ask(
        "ask-all",
        (json!({ "others": true, "timeout": 100 }), "how?"),
    );
    bob.acknowledge(&bob.inbox()[0], "so");
    server.advance(Duration::from_millis(100));
    let answer: (Value, Vec<String>) = ann.answer(asked).unwrap();
    assert_eq!(
        answer,
        (json!("operation has timed out"), vec!["so".to_owned()])
    );
    let asked = ann.ask("ask-one", (eve.id(), 100, "you?"));
    eve.acknowledge(&eve.inbox()[1], "me");
    assert_eq!(ann.answer(asked), Some((Value::Null, "me".to_owned())));
    let nobody = ann.call("ask-one", ("nobody", 100, "you?"));
    assert_eq!(nobody, Some("nobody".to_owned()));
}

#[test]
fn instances_speak_to_each_other() {
    let server = Server::start_with(
        holdfast_sdk::testing::app_guest::Context {
            instances: 2,
            ..context()
        },
        crate::app,
    )
    .unwrap();
    let ann = server.connect("/lab");
    ann.emit("server:emit", "hello");
    assert_eq!(server.served()[0].payload.json, r#"["note","hello"]"#);
    let asked = ann.ask("server:ask", ());
    server.answer_served(&server.served()[0], 1);
    let answer: (Value, Vec<u8>, u8) = ann.answer(asked).unwrap();
    assert_eq!(answer, (Value::Null, vec![1], 1));
    let name = server.serve("/lab", "name", ()).unwrap();
    assert_eq!(name.read(), Ok(0));
    let _ = server.serve("/lab", "note", "hi");
    assert_eq!(ann.call("server:notes", ()), Some(vec!["hi".to_owned()]));
}

#[test]
fn rooms_and_goodbyes_are_watched() {
    let mut context = context();
    context.env = vec![("DEMO_ROOMS".to_owned(), "1".to_owned())];
    let server = Server::start_with(context, crate::app).unwrap();
    let [ann, bob, _] = three(&server);
    assert_eq!(ann.call("rooms:watch", ()), Some(json!({ "ok": true })));
    ann.emit("goodbye:watch", ());
    bob.emit("room:join", "r");
    bob.emit("room:leave", "r");
    let mut events: Vec<(String, String, Option<String>)> = ann.received("rooms:event");
    events.retain(|(_, room, _)| room == "r");
    let r = |event: &str, id: Option<String>| (event.to_owned(), "r".to_owned(), id);
    let id = || Some(bob.id());
    assert_eq!(
        events,
        [
            r("create-room", None),
            r("join-room", id()),
            r("leave-room", id()),
            r("delete-room", None)
        ]
    );
    bob.emit("room:join", "r");
    bob.disconnect("ping timeout");
    let told: Vec<Value> = ann.received("goodbye");
    let expected = json!({ "id": bob.id(), "reason": "ping timeout", "rooms": [bob.id(), "r"] });
    assert_eq!(told, [expected]);
}

#[test]
fn who_comes_back_finds_everything() {
    let server = Server::start(crate::app);
    let ann = server.connect("/lab");
    ann.emit("data:set", json!({ "seat": 4 }));
    ann.emit("room:join", "r");
    ann.disconnect("transport close");
    let ann = server.recover(&ann, true).unwrap();
    let state: Value = ann.call("data:get", ()).unwrap();
    let data = json!({ "value": { "seat": 4 } });
    assert_eq!(
        state,
        json!({ "id": ann.id(), "recovered": true, "rooms": [ann.id(), "r"], "data": data })
    );
}

#[test]
fn namespaces_that_came_to_be_are_noted() {
    let server = Server::start(crate::app);
    let _one = server.connect("/dynamic-1");
    let names: Vec<String> = server.connect("/lab").call("namespaces", ()).unwrap();
    assert!(names.contains(&"/dynamic-1".to_owned()));
}
