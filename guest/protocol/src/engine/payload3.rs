//! The bodies of polling requests and answers in the third revision (reference: `parser-v3`). Pure.
//!
//! Text: `<length>:<packet>`, one after the other, the length in UTF-16 code units. Bytes, as soon as
//! one packet has some: a 0 for text or a 1, the length in bytes as decimal digits (0 to 9, not
//! `'0'` to `'9'`), 255, the packet.
//!
//! Where this differs from the reference's reader, on purpose: a length is written in decimal digits,
//! nothing else that JavaScript takes for a number.

use super::packet::Data;
use crate::contract::Frame;
use std::borrow::Cow;

/// Decimal digits of a length: more than a body can have bytes.
const DIGITS_MAX: usize = 15;

/// The end of a length among bytes.
const DELIMITER: u8 = 255;

// ---------------------------------------------------------------------- writing

/// Writes text packets.
pub fn join(frames: &[Frame]) -> Vec<u8> {
    let mut body = Vec::new();
    for frame in frames {
        if let Frame::Text(text) = frame {
            let length = text.encode_utf16().count();
            body.extend_from_slice(length.to_string().as_bytes());
            body.push(b':');
            body.extend_from_slice(text.as_bytes());
        }
    }
    body
}

/// Writes packets some of which are bytes.
pub fn join_binary(frames: &[Frame]) -> Vec<u8> {
    let mut body = Vec::new();
    for frame in frames {
        let (kind, bytes) = match frame {
            Frame::Text(text) => (0, text.as_bytes()),
            Frame::Binary(bytes) => (1, bytes.as_slice()),
        };
        body.push(kind);
        let digits = bytes.len().to_string();
        body.extend(digits.bytes().map(|digit| digit - b'0'));
        body.push(DELIMITER);
        body.extend_from_slice(bytes);
    }
    body
}

// ---------------------------------------------------------------------- reading

/// The packets of a text body. What cannot be read is an empty packet, which is invalid, and the last.
pub struct Packets<'a>(Option<&'a str>);

/// Reads a text body. An empty one is one empty, invalid packet.
pub fn split(body: &str) -> Packets<'_> {
    Packets(Some(body))
}

impl<'a> Iterator for Packets<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let body = self.0.take()?;
            let Some((packet, rest)) = take(body) else {
                return Some("");
            };
            self.0 = (!rest.is_empty()).then_some(rest);
            // A packet of no length is passed over.
            if !packet.is_empty() {
                return Some(packet);
            }
        }
    }
}

/// The first packet of a text body, and what follows it.
fn take(body: &str) -> Option<(&str, &str)> {
    let (digits, rest) = body.split_once(':')?;
    let length = number(digits.bytes().map(|digit| digit.wrapping_sub(b'0')))?;
    let mut units = 0;
    let mut at = 0;
    for character in rest.chars() {
        if units >= length {
            break;
        }
        units += character.len_utf16();
        at += character.len_utf8();
    }
    if units != length {
        return None;
    }
    rest.split_at_checked(at)
}

/// A packet of a body of bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(Cow<'a, str>),
    Binary(&'a [u8]),
}

impl Piece<'_> {
    /// As the frame that it could have been.
    pub fn data(&self) -> Data<'_> {
        match self {
            Piece::Text(text) => Data::Text(text),
            Piece::Binary(bytes) => Data::Binary(bytes),
        }
    }
}

/// The packets of a body of bytes.
pub struct Pieces<'a>(&'a [u8]);

/// Reads a body of bytes. One that is not made of packets is one empty, invalid packet; none at all
/// is in an empty body.
pub fn split_binary(body: &[u8]) -> Pieces<'_> {
    let mut rest = body;
    while !rest.is_empty() {
        match take_binary(rest) {
            Some((_, _, after)) => rest = after,
            None => return Pieces(INVALID),
        }
    }
    Pieces(body)
}

/// A text packet of no length.
const INVALID: &[u8] = &[0, 0, DELIMITER];

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let (text, packet, rest) = take_binary(self.0)?;
        self.0 = rest;
        Some(if text {
            // Text that is not UTF-8 is an invalid packet.
            Piece::Text(read_text(packet).unwrap_or(Cow::Borrowed("")))
        } else {
            Piece::Binary(packet)
        })
    }
}

