//! RFC 6455 frames, without sockets: bytes in, messages out; payloads in, framed bytes out.
//!
//! Called by `connection` to read and by `perform` to frame. It never does IO and holds no buffer
//! between messages. Headers are parsed and written by tungstenite; what is here is the order of
//! frames (fragments, control frames in between), masking, limits and UTF-8.

use bytes::{Bytes, BytesMut};
use std::io::Cursor;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A server's frame header has at most this many bytes (no mask).
const HEADER_BYTES_MAX: usize = 10;
/// RFC 6455 §5.5: a control frame's payload.
const CONTROL_BYTES_MAX: u64 = 125;
/// What is reserved at most for a message before its bytes have arrived.
const RESERVED_BYTES_MAX: usize = 64 << 10;

/// What a peer's frames mean.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A whole text message, valid UTF-8.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// To be answered with a pong of the same payload.
    Ping(&'a [u8]),
    /// To be ignored.
    Pong,
    /// The peer closes, with this code if it gave one.
    Close(Option<u16>),
}

/// How a peer broke the rules: the close code to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// 1002: not RFC 6455.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// 1007: a text message that is not UTF-8.
    #[error("a text message is not UTF-8")]
    NotUtf8,
    /// 1009: longer than allowed.
    #[error("a message is longer than allowed")]
    TooLong,
}

impl Violation {
    /// The close code, RFC 6455 §7.4.1.
    pub const fn code(self) -> u16 {
        match self {
            Self::Protocol(_) => 1002,
            Self::NotUtf8 => 1007,
            Self::TooLong => 1009,
        }
    }
}

/// Reads a peer's frames. Between messages it holds nothing.
#[derive(Debug)]
pub struct Decoder {
    /// The longest message, in bytes.
    message_bytes_max: u64,
    /// The message whose fragments are coming in.
    fragments: Option<(bool, Vec<u8>)>,
}

impl Decoder {
    /// A decoder for a new connection.
    pub const fn new(message_bytes_max: u64) -> Self {
        Self {
            message_bytes_max,
            fragments: None,
        }
    }

    /// Takes whole frames off the front of `bytes` (which are unmasked in place) and gives them to
    /// `take`. Returns how many bytes were used and how many more the next frame needs at least (0:
    /// unknown).
    ///
    /// # Errors
    /// The first violation; the connection must then be closed.
    pub fn decode(
        &mut self,
        bytes: &mut [u8],
        mut take: impl FnMut(Incoming<'_>),
    ) -> Result<(usize, usize), Violation> {
        let mut used = 0;
        loop {
            let rest = bytes.get_mut(used..).unwrap_or_default();
            let mut cursor = Cursor::new(&*rest);
            let Some((header, length)) = FrameHeader::parse(&mut cursor)
                .map_err(|_| Violation::Protocol("unknown opcode"))?
            else {
                return Ok((used, 0));
            };
            let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
            let mask = self.check(&header, length)?;
            let length = usize::try_from(length).map_err(|_| Violation::TooLong)?;
            let Some(payload) = rest.get_mut(start..start.saturating_add(length)) else {
                return Ok((used, start.saturating_add(length)));
            };
            unmask(payload, mask);
            used += start + length;
            self.take_frame(&header, payload, &mut take)?;
        }
    }

    /// The rules a header alone can break.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<[u8; 4], Violation> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Violation::Protocol(
                "reserved bits are set and no extension was agreed on",
            ));
        }
        let Some(mask) = header.mask else {
            return Err(Violation::Protocol("a client's frame is not masked"));
        };
        match header.opcode {
            OpCode::Control(_) if !header.is_final => {
                return Err(Violation::Protocol("a control frame is fragmented"));
            }
            OpCode::Control(_) if length > CONTROL_BYTES_MAX => {
                return Err(Violation::Protocol("a control frame is too long"));
            }
            OpCode::Control(_) => return Ok(mask),
            OpCode::Data(Data::Continue) if self.fragments.is_none() => {
                return Err(Violation::Protocol("a continuation without a beginning"));
            }
            OpCode::Data(Data::Text | Data::Binary) if self.fragments.is_some() => {
                return Err(Violation::Protocol(
                    "a new message before the last fragment",
                ));
            }
            OpCode::Data(_) => {}
        }
        let before = self
            .fragments
            .as_ref()
            .map_or(0, |(_, bytes)| bytes.len() as u64);
        if before.saturating_add(length) > self.message_bytes_max {
            return Err(Violation::TooLong);
        }
        Ok(mask)
    }

    fn take_frame(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        take: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), Violation> {
        match header.opcode {
            OpCode::Control(Control::Ping) => take(Incoming::Ping(payload)),
            OpCode::Control(Control::Close) => take(Incoming::Close(close_code(payload)?)),
            OpCode::Control(_) => take(Incoming::Pong),
            OpCode::Data(kind) => {
                if header.is_final && self.fragments.is_none() {
                    return give(kind == Data::Text, payload, take);
                }
                let (text, whole) = self.fragments.get_or_insert_with(|| {
                    (
                        kind == Data::Text,
                        Vec::with_capacity(payload.len().min(RESERVED_BYTES_MAX)),
                    )
                });
                whole.extend_from_slice(payload);
                if header.is_final {
                    let text = *text;
                    if let Some((_, whole)) = self.fragments.take() {
                        return give(text, &whole, take);
                    }
                }
            }
        }
        Ok(())
    }
}

