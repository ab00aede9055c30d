//! What an app asked for, checked: a request that cannot be anything else than one HTTP request to one host.
//!
//! Called by `outgoing` before anything is opened. The rules are those of `fetch` where it has some.

use super::hosts::Target;
use crate::guest::contract::{Header, OutgoingRequest};
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use hyper::body::Bytes;
use std::time::Duration;
use url::{Position, Url};

/// A URL, in bytes.
const URL_BYTES_MAX: usize = 64 << 10;
/// Names and values of a request's headers, in bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Header lines of a request.
const HEADERS_MAX: usize = 256;
/// How long an exchange may take; what asks for more, or for no time, gets this.
const TIMEOUT_MS_MAX: u32 = 300_000;
/// What the host says that it is, unless the app does.
const AGENT: &str = concat!("holdfast/", env!("CARGO_PKG_VERSION"));

/// A request that can be sent.
#[derive(Debug)]
pub struct Prepared {
    pub target: Target,
    pub method: Method,
    /// Path and query.
    pub path: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub timeout: Duration,
    /// About how many bytes it takes.
    pub bytes: usize,
}

impl Prepared {
    /// Whether it may be sent again if the connection was lost over it (RFC 9110 §9.2.2).
    pub fn is_repeatable(&self) -> bool {
        self.method.is_idempotent()
    }
}

/// Checks a request.
///
/// # Errors
/// What is wrong with it: a sentence.
pub fn prepare(request: OutgoingRequest, body_bytes_max: usize) -> Result<Prepared, String> {
    if request.url.len() > URL_BYTES_MAX {
        return Err(format!(
            "a URL of {} bytes cannot be fetched: at most {URL_BYTES_MAX} are taken",
            request.url.len()
        ));
    }
    let wrong =
        |reason: String| format!("{:?} cannot be fetched: {reason}", shortened(&request.url));
    let url = Url::parse(&request.url).map_err(|error| {
        let hint = match error {
            url::ParseError::RelativeUrlWithoutBase => ": it must begin with https:// or http://",
            _ => "",
        };
        wrong(format!("{error}{hint}"))
    })?;
    let target = Target::of(&url).map_err(wrong)?;
    let path = url[Position::BeforePath..Position::AfterQuery]
        .parse()
        .map_err(|error| wrong(format!("{error}")))?;
    let method = method(&request.method)?;
    let length = request.body.len();
    if length > body_bytes_max {
        return Err(format!(
            "a body of {length} bytes cannot be sent to {target}: at most {body_bytes_max} are taken (a 16th of the app's memory_bytes_max, and at most 16 MiB)"
        ));
    }
    let mut headers =
        headers(&request.headers).map_err(|reason| format!("{reason} (to {target})"))?;
    let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
        .map_err(|_| wrong("its host cannot stand in a header".to_owned()))?;
    headers.insert(HOST, host);
    if length > 0 || [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    if !headers.contains_key(ACCEPT_ENCODING) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
    }
    if !headers.contains_key(USER_AGENT) {
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    }
    let timeout_ms = match request.timeout_ms {
        0 => TIMEOUT_MS_MAX,
        asked => asked.min(TIMEOUT_MS_MAX),
    };
    Ok(Prepared {
        target,
        method,
        path,
        bytes: length + request.url.len() + bytes_of(&request.headers),
        headers,
        body: request.body.into(),
        timeout: Duration::from_millis(timeout_ms.into()),
    })
}

/// The beginning of a text, for an error.
fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(200))
        .unwrap_or_default()
}

fn method(name: &str) -> Result<Method, String> {
    let method = Method::from_bytes(name.as_bytes())
        .map_err(|_| format!("{:?} is not a method of HTTP", shortened(name)))?;
    if ["CONNECT", "TRACE", "TRACK"].contains(&name.to_ascii_uppercase().as_str()) {
        return Err(format!("the method {name} cannot be used"));
    }
    Ok(method)
}

fn bytes_of(headers: &[Header]) -> usize {
    headers
        .iter()
        .map(|header| header.name.len() + header.value.len())
        .sum()
}

fn headers(given: &[Header]) -> Result<HeaderMap, String> {
    let bytes = bytes_of(given);
    if given.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(format!(
            "a request has {} headers of {bytes} bytes: at most {HEADERS_MAX} of {HEADER_BYTES_MAX} bytes are taken",
            given.len()
        ));
    }
    let mut headers = HeaderMap::new();
    for Header { name, value } in given {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{:?} is not a header's name", shortened(name)))?;
        if is_the_hosts(&parsed) {
            continue;
        }
        let value = bytes_of_latin1(value.trim_matches([' ', '\t', '\r', '\n']))
            .and_then(|bytes| HeaderValue::from_bytes(&bytes).ok())
            .ok_or_else(|| {
                format!("the value of the header {name} has characters that no header may have")
            })?;
        headers.append(parsed, value);
    }
    Ok(headers)
}

