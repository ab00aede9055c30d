//! An HTTP server in the plain for what apps fetch: each test writes its answers byte by byte. Used by
//! `tests/outgoing.rs`.

use super::client::PATIENCE;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection, plain or over TLS.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Heard {
    /// On which connection, from 0.
    pub connection: usize,
    /// Its request line and headers, as they came.
    pub head: String,
    pub body: Vec<u8>,
}

impl Heard {
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).expect("a path")
    }

    /// Its header lines, sorted.
    pub fn headers(&self) -> Vec<&str> {
        let mut lines: Vec<_> = self.head.lines().skip(1).collect();
        lines.sort_unstable();
        lines
    }
}

/// Answers a request; false closes the connection after it.
type Script = Box<dyn Fn(&Heard, &mut dyn Stream) -> bool + Send + Sync>;

struct Shared {
    script: Script,
    tls: Option<Arc<ServerConfig>>,
    heard: Mutex<Vec<Heard>>,
    opened: AtomicUsize,
    ended: AtomicUsize,
    stopped: AtomicBool,
}

/// A server that answers until it is dropped.
pub struct Origin {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Origin {
    /// A server that answers as the script does.
    pub fn start(script: impl Fn(&Heard, &mut dyn Stream) -> bool + Send + Sync + 'static) -> Self {
        Self::listen(None, Box::new(script))
    }

    /// A server that answers every request with these bytes, and keeps the connection.
    pub fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| stream.write_all(&answer).is_ok())
    }

    /// The same over TLS.
    pub fn saying_over_tls(tls: Arc<ServerConfig>, answer: &'static str) -> Self {
        Self::listen(
            Some(tls),
            Box::new(move |_, stream| stream.write_all(answer.as_bytes()).is_ok()),
        )
    }

    fn listen(tls: Option<Arc<ServerConfig>>, script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            script,
            tls,
            heard: Mutex::default(),
            opened: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                if serving.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(socket), serving) = (socket, serving.clone()) else {
                    continue;
                };
                let connection = serving.opened.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serving.serve(socket, connection));
            }
        });
        Self { port, shared }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The entry of `fetch_hosts` that allows it.
    pub fn entry(&self) -> String {
        self.url("")
    }

    /// The requests that came.
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().expect("no panic").clone()
    }

    /// Connections that were opened.
    pub fn opened(&self) -> usize {
        self.shared.opened.load(Ordering::SeqCst)
    }

    /// Connections that are over.
    pub fn ended(&self) -> usize {
        self.shared.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn serve(&self, socket: TcpStream, connection: usize) {
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let plain = socket.try_clone().expect("a handle");
        match &self.tls {
            None => self.answer(socket, connection),
            Some(tls) => {
                let tls = ServerConnection::new(tls.clone()).expect("TLS");
                self.answer(StreamOwned::new(tls, socket), connection);
            }
        }
        let _ = plain.shutdown(Shutdown::Both);
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    fn answer(&self, mut stream: impl Stream, connection: usize) {
        let mut already = Vec::new();
        while let Ok(Some(heard)) = read(&mut stream, &mut already, connection) {
            self.heard.lock().expect("no panic").push(heard.clone());
            if !(self.script)(&heard, &mut stream) || stream.flush().is_err() {
                return;
            }
        }
    }
}

/// The next request, with a body of the length it says.
fn read(
    stream: &mut impl Read,
    already: &mut Vec<u8>,
    connection: usize,
) -> io::Result<Option<Heard>> {
    let end = loop {
        if let Some(at) = already.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if !more(stream, already)? {
            return Ok(None);
        }
    };
    // Each byte is a character.
    let head: String = already[..end].iter().copied().map(char::from).collect();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a length"));
    already.drain(..end + 4);
    while already.len() < length {
        if !more(stream, already)? {
            return Ok(None);
        }
    }
    let body = already.drain(..length).collect();
    Ok(Some(Heard {
        connection,
        head,
        body,
    }))
}

fn more(stream: &mut impl Read, already: &mut Vec<u8>) -> io::Result<bool> {
    let mut bytes = [0; 65_536];
    let count = stream.read(&mut bytes)?;
    already.extend_from_slice(&bytes[..count]);
    Ok(count > 0)
}

/// An answer with a length.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Waits until something is so.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
