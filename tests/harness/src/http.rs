//! Plain HTTP/1.1 requests, one a connection. Used by `session` for polling, and by tests.

use crate::limits::ANSWER_BYTES_MAX;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request that is about to be sent.
pub(crate) struct Request<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
    pub(crate) patience: Duration,
}

impl Request<'_> {
    /// Opens a connection for it.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        connect(self.address, self.patience)
    }

    /// Sends it on this connection and reads the answer.
    pub(crate) fn exchange(&self, stream: &TcpStream) -> io::Result<Answer> {
        self.send(stream)?;
        read(stream)
    }

    /// Sends it on this connection.
    pub(crate) fn send(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.method, self.target, self.address
        );
        for (name, value) in self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() || self.method == "POST" {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        head += "\r\n";
        let mut request = head.into_bytes();
        request.extend_from_slice(self.body);
        stream.write_all(&request)
    }
}

/// Reads an answer up to the end of the connection.
pub(crate) fn read(stream: &TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > ANSWER_BYTES_MAX {
        return Err(io::Error::other(format!(
            "an answer of more than {ANSWER_BYTES_MAX} bytes"
        )));
    }
    parse(&bytes).ok_or_else(|| {
        let text = String::from_utf8_lossy(&bytes);
        io::Error::other(format!("not an HTTP answer with a length: {text:.200}"))
    })
}

/// A connection with time limits.
pub(crate) fn connect(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = bytes.get(end + 4..)?.to_vec();
    let is_in_chunks = headers.iter().any(|(name, _)| name == "transfer-encoding");
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let is_whole = length.is_none_or(|(_, length)| length.parse() == Ok(body.len()));
    (!is_in_chunks && is_whole).then_some(Answer {
        status,
        headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn answers_are_read_whole_or_not_at_all() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(
            answer.map(|answer| (answer.status, answer.text())),
            Some((200, "ok".to_owned()))
        );
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok").is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0").is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_none());
    }
}
