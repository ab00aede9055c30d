//! JSON text to bytes, as `notepack.io` writes the value that `JSON.parse` makes of it, in one pass over
//! the text. How long an array or map is, is known at its end only, so its head is written when the
//! bytes are put together.

use crate::answer::Answer;
use crate::contract::Payload;
use crate::socket::encoder::{Control, Reach};
use crate::socket::json::{self, Watch};

const TWO_POW_32: f64 = 4_294_967_296.0;

/// Writes a packet that is not for handlers.
pub fn encode_control(namespace: &str, control: Control<'_>, answer: &mut Answer) {
    let mut to = Packer::new(&[]);
    // `undefined` fields of the reference's objects are written too.
    let (kind, json, absent) = match control {
        Control::Connect { json } => (0, json, Some("pid")),
        Control::Disconnect => (1, "", None),
        Control::Refused { json } => (4, json, Some("data")),
        Control::Unknown { json } => (4, json, None),
    };
    let fields = 2 + u8::from(!json.is_empty());
    to.out.push(0x80 | fields);
    to.field("type");
    to.out.push(kind);
    let unknown = matches!(control, Control::Unknown { .. });
    if unknown {
        to.field("nsp");
        to.string(namespace.as_bytes());
    }
    if !json.is_empty() {
        to.field("data");
        // The guest's own text, with an app's in it: if that is not JSON, the client has to do without.
        if to.json(json, absent).is_none() {
            to.out.push(0xc0);
        }
    }
    if !unknown {
        to.field("nsp");
        to.string(namespace.as_bytes());
    }
    to.finish(answer);
}

/// Writes an EVENT. False: the payload is not JSON, and nothing was written.
pub fn encode_event(
    namespace: &str,
    ack: Option<u64>,
    payload: &Payload,
    reach: Reach,
    answer: &mut Answer,
) -> bool {
    let mut to = Packer::new(&payload.attachments);
    to.out.push(0x83 + u8::from(ack.is_some()));
    to.field("type");
    to.out.push(2);
    to.field("data");
    if to.json(&payload.json, None).is_none() {
        return false;
    }
    // `Socket.emit` sets the number before the namespace, `Adapter.broadcastWithAck` after it.
    if reach == Reach::One {
        to.ack(ack);
    }
    to.field("nsp");
    to.string(namespace.as_bytes());
    if reach == Reach::Audience {
        to.ack(ack);
    }
    to.finish(answer);
    true
}

/// Writes an ACK. False: the payload is not JSON, and nothing was written.
pub fn encode_ack(namespace: &str, ack: u64, payload: &Payload, answer: &mut Answer) -> bool {
    let mut to = Packer::new(&payload.attachments);
    to.out.push(0x84);
    to.ack(Some(ack));
    to.field("type");
    to.out.push(3);
    to.field("data");
    if to.json(&payload.json, None).is_none() {
        return false;
    }
    to.field("nsp");
    to.string(namespace.as_bytes());
    to.finish(answer);
    true
}

/// Writes values.
struct Packer<'a> {
    attachments: &'a [Vec<u8>],
    /// Everything but the heads of arrays and maps.
    out: Vec<u8>,
    heads: Vec<Head>,
    /// The arrays and maps that have not ended, as places in `heads`.
    open: Vec<Opened>,
    /// A field that the outermost object gets if it has none of this name.
    absent: Option<&'static str>,
}

/// An array or map.
struct Head {
    /// Where its elements begin in `out`.
    at: usize,
    count: u32,
    map: bool,
}

struct Opened {
    head: usize,
    /// Whether the last key was `_placeholder`, `num`, or another.
    key: Key,
    placeholder: bool,
    num: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Other,
    Placeholder,
    Num,
}

impl<'a> Packer<'a> {
    fn new(attachments: &'a [Vec<u8>]) -> Self {
        Packer {
            attachments,
            out: Vec::new(),
            heads: Vec::new(),
            open: Vec::new(),
            absent: None,
        }
    }

