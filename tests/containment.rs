//! Guests that trap, loop, eat memory or talk nonsense, in a real node: one event is lost, and no
//! connection.

use crate::support::client::{Client, connect, http, polling};
use crate::support::node::{TestNode, fragile_protocol, hostile_app};
use holdfast::config::Config;
use holdfast::server::Node;
use std::io::{Read, Write};

fn hostile(shards: usize) -> TestNode {
    TestNode::start(|config| {
        config.shards = shards.into();
        config.app.file = Some(hostile_app());
        config.app.deadline_ms = 100;
        config.app.memory_bytes_max = 64 << 20;
    })
}

#[test]
fn a_crashing_app_costs_one_message() {
    for shards in [1, 3] {
        let node = hostile(shards);
        let mut clients: Vec<_> = (0..6).map(|_| Client::join(node.port)).collect();
        for (count, bad) in ["trap", "loop", "eat"].iter().enumerate() {
            clients[0].send(&format!("42[\"{bad}\"]"));
            for client in &mut clients {
                assert_eq!(
                    client.text(),
                    "42[\"resumed\"]",
                    "every socket is introduced to the new instance after {bad}"
                );
                client.send("421[\"hello\"]");
                assert_eq!(client.text(), "431[\"ok\"]", "after {bad}");
            }
            assert_eq!(
                node.counters.guest_traps.total(),
                count as u64 + 1,
                "{bad} was tried once"
            );
        }
    }
}

#[test]
fn a_crash_loses_no_other_message_of_its_batch() {
    let node = hostile(2);
    let mut clients: Vec<_> = (0..4).map(|_| Client::join(node.port)).collect();
    for round in 0..5 {
        for client in &mut clients {
            for number in 0..20 {
                client.send(&if number == 7 {
                    "42[\"trap\"]".to_owned()
                } else {
                    format!("42[\"n\",{round},{number}]")
                });
            }
        }
        for client in &mut clients {
            let mut expected = (0..20)
                .filter(|number| *number != 7)
                .map(|number| format!("42[\"n\",{round},{number}]"));
            let mut next = expected.next();
            while let Some(message) = next.take() {
                let text = client.text();
                if text == "42[\"resumed\"]" {
                    next = Some(message);
                } else {
                    assert_eq!(text, message, "in order, none lost, none twice");
                    next = expected.next();
                }
            }
        }
        // What other clients' traps introduced late is read away by an answer.
        for client in &mut clients {
            client.send("429[\"sync\"]");
            while client.text() != "439[\"ok\"]" {}
        }
    }
}

#[test]
fn a_socket_whose_connection_handler_crashes_is_refused() {
    for shards in [1, 2] {
        let node = hostile(shards);
        // Some are on another shard than the app.
        let mut clients: Vec<_> = (0..8).map(|_| Client::join(node.port)).collect();
        for client in &mut clients {
            client.send("40/trap,");
            loop {
                let text = client.text();
                if text.starts_with("44/trap,") {
                    break;
                }
                assert_eq!(text, "42[\"resumed\"]");
            }
            client.send("421[\"hello\"]");
            loop {
                let text = client.text();
                if text == "431[\"ok\"]" {
                    break;
                }
                assert_eq!(text, "42[\"resumed\"]");
            }
        }
    }
}

#[test]
fn orders_for_strangers_and_nonsense_do_no_harm() {
    let node = hostile(2);
    let mut client = Client::join(node.port);
    client.send("42[\"strangers\"]");
    assert_eq!(client.text(), "42[\"still here\"]");
    client.send("42[\"nonsense\"]");
    while client.text() != "42[\"after\"]" {}
    assert_eq!(node.counters.guest_traps.total(), 0);
}

#[test]
fn a_flood_for_a_peer_that_does_not_read_ends_with_that_peer() {
    let node = TestNode::start(|config| {
        config.app.file = Some(hostile_app());
        // A flood takes its time where other tests want the processor too.
        config.app.deadline_ms = 60_000;
        config.protocol.deadline_ms = 60_000;
        config.limits.outbox_bytes_max = 1 << 20;
    });
    let mut good = Client::join(node.port);
    let mut slow = Client::join(node.port);
    for _ in 0..10 {
        slow.send("42[\"flood\"]");
    }
    // 100 MB were ordered for it; the node holds 1 MiB and what the kernel takes.
    while node.counters.slow_peers_closed.total() == 0 {
        good.send("421[\"hello\"]");
        assert_eq!(good.text(), "431[\"ok\"]");
    }
}

