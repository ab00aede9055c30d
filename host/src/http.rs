//! HTTP: takes requests off a connection and brings each to whoever answers it: the shard that owns
//! its session, or `files`.
//!
//! Called by `server` for every accepted socket. It knows paths and upgrades; it never knows what a
//! session is, and never calls a guest.

use crate::coding::Coding;
use crate::extension::{Agreed, agree};
use crate::files::Files;
use crate::guest::contract::{
    Body, Deflate, Description, Fresh, HandOut, Header, Request, Response, Transport,
};
use crate::mailbox::{Decision, Letter, Shards, Upgraded, fresh_id};
use crate::telemetry::limited;
use crate::tickets::Ticket;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName,
    HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tungstenite::handshake::derive_accept_key;

/// The longest path and query that are taken.
const URL_BYTES_MAX: usize = 16 << 10;
/// The first reservation for a body whose length is known.
const BODY_RESERVED_BYTES_MAX: u64 = 64 << 10;

/// How long a body waits to be read when the node is behind, before it looks again.
const PAUSE: Duration = Duration::from_millis(20);

type Answer = http::Response<Full<Bytes>>;

/// What the requests of a shard's listeners need.
pub struct Http {
    pub shards: Shards,
    /// The shard that accepted the connection: it owns what names no other.
    pub shard: usize,
    pub description: Description,
    pub files: Files,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
}

impl Http {
    /// Answers one request. It always has an answer: what goes wrong is a status.
    pub async fn serve(
        self: Rc<Self>,
        request: http::Request<Incoming>,
        address: IpAddr,
        ticket: Arc<Ticket>,
    ) -> Result<Answer, Infallible> {
        let path = request.uri().path();
        // RFC 9112 §3.2: exactly one, or whoever is in front may understand another request.
        if request.version() == http::Version::HTTP_11
            && request.headers().get_all(HOST).iter().count() != 1
        {
            return Ok(plain(StatusCode::BAD_REQUEST, "a request names one host"));
        }
        if request
            .uri()
            .path_and_query()
            .is_some_and(|url| url.as_str().len() > URL_BYTES_MAX)
        {
            return Ok(plain(
                StatusCode::URI_TOO_LONG,
                "the URL is longer than 16 KiB",
            ));
        }
        if !is_under(path, &self.description.mount_path) {
            return Ok(self.files.page(request.method(), path, request.headers()));
        }
        Ok(self.bring(request, address, ticket).await)
    }

    /// Brings a request to the shard that owns it and carries out what the guest decides.
    async fn bring(
        &self,
        mut request: http::Request<Incoming>,
        address: IpAddr,
        ticket: Arc<Ticket>,
    ) -> Answer {
        let transport = match upgrade(&request) {
            Ok(transport) => transport,
            Err(answer) => return *answer,
        };
        let owner = session_key(request.uri().query(), &self.description.session_key)
            .and_then(|id| self.shards.of_id(&id))
            .unwrap_or(self.shard);
        let connection = self.shards.number(owner);
        let Some(asked) = describe(&request, connection, transport, address, owner) else {
            return plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the system gives no randomness",
            );
        };
        let (exchange, mut answer) = oneshot::channel();
        self.shards.send(owner, Letter::Requested(asked, exchange));
        let mut left = Left {
            shards: &self.shards,
            owner,
            connection,
            armed: true,
        };
        let websocket = transport == Transport::Websocket;
        let upgrade = websocket.then(|| {
            (
                hyper::upgrade::on(&mut request),
                accept_key(request.headers()),
            )
        });
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let mut body = Some(request.into_body());
        loop {
            // A guest that never answers has lost the event to a crash, or is being stopped.
            let Ok(decision) = answer.await else {
                return plain(StatusCode::SERVICE_UNAVAILABLE, "the session is gone");
            };
            match decision {
                Decision::Respond(response) => {
                    left.armed = false;
                    return respond(response, websocket, &headers).await;
                }
                Decision::HandOut(file) => {
                    left.armed = false;
                    return hand_out(&method, &headers, &file);
                }
                Decision::Collect(bytes_max, next) => {
                    answer = next;
                    while self.shards.are_behind() {
                        sleep(PAUSE).await;
                    }
                    let Some(body) = body.take() else {
                        return plain(
                            StatusCode::INTERNAL_SERVER_ERROR,
                            "the body was read already",
                        );
                    };
                    match timeout(self.body_timeout, collect(body, bytes_max)).await {
                        Ok(Ok(body)) => {
                            self.shards.send(owner, Letter::Collected(connection, body))
                        }
                        // The client broke off: nobody reads an answer, and the guest is told.
                        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the body broke off"),
                        Err(_) => {
                            return plain(StatusCode::REQUEST_TIMEOUT, "the body took too long");
                        }
                    }
                }
                Decision::Accept(given, deflate) => {
                    left.armed = false;
                    let Some((upgraded, key)) = upgrade else {
                        return plain(StatusCode::INTERNAL_SERVER_ERROR, "not an upgrade");
                    };
                    let agreed = deflate.and_then(|allowed| agree(&headers, allowed));
                    tokio::task::spawn_local(hand_over(
                        upgraded,
                        agreed.as_ref().map(|agreed| agreed.deflate),
                        ticket,
                        self.shards.clone(),
                        owner,
                        connection,
                    ));
                    return switch(key, &given, agreed);
                }
            }
        }
    }
}

