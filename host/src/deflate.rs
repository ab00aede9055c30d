//! Message payloads compressed and inflated (RFC 7692 §7.2), each by itself: no message knows the one
//! before.
//!
//! Called by `websocket`. A thread has one compressor and one inflater for all its connections, made when
//! the first is needed; it never holds anything of a connection.

use crate::guest::contract::Deflate;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::RefCell;

/// What a sender leaves off a compressed payload, and a receiver puts back.
const TRAILER: [u8; 4] = [0, 0, 0xff, 0xff];
/// Payloads longer than this, in bytes, are sent as they are: the shard waits while one is compressed.
/// Measured at level 6: 23 µs for 1 KiB of records in JSON, 1.8 ms for 64 KiB, 26 ms for a megabyte.
const COMPRESSED_BYTES_MAX: usize = 1 << 20;
/// How much is inflated at once, in bytes.
const STEP_BYTES: usize = 32 << 10;
/// The window that every peer's messages fit.
const WINDOW_BITS_MAX: u8 = 15;

/// A compressor for a level and a window.
struct Compressor {
    level: u8,
    window_bits: u8,
    stream: Compress,
}

/// An inflater, and where it writes to.
struct Inflater {
    stream: Decompress,
    step: Vec<u8>,
}

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor>> = const { RefCell::new(None) };
    static INFLATER: RefCell<Option<Inflater>> = const { RefCell::new(None) };
}

/// Why a payload cannot be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInflated {
    /// It would be longer than allowed.
    TooLong,
    /// It is not in the deflate format (RFC 1951).
    Invalid,
}

/// A payload compressed. None if that makes it no smaller, or it is too long to be worth the wait.
pub fn compress(payload: &[u8], terms: Deflate) -> Option<Vec<u8>> {
    if payload.is_empty() || payload.len() > COMPRESSED_BYTES_MAX {
        return None;
    }
    COMPRESSOR.with_borrow_mut(|compressor| {
        // Other terms are rare: most clients take the window that they are given.
        if compressor.as_ref().is_some_and(|compressor| {
            (compressor.level, compressor.window_bits) != (terms.level, terms.window_bits)
        }) {
            *compressor = None;
        }
        let Compressor { stream, .. } = compressor.get_or_insert_with(|| Compressor {
            level: terms.level,
            window_bits: terms.window_bits,
            stream: Compress::new_with_window_bits(
                Compression::new(u32::from(terms.level.min(9))),
                false,
                terms.window_bits.clamp(9, WINDOW_BITS_MAX),
            ),
        });
        stream.reset();
        // Space for what would not be smaller, and no more: a full buffer says that it is not.
        let mut bytes = Vec::with_capacity(payload.len() + TRAILER.len());
        let status = stream.compress_vec(payload, &mut bytes, FlushCompress::Sync);
        let is_whole = stream.total_in() == payload.len() as u64 && bytes.len() < bytes.capacity();
        if !matches!(status, Ok(Status::Ok)) || !is_whole || !bytes.ends_with(&TRAILER) {
            return None;
        }
        bytes.truncate(bytes.len() - TRAILER.len());
        (bytes.len() < payload.len()).then_some(bytes)
    })
}