fn give(text: bool, payload: &[u8], take: &mut impl FnMut(Incoming<'_>)) -> Result<(), Violation> {
    if text {
        take(Incoming::Text(
            simdutf8::basic::from_utf8(payload).map_err(|_| Violation::NotUtf8)?,
        ));
    } else {
        take(Incoming::Binary(payload));
    }
    Ok(())
}

/// RFC 6455 §5.5.1 and §7.4: empty, or a code that may be sent and a UTF-8 reason.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_at_checked(2) else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Violation::Protocol("a close code is cut short"))
        };
    };
    let code = u16::from_be_bytes([
        code.first().copied().unwrap_or_default(),
        code.last().copied().unwrap_or_default(),
    ]);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol("a close code that must not be sent"));
    }
    std::str::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
    Ok(Some(code))
}

/// RFC 6455 §5.3, eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
    Pong,
    Close,
}

/// A framed message: encoded once, shared by any number of receivers. A clone is a reference count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// Header and payload.
    pub bytes: Bytes,
    /// How many of the bytes are header.
    header: u8,
    /// Text or binary.
    pub kind: Kind,
}

impl Framed {
    /// Frames a payload as one unmasked, final frame.
    pub fn new(kind: Kind, payload: &[u8]) -> Self {
        let opcode = match kind {
            Kind::Text => OpCode::Data(Data::Text),
            Kind::Binary => OpCode::Data(Data::Binary),
            Kind::Pong => OpCode::Control(Control::Pong),
            Kind::Close => OpCode::Control(Control::Close),
        };
        let header = FrameHeader {
            is_final: true,
            rsv1: false,
            rsv2: false,
            rsv3: false,
            opcode,
            mask: None,
        };
        let mut head = [0_u8; HEADER_BYTES_MAX];
        let mut space = head.as_mut_slice();
        // Writing to a slice of sufficient length cannot fail.
        let _ = header.format(payload.len() as u64, &mut space);
        let used = HEADER_BYTES_MAX - space.len();
        let mut bytes = BytesMut::with_capacity(used + payload.len());
        bytes.extend_from_slice(head.get(..used).unwrap_or_default());
        bytes.extend_from_slice(payload);
        Self {
            bytes: bytes.freeze(),
            header: u8::try_from(used).unwrap_or_default(),
            kind,
        }
    }

    /// A close frame: empty, or a code and a reason of at most 123 bytes (cut at a character).
    pub fn close(code: Option<u16>, reason: &str) -> Self {
        let Some(code) = code else {
            return Self::new(Kind::Close, &[]);
        };
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(
            reason
                .get(..reason.floor_char_boundary(123))
                .unwrap_or_default()
                .as_bytes(),
        );
        Self::new(Kind::Close, &payload)
    }

