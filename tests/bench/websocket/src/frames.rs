//! RFC 6455 framing over bytes in memory, with an exchangeable header codec.
//!
//! Called by `readiness` and `epoll`. Does no IO and keeps no bytes of its own but the
//! fragments of an unfinished message; the caller keeps what `consume` leaves.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
pub const HEADER_BYTES_MAX: usize = 10;

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Why a connection is failed (section 7.1.7).
#[derive(Debug)]
pub enum Violation {
    /// 1002.
    Protocol,
    /// 1007.
    Utf8,
    /// 1009.
    TooBig,
}

/// One parsed header of a client's frame.
pub struct Head {
    fin: bool,
    reserved: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    header_bytes: usize,
    payload_bytes: u64,
}

/// The exchangeable part.
pub trait Codec: 'static {
    fn parse(bytes: &[u8]) -> Result<Option<Head>, Violation>;
    /// Writes an unmasked final frame's header and returns its length.
    fn format(opcode: u8, payload_bytes: usize, header: &mut [u8; HEADER_BYTES_MAX]) -> usize;

    fn unmask(payload: &mut [u8], mask: [u8; 4]) {
        unmask(payload, mask);
    }

    fn is_utf8(payload: &[u8]) -> bool {
        std::str::from_utf8(payload).is_ok()
    }
}

/// What survives between two frames.
#[derive(Default)]
pub struct Assembly {
    opcode: u8,
    fragments: Vec<u8>,
}

/// Handles every complete frame at the start of `bytes` and returns how many bytes those
/// were, and how many are missing from the frame that begins after them (0: not known).
pub fn consume<C: Codec>(
    assembly: &mut Assembly,
    bytes: &mut [u8],
    mut on_message: impl FnMut(u8, &[u8]),
) -> Result<(usize, usize), Violation> {
    let mut start = 0;
    loop {
        let Some(head) = C::parse(&bytes[start..])? else {
            return Ok((start, 0));
        };
        // Before a byte is reserved: the limit counts the whole message.
        let assembled = if head.opcode < CLOSE {
            assembly.fragments.len() as u64
        } else {
            0
        };
        if head.payload_bytes > MESSAGE_BYTES_MAX as u64 - assembled {
            return Err(Violation::TooBig);
        }
        let is_control = head.opcode >= CLOSE;
        if head.reserved || (is_control && (!head.fin || head.payload_bytes > 125)) {
            return Err(Violation::Protocol);
        }
        let mask = head.mask.ok_or(Violation::Protocol)?;
        let payload_start = start + head.header_bytes;
        let end = payload_start + head.payload_bytes as usize;
        if end > bytes.len() {
            return Ok((start, end - bytes.len()));
        }
        let payload = &mut bytes[payload_start..end];
        C::unmask(payload, mask);
        start = end;

        if is_control {
            if head.opcode == CLOSE && payload.len() > 2 && !C::is_utf8(&payload[2..]) {
                return Err(Violation::Utf8);
            }
            on_message(head.opcode, payload);
            continue;
        }
        if (head.opcode == CONTINUATION) != (assembly.opcode != CONTINUATION) {
            return Err(Violation::Protocol);
        }
        if head.fin && head.opcode != CONTINUATION {
            if head.opcode == TEXT && !C::is_utf8(payload) {
                return Err(Violation::Utf8);
            }
            on_message(head.opcode, payload);
            continue;
        }
        if head.opcode != CONTINUATION {
            assembly.opcode = head.opcode;
        }
        assembly.fragments.extend_from_slice(payload);
        if head.fin {
            let whole = std::mem::take(assembly);
            if whole.opcode == TEXT && !C::is_utf8(&whole.fragments) {
                return Err(Violation::Utf8);
            }
            on_message(whole.opcode, &whole.fragments);
        }
    }
}

/// Eight bytes at a time, wherever the payload begins.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let word = u32::from_ne_bytes(mask);
    let wide = u64::from(word) << 32 | u64::from(word);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// A header parse written out by hand.
pub struct Hand;