/// Each character is one byte of ISO-8859-1.
fn bytes_of_latin1(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}

/// Headers that frame the message or belong to the connection: they are the host's, and left out, as `fetch`
/// does with its forbidden ones.
fn is_the_hosts(name: &HeaderName) -> bool {
    [
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        HOST,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ]
    .contains(name)
        || ["keep-alive", "http2-settings"].contains(&name.as_str())
        || name.as_str().starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> OutgoingRequest {
        OutgoingRequest {
            token: 1,
            method: method.to_owned(),
            url: url.to_owned(),
            headers: headers
                .iter()
                .map(|&(name, value)| Header {
                    name: name.to_owned(),
                    value: value.to_owned(),
                })
                .collect(),
            body: body.into(),
            timeout_ms: 0,
        }
    }

    fn prepared(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Prepared {
        prepare(request(method, url, headers, body), 100).unwrap()
    }

    #[test]
    fn what_frames_a_message_is_the_hosts() {
        let given = [
            ("Host", "evil.example"),
            ("content-length", "3"),
            ("Transfer-Encoding", "chunked"),
            ("connection", "upgrade"),
            ("Upgrade", "websocket"),
            ("TE", "trailers"),
            ("keep-alive", "1"),
            ("expect", "100-continue"),
            ("proxy-authorization", "x"),
            ("Cookie", " a=b\t"),
            ("X-Two", "1"),
            ("x-two", "2"),
            ("x-latin", "caf\u{e9}"),
        ];
        let request = prepared("POST", "https://A.example:8443/p?q#f", &given, "hello");
        let mut lines: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                ("accept-encoding", &b"gzip, deflate"[..]),
                ("content-length", b"5"),
                ("cookie", b"a=b"),
                ("host", b"a.example:8443"),
                ("user-agent", AGENT.as_bytes()),
                ("x-latin", b"caf\xe9"),
                ("x-two", b"1"),
                ("x-two", b"2"),
            ]
        );
        assert_eq!(request.path, "/p?q");
        assert_eq!(request.timeout, Duration::from_secs(300));
    }

    #[test]
    fn bodies_have_a_length_where_one_is_expected() {
        let length = |method, body| {
            let request = prepared(
                method,
                "http://a.example",
                &[("accept-encoding", "br")],
                body,
            );
            assert_eq!(request.path, "/");
            request
                .headers
                .get(CONTENT_LENGTH)
                .map(|length| length.to_str().unwrap().to_owned())
        };
        assert_eq!(length("GET", ""), None);
        assert_eq!(length("DELETE", ""), None);
        assert_eq!(length("DELETE", "x").as_deref(), Some("1"));
        assert_eq!(length("POST", "").as_deref(), Some("0"));
    }

    #[test]
    fn what_is_not_one_request_is_refused() {
        let url = "http://a.example/";
        let long = "x".repeat(URL_BYTES_MAX);
        for (method, url, headers, body) in [
            ("GET /x HTTP/1.1\r\nA: b\r\n\r\nGET", url, &[][..], ""),
            ("", url, &[], ""),
            ("G\u{e9}T", url, &[], ""),
            ("connect", url, &[], ""),
            ("TRACE", url, &[], ""),
            ("GET", url, &[("x", "a\r\nb: c")], ""),
            ("GET", url, &[("x", "a\nb")], ""),
            ("GET", url, &[("x", "a\0")], ""),
            ("GET", url, &[("x", "\u{100}")], ""),
            ("GET", url, &[("x: y\r\nz", "a")], ""),
            ("GET", url, &[("x ", "a")], ""),
            ("GET", url, &[("", "a")], ""),
            ("GET", url, &[(":path", "a")], ""),
            ("GET", url, &[("x", &long), ("y", "a")], ""),
            ("GET", url, &[("x", "a"); 300], ""),
            ("GET", &format!("{url}{long}"), &[], ""),
            ("GET", "/relative", &[], ""),
            ("GET", "http://", &[], ""),
            ("POST", url, &[], &"x".repeat(101)),
        ] {
            let refused = prepare(request(method, url, headers, body), 100);
            let reason = refused.expect_err(method);
            assert!(reason.len() < 500 && !reason.contains('\n'), "{reason}");
        }
    }

    #[test]
    fn paths_cannot_end_the_line() {
        for (url, path) in [
            ("http://a.example/x y\r\nz: 1", "/x%20yz:%201"),
            (
                "http://a.example/\u{e9}?\u{e9}=\"<>'",
                "/%C3%A9?%C3%A9=%22%3C%3E%27",
            ),
            ("http://a.example?a|b^c`d{e}[f]\\", "/?a|b^c`d{e}[f]\\"),
            (
                "http://a.example/a|b^c`d{e}[f]\\g",
                "/a|b^c%60d%7Be%7D[f]/g",
            ),
            ("http://a.example/../..//x/./y", "//x/y"),
        ] {
            assert_eq!(prepared("GET", url, &[], "").path, path, "{url}");
        }
    }
}
