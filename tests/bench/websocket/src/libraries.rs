//! The candidates that own the stream: fastwebsockets, tokio-websockets, tokio-tungstenite.
//!
//! Called by `serve` with an upgraded stream. Each is written the way its crate performs
//! best: replies to all frames of one read leave in one write where the crate allows that.

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use fastwebsockets::{
    FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, Role, WebSocket,
};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::net::TcpStream;

use crate::frames::MESSAGE_BYTES_MAX;
use crate::hub::{BROADCAST, Hub};

/// Messages read before the replies leave.
const BATCH_MAX: usize = 32;

/// Flattering: a host must also write what others send, which this form cannot (reading is
/// not cancel safe, and writing needs `&mut self`). See `echo_fastwebsockets_split`.
pub async fn echo_fastwebsockets(stream: TcpStream) {
    let mut socket = WebSocket::after_handshake(stream, Role::Server);
    socket.set_max_message_size(MESSAGE_BYTES_MAX);
    let mut socket = FragmentCollector::new(socket);
    while let Ok(frame) = socket.read_frame().await {
        if matches!(frame.opcode, OpCode::Text | OpCode::Binary)
            && socket.write_frame(frame).await.is_err()
        {
            return;
        }
    }
}

/// The form a host would need: a reading and a writing future side by side in one task.
pub async fn echo_fastwebsockets_split(stream: TcpStream, hub: Rc<Hub<(OpCode, Bytes)>>) {
    let mut socket = WebSocket::after_handshake(stream, Role::Server);
    socket.set_max_message_size(MESSAGE_BYTES_MAX);
    let (reader, mut writer) = socket.split(TcpStream::into_split);
    let outbox = hub.join();
    let reading = async {
        let mut reader = FragmentCollectorRead::new(reader);
        // Owed pongs and closes are dropped here: the load has none.
        while let Ok(frame) = reader
            .read_frame(&mut |_| ready(Ok::<(), Infallible>(())))
            .await
        {
            if !matches!(frame.opcode, OpCode::Text | OpCode::Binary) {
                return;
            }
            let opcode = frame.opcode;
            let payload = match frame.payload {
                Payload::Bytes(bytes) => bytes.freeze(),
                other => Bytes::copy_from_slice(&other),
            };
            if payload.first() == Some(&BROADCAST) {
                hub.broadcast(&(opcode, payload));
            } else {
                outbox.push((opcode, payload));
            }
        }
    };
    let writing = async {
        loop {
            let (opcode, payload) = poll_fn(|cx| match outbox.pop() {
                Some(message) => Poll::Ready(message),
                None => {
                    outbox.register(cx);
                    Poll::Pending
                }
            })
            .await;
            let frame = Frame::new(true, opcode, None, Payload::Borrowed(&payload));
            if writer.write_frame(frame).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

pub async fn echo_tokio_websockets(stream: TcpStream, hub: Rc<Hub<tokio_websockets::Message>>) {
    let limits = tokio_websockets::Limits::default().max_payload_len(Some(MESSAGE_BYTES_MAX));
    let socket = tokio_websockets::ServerBuilder::new()
        .limits(limits)
        .serve(stream);
    echo_stream(socket, hub, |message| {
        if !message.is_text() && !message.is_binary() {
            return Kind::Control;
        }
        Kind::of(message.as_payload())
    })
    .await;
}

pub async fn echo_tokio_tungstenite(stream: TcpStream, hub: Rc<Hub<tungstenite::Message>>) {
    const BUFFER_BYTES: usize = 4096;
    let config = tungstenite::protocol::WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let role = tungstenite::protocol::Role::Server;
    let socket =
        tokio_tungstenite::WebSocketStream::from_raw_socket(stream, role, Some(config)).await;
    echo_stream(socket, hub, |message| match message {
        tungstenite::Message::Text(text) => Kind::of(text.as_bytes()),
        tungstenite::Message::Binary(bytes) => Kind::of(bytes),
        _ => Kind::Control,
    })
    .await;
}

enum Kind {
    Control,
    Echo,
    Broadcast,
}

impl Kind {
    fn of(payload: &[u8]) -> Self {
        if payload.first() == Some(&BROADCAST) {
            Self::Broadcast
        } else {
            Self::Echo
        }
    }
}

/// Reads until nothing is left, queues what is to be sent, and flushes once. Replies wait
/// until then because tokio-websockets flushes whatever is queued before it reads.
async fn echo_stream<S, M, E>(mut socket: S, hub: Rc<Hub<M>>, kind: impl Fn(&M) -> Kind)
where
    S: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
    M: Clone,
{
    let outbox = hub.join();
    let mut unsent: Option<M> = None;
    poll_fn(|cx| {
        for turn in 0..=BATCH_MAX {
            if turn == BATCH_MAX {
                cx.waker().wake_by_ref();
                break;
            }
            match Pin::new(&mut socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => match kind(&message) {
                    Kind::Echo => outbox.push_quietly(message),
                    Kind::Broadcast => hub.broadcast(&message),
                    Kind::Control => {}
                },
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    outbox.register(cx);
                    break;
                }
            }
        }
        while let Some(message) = unsent.take().or_else(|| outbox.pop()) {
            match Pin::new(&mut socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {
                    if Pin::new(&mut socket).start_send(message).is_err() {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {
                    unsent = Some(message);
                    return Poll::Pending;
                }
            }
        }
        match Pin::new(&mut socket).poll_flush(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}
