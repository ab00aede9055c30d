//! RFC 6455 frames, without sockets: bytes in, messages out; payloads in, framed bytes out.
//!
//! Called by `connection` to read and by `perform` to frame. It never does IO and holds no buffer
//! between messages. Headers are parsed and written by tungstenite; what is here is the order of
//! frames (fragments, control frames in between), masking, limits, UTF-8, and which messages are
//! compressed (RFC 7692).

use crate::deflate::{NotInflated, compress, inflate};
use crate::guest::contract::Deflate;
use bytes::{Bytes, BytesMut};
use std::cell::OnceCell;
use std::io::Cursor;
use std::rc::Rc;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A server's frame header has at most this many bytes (no mask).
const HEADER_BYTES_MAX: usize = 10;
/// RFC 6455 §5.5: a control frame's payload.
const CONTROL_BYTES_MAX: u64 = 125;
/// What is reserved at most for a message before its bytes have arrived.
const RESERVED_BYTES_MAX: usize = 64 << 10;
/// Compressed messages may become a thousand times as long as what was read: past so many bytes the rest
/// of it is decoded later, so that readers can wait for their turn.
const INFLATED_BYTES_MAX: usize = 256 << 10;

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
    /// 1007: a compressed message that cannot be inflated.
    #[error("a compressed message is not in the deflate format")]
    NotDeflate,
    /// 1009: longer than allowed.
    #[error("a message is longer than allowed")]
    TooLong,
}

impl Violation {
    /// The close code, RFC 6455 §7.4.1.
    pub const fn code(self) -> u16 {
        match self {
            Self::Protocol(_) => 1002,
            Self::NotUtf8 | Self::NotDeflate => 1007,
            Self::TooLong => 1009,
        }
    }
}

/// Reads a peer's frames. Between messages it holds nothing.
#[derive(Debug)]
pub struct Decoder {
    /// The longest message, in bytes.
    message_bytes_max: u64,
    /// Messages may be compressed: that was agreed on.
    deflate: bool,
    /// Bytes that were inflated by this call.
    inflated_bytes: usize,
    /// The message whose fragments are coming in.
    fragments: Option<Fragments>,
}

/// The beginning of a message.
#[derive(Debug)]
struct Fragments {
    text: bool,
    compressed: bool,
    bytes: Vec<u8>,
}

impl Decoder {
    /// A decoder for a new connection.
    pub const fn new(message_bytes_max: u64, deflate: bool) -> Self {
        Self {
            message_bytes_max,
            deflate,
            inflated_bytes: 0,
            fragments: None,
        }
    }

    /// Whether the last call left whole frames: it had inflated enough.
    pub const fn is_paused(&self) -> bool {
        self.inflated_bytes >= INFLATED_BYTES_MAX
    }

