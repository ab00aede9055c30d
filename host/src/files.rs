//! What the host serves by itself: the built-in page at `/`, and the official browser client under the
//! mount path.
//!
//! Called by `http`. Everything is in the binary: no file is opened, so no path can escape.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use std::sync::Arc;

type Answer = Response<Full<Bytes>>;

/// One file of the browser client in the forms it is sent in.
struct ClientFile {
    name: &'static str,
    raw: &'static [u8],
    br: &'static [u8],
    gz: &'static [u8],
    deflate: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/client.rs"));

/// The built-in page: path, content type, content.
const PAGE: &[(&str, &str, &[u8])] = &[
    (
        "/",
        "text/html; charset=utf-8",
        include_bytes!("../page/index.html"),
    ),
    (
        "/page.css",
        "text/css; charset=utf-8",
        include_bytes!("../page/page.css"),
    ),
    (
        "/page.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../page/page.js"),
    ),
    (
        "/favicon.svg",
        "image/svg+xml",
        include_bytes!("../page/favicon.svg"),
    ),
];

/// What the page says of the node.
const NODE_PATH: &str = "/holdfast.json";
/// The page loads nothing from elsewhere and runs no inline script.
const PAGE_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// The version of the browser client in this binary, if there is one.
pub fn client_version() -> Option<&'static str> {
    (!CLIENT_FILES.is_empty()).then_some(CLIENT_VERSION)
}

/// What is served beside what the guest hands out.
#[derive(Clone)]
pub struct Files {
    /// The built-in page.
    pub page: bool,
    /// The node's description as JSON, made at the time of asking.
    pub node: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Files {
    /// A request outside of the mount path.
    pub fn page(&self, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
        let file = PAGE.iter().find(|(name, ..)| self.page && *name == path);
        let node = self.page && path == NODE_PATH;
        if file.is_none() && !node {
            return text(StatusCode::NOT_FOUND, "nothing is here");
        }
        if method != Method::GET && method != Method::HEAD {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "this can only be fetched");
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let Some((_, kind, content)) = file else {
            let mut answer = Response::new(Full::new(Bytes::from((self.node)())));
            answer
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            answer
                .headers_mut()
                .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return answer;
        };
        let tag = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
        // A page that is being worked on keeps its version: nothing but the whole of it is compared.
        let tag = format!("{}-{:x}\"", tag.trim_end_matches('"'), fingerprint(content));
        let mut answer = if matches(headers, &tag) {
            not_modified()
        } else {
            Response::new(Full::new(Bytes::from_static(content)))
        };
        let fields = answer.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        fields.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PAGE_POLICY),
        );
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(tag) = HeaderValue::try_from(tag) {
            fields.insert(ETAG, tag);
        }
        answer
    }

    /// A file of the browser client, if `name` (what follows the mount path and a slash) is one. As
    /// the reference server does it: any method, the client's version as ETag, compressed as asked.
    pub fn client(method: &Method, name: &str, headers: &HeaderMap) -> Option<Answer> {
        let file = CLIENT_FILES.iter().find(|file| file.name == name)?;
        let tag = format!("\"{CLIENT_VERSION}\"");
        let mut answer = if matches(headers, &tag) {
            not_modified()
        } else {
            let (encoding, bytes) = encode(file, headers);
            let mut answer = Response::new(Full::new(if method == Method::HEAD {
                Bytes::new()
            } else {
                Bytes::from_static(bytes)
            }));
            if method == Method::HEAD {
                answer
                    .headers_mut()
                    .insert(http::header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            }
            if let Some(encoding) = encoding {
                answer
                    .headers_mut()
                    .insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            let kind = if name.ends_with(".map") {
                "application/json; charset=utf-8"
            } else {
                "application/javascript; charset=utf-8"
            };
            answer
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            answer
        };
        let fields = answer.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
        fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(tag) = HeaderValue::try_from(tag) {
            fields.insert(ETAG, tag);
        }
        Some(answer)
    }
}

/// The form the client likes best (RFC 9110 §12.5.3), among equals the smallest.
fn encode(file: &ClientFile, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let forms = [
        ("br", file.br),
        ("gzip", file.gz),
        ("deflate", file.deflate),
    ];
    let mut best = (0, (None, file.raw));
    for (name, bytes) in forms {
        let liking = liking(headers, name);
        if liking > best.0 {
            best = (liking, (Some(name), bytes));
        }
    }
    best.1
}

/// How much a client likes a coding, in thousandths; 0 is not at all.
fn liking(headers: &HeaderMap, coding: &str) -> u32 {
    let mut any = 0;
    for value in headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
    {
        for part in value.split(',') {
            let mut fields = part.split(';').map(str::trim);
            let name = fields.next().unwrap_or_default();
            let quality = fields
                .find_map(|field| field.strip_prefix("q="))
                .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
            let thousandths = (quality.clamp(0.0, 1.0) * 1000.0) as u32;
            if name.eq_ignore_ascii_case(coding) {
                return thousandths;
            }
            if name == "*" {
                any = thousandths;
            }
        }
    }
    any
}

/// RFC 9110 §13.1.2, with weak comparison.
fn matches(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .map(str::trim)
                .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
        })
}

/// FNV-1a: tells one state of a page from another.
fn fingerprint(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn not_modified() -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    answer
}

fn text(status: StatusCode, text: &'static str) -> Answer {
    crate::http::plain(status, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn encodings_are_chosen_as_asked() {
        let liking = |value: &str, coding: &str| liking(&asked(ACCEPT_ENCODING, value), coding);
        assert_eq!(liking("gzip, br;q=0.5", "br"), 500);
        assert_eq!(liking("gzip, br;q=0", "br"), 0);
        assert_eq!(liking("*;q=0.1", "gzip"), 100);
        assert_eq!(liking("gzip;q=0, *", "gzip"), 0);
        assert_eq!(liking("br;q=x", "br"), 0);
        assert_eq!(super::liking(&HeaderMap::new(), "gzip"), 0);
    }

    #[test]
    fn tags_are_compared_weakly() {
        for value in ["\"4\"", "W/\"4\"", "\"1\", \"4\"", "*"] {
            assert!(matches(&asked(IF_NONE_MATCH, value), "\"4\""), "{value}");
        }
        assert!(!matches(&asked(IF_NONE_MATCH, "\"5\""), "\"4\""));
    }

    #[test]
    fn pages_are_fetched_and_nothing_else() {
        let files = Files {
            page: true,
            node: Arc::new(|| "{}".to_owned()),
        };
        let status = |method: Method, path: &str| {
            files
                .page(&method, path, &HeaderMap::new())
                .status()
                .as_u16()
        };
        assert_eq!(status(Method::GET, "/"), 200);
        assert_eq!(status(Method::POST, "/"), 405);
        assert_eq!(status(Method::GET, "/holdfast.json"), 200);
        assert_eq!(status(Method::GET, "/../Cargo.toml"), 404);
        let off = Files {
            page: false,
            ..files
        };
        assert_eq!(off.page(&Method::GET, "/", &HeaderMap::new()).status(), 404);
    }
}
