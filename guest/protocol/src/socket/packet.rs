//! Socket.IO packets (protocol revision 5, `socket.io-parser` 4): reading and writing. Pure.
//!
//! Where this differs from the reference's decoder, on purpose: a space is no digit; numbers beyond
//! 2^53 − 1 and nesting beyond `JSON_DEPTH_MAX` are errors; the number of attachments is written in
//! decimal digits; a packet that announces no attachments is delivered and leaves nothing behind.

use super::json::{self, Kind};
use crate::answer::Answer;
use crate::contract::Payload;
use crate::limits::ACK_MAX;

/// A packet as text says it; attachments follow in frames of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub kind: PacketKind,
    pub namespace: &'a str,
    /// The number of the acknowledgement that is asked for or given.
    pub ack: Option<u64>,
    /// JSON text, checked; empty when there was none.
    pub json: &'a str,
    /// How many binary frames follow.
    pub attachments: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

/// Event names that mean something to the libraries themselves.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];
/// Bytes of the longest of them.
const RESERVED_BYTES_MAX: usize = 14;

/// Reads a packet. None is a parse error.
pub fn decode(text: &str, attachments_max: u32, namespace_bytes_max: usize) -> Option<Packet<'_>> {
    let (kind, binary) = match text.as_bytes().first()? {
        b'0' => (PacketKind::Connect, false),
        b'1' => (PacketKind::Disconnect, false),
        b'2' => (PacketKind::Event, false),
        b'3' => (PacketKind::Ack, false),
        b'4' => (PacketKind::ConnectError, false),
        b'5' => (PacketKind::Event, true),
        b'6' => (PacketKind::Ack, true),
        _ => return None,
    };
    let mut rest = text.get(1..)?;
    let mut attachments = 0;
    if binary {
        let (digits, after) = rest.split_once('-')?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        attachments = digits.parse().ok()?;
        if attachments > attachments_max {
            return None;
        }
        rest = after;
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        if namespace.len() > namespace_bytes_max {
            return None;
        }
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mut ack = None;
    if digits > 0 {
        let number = rest.get(..digits)?.parse().ok()?;
        if number > ACK_MAX {
            return None;
        }
        ack = Some(number);
        rest = rest.get(digits..)?;
    }
    if !rest.is_empty() && !is_payload_valid(kind, rest) {
        return None;
    }
    Some(Packet {
        kind,
        namespace,
        ack,
        json: rest,
        attachments,
    })
}

/// Reference: `Decoder.isPayloadValid`.
fn is_payload_valid(kind: PacketKind, json: &str) -> bool {
    if kind == PacketKind::Disconnect {
        return false;
    }
    let Some(shape) = json::scan(json) else {
        return false;
    };
    match kind {
        PacketKind::Connect => shape.kind == Kind::Object,
        PacketKind::ConnectError => matches!(shape.kind, Kind::Object | Kind::String),
        PacketKind::Ack => shape.kind == Kind::Array,
        PacketKind::Event => match shape.first {
            Some(Kind::Number) => true,
            Some(Kind::String) => !json.get(shape.first_at).is_none_or(is_reserved),
            _ => false,
        },
        PacketKind::Disconnect => false,
    }
}

/// Whether a name, in quotes, is a reserved one however it is escaped.
pub fn is_reserved(quoted: &str) -> bool {
    let Some(inner) = quoted.get(1..quoted.len().saturating_sub(1)) else {
        return false;
    };
    if inner.contains('\\') {
        return json::unescape(inner, RESERVED_BYTES_MAX)
            .is_some_and(|name| RESERVED.contains(&name.as_str()));
    }
    inner.len() <= RESERVED_BYTES_MAX && RESERVED.contains(&inner)
}

/// Writes the frames of an EVENT: `42…`, or `45…` and its attachments.
pub fn encode_event(namespace: &str, ack: Option<u64>, payload: &Payload, answer: &mut Answer) {
    encode(["42", "45"], namespace, ack, payload, answer);
}

/// Writes the frames of an ACK: `43…`, or `46…` and its attachments.
pub fn encode_ack(namespace: &str, ack: u64, payload: &Payload, answer: &mut Answer) {
    encode(["43", "46"], namespace, Some(ack), payload, answer);
}

