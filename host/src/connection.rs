//! One WebSocket connection: its reading task, and its queue of frames to write.
//!
//! Called by `shard` (adopting an upgraded socket, writing) and `perform` (queueing). Its task only reads
//! and, when the socket would block, writes; it never calls a guest. An idle connection holds no read
//! buffer: small reads go through one buffer a thread.

use crate::counters::Counters;
use crate::guest::contract::{Cause, Deflate};
use crate::inbox::Inbox;
use crate::mailbox::{Shards, Upgraded};
use crate::telemetry::limited;
use crate::tickets::Ticket;
use crate::websocket::{Decoder, Framed, Incoming, Kind, Violation};
use bytes::{Buf, Bytes};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout};

/// The buffer that all connections of a thread read into.
const SCRATCH_BYTES: usize = 64 << 10;
/// The most that is set aside at once for a message that is not whole yet.
const PARTIAL_STEP_BYTES: usize = 64 << 10;
/// Buffers given to the kernel in one call.
const SLICES_MAX: usize = 64;
/// Pongs that may wait: a peer that pings without reading is answered no further.
const PONGS_BYTES_MAX: usize = 16 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// What all connections of a shard share.
pub struct Surroundings {
    pub inbox: Inbox,
    pub shards: Shards,
    pub shard: usize,
    pub counters: Arc<Counters>,
    /// Bytes one connection's queue may hold.
    pub outbox_bytes_max: usize,
    /// Bytes that one turn takes up.
    pub turn_bytes_max: usize,
    /// Bytes of notes that the protocol guest may leave.
    pub notes_bytes_max: usize,
    /// How long a closing handshake may take.
    pub close_timeout: Duration,
    /// How long a peer may take nothing of what waits for it.
    pub write_timeout: Duration,
    /// Messages a second that are read from one connection; 0 is any number.
    pub messages_per_second_max: u32,
}

impl Surroundings {
    /// Wakes the shard for a turn.
    fn wake(&self) {
        if let Some(mailbox) = self.shards.mailbox(self.shard) {
            mailbox.notify.notify_one();
        }
    }
}

/// The writing side of a connection. Exists from the moment the guest accepts an upgrade; frames
/// queued before the upgrade is through are written then.
pub struct Link {
    /// The connection's number.
    pub number: u64,
    /// The longest message taken from the peer, in bytes.
    receive_bytes_max: u64,
    writer: OnceCell<OwnedWriteHalf>,
    queue: RefCell<VecDeque<Bytes>>,
    queued_bytes: Cell<usize>,
    /// A task waits for the socket to take more.
    blocked: Cell<bool>,
    phase: Cell<Phase>,
    /// What was agreed on with the peer, known when the upgrade is through.
    deflate: Cell<Option<Deflate>>,
}

/// ```text
/// Open --close()--> Closing --queue written--> Finished --peer's end--> (reader ends, socket closed)
///   '------------------'---------abort()-----------'-----> Aborted ---> (reader ends, socket closed)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// A close frame is the last in the queue; what the peer still sends is ignored.
    Closing,
    /// The close frame is with the kernel, and this side of the stream has ended.
    Finished,
    /// Both sides have been shut down.
    Aborted,
}

/// What became of an attempt to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushed {
    /// All of it is with the kernel.
    Done,
    /// The socket takes no more for now.
    Blocked,
    /// The socket is broken: its reader will tell.
    Broken,
}

impl Link {
    /// A link for an upgrade that was just accepted.
    pub fn new(number: u64, receive_bytes_max: u64) -> Rc<Self> {
        Rc::new(Self {
            number,
            receive_bytes_max,
            writer: OnceCell::new(),
            queue: RefCell::default(),
            queued_bytes: Cell::new(0),
            blocked: Cell::new(false),
            phase: Cell::new(Phase::Open),
            deflate: Cell::new(None),
        })
    }

    /// Whether frames can still be sent.
    pub fn is_open(&self) -> bool {
        self.phase.get() == Phase::Open
    }

    /// Whether the peer takes frames more slowly than they come: some wait for its socket.
    pub fn is_blocked(&self) -> bool {
        self.blocked.get() || self.writer.get().is_none()
    }

