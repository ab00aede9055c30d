//! Engine.IO packets (protocol revision 4): a type digit and what follows, or a binary message. Pure.
//! Those of revision 3 are read by `packet3.rs`.

use crate::base64;
use std::borrow::Cow;

/// The contents of one frame, or of one packet of a polling payload.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// Text, the packet's type first.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// What a message packet carries.
#[derive(Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Text, without the packet's type. None when nothing followed the type.
    Text(Option<&'a str>),
    /// Bytes.
    Binary(Cow<'a, [u8]>),
}

/// A packet, read.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`, `5` and `6` have no meaning on an open session.
    Open,
    /// `1`
    Close,
    /// `2` with what follows: `probe` when an upgrade begins.
    Ping(&'a str),
    /// `3`
    Pong,
    /// `4`, or a binary frame, or `b` and base64.
    Message(Content<'a>),
    /// `5`
    Upgrade,
    /// `6`
    Noop,
    /// Anything else.
    Invalid,
}

/// Reads a packet.
pub fn decode(data: Data<'_>) -> Packet<'_> {
    let text = match data {
        Data::Text(text) => text,
        Data::Binary(bytes) => return Packet::Message(Content::Binary(Cow::Borrowed(bytes))),
    };
    let Some((kind, rest)) = text
        .as_bytes()
        .split_first()
        .map(|(kind, _)| (*kind, text.get(1..).unwrap_or("")))
    else {
        return Packet::Invalid;
    };
    match kind {
        b'4' => Packet::Message(Content::Text((!rest.is_empty()).then_some(rest))),
        b'b' => Packet::Message(Content::Binary(Cow::Owned(base64::decode(rest.as_bytes())))),
        b'3' => Packet::Pong,
        b'2' => Packet::Ping(rest),
        b'0' => Packet::Open,
        b'1' => Packet::Close,
        b'5' => Packet::Upgrade,
        b'6' => Packet::Noop,
        _ => Packet::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read() {
        assert_eq!(decode(Data::Text("0")), Packet::Open);
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
        assert_eq!(
            decode(Data::Text("bAQI=")),
            Packet::Message(Content::Binary(Cow::Borrowed(&[1, 2])))
        );
        assert_eq!(
            decode(Data::Binary(&[1])),
            Packet::Message(Content::Binary(Cow::Borrowed(&[1])))
        );
        for text in ["", "7", "x", "é", "\u{1e}"] {
            assert_eq!(decode(Data::Text(text)), Packet::Invalid);
        }
    }
}
