//! Packets of `socket.io-msgpack-parser` 3 (`notepack.io` 2): one binary message each, a map of `type`,
//! `nsp`, `data` and `id`. Read into, and written from, the JSON text and attachments of the contract:
//! no tree is built on either way. Pure.
//!
//! What JSON cannot say becomes what `JSON.stringify` would make of it: `undefined` is left out of
//! objects and `null` in arrays, NaN and the infinities are `null`, a Date is its ISO text. Binary values
//! are attachments. Where this differs from the package, on purpose: see `docs/differences.md`.
//!
//! | file | is |
//! |---|---|
//! | `decode.rs` | a packet from its bytes |
//! | `value.rs` | any value to JSON text |
//! | `encode.rs` | JSON text to bytes |
//! | `number.rs` | numbers and dates as JavaScript writes them |

mod decode;
mod encode;
mod number;
#[cfg(test)]
mod tests;
mod value;

pub use decode::decode;
pub use encode::{encode_ack, encode_control, encode_event};
