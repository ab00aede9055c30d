//! What was sent to handlers of late, so that a client that comes back can be given what it missed.

use super::offset::Offset;
use crate::codec::{Reader, Writer};
use crate::contract::{App, Audience, Payload, Place};
use crate::limits::ENTRY_BYTES;
use std::collections::BTreeMap;

/// One EVENT that was sent without asking for an acknowledgement, and not volatile.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub at_ms: u64,
    pub app: App,
    /// Which order for an audience it was: the instance that gave it, and its number.
    pub order: Option<(Place, u64)>,
    pub to: Audience,
    /// Without the offset: its number tells it.
    pub payload: Payload,
    /// It is a copy, for one socket that came from another shard.
    pub copy: bool,
    /// It was for one socket, not for an audience.
    pub single: bool,
    pub compress: bool,
}

/// The entries by their numbers, which only grow.
#[derive(Debug, Default)]
pub struct Log {
    entries: BTreeMap<u64, Entry>,
    bytes: u64,
    /// The number given out last.
    pub last: u64,
    /// The newest number that has been dropped: what came before cannot be told any more.
    pub floor: u64,
}

impl Entry {
    /// What it takes, by estimate.
    pub fn bytes(&self) -> u64 {
        let names = self.to.rooms.iter().chain(&self.to.except);
        let names: usize = names.map(|name| name.len() + 24).sum();
        let attachments = self.payload.attachments.iter();
        let attachments: usize = attachments.map(|bytes| bytes.len() + 24).sum();
        ENTRY_BYTES
            + (self.to.namespace.len() + names + self.payload.json.len() + attachments) as u64
    }

    /// Whether a socket with this id, in these rooms, was to get it.
    pub fn is_for(&self, namespace: &str, rooms: &[String]) -> bool {
        self.to.namespace == namespace
            && (self.to.rooms.is_empty() || self.to.rooms.iter().any(|room| rooms.contains(room)))
            && !self.to.except.iter().any(|room| rooms.contains(room))
    }

    /// Writes it into a note, or into a message to another shard.
    pub fn encode(&self, to: &mut Writer) {
        to.number(self.at_ms);
        to.number(u64::from(self.app));
        match self.order {
            Some((place, number)) => {
                to.byte(1);
                to.number(u64::from(place));
                to.number(number);
            }
            None => to.byte(0),
        }
        to.bytes(self.to.namespace.as_bytes());
        encode_names(&self.to.rooms, to);
        encode_names(&self.to.except, to);
        to.bytes(self.payload.json.as_bytes());
        to.number(self.payload.attachments.len() as u64);
        for attachment in &self.payload.attachments {
            to.bytes(attachment);
        }
        to.byte(u8::from(self.single) | u8::from(self.compress) << 1 | u8::from(self.copy) << 2);
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Entry> {
        let at_ms = from.number()?;
        let app = from.number32()?;
        let order = match from.byte()? {
            0 => None,
            1 => Some((from.number32()?, from.number()?)),
            _ => return None,
        };
        let namespace = from.text()?.to_owned();
        let rooms = decode_names(from)?;
        let except = decode_names(from)?;
        let json = from.text()?.to_owned();
        let count = from.count()?;
        let attachments = (0..count)
            .map(|_| from.bytes().map(<[u8]>::to_vec))
            .collect::<Option<_>>()?;
        let flags = from.byte().filter(|flags| *flags < 8)?;
        Some(Entry {
            at_ms,
            app,
            order,
            to: Audience {
                namespace,
                rooms,
                except,
            },
            payload: Payload { json, attachments },
            single: flags & 1 != 0,
            compress: flags & 2 != 0,
            copy: flags & 4 != 0,
        })
    }
}

impl Log {
    /// The number of the next entry: greater than all before, those of earlier instances too.
    pub fn next(&mut self, now_ms: u64) -> u64 {
        self.last = (self.last + 1).max(now_ms << 12);
        self.last
    }

    /// Takes an entry in.
    pub fn put(&mut self, number: u64, entry: Entry) {
        self.remove(number);
        self.bytes += entry.bytes();
        self.last = self.last.max(number);
        self.entries.insert(number, entry);
    }

    /// Drops an entry without counting it as one that cannot be told any more.
    pub fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.bytes -= entry.bytes();
        Some(entry)
    }

    /// Drops the oldest entry if it is too old, or one too many. Gives it.
    pub fn shed(
        &mut self,
        before_ms: u64,
        packets_max: u64,
        bytes_max: u64,
    ) -> Option<(u64, Entry)> {
        let (number, oldest) = self.entries.first_key_value()?;
        let number = *number;
        if oldest.at_ms > before_ms
            && self.entries.len() as u64 <= packets_max
            && self.bytes <= bytes_max
        {
            return None;
        }
        let entry = self.remove(number)?;
        self.floor = self.floor.max(number);
        Some((number, entry))
    }