    /// JSON text. None: it is not, or nested too deeply; nothing of it was written then.
    fn json(&mut self, text: &str, absent: Option<&'static str>) -> Option<()> {
        let out = self.out.len();
        self.absent = absent;
        let shape = json::watch(text, self);
        if shape.is_none() {
            self.out.truncate(out);
            self.heads.clear();
            self.open.clear();
        }
        shape.map(|_| ())
    }

    fn field(&mut self, name: &str) {
        self.string(name.as_bytes());
    }

    fn ack(&mut self, ack: Option<u64>) {
        if let Some(ack) = ack {
            self.field("id");
            self.number(ack as f64);
        }
    }

    fn string(&mut self, bytes: &[u8]) {
        let length = bytes.len();
        match length {
            0..=0x1f => self.out.push(0xa0 | length as u8),
            0x20..=0xff => self.out.extend([0xd9, length as u8]),
            0x100..=0xffff => {
                self.out.push(0xda);
                self.out.extend((length as u16).to_be_bytes());
            }
            _ => {
                self.out.push(0xdb);
                self.out.extend((length as u32).to_be_bytes());
            }
        }
        self.out.extend_from_slice(bytes);
    }

    fn binary(&mut self, bytes: &[u8]) {
        let length = bytes.len();
        match length {
            0..=0xff => self.out.extend([0xc4, length as u8]),
            0x100..=0xffff => {
                self.out.push(0xc5);
                self.out.extend((length as u16).to_be_bytes());
            }
            _ => {
                self.out.push(0xc6);
                self.out.extend((length as u32).to_be_bytes());
            }
        }
        self.out.extend_from_slice(bytes);
    }

    /// A number in the form that `notepack.io` chooses: whole ones as integers, unsigned ones from zero
    /// on, all others as 64-bit floats. Whole numbers beyond 64 bits lose their upper bits there too.
    fn number(&mut self, number: f64) {
        if !number.is_finite() || number.floor() != number {
            self.out.push(0xcb);
            self.out.extend(number.to_be_bytes());
            return;
        }
        if number >= 0.0 {
            if number < 128.0 {
                self.out.push(number as u8);
            } else if number < 256.0 {
                self.out.extend([0xcc, number as u8]);
            } else if number < 65_536.0 {
                self.out.push(0xcd);
                self.out.extend((number as u16).to_be_bytes());
            } else if number < TWO_POW_32 {
                self.out.push(0xce);
                self.out.extend((number as u32).to_be_bytes());
            } else {
                self.out.push(0xcf);
                self.halves(number);
            }
        } else if number >= -32.0 {
            self.out.push(number as i8 as u8);
        } else if number >= -128.0 {
            self.out.extend([0xd0, number as i8 as u8]);
        } else if number >= -32_768.0 {
            self.out.push(0xd1);
            self.out.extend((number as i16).to_be_bytes());
        } else if number >= -2_147_483_648.0 {
            self.out.push(0xd2);
            self.out.extend((number as i32).to_be_bytes());
        } else {
            self.out.push(0xd3);
            self.halves(number);
        }
    }

    /// A whole number modulo 2^64.
    fn halves(&mut self, number: f64) {
        let high = (number / TWO_POW_32).floor().rem_euclid(TWO_POW_32);
        let low = number.rem_euclid(TWO_POW_32);
        self.out.extend((high as u32).to_be_bytes());
        self.out.extend((low as u32).to_be_bytes());
    }

    /// One more element of the innermost array. Those of a map are counted by their keys.
    fn count_element(&mut self) {
        if let Some(head) = self.innermost()
            && !head.map
        {
            head.count += 1;
        }
    }

    fn innermost(&mut self) -> Option<&mut Head> {
        let at = self.open.last()?.head;
        self.heads.get_mut(at)
    }

    /// A JSON string, without its quotes.
    fn quoted(&mut self, text: &[u8]) {
        if text.contains(&b'\\') {
            let text = json::unescape_all(&String::from_utf8_lossy(text));
            self.string(text.as_bytes());
        } else {
            self.string(text);
        }
    }