    /// What was framed.
    pub fn payload(&self) -> &[u8] {
        self.bytes
            .get(usize::from(self.header)..)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..126 => bytes.push(0x80 | length as u8),
            length @ 126..65536 => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    fn decode(max: u64, bytes: &[u8]) -> (Result<(usize, usize), Violation>, Vec<String>) {
        let mut seen = Vec::new();
        let mut bytes = bytes.to_vec();
        let result =
            Decoder::new(max).decode(&mut bytes, |incoming| seen.push(format!("{incoming:?}")));
        (result, seen)
    }

    #[test]
    fn whole_messages() {
        let mut bytes = frame(0x81, "grüß".as_bytes());
        bytes.extend(frame(0x82, &[1, 2, 3]));
        bytes.extend(frame(0x89, b"hi"));
        let (result, seen) = decode(100, &bytes);
        assert_eq!(result, Ok((bytes.len(), 0)));
        assert_eq!(
            seen,
            ["Text(\"grüß\")", "Binary([1, 2, 3])", "Ping([104, 105])"]
        );
    }

    #[test]
    fn fragments_with_a_ping_between() {
        let mut bytes = frame(0x01, b"ab");
        bytes.extend(frame(0x89, b""));
        bytes.extend(frame(0x00, b"cd"));
        bytes.extend(frame(0x80, b"e"));
        assert_eq!(decode(5, &bytes).1, ["Ping([])", "Text(\"abcde\")"]);
        assert_eq!(decode(4, &bytes).0, Err(Violation::TooLong));
    }

    #[test]
    fn every_cut_waits_for_more() {
        let bytes = frame(0x81, &[b'x'; 300]);
        for cut in 0..bytes.len() {
            let (result, seen) = decode(1000, &bytes[..cut]);
            let (used, needs) = result.unwrap();
            assert_eq!((used, seen.len()), (0, 0));
            assert!(needs == 0 || needs == bytes.len());
        }
    }

    #[test]
    fn violations() {
        for (bytes, expected) in [
            (
                frame(0xc1, b""),
                Violation::Protocol("reserved bits are set and no extension was agreed on"),
            ),
            (
                vec![0x81, 0x01, b'a'],
                Violation::Protocol("a client's frame is not masked"),
            ),
            (
                frame(0x09, b""),
                Violation::Protocol("a control frame is fragmented"),
            ),
            (
                frame(0x89, &[0; 126]),
                Violation::Protocol("a control frame is too long"),
            ),
            (
                frame(0x80, b""),
                Violation::Protocol("a continuation without a beginning"),
            ),
            (
                [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
                Violation::Protocol("a new message before the last fragment"),
            ),
            (frame(0x83, b""), Violation::Protocol("unknown opcode")),
            (frame(0x81, &[0xff]), Violation::NotUtf8),
            (frame(0x82, &[0; 1001]), Violation::TooLong),
            (
                frame(0x88, &[3]),
                Violation::Protocol("a close code is cut short"),
            ),
            (
                frame(0x88, &[3, 237]),
                Violation::Protocol("a close code that must not be sent"),
            ),
        ] {
            assert_eq!(decode(1000, &bytes).0, Err(expected));
        }
        // A length that no memory could hold is refused by its header alone.
        let claim = [&[0x82, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
        assert_eq!(decode(1000, &claim).0, Err(Violation::TooLong));
    }

    #[test]
    fn framing_is_what_a_client_expects() {
        assert_eq!(
            Framed::new(Kind::Text, b"hi").bytes,
            [0x81, 2, b'h', b'i'].as_slice()
        );
        let long = Framed::new(Kind::Binary, &[7; 70_000]);
        assert_eq!(
            long.bytes.get(..10),
            Some([0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70].as_slice())
        );
        assert_eq!(long.payload(), [7; 70_000].as_slice());
        assert_eq!(Framed::close(None, "x").bytes, [0x88, 0].as_slice());
        assert_eq!(
            Framed::close(Some(1009), "").bytes,
            [0x88, 2, 3, 241].as_slice()
        );
        assert_eq!(
            Framed::close(Some(1000), &"ü".repeat(100)).bytes.len(),
            2 + 2 + 122
        );
    }
}