/// Tells the owner when the client leaves before its answer (hyper drops the future then).
struct Left<'a> {
    shards: &'a Shards,
    owner: usize,
    connection: u64,
    armed: bool,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.shards.send(self.owner, Letter::Left(self.connection));
        }
    }
}

/// Whether a path is the mount path or below it.
fn is_under(path: &str, mount: &str) -> bool {
    path.strip_prefix(mount)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What kind of connection a request asks for. A WebSocket upgrade must be whole (RFC 6455 §4.2.1).
fn upgrade(request: &http::Request<Incoming>) -> Result<Transport, Box<Answer>> {
    let headers = request.headers();
    let asks =
        has_token(headers, &CONNECTION, "upgrade") && has_token(headers, &UPGRADE, "websocket");
    // HTTP/1.0 knows no upgrades (RFC 9110 §7.8).
    if !asks || request.version() != http::Version::HTTP_11 {
        return Ok(Transport::Exchange);
    }
    if request.method() != Method::GET {
        return Err(Box::new(plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "a WebSocket is opened with GET",
        )));
    }
    if !request.body().is_end_stream() {
        return Err(Box::new(plain(
            StatusCode::BAD_REQUEST,
            "a WebSocket is opened by a request without a body",
        )));
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let mut answer = plain(
            StatusCode::UPGRADE_REQUIRED,
            "the WebSocket version must be 13",
        );
        answer
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(Box::new(answer));
    }
    // 16 bytes in base64: RFC 6455 §4.1.
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    if !key.is_some_and(|key| key.len() == 24 && key.ends_with(b"==")) {
        return Err(Box::new(plain(
            StatusCode::BAD_REQUEST,
            "missing or invalid Sec-WebSocket-Key header",
        )));
    }
    Ok(Transport::Websocket)
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn accept_key(headers: &HeaderMap) -> String {
    derive_accept_key(
        headers
            .get(SEC_WEBSOCKET_KEY)
            .map(HeaderValue::as_bytes)
            .unwrap_or_default(),
    )
}

/// The one peek into the query: the value under the session key, percent-decoded.
fn session_key(query: Option<&str>, key: &str) -> Option<String> {
    let value = query?
        .split('&')
        .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
    // Ids are made of characters that nobody needs to encode; some clients do all the same.
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn describe(
    request: &http::Request<Incoming>,
    connection: u64,
    transport: Transport,
    address: IpAddr,
    owner: usize,
) -> Option<Request> {
    let mut random = [0_u8; 18 + 16];
    getrandom::fill(&mut random).ok()?;
    let (id, seed) = random.split_first_chunk::<18>()?;
    let (low, high) = seed.split_first_chunk::<8>()?;
    Some(Request {
        connection,
        transport,
        method: request.method().as_str().to_owned(),
        url: request
            .uri()
            .path_and_query()
            .map_or("/", |url| url.as_str())
            .to_owned(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| Header {
                name: name.as_str().to_owned(),
                value: latin1(value.as_bytes()),
            })
            .collect(),
        address: address.to_canonical().to_string(),
        secure: false,
        fresh: Fresh {
            id: fresh_id(owner, id),
            seed_low: u64::from_le_bytes(*low),
            seed_high: u64::from_le_bytes(high.try_into().ok()?),
        },
    })
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Reads a body of at most `bytes_max` bytes. What is longer is not kept.
async fn collect(mut body: Incoming, bytes_max: u64) -> Result<Body, hyper::Error> {
    let announced = body.size_hint().lower();
    if announced > bytes_max {
        return Ok(Body::TooLong);
    }
    let mut bytes = Vec::with_capacity(
        usize::try_from(announced.min(BODY_RESERVED_BYTES_MAX)).unwrap_or_default(),
    );
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if bytes.len() as u64 + data.len() as u64 > bytes_max {
                return Ok(Body::TooLong);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(Body::Whole(bytes))
}

/// A file of the browser client that the guest decided to give out.
fn hand_out(method: &Method, headers: &HeaderMap, file: &HandOut) -> Answer {
    let answer = Files::client(method, &file.name, headers);
    let mut answer = answer.unwrap_or_else(|| plain(StatusCode::NOT_FOUND, "nothing is here"));
    append(answer.headers_mut(), &file.headers);
    answer
}

/// What the guest answered, in the coding that the request asks for if it may be compressed.
async fn respond(response: Response, upgrade: bool, asked: &HeaderMap) -> Answer {
    let may_be_coded = response.compress
        && !upgrade
        && !response.body.is_empty()
        && response
            .headers
            .iter()
            .all(|header| !header.name.eq_ignore_ascii_case("content-encoding"));
    let coding = if may_be_coded {
        Coding::asked(asked)
    } else {
        None
    };
    let (coding, body) = match coding {
        Some(coding) => match coding.encode(response.body).await {
            Some(body) => (Some(coding), body),
            None => {
                return plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the answer cannot be compressed",
                );
            }
        },
        None => (None, response.body),
    };
    let mut answer = http::Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::from_u16(response.status)
        .ok()
        .filter(|status| status.as_u16() >= 200)
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    append(answer.headers_mut(), &response.headers);
    if let Some(coding) = coding {
        answer
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    if response.last || upgrade {
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// The guest's headers. Framing is the host's: a length or an encoding of the transfer is left out.
fn append(headers: &mut HeaderMap, given: &[Header]) {
    for header in given {
        let bytes: Option<Vec<u8>> = header
            .value
            .chars()
            .map(|c| u8::try_from(u32::from(c)).ok())
            .collect();
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        match (name, value) {
            (Ok(name), Some(value))
                if name != CONTENT_LENGTH && name != http::header::TRANSFER_ENCODING =>
            {
                headers.append(name, value);
            }
            (Ok(_), Some(_)) => {}
            _ => limited!(
                warn,
                name = header.name,
                "a guest gave a header that HTTP does not allow: left out"
            ),
        }
    }
}

fn switch(key: String, headers: &[Header], agreed: Option<Agreed>) -> Answer {
    let mut answer = http::Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    append(answer.headers_mut(), headers);
    // Only what is carried out may be promised.
    answer.headers_mut().remove(SEC_WEBSOCKET_EXTENSIONS);
    if let Some(agreed) = agreed {
        answer
            .headers_mut()
            .insert(SEC_WEBSOCKET_EXTENSIONS, agreed.header);
    }
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer
        .headers_mut()
        .insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(key) = HeaderValue::try_from(key) {
        answer.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, key);
    }
    answer
}

/// After the 101: takes the socket out of hyper and gives it to the shard that owns the connection.
async fn hand_over(
    upgraded: OnUpgrade,
    deflate: Option<Deflate>,
    ticket: Arc<Ticket>,
    shards: Shards,
    owner: usize,
    connection: u64,
) {
    let taken = match upgraded
        .await
        .map(hyper::upgrade::Upgraded::downcast::<TokioIo<TcpStream>>)
    {
        Ok(Ok(parts)) => parts
            .io
            .into_inner()
            .into_std()
            .map(|socket| (socket, parts.read_buf))
            .ok(),
        _ => None,
    };
    match taken {
        Some((socket, already)) => shards.send(
            owner,
            Letter::Upgraded(
                connection,
                Upgraded {
                    socket,
                    already,
                    deflate,
                    ticket,
                },
            ),
        ),
        None => shards.send(owner, Letter::UpgradeFailed(connection)),
    }
}

/// A status with a sentence.
pub fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = http::Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::ACCEPT_ENCODING;

    #[test]
    fn paths_under_the_mount() {
        for (path, under) in [
            ("/socket.io/", true),
            ("/socket.io", true),
            ("/socket.io/x.js", true),
            ("/socket.iox", false),
            ("/", false),
            ("/a/socket.io/", false),
        ] {
            assert_eq!(is_under(path, "/socket.io"), under, "{path}");
        }
    }

    #[test]
    fn the_session_key_is_found() {
        assert_eq!(
            session_key(Some("EIO=4&transport=polling&sid=ab%2Dc"), "sid").as_deref(),
            Some("ab-c")
        );
        assert_eq!(session_key(Some("xsid=1&sid2=2"), "sid"), None);
        assert_eq!(session_key(Some("sid=%"), "sid"), None);
        assert_eq!(session_key(Some("sid=%ff"), "sid"), None);
        assert_eq!(session_key(None, "sid"), None);
    }

    #[test]
    fn answers_are_compressed_if_both_sides_want() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let answer = |compress: bool, asked: &'static str, header: Option<&str>| {
            let response = Response {
                connection: 1,
                status: 200,
                headers: header
                    .iter()
                    .map(|name| Header {
                        name: (*name).to_owned(),
                        value: "br".to_owned(),
                    })
                    .collect(),
                body: b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_vec(),
                compress,
                last: false,
            };
            let asked = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(asked))]);
            let answer = runtime.block_on(respond(response, false, &asked));
            let coding = answer.headers().get(CONTENT_ENCODING).cloned();
            let body = runtime.block_on(answer.into_body().collect()).unwrap();
            (coding, body.to_bytes())
        };
        let (coding, body) = answer(true, "gzip", None);
        assert!(coding.is_some_and(|coding| coding == "gzip") && body.starts_with(&[0x1f, 0x8b]));
        let (coding, body) = answer(true, "deflate", None);
        assert!(coding.is_some_and(|coding| coding == "deflate") && body.starts_with(&[0x78]));
        for (compress, asked, header, coding) in [
            (false, "gzip", None, None),
            (true, "br", None, None),
            (true, "gzip", Some("content-encoding"), Some("br")),
        ] {
            let (found, body) = answer(compress, asked, header);
            assert_eq!(found.as_ref().and_then(|found| found.to_str().ok()), coding);
            assert!(body.iter().all(|byte| *byte == b'a'));
        }
    }

    #[test]
    fn headers_that_would_split_the_response_are_left_out() {
        let mut headers = HeaderMap::new();
        let header = |name: &str, value: &str| Header {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        append(
            &mut headers,
            &[
                header("a", "b\r\nc: d"),
                header("e f", "g"),
                header("content-length", "9"),
                header("set-cookie", "1"),
                header("set-cookie", "ü"),
            ],
        );
        assert_eq!(headers.len(), 2);
        assert_eq!(
            headers
                .get_all("set-cookie")
                .iter()
                .map(HeaderValue::as_bytes)
                .collect::<Vec<_>>(),
            [b"1".as_slice(), b"\xfc".as_slice()]
        );
    }
}
