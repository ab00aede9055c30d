//! How a session's packets are written: the protocol's revision, and what the client's transport can
//! carry. Known from the requests that open and upgrade a session; kept in its blob.

use super::query::Query;
use super::{jsonp, payload, payload3};
use crate::base64;
use crate::codec::{Reader, Writer};
use crate::contract::Frame;

/// A revision of the Engine.IO protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// Engine.IO 3, Socket.IO 2: the client pings, payloads tell lengths, binary frames have a type.
    Third,
    /// Engine.IO 4 and later, Socket.IO 3 and later.
    Fourth,
}

impl Revision {
    /// The revision that a request speaks: the third, unless it says `EIO=4`.
    pub fn of(query: &Query) -> Revision {
        if query.find("EIO") == Some("4") {
            Revision::Fourth
        } else {
            Revision::Third
        }
    }
}

impl Revision {
    /// What a query says for it.
    pub fn number(self) -> u8 {
        match self {
            Revision::Third => 3,
            Revision::Fourth => 4,
        }
    }
}

/// How a session's packets are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub revision: Revision,
    /// The transport takes no bytes (`b64` in the query). Of meaning in the third revision only.
    pub base64: bool,
    /// Polls are scripts that call `___eio[j]`: the digits of `j`, none of them too.
    pub jsonp: Option<Box<str>>,
}

/// How the bytes of a message are written in the third revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// A binary frame that begins with the packet's type, 0x04.
    Typed,
    /// A text frame: `b4` and base64.
    Base64,
}

impl Form {
    /// Writes a message of these bytes.
    pub fn write(self, bytes: &[u8]) -> Frame {
        match self {
            Form::Typed => {
                let mut typed = Vec::with_capacity(bytes.len() + 1);
                typed.push(4);
                typed.extend_from_slice(bytes);
                Frame::Binary(typed)
            }
            Form::Base64 => {
                let mut text = b"b4".to_vec();
                base64::encode(bytes, &mut text);
                Frame::Text(String::from_utf8(text).unwrap_or_default())
            }
        }
    }
}

/// The body of the answer to a poll, and its type.
pub struct Written {
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

impl Dialect {
    /// What the request that opens a session tells.
    pub fn of(query: &Query) -> Dialect {
        Dialect {
            revision: Revision::of(query),
            base64: is_base64(query),
            jsonp: query.find("j").map(jsonp::index),
        }
    }

    /// How bytes are written, if not as they are. A script cannot hold any.
    pub fn form(&self, polling: bool) -> Option<Form> {
        match self.revision {
            Revision::Fourth => None,
            Revision::Third if self.base64 || polling && self.jsonp.is_some() => Some(Form::Base64),
            Revision::Third => Some(Form::Typed),
        }
    }

    /// Writes packets for a poll. Bytes among them are in the session's form already.
    pub fn write(&self, frames: &[Frame]) -> Written {
        let binary = self.revision == Revision::Third
            && frames.iter().any(|frame| matches!(frame, Frame::Binary(_)));
        let body = match self.revision {
            Revision::Fourth => payload::join(frames),
            Revision::Third if binary => payload3::join_binary(frames),
            Revision::Third => payload3::join(frames),
        };
        match &self.jsonp {
            Some(index) => Written {
                content_type: TEXT,
                body: jsonp::wrap(index, &body),
            },
            None => Written {
                content_type: if binary { OCTETS } else { TEXT },
                body,
            },
        }
    }

    /// Writes it into a blob.
    pub fn encode(&self, to: &mut Writer) {
        to.byte(
            u8::from(self.revision == Revision::Third)
                | u8::from(self.base64) << 1
                | u8::from(self.jsonp.is_some()) << 2,
        );
        if let Some(index) = &self.jsonp {
            to.bytes(index.as_bytes());
        }
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Dialect> {
        let flags = from.byte().filter(|flags| *flags < 8)?;
        let jsonp = if flags & 4 != 0 {
            Some(from.text()?.into())
        } else {
            None
        };
        Some(Dialect {
            revision: if flags & 1 != 0 {
                Revision::Third
            } else {
                Revision::Fourth
            },
            base64: flags & 2 != 0,
            jsonp,
        })
    }
}

/// Whether a request says that its transport takes no bytes.
pub fn is_base64(query: &Query) -> bool {
    query.find("b64").is_some_and(|b64| !b64.is_empty())
}

const TEXT: &str = "text/plain; charset=UTF-8";
const OCTETS: &str = "application/octet-stream";

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(query: &str) -> Dialect {
        Dialect::of(&Query::read(query))
    }

    #[test]
    fn the_revision_is_the_third_unless_it_is_the_fourth() {
        assert_eq!(dialect("/?EIO=4").revision, Revision::Fourth);
        for query in ["/?EIO=3", "/", "/?EIO=5", "/?EIO=4&EIO=x"] {
            assert_eq!(dialect(query).revision, Revision::Third);
        }
    }

    #[test]
    fn bytes_have_a_form() {
        assert_eq!(dialect("/?EIO=4&b64=1").form(true), None);
        assert_eq!(dialect("/?EIO=3").form(true), Some(Form::Typed));
        assert_eq!(dialect("/?EIO=3&b64=").form(true), Some(Form::Typed));
        assert_eq!(dialect("/?EIO=3&b64=1").form(false), Some(Form::Base64));
        assert_eq!(dialect("/?EIO=3&j=1").form(true), Some(Form::Base64));
        assert_eq!(dialect("/?EIO=3&j=1").form(false), Some(Form::Typed));
        assert_eq!(Form::Typed.write(&[1]), Frame::Binary(vec![4, 1]));
        assert_eq!(Form::Base64.write(&[1]), Frame::Text("b4AQ==".into()));
    }

    #[test]
    fn a_dialect_is_remembered() {
        for query in ["/?EIO=4", "/?EIO=3&b64=1", "/?EIO=3&j=17", "/?EIO=3&j="] {
            let dialect = dialect(query);
            let mut to = Writer::default();
            dialect.encode(&mut to);
            let mut from = Reader(&to.0);
            assert_eq!(Dialect::decode(&mut from), Some(dialect));
            assert!(from.0.is_empty());
        }
        assert_eq!(Dialect::decode(&mut Reader(&[8])), None);
    }
}
