//! The floor: epoll and system calls, no runtime, no task, no waker.
//!
//! Called by `serve`. Shows what tokio costs; nobody proposes to ship it. Handshakes by
//! hand, and is careless about a peer that does not read: it panics.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use tungstenite::handshake::derive_accept_key;

use crate::frames::{self, Assembly, Codec, HEADER_BYTES_MAX, Hand};
use crate::hub::BROADCAST;

struct Connection {
    stream: TcpStream,
    upgraded: bool,
    assembly: Assembly,
    partial: Vec<u8>,
}

pub fn run(listener: TcpListener) {
    let mut poller = Poller::new();
    poller.add(listener.as_raw_fd());
    let mut connections: HashMap<RawFd, Connection> = HashMap::new();
    let mut scratch = vec![0; 256 * 1024];
    let mut replies = Vec::new();
    let mut broadcasts = Vec::new();
    loop {
        for fd in poller.wait(-1) {
            if fd == listener.as_raw_fd() {
                let (stream, _) = listener.accept().expect("accept");
                stream.set_nodelay(true).expect("nodelay");
                poller.add(stream.as_raw_fd());
                let connection = Connection {
                    stream,
                    upgraded: false,
                    assembly: Assembly::default(),
                    partial: Vec::new(),
                };
                connections.insert(connection.stream.as_raw_fd(), connection);
                continue;
            }
            let Some(connection) = connections.get_mut(&fd) else {
                continue;
            };
            let count = connection.stream.read(&mut scratch).unwrap_or(0);
            if count == 0
                || !connection.receive(&mut scratch[..count], &mut replies, &mut broadcasts)
            {
                connections.remove(&fd);
                continue;
            }
            if !replies.is_empty() {
                write_all(&connection.stream, &replies);
                replies.clear();
            }
            if !broadcasts.is_empty() {
                for connection in connections.values() {
                    write_all(&connection.stream, &broadcasts);
                }
                broadcasts.clear();
            }
        }
    }
}

impl Connection {
    fn receive(
        &mut self,
        received: &mut [u8],
        replies: &mut Vec<u8>,
        broadcasts: &mut Vec<u8>,
    ) -> bool {
        if !self.upgraded {
            return self.upgrade(received, replies);
        }
        let mut partial = std::mem::take(&mut self.partial);
        let bytes = if partial.is_empty() {
            received
        } else {
            partial.extend_from_slice(received);
            &mut partial[..]
        };
        let result = frames::consume::<Hand>(&mut self.assembly, bytes, |opcode, payload| {
            let out = if payload.first() == Some(&BROADCAST) {
                &mut *broadcasts
            } else {
                &mut *replies
            };
            let mut header = [0; HEADER_BYTES_MAX];
            let header_bytes = Hand::format(opcode, payload.len(), &mut header);
            out.extend_from_slice(&header[..header_bytes]);
            out.extend_from_slice(payload);
        });
        let Ok((consumed, _)) = result else {
            return false;
        };
        if consumed < bytes.len() {
            self.partial = bytes[consumed..].to_vec();
        }
        true
    }

    fn upgrade(&mut self, received: &[u8], replies: &mut Vec<u8>) -> bool {
        let request = String::from_utf8_lossy(received);
        let Some(key) = request
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        else {
            return false;
        };
        let accept = derive_accept_key(key.as_bytes());
        replies.extend_from_slice(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        self.upgraded = true;
        true
    }
}

/// The sockets stay blocking: a reader that waits for its reply never holds this up.
fn write_all(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("write");
}

/// Level-triggered readiness to read, shared with the load generator.
pub struct Poller {
    epoll: RawFd,
    events: Vec<libc::epoll_event>,
}

impl Poller {
    pub fn new() -> Self {
        // SAFETY: no pointer is passed.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        assert!(epoll >= 0, "epoll_create1");
        Self {
            epoll,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; 1024],
        }
    }

    pub fn add(&self, fd: RawFd) {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN);
    }

    pub fn want_write(&self, fd: RawFd, wanted: bool) {
        let events = if wanted {
            libc::EPOLLIN | libc::EPOLLOUT
        } else {
            libc::EPOLLIN
        };
        self.control(libc::EPOLL_CTL_MOD, fd, events);
    }

    /// The descriptors with something to do; none after `timeout_ms`.
    pub fn wait(&mut self, timeout_ms: i32) -> Vec<RawFd> {
        let capacity = self.events.len() as i32;
        // SAFETY: the buffer holds `capacity` events.
        let count =
            unsafe { libc::epoll_wait(self.epoll, self.events.as_mut_ptr(), capacity, timeout_ms) };
        self.events[..count.max(0) as usize]
            .iter()
            .map(|event| event.u64 as RawFd)
            .collect()
    }

    fn control(&self, operation: i32, fd: RawFd, events: i32) {
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: fd as u64,
        };
        // SAFETY: the event lives through the call.
        assert_eq!(
            unsafe { libc::epoll_ctl(self.epoll, operation, fd, &mut event) },
            0,
            "epoll_ctl"
        );
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and closed once.
        unsafe { libc::close(self.epoll) };
    }
}