#[test]
fn a_polling_session_that_fetches_nothing_is_ended() {
    let node = TestNode::start(|config| {
        config.app.file = Some(hostile_app());
        // A flood takes its time where other tests want the processor too.
        config.app.deadline_ms = 60_000;
        config.protocol.deadline_ms = 60_000;
        config.limits.outbox_bytes_max = 1 << 20;
    });
    let sid = polling(node.port);
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(http(node.port, "POST", &path, "40").0, 200);
    // The app may be on another shard: a client speaks only after it has been let in.
    assert!(http(node.port, "GET", &path, "").2.starts_with("40{"));
    assert_eq!(http(node.port, "POST", &path, "42[\"flood\"]").0, 200);
    let end = loop {
        let answer = http(node.port, "POST", &path, "42[\"n\"]");
        if answer.0 != 200 {
            break answer;
        }
    };
    assert_eq!(
        (end.0, node.counters.slow_peers_closed.total()),
        (400, 1),
        "{end:?}, {} crashes",
        node.counters.guest_traps.total()
    );
}

#[test]
fn a_crashing_protocol_guest_costs_one_event() {
    for shards in [1, 2] {
        let node = TestNode::start(|config| {
            config.shards = shards.into();
            config.protocol.file = Some(fragile_protocol());
            config.protocol.deadline_ms = 100;
            config.protocol.memory_bytes_max = 64 << 20;
            config.app.file = Some(hostile_app());
        });
        let mut clients: Vec<_> = (0..4).map(|_| Client::join(node.port)).collect();
        let waiting = polling(node.port);
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={waiting}");
        assert_eq!(http(node.port, "POST", &path, "40").0, 200);
        for bad in ["trap", "loop", "eat", "nonsense"] {
            for client in &mut clients {
                client.send("42[\"before\"]");
                client.send(&format!("42[\"{bad} the protocol\"]"));
                client.send("42[\"after\"]");
            }
            for client in &mut clients {
                assert_eq!(client.text(), "42[\"before\"]", "{bad}");
                assert_eq!(client.text(), "42[\"after\"]", "{bad}");
            }
        }
        assert!(node.counters.guest_traps.total() >= 16);
        let (status, _, body) = http(node.port, "GET", &path, "");
        assert_eq!(
            (status, body.starts_with("40{")),
            (200, true),
            "the polling session is as it was: {body}"
        );
    }
}

#[test]
fn notes_that_cannot_be_restored_are_dropped_and_sessions_stay() {
    let node = TestNode::start(|config| {
        config.shards = 1.into();
        config.protocol.file = Some(fragile_protocol());
        config.app.file = Some(hostile_app());
    });
    let mut client = Client::join(node.port);
    client.send("42[\"poison the notes\"]");
    assert_eq!(client.text(), "42[\"poison the notes\"]");
    assert_eq!(node.counters.notes_kept.total(), 1);
    for _ in 0..2 {
        client.send("42[\"trap the protocol\"]");
        client.send("421[\"hello\"]");
        assert_eq!(client.text(), "431[\"ok\"]");
        assert_eq!(node.counters.notes_lost.total(), 1);
    }
}

#[test]
fn sessions_that_cannot_be_restored_end_and_the_node_goes_on() {
    let node = TestNode::start(|config| {
        config.shards = 1.into();
        config.protocol.file = Some(fragile_protocol());
        config.app.file = Some(hostile_app());
    });
    let mut client = Client::join(node.port);
    client.send("42[\"poison the sessions and poison the notes\"]");
    assert_eq!(
        client.text(),
        "42[\"poison the sessions and poison the notes\"]"
    );
    client.send("42[\"trap the protocol\"]");
    assert_eq!(client.close_code(), 1006);
    let mut another = Client::join(node.port);
    another.send("421[\"hello\"]");
    assert_eq!(another.text(), "431[\"ok\"]");
}

