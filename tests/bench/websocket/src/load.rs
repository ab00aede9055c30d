//! The load generator: one thread, raw sockets, prebuilt masked frames, and every reply
//! compared byte for byte with what the protocol demands.
//!
//! Called by `report`. Shares no WebSocket code with the candidates.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use crate::epoll::Poller;

/// No progress for so long means a broken candidate.
const TIMEOUT_MS: i32 = 20_000;
const VARIANTS: usize = 4;

#[derive(Clone, Copy)]
pub enum Content {
    Text64,
    Broadcast64,
    Binary1k,
    Text64k,
}

pub struct Load {
    poller: Poller,
    clients: Vec<Client>,
    by_fd: Vec<usize>,
    requests: Vec<Vec<u8>>,
    replies: Vec<Vec<u8>>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    sent: usize,
    received: usize,
    /// How much of the next reply has come.
    matched: usize,
    unsent: Vec<u8>,
    wants_write: bool,
}

impl Load {
    pub fn new(content: Content) -> Self {
        let (requests, replies) = (0..VARIANTS)
            .map(|variant| frames(content, variant))
            .unzip();
        Self {
            poller: Poller::new(),
            clients: Vec::new(),
            by_fd: Vec::new(),
            requests,
            replies,
            buffer: vec![0; 256 * 1024],
        }
    }

    /// One after the other, each with its handshake.
    pub fn connect(&mut self, port: u16, count: usize) {
        for _ in 0..count {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
            stream.set_nodelay(true).expect("nodelay");
            let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                           Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            stream.write_all(request.as_bytes()).expect("request");
            let mut response = Vec::new();
            while !response.ends_with(b"\r\n\r\n") {
                let count = stream.read(&mut self.buffer).expect("response");
                assert!(count > 0, "closed during the handshake");
                response.extend_from_slice(&self.buffer[..count]);
            }
            let response = String::from_utf8_lossy(&response);
            assert!(response.starts_with("HTTP/1.1 101"), "{response}");
            assert!(
                response.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                "{response}"
            );
            stream.set_nonblocking(true).expect("nonblocking");
            let fd = stream.as_raw_fd();
            self.poller.add(fd);
            self.by_fd
                .resize(self.by_fd.len().max(fd as usize + 1), usize::MAX);
            self.by_fd[fd as usize] = self.clients.len();
            self.clients.push(Client {
                stream,
                sent: 0,
                received: 0,
                matched: 0,
                unsent: Vec::new(),
                wants_write: false,
            });
        }
    }

    /// Every client exchanges `each` messages with `depth` of them under way.
    pub fn echo(&mut self, each: usize, depth: usize) {
        let goal = self.clients[0].received + each;
        let mut finished = 0;
        for index in 0..self.clients.len() {
            self.send(index, depth.min(each));
        }
        while finished < self.clients.len() {
            for fd in self.wait() {
                let index = self.by_fd[fd as usize];
                self.send_unsent(index);
                let before = self.clients[index].received;
                self.receive(index);
                let client = &self.clients[index];
                if client.received == goal && before < goal {
                    finished += 1;
                }
                let more = (client.received - before).min(goal - client.sent);
                if more > 0 {
                    self.send(index, more);
                }
            }
        }
    }

    /// The first client sends, all receive, then the next.
    pub fn broadcast(&mut self, count: usize) {
        for _ in 0..count {
            self.send(0, 1);
            let goal = self.clients[0].received + 1;
            for client in &mut self.clients {
                client.sent = goal;
            }
            let mut finished = 0;
            while finished < self.clients.len() {
                for fd in self.wait() {
                    let index = self.by_fd[fd as usize];
                    self.receive(index);
                    finished += usize::from(self.clients[index].received == goal);
                }
            }
        }
    }

    fn wait(&mut self) -> Vec<i32> {
        let ready = self.poller.wait(TIMEOUT_MS);
        assert!(!ready.is_empty(), "the server fell silent");
        ready
    }

    fn send(&mut self, index: usize, count: usize) {
        let client = &mut self.clients[index];
        for _ in 0..count {
            client
                .unsent
                .extend_from_slice(&self.requests[client.sent % VARIANTS]);
            client.sent += 1;
        }
        self.send_unsent(index);
    }

    fn send_unsent(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.unsent.is_empty() {
            return;
        }
        match client.stream.write(&client.unsent) {
            Ok(count) if count == client.unsent.len() => client.unsent.clear(),
            Ok(count) => drop(client.unsent.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("write: {error}"),
        }
        let wants_write = !client.unsent.is_empty();
        if wants_write != client.wants_write {
            client.wants_write = wants_write;
            self.poller
                .want_write(client.stream.as_raw_fd(), wants_write);
        }
    }

    fn receive(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let count = match client.stream.read(&mut self.buffer) {
            Ok(0) => panic!("the server closed a connection"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("read: {error}"),
        };
        let mut bytes = &self.buffer[..count];
        while !bytes.is_empty() {
            let expected = &self.replies[client.received % VARIANTS][client.matched..];
            let common = expected.len().min(bytes.len());
            assert!(client.received < client.sent, "a reply too many");
            assert!(expected[..common] == bytes[..common], "a wrong reply");
            bytes = &bytes[common..];
            if common == expected.len() {
                client.received += 1;
                client.matched = 0;
            } else {
                client.matched += common;
            }
        }
    }
}

/// A masked frame and the reply it must get.
pub fn frames(content: Content, variant: usize) -> (Vec<u8>, Vec<u8>) {
    let (opcode, payload) = payload(content, variant);
    let mask = (0x9e37_79b9_u32.wrapping_mul(variant as u32 + 1)).to_be_bytes();
    let masked = payload
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, key)| byte ^ key);
    let mut request = header(opcode, payload.len(), 0x80);
    request.extend_from_slice(&mask);
    request.extend(masked);
    let mut reply = header(opcode, payload.len(), 0);
    reply.extend_from_slice(&payload);
    (request, reply)
}

fn header(opcode: u8, payload_bytes: usize, mask_bit: u8) -> Vec<u8> {
    let mut header = vec![0x80 | opcode];
    match payload_bytes {
        0..126 => header.push(mask_bit | payload_bytes as u8),
        126..65_536 => {
            header.push(mask_bit | 126);
            header.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            header.push(mask_bit | 127);
            header.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
    header
}

fn payload(content: Content, variant: usize) -> (u8, Vec<u8>) {
    const TEXT: u8 = 1;
    const BINARY: u8 = 2;
    match content {
        Content::Text64 => (TEXT, filled(&format!("42[\"message\",\"{variant}"), 64)),
        Content::Broadcast64 => (TEXT, filled(&format!("!42[\"message\",\"{variant}"), 64)),
        Content::Binary1k => (
            BINARY,
            (0..1024)
                .map(|index| (index * 7 + variant * 13 + 200) as u8)
                .collect(),
        ),
        // Mostly ASCII, as JSON is, with names and words that are not.
        Content::Text64k => {
            let row = format!(
                "{{\"id\":{variant},\"name\":\"Zoë Müller\",\"text\":\"Grüße aus 東京, see you at nine\"}},"
            );
            let mut text = row.repeat(65_536 / row.len());
            text.push_str(&" ".repeat(65_536 - text.len()));
            (TEXT, text.into_bytes())
        }
    }
}

fn filled(start: &str, bytes: usize) -> Vec<u8> {
    format!("{start:x<bytes$}").into_bytes()
}
