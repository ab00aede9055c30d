//! A client's connection: an Engine.IO 4 session and the sockets in it. Used by `client`. A thread of its
//! own reads, so that heartbeats are answered while a test does other things; writing is done by whoever
//! writes. What arrives is kept in [`State`], and waited for there.

mod polling;
mod state;
mod websocket;

pub(crate) use state::{Event, Phase, SocketState, State};

use crate::http::{Answer, Request};
use crate::packet::{Kind, Packet};
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tungstenite::Message;

/// How a client connects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// By WebSocket from the beginning.
    #[default]
    WebSocket,
    /// By HTTP requests only.
    Polling,
    /// By an HTTP request, then by WebSocket: what browsers do.
    Upgrade,
}

/// Why a client could not connect.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server refused the socket (CONNECT_ERROR): what `connect_error` of socket.io-client gets.
    #[error("refused: {message}")]
    Refused {
        /// The error's message.
        message: String,
        /// More, that a middleware gave.
        data: Option<Value>,
    },
    /// The session was refused.
    #[error("the session was refused with status {}: {}", .0.status, .0.text())]
    Denied(Answer),
    /// There is no such connection, or it ended.
    #[error("no connection: {0}")]
    Io(#[from] io::Error),
}

/// Where and how to connect.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) transport: Transport,
    pub(crate) headers: Vec<(String, String)>,
    /// More of the query, encoded: `&key=value…`
    pub(crate) query: String,
    pub(crate) patience: Duration,
}

impl Target {
    /// The path and query of a request.
    fn of_request(&self, transport: &str, sid: Option<&str>) -> String {
        let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
        format!(
            "{}/?EIO=4&transport={transport}{sid}{}",
            self.path, self.query
        )
    }

    fn exchange(&self, method: &str, target: &str, body: &[u8]) -> io::Result<Answer> {
        let headers = &self.headers;
        let (address, patience) = (self.address, self.patience);
        let request = Request {
            address,
            method,
            target,
            headers,
            body,
            patience,
        };
        let stream = request.connect()?;
        stream.set_read_timeout(Some(patience))?;
        request.exchange(&stream)
    }
}

/// An Engine.IO packet that carries something.
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

/// The way out, by transport.
enum Way {
    WebSocket(Box<websocket::Writer>),
    Polling(polling::Poller),
}

/// One session. It is closed when the last client of it is dropped.
pub(crate) struct Session {
    shared: Arc<Shared>,
}

/// What the thread that reads shares with those who write and wait.
struct Shared {
    target: Target,
    state: Mutex<State>,
    changed: Condvar,
    way: Way,
    /// One packet at a time: its binary values follow it at once.
    writing: Mutex<()>,
}

impl Session {
    /// Opens a session.
    pub(crate) fn open(target: Target) -> Result<Self, Failure> {
        let (way, reader) = match target.transport {
            Transport::WebSocket => websocket::open(&target)?,
            Transport::Polling => polling::open(&target)?,
            Transport::Upgrade => websocket::upgrade(&target)?,
        };
        let shared = Arc::new(Shared {
            target,
            state: Mutex::default(),
            changed: Condvar::new(),
            way,
            writing: Mutex::new(()),
        });
        let reading = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("test-client".to_owned())
            .spawn(move || {
                let reason = match reader {
                    Reader::WebSocket(reader) => reader.run(&reading),
                    Reader::Polling => polling::run(&reading),
                };
                reading.end(&reason);
            })?;
        Ok(Self { shared })
    }

    /// Joins a namespace. False when there is a socket in it already.
    pub(crate) fn join(&self, namespace: &str, auth: Option<Value>) -> Result<(), Failure> {
        {
            let mut state = self.shared.lock();
            if !state.add(namespace) {
                return Err(
                    io::Error::other(format!("this client is in {namespace} already")).into(),
                );
            }
        }
        let packet = Packet::new(Kind::Connect, namespace);
        self.send(match auth {
            Some(auth) => packet.with(None, auth),
            None => packet,
        })?;
        let joined = self.wait(self.patience(), |state| {
            match &state.socket(namespace)?.phase {
                Phase::Connecting => None,
                Phase::Connected => Some(Ok(())),
                Phase::Refused { message, data } => Some(Err(Failure::Refused {
                    message: message.clone(),
                    data: data.clone(),
                })),
                Phase::Gone(reason) => Some(Err(io::Error::other(reason.clone()).into())),
            }
        });
        let joined =
            joined.unwrap_or_else(|| Err(io::Error::other("no answer to CONNECT in time").into()));
        if joined.is_err() {
            self.shared.lock().remove(namespace);
        }
        joined
    }

