//! Arguments of events and acknowledgements.
//!
//! One rule both ways, as Rust users of Socket.IO know it: **a tuple is several arguments, `()` is
//! none, anything else is one.** [`Args`] is all arguments as they came, and as the last element of a
//! tuple the rest of them.
//!
//! Reading is as lenient as JavaScript: arguments beyond those asked for are ignored, and missing ones
//! are `None` where an `Option` is asked for.

mod binary;
mod read;
mod write;

pub use binary::Binary;
pub(crate) use write::{encode_answer, encode_event};

use crate::ArgsError;
use crate::bindings::exports::holdfast::edge::types::Payload;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::rc::Rc;

/// The name by which this crate's reader and writer recognise [`Args`] in the middle of serde.
pub(crate) const ARGS: &str = "$holdfast::Args";

/// Arguments as they came, not parsed: to be passed on, or read later. Cheap to clone.
///
/// ```
/// # use holdfast_sdk::{Socket, Args, Ack};
/// # fn connected(socket: &Socket) {
/// socket.on("echo", |socket: &Socket, args: Args| socket.emit("echo", args));
/// socket.on("relay", |socket: &Socket, (room, rest): (String, Args)| {
///     socket.to(&room).emit("relayed", (&room, rest));
/// });
/// # }
/// ```
#[derive(Clone)]
pub struct Args {
    /// From byte `at` on, a JSON array. None is an empty one.
    json: Option<Rc<String>>,
    at: usize,
    attachments: Option<Rc<Vec<Vec<u8>>>>,
}

impl Args {
    /// No arguments.
    #[must_use]
    pub fn none() -> Self {
        Self {
            json: None,
            at: 0,
            attachments: None,
        }
    }

    /// The arguments as what a handler would take: a tuple, one value, or [`Args`].
    ///
    /// # Errors
    /// When they are not that, with the position of the first argument that is wrong.
    pub fn read<A: DeserializeOwned>(&self) -> Result<A, ArgsError> {
        self.read_from(0).map(|(value, _)| value)
    }

    /// The arguments after the first so many, and how many of them were asked for.
    pub(crate) fn read_from<A: DeserializeOwned>(
        &self,
        skipped: usize,
    ) -> Result<(A, usize), ArgsError> {
        read::read_from(self, skipped)
    }

    /// All arguments as a JSON array. Binary values are placeholder objects in it.
    #[must_use]
    pub fn json(&self) -> &str {
        self.json
            .as_ref()
            .and_then(|json| json.get(self.at..))
            .unwrap_or("[]")
    }

    /// The binary values that placeholders point to.
    #[must_use]
    pub fn attachments(&self) -> &[Vec<u8>] {
        self.attachments.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner().is_empty()
    }

    /// The arguments of an acknowledgement: all of the payload.
    pub(crate) fn whole(payload: Payload) -> Self {
        Self::new(payload.json, 0, payload.attachments)
    }

    fn new(json: String, at: usize, attachments: Vec<Vec<u8>>) -> Self {
        let attachments = if attachments.is_empty() {
            None
        } else {
            Some(Rc::new(attachments))
        };
        Self {
            json: Some(Rc::new(json)),
            at,
            attachments,
        }
    }

    /// What stands between the brackets.
    fn inner(&self) -> &str {
        let text = self.json().trim();
        text.strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or("")
            .trim()
    }

    /// Without the first so many.
    fn rest(&self, skipped: usize) -> Self {
        if skipped == 0 {
            return self.clone();
        }
        let inner = self.inner();
        let mut at = 0;
        for _ in 0..skipped {
            let text = inner.get(at..).unwrap_or("");
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
            if !matches!(values.next(), Some(Ok(_))) {
                return Self::none();
            }
            at += values.byte_offset();
            let text = inner.get(at..).unwrap_or("");
            at += text.find(',').map_or(text.len(), |comma| comma + 1);
        }
        let json = format!("[{}]", inner.get(at..).unwrap_or(""));
        Self {
            json: Some(Rc::new(json)),
            at: 0,
            attachments: self.attachments.clone(),
        }
    }
}

/// An event's payload as its name and arguments. None when it is no event: no array, or a first
/// element that is neither text nor a number.
pub(crate) fn split_event(payload: Payload) -> Option<(Rc<str>, Args)> {
    let mut json = payload.json;
    let open = json.find(|c: char| !c.is_ascii_whitespace())?;
    let text = json.get(open..)?.strip_prefix('[')?;
    let (name, length) = plain_name(text).or_else(|| other_name(text))?;
    let end = open + 1 + length;
    let after = json.get(end..)?;
    let mark = end + after.find(|c: char| !c.is_ascii_whitespace())?;
    // What follows the name becomes an array of its own by changing one byte: `["name",1]` to `["name"[1]`.
    let args = match json.as_bytes().get(mark)? {
        b',' => {
            json.replace_range(mark..=mark, "[");
            Args::new(json, mark, payload.attachments)
        }
        b']' => Args::none(),
        _ => return None,
    };
    Some((name, args))
}

/// A name without escapes, and where it ends.
fn plain_name(text: &str) -> Option<(Rc<str>, usize)> {
    let name = text.strip_prefix('"')?;
    let end = name
        .bytes()
        .position(|byte| byte == b'"' || byte == b'\\')?;
    let plain = name.as_bytes().get(end) == Some(&b'"');
    if plain {
        Some((name.get(..end)?.into(), end + 2))
    } else {
        None
    }
}

/// A name with escapes, or a number, which JavaScript takes for its text.
fn other_name(text: &str) -> Option<(Rc<str>, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    let name = match values.next()?.ok()? {
        serde_json::Value::String(name) => name,
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some((name.into(), values.byte_offset()))
}

impl PartialEq for Args {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json() && self.attachments() == other.attachments()
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json())?;
        if self.attachments().is_empty() {
            Ok(())
        } else {
            write!(f, " + {} attachments", self.attachments().len())
        }
    }
}

/// Only as the arguments of a message, or as an element of their tuple: elsewhere it is `null`.
impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write::pass(self);
        serializer.serialize_newtype_struct(ARGS, &())
    }
}

/// Only as the arguments of a message, or as an element of their tuple: elsewhere it is an error.
impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(ARGS, ArgsVisitor)
    }
}

struct ArgsVisitor;

impl<'de> Visitor<'de> for ArgsVisitor {
    type Value = Args;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the arguments of a message")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Args, E> {
        read::current_rest()
            .ok_or_else(|| E::custom("Args stand for the arguments of a message only"))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Args, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        self.visit_unit()
    }
}

#[cfg(test)]
mod tests;
