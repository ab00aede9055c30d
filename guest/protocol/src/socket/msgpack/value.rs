//! Any value of `notepack.io` to JSON text, in one pass and without recursion. What a length claims is
//! never allocated; every element takes at least one byte of input.

use super::number::{push_json_date, push_json_number, push_number};
use crate::limits::{JSON_DEPTH_MAX, MSGPACK_ATTACHMENTS_MAX};
use crate::text::push_json_string;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

/// What a value was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Undefined,
    Array,
    Object,
    String,
    Binary,
    /// Numbers, dates, `true`, `false`, `null`.
    Other,
}

/// Reads values off bytes. None is always an error.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bytes that may still be copied to put the entries of objects into another order: without this
    /// bound, each level of nesting could ask for another copy of what is inside.
    copies_left: usize,
}

/// How often the input may be copied for the order of entries.
const COPIES: usize = 16;

/// What begins with a head byte.
enum Head {
    /// A value that is complete; its JSON text is written, if it has any.
    Whole(Kind),
    Array(u32),
    Map(u32),
}

/// An open array or object.
enum Open {
    Array {
        left: u32,
    },
    Map {
        left: u32,
        /// Where its first entry is.
        start: usize,
        entries: Vec<Entry>,
    },
}

/// An entry of an object: where its key is in the text, quotes included, and where it ends before the
/// comma. A value that is left out has its key here instead.
struct Entry {
    key: Range<usize>,
    end: usize,
    left_out: Option<Box<str>>,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader {
            bytes,
            at: 0,
            copies_left: bytes.len().saturating_mul(COPIES),
        }
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// How many entries the map has that begins here.
    pub fn map_header(&mut self) -> Option<u32> {
        match self.byte()? {
            head @ 0x80..=0x8f => Some(u32::from(head & 0x0f)),
            0xde => self.length(2),
            0xdf => self.length(4),
            _ => None,
        }
    }

    /// A number.
    pub fn number(&mut self) -> Option<f64> {
        let head = self.byte()?;
        self.number_of(head)
    }

