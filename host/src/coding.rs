//! Content codings (RFC 9110 §8.4.1): which one a request asks for, and bodies in it.
//!
//! Called by `http` for answers that a guest lets be compressed. It never decides whether one is.

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use std::io::{self, Write};
use tokio::task::spawn_blocking;

/// Bodies longer than this, in bytes, are compressed on another thread. Measured at the level used: 64 KiB of
/// messages take 0.34 ms, a megabyte 7.3 ms (miniz_oxide: 0.86 and 17.3).
const INLINE_BYTES_MAX: usize = 64 << 10;

/// A coding that answers can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    /// The zlib format, RFC 1950.
    Deflate,
}

/// What the header says of a coding.
#[derive(Clone, Copy)]
struct Liking {
    /// Named, rather than meant by `*`.
    by_name: bool,
    quality: f64,
    /// Where in the header.
    position: usize,
}

impl Coding {
    /// The coding that a request asks for, chosen as the reference does: the one of the highest quality,
    /// among equals one that is named, the first in the header, and gzip. None if it asks for neither:
    /// then the body is sent as it is.
    pub fn asked(headers: &HeaderMap) -> Option<Self> {
        // Several lines are one list (RFC 9110 §5.3).
        let lines: Vec<&str> = headers
            .get_all(ACCEPT_ENCODING)
            .iter()
            .filter_map(|value: &HeaderValue| value.to_str().ok())
            .collect();
        let list = lines.join(",");
        let gzip = liking(&list, "gzip").map(|liking| (Self::Gzip, liking));
        let deflate = liking(&list, "deflate").map(|liking| (Self::Deflate, liking));
        match (gzip, deflate) {
            (Some((_, gzip)), Some((_, deflate))) => {
                let is_better = deflate.quality > gzip.quality
                    || (deflate.quality >= gzip.quality
                        && (deflate.by_name, gzip.position) > (gzip.by_name, deflate.position));
                Some(if is_better { Self::Deflate } else { Self::Gzip })
            }
            (one, other) => one.or(other).map(|(coding, _)| coding),
        }
    }

    /// Its name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// A body in this coding; a long one is compressed on another thread. None if that fails.
    pub async fn encode(self, body: Vec<u8>) -> Option<Vec<u8>> {
        if body.len() <= INLINE_BYTES_MAX {
            return self.encode_now(&body).ok();
        }
        spawn_blocking(move || self.encode_now(&body))
            .await
            .ok()?
            .ok()
    }

    fn encode_now(self, body: &[u8]) -> io::Result<Vec<u8>> {
        // The level of the reference, zlib's default.
        let level = Compression::default();
        let buffer = Vec::with_capacity(body.len() / 4 + 64);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(buffer, level);
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(buffer, level);
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }
}

/// What a list says of a coding: by its name, or else by `*`. None if it is not asked for.
fn liking(list: &str, coding: &str) -> Option<Liking> {
    let mut best: Option<Liking> = None;
    for (position, part) in list.split(',').enumerate() {
        let mut fields = part.split(';').map(str::trim);
        let name = fields.next().unwrap_or_default();
        let by_name = name.eq_ignore_ascii_case(coding);
        if !by_name && name != "*" {
            continue;
        }
        let quality = fields
            .find_map(|field| field.strip_prefix("q="))
            .map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
        let found = Liking {
            by_name,
            quality,
            position,
        };
        let is_better = best.is_none_or(|best| (by_name, quality) >= (best.by_name, best.quality));
        if is_better {
            best = Some(found);
        }
    }
    best.filter(|liking| liking.quality > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::{GzDecoder, ZlibDecoder};
    use std::io::Read;

    /// What npm's `accepts` answers to the same headers.
    #[test]
    fn the_coding_is_the_references() {
        for (header, name) in [
            ("", None),
            ("gzip", Some("gzip")),
            ("deflate", Some("deflate")),
            ("gzip, deflate, br", Some("gzip")),
            ("deflate, gzip", Some("deflate")),
            ("GZIP", Some("gzip")),
            ("br", None),
            ("identity", None),
            ("*", Some("gzip")),
            ("*;q=0", None),
            ("gzip;q=0", None),
            ("gzip;q=0, *", Some("deflate")),
            ("gzip;q=0.5, deflate", Some("deflate")),
            ("gzip;q=0.5, deflate;q=0.5", Some("gzip")),
            ("deflate;q=0.5, *;q=0.5", Some("deflate")),
            ("*, deflate", Some("deflate")),
            ("gzip;q=0.1, *;q=0.2", Some("deflate")),
            ("identity, gzip;q=0.1", Some("gzip")),
            ("gzip;foo=1;q=0", None),
            ("gzip;q=x", None),
            ("gzip;q=0, gzip", Some("gzip")),
            ("gzip, gzip;q=0", Some("gzip")),
        ] {
            let headers =
                HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!(Coding::asked(&headers).map(Coding::name), name, "{header}");
        }
        assert_eq!(Coding::asked(&HeaderMap::new()), None);
    }

    #[test]
    fn bodies_come_back() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        for length in [1, 1000, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, 1 << 20] {
            let body: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let encode = |coding: Coding| runtime.block_on(coding.encode(body.clone())).unwrap();
            let mut gunzipped = Vec::new();
            GzDecoder::new(encode(Coding::Gzip).as_slice())
                .read_to_end(&mut gunzipped)
                .unwrap();
            let mut inflated = Vec::new();
            ZlibDecoder::new(encode(Coding::Deflate).as_slice())
                .read_to_end(&mut inflated)
                .unwrap();
            assert!(gunzipped == body && inflated == body, "{length}");
        }
    }
}
