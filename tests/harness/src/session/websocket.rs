//! A session by WebSocket, from the beginning or after a request. Used by `session`. Two halves share one
//! TCP connection: the thread that reads has one, those who write the other.

use super::polling::handshake;
use super::{Failure, Shared, Target, Way};
use crate::http::{Answer, connect};
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, PoisonError};
use tungstenite::handshake::client::generate_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

/// The half that reads.
pub(super) struct Reader(WebSocket<TcpStream>);

/// The half that writes.
pub(super) struct Writer {
    socket: Mutex<WebSocket<TcpStream>>,
    stream: TcpStream,
}

/// Opens a session.
pub(super) fn open(target: &Target) -> Result<(Way, super::Reader), Failure> {
    let mut socket = shake_hands(target, None)?;
    match socket.read().map_err(other)? {
        Message::Text(open) if open.starts_with('0') => halves(socket),
        message => Err(io::Error::other(format!("not an OPEN packet: {message}")).into()),
    }
}

/// Opens a session by a request and goes on by WebSocket.
pub(super) fn upgrade(target: &Target) -> Result<(Way, super::Reader), Failure> {
    let sid = handshake(target)?;
    let mut socket = shake_hands(target, Some(&sid))?;
    socket.send(Message::text("2probe")).map_err(other)?;
    match socket.read().map_err(other)? {
        Message::Text(text) if text == "3probe" => {}
        message => {
            return Err(io::Error::other(format!("not an answer to a probe: {message}")).into());
        }
    }
    socket.send(Message::text("5")).map_err(other)?;
    halves(socket)
}

fn shake_hands(target: &Target, sid: Option<&str>) -> Result<WebSocket<TcpStream>, Failure> {
    let stream = connect(target.address, target.patience)?;
    stream.set_read_timeout(Some(target.patience))?;
    let mut request = tungstenite::http::Request::builder()
        .uri(format!(
            "ws://{}{}",
            target.address,
            target.of_request("websocket", sid)
        ))
        .header("host", target.address.to_string())
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key());
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    let request = request.body(()).map_err(io::Error::other)?;
    // Messages are as long as the server allows.
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    match tungstenite::client::client_with_config(request, stream, Some(config)) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => {
            let (parts, body) = answer.into_parts();
            let text = |value: &tungstenite::http::HeaderValue| {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            Err(Failure::Denied(Answer {
                status: parts.status.as_u16(),
                headers: parts
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), text(value)))
                    .collect(),
                body: body.unwrap_or_default(),
            }))
        }
        Err(error) => Err(io::Error::other(error.to_string()).into()),
    }
}

fn halves(socket: WebSocket<TcpStream>) -> Result<(Way, super::Reader), Failure> {
    let stream = socket.get_ref().try_clone()?;
    // The thread that reads waits as long as it takes.
    stream.set_read_timeout(None)?;
    let writer = Writer {
        socket: Mutex::new(WebSocket::from_raw_socket(
            stream.try_clone()?,
            Role::Client,
            None,
        )),
        stream,
    };
    Ok((
        Way::WebSocket(Box::new(writer)),
        super::Reader::WebSocket(Box::new(Reader(socket))),
    ))
}

fn other(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error.to_string()),
    }
}

impl Reader {
    /// Reads until the session is over; gives the reason.
    pub(super) fn run(mut self, shared: &Shared) -> String {
        loop {
            let taken = match self.0.read() {
                Ok(Message::Text(text)) => shared.take(&text),
                Ok(Message::Binary(bytes)) => shared.take_binary(bytes.to_vec()),
                Ok(Message::Close(_)) => Err("transport close".to_owned()),
                Ok(_) => Ok(()),
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                    Err("transport close".to_owned())
                }
                Err(error) => Err(format!("transport error: {error}")),
            };
            if let Err(reason) = taken {
                // Lets the closing handshake go out.
                let _ = self.0.flush();
                return reason;
            }
        }
    }
}

impl Writer {
    pub(super) fn write(&self, message: Message) -> io::Result<()> {
        self.socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(message)
            .map_err(other)
    }

    pub(super) fn close(&self) {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = socket.close(None);
        let _ = socket.flush();
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub(super) fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