    /// When the oldest entry was sent.
    pub fn oldest_ms(&self) -> Option<u64> {
        self.entries.first_key_value().map(|(_, entry)| entry.at_ms)
    }

    /// The entries after a number.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (&u64, &Entry)> {
        self.entries.range((
            std::ops::Bound::Excluded(number),
            std::ops::Bound::Unbounded,
        ))
    }
}

/// The payload with an offset as its last argument. None: it is no JSON array.
pub fn stamped(payload: &Payload, offset: Offset) -> Option<Payload> {
    let open = payload.json.trim_end().strip_suffix(']')?;
    let comma = if open.trim_end().ends_with('[') {
        ""
    } else {
        ","
    };
    Some(Payload {
        json: format!("{open}{comma}\"{offset}\"]"),
        attachments: payload.attachments.clone(),
    })
}

/// Whether a client would take the last argument for an offset: it is a string, or there is none and the
/// event's name is one.
pub fn ends_with_string(payload: &Payload) -> bool {
    let open = payload.json.trim_end().strip_suffix(']');
    open.is_some_and(|open| open.trim_end().ends_with('"'))
}

pub fn encode_names(names: &[String], to: &mut Writer) {
    to.number(names.len() as u64);
    for name in names {
        to.bytes(name.as_bytes());
    }
}

pub fn decode_names(from: &mut Reader<'_>) -> Option<Vec<String>> {
    let count = from.count()?;
    (0..count).map(|_| from.text().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(json: &str) -> Payload {
        Payload {
            json: json.to_owned(),
            attachments: Vec::new(),
        }
    }

    fn entry(at_ms: u64, rooms: &[&str], except: &[&str]) -> Entry {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Entry {
            at_ms,
            app: 1,
            order: Some((2, 3)),
            to: Audience {
                namespace: "/".to_owned(),
                rooms: names(rooms),
                except: names(except),
            },
            payload: payload("[\"a\"]"),
            copy: false,
            single: false,
            compress: true,
        }
    }

    #[test]
    fn an_offset_is_the_last_argument() {
        let offset = Offset {
            number: 255,
            shard: 1,
        };
        let stamp = |json| stamped(&payload(json), offset).map(|payload| payload.json);
        assert_eq!(stamp("[\"a\", 1 ] ").unwrap(), "[\"a\", 1 ,\"ff.1\"]");
        assert_eq!(stamp("[]").unwrap(), "[\"ff.1\"]");
        assert_eq!(stamp("{}"), None);
        for (json, string) in [
            ("[\"a\"]", true),
            ("[\"a\",\"b\" ]", true),
            ("[\"a\",1]", false),
            ("[\"a\",{\"b\":\"c\"}]", false),
            ("[1]", false),
        ] {
            assert_eq!(ends_with_string(&payload(json)), string, "{json}");
        }
    }

    #[test]
    fn entries_are_for_those_in_their_rooms() {
        let rooms = ["a".to_owned(), "own".to_owned()];
        assert!(entry(1, &[], &[]).is_for("/", &rooms));
        assert!(entry(1, &["a", "b"], &["c"]).is_for("/", &rooms));
        assert!(!entry(1, &["b"], &[]).is_for("/", &rooms));
        assert!(!entry(1, &[], &["own"]).is_for("/", &rooms));
        assert!(!entry(1, &[], &[]).is_for("/b", &rooms));
    }

    #[test]
    fn a_log_is_bounded_by_count_bytes_and_age() {
        let mut log = Log::default();
        for at_ms in 1..=3 {
            let number = log.next(at_ms);
            log.put(number, entry(at_ms, &["a"], &[]));
        }
        let size = entry(1, &["a"], &[]).bytes();
        assert_eq!(log.last, 3 << 12);
        let mut shed = |before_ms, packets_max, bytes_max| {
            let shed = log.shed(before_ms, packets_max, bytes_max);
            shed.map(|(number, _)| number)
        };
        assert_eq!(shed(0, 3, 3 * size), None);
        assert_eq!(shed(0, 2, 3 * size), Some(1 << 12));
        assert_eq!(shed(0, 2, 2 * size - 1), Some(2 << 12));
        assert_eq!(shed(3, 9, 9 * size), Some(3 << 12));
        assert_eq!(shed(9, 0, 0), None);
        assert_eq!((log.floor, log.bytes), (3 << 12, 0));
    }

    #[test]
    fn an_entry_is_remembered() {
        let mut to = Writer::default();
        let mut whole = entry(5, &["a"], &["b"]);
        whole.copy = true;
        whole.payload.attachments.push(vec![1, 2]);
        whole.encode(&mut to);
        let mut from = Reader(&to.0);
        assert_eq!(Entry::decode(&mut from), Some(whole));
        assert!(from.0.is_empty());
    }
}