    /// Bytes that wait to be written.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes.get()
    }

    /// How messages to the peer may be compressed, if they may.
    pub const fn deflate(&self) -> Option<Deflate> {
        self.deflate.get()
    }

    /// Queues a frame; it is written by the next flush. False when the queue would exceed `bytes_max`:
    /// the frame is not queued then. A frame that finds the queue empty is always taken.
    pub fn queue(&self, frame: &Bytes, bytes_max: usize) -> bool {
        if !self.is_open() {
            return true;
        }
        let bytes = self.queued_bytes.get() + frame.len();
        if bytes > bytes_max && self.queued_bytes.get() > 0 {
            return false;
        }
        self.push(frame.clone());
        true
    }

    /// Begins the closing handshake: after what is queued comes a close frame and nothing else. The
    /// caller flushes, and bounds the time by [`Link::close_in_time`].
    pub fn close(&self, code: Option<u16>, reason: &str) {
        if self.is_open() {
            self.push(Framed::close(code, reason).bytes);
            self.phase.set(Phase::Closing);
        }
    }

    /// Ends the connection without waiting for anything.
    pub fn abort(&self) {
        self.phase.set(Phase::Aborted);
        self.queue.take();
        self.queued_bytes.set(0);
        self.shut_down(Shutdown::Both);
    }

    fn push(&self, bytes: Bytes) {
        self.queued_bytes.set(self.queued_bytes.get() + bytes.len());
        self.queue.borrow_mut().push_back(bytes);
    }

    fn shut_down(&self, how: Shutdown) {
        if let Some(writer) = self.writer.get() {
            let socket: &TcpStream = writer.as_ref();
            // It may be over already; its reader tells.
            let _ = socket2::SockRef::from(socket).shutdown(how);
        }
    }

    /// Writes what it can without waiting. Returns the task that writes the rest, when there is one to
    /// start.
    #[must_use]
    pub fn flush(
        self: &Rc<Self>,
        surroundings: &Rc<Surroundings>,
    ) -> Option<impl Future<Output = ()> + use<>> {
        if self.blocked.get() || self.try_write() != Flushed::Blocked {
            return None;
        }
        self.blocked.set(true);
        Some(self.clone().write_rest(surroundings.clone()))
    }

    fn try_write(&self) -> Flushed {
        let Some(writer) = self.writer.get() else {
            return Flushed::Done;
        };
        let queue = &mut *self.queue.borrow_mut();
        while !queue.is_empty() {
            let attempt = if let (1, Some(only)) = (queue.len(), queue.front()) {
                writer.try_write(only)
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = queue
                    .iter()
                    .zip(slices.iter_mut())
                    .map(|(bytes, slice)| *slice = IoSlice::new(bytes))
                    .count();
                writer.try_write_vectored(slices.get(..count).unwrap_or_default())
            };
            match attempt {
                Ok(written) => {
                    self.queued_bytes
                        .set(self.queued_bytes.get().saturating_sub(written));
                    advance(queue, written);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flushed::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    queue.clear();
                    self.queued_bytes.set(0);
                    return Flushed::Broken;
                }
            }
        }
        if queue.capacity() > SLICES_MAX {
            *queue = VecDeque::new();
        }
        if self.phase.get() == Phase::Closing {
            self.phase.set(Phase::Finished);
            self.shut_down(Shutdown::Write);
        }
        Flushed::Done
    }

    /// Runs while the socket would block: writes when it takes more, gives up when it takes nothing
    /// for `write_timeout`.
    async fn write_rest(self: Rc<Self>, surroundings: Rc<Surroundings>) {
        let Some(writer) = self.writer.get() else {
            return;
        };
        loop {
            match timeout(surroundings.write_timeout, writer.writable()).await {
                Ok(Ok(())) => match self.try_write() {
                    Flushed::Blocked => {}
                    Flushed::Done | Flushed::Broken => break,
                },
                Ok(Err(_)) => break,
                Err(_) => {
                    let waiting_bytes = self.queued_bytes();
                    limited!(
                        info,
                        connection = self.number,
                        shard = surroundings.shard,
                        waiting_bytes,
                        "closed a peer that takes nothing"
                    );
                    surroundings.counters.slow_peers_closed.add(1);
                    if self.is_open() {
                        surroundings.inbox.closed(self.number, Cause::Slow);
                        surroundings.wake();
                    }
                    self.abort();
                    break;
                }
            }
        }
        self.blocked.set(false);
    }

    /// Ends the connection if the peer does not finish the closing handshake in time.
    pub async fn close_in_time(self: Rc<Self>, surroundings: Rc<Surroundings>) {
        sleep(surroundings.close_timeout).await;
        self.abort();
    }
}

