//! One exchange with another server: a connection, the request, the answer with all of its body.
//!
//! Called by `outgoing`, in a task of the shard's runtime. It follows no redirects: each hop is a request of
//! its own, to be asked for and checked again.

use super::answers::Charge;
use super::connect::{Dialing, connect, reason};
use super::decoding::{DecodeError, codings, decode};
use super::pool::{Connection, Pool};
use super::request::Prepared;
use crate::guest::contract::{Header, IncomingResponse};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::response::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use std::error::Error;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Bodies longer than this, in bytes, are decoded on another thread.
const INLINE_BYTES_MAX: usize = 64 << 10;
/// How long a connection whose answer is complete may take until it can be used again.
const TIDY_TIME: Duration = Duration::from_millis(20);

/// What an exchange needs besides its request.
pub struct Means<'a> {
    pub dialing: Dialing<'a>,
    pub pool: Rc<Pool>,
    /// A body, in bytes: what is longer is an error.
    pub body_bytes_max: usize,
}

/// Makes a request, within its time.
///
/// # Errors
/// Why there is no answer: a sentence.
pub async fn run(
    request: &Prepared,
    means: &Means<'_>,
    charge: &mut Charge,
) -> Result<IncomingResponse, String> {
    match timeout(request.timeout, exchange(request, means, charge)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!(
            "{} had not answered completely after {} ms",
            request.target,
            request.timeout.as_millis()
        )),
    }
}

async fn exchange(
    request: &Prepared,
    means: &Means<'_>,
    charge: &mut Charge,
) -> Result<IncomingResponse, String> {
    let target = &request.target;
    let (mut connection, response) = send(request, means).await?;
    let (parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(format!(
            "{target} answered with status 101, to speak another protocol that was not asked for"
        ));
    }
    let body = read(body, means.body_bytes_max, charge)
        .await
        .map_err(|error| error.sentence(request, means.body_bytes_max))?;
    // A connection that is not ready soon has more to say than its answer, or less to hear.
    if let Ok(Ok(())) = timeout(TIDY_TIME, connection.sender.ready()).await {
        means.pool.put(target.clone(), connection);
    }
    let (parts, body) = decoded(parts, body, means.body_bytes_max)
        .await
        .map_err(|error| error.sentence(request, means.body_bytes_max))?;
    Ok(IncomingResponse {
        status: parts.status.as_u16(),
        headers: headers(&parts.headers),
        body,
    })
}

/// Sends the request on a connection that is open, or on a new one.
async fn send(
    request: &Prepared,
    means: &Means<'_>,
) -> Result<(Connection, Response<Incoming>), String> {
    if let Some(mut connection) = means.pool.take(&request.target) {
        match connection.sender.try_send_request(message(request)).await {
            Ok(response) => return Ok((connection, response)),
            // The server may have closed it just then: what was not sent, or may be repeated, is sent anew.
            Err(mut error) => {
                let is_unsent = error.take_message().is_some();
                let is_lost = request.is_repeatable() && !error.error().is_parse();
                if !is_unsent && !is_lost {
                    return Err(failure(request, error.error()));
                }
            }
        }
    }
    let mut connection = connect(&request.target, &means.dialing).await?;
    match connection.sender.send_request(message(request)).await {
        Ok(response) => Ok((connection, response)),
        Err(error) => Err(failure(request, &error)),
    }
}

fn message(request: &Prepared) -> Request<Full<hyper::body::Bytes>> {
    let mut message = Request::new(Full::new(request.body.clone()));
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = request.path.clone();
    *message.version_mut() = Version::HTTP_11;
    *message.headers_mut() = request.headers.clone();
    message
}

fn failure(request: &Prepared, error: &hyper::Error) -> String {
    let target = &request.target;
    if error.is_parse() {
        format!(
            "{target} answered with something that is not HTTP/1.1: {}",
            reason(error)
        )
    } else if error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || is_cut(error)
    {
        format!("{target} closed the connection before it had answered completely")
    } else {
        format!("the request to {target} failed: {}", reason(error))
    }
}

/// Whether the connection ended in the middle.
fn is_cut(error: &hyper::Error) -> bool {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    io.is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
        )
    })
}

/// Why an answer's body could not be had.
enum BodyError {
    TooLong,
    /// All requests of the app together take too much.
    NoSpace,
    Failed(hyper::Error),
    Undecodable(String),
}

impl BodyError {
    fn sentence(self, request: &Prepared, bytes_max: usize) -> String {
        let target = &request.target;
        match self {
            Self::TooLong => format!(
                "the answer of {target} is longer than {bytes_max} bytes (a 16th of the app's memory_bytes_max, and at most 16 MiB)"
            ),
            Self::NoSpace => format!(
                "the answer of {target} was given up: all requests of the app together take more than a quarter of its memory_bytes_max"
            ),
            Self::Failed(error) => failure(request, &error),
            Self::Undecodable(reason) => {
                format!("the answer of {target} is not in its content-encoding: {reason}")
            }
        }
    }
}

/// Reads a body, if it is not too long.
async fn read(
    mut body: Incoming,
    bytes_max: usize,
    charge: &mut Charge,
) -> Result<Vec<u8>, BodyError> {
    let announced = body.size_hint().lower();
    if announced > bytes_max as u64 {
        return Err(BodyError::TooLong);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // What follows a body in chunks is not an answer's.
        let Ok(data) = frame.map_err(BodyError::Failed)?.into_data() else {
            continue;
        };
        if data.len() > bytes_max - bytes.len() {
            return Err(BodyError::TooLong);
        }
        if !charge.add(data.len()) {
            return Err(BodyError::NoSpace);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Undoes the content codings. The headers then describe the body as it is handed over.
async fn decoded(
    mut parts: Parts,
    body: Vec<u8>,
    bytes_max: usize,
) -> Result<(Parts, Vec<u8>), BodyError> {
    let encodings = parts.headers.get_all(CONTENT_ENCODING).iter();
    let Some(codings) = codings(encodings.map(|value| value.to_str().unwrap_or("?"))) else {
        return Ok((parts, body));
    };
    if body.is_empty() {
        return Ok((parts, body));
    }
    let decoded = if body.len() <= INLINE_BYTES_MAX {
        decode(body, &codings, bytes_max)
    } else {
        spawn_blocking(move || decode(body, &codings, bytes_max))
            .await
            .unwrap_or_else(|error| Err(DecodeError::Invalid(error.to_string())))
    };
    parts.headers.remove(CONTENT_ENCODING);
    parts.headers.remove(CONTENT_LENGTH);
    match decoded {
        Ok(body) => Ok((parts, body)),
        Err(DecodeError::TooLong) => Err(BodyError::TooLong),
        Err(DecodeError::Invalid(reason)) => Err(BodyError::Undecodable(reason)),
    }
}

/// Headers for a guest: each byte of a value is a character.
fn headers(headers: &HeaderMap) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: value.as_bytes().iter().copied().map(char::from).collect(),
        })
        .collect()
}