/// A payload inflated, of at most `bytes_max` bytes: never more than that is set aside for it. As in npm's `ws`, what follows a final block is ignored, and a payload that is cut short is what there
/// is of it.
///
/// # Errors
/// When there is more, or it is not in the format.
pub fn inflate(payload: &[u8], bytes_max: usize) -> Result<Vec<u8>, NotInflated> {
    INFLATER.with_borrow_mut(|inflater| {
        let Inflater { stream, step } = inflater.get_or_insert_with(|| Inflater {
            stream: Decompress::new_with_window_bits(false, WINDOW_BITS_MAX),
            step: vec![0; STEP_BYTES],
        });
        stream.reset(false);
        let mut bytes = Vec::new();
        for mut input in [payload, &TRAILER] {
            loop {
                let (read, written) = (stream.total_in(), stream.total_out());
                let status = stream
                    .decompress(input, step, FlushDecompress::Sync)
                    .map_err(|_| NotInflated::Invalid)?;
                let read = usize::try_from(stream.total_in() - read).unwrap_or(usize::MAX);
                let written = usize::try_from(stream.total_out() - written).unwrap_or(usize::MAX);
                if written > bytes_max - bytes.len() {
                    return Err(NotInflated::TooLong);
                }
                if written > bytes.capacity() - bytes.len() {
                    // It doubles, but not past what is allowed.
                    bytes.reserve_exact(written.max(bytes.len()).min(bytes_max - bytes.len()));
                }
                bytes.extend_from_slice(step.get(..written).unwrap_or_default());
                input = input.get(read..).unwrap_or_default();
                if status == Status::StreamEnd {
                    return Ok(bytes);
                }
                if input.is_empty() && written < step.len() {
                    break;
                }
                if read == 0 && written == 0 {
                    return Err(NotInflated::Invalid);
                }
            }
        }
        Ok(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn terms(level: u8, window_bits: u8) -> Deflate {
        Deflate {
            threshold: 0,
            level,
            window_bits,
        }
    }

    /// A small generator of the same numbers every time (xorshift).
    fn random(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        }
    }

    fn words(bytes: usize, next: &mut impl FnMut() -> u64) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < bytes {
            text.extend_from_slice(format!("[\"word{}\"],", next() % 300).as_bytes());
        }
        text.truncate(bytes);
        text
    }

    #[test]
    fn payloads_come_back_whatever_the_terms() {
        let mut next = random(1);
        for level in 0..=9 {
            for window_bits in 9..=15 {
                for bytes in [0, 1, 100, 5000, 70_000] {
                    let payload = words(bytes, &mut next);
                    let compressed = compress(&payload, terms(level, window_bits));
                    assert_eq!(compressed.is_some(), level > 0 && bytes >= 100);
                    if let Some(compressed) = compressed {
                        assert!(compressed.len() < payload.len());
                        assert_eq!(inflate(&compressed, bytes), Ok(payload));
                        assert_eq!(inflate(&compressed, bytes - 1), Err(NotInflated::TooLong));
                    }
                }
            }
        }
    }

    #[test]
    fn a_window_is_kept_to() {
        let mut next = random(2);
        for window_bits in 9..=15 {
            let payload = words(100_000, &mut next);
            let mut compressed = compress(&payload, terms(6, window_bits)).unwrap();
            compressed.extend_from_slice(&TRAILER);
            let mut bytes = Vec::with_capacity(payload.len() + 1);
            Decompress::new_with_window_bits(false, window_bits)
                .decompress_vec(&compressed, &mut bytes, FlushDecompress::Sync)
                .unwrap();
            assert!(bytes == payload, "{window_bits}");
        }
    }

    #[test]
    fn what_does_not_become_smaller_stays_as_it_is() {
        let mut next = random(3);
        for bytes in [1, 10, 1000, 100_000] {
            let noise: Vec<u8> = (0..bytes).map(|_| next() as u8).collect();
            assert_eq!(compress(&noise, terms(6, 15)), None);
        }
        let long = vec![0; COMPRESSED_BYTES_MAX + 1];
        assert_eq!(compress(&long, terms(6, 15)), None);
        let longest = compress(&long[1..], terms(6, 15)).unwrap();
        assert_eq!(inflate(&longest, 1 << 20).unwrap().len(), 1 << 20);
    }

    /// RFC 7692 §7.2.3.
    #[test]
    fn the_examples_of_the_rfc() {
        for payload in [
            // One block; two blocks; uncompressed; a final block.
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[
                0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
            ],
            &[
                0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
            ],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        ] {
            assert_eq!(inflate(payload, 5).unwrap(), b"Hello");
            assert_eq!(inflate(payload, 4), Err(NotInflated::TooLong));
        }
        assert_eq!(inflate(&[0], 0), Ok(vec![]));
        assert_eq!(inflate(&[0x02, 0x00], 0), Ok(vec![]));
        assert_eq!(inflate(&[0xff; 10], 100), Err(NotInflated::Invalid));
        // A match that reaches back before the beginning: no message knows the one before.
        assert_eq!(
            inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], 100),
            Err(NotInflated::Invalid)
        );
    }

    #[test]
    fn any_bytes_have_an_answer_within_the_bound() {
        let mut next = random(4);
        for _ in 0..20_000 {
            let bytes_max = (next() % 3000) as usize;
            let mut payload: Vec<u8> = if next().is_multiple_of(2) {
                (0..next() % 200).map(|_| next() as u8).collect()
            } else {
                compress(&words(2000, &mut next), terms(6, 15)).unwrap()
            };
            for _ in 0..next() % 4 {
                if !payload.is_empty() {
                    let at = next() as usize % payload.len();
                    payload[at] = next() as u8;
                }
            }
            payload.truncate(next() as usize % 600);
            if let Ok(bytes) = inflate(&payload, bytes_max) {
                assert!(bytes.len() <= bytes_max);
            }
        }
        // A bomb: sixteen megabytes in sixteen kilobytes.
        let mut stream = Compress::new_with_window_bits(Compression::new(9), false, 15);
        let mut bomb = Vec::with_capacity(1 << 16);
        stream
            .compress_vec(&vec![0; 16 << 20], &mut bomb, FlushCompress::Sync)
            .unwrap();
        assert!(bomb.len() < 20_000);
        assert_eq!(inflate(&bomb, 1_000_000), Err(NotInflated::TooLong));
        assert_eq!(inflate(&bomb, 16 << 20).unwrap().len(), 16 << 20);
        assert_eq!(
            compress(&words(2000, &mut next), terms(6, 15)).map(|_| ()),
            Some(())
        );
    }
}