fn advance(queue: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(front) = queue.front_mut() {
        if written < front.len() {
            front.advance(written);
            return;
        }
        written -= front.len();
        queue.pop_front();
    }
}

/// Takes over an upgraded socket: gives the link its writer and returns the task that reads.
///
/// # Errors
/// When the socket cannot be registered with this thread's runtime.
pub fn adopt(
    link: &Rc<Link>,
    upgraded: Upgraded,
    surroundings: &Rc<Surroundings>,
) -> std::io::Result<impl Future<Output = ()> + use<>> {
    let Upgraded {
        socket,
        already,
        deflate,
        ticket,
    } = upgraded;
    socket.set_nonblocking(true)?;
    let (reader, writer) = TcpStream::from_std(socket)?.into_split();
    let _ = link.writer.set(writer);
    link.deflate.set(deflate);
    let reading = Reading {
        decoder: Decoder::new(link.receive_bytes_max, deflate.is_some()),
        partial: already.to_vec(),
        needs: 0,
        second: None,
        _ticket: ticket,
        link: link.clone(),
        surroundings: surroundings.clone(),
    };
    Ok(reading.run(reader))
}

/// The reading side of a connection.
struct Reading {
    link: Rc<Link>,
    surroundings: Rc<Surroundings>,
    decoder: Decoder,
    /// The beginning of a frame whose end has not come. Empty, and without memory, between messages.
    partial: Vec<u8>,
    /// How long the partial frame will be, if known.
    needs: usize,
    /// The second that is being counted, and how many messages came in it.
    second: Option<(Instant, u32)>,
    _ticket: Arc<Ticket>,
}

impl Reading {
    /// Reads until the stream ends, and tells the inbox when and why the connection is over.
    async fn run(mut self, mut reader: OwnedReadHalf) {
        let mut cause = self.decode_partial();
        while cause.is_none() && self.link.is_open() {
            self.wait_for_allowance().await;
            cause = match self.read(&mut reader).await {
                Ok(0) | Err(Cause::Failed) if !self.link.is_open() => None,
                Ok(0) => Some(Cause::Peer),
                Ok(_) => None,
                Err(cause) => Some(cause),
            };
        }
        // A connection that the guest closed is not told of.
        if let Some(cause) = cause {
            self.surroundings.inbox.closed(self.link.number, cause);
            self.surroundings.wake();
        }
        self.linger(&mut reader).await;
        self.surroundings.inbox.gone(self.link.number);
        self.surroundings.wake();
    }