#[test]
fn a_flood_of_long_messages_is_taken_in_portions() {
    const CLIENTS: usize = 60;
    let node = TestNode::start(|config| {
        config.shards = 1.into();
        config.protocol.memory_bytes_max = 48 << 20;
        // A flood takes its time where other tests want the processor too.
        config.protocol.deadline_ms = 60_000;
        config.app.file = Some(hostile_app());
        config.app.memory_bytes_max = 48 << 20;
        config.app.deadline_ms = 60_000;
    });
    let message = format!("42[\"n\",\"{}\"]", "x".repeat(950_000));
    let polls: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let sid = polling(node.port);
            let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
            assert_eq!(http(node.port, "POST", &path, "40").0, 200);
            assert!(http(node.port, "GET", &path, "").2.starts_with("40{"));
            path
        })
        .collect();
    let start = std::sync::Barrier::new(2 * CLIENTS);
    std::thread::scope(|scope| {
        for path in &polls {
            let (message, start, port) = (&message, &start, node.port);
            scope.spawn(move || {
                start.wait();
                assert_eq!(http(port, "POST", path, message).0, 200);
                let (status, _, body) = http(port, "GET", path, "");
                assert!(status == 200 && body == *message, "{status}");
            });
            let mut client = Client::join(node.port);
            scope.spawn(move || {
                start.wait();
                client.send(message);
                assert!(client.text() == *message);
            });
        }
    });
    assert_eq!(node.counters.guest_traps.total(), 0);
}

#[test]
fn guests_that_do_not_fit_are_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Config)| {
        let mut config = Config {
            state_dir: crate::support::node::target().join("test-state"),
            ..Config::default()
        };
        change(&mut config);
        Node::prepare(config).err().expect("refused").to_string()
    };
    let swapped = refused(&|config| config.protocol.file = Some(hostile_app()));
    assert!(
        swapped.contains("protocol-guest") && swapped.contains("other world"),
        "{swapped}"
    );
    let missing = refused(&|config| config.app.file = Some("/nowhere.wasm".into()));
    assert!(
        missing.contains("/nowhere.wasm") && missing.contains("cannot be read"),
        "{missing}"
    );
    let text = refused(&|config| {
        config.app.file = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into())
    });
    assert!(text.contains("not a WebAssembly file"), "{text}");
    let told = refused(&|config| {
        config.app.file = Some(hostile_app());
        config.app.env = vec![("REFUSE".to_owned(), "1".to_owned())];
    });
    assert!(told.contains("it was told to refuse"), "{told}");
    let setting = refused(&|config| {
        config.protocol.settings = vec![("ping_interval".to_owned(), "soon".to_owned())]
    });
    assert!(
        setting.contains("ping_interval") && setting.contains("soon"),
        "{setting}"
    );
    let small = refused(&|config| config.app.memory_bytes_max = 1 << 16);
    assert!(small.contains("memory"), "{small}");
}

#[test]
fn more_sessions_than_memory_are_turned_away_and_harm_nobody() {
    let node = TestNode::start(|config| {
        config.shards = 1.into();
        config.protocol.memory_bytes_max = 8 << 20;
    });
    let mut client = Client::join(node.port);
    let mut socket = connect(node.port);
    let mut seen = Vec::new();
    let request = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: x\r\n\r\n";
    for _ in 0..10_000 {
        socket.write_all(request).expect("written");
        let mut bytes = [0; 4096];
        let count = socket.read(&mut bytes).expect("an answer");
        let status = bytes.get(9..12).map(<[u8]>::to_vec).unwrap_or_default();
        assert!(count > 0, "the connection is kept until it is turned away");
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        if seen.len() == 2 {
            break;
        }
    }
    assert_eq!(seen, [b"200".to_vec(), b"503".to_vec()]);
    client.send("421[\"echo\",1]");
    assert_eq!(client.text(), "431[1]");
    assert_eq!(node.counters.guest_traps.total(), 0);
}
