//! Header lines for answers: which are allowed, and how many. Pure.

use crate::contract::Header;
use crate::limits::{HEADERS_BYTES_MAX, HEADERS_MAX};

/// Whether it is a token (RFC 9110 §5.6.2).
pub fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// RFC 9110 §5.5: tab, space, visible characters and obs-text.
pub fn is_field_value(value: &str) -> bool {
    value
        .chars()
        .all(|c| matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}'))
}

/// Whether an operator or app may add it: it is well formed, and not one that the connection needs.
pub fn is_allowed(header: &Header) -> bool {
    let name = header.name.as_str();
    let framing = [
        "connection",
        "content-encoding",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    is_token(name)
        && !name.bytes().any(|byte| byte.is_ascii_uppercase())
        && !framing.contains(&name)
        && !name.starts_with("sec-websocket-")
        && is_field_value(&header.value)
}

/// Whether these are not too many.
pub fn fit(headers: &[Header]) -> bool {
    headers.len() <= HEADERS_MAX && bytes(headers) <= HEADERS_BYTES_MAX
}

/// Bytes of names and values.
pub fn bytes(headers: &[Header]) -> usize {
    let lengths = headers.iter();
    lengths
        .map(|header| header.name.len() + header.value.len())
        .sum()
}

/// Adds an app's headers, as far as they are allowed and not too many. Gives the number of others.
pub fn gather(to: &mut Vec<Header>, headers: &[Header]) -> usize {
    let mut left_out = 0;
    for header in headers {
        let header = Header {
            name: header.name.to_ascii_lowercase(),
            value: header.value.clone(),
        };
        to.push(header);
        if !to.last().is_some_and(is_allowed) || !fit(to) {
            to.pop();
            left_out += 1;
        }
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_adds_is_checked_and_bounded() {
        let header = |name: &str, value: &str| Header {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let mut list = Vec::new();
        let bad = [
            header("", "a"),
            header("a b", "a"),
            header("a:", "a"),
            header("content-length", "5"),
            header("transfer-encoding", "chunked"),
            header("Sec-WebSocket-Accept", "x"),
            header("x", "a\r\nset-cookie: b"),
            header("x", "\0"),
            header("x", "\u{100}"),
        ];
        assert_eq!(gather(&mut list, &bad), bad.len());
        assert_eq!(
            gather(
                &mut list,
                &[header("X-A", "b"), header("set-cookie", "c=d")]
            ),
            0
        );
        assert_eq!(list[0].name, "x-a");
        let long = header("x-long", &"y".repeat(HEADERS_BYTES_MAX));
        assert_eq!(gather(&mut list, &[long]), 1);
        let many: Vec<_> = (0..100).map(|_| header("set-cookie", "e=f")).collect();
        assert_eq!(gather(&mut list, &many), 70);
        assert_eq!(list.len(), HEADERS_MAX);
    }
}
