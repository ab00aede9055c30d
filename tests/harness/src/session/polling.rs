//! A session by HTTP requests. One request for what arrives is always under way; what is sent goes by
//! requests of its own. Used by `session`.

use super::{Failure, Frame, Reader, Shared, Target, Way};
use crate::http::{Request, read};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What stands between packets in a body.
const SEPARATOR: char = '\u{1e}';

/// The session's requests.
pub(super) struct Poller {
    sid: String,
    poll: Mutex<Poll>,
    changed: Condvar,
}

/// How far the request for what arrives is.
#[derive(Default)]
enum Poll {
    /// About to be sent.
    #[default]
    Next,
    /// Sent; the connection on which it waits.
    Waiting(TcpStream),
    /// There is none any more.
    Over,
}

/// Opens a session.
pub(super) fn open(target: &Target) -> Result<(Way, Reader), Failure> {
    let sid = handshake(target)?;
    let poller = Poller {
        sid,
        poll: Mutex::default(),
        changed: Condvar::new(),
    };
    Ok((Way::Polling(poller), Reader::Polling))
}

/// The request that opens a session; gives its id.
pub(super) fn handshake(target: &Target) -> Result<String, Failure> {
    let answer = target.exchange("GET", &target.of_request("polling", None), &[])?;
    if answer.status != 200 {
        return Err(Failure::Denied(answer));
    }
    let text = answer.text();
    let open = text
        .split(SEPARATOR)
        .next()
        .and_then(|packet| packet.strip_prefix('0'));
    let open: Option<serde_json::Value> = open.and_then(|open| serde_json::from_str(open).ok());
    let sid = open.as_ref().and_then(|open| open.get("sid")?.as_str());
    let wrong = || io::Error::other(format!("not an OPEN packet: {text:?}"));
    Ok(sid.ok_or_else(wrong)?.to_owned())
}

/// Asks for what arrives until the session is over; gives the reason.
pub(super) fn run(shared: &Shared) -> String {
    let Way::Polling(poller) = &shared.way else {
        return "no polling".to_owned();
    };
    loop {
        let body = match poller.poll(&shared.target) {
            Ok(body) => body,
            Err(reason) => {
                poller.end();
                return reason;
            }
        };
        for packet in body.split(SEPARATOR) {
            let taken = match packet.strip_prefix('b') {
                Some(base64) => STANDARD
                    .decode(base64)
                    .map_err(|error| format!("parse error: {error}"))
                    .and_then(|bytes| shared.take_binary(bytes)),
                None => shared.take(packet),
            };
            if let Err(reason) = taken {
                poller.end();
                return reason;
            }
        }
    }
}

/// Packets as one body.
pub(super) fn payload(frames: &[Frame]) -> String {
    let packets: Vec<_> = frames
        .iter()
        .map(|frame| match frame {
            Frame::Text(text) => format!("4{text}"),
            Frame::Binary(bytes) => format!("b{}", STANDARD.encode(bytes)),
        })
        .collect();
    packets.join(&SEPARATOR.to_string())
}

impl Poller {
    /// Waits for what arrives. An error is the reason why the session is over.
    fn poll(&self, target: &Target) -> Result<String, String> {
        let lost = |error: io::Error| format!("transport error: {error}");
        let path = target.of_request("polling", Some(&self.sid));
        let request = Request {
            address: target.address,
            method: "GET",
            target: &path,
            headers: &target.headers,
            body: &[],
            patience: target.patience,
        };
        let stream = request.connect().map_err(lost)?;
        request.send(&stream).map_err(lost)?;
        if !self.note(Poll::Waiting(stream.try_clone().map_err(lost)?)) {
            return Err("transport close".to_owned());
        }
        let answer = read(&stream);
        if !self.note(Poll::Next) {
            return Err("transport close".to_owned());
        }
        let answer = answer.map_err(lost)?;
        match answer.status {
            200 => Ok(answer.text()),
            status => Err(format!(
                "transport error: status {status}: {}",
                answer.text()
            )),
        }
    }

    /// Notes how far the request is. False when it is over.
    fn note(&self, next: Poll) -> bool {
        let mut poll = self.poll.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*poll, Poll::Over) {
            return false;
        }
        *poll = next;
        self.changed.notify_all();
        true
    }

    /// There is no other request.
    pub(super) fn end(&self) {
        self.note(Poll::Over);
    }

    pub(super) fn post(&self, target: &Target, body: &str) -> io::Result<()> {
        let path = target.of_request("polling", Some(&self.sid));
        let answer = target.exchange("POST", &path, body.as_bytes())?;
        if answer.status == 200 {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "status {}: {}",
            answer.status,
            answer.text()
        )))
    }

    /// Breaks the connection of the request that waits, so that the server notices.
    pub(super) fn cut(&self, patience: Duration) {
        let poll = self.poll.lock().unwrap_or_else(PoisonError::into_inner);
        let is_next = |poll: &mut Poll| matches!(poll, Poll::Next);
        let waited = self.changed.wait_timeout_while(poll, patience, is_next);
        let mut poll = waited.unwrap_or_else(PoisonError::into_inner).0;
        if let Poll::Waiting(stream) = std::mem::replace(&mut *poll, Poll::Over) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