    /// Sends a packet.
    pub(crate) fn send(&self, packet: Packet) -> io::Result<()> {
        self.shared.send(packet)
    }

    /// Sends a message's text as it is.
    pub(crate) fn send_raw(&self, text: &str) -> io::Result<()> {
        self.shared.write(vec![Frame::Text(text.to_owned())])
    }

    /// Waits until there is what is looked for.
    pub(crate) fn wait<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let until = Instant::now() + patience;
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    pub(crate) fn target(&self) -> &Target {
        &self.shared.target
    }

    pub(crate) fn patience(&self) -> Duration {
        self.shared.target.patience
    }

    /// Leaves a namespace, as `socket.disconnect()` of socket.io-client does.
    pub(crate) fn leave(&self, namespace: &str) {
        let _ = self.send(Packet::new(Kind::Disconnect, namespace));
        self.shared.lock().depart(namespace, "io client disconnect");
        self.shared.changed.notify_all();
    }

    /// Ends the session in an orderly way.
    pub(crate) fn close(&self) {
        self.shared.lock().end("io client disconnect");
        self.shared.close();
    }

    /// Breaks the connection without a word.
    pub(crate) fn cut(&self) {
        self.shared.lock().end("transport close");
        match &self.shared.way {
            Way::WebSocket(writer) => writer.cut(),
            Way::Polling(poller) => poller.cut(self.patience()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.shared.lock().has_ended() {
            self.close();
        }
    }
}

/// What the reading thread begins with.
enum Reader {
    WebSocket(Box<websocket::Reader>),
    Polling,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, reason: &str) {
        self.lock().end(reason);
        self.changed.notify_all();
    }

    fn send(&self, packet: Packet) -> io::Result<()> {
        let (text, attachments) = packet.encode();
        let mut frames = vec![Frame::Text(text)];
        frames.extend(attachments.into_iter().map(Frame::Binary));
        self.write(frames)
    }

    fn write(&self, frames: Vec<Frame>) -> io::Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.way {
            Way::WebSocket(writer) => frames.into_iter().try_for_each(|frame| {
                writer.write(match frame {
                    Frame::Text(text) => Message::text(format!("4{text}")),
                    Frame::Binary(bytes) => Message::binary(bytes),
                })
            }),
            Way::Polling(poller) => poller.post(&self.target, &polling::payload(&frames)),
        }
    }

    /// Answers a heartbeat.
    fn pong(&self) -> io::Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.way {
            Way::WebSocket(writer) => writer.write(Message::text("3")),
            Way::Polling(poller) => poller.post(&self.target, "3"),
        }
    }

    fn close(&self) {
        self.changed.notify_all();
        match &self.way {
            Way::WebSocket(writer) => writer.close(),
            Way::Polling(poller) => {
                let _ = poller.post(&self.target, "1");
                poller.cut(Duration::ZERO);
            }
        }
    }

    /// Takes one Engine.IO packet. An error is the reason why the session is over.
    fn take(&self, packet: &str) -> Result<(), String> {
        let lost = |error: io::Error| format!("transport error: {error}");
        match packet.split_at_checked(1) {
            Some(("1", _)) => return Err("transport close".to_owned()),
            Some(("2", "")) => self.pong().map_err(lost)?,
            Some(("4", message)) => {
                let replies = self.lock().take_text(message)?;
                self.changed.notify_all();
                for reply in replies {
                    self.send(reply).map_err(lost)?;
                }
            }
            Some(("0" | "6", _)) => {}
            _ => return Err(format!("parse error: the packet {packet:?}")),
        }
        Ok(())
    }

    fn take_binary(&self, bytes: Vec<u8>) -> Result<(), String> {
        let replies = self.lock().take_binary(bytes)?;
        self.changed.notify_all();
        for reply in replies {
            self.send(reply)
                .map_err(|error| format!("transport error: {error}"))?;
        }
        Ok(())
    }
}
