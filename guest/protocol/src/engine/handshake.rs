//! The request that opened a session: what of it is remembered, and the OPEN packet. Also the
//! handshakes that an app has yet to judge.

use super::dialect::Dialect;
use crate::budget::session_bytes;
use crate::codec::{Reader, Writer};
use crate::contract::{App, Handshake, Header, Request};
use crate::engine::headers;
use crate::engine::query::Query;
use crate::settings::Settings;

/// A handshake that waits for the apps' judgement (Socket.IO `allowRequest`).
///
/// ```text
///  requested ──► Candidate ──all say yes──► (Session)
///                   └── one says no, connect_timeout, client gone ──► (refused)
/// ```
#[derive(Debug, PartialEq)]
pub struct Candidate {
    /// The session id it would get.
    pub sid: Box<str>,
    pub seed: [u64; 2],
    /// As `encode` wrote it.
    pub handshake: Box<[u8]>,
    /// Whether it wants to become a WebSocket.
    pub upgrade: bool,
    /// How it speaks. Whether the revision is allowed is asked only after the judgement, as in the
    /// reference.
    pub dialect: Dialect,
    /// Who has not answered.
    pub judges: Vec<App>,
    /// When nobody's answer counts any more.
    pub until_ms: u64,
    /// What those that have judged want in the answer.
    pub initial_headers: Vec<Header>,
    /// What those that have judged want in all answers.
    pub headers: Vec<Header>,
    pub dirty: bool,
}

impl Candidate {
    /// What it takes of the guest's memory, by estimate.
    pub fn bytes(&self) -> u64 {
        let headers = headers::bytes(&self.initial_headers) + headers::bytes(&self.headers);
        session_bytes(self.handshake.len() + headers)
    }

    /// Writes it into a blob.
    pub fn encode(&self, to: &mut Writer) {
        to.bytes(self.sid.as_bytes());
        to.word(self.seed[0]);
        to.word(self.seed[1]);
        to.bytes(&self.handshake);
        to.byte(u8::from(self.upgrade));
        self.dialect.encode(to);
        to.number(self.judges.len() as u64);
        for judge in &self.judges {
            to.number(u64::from(*judge));
        }
        to.number(self.until_ms);
        encode_headers(&self.initial_headers, to);
        encode_headers(&self.headers, to);
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Candidate> {
        let sid = from.text()?.into();
        let seed = [from.word()?, from.word()?];
        let handshake = from.bytes()?.into();
        let upgrade = from.byte()? != 0;
        let dialect = Dialect::decode(from)?;
        let count = from.count()?;
        let judges = (0..count).map(|_| from.number32()).collect::<Option<_>>()?;
        let until_ms = from.number()?;
        let initial_headers = decode_headers(from)?;
        let headers = decode_headers(from)?;
        Some(Candidate {
            sid,
            seed,
            handshake,
            upgrade,
            dialect,
            judges,
            until_ms,
            initial_headers,
            headers,
            dirty: false,
        })
    }
}

/// What is remembered of a request, as bytes: apps seldom ask for it.
pub fn encode(request: &Request, query: &Query, now_ms: u64) -> Box<[u8]> {
    let mut to = Writer::default();
    encode_headers(&request.headers, &mut to);
    encode_headers(&query.0, &mut to);
    to.bytes(request.url.as_bytes());
    to.bytes(request.address.as_bytes());
    to.byte(u8::from(request.secure));
    to.number(now_ms);
    to.0.into()
}

/// What an app sees of a request.
pub fn describe(request: &Request, query: &Query, now_ms: u64) -> Handshake {
    decode(&encode(request, query, now_ms), "{}")
}

/// The same for an app. An unreadable one, which only a damaged blob can hold, is empty.
pub fn decode(bytes: &[u8], auth: &str) -> Handshake {
    let read = read(bytes);
    let (headers, query, url, address, secure, issued_ms) = read.unwrap_or_default();
    let cross_domain = headers.iter().any(|header| header.name == "origin");
    Handshake {
        headers,
        query,
        url,
        address,
        secure,
        cross_domain,
        issued_ms,
        auth: auth.to_owned(),
    }
}

type Parts = (Vec<Header>, Vec<Header>, String, String, bool, u64);

fn read(bytes: &[u8]) -> Option<Parts> {
    let mut from = Reader(bytes);
    let headers = decode_headers(&mut from)?;
    let query = decode_headers(&mut from)?;
    let url = from.text()?.to_owned();
    let address = from.text()?.to_owned();
    let secure = from.byte()? != 0;
    Some((headers, query, url, address, secure, from.number()?))
}

/// Writes header lines into a blob.
pub fn encode_headers(headers: &[Header], to: &mut Writer) {
    to.number(headers.len() as u64);
    for header in headers {
        to.bytes(header.name.as_bytes());
        to.bytes(header.value.as_bytes());
    }
}

/// Reads what `encode_headers` wrote.
pub fn decode_headers(from: &mut Reader<'_>) -> Option<Vec<Header>> {
    let count = from.count()?;
    (0..count)
        .map(|_| {
            Some(Header {
                name: from.text()?.to_owned(),
                value: from.text()?.to_owned(),
            })
        })
        .collect()
}

/// The OPEN packet (protocol, "Handshake").
pub fn open_packet(sid: &str, polling: bool, settings: &Settings) -> String {
    let upgrades = if polling && settings.websocket && settings.allow_upgrades {
        "\"websocket\""
    } else {
        ""
    };
    format!(
        "0{{\"sid\":\"{sid}\",\"upgrades\":[{upgrades}],\"pingInterval\":{},\"pingTimeout\":{},\"maxPayload\":{}}}",
        settings.ping_interval_ms, settings.ping_timeout_ms, settings.max_http_buffer_size
    )
}
