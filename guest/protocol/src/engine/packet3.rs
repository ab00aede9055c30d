//! Engine.IO packets of the third revision (reference: `parser-v3`, `decodePacket`). Pure.
//!
//! The type is a digit, in a binary frame the first byte, and in base64 what follows the `b`. Bytes of
//! an unknown type mean nothing; text of one is invalid.

use super::packet::{Content, Data, Packet};
use crate::base64;
use std::borrow::Cow;

/// Reads a packet.
pub fn decode(data: Data<'_>) -> Packet<'_> {
    let text = match data {
        Data::Text(text) => text,
        Data::Binary(bytes) => {
            return match bytes.split_first() {
                Some((kind, rest)) => bare(*kind, Cow::Borrowed(rest)),
                None => Packet::Noop,
            };
        }
    };
    match text.as_bytes().split_first() {
        Some((b'b', rest)) => match rest.split_first() {
            Some((kind, rest)) => bare(kind.wrapping_sub(b'0'), Cow::Owned(base64::decode(rest))),
            None => Packet::Noop,
        },
        Some((b'4', _)) => {
            let rest = text.get(1..).filter(|rest| !rest.is_empty());
            Packet::Message(Content::Text(rest))
        }
        Some((b'2', _)) => Packet::Ping(text.get(1..).unwrap_or("")),
        Some((b'0', _)) => Packet::Open,
        Some((b'1', _)) => Packet::Close,
        Some((b'3', _)) => Packet::Pong,
        Some((b'5', _)) => Packet::Upgrade,
        Some((b'6', _)) => Packet::Noop,
        Some(_) | None => Packet::Invalid,
    }
}

/// A packet whose contents are bytes.
fn bare(kind: u8, contents: Cow<'_, [u8]>) -> Packet<'_> {
    match kind {
        4 => Packet::Message(Content::Binary(contents)),
        0 => Packet::Open,
        1 => Packet::Close,
        // A probe is text.
        2 => Packet::Ping(""),
        3 => Packet::Pong,
        5 => Packet::Upgrade,
        _ => Packet::Noop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read() {
        assert_eq!(decode(Data::Text("0{}")), Packet::Open);
        assert_eq!(decode(Data::Text("1")), Packet::Close);
        assert_eq!(decode(Data::Text("2probe")), Packet::Ping("probe"));
        assert_eq!(decode(Data::Text("3")), Packet::Pong);
        assert_eq!(
            decode(Data::Text("4")),
            Packet::Message(Content::Text(None))
        );
        assert_eq!(
            decode(Data::Text("4hi")),
            Packet::Message(Content::Text(Some("hi")))
        );
        assert_eq!(decode(Data::Text("5")), Packet::Upgrade);
        assert_eq!(decode(Data::Text("6")), Packet::Noop);
        let binary = |bytes| Packet::Message(Content::Binary(Cow::Borrowed(bytes)));
        assert_eq!(decode(Data::Text("b4AQI=")), binary(&[1, 2]));
        assert_eq!(decode(Data::Text("b4")), binary(&[]));
        assert_eq!(decode(Data::Binary(&[4, 1])), binary(&[1]));
        assert_eq!(decode(Data::Binary(&[4])), binary(&[]));
        for text in ["", "7", "x", "é", " ", "\u{1e}"] {
            assert_eq!(decode(Data::Text(text)), Packet::Invalid, "{text}");
        }
    }

    #[test]
    fn bytes_of_other_types_are_no_messages() {
        assert_eq!(decode(Data::Binary(&[2, b'p'])), Packet::Ping(""));
        assert_eq!(decode(Data::Text("b2cHJvYmU=")), Packet::Ping(""));
        assert_eq!(decode(Data::Binary(&[1])), Packet::Close);
        assert_eq!(decode(Data::Text("b1")), Packet::Close);
        assert_eq!(decode(Data::Binary(&[5])), Packet::Upgrade);
        for bytes in [&[][..], &[7], &[b'4', 1], &[255]] {
            assert_eq!(decode(Data::Binary(bytes)), Packet::Noop, "{bytes:?}");
        }
        for text in ["b", "bx", "b7", "bé"] {
            assert_eq!(decode(Data::Text(text)), Packet::Noop, "{text}");
        }
    }
}
