//! Clients in the plain: HTTP and WebSocket without any Socket.IO library, blocking, with time limits.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::protocol::{Message, WebSocketConfig};
use tungstenite::{Error, WebSocket};

/// How long any wait may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a node.
pub fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("the node accepts");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.set_nodelay(true).expect("no delay");
    socket
}

/// Sends one request and returns status, head and body.
pub fn http(port: u16, method: &str, path: &str, body: &str) -> (u16, String, String) {
    let mut socket = connect(port);
    write!(socket, "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("written");
    answer(&mut socket)
}

/// Reads an answer up to the end of the connection.
pub fn answer(socket: &mut TcpStream) -> (u16, String, String) {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).expect("an answer");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    (status, head.to_owned(), body.to_owned())
}

/// Opens a polling session and returns its sid.
pub fn polling(port: u16) -> String {
    let (status, _, body) = http(port, "GET", "/socket.io/?EIO=4&transport=polling", "");
    assert_eq!(status, 200, "{body}");
    sid(&body)
}

/// The sid out of an OPEN packet.
pub fn sid(open: &str) -> String {
    open.split("\"sid\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_else(|| panic!("no sid in {open}"))
        .to_owned()
}

/// A WebSocket session.
pub struct Client(pub WebSocket<TcpStream>);

impl Client {
    /// Opens a WebSocket with this query and nothing more.
    pub fn open(port: u16, query: &str) -> Self {
        let url = format!("ws://127.0.0.1:{port}/socket.io/?{query}");
        let config = WebSocketConfig::default();
        let (socket, _) = tungstenite::client::client_with_config(url, connect(port), Some(config))
            .expect("an upgrade");
        Self(socket)
    }

    /// Opens a session by WebSocket and joins the main namespace.
    pub fn join(port: u16) -> Self {
        let mut client = Self::open(port, "EIO=4&transport=websocket");
        assert!(client.text().starts_with("0{"), "an OPEN packet");
        client.send("40");
        let joined = client.text();
        assert!(joined.starts_with("40{"), "joined: {joined}");
        client
    }

    pub fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("sent");
    }

    /// The next text message, with pings answered.
    pub fn text(&mut self) -> String {
        loop {
            match self.0.read().expect("a message") {
                Message::Text(text) if text == "2" => self.send("3"),
                Message::Text(text) => return text.to_string(),
                _ => {}
            }
        }
    }

    /// The close code the node ends with, 1005 for none, 1006 for an end without a close frame.
    pub fn close_code(&mut self) -> u16 {
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => return frame.map_or(1005, |frame| frame.code.into()),
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return 1005,
                Err(_) => return 1006,
            }
        }
    }
}
