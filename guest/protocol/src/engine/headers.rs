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
    let bytes = headers
        .iter()
        .map(|header| header.name.len() + header.value.len());
    headers.len() <= HEADERS_MAX && bytes.sum::<usize>() <= HEADERS_BYTES_MAX
}