fn encode(
    [plain, binary]: [&str; 2],
    namespace: &str,
    ack: Option<u64>,
    payload: &Payload,
    answer: &mut Answer,
) {
    let (namespace, comma) = if namespace == "/" {
        ("", "")
    } else {
        (namespace, ",")
    };
    let mut digits = Digits::default();
    let ack = ack.map_or("", |ack| digits.write(ack));
    if payload.attachments.is_empty() {
        answer.text_frame(&[plain, namespace, comma, ack, &payload.json]);
        return;
    }
    let mut count = Digits::default();
    let count = count.write(payload.attachments.len() as u64);
    answer.text_frame(&[binary, count, "-", namespace, comma, ack, &payload.json]);
    for attachment in &payload.attachments {
        answer.binary_frame(attachment);
    }
}

/// Writes the frame of a packet that is not for handlers: `40` CONNECT, `41` DISCONNECT, `44`
/// CONNECT_ERROR.
pub fn encode_control(kind: &str, namespace: &str, json: &str, answer: &mut Answer) {
    let (namespace, comma) = if namespace == "/" {
        ("", "")
    } else {
        (namespace, ",")
    };
    answer.text_frame(&[kind, namespace, comma, json]);
}

/// A number in decimal, without an allocation.
#[derive(Default)]
struct Digits([u8; 20]);

impl Digits {
    fn write(&mut self, mut number: u64) -> &str {
        let mut start = self.0.len();
        for (at, place) in self.0.iter_mut().enumerate().rev() {
            *place = b'0' + (number % 10) as u8;
            start = at;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0
            .get(start..)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .unwrap_or("0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(PacketKind, &str, Option<u64>, &str, u32)> {
        decode(text, 10, 1024).map(|p| (p.kind, p.namespace, p.ack, p.json, p.attachments))
    }

    #[test]
    fn the_specifications_examples_are_read() {
        assert_eq!(read("0"), Some((PacketKind::Connect, "/", None, "", 0)));
        assert_eq!(
            read("0/admin,{\"a\":1}"),
            Some((PacketKind::Connect, "/admin", None, "{\"a\":1}", 0))
        );
        assert_eq!(
            read("0/admin"),
            Some((PacketKind::Connect, "/admin", None, "", 0))
        );
        assert_eq!(
            read("0/x?a=b,"),
            Some((PacketKind::Connect, "/x?a=b", None, "", 0))
        );
        assert_eq!(
            read("1/admin,"),
            Some((PacketKind::Disconnect, "/admin", None, "", 0))
        );
        assert_eq!(
            read("2[\"foo\"]"),
            Some((PacketKind::Event, "/", None, "[\"foo\"]", 0))
        );
        assert_eq!(
            read("2/admin,12[\"foo\"]"),
            Some((PacketKind::Event, "/admin", Some(12), "[\"foo\"]", 0))
        );
        assert_eq!(read("2"), Some((PacketKind::Event, "/", None, "", 0)));
        assert_eq!(read("2[0]"), Some((PacketKind::Event, "/", None, "[0]", 0)));
        assert_eq!(
            read("3/admin,13[]"),
            Some((PacketKind::Ack, "/admin", Some(13), "[]", 0))
        );
        assert_eq!(
            read("51-[\"a\",1]"),
            Some((PacketKind::Event, "/", None, "[\"a\",1]", 1))
        );
        assert_eq!(
            read("61-/a,13[1]"),
            Some((PacketKind::Ack, "/a", Some(13), "[1]", 1))
        );
        assert_eq!(read("5-[\"a\"]"), None);
        assert_eq!(
            read("4{\"message\":\"x\"}").map(|p| p.0),
            Some(PacketKind::ConnectError)
        );
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for text in [
            "",
            "7",
            "x",
            " ",
            "0[]",
            "0{",
            "0\"a\"",
            "01x",
            "1{}",
            "1[]",
            "2{}",
            "2[]",
            "2[null]",
            "2[[\"a\"]]",
            "2[\"connect\"]",
            "2[\"connect_error\"]",
            "2[\"disconnect\"]",
            "2[\"disconnecting\"]",
            "2[\"newListener\"]",
            "2[\"removeListener\"]",
            "2[\"\\u0063onnect\"]",
            "2[\"a\"",
            "2nope",
            "3{}",
            "4[]",
            "511-[\"a\"]",
            "5",
            "5x-[\"a\"]",
            "599999999999999999999-[\"a\"]",
            "5[\"a\"]",
            "29007199254740992[\"a\"]",
            "299999999999999999999999[\"a\"]",
            "50",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(read("29007199254740991[\"a\"]").is_some());
        assert!(read("2[\"connected\"]").is_some());
        assert!(read("2[\"\\u0063onnecting\"]").is_some());
    }

    #[test]
    fn numbers_are_written() {
        for number in [0, 7, 10, 4711, u64::MAX] {
            assert_eq!(Digits::default().write(number), number.to_string());
        }
    }
}