    /// Takes whole frames off the front of `bytes` (which are unmasked in place) and gives them to
    /// `take`. Returns how many bytes were used and how many more the next frame needs at least (0:
    /// unknown, or the decoder has paused and is to be called again with the rest).
    ///
    /// # Errors
    /// The first violation; the connection must then be closed.
    pub fn decode(
        &mut self,
        bytes: &mut [u8],
        mut take: impl FnMut(Incoming<'_>),
    ) -> Result<(usize, usize), Violation> {
        let mut used = 0;
        self.inflated_bytes = 0;
        loop {
            if self.is_paused() {
                return Ok((used, 0));
            }
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
        // RFC 7692 §6: the bit is on the first fragment of a message.
        let may_be_compressed =
            self.deflate && matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        if header.rsv1 && !may_be_compressed || header.rsv2 || header.rsv3 {
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
            .map_or(0, |fragments| fragments.bytes.len() as u64);
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
                let text = kind == Data::Text;
                if header.is_final && self.fragments.is_none() {
                    return self.give(text, header.rsv1, payload, take);
                }
                let fragments = self.fragments.get_or_insert_with(|| Fragments {
                    text,
                    compressed: header.rsv1,
                    bytes: Vec::with_capacity(payload.len().min(RESERVED_BYTES_MAX)),
                });
                fragments.bytes.extend_from_slice(payload);
                if header.is_final
                    && let Some(whole) = self.fragments.take()
                {
                    return self.give(whole.text, whole.compressed, &whole.bytes, take);
                }
            }
        }
        Ok(())
    }

    fn give(
        &mut self,
        text: bool,
        compressed: bool,
        payload: &[u8],
        take: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), Violation> {
        if !compressed {
            return give(text, payload, take);
        }
        let bytes_max = usize::try_from(self.message_bytes_max).unwrap_or(usize::MAX);
        let payload = inflate(payload, bytes_max).map_err(|reason| match reason {
            NotInflated::TooLong => Violation::TooLong,
            NotInflated::Invalid => Violation::NotDeflate,
        })?;
        self.inflated_bytes = self.inflated_bytes.saturating_add(payload.len());
        give(text, &payload, take)
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
    /// Whether it may be compressed, for a receiver that agreed to it.
    compress: bool,
    /// The same message compressed, made for the first receiver that takes it so.
    compressed: OnceCell<Rc<Compressed>>,
}

/// A framed message compressed.
#[derive(Debug, PartialEq, Eq)]
struct Compressed {
    /// The window that a receiver must have.
    window_bits: u8,
    /// Header and payload. None: it would be no smaller.
    bytes: Option<Bytes>,
}

impl Framed {
    /// Frames a payload as one unmasked, final frame.
    pub fn new(kind: Kind, payload: &[u8]) -> Self {
        let (bytes, header) = encode(kind, false, payload);
        Self {
            bytes,
            header,
            kind,
            compress: false,
            compressed: OnceCell::new(),
        }
    }

    /// A message that may be compressed, or not.
    pub fn message(kind: Kind, payload: &[u8], compress: bool) -> Self {
        Self {
            compress,
            ..Self::new(kind, payload)
        }
    }

    /// What is written to a receiver that agreed to this. The message is compressed once, with the window of
    /// the first receiver; who has a smaller one gets it as it is. `allowance` is how many bytes may still be
    /// compressed: what is longer goes as it is, for now.
    pub fn written(&self, agreed: Option<Deflate>, allowance: &mut usize) -> &Bytes {
        let Some(terms) = agreed else {
            return &self.bytes;
        };
        let length = self.payload().len();
        if !self.compress || length < terms.threshold as usize {
            return &self.bytes;
        }
        if self.compressed.get().is_none() {
            let Some(left) = allowance.checked_sub(length) else {
                return &self.bytes;
            };
            *allowance = left;
        }
        let compressed = self.compressed.get_or_init(|| {
            let payload = compress(self.payload(), terms);
            Rc::new(Compressed {
                window_bits: terms.window_bits,
                bytes: payload.map(|payload| encode(self.kind, true, &payload).0),
            })
        });
        match &compressed.bytes {
            Some(bytes) if compressed.window_bits <= terms.window_bits => bytes,
            _ => &self.bytes,
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

/// Header and payload, and how many of the bytes are header.
fn encode(kind: Kind, compressed: bool, payload: &[u8]) -> (Bytes, u8) {
    let opcode = match kind {
        Kind::Text => OpCode::Data(Data::Text),
        Kind::Binary => OpCode::Data(Data::Binary),
        Kind::Pong => OpCode::Control(Control::Pong),
        Kind::Close => OpCode::Control(Control::Close),
    };
    let header = FrameHeader {
        is_final: true,
        rsv1: compressed,
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
    (bytes.freeze(), u8::try_from(used).unwrap_or_default())
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
        let result = Decoder::new(max, false)
            .decode(&mut bytes, |incoming| seen.push(format!("{incoming:?}")));
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

    const TERMS: Deflate = Deflate {
        threshold: 10,
        level: 6,
        window_bits: 15,
    };

    fn compressed(text: &str) -> Vec<u8> {
        compress(text.as_bytes(), TERMS).unwrap()
    }

    fn decode_deflated(max: u64, bytes: &[u8]) -> (Result<(usize, usize), Violation>, Vec<String>) {
        let mut seen = Vec::new();
        let mut bytes = bytes.to_vec();
        let result = Decoder::new(max, true)
            .decode(&mut bytes, |incoming| seen.push(format!("{incoming:?}")));
        (result, seen)
    }

    #[test]
    fn compressed_messages_whole_and_in_fragments() {
        let text = "ha".repeat(30);
        let payload = compressed(&text);
        let (first, rest) = payload.split_at(3);
        let mut bytes = frame(0xc1, &payload);
        bytes.extend(frame(0x81, b"plain"));
        bytes.extend(frame(0x41, first));
        bytes.extend(frame(0x89, b""));
        bytes.extend(frame(0x00, rest));
        bytes.extend(frame(0x80, b""));
        bytes.extend(frame(0xc2, &[0]));
        let (result, seen) = decode_deflated(60, &bytes);
        assert_eq!(result, Ok((bytes.len(), 0)));
        let whole = format!("Text(\"{text}\")");
        let expected = [
            whole.as_str(),
            "Text(\"plain\")",
            "Ping([])",
            &whole,
            "Binary([])",
        ];
        assert_eq!(seen, expected);
        assert_eq!(decode_deflated(59, &bytes).0, Err(Violation::TooLong));
    }

    #[test]
    fn violations_in_compression() {
        let not_agreed =
            Violation::Protocol("reserved bits are set and no extension was agreed on");
        for (bytes, expected) in [
            (frame(0xc9, b""), not_agreed),
            (frame(0xa1, b""), not_agreed),
            ([frame(0x41, b""), frame(0xc0, b"")].concat(), not_agreed),
            ([frame(0x01, b""), frame(0xc0, b"")].concat(), not_agreed),
            (frame(0xc1, &[0xff; 9]), Violation::NotDeflate),
            // A stored block of one byte that is not UTF-8.
            (
                frame(0xc1, &[0, 1, 0, 0xfe, 0xff, 0xff, 0]),
                Violation::NotUtf8,
            ),
            (frame(0xc2, &[0; 1001]), Violation::TooLong),
        ] {
            assert_eq!(decode_deflated(1000, &bytes).0, Err(expected));
        }
        assert_eq!(Violation::NotDeflate.code(), 1007);
    }

    #[test]
    fn a_decoder_pauses_when_it_has_inflated_enough() {
        let message = frame(0xc1, &compressed(&"a".repeat(100_000)));
        let bytes = message.repeat(8);
        let mut decoder = Decoder::new(100_000, true);
        let (mut done, mut messages, mut calls) = (0, 0, 0);
        while done < bytes.len() {
            let mut rest = bytes[done..].to_vec();
            done += decoder.decode(&mut rest, |_| messages += 1).unwrap().0;
            calls += 1;
            assert_eq!(decoder.is_paused(), calls < 3);
        }
        assert_eq!((messages, calls), (8, 3));
    }

    #[test]
    fn a_message_is_compressed_once_for_all_who_take_it() {
        let bits = |window_bits| {
            Some(Deflate {
                window_bits,
                ..TERMS
            })
        };
        let written = |frame: &Framed, agreed| frame.written(agreed, &mut 60).clone();
        let frame = Framed::message(Kind::Text, "ha".repeat(30).as_bytes(), true);
        let first = written(&frame, bits(12));
        assert_eq!(first[..2], [0xc1, first.len() as u8 - 2]);
        let shared = |bytes: &Bytes| std::ptr::eq(bytes.as_ptr(), first.as_ptr());
        assert!(shared(&written(&frame, bits(12))) && shared(&written(&frame, bits(15))));
        let clone = frame.clone();
        assert!(shared(&written(&clone, bits(12))), "a clone shares it");
        for agreed in [None, bits(11)] {
            assert_eq!(written(&frame, agreed), frame.bytes);
        }
        for (payload, may_be) in [
            ("ha".repeat(30), false),
            ("ha".repeat(4), true),
            ("0123456789".to_owned(), true),
        ] {
            let frame = Framed::message(Kind::Text, payload.as_bytes(), may_be);
            assert_eq!(written(&frame, bits(15)), frame.bytes, "{payload}");
        }
    }

    #[test]
    fn only_so_many_bytes_are_compressed() {
        let message = || Framed::message(Kind::Text, "ha".repeat(30).as_bytes(), true);
        let (first, second, third) = (message(), message(), message());
        let mut allowance = 150;
        let mut is_compressed =
            |frame: &Framed| frame.written(Some(TERMS), &mut allowance) != &frame.bytes;
        assert!(is_compressed(&first) && is_compressed(&second));
        assert!(!is_compressed(&third), "thirty bytes are left");
        assert!(is_compressed(&first), "what is compressed costs nothing");
        assert_eq!(allowance, 30);
        assert_eq!(third.written(None, &mut allowance), &third.bytes);
        let mut more = 60;
        assert_ne!(third.written(Some(TERMS), &mut more), &third.bytes);
        assert_eq!(more, 0);
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