impl Codec for Hand {
    fn parse(bytes: &[u8]) -> Result<Option<Head>, Violation> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let (payload_bytes, rest, length_bytes) = match second & 0x7f {
            126 => {
                let Some((length, rest)) = rest.split_first_chunk::<2>() else {
                    return Ok(None);
                };
                (u64::from(u16::from_be_bytes(*length)), rest, 2)
            }
            127 => {
                let Some((length, rest)) = rest.split_first_chunk::<8>() else {
                    return Ok(None);
                };
                (u64::from_be_bytes(*length), rest, 8)
            }
            short => (u64::from(short), rest, 0),
        };
        let opcode = first & 0x0f;
        if !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            return Err(Violation::Protocol);
        }
        let mask = if second & 0x80 != 0 {
            let Some((mask, _)) = rest.split_first_chunk::<4>() else {
                return Ok(None);
            };
            Some(*mask)
        } else {
            None
        };
        Ok(Some(Head {
            fin: first & 0x80 != 0,
            reserved: first & 0x70 != 0,
            opcode,
            mask,
            header_bytes: 2 + length_bytes + if mask.is_some() { 4 } else { 0 },
            payload_bytes,
        }))
    }

    fn format(opcode: u8, payload_bytes: usize, header: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        header[0] = 0x80 | opcode;
        if payload_bytes < 126 {
            header[1] = payload_bytes as u8;
            2
        } else if let Ok(short) = u16::try_from(payload_bytes) {
            header[1] = 126;
            header[2..4].copy_from_slice(&short.to_be_bytes());
            4
        } else {
            header[1] = 127;
            header[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            10
        }
    }
}

/// The same with a vectorised UTF-8 check.
pub struct HandSimdUtf8;

impl Codec for HandSimdUtf8 {
    fn parse(bytes: &[u8]) -> Result<Option<Head>, Violation> {
        Hand::parse(bytes)
    }

    fn format(opcode: u8, payload_bytes: usize, header: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        Hand::format(opcode, payload_bytes, header)
    }

    fn is_utf8(payload: &[u8]) -> bool {
        simdutf8::basic::from_utf8(payload).is_ok()
    }
}

/// tungstenite's header; its masking is private, so the loop above does that.
pub struct Tungstenite;

impl Codec for Tungstenite {
    fn parse(bytes: &[u8]) -> Result<Option<Head>, Violation> {
        let mut cursor = Cursor::new(bytes);
        let Some((header, payload_bytes)) =
            FrameHeader::parse(&mut cursor).map_err(|_| Violation::Protocol)?
        else {
            return Ok(None);
        };
        Ok(Some(Head {
            fin: header.is_final,
            reserved: header.rsv1 || header.rsv2 || header.rsv3,
            opcode: header.opcode.into(),
            mask: header.mask,
            header_bytes: cursor.position() as usize,
            payload_bytes,
        }))
    }

    fn format(opcode: u8, payload_bytes: usize, header: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        let opcode = match opcode {
            TEXT => OpCode::Data(Data::Text),
            BINARY => OpCode::Data(Data::Binary),
            PONG => OpCode::Control(Control::Pong),
            _ => OpCode::Control(Control::Close),
        };
        let frame = FrameHeader {
            opcode,
            ..FrameHeader::default()
        };
        let mut rest = &mut header[..];
        frame
            .format(payload_bytes as u64, &mut rest)
            .expect("a header fits");
        HEADER_BYTES_MAX - rest.len()
    }
}

/// soketto's base codec with its own masking.
pub struct Soketto;

impl Codec for Soketto {
    fn parse(bytes: &[u8]) -> Result<Option<Head>, Violation> {
        let codec = soketto::base::Codec::new();
        match codec
            .decode_header(bytes)
            .map_err(|_| Violation::Protocol)?
        {
            soketto::Parsing::NeedMore(_) => Ok(None),
            soketto::Parsing::Done { value, offset } => Ok(Some(Head {
                fin: value.is_fin(),
                reserved: false,
                opcode: value.opcode().into(),
                mask: value.is_masked().then(|| value.mask().to_be_bytes()),
                header_bytes: offset,
                payload_bytes: value.payload_len() as u64,
            })),
        }
    }

