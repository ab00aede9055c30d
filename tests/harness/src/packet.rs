//! Socket.IO 5 packets as text. Used by `session`; it sends nothing.

use crate::args::take_out;
use serde_json::Value;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    Refused,
}

/// A packet whose binary values are still to come.
#[derive(Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: Option<Value>,
    /// How many binary values follow it.
    pub(crate) attachments: usize,
}

impl Packet {
    pub(crate) fn new(kind: Kind, namespace: &str) -> Self {
        Self {
            kind,
            namespace: namespace.to_owned(),
            id: None,
            data: None,
            attachments: 0,
        }
    }

    pub(crate) fn with(self, id: Option<u64>, data: Value) -> Self {
        Self {
            id,
            data: Some(data),
            ..self
        }
    }

    /// Its text, and the binary values that follow it.
    pub(crate) fn encode(self) -> (String, Vec<Vec<u8>>) {
        let mut attachments = Vec::new();
        let data = self.data.map(|data| take_out(data, &mut attachments));
        let digit = match (self.kind, attachments.is_empty()) {
            (Kind::Connect, _) => 0,
            (Kind::Disconnect, _) => 1,
            (Kind::Event, true) => 2,
            (Kind::Ack, true) => 3,
            (Kind::Refused, _) => 4,
            (Kind::Event, false) => 5,
            (Kind::Ack, false) => 6,
        };
        let mut text = digit.to_string();
        if !attachments.is_empty() {
            text += &format!("{}-", attachments.len());
        }
        if self.namespace != "/" {
            text += &self.namespace;
            text.push(',');
        }
        if let Some(id) = self.id {
            text += &id.to_string();
        }
        if let Some(data) = data {
            text += &data.to_string();
        }
        (text, attachments)
    }

    /// A packet out of its text. None when it is none.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let digit = text.chars().next()?;
        let (kind, is_binary) = match digit {
            '0' => (Kind::Connect, false),
            '1' => (Kind::Disconnect, false),
            '2' => (Kind::Event, false),
            '3' => (Kind::Ack, false),
            '4' => (Kind::Refused, false),
            '5' => (Kind::Event, true),
            '6' => (Kind::Ack, true),
            _ => return None,
        };
        let mut rest = text.get(1..)?;
        let mut attachments = 0;
        if is_binary {
            let (count, after) = rest.split_once('-')?;
            attachments = count.parse().ok()?;
            rest = after;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (id, json) = rest.split_at_checked(digits)?;
        let id = if id.is_empty() {
            None
        } else {
            Some(id.parse().ok()?)
        };
        let data = if json.is_empty() {
            None
        } else {
            Some(serde_json::from_str(json).ok()?)
        };
        Some(Self {
            kind,
            namespace: namespace.to_owned(),
            id,
            data,
            attachments,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Binary;
    use serde_json::json;

    #[test]
    fn packets_are_text() {
        let event = |namespace, id, data| Packet::new(Kind::Event, namespace).with(id, data);
        for (packet, text) in [
            (Packet::new(Kind::Connect, "/"), "0"),
            (Packet::new(Kind::Disconnect, "/chat"), "1/chat,"),
            (
                event("/", None, json!(["say", "a-b,1"])),
                r#"2["say","a-b,1"]"#,
            ),
            (
                event("/chat", Some(12), json!(["say"])),
                r#"2/chat,12["say"]"#,
            ),
            (Packet::new(Kind::Ack, "/").with(Some(0), json!([])), "30[]"),
        ] {
            assert_eq!(Packet::decode(text).unwrap(), packet);
            assert_eq!(packet.encode(), (text.to_owned(), Vec::new()));
        }
        assert_eq!(Packet::decode("9"), None);
        assert_eq!(Packet::decode("2["), None);
        assert_eq!(Packet::decode(""), None);
    }

    #[test]
    fn binary_values_follow() {
        let packet = Packet::new(Kind::Event, "/a").with(Some(3), json!(["b", Binary::from([7])]));
        let (text, attachments) = packet.encode();
        assert_eq!(text, r#"51-/a,3["b",{"_placeholder":true,"num":0}]"#);
        assert_eq!(attachments, [[7]]);
        let read = Packet::decode(&text).unwrap();
        assert_eq!(
            (read.kind, read.id, read.attachments),
            (Kind::Event, Some(3), 1)
        );
    }
}
