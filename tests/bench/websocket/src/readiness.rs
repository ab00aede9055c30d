//! The candidates that keep the socket and borrow, at most, a header codec: one scratch
//! buffer a thread, bytes kept for a connection only while a frame is incomplete.
//!
//! Called by `serve` with an upgraded stream. Framing rules live in `frames`.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::frames::{self, Assembly, Codec, HEADER_BYTES_MAX, Violation};
use crate::hub::{BROADCAST, Hub, Outbox};

const SCRATCH_BYTES: usize = 256 * 1024;
/// Above this a payload is written from where it lies, below it joins the other replies.
const COALESCE_BYTES_MAX: usize = 16 * 1024;
/// What a claimed length alone may reserve.
const RESERVE_BYTES_MAX: usize = 64 * 1024;
/// Buffers kept for the next incomplete frame of any connection.
const SPARES_MAX: usize = 4;
const BACKLOG_BYTES_MAX: usize = 4 << 20;

#[derive(Clone, Copy)]
pub enum Reading {
    /// `AsyncRead::poll_read`: a short read tells tokio that the socket is empty.
    PollRead,
    /// `poll_read_ready` and `try_read`: only a read that fails with `WouldBlock` tells it.
    TryReadUntilBlocked,
}

#[derive(Clone, Copy)]
pub enum Delivery {
    /// The broadcasting task writes to each socket itself.
    Direct,
    /// It leaves the frame in the connection's outbox and wakes the connection's task.
    Queued,
}

#[derive(Clone, Copy)]
pub struct Options {
    pub reading: Reading,
    pub delivery: Delivery,
}

/// What the connections of one thread share.
pub struct Shard {
    options: Options,
    scratch: RefCell<Vec<u8>>,
    replies: RefCell<Vec<u8>>,
    spares: RefCell<Vec<Vec<u8>>>,
    connections: RefCell<Vec<Rc<Connection>>>,
    hub: Rc<Hub<Bytes>>,
}

impl Shard {
    pub fn new(options: Options) -> Rc<Self> {
        Rc::new(Self {
            options,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES]),
            replies: RefCell::default(),
            spares: RefCell::default(),
            connections: RefCell::default(),
            hub: Hub::new(),
        })
    }

    fn broadcast<C: Codec>(&self, opcode: u8, payload: &[u8]) {
        let mut frame = Vec::with_capacity(HEADER_BYTES_MAX + payload.len());
        append_frame::<C>(&mut frame, opcode, payload);
        match self.options.delivery {
            Delivery::Direct => {
                for connection in self.connections.borrow().iter() {
                    connection.send(&[IoSlice::new(&frame)]);
                }
            }
            Delivery::Queued => self.hub.broadcast(&Bytes::from(frame)),
        }
    }
}

/// The writing side, reachable from every task of the thread.
struct Connection {
    stream: RefCell<TcpStream>,
    backlog: RefCell<Vec<u8>>,
    waker: RefCell<Option<Waker>>,
}

impl Connection {
    /// Writes at once; what the socket refuses waits for the connection's task.
    fn send(&self, parts: &[IoSlice<'_>]) {
        let mut backlog = self.backlog.borrow_mut();
        let mut written = 0;
        if backlog.is_empty() {
            let stream = self.stream.borrow();
            let result = match parts {
                // A plain send is cheaper than a gathering one.
                [only] => stream.try_write(only),
                several => stream.try_write_vectored(several),
            };
            match result {
                Ok(count) => written = count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The reading side meets the same error and ends the connection.
                Err(_) => return,
            }
        }
        for part in parts {
            let skip = written.min(part.len());
            written -= skip;
            backlog.extend_from_slice(&part[skip..]);
        }
        if !backlog.is_empty()
            && let Some(waker) = self.waker.borrow().as_ref()
        {
            waker.wake_by_ref();
        }
    }

    fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()))
        {
            *waker = Some(cx.waker().clone());
        }
    }

    fn flush(&self, cx: &mut Context<'_>) -> std::io::Result<()> {
        let mut backlog = self.backlog.borrow_mut();
        while !backlog.is_empty() {
            match Pin::new(&mut *self.stream.borrow_mut()).poll_write(cx, &backlog) {
                Poll::Ready(count) => drop(backlog.drain(..count?)),
                Poll::Pending => return Ok(()),
            }
        }
        // An idle connection owns no buffer.
        *backlog = Vec::new();
        Ok(())
    }

    /// Appends to a buffer that has room.
    fn poll_read_more(&self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<usize> {
        let stream = self.stream.borrow();
        loop {
            if ready!(stream.poll_read_ready(cx)).is_err() {
                return Poll::Ready(0);
            }
            match stream.try_read_buf(buffer) {
                Ok(count) => return Poll::Ready(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(0),
            }
        }
    }

    fn poll_read(&self, cx: &mut Context<'_>, reading: Reading, scratch: &mut [u8]) -> Poll<usize> {
        let closed = 0;
        match reading {
            Reading::PollRead => {
                let mut buffer = ReadBuf::new(scratch);
                let mut stream = self.stream.borrow_mut();
                let result = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer));
                Poll::Ready(result.map_or(closed, |()| buffer.filled().len()))
            }
            Reading::TryReadUntilBlocked => {
                let stream = self.stream.borrow();
                loop {
                    if ready!(stream.poll_read_ready(cx)).is_err() {
                        return Poll::Ready(closed);
                    }
                    match stream.try_read(scratch) {
                        Ok(count) => return Poll::Ready(count),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(_) => return Poll::Ready(closed),
                    }
                }
            }
        }
    }
}