    /// A number, or nothing.
    #[expect(
        clippy::option_option,
        reason = "the outer level is the error, as everywhere in this reader"
    )]
    pub fn number_or_undefined(&mut self) -> Option<Option<f64>> {
        if self.bytes.get(self.at..)?.starts_with(&[0xd4, 0]) {
            self.take(3)?;
            return Some(None);
        }
        self.number().map(Some)
    }

    /// A string.
    pub fn string(&mut self) -> Option<String> {
        let head = self.byte()?;
        let length = self.string_length(head)?;
        Some(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// A key: its JSON text. JavaScript makes a string of whatever it is; arrays, objects and binary
    /// values, which it can also do that to, are an error here.
    pub fn key(&mut self, to: &mut String) -> Option<()> {
        let head = self.byte()?;
        if let Some(length) = self.string_length(head) {
            push_json_string(&String::from_utf8_lossy(self.take(length)?), to);
            return Some(());
        }
        to.push('"');
        match head {
            0xc0 => to.push_str("null"),
            0xc2 => to.push_str("false"),
            0xc3 => to.push_str("true"),
            0xd4 if self.byte()? == 0 => {
                self.byte()?;
                to.push_str("undefined");
            }
            head => push_number(self.number_of(head)?, to),
        }
        to.push('"');
        Some(())
    }

    /// A value: its JSON text and its binary values, appended. `undefined` has no text.
    pub fn value(&mut self, to: &mut String, attachments: &mut Vec<Vec<u8>>) -> Option<Kind> {
        let mut open: Vec<Open> = Vec::new();
        let mut whole = None;
        loop {
            let mut done = match self.head(to, attachments, open.len())? {
                Head::Whole(kind) => Some(kind),
                Head::Array(left) => {
                    to.push('[');
                    open.push(Open::Array { left });
                    None
                }
                Head::Map(left) => {
                    to.push('{');
                    open.push(Open::Map {
                        left,
                        start: to.len(),
                        entries: Vec::new(),
                    });
                    None
                }
            };
            if open.len() > JSON_DEPTH_MAX {
                return None;
            }
            // What ends with the value, up to where the next one begins.
            loop {
                if let Some(kind) = done {
                    match open.last_mut() {
                        None => {
                            whole = Some(kind);
                            break;
                        }
                        Some(Open::Array { .. }) => {
                            if kind == Kind::Undefined {
                                to.push_str("null");
                            }
                            to.push(',');
                        }
                        Some(Open::Map { entries, .. }) => end_entry(entries, kind, to)?,
                    }
                }
                match open.last_mut() {
                    None => break,
                    Some(Open::Array { left: 0 }) => {
                        close(to, ']');
                        done = Some(Kind::Array);
                    }
                    Some(Open::Map {
                        left: 0,
                        start,
                        entries,
                    }) => {
                        self.order_entries(*start, entries, to)?;
                        close(to, '}');
                        done = Some(Kind::Object);
                    }
                    Some(Open::Array { left }) => {
                        *left -= 1;
                        break;
                    }
                    Some(Open::Map { left, entries, .. }) => {
                        *left -= 1;
                        let key = to.len();
                        self.key(to)?;
                        entries.push(Entry {
                            key: key..to.len(),
                            end: 0,
                            left_out: None,
                        });
                        to.push(':');
                        break;
                    }
                }
                open.pop();
            }
            if whole.is_some() {
                return whole;
            }
        }
    }

    /// What begins here, and all of it unless it is an array or a map.
    fn head(
        &mut self,
        to: &mut String,
        attachments: &mut Vec<Vec<u8>>,
        depth: usize,
    ) -> Option<Head> {
        let head = self.byte()?;
        if let Some(length) = self.string_length(head) {
            push_json_string(&String::from_utf8_lossy(self.take(length)?), to);
            return Some(Head::Whole(Kind::String));
        }
        Some(match head {
            0x80..=0x8f => Head::Map(u32::from(head & 0x0f)),
            0x90..=0x9f => Head::Array(u32::from(head & 0x0f)),
            0xdc => Head::Array(self.length(2)?),
            0xdd => Head::Array(self.length(4)?),
            0xde => Head::Map(self.length(2)?),
            0xdf => Head::Map(self.length(4)?),
            0xc0 => word(to, "null"),
            0xc2 => word(to, "false"),
            0xc3 => word(to, "true"),
            0xc4..=0xc6 => {
                let length = self.length(1 << (head - 0xc4))?;
                self.binary(length, to, attachments, depth)?
            }
            0xc7..=0xc9 => {
                let length = self.length(1 << (head - 0xc7))?;
                let kind = self.byte()? as i8;
                if kind == 0 {
                    self.binary(length, to, attachments, depth)?
                } else {
                    self.extension(kind, length, to, attachments, depth)?
                }
            }
            0xd4..=0xd8 => {
                let kind = self.byte()? as i8;
                let length = 1 << (head - 0xd4);
                match (head, kind) {
                    (0xd4, 0) => {
                        self.byte()?;
                        Head::Whole(Kind::Undefined)
                    }
                    (0xd7, 0) => {
                        push_json_date(self.signed()?, to);
                        Head::Whole(Kind::Other)
                    }
                    _ => self.extension(kind, length, to, attachments, depth)?,
                }
            }
            head => {
                push_json_number(self.number_of(head)?, to);
                Head::Whole(Kind::Other)
            }
        })
    }

    /// A binary value: a placeholder in the text.
    fn binary(
        &mut self,
        length: u32,
        to: &mut String,
        attachments: &mut Vec<Vec<u8>>,
        depth: usize,
    ) -> Option<Head> {
        let bytes = self.take(length)?;
        if depth >= JSON_DEPTH_MAX || attachments.len() >= MSGPACK_ATTACHMENTS_MAX {
            return None;
        }
        // Writing to a string does not fail.
        let _ = write!(
            to,
            "{{\"_placeholder\":true,\"num\":{}}}",
            attachments.len()
        );
        attachments.push(bytes.to_vec());
        Some(Head::Whole(Kind::Binary))
    }

    /// An extension that means nothing to `notepack.io`: an array of its type and its bytes.
    fn extension(
        &mut self,
        kind: i8,
        length: u32,
        to: &mut String,
        attachments: &mut Vec<Vec<u8>>,
        depth: usize,
    ) -> Option<Head> {
        // Writing to a string does not fail.
        let _ = write!(to, "[{kind},");
        self.binary(length, to, attachments, depth + 1)?;
        to.push(']');
        Some(Head::Whole(Kind::Array))
    }

    fn number_of(&mut self, head: u8) -> Option<f64> {
        Some(match head {
            0x00..=0x7f => f64::from(head),
            0xe0..=0xff => f64::from(head as i8),
            0xca => f64::from(f32::from_be_bytes(self.array()?)),
            0xcb => f64::from_be_bytes(self.array()?),
            0xcc => f64::from(self.byte()?),
            0xcd => f64::from(u16::from_be_bytes(self.array()?)),
            0xce => f64::from(u32::from_be_bytes(self.array()?)),
            // Both round to the nearest, as the sum of two halves does in JavaScript.
            0xcf => u64::from_be_bytes(self.array()?) as f64,
            0xd0 => f64::from(self.byte()? as i8),
            0xd1 => f64::from(i16::from_be_bytes(self.array()?)),
            0xd2 => f64::from(i32::from_be_bytes(self.array()?)),
            0xd3 => self.signed()?,
            _ => return None,
        })
    }

    fn signed(&mut self) -> Option<f64> {
        Some(i64::from_be_bytes(self.array()?) as f64)
    }

    /// The length of the string that begins with this byte; none if none does.
    fn string_length(&mut self, head: u8) -> Option<u32> {
        match head {
            0xa0..=0xbf => Some(u32::from(head & 0x1f)),
            0xd9 => self.length(1),
            0xda => self.length(2),
            0xdb => self.length(4),
            _ => None,
        }
    }

    fn length(&mut self, bytes: u32) -> Option<u32> {
        let bytes = self.take(bytes)?;
        Some(
            bytes
                .iter()
                .fold(0, |length, byte| length << 8 | u32::from(*byte)),
        )
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.bytes.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(*bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, length: u32) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length as usize)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    /// Puts the entries of an object into JavaScript's order: keys that are indexes first, ascending,
    /// then the others as they first came; of equal keys the last value. Nothing is to be done for
    /// what a JavaScript encoder wrote.
    fn order_entries(&mut self, start: usize, entries: &[Entry], to: &mut String) -> Option<()> {
        if is_ordered(entries, to) {
            return Some(());
        }
        self.copies_left = self.copies_left.checked_sub(to.len() - start)?;
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        let mut chosen: Vec<(Option<u32>, Option<Range<usize>>)> = Vec::new();
        for entry in entries {
            let key = entry.key(to)?;
            let text = entry
                .left_out
                .is_none()
                .then_some(entry.key.start..entry.end);
            let at = *first.entry(key).or_insert(chosen.len());
            match chosen.get_mut(at) {
                Some(before) => before.1 = text,
                None => chosen.push((index(key), text)),
            }
        }
        // Stable: the others stay as they are.
        chosen.sort_by_key(|(index, _)| index.map_or(u64::MAX, u64::from));
        let mut ordered = String::new();
        for (_, text) in chosen {
            if let Some(text) = text {
                ordered.push_str(to.get(text)?);
                ordered.push(',');
            }
        }
        to.truncate(start);
        to.push_str(&ordered);
        Some(())
    }
}

impl Entry {
    /// The key, quotes included.
    fn key<'t>(&'t self, text: &'t str) -> Option<&'t str> {
        match &self.left_out {
            Some(key) => Some(key),
            None => text.get(self.key.clone()),
        }
    }
}

fn word(to: &mut String, word: &str) -> Head {
    to.push_str(word);
    Head::Whole(Kind::Other)
}

/// Ends an array or object: the comma after its last element goes.
fn close(to: &mut String, bracket: char) {
    if to.ends_with(',') {
        to.pop();
    }
    to.push(bracket);
}

/// Ends the last entry of an object. Left out are `undefined`, and `__proto__`, with which JavaScript
/// sets the prototype instead.
fn end_entry(entries: &mut Vec<Entry>, kind: Kind, to: &mut String) -> Option<()> {
    let entry = entries.last_mut()?;
    let key = to.get(entry.key.clone())?;
    if key == "\"__proto__\"" {
        to.truncate(entry.key.start);
        entries.pop();
    } else if kind == Kind::Undefined {
        entry.left_out = Some(key.into());
        to.truncate(entry.key.start);
    } else {
        entry.end = to.len();
        to.push(',');
    }
    Some(())
}

/// Whether entries are as JavaScript would have them: no key twice, indexes first and ascending.
fn is_ordered(entries: &[Entry], text: &str) -> bool {
    let mut last = None;
    let mut named = false;
    for entry in entries.iter().filter(|entry| entry.left_out.is_none()) {
        match entry.key(text).and_then(index) {
            Some(index) if named || last >= Some(index) => return false,
            Some(index) => last = Some(index),
            None => named = true,
        }
    }
    let mut keys: Vec<_> = entries.iter().map(|entry| entry.key(text)).collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair.first() != pair.last())
}

/// The number of a key in quotes that JavaScript takes for an index: 0 to 2^32 − 2, as `String` writes it.
fn index(key: &str) -> Option<u32> {
    let digits = key.get(1..key.len().checked_sub(1)?)?;
    let plain = digits == "0" || !digits.starts_with(['0', '+']);
    let index = digits.parse::<u32>().ok()?;
    (plain && index != u32::MAX).then_some(index)
}
