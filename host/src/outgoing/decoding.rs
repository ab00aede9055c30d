//! Undoes the content codings of an answer (RFC 9110 §8.4). Called by `exchange`; it never makes more than
//! so many bytes.

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::{self, Read};

/// Codings on top of each other that are undone.
const CODINGS_MAX: usize = 3;

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    /// The zlib format, or what some servers send under that name: bare DEFLATE.
    Deflate,
}

/// Why a body could not be decoded.
#[derive(Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It would be longer than allowed.
    TooLong,
    /// It is not in the coding that its header says.
    Invalid(String),
}

/// What the values of `content-encoding` say, in the order of undoing. None if there is nothing to undo, or
/// something that cannot be: then the body is handed over as it came.
pub fn codings<'a>(values: impl Iterator<Item = &'a str>) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    for name in values.flat_map(|value| value.split(',')).map(str::trim) {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => codings.push(Coding::Gzip),
            "deflate" => codings.push(Coding::Deflate),
            "identity" | "" => {}
            _ => return None,
        }
    }
    codings.reverse();
    (1..=CODINGS_MAX)
        .contains(&codings.len())
        .then_some(codings)
}

/// A body without its codings.
///
/// # Errors
/// When it would be longer than `bytes_max`, or is not in these codings.
pub fn decode(
    mut body: Vec<u8>,
    codings: &[Coding],
    bytes_max: usize,
) -> Result<Vec<u8>, DecodeError> {
    for coding in codings {
        let bytes = body.as_slice();
        body = match coding {
            Coding::Gzip => read(MultiGzDecoder::new(bytes), bytes_max),
            Coding::Deflate if is_zlib(bytes) => read(ZlibDecoder::new(bytes), bytes_max),
            Coding::Deflate => read(DeflateDecoder::new(bytes), bytes_max),
        }?;
    }
    Ok(body)
}

/// RFC 1950 §2.2: the method is 8, and the first two bytes are a multiple of 31.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..] if first & 15 == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31))
}

fn read(decoder: impl Read, bytes_max: usize) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::new();
    let invalid = |error: io::Error| DecodeError::Invalid(error.to_string());
    decoder
        .take((bytes_max as u64).saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(invalid)?;
    if bytes.len() > bytes_max {
        return Err(DecodeError::TooLong);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn headers_are_understood() {
        use Coding::{Deflate, Gzip};
        let of = |values: &[&'static str]| codings(values.iter().copied());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["identity"]), None);
        assert_eq!(of(&["GZip"]), Some(vec![Gzip]));
        assert_eq!(of(&["x-gzip, identity"]), Some(vec![Gzip]));
        assert_eq!(of(&["gzip", "deflate"]), Some(vec![Deflate, Gzip]));
        assert_eq!(of(&["br"]), None);
        assert_eq!(of(&["gzip, br"]), None);
        assert_eq!(of(&["gzip,gzip,gzip,gzip"]), None);
    }

    #[test]
    fn bodies_are_decoded_up_to_a_bound() {
        use Coding::{Deflate, Gzip};
        let text = b"hello ".repeat(1000);
        let decoded = |body: Vec<u8>, codings: &[Coding]| decode(body, codings, text.len());
        for (body, codings) in [
            (gzip(&text), &[Gzip][..]),
            (zlib(&text), &[Deflate]),
            (bare(&text), &[Deflate]),
            ([gzip(b"hello "), gzip(&text[6..])].concat(), &[Gzip]),
            (gzip(&zlib(&text)), &[Gzip, Deflate]),
        ] {
            assert_eq!(decoded(body, codings), Ok(text.clone()), "{codings:?}");
        }
        assert_eq!(
            decode(gzip(&text), &[Gzip], text.len() - 1),
            Err(DecodeError::TooLong)
        );
        let bomb = gzip(&gzip(&vec![0; 64 << 20]));
        assert_eq!(
            decode(bomb, &[Gzip, Gzip], 1 << 20),
            Err(DecodeError::TooLong)
        );
        let mut cut = gzip(&text);
        cut.truncate(cut.len() / 2);
        for wrong in [cut, b"plain text".to_vec(), vec![0; 9]] {
            for coding in [Gzip, Deflate] {
                assert!(
                    matches!(
                        decode(wrong.clone(), &[coding], 1 << 20),
                        Err(DecodeError::Invalid(_))
                    ),
                    "{coding:?} {wrong:?}"
                );
            }
        }
    }
}