    /// The bytes, whole, as one frame.
    fn finish(self, answer: &mut Answer) {
        let mut bytes = Vec::with_capacity(self.out.len() + 5 * self.heads.len());
        let mut from = 0;
        for head in &self.heads {
            bytes.extend_from_slice(self.out.get(from..head.at).unwrap_or_default());
            from = head.at;
            let (fix, long) = if head.map { (0x80, 0xde) } else { (0x90, 0xdc) };
            match head.count {
                count @ 0..=15 => bytes.push(fix | count as u8),
                count @ 16..=0xffff => {
                    bytes.push(long);
                    bytes.extend((count as u16).to_be_bytes());
                }
                count => {
                    bytes.push(long + 1);
                    bytes.extend(count.to_be_bytes());
                }
            }
        }
        bytes.extend_from_slice(self.out.get(from..).unwrap_or_default());
        answer.binary_frame(&bytes);
    }
}

impl Watch for Packer<'_> {
    fn open(&mut self, object: bool) {
        self.count_element();
        self.open.push(Opened {
            head: self.heads.len(),
            key: Key::Other,
            placeholder: false,
            num: None,
        });
        self.heads.push(Head {
            at: self.out.len(),
            count: 0,
            map: object,
        });
    }

    fn shut(&mut self) {
        if let Some(absent) = self.absent.filter(|_| self.open.len() == 1) {
            let map = self.innermost().filter(|head| head.map);
            if let Some(head) = map {
                head.count += 1;
                self.field(absent);
                self.out.extend([0xd4, 0, 0]);
            }
        }
        let Some(opened) = self.open.pop() else {
            return;
        };
        // What `JSON.parse` gives here is a placeholder: its binary value takes its place.
        let attachments = self.attachments;
        let num = opened.num.filter(|_| opened.placeholder);
        if let Some(bytes) = num.and_then(|num| attachments.get(num))
            && let Some(head) = self.heads.get(opened.head)
        {
            self.out.truncate(head.at);
            self.heads.truncate(opened.head);
            self.binary(bytes);
        }
        if let Some(outer) = self.open.last_mut() {
            outer.set(None);
        }
    }

    fn key(&mut self, key: &[u8]) {
        if let Some(head) = self.innermost() {
            head.count += 1;
        }
        // An escaped key is the same key.
        let unescaped = key
            .contains(&b'\\')
            .then(|| json::unescape_all(&String::from_utf8_lossy(key)));
        let key = unescaped.as_deref().map_or(key, str::as_bytes);
        if self.open.len() == 1 && self.absent.is_some_and(|absent| absent.as_bytes() == key) {
            self.absent = None;
        }
        if let Some(opened) = self.open.last_mut() {
            opened.key = match key {
                b"_placeholder" => Key::Placeholder,
                b"num" => Key::Num,
                _ => Key::Other,
            };
        }
        self.string(key);
    }

    fn scalar(&mut self, text: &[u8]) {
        self.count_element();
        if let Some(opened) = self.open.last_mut() {
            opened.set(Some(text));
        }
        match text {
            b"null" => self.out.push(0xc0),
            b"false" => self.out.push(0xc2),
            b"true" => self.out.push(0xc3),
            [b'"', inner @ .., b'"'] => self.quoted(inner),
            digits => {
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                // Every number of JSON is one of these.
                self.number(digits.parse().unwrap_or_default());
            }
        }
    }
}

impl Opened {
    /// The last key's value: a scalar's text, or an array or object.
    fn set(&mut self, scalar: Option<&[u8]>) {
        match self.key {
            Key::Placeholder => self.placeholder = scalar == Some(b"true"),
            Key::Num => {
                let text = scalar.and_then(|text| std::str::from_utf8(text).ok());
                self.num = text.and_then(|text| text.parse().ok());
            }
            Key::Other => {}
        }
    }
}
