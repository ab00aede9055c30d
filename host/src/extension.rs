//! Which WebSocket extension a client and this node agree on: permessage-deflate (RFC 7692) or none.
//!
//! Called by `http` when an upgrade is carried out. Headers in, a header out: it never compresses.

use crate::guest::contract::Deflate;
use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};

/// The only extension that is known.
const NAME: &str = "permessage-deflate";

/// What was agreed on.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// What the guest allowed, with the window that the client can take.
    pub deflate: Deflate,
    /// The answer's `Sec-WebSocket-Extensions`.
    pub header: HeaderValue,
}

/// A client's offer, as far as it matters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    /// The largest window that the client can take.
    server_max_window_bits: Option<u8>,
    /// Some: it can be told to use a smaller window; the number is what it asks to be told.
    client_max_window_bits: Option<Option<u8>>,
}

/// Answers to the first of the client's offers that can be taken up. None if there is none: messages are
/// sent as they are.
pub fn agree(asked: &HeaderMap, allowed: Deflate) -> Option<Agreed> {
    // Several lines are one list (RFC 6455 §9.1).
    let lines = asked.get_all(SEC_WEBSOCKET_EXTENSIONS);
    let offers = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| split(line, b','));
    offers.filter_map(Offer::parse).find_map(|offer| {
        // What the guest allows is clamped: the compressor takes nothing else.
        let own_bits = allowed.window_bits.clamp(9, 15);
        let window_bits = offer
            .server_max_window_bits
            .map_or(own_bits, |theirs| own_bits.min(theirs));
        // zlib cannot keep to a window of 256 bytes.
        if window_bits < 9 {
            return None;
        }
        let mut header = NAME.to_owned();
        if offer.server_max_window_bits.is_some() || window_bits < 15 {
            header.push_str(&format!("; server_max_window_bits={window_bits}"));
        }
        // What is read may have any window, so the client is held to nothing but its own word.
        if let Some(Some(bits)) = offer.client_max_window_bits {
            header.push_str(&format!("; client_max_window_bits={bits}"));
        }
        header.push_str("; server_no_context_takeover; client_no_context_takeover");
        Some(Agreed {
            deflate: Deflate {
                threshold: allowed.threshold,
                level: allowed.level.min(9),
                window_bits,
            },
            header: HeaderValue::try_from(header).ok()?,
        })
    })
}

impl Offer {
    /// RFC 7692 §7.1: none for another extension, and for an offer that must be declined: an unknown
    /// parameter, one that comes twice, a value that is missing, not allowed or out of range.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, b';').map(str::trim);
        if parts.next() != Some(NAME) {
            return None;
        }
        let mut offer = Self::default();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start())?)),
                None => (part, None),
            };
            let is_new = match (name, value) {
                ("server_no_context_takeover", None) => {
                    !std::mem::replace(&mut offer.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    !std::mem::replace(&mut offer.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(value)) => offer
                    .server_max_window_bits
                    .replace(bits(&value)?)
                    .is_none(),
                ("client_max_window_bits", None) => {
                    offer.client_max_window_bits.replace(None).is_none()
                }
                ("client_max_window_bits", Some(value)) => offer
                    .client_max_window_bits
                    .replace(Some(bits(&value)?))
                    .is_none(),
                _ => return None,
            };
            if !is_new {
                return None;
            }
        }
        Some(offer)
    }
}

/// RFC 7692 §7.1.2: 8 to 15, without leading zeros.
fn bits(value: &str) -> Option<u8> {
    value
        .parse()
        .ok()
        .filter(|bits| (8..=15).contains(bits) && value.starts_with(|c| matches!(c, '1'..='9')))
}

/// A value, quoted (RFC 9110 §5.6.4) or not.
fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        return (!value.is_empty() && !value.contains('"')).then(|| value.to_owned());
    };
    let mut text = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next()?),
            character => text.push(character),
        }
    }
}

/// The parts of a text between separators that are not in quotes.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let at = all.bytes().position(|byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                _ => return byte == separator && !is_quoted,
            }
            false
        });
        let part = at.and_then(|at| all.get(..at)).unwrap_or(all);
        rest = at.and_then(|at| all.get(at + 1..));
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: &str = "; server_no_context_takeover; client_no_context_takeover";

    fn answer(window_bits: u8, lines: &[&'static str]) -> Option<(u8, String)> {
        let headers = lines
            .iter()
            .map(|line| (SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(line)));
        let allowed = Deflate {
            threshold: 1024,
            level: 6,
            window_bits,
        };
        let agreed = agree(&headers.collect(), allowed)?;
        let header = agreed.header.to_str().unwrap();
        let rest = header.strip_prefix(NAME)?.strip_suffix(ALWAYS)?;
        Some((agreed.deflate.window_bits, rest.to_owned()))
    }

    #[test]
    fn offers_that_are_taken_up() {
        for (lines, bits, rest) in [
            (&["permessage-deflate"][..], 15, ""),
            // Browsers and npm's ws.
            (&["permessage-deflate; client_max_window_bits"], 15, ""),
            (
                &["permessage-deflate;server_max_window_bits=10"],
                10,
                "; server_max_window_bits=10",
            ),
            (
                &[
                    "permessage-deflate ; server_max_window_bits = \"1\\2\" ;client_max_window_bits=9",
                ],
                12,
                "; server_max_window_bits=12; client_max_window_bits=9",
            ),
            (
                &["permessage-deflate; server_no_context_takeover; client_no_context_takeover"],
                15,
                "",
            ),
            (
                &["permessage-deflate; server_max_window_bits=15"],
                15,
                "; server_max_window_bits=15",
            ),
            // The first that can be, wherever it stands.
            (
                &[
                    "x-other; a=\"b, permessage-deflate\", permessage-deflate; mode=1",
                    "permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=8",
                ],
                15,
                "; client_max_window_bits=8",
            ),
        ] {
            assert_eq!(
                answer(15, lines),
                Some((bits, rest.to_owned())),
                "{lines:?}"
            );
        }
        let own = |line| answer(11, &[line]).map(|(bits, _)| bits);
        assert_eq!(own("permessage-deflate"), Some(11));
        assert_eq!(own("permessage-deflate; server_max_window_bits=9"), Some(9));
        assert_eq!(
            answer(11, &["permessage-deflate; server_max_window_bits=15"]),
            Some((11, "; server_max_window_bits=11".to_owned()))
        );
        // A guest's nonsense does no harm.
        assert_eq!(
            answer(0, &["permessage-deflate"]).map(|(bits, _)| bits),
            Some(9)
        );
        assert_eq!(
            answer(99, &["permessage-deflate"]).map(|(bits, _)| bits),
            Some(15)
        );
    }

    #[test]
    fn offers_that_are_declined() {
        assert_eq!(answer(15, &[]), None);
        for line in [
            "",
            ",",
            "x-webkit-deflate-frame",
            "permessage-deflat",
            "permessage-deflate;",
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=010",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=1e1",
            "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=\"10",
            "permessage-deflate; server_max_window_bits=\"10\"1",
            "permessage-deflate; server_max_window_bits=1\"0\"",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=\"\"",
            "permessage-deflate; client_max_window_bits=\"9\\",
            "a=\", permessage-deflate",
        ] {
            assert_eq!(answer(15, &[line]), None, "{line}");
        }
    }
}
