//! Messages to, and orders for, everybody in some rooms (Socket.IO `BroadcastOperator`).

use crate::acks::OnAcks;
use crate::answer::Answer;
use crate::bindings::exports::holdfast::edge::types::{
    Act, Audience, AudienceDisconnect, AudienceRooms, Broadcast as Message, Delivery,
};
use crate::fetch::RemoteSocket;
use crate::message::{event_payload, with};
use crate::namespace::Namespace;
use crate::rooms::Rooms;
use crate::timed::Timed;
use crate::{AckError, AcksError, Socket};
use serde::Serialize;
use std::time::Duration;

/// Everybody in a namespace who is in one of some rooms (all, when there are none) and in none of others.
///
/// ```
/// # fn app(io: &holdfast_sdk::Io) {
/// io.to("news").except("muted").emit("headline", "It works");
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing is sent before `emit`"]
pub struct Broadcast {
    namespace: Namespace,
    rooms: Vec<String>,
    except: Vec<String>,
    delivery: Delivery,
}

impl Broadcast {
    pub(crate) fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            rooms: Vec::new(),
            except: Vec::new(),
            delivery: Delivery::empty(),
        }
    }

    pub(crate) fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Also those in these rooms.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        self.rooms.extend(rooms.into_rooms());
        self
    }

    /// But not those in these rooms. A socket's id is a room.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        self.except.extend(rooms.into_rooms());
        self
    }

    /// Only those connected to this node.
    pub fn local(mut self) -> Self {
        self.delivery |= Delivery::LOCAL;
        self
    }

    /// The message may be lost for those who cannot be written to at once.
    pub fn volatile(mut self) -> Self {
        self.delivery |= Delivery::VOLATILE;
        self
    }

    /// Whether the message may be compressed on its way.
    pub fn compress(mut self, compressed: bool) -> Self {
        self.delivery = with(self.delivery, Delivery::UNCOMPRESSED, !compressed);
        self
    }

    /// Sends a message. A reserved name, or arguments that are no JSON: nothing, and an error in the log.
    pub fn emit(&self, event: &str, args: impl Serialize) {
        if let Some(payload) = event_payload(event, &args) {
            self.order_message(payload, None);
        }
    }

    /// Sends a `message` event.
    pub fn send(&self, args: impl Serialize) {
        self.emit("message", args);
    }

    /// With a time within which to acknowledge the next message: see
    /// [`Timed::emit_with_acks`](Timed#method.emit_with_acks).
    pub fn timeout(self, timeout: Duration) -> Timed<Self> {
        Timed::new(self, timeout)
    }

    /// Sends a message that wants answers, which are handed over as they come.
    pub(crate) fn ask(&self, event: &str, args: &impl Serialize, timeout: Duration, done: OnAcks) {
        let runtime = self.namespace.runtime();
        let Some(payload) = event_payload(event, args) else {
            return runtime.defer(move || {
                done(Err(AcksError {
                    answers: Vec::new(),
                    cause: AckError::NotSent,
                }))
            });
        };
        let ack = runtime.await_acks(timeout, done);
        if ack.is_some() {
            self.order_message(payload, ack);
        }
    }

    /// Makes them all join rooms.
    pub fn sockets_join(&self, rooms: impl Rooms) {
        let rooms = rooms.into_rooms();
        self.each_known(|socket| socket.note_joined(&rooms));
        self.namespace
            .runtime()
            .order_all(Act::AudienceJoin(AudienceRooms {
                to: self.audience(),
                rooms,
                local: self.delivery.contains(Delivery::LOCAL),
            }));
    }

    /// Makes them all leave rooms.
    pub fn sockets_leave(&self, rooms: impl Rooms) {
        let rooms = rooms.into_rooms();
        self.each_known(|socket| socket.note_left(&rooms));
        self.namespace
            .runtime()
            .order_all(Act::AudienceLeave(AudienceRooms {
                to: self.audience(),
                rooms,
                local: self.delivery.contains(Delivery::LOCAL),
            }));
    }

    /// Disconnects them all; with `true` their whole sessions.
    pub fn disconnect_sockets(&self, close: bool) {
        self.namespace
            .runtime()
            .order_all(Act::AudienceDisconnect(AudienceDisconnect {
                to: self.audience(),
                close,
                local: self.delivery.contains(Delivery::LOCAL),
            }));
    }

    /// Asks who they are, on all nodes: await the list, or give it a function with [`Answer::then`].
    /// After `FETCH_TIMEOUT_MS` it holds those known until then.
    pub fn fetch_sockets(&self) -> Answer<Vec<RemoteSocket>> {
        let (sender, answer) = Answer::new();
        self.namespace.runtime().fetch(
            self.namespace.clone(),
            self.audience(),
            self.delivery.contains(Delivery::LOCAL),
            move |sockets| sender.send(sockets),
        );
        answer
    }

    fn order_message(&self, payload: crate::Payload, ack: Option<u64>) {
        self.tell_outgoing(&payload);
        let message = Message {
            to: self.audience(),
            payload,
            delivery: self.delivery,
            ack,
        };
        self.namespace.runtime().order_all(Act::Broadcast(message));
    }

    fn audience(&self) -> Audience {
        Audience {
            namespace: self.namespace.name().to_owned(),
            rooms: self.rooms.clone(),
            except: self.except.clone(),
        }
    }

    /// Keeps `Socket::rooms` true for the sockets that this instance serves.
    fn each_known(&self, note: impl Fn(&Socket)) {
        for socket in self.namespace.runtime().sockets.borrow().values() {
            if self.addresses(socket) {
                note(socket);
            }
        }
    }

    fn addresses(&self, socket: &Socket) -> bool {
        socket.namespace().name() == self.namespace.name()
            && (self.rooms.is_empty() || self.rooms.iter().any(|room| socket.is_in(room)))
            && !self.except.iter().any(|room| socket.is_in(room))
    }

    /// Calls the outgoing listeners of the receivers that this instance serves.
    fn tell_outgoing(&self, payload: &crate::Payload) {
        let runtime = self.namespace.runtime();
        if !runtime.hears_outgoing.get() {
            return;
        }
        let mut receivers: Vec<Socket> = Vec::new();
        for socket in runtime.sockets.borrow().values() {
            if socket.is_connected() && self.addresses(socket) {
                receivers.push(socket.clone());
            }
        }
        // The map's order means nothing, and the listeners' order decides that of their commands.
        receivers.sort_by_key(Socket::number);
        for socket in receivers {
            socket.tell_outgoing(payload);
        }
    }
}
