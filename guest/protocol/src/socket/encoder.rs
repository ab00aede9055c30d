//! Packets to frames, in the words of whichever parser is set. Everything that is sent goes through
//! here: the frames are appended to an `Answer`, from where they can also be read back.

use super::{msgpack, packet};
use crate::answer::Answer;
use crate::contract::Payload;
use crate::settings::Parser;

/// A packet that is not for handlers. JSON text that is empty means that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// CONNECT.
    Connect { json: &'a str },
    /// DISCONNECT.
    Disconnect,
    /// CONNECT_ERROR over what an app, or a limit, does not let in.
    Refused { json: &'a str },
    /// CONNECT_ERROR over a namespace that there is not.
    Unknown { json: &'a str },
}

/// Whom an EVENT goes to: the msgpack parser of the reference writes the fields in another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One socket.
    One,
    /// An audience.
    Audience,
}

/// Writes a packet that is not for handlers.
pub fn encode_control(parser: Parser, namespace: &str, control: Control<'_>, answer: &mut Answer) {
    match parser {
        Parser::Text => {
            let (kind, json) = match control {
                Control::Connect { json } => ("40", json),
                Control::Disconnect => ("41", ""),
                Control::Refused { json } | Control::Unknown { json } => ("44", json),
            };
            packet::encode_control(kind, namespace, json, answer);
        }
        Parser::Msgpack => msgpack::encode_control(namespace, control, answer),
    }
}

/// Writes an EVENT. False: the payload is not JSON, and nothing was written (only the msgpack parser has
/// to read it).
pub fn encode_event(
    parser: Parser,
    namespace: &str,
    ack: Option<u64>,
    payload: &Payload,
    reach: Reach,
    answer: &mut Answer,
) -> bool {
    match parser {
        Parser::Text => {
            packet::encode_event(namespace, ack, payload, answer);
            true
        }
        Parser::Msgpack => msgpack::encode_event(namespace, ack, payload, reach, answer),
    }
}

/// Writes an ACK. False: as with `encode_event`.
pub fn encode_ack(
    parser: Parser,
    namespace: &str,
    ack: u64,
    payload: &Payload,
    answer: &mut Answer,
) -> bool {
    match parser {
        Parser::Text => {
            packet::encode_ack(namespace, ack, payload, answer);
            true
        }
        Parser::Msgpack => msgpack::encode_ack(namespace, ack, payload, answer),
    }
}
