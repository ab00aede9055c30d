//! A real node and real sockets, without any Socket.IO library: transports, limits, garbage, shards,
//! stopping.

use crate::support::client::{Client, answer, connect, http, polling, sid};
use crate::support::node::TestNode;
use std::io::{Read, Write};
use std::time::{Duration, Instant};
use tungstenite::protocol::Message;

fn session_path(sid: &str) -> String {
    format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
}

/// Reads polls until so many packets have come.
fn poll(port: u16, sid: &str, count: usize) -> Vec<String> {
    let mut packets = Vec::new();
    while packets.len() < count {
        let (status, _, body) = http(port, "GET", &session_path(sid), "");
        assert_eq!(status, 200, "{body}");
        packets.extend(
            body.split('\u{1e}')
                .filter(|packet| *packet != "6" && *packet != "2")
                .map(str::to_owned),
        );
    }
    packets
}

#[test]
fn polls_and_upgrades_reach_their_shard_whichever_took_them() {
    let node = TestNode::start(|config| config.shards = 4.into());
    // Each request is a new TCP connection: some shard accepts it, one owns the session.
    let sids: Vec<_> = (0..12).map(|_| polling(node.port)).collect();
    for sid in &sids {
        assert_eq!(http(node.port, "POST", &session_path(sid), "40").0, 200);
        assert!(poll(node.port, sid, 1)[0].starts_with("40{"));
        assert_eq!(
            http(node.port, "POST", &session_path(sid), "421[\"echo\",\"a\"]").0,
            200
        );
        assert_eq!(poll(node.port, sid, 1), ["431[\"a\"]"]);
    }
    for sid in &sids {
        let mut socket = Client::open(node.port, &format!("EIO=4&transport=websocket&sid={sid}"));
        socket.send("2probe");
        assert_eq!(socket.text(), "3probe");
        socket.send("5");
        socket.send("422[\"echo\",\"b\"]");
        assert_eq!(socket.text(), "432[\"b\"]");
    }
}

#[test]
fn broadcasts_cross_shards() {
    let node = TestNode::start(|config| config.shards = 3.into());
    let mut clients: Vec<_> = (0..9).map(|_| Client::join(node.port)).collect();
    for client in &mut clients {
        client.send("420[\"room:join\",\"hall\"]");
        while !client.text().starts_with("430") {}
    }
    for sender in 0..clients.len() {
        clients[sender].send(&format!("42[\"broadcast\",{sender}]"));
        clients[sender].send(&format!("42[\"room:emit\",\"hall\",{sender}]"));
        for (receiver, client) in clients.iter_mut().enumerate() {
            if receiver != sender {
                assert_eq!(client.text(), format!("42[\"broadcast\",{sender}]"));
            }
            assert_eq!(client.text(), format!("42[\"room\",\"hall\",{sender}]"));
        }
    }
}

#[test]
fn numbered_messages_survive_an_upgrade_in_order() {
    let node = TestNode::start(|config| config.shards = 2.into());
    let sid = polling(node.port);
    http(node.port, "POST", &session_path(&sid), "40");
    poll(node.port, &sid, 1);
    let body = (0..50)
        .map(|number| format!("42[\"echo\",{number}]"))
        .collect::<Vec<_>>()
        .join("\u{1e}");
    assert_eq!(http(node.port, "POST", &session_path(&sid), &body).0, 200);
    let mut socket = Client::open(node.port, &format!("EIO=4&transport=websocket&sid={sid}"));
    socket.send("2probe");
    assert_eq!(socket.text(), "3probe");
    let body = (50..100)
        .map(|number| format!("42[\"echo\",{number}]"))
        .collect::<Vec<_>>()
        .join("\u{1e}");
    assert_eq!(http(node.port, "POST", &session_path(&sid), &body).0, 200);
    socket.send("5");
    for number in 100..150 {
        socket.send(&format!("42[\"echo\",{number}]"));
    }
    for number in 0..150 {
        assert_eq!(socket.text(), format!("42[\"echo\",{number}]"));
    }
}

#[test]
fn garbage_gets_an_answer_and_harms_nobody() {
    let node = TestNode::start(|config| config.limits.request_head_timeout_ms = 300);
    let mut good = Client::join(node.port);
    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET /socket.io/?EIO=4 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"] {
        let mut socket = connect(node.port);
        socket.write_all(garbage).expect("written");
        let mut bytes = Vec::new();
        let _ = socket.read_to_end(&mut bytes);
        assert!(bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&bytes));
    }
    // A head that never ends is cut off.
    let mut slow = connect(node.port);
    slow.write_all(b"GET /socket.io/ HTTP/1.1\r\nhost:")
        .expect("written");
    let mut bytes = Vec::new();
    slow.read_to_end(&mut bytes).expect("the node ends it");
    let long = format!(
        "/socket.io/?EIO=4&transport=polling&x={}",
        "y".repeat(20_000)
    );
    assert_eq!(http(node.port, "GET", &long, "").0, 414);
    let many = format!(
        "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "a: b\r\n".repeat(1000)
    );
    let mut socket = connect(node.port);
    socket.write_all(many.as_bytes()).expect("written");
    assert_eq!(answer(&mut socket).0, 431);
    good.send("421[\"echo\"]");
    assert_eq!(good.text(), "431[]");
}

