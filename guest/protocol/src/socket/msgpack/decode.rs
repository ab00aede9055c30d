//! A packet from its bytes (reference: `socket.io-msgpack-parser`, `Decoder.add` and `checkPacket`).

use super::value::{Kind, Reader};
use crate::limits::{ACK_MAX, NAMESPACE_BYTES_MAX};
use crate::socket::json;
use crate::socket::packet::{PacketKind, is_reserved};

/// A packet, read.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    pub kind: PacketKind,
    pub namespace: String,
    pub ack: Option<u64>,
    /// JSON text; empty when there was none.
    pub json: String,
    pub attachments: Vec<Vec<u8>>,
}

/// Reads a packet. None is a parse error.
pub fn decode(bytes: &[u8]) -> Option<Decoded> {
    let mut reader = Reader::new(bytes);
    let entries = reader.map_header()?;
    let mut kind = None;
    let mut namespace = None;
    let mut ack = None;
    let mut data = None;
    let mut json = String::new();
    let mut attachments = Vec::new();
    let mut scratch = String::new();
    let mut unused = Vec::new();
    for _ in 0..entries {
        scratch.clear();
        reader.key(&mut scratch)?;
        // Of a key that comes twice the last value counts.
        match scratch.as_str() {
            "\"type\"" => kind = Some(reader.number()?),
            "\"nsp\"" => namespace = Some(reader.string()?),
            "\"id\"" => ack = reader.number_or_undefined()?,
            "\"data\"" => {
                json.clear();
                attachments.clear();
                data = Some(reader.value(&mut json, &mut attachments)?);
            }
            _ => {
                scratch.clear();
                unused.clear();
                reader.value(&mut scratch, &mut unused)?;
            }
        }
    }
    if !reader.is_at_end() {
        return None;
    }
    let kind = packet_kind(kind?)?;
    let namespace = namespace.filter(|name| name.len() <= NAMESPACE_BYTES_MAX)?;
    let data = data.unwrap_or(Kind::Undefined);
    let fits = match kind {
        PacketKind::Connect => matches!(data, Kind::Undefined | Kind::Object),
        PacketKind::Disconnect => data == Kind::Undefined,
        PacketKind::ConnectError => matches!(data, Kind::String | Kind::Object),
        PacketKind::Event | PacketKind::Ack => data == Kind::Array,
    };
    if !fits {
        return None;
    }
    if data == Kind::Undefined {
        json.clear();
    }
    if kind == PacketKind::Event && !is_named(&json)? {
        json.clear();
    }
    Some(Decoded {
        kind,
        namespace,
        ack: ack.map(ack_number).unwrap_or(Some(None))?,
        json,
        attachments,
    })
}

/// Whether an event has a name that somebody may listen to; none if it is a reserved one.
fn is_named(json: &str) -> Option<bool> {
    let shape = json::scan(json)?;
    match shape.first {
        Some(json::Kind::Number) => Some(true),
        Some(json::Kind::String) => {
            let name = json.get(shape.first_at)?;
            (!is_reserved(name)).then_some(true)
        }
        _ => Some(false),
    }
}

fn packet_kind(number: f64) -> Option<PacketKind> {
    let kinds = [
        (0.0, PacketKind::Connect),
        (1.0, PacketKind::Disconnect),
        (2.0, PacketKind::Event),
        (3.0, PacketKind::Ack),
        (4.0, PacketKind::ConnectError),
    ];
    let found = kinds.into_iter().find(|(of, _)| *of == number);
    found.map(|(_, kind)| kind)
}

/// The outer none is an error.
#[expect(
    clippy::option_option,
    reason = "the outer level is the error, as in `codec.rs`"
)]
fn ack_number(number: f64) -> Option<Option<u64>> {
    let whole = number.fract() == 0.0 && (0.0..=ACK_MAX as f64).contains(&number);
    whole.then_some(Some(number as u64))
}
