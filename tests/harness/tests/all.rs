//! The harness tests the built-in demo app, and itself: what it says when a test is wrong.

use holdfast_test::{App, Binary, Builder, Client, Failure, Node, StartError, Transport, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(50);
const TRANSPORTS: [Transport; 3] = [Transport::WebSocket, Transport::Polling, Transport::Upgrade];

fn demo() -> Builder {
    Node::builder().demo().shards(1)
}

/// What a test says when it fails.
#[track_caller]
fn failure(run: impl FnOnce()) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(run)) else {
        panic!("this was to fail");
    };
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| format!("{:?}", panic.downcast_ref::<&str>()))
}

#[test]
fn messages_answers_and_binary_values_by_every_transport() {
    let node = demo()
        .setting("protocol.ping_interval", 50)
        .start()
        .unwrap();
    for transport in TRANSPORTS {
        let mut ann = node.client("/").transport(transport).connect().unwrap();
        assert_eq!(ann.call("echo", "one"), "one");
        assert_eq!(ann.call("echo", ()), json!(null));
        assert_eq!(
            ann.call_as::<(i32, String)>("echo", (1, "two")),
            (1, "two".to_owned())
        );
        let binary = (
            json!({ "deep": [Binary::from("bytes")] }),
            Binary::from([0, 255]),
            3,
        );
        ann.emit("echo", binary.clone());
        // Heartbeats are answered meanwhile, also where nobody looks.
        std::thread::sleep(SHORT * 4);
        ann.expect("echo", binary.clone());
        ann.emit("message", ());
        ann.emit("echo", 2);
        ann.expect_next("message", ());
        ann.expect_next("echo", 2);
        ann.expect_nothing(SHORT);
        let question = ann.ask("ask", "how many?");
        let asked = ann.next("question");
        assert!(asked.wants_answer());
        assert_eq!(
            (asked.to_string(), asked.arg(0)),
            (r#"question("how many?")"#.to_owned(), &json!("how many?"))
        );
        ann.acknowledge(&asked, (1, Binary::from("b")));
        assert_eq!(
            ann.answer_to(question),
            [json!(null), json!(1), json!(Binary::from("b"))]
        );
        ann.on_ack("question", |args| args.len());
        assert_eq!(ann.call("ask", (1, 2, 3)), json!([null, 3]));
    }
    node.stop();
}

#[test]
fn clients_leave_are_sent_away_and_end() {
    let node = demo().start().unwrap();
    for transport in TRANSPORTS {
        let connect = || node.client("/lab").transport(transport).connect().unwrap();
        let (mut watcher, mut ann) = (connect(), connect());
        watcher.call("goodbye:watch", ());
        let mut gone = |client: &Client, reason: &str| {
            let goodbye = watcher.next("goodbye").args.remove(0);
            assert_eq!(
                (goodbye["id"].as_str(), goodbye["reason"].as_str()),
                (Some(&*client.id()), Some(reason))
            );
        };
        ann.disconnect();
        gone(&ann, "client namespace disconnect");
        ann.expect_disconnect("io client disconnect");

        let mut bob = connect();
        bob.emit("disconnect-me", false);
        bob.expect_disconnect("io server disconnect");
        gone(&bob, "server namespace disconnect");

        let mut cat = connect();
        cat.close();
        gone(&cat, "transport close");

        let mut dan = connect();
        dan.cut();
        let reason = if transport == Transport::Polling {
            "transport error"
        } else {
            "transport close"
        };
        gone(&dan, reason);

        let mut eve = connect();
        eve.send_raw("9");
        eve.expect_disconnect("transport");
    }
    let mut last = node.connect("/");
    node.stop();
    last.expect_disconnect("");
}

#[test]
fn several_namespaces_share_a_connection() {
    let node = demo().start().unwrap();
    let mut ann = node.connect("/");
    let stranger = ann.of("/admin").auth(json!({ "token": "wrong" }));
    let hint = stranger.expect_refused("not authorized").unwrap();
    assert!(hint["hint"].is_string(), "{hint}");
    ann.of("/nowhere").expect_refused("Invalid namespace");
    let mut admin = ann
        .of("/admin")
        .auth(json!({ "token": "open sesame" }))
        .connect()
        .unwrap();
    assert_eq!(admin.call("sockets", ()), json!([ann.id()]));
    assert!(matches!(ann.of("/admin").connect(), Err(Failure::Io(_))));
    assert_ne!(admin.id(), ann.id());
    admin.disconnect();
    assert!(ann.is_connected() && !admin.is_connected());
    assert_eq!(ann.call("echo", 1), 1);
}

#[test]
fn headers_query_and_auth_reach_the_app() {
    let node = demo().env("DEMO_JUDGE", "1").start().unwrap();
    for transport in TRANSPORTS {
        let client = || node.client("/").transport(transport);
        let mut ann = client()
            .header("x-mine", "h")
            .query("name", "a&b")
            .auth(json!({ "t": 1 }))
            .connect()
            .unwrap();
        let known = ann.call("whoami", ());
        assert_eq!(
            (
                &known["headers"]["x-mine"],
                &known["query"]["name"],
                &known["auth"]
            ),
            (&json!("h"), &json!("a&b"), &json!({ "t": 1 }))
        );
        match client().query("deny", "not you").connect() {
            Err(Failure::Denied(answer)) => {
                assert!(answer.text().contains("not you"), "{}", answer.text())
            }
            other => panic!("{other:?}"),
        }
    }
    let answer = node
        .http(
            "GET",
            "/socket.io/?EIO=4&transport=polling&initial=first",
            "",
        )
        .unwrap();
    assert_eq!(
        (answer.status, answer.header("x-initial")),
        (200, Some("first"))
    );
}

#[test]
fn a_client_comes_back() {
    let node = demo()
        .setting(
            "protocol.connection_state_recovery.max_disconnection_duration",
            60_000,
        )
        .start()
        .unwrap();
    let (mut ann, mut bob) = (node.connect("/lab"), node.connect("/lab"));
    bob.call("goodbye:watch", ());
    ann.call("data:set", "kept");
    bob.emit("tell", (json!({}), "news", 1));
    ann.expect("news", json!(1));
    ann.cut();
    bob.next("goodbye");
    bob.emit("tell", (json!({}), "news", 2));
    let mut again = ann.come_back().unwrap();
    assert_eq!(again.id(), ann.id());
    assert_eq!(again.next("news").arg(0), 2);
    assert_eq!(again.call("data:get", ())["data"]["value"], "kept");
}

#[test]
fn failures_say_what_came_instead() {
    let node = demo().patience(Duration::from_millis(300)).start().unwrap();
    let mut ann = node.connect("/");
    ann.emit("echo", ("a", 1));
    let text = failure(|| ann.expect("other", ()));
    assert!(text.contains("expected the message other, but nothing of the kind in 300ms; unread messages:\n    echo(\"a\", 1)"), "{text}");
    let text = failure(|| ann.expect("echo", ("b", 1)));
    assert!(
        text.contains("expected and got:\n  echo(\"b\", 1)\n  echo(\"a\", 1)"),
        "{text}"
    );
    assert!(
        failure(|| ann.expect_disconnect("x")).contains("expected to be disconnected, but is not")
    );
    assert!(failure(|| drop(ann.call("unheard", ()))).contains("no other message is unread"));
    ann.emit("echo", 1);
    let text = failure(|| ann.expect_nothing(Duration::from_secs(1)));
    assert!(text.contains("expected nothing, but got echo(1)"), "{text}");
    ann.emit("echo", 2);
    assert!(failure(|| ann.expect_next("echo", 2)).contains("got:\n  echo(2)\n  echo(1)"));
    ann.emit("disconnect-me", false);
    ann.expect_disconnect("io server disconnect");
    assert!(
        failure(|| drop(ann.next("echo2"))).contains("it is disconnected: io server disconnect")
    );
    assert!(failure(|| drop(node.connect("/admin"))).contains("refused: not authorized"));
    assert!(
        failure(|| drop(node.expect_log("never said"))).contains("no log line with \"never said\"")
    );
}

#[test]
fn a_crate_is_built_and_the_log_of_each_node_is_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rust-hello");
    let hello = || {
        Node::builder()
            .app(App::crate_folder(&folder))
            .start()
            .unwrap()
    };
    let (one, two) = (hello(), hello());
    let (mut ann, mut bob) = (one.connect("/"), one.connect("/"));
    ann.emit("say", "hi");
    bob.expect("said", (ann.id(), "hi"));
    assert_eq!(bob.call("add", (1, 2)), 3.0);
    ann.disconnect();
    let line = one.expect_log("is gone");
    assert!(line.contains(&ann.id()) && line.contains("INFO"), "{line}");
    assert!(two.log().iter().all(|line| !line.contains("is gone")));
    assert_eq!(two.counters().connections_opened.total(), 0);
    assert!(one.counters().connections_opened.total() > 0);
}

#[test]
fn what_the_binary_refuses_is_refused_here() {
    let refused = |builder: Builder| match builder.start() {
        Err(error) => error.to_string(),
        Ok(node) => panic!("{node:?}"),
    };
    let text = refused(demo().setting("limits.outbox_byte_max", 1));
    assert!(
        text.contains("did you mean limits.outbox_bytes_max?"),
        "{text}"
    );
    assert!(refused(demo().setting("protocol.ping_interval", "soon")).contains("ping_interval"));
    assert!(
        refused(
            demo()
                .setting("shards.x", 1)
                .setting("shards", 1)
                .setting("shards.y", 1)
        )
        .contains("shards")
    );
    assert!(refused(Node::builder().app("no/such/file.wasm")).contains("cannot be read"));
    assert!(refused(Node::builder().app(App::bytes("nonsense"))).contains("is not a guest"));
    assert!(matches!(
        Node::builder()
            .app(App::crate_folder("no/such/crate"))
            .start(),
        Err(StartError::Build(_))
    ));
}