/// The connection's task.
pub async fn echo<C: Codec>(stream: TcpStream, shard: Rc<Shard>) {
    let connection = Rc::new(Connection {
        stream: RefCell::new(stream),
        backlog: RefCell::default(),
        waker: RefCell::default(),
    });
    shard.connections.borrow_mut().push(connection.clone());
    let outbox = matches!(shard.options.delivery, Delivery::Queued).then(|| shard.hub.join());
    let mut reader = Reader::<C> {
        connection: connection.clone(),
        shard: shard.clone(),
        outbox,
        assembly: Assembly::default(),
        partial: Vec::new(),
        codec: PhantomData,
    };
    poll_fn(|cx| reader.poll(cx)).await;
    shard
        .connections
        .borrow_mut()
        .retain(|other| !Rc::ptr_eq(other, &connection));
}

struct Reader<C> {
    connection: Rc<Connection>,
    shard: Rc<Shard>,
    outbox: Option<Rc<Outbox<Bytes>>>,
    assembly: Assembly,
    /// The start of a frame whose end has not come.
    partial: Vec<u8>,
    codec: PhantomData<C>,
}

impl<C: Codec> Reader<C> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.connection.register(cx);
        if self.connection.flush(cx).is_err() {
            return Poll::Ready(());
        }
        if let Some(outbox) = &self.outbox {
            while let Some(frame) = outbox.pop() {
                self.connection.send(&[IoSlice::new(&frame)]);
            }
            outbox.register(cx);
        }
        while self.connection.backlog.borrow().len() <= BACKLOG_BYTES_MAX {
            let count = if self.partial.is_empty() {
                self.receive(cx)
            } else {
                self.receive_more(cx)
            };
            match ready!(count) {
                Ok(0) => return Poll::Ready(()),
                Ok(_) => {}
                Err(violation) => {
                    self.fail(&violation);
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    }

    /// Between frames: everything happens in the thread's scratch buffer.
    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Violation>> {
        let shard = self.shard.clone();
        let mut scratch = shard.scratch.borrow_mut();
        let count = ready!(
            self.connection
                .poll_read(cx, shard.options.reading, &mut scratch)
        );
        let received = &mut scratch[..count];
        let (consumed, missing) = self.consume_in(received)?;
        if consumed < count {
            self.partial = shard.spares.borrow_mut().pop().unwrap_or_default();
            self.partial
                .reserve(count - consumed + missing.min(RESERVE_BYTES_MAX));
            self.partial.extend_from_slice(&received[consumed..]);
        }
        Poll::Ready(Ok(count))
    }

    /// Within a frame: the rest goes where its beginning is.
    fn receive_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Violation>> {
        let count = ready!(self.connection.poll_read_more(cx, &mut self.partial));
        let mut partial = std::mem::take(&mut self.partial);
        let (consumed, missing) = self.consume_in(&mut partial)?;
        partial.drain(..consumed);
        if partial.is_empty() {
            let mut spares = self.shard.spares.borrow_mut();
            if spares.len() < SPARES_MAX && partial.capacity() <= SCRATCH_BYTES {
                spares.push(partial);
            }
        } else {
            partial.reserve(missing.min(RESERVE_BYTES_MAX));
            self.partial = partial;
        }
        Poll::Ready(Ok(count))
    }

    fn consume_in(&mut self, bytes: &mut [u8]) -> Result<(usize, usize), Violation> {
        let mut replies = self.shard.replies.borrow_mut();
        let (connection, shard) = (&self.connection, &self.shard);
        let result =
            frames::consume::<C>(&mut self.assembly, bytes, |opcode, payload| match opcode {
                frames::PONG => {}
                frames::PING => append_frame::<C>(&mut replies, frames::PONG, payload),
                frames::CLOSE => append_frame::<C>(&mut replies, frames::CLOSE, payload),
                _ if payload.first() == Some(&BROADCAST) => shard.broadcast::<C>(opcode, payload),
                _ if payload.len() <= COALESCE_BYTES_MAX => {
                    append_frame::<C>(&mut replies, opcode, payload)
                }
                _ => {
                    let mut header = [0; HEADER_BYTES_MAX];
                    let header_bytes = C::format(opcode, payload.len(), &mut header);
                    let parts = [
                        IoSlice::new(&replies),
                        IoSlice::new(&header[..header_bytes]),
                        IoSlice::new(payload),
                    ];
                    connection.send(&parts);
                    replies.clear();
                }
            });
        if !replies.is_empty() {
            connection.send(&[IoSlice::new(&replies)]);
            replies.clear();
        }
        result
    }

    fn fail(&self, violation: &Violation) {
        let code: u16 = match violation {
            Violation::Protocol => 1002,
            Violation::Utf8 => 1007,
            Violation::TooBig => 1009,
        };
        let mut frame = Vec::new();
        append_frame::<C>(&mut frame, frames::CLOSE, &code.to_be_bytes());
        self.connection.send(&[IoSlice::new(&frame)]);
    }
}

fn append_frame<C: Codec>(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    let mut header = [0; HEADER_BYTES_MAX];
    let header_bytes = C::format(opcode, payload.len(), &mut header);
    out.extend_from_slice(&header[..header_bytes]);
    out.extend_from_slice(payload);
}
