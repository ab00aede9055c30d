//! What every message of the app has in common: flags, reserved names, one place where it is encoded.

use crate::args::encode_event;
use crate::bindings::exports::holdfast::edge::types::{Delivery, Payload};
use crate::log::error;
use crate::log::quoted;
use serde::Serialize;

/// Names of events that Socket.IO keeps for itself: nobody can send them.
pub const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Names of server-side messages that Socket.IO keeps for itself: nobody can send them.
pub const RESERVED_SERVER_EVENTS: [&str; 3] = ["connect", "connection", "new_namespace"];

/// The payload of an event. None, with an error in the log, when it cannot be sent.
pub(crate) fn event_payload(event: &str, args: &impl Serialize) -> Option<Payload> {
    if RESERVED_EVENTS.contains(&event) {
        error!("emit: {event:?} is a reserved event name, nothing is sent");
        return None;
    }
    match encode_event(event, args) {
        Ok(payload) => Some(payload),
        Err(reason) => {
            error!("emit of {}: {reason}, nothing is sent", quoted(event));
            None
        }
    }
}

/// Sets or clears one flag.
pub(crate) fn with(delivery: Delivery, flag: Delivery, is_set: bool) -> Delivery {
    if is_set {
        delivery | flag
    } else {
        delivery - flag
    }
}