/// The first packet of a body of bytes, whether it is text, and what follows it. A packet that the body
/// ends in is as long as there are bytes, as in the reference.
fn take_binary(body: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (kind, rest) = body.split_first()?;
    let digits = rest
        .iter()
        .take(DIGITS_MAX + 1)
        .position(|byte| *byte == DELIMITER)?;
    let (digits, rest) = rest.split_at_checked(digits)?;
    let length = number(digits.iter().copied())?;
    let rest = rest.get(1..)?;
    let (packet, rest) = rest.split_at_checked(length.min(rest.len()))?;
    Some((*kind == 0, packet, rest))
}

/// A number of these decimal digits, highest first.
fn number(digits: impl Iterator<Item = u8>) -> Option<usize> {
    let mut number = None;
    for (at, digit) in digits.enumerate() {
        if digit > 9 || at >= DIGITS_MAX {
            return None;
        }
        number = Some(
            number
                .unwrap_or(0usize)
                .checked_mul(10)?
                .checked_add(usize::from(digit))?,
        );
    }
    number
}

/// UTF-8 as the reference's `utf8.js` reads it: surrogates become U+FFFD, anything else that is wrong
/// is an error.
fn read_text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Cow::Borrowed(text));
    }
    let mut mended = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(text) => {
                mended.push_str(text);
                return Some(Cow::Owned(mended));
            }
            Err(error) => error,
        };
        let (valid, after) = rest.split_at_checked(error.valid_up_to())?;
        mended.push_str(std::str::from_utf8(valid).ok()?);
        match after {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, after @ ..] => {
                mended.push('\u{fffd}');
                rest = after;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Vec<&str> {
        split(body).collect()
    }

    fn text(text: &str) -> Piece<'_> {
        Piece::Text(Cow::Borrowed(text))
    }

    #[test]
    fn packets_are_joined() {
        let frames = [
            Frame::Text("4a".into()),
            Frame::Text("b4AQID".into()),
            Frame::Text("4€😀".into()),
        ];
        assert_eq!(join(&frames), "2:4a6:b4AQID4:4€😀".as_bytes());
        let frames = [Frame::Text("4€".into()), Frame::Binary(vec![4; 11])];
        let mut body = vec![0, 4, 255, b'4', 0xe2, 0x82, 0xac, 1, 1, 1, 255];
        body.extend([4; 11]);
        assert_eq!(join_binary(&frames), body);
        assert_eq!(
            split_binary(&body).collect::<Vec<_>>(),
            [text("4€"), Piece::Binary(&[4; 11])]
        );
    }

    #[test]
    fn text_bodies_are_split() {
        assert_eq!(texts("6:4hello2:4€4:4😀x"), ["4hello", "4€", "4😀x"]);
        assert_eq!(texts("1:20:1:3"), ["2", "3"]);
        assert_eq!(texts("0:"), [""; 0]);
        assert_eq!(texts("03:4:x"), ["4:x"]);
    }

    #[test]
    fn text_bodies_may_be_invalid() {
        for body in [
            "",
            "abc",
            ":",
            ":4a",
            "3:4a",
            "-1:4",
            "1e0:4",
            " 1:4",
            "99999999999999999999:4",
        ] {
            assert_eq!(texts(body), [""], "{body}");
        }
        assert_eq!(texts("2:4ax"), ["4a", ""]);
        assert_eq!(texts("2:4a2"), ["4a", ""]);
        // Half a character.
        assert_eq!(texts("2:4😀"), [""]);
    }

    #[test]
    fn bodies_of_bytes_are_split() {
        let pieces = |body: &'static [u8]| split_binary(body).collect::<Vec<_>>();
        assert_eq!(pieces(&[]), []);
        assert_eq!(pieces(&[0, 1, 255, b'2']), [text("2")]);
        assert_eq!(pieces(&[1, 2, 255, 4, 9]), [Piece::Binary(&[4, 9])]);
        assert_eq!(pieces(&[7, 1, 255, 4]), [Piece::Binary(&[4])]);
        assert_eq!(pieces(&[1, 9, 255, 4, 9]), [Piece::Binary(&[4, 9])]);
        assert_eq!(pieces(&[0, 2, 255, b'4', 0xff]), [text("")]);
        assert_eq!(
            pieces(&[0, 4, 255, b'4', 0xed, 0xa0, 0x80]),
            [text("4\u{fffd}")]
        );
        for body in [
            &[0][..],
            &[0, 255],
            &[0, 1],
            &[0, 10, 255],
            &[0, b'1', 255, b'2'],
            &[0, 1, 255, b'2', 0],
            &[1; 40],
        ] {
            assert_eq!(
                split_binary(body).collect::<Vec<_>>(),
                [text("")],
                "{body:?}"
            );
        }
    }
}