    fn format(opcode: u8, payload_bytes: usize, header: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        let opcode = soketto::base::OpCode::try_from(opcode).expect("own opcode");
        let mut frame = soketto::base::Header::new(opcode);
        frame.set_fin(true).set_payload_len(payload_bytes);
        let mut codec = soketto::base::Codec::new();
        let encoded = codec.encode_header(&frame);
        header[..encoded.len()].copy_from_slice(encoded);
        encoded.len()
    }

    fn unmask(payload: &mut [u8], mask: [u8; 4]) {
        let mut header = soketto::base::Header::new(soketto::base::OpCode::Binary);
        header.set_masked(true).set_mask(u32::from_be_bytes(mask));
        soketto::base::Codec::apply_mask(&header, payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `stream` in pieces of `step` bytes, as sockets would.
    fn receive<C: Codec>(stream: &[u8], step: usize) -> Result<Vec<(u8, Vec<u8>)>, Violation> {
        let (mut assembly, mut messages, mut pending) =
            (Assembly::default(), Vec::new(), Vec::new());
        for piece in stream.chunks(step) {
            pending.extend_from_slice(piece);
            let on_message = |opcode, payload: &[u8]| messages.push((opcode, payload.to_vec()));
            let (consumed, _) = consume::<C>(&mut assembly, &mut pending, on_message)?;
            pending.drain(..consumed);
        }
        assert!(pending.is_empty());
        Ok(messages)
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = [0; HEADER_BYTES_MAX];
        let header_bytes = Hand::format(0, payload.len(), &mut header);
        let mut frame = header[..header_bytes].to_vec();
        frame[0] = first;
        frame[1] |= 0x80;
        frame.extend_from_slice(&[1, 2, 3, 4]);
        frame.extend(
            payload
                .iter()
                .zip([1, 2, 3, 4].iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        frame
    }

    fn accepts_and_refuses<C: Codec>() {
        let long = "ü".repeat(40_000);
        let split_inside_a_letter = "a東b".as_bytes().split_at(2);
        let stream = [
            frame(0x81, b"text"),
            frame(0x01, split_inside_a_letter.0),
            frame(0x89, b"ping"),
            frame(0x80, split_inside_a_letter.1),
            frame(0x82, &[7; 300]),
            frame(0x81, long.as_bytes()),
        ]
        .concat();
        let expected = vec![
            (TEXT, b"text".to_vec()),
            (PING, b"ping".to_vec()),
            (TEXT, "a東b".into()),
            (BINARY, vec![7; 300]),
            (TEXT, long.into_bytes()),
        ];
        for step in [7, 1000, stream.len()] {
            assert_eq!(receive::<C>(&stream, step).expect("valid"), expected);
        }
        let refused = |stream: &[u8]| receive::<C>(stream, stream.len()).expect_err("invalid");
        let protocol = [
            &[0x81, 0x01, b'x'][..],
            &frame(0xc1, b"rsv1"),
            &frame(0x83, b"opcode 3"),
            &frame(0x09, b"fragmented ping"),
            &frame(0x89, &[0; 126]),
            &frame(0x80, b"nothing to continue"),
            &[frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        ];
        for stream in protocol {
            assert!(matches!(refused(stream), Violation::Protocol), "{stream:?}");
        }
        assert!(matches!(refused(&frame(0x81, &[0xff])), Violation::Utf8));
        let claim = [0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0];
        assert!(matches!(refused(&claim), Violation::TooBig));
        let half = vec![0; MESSAGE_BYTES_MAX / 2 + 1];
        assert!(matches!(
            refused(&[frame(0x02, &half), frame(0x80, &half)].concat()),
            Violation::TooBig
        ));
    }

    #[test]
    fn hand() {
        accepts_and_refuses::<Hand>();
    }

    #[test]
    fn hand_simdutf8() {
        accepts_and_refuses::<HandSimdUtf8>();
    }

    #[test]
    fn tungstenite() {
        accepts_and_refuses::<Tungstenite>();
    }
}