#[test]
fn violations_of_rfc_6455_close_with_their_code() {
    let node = TestNode::start(|_| {});
    for (bytes, code) in [
        (vec![0x81, 0x01, b'2'], 1002),                   // not masked
        (vec![0xf1, 0x80, 0, 0, 0, 0], 1002),             // reserved bits
        (vec![0x83, 0x80, 0, 0, 0, 0], 1002),             // unknown opcode
        (vec![0x80, 0x80, 0, 0, 0, 0], 1002),             // continuation of nothing
        (vec![0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007), // not UTF-8
        (
            [&[0x81, 0xff][..], &2_000_000_u64.to_be_bytes(), &[0; 4]].concat(),
            1009,
        ), // longer than allowed
    ] {
        let mut client = Client::open(node.port, "EIO=4&transport=websocket");
        client.text();
        client.0.get_mut().write_all(&bytes).expect("written");
        assert_eq!(client.close_code(), code, "{bytes:?}");
    }
}

#[test]
fn a_closing_handshake_is_answered_in_kind() {
    let node = TestNode::start(|_| {});
    let mut client = Client::join(node.port);
    client.0.close(None).expect("sent");
    assert_eq!(client.close_code(), 1005);
    let mut client = Client::join(node.port);
    client
        .0
        .send(Message::Ping(vec![1, 2, 3].into()))
        .expect("sent");
    assert_eq!(
        client.0.read().expect("a pong"),
        Message::Pong(vec![1, 2, 3].into())
    );
}

#[test]
fn too_many_connections_are_turned_away() {
    let node = TestNode::start(|config| config.limits.connections_per_address_max = 2);
    let (_one, two) = (Client::join(node.port), Client::join(node.port));
    let mut third = connect(node.port);
    let mut bytes = Vec::new();
    let _ = third.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    let _ = third.read_to_end(&mut bytes);
    assert!(bytes.is_empty());
    drop(two);
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let mut again = connect(node.port);
        let mut head = [0; 12];
        if again
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .is_ok()
            && again.read_exact(&mut head).is_ok()
        {
            assert_eq!(&head, b"HTTP/1.1 200");
            break;
        }
        assert!(Instant::now() < until, "the place is given back");
    }
}

#[test]
fn stopping_tells_clients_and_is_bounded() {
    for shards in [1, 2] {
        let node = TestNode::start(|config| {
            config.shards = shards.into();
            config.limits.shutdown_timeout_ms = 2000;
        });
        let mut client = Client::join(node.port);
        let waiting = polling(node.port);
        http(node.port, "POST", &session_path(&waiting), "40");
        poll(node.port, &waiting, 1);
        let port = node.port;
        let pending = std::thread::spawn(move || http(port, "GET", &session_path(&waiting), ""));
        // The poll is on its way: nothing tells when it has arrived.
        std::thread::sleep(Duration::from_millis(300));
        // A peer that never answers the closing handshake.
        let silent = Client::join(node.port);
        let started = Instant::now();
        let stopping = std::thread::spawn(move || node.stop());
        assert_eq!(client.close_code(), 1005);
        assert!(stopping.join().expect("no panic").is_ok());
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "took {:?}",
            started.elapsed()
        );
        let (status, _, body) = pending.join().expect("no panic");
        assert_eq!(status, 200, "the pending poll is answered: {body}");
        drop(silent);
    }
}

#[test]
fn unknown_paths_and_sids() {
    let node = TestNode::start(|config| config.page = false);
    assert_eq!(http(node.port, "GET", "/", "").0, 404);
    assert_eq!(http(node.port, "GET", "/socket.iox/", "").0, 404);
    for sid in [
        "nope",
        "__proto__",
        "AAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAA__",
    ] {
        let (status, _, body) = http(node.port, "GET", &session_path(sid), "");
        assert_eq!(
            (status, body.as_str()),
            (400, "{\"code\":1,\"message\":\"Session ID unknown\"}")
        );
    }
    let mut body = String::new();
    let mut socket = connect(node.port);
    write!(
        socket,
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .expect("written");
    socket.read_to_string(&mut body).expect("an answer");
    assert_eq!(sid(&body).len(), 20);
}
