//! Against what the package itself writes and reads: `vectors.txt`, made by `tests/clients/vectors.mjs`
//! with socket.io-msgpack-parser 3.0.2.

use super::decode::Decoded;
use super::*;
use crate::answer::Answer;
use crate::contract::Payload;
use crate::socket::encoder::{Control, Reach};
use crate::socket::packet::PacketKind;

const VECTORS: &str = include_str!("vectors.txt");

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
        .collect()
}

/// Each begins with an `x`.
fn unhex_all(text: &str) -> Vec<Vec<u8>> {
    text.split(',')
        .filter_map(|each| each.strip_prefix('x').map(unhex))
        .collect()
}

fn kind_of(word: &str) -> PacketKind {
    match word {
        "connect" => PacketKind::Connect,
        "disconnect" => PacketKind::Disconnect,
        "event" => PacketKind::Event,
        "ack" => PacketKind::Ack,
        "connect_error" => PacketKind::ConnectError,
        other => panic!("no such kind: {other}"),
    }
}

fn encode(kind: &str, namespace: &str, ack: &str, json: &str, attachments: &str) -> Vec<u8> {
    let mut answer = Answer::new();
    let mark = answer.begin();
    let ack = (!ack.is_empty()).then(|| ack.parse().unwrap());
    let payload = Payload {
        json: json.to_owned(),
        attachments: unhex_all(attachments),
    };
    let answer_to = &mut answer;
    let written = match kind {
        "event" => encode_event(namespace, ack, &payload, Reach::One, answer_to),
        "broadcast" => encode_event(namespace, ack, &payload, Reach::Audience, answer_to),
        "ack" => encode_ack(namespace, ack.unwrap(), &payload, answer_to),
        control => {
            let control = match control {
                "connect" => Control::Connect { json },
                "disconnect" => Control::Disconnect,
                "refused" => Control::Refused { json },
                _ => Control::Unknown { json },
            };
            encode_control(namespace, control, answer_to);
            true
        }
    };
    assert!(written, "{json}");
    answer.target(1);
    answer.commit(mark, crate::answer::Manner::PLAIN);
    answer.finish().bytes
}

#[test]
fn bytes_are_those_of_the_package() {
    let mut count = 0;
    for line in VECTORS.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        if let ["E", kind, namespace, ack, json, attachments, bytes] = columns[..] {
            assert_eq!(
                encode(kind, namespace, ack, json, attachments),
                unhex(bytes),
                "{line}"
            );
            count += 1;
        }
    }
    assert!(count > 150, "{count} vectors");
}

#[test]
fn packets_are_those_of_the_package() {
    let mut count = 0;
    for line in VECTORS.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let ["D", bytes, ref packet @ ..] = columns[..] else {
            continue;
        };
        count += 1;
        let decoded = decode(&unhex(bytes));
        let [kind, namespace, ack, json, attachments] = packet[..] else {
            assert_eq!(decoded, None, "{line}");
            continue;
        };
        let decoded = decoded.unwrap_or_else(|| panic!("not read: {line}"));
        assert_eq!(decoded.kind, kind_of(kind), "{line}");
        assert_eq!(decoded.namespace, namespace, "{line}");
        let ack = (!ack.is_empty()).then(|| ack.parse().unwrap());
        assert_eq!(decoded.ack, ack, "{line}");
        assert_eq!(decoded.json, json, "{line}");
        assert_eq!(decoded.attachments, unhex_all(attachments), "{line}");
    }
    assert!(count > 150, "{count} vectors");
}

/// An event with one argument of these bytes.
fn event(bytes: &[u8]) -> Option<Decoded> {
    let mut packet = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e".to_vec();
    packet.extend(bytes);
    decode(&packet)
}

#[test]
fn depth_and_order_are_bounded() {
    let nested = |depth: usize| {
        let mut bytes = vec![0x91; depth];
        bytes.push(0);
        bytes
    };
    assert!(event(&nested(511)).is_some());
    assert!(event(&nested(512)).is_none());
    assert!(event(&nested(100_000)).is_none());
    // Each level would have to be put into order again, with everything inside.
    let mut bytes = Vec::new();
    for _ in 0..400 {
        bytes.extend(b"\x82\xa1a\x00\xa10");
    }
    bytes.extend([0xda, 0xff, 0xff]);
    bytes.extend([b'x'; 0xffff]);
    assert!(event(&bytes).is_none());
    let many = |count: u16| {
        let mut bytes = vec![0xdc];
        bytes.extend(count.to_be_bytes());
        bytes.extend([0xc4, 0].repeat(usize::from(count)));
        bytes
    };
    assert_eq!(
        event(&many(1000)).map(|it| it.attachments.len()),
        Some(1000)
    );
    assert!(event(&many(1001)).is_none());
}

#[test]
fn names_follow_the_rules_of_the_text_parser() {
    let named = |name: &[u8]| {
        let mut packet = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91".to_vec();
        packet.extend(name);
        decode(&packet).map(|packet| packet.json)
    };
    assert_eq!(named(b"\xa1e").as_deref(), Some("[\"e\"]"));
    assert_eq!(named(b"\x07").as_deref(), Some("[7]"));
    assert_eq!(named(b"\xaadisconnect"), None);
    for nameless in [&b"\xc0"[..], b"\xc3", b"\x90", b"\x80", b"\xc4\x00"] {
        assert_eq!(named(nameless).as_deref(), Some(""));
    }
}

#[test]
fn what_is_not_json_is_not_written() {
    for json in ["", "[", "[1,]", "[\"a\"]x"] {
        let mut answer = Answer::new();
        let payload = Payload {
            json: json.to_owned(),
            attachments: Vec::new(),
        };
        assert!(!encode_event("/", None, &payload, Reach::One, &mut answer));
        assert!(!encode_ack("/", 1, &payload, &mut answer));
        assert!(answer.finish().bytes.is_empty());
    }
}