    /// One read from the socket, when the inbox has space: into the thread's buffer, or behind a partial
    /// frame.
    async fn read(&mut self, reader: &mut OwnedReadHalf) -> Result<usize, Cause> {
        poll_fn(|context| {
            ready!(self.surroundings.inbox.poll_space(context));
            if self.decoder.is_paused() && !self.partial.is_empty() {
                let count = self.partial.len();
                return Poll::Ready(self.decode_partial().map_or(Ok(count), Err));
            }
            SCRATCH.with_borrow_mut(|scratch| {
                if self.partial.is_empty() {
                    let mut buffer = ReadBuf::new(scratch);
                    ready!(Pin::new(&mut *reader).poll_read(context, &mut buffer))
                        .map_err(|_| Cause::Failed)?;
                    let count = buffer.filled().len();
                    let bytes = scratch.get_mut(..count).unwrap_or_default();
                    return Poll::Ready(self.decode(bytes).map(|()| count));
                }
                let step = self
                    .needs
                    .saturating_sub(self.partial.len())
                    .clamp(1, PARTIAL_STEP_BYTES)
                    .max(512);
                self.partial.reserve(step);
                let mut buffer = ReadBuf::uninit(self.partial.spare_capacity_mut());
                ready!(Pin::new(&mut *reader).poll_read(context, &mut buffer))
                    .map_err(|_| Cause::Failed)?;
                let count = buffer.filled().len();
                // SAFETY: the buffer was this vector's spare capacity, and so much of it was filled.
                #[expect(
                    unsafe_code,
                    reason = "reading into a vector's spare capacity without clearing it first"
                )]
                unsafe {
                    self.partial.set_len(self.partial.len() + count);
                }
                Poll::Ready(self.decode_partial().map_or(Ok(count), Err))
            })
        })
        .await
    }

    /// Decodes the partial frame, if it has become whole.
    fn decode_partial(&mut self) -> Option<Cause> {
        if self.partial.is_empty() || self.partial.len() < self.needs {
            return None;
        }
        let mut bytes = std::mem::take(&mut self.partial);
        self.decode(&mut bytes).err()
    }

    /// Gives whole frames to the inbox and keeps the beginning of the next.
    fn decode(&mut self, bytes: &mut [u8]) -> Result<(), Cause> {
        if !self.link.is_open() {
            return Ok(());
        }
        let Self {
            decoder,
            link,
            surroundings,
            second,
            ..
        } = self;
        let mut closing = None;
        let mut count = 0_u32;
        let decoded = decoder.decode(bytes, |incoming| {
            if closing.is_some() {
                return;
            }
            count += 1;
            match incoming {
                Incoming::Text(text) => surroundings.inbox.text(link.number, text),
                Incoming::Binary(bytes) => surroundings.inbox.binary(link.number, bytes),
                Incoming::Ping(payload) if link.queued_bytes() < PONGS_BYTES_MAX => {
                    link.push(Framed::new(Kind::Pong, payload).bytes);
                }
                Incoming::Ping(_) | Incoming::Pong => {}
                Incoming::Close(code) => closing = Some(code),
            }
        });
        surroundings.counters.frames_in.add(u64::from(count));
        // What is left is counted when it is taken.
        let used = decoded.as_ref().map_or(bytes.len(), |(used, _)| *used);
        surroundings.counters.bytes_in.add(used as u64);
        if let Some((_, counted)) = second {
            *counted += count;
        }
        let cause = match (decoded, closing) {
            (_, Some(code)) => {
                self.link.close(code, "");
                Err(Cause::Peer)
            }
            (Ok((used, needs)), None) => {
                self.partial = bytes.get(used..).unwrap_or_default().to_vec();
                self.needs = needs;
                Ok(())
            }
            (Err(violation), None) => {
                tracing::debug!(connection = self.link.number, shard = self.surroundings.shard, %violation, "closing a peer");
                self.link.close(Some(violation.code()), "");
                Err(if violation == Violation::TooLong {
                    Cause::TooLong
                } else {
                    Cause::Invalid
                })
            }
        };
        if !self.link.queue.borrow().is_empty() {
            start(self.link.flush(&self.surroundings));
        }
        if !self.surroundings.inbox.is_empty() {
            self.surroundings.wake();
        }
        cause
    }

    /// After the last message: waits until the peer has ended its side too, so that what was sent to
    /// it arrives, but not longer than `close_timeout`.
    async fn linger(&mut self, reader: &mut OwnedReadHalf) {
        self.partial = Vec::new();
        if self.link.is_open() {
            self.link.abort();
            return;
        }
        let rest = poll_fn(|context| {
            SCRATCH.with_borrow_mut(|scratch| {
                loop {
                    let mut buffer = ReadBuf::new(scratch);
                    match ready!(Pin::new(&mut *reader).poll_read(context, &mut buffer)) {
                        Ok(()) if !buffer.filled().is_empty() => {}
                        Ok(()) | Err(_) => return Poll::Ready(()),
                    }
                }
            })
        });
        // What waits for this peer may take as long as any write may, its answer `close_timeout`.
        let patience = self.surroundings.close_timeout
            + if self.link.is_blocked() {
                self.surroundings.write_timeout
            } else {
                Duration::ZERO
            };
        let _ = timeout(patience, rest).await;
        self.link.abort();
    }

    /// Sleeps for the rest of a second in which the peer has sent as many messages as it may.
    async fn wait_for_allowance(&mut self) {
        let max = self.surroundings.messages_per_second_max;
        if max == 0 {
            return;
        }
        let now = Instant::now();
        let (since, count) = self.second.unwrap_or((now, 0));
        let end = since + Duration::from_secs(1);
        if now >= end {
            self.second = Some((now, 0));
        } else if count >= max {
            tokio::time::sleep_until(end).await;
            self.second = Some((end, count - max));
        } else {
            self.second = Some((since, count));
        }
    }
}

/// Starts a task that writes the rest, if there is one.
fn start(task: Option<impl Future<Output = ()> + 'static>) {
    if let Some(task) = task {
        tokio::task::spawn_local(task);
    }
}
