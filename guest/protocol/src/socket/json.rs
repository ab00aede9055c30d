//! JSON text, checked without building anything: one pass, no recursion, depth bounded. Pure.
//!
//! Accepts exactly what `JSON.parse` accepts, to the depth of `JSON_DEPTH_MAX`. The text is UTF-8; the
//! host has checked that.

use crate::limits::JSON_DEPTH_MAX;
use std::ops::Range;

/// What a packet has to know of a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What the whole text is.
    pub kind: Kind,
    /// If it is an array: its first element.
    pub first: Option<Kind>,
    /// Where the first element is, quotes included.
    pub first_at: Range<usize>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Array,
    Object,
    String,
    Number,
    /// `true`, `false`, `null`.
    Literal,
}

/// Hears of what the scanner passes. The default methods do nothing and cost nothing.
pub trait Watch {
    /// An array or object begins.
    fn open(&mut self, _object: bool) {}
    /// The innermost array or object ends.
    fn shut(&mut self) {}
    /// A key of the innermost object, without its quotes.
    fn key(&mut self, _key: &[u8]) {}
    /// A value that is neither array nor object, quotes included.
    fn scalar(&mut self, _text: &[u8]) {}
}

struct Unwatched;
impl Watch for Unwatched {}

/// Checks a text. None: it is not JSON, or nested too deeply.
pub fn scan(text: &str) -> Option<Shape> {
    Scanner::new(text).run(&mut Unwatched)
}

/// Checks a text and tells `watch` what is in it. None: it is not JSON, or nested too deeply; `watch` has
/// heard a part of it then.
pub fn watch(text: &str, watch: &mut impl Watch) -> Option<Shape> {
    Scanner::new(text).run(watch)
}

/// Whether each placeholder object of a text that has been scanned names one of so many attachments
/// (reference: `reconstructPacket`).
pub fn placeholders_fit(text: &str, attachments: usize) -> bool {
    let mut watch = Placeholders {
        attachments,
        open: Vec::new(),
        fit: true,
    };
    Scanner::new(text).run(&mut watch).is_some() && watch.fit
}

struct Placeholders {
    attachments: usize,
    /// For each open array or object.
    open: Vec<Candidate>,
    fit: bool,
}

#[derive(Default)]
struct Candidate {
    placeholder: bool,
    num_fits: bool,
    key: Key,
}

/// Bytes of the longest key that means something.
const KEY_BYTES_MAX: usize = 12;

#[derive(Clone, Copy, Default, PartialEq)]
enum Key {
    #[default]
    Other,
    Placeholder,
    Num,
}

impl Watch for Placeholders {
    fn open(&mut self, _object: bool) {
        if let Some(outer) = self.open.last_mut() {
            outer.forget();
        }
        self.open.push(Candidate::default());
    }

    fn shut(&mut self) {
        if let Some(candidate) = self.open.pop() {
            self.fit &= !candidate.placeholder || candidate.num_fits;
        }
    }

    fn key(&mut self, key: &[u8]) {
        // An escaped key is the same key.
        let unescaped = key.contains(&b'\\').then(|| {
            let key = std::str::from_utf8(key).unwrap_or_default();
            unescape(key, KEY_BYTES_MAX).unwrap_or_default()
        });
        let key = unescaped.as_deref().map_or(key, str::as_bytes);
        if let Some(candidate) = self.open.last_mut() {
            candidate.key = match key {
                b"_placeholder" => Key::Placeholder,
                b"num" => Key::Num,
                _ => Key::Other,
            };
        }
    }

    fn scalar(&mut self, text: &[u8]) {
        let attachments = self.attachments;
        let Some(candidate) = self.open.last_mut() else {
            return;
        };
        match candidate.key {
            Key::Placeholder => candidate.placeholder = text == b"true",
            Key::Num => {
                let num = std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| text.parse::<usize>().ok());
                candidate.num_fits = num.is_some_and(|num| num < attachments);
            }
            Key::Other => {}
        }
    }
}

impl Candidate {
    /// The last key's value is an array or object.
    fn forget(&mut self) {
        match self.key {
            Key::Placeholder => self.placeholder = false,
            Key::Num => self.num_fits = false,
            Key::Other => {}
        }
    }
}

/// Which of the open brackets are objects: one bit each.
struct Nesting {
    objects: [u64; JSON_DEPTH_MAX / 64],
    depth: usize,
}

impl Nesting {
    fn push(&mut self, object: bool) -> Option<()> {
        let word = self.objects.get_mut(self.depth / 64)?;
        let bit = 1 << (self.depth % 64);
        if object {
            *word |= bit;
        } else {
            *word &= !bit;
        }
        self.depth += 1;
        Some(())
    }

    /// Whether the innermost bracket is an object's.
    fn in_object(&self) -> Option<bool> {
        let at = self.depth.checked_sub(1)?;
        let word = self.objects.get(at / 64)?;
        Some(word >> (at % 64) & 1 == 1)
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Scanner {
            text: text.as_bytes(),
            at: 0,
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn run<W: Watch>(&mut self, watch: &mut W) -> Option<Shape> {
        let mut nesting = Nesting {
            objects: [0; JSON_DEPTH_MAX / 64],
            depth: 0,
        };
        let mut shape: Option<Shape> = None;
        self.skip_space();
        loop {
            // A value begins here.
            let start = self.at;
            let byte = self.peek()?;
            let kind = self.begin_value(byte)?;
            let first = match &mut shape {
                None => {
                    shape = Some(Shape {
                        kind,
                        first: None,
                        first_at: 0..0,
                    });
                    false
                }
                Some(shape) if shape.first.is_none() && shape.kind == Kind::Array => {
                    shape.first = Some(kind);
                    true
                }
                Some(_) => false,
            };
            let mut whole = true;
            match kind {
                Kind::Array | Kind::Object => {
                    let object = kind == Kind::Object;
                    watch.open(object);
                    nesting.push(object)?;
                    self.skip_space();
                    let end = if object { b'}' } else { b']' };
                    if self.peek()? == end {
                        self.at += 1;
                        nesting.depth -= 1;
                        watch.shut();
                    } else {
                        if object {
                            self.key(watch)?;
                        }
                        whole = false;
                    }
                }
                Kind::String | Kind::Number | Kind::Literal => {
                    watch.scalar(self.text.get(start..self.at)?);
                    if first && let Some(shape) = &mut shape {
                        shape.first_at = start..self.at;
                    }
                }
            }
            if !whole {
                continue;
            }
            // A value has ended: close what ends with it, up to the next one.
            loop {
                self.skip_space();
                let Some(object) = nesting.in_object() else {
                    return if self.at == self.text.len() {
                        shape
                    } else {
                        None
                    };
                };
                match (self.peek()?, object) {
                    (b',', false) => {
                        self.at += 1;
                        self.skip_space();
                        break;
                    }
                    (b',', true) => {
                        self.at += 1;
                        self.skip_space();
                        self.key(watch)?;
                        break;
                    }
                    (b']', false) | (b'}', true) => {
                        self.at += 1;
                        nesting.depth -= 1;
                        watch.shut();
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Passes a scalar, or the opening bracket.
    #[inline]
    fn begin_value(&mut self, byte: u8) -> Option<Kind> {
        match byte {
            b'"' => {
                self.string()?;
                Some(Kind::String)
            }
            b'[' => {
                self.at += 1;
                Some(Kind::Array)
            }
            b'{' => {
                self.at += 1;
                Some(Kind::Object)
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Some(Kind::Number)
            }
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => None,
        }
    }

    fn literal(&mut self, word: &[u8]) -> Option<Kind> {
        if self.text.get(self.at..)?.starts_with(word) {
            self.at += word.len();
            Some(Kind::Literal)
        } else {
            None
        }
    }

    /// A key, its colon, and the space around them.
    fn key<W: Watch>(&mut self, watch: &mut W) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        self.string()?;
        watch.key(self.text.get(start..self.at - 1)?);
        self.skip_space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.skip_space();
        Some(())
    }

    /// From the opening quote to after the closing one.
    #[inline]
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            // Eight plain bytes at a time.
            while let Some(word) = self
                .text
                .get(self.at..)
                .and_then(|rest| rest.first_chunk::<8>())
            {
                let special = special_bytes(u64::from_le_bytes(*word));
                if special != 0 {
                    self.at += special.trailing_zeros() as usize / 8;
                    break;
                }
                self.at += 8;
            }
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.text.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.text.get(self.at + 2..self.at + 6)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits()?,
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

/// The highest bit of each byte that is a quote, a backslash or a control character; the lowest such
/// byte is right, those above it may be wrong.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |x: u64| x.wrapping_sub(ONES) & !x & HIGH;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    quote | backslash | control
}

/// The text of a JSON string, given without its quotes. A half of a surrogate pair becomes U+FFFD.
pub fn unescape_all(inner: &str) -> String {
    unescape(inner, usize::MAX).unwrap_or_default()
}

/// The text of a JSON string, given without its quotes, if it is at most so many bytes long.
pub fn unescape(inner: &str, bytes_max: usize) -> Option<String> {
    let mut text = String::new();
    let mut rest = inner;
    while let Some(character) = rest.chars().next() {
        if text.len() > bytes_max {
            return None;
        }
        rest = rest.get(character.len_utf8()..)?;
        if character != '\\' {
            text.push(character);
            continue;
        }
        let escape = rest.chars().next()?;
        rest = rest.get(escape.len_utf8()..)?;
        match escape {
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'u' => {
                let unit = u32::from_str_radix(rest.get(..4)?, 16).ok()?;
                rest = rest.get(4..)?;
                let low = rest
                    .strip_prefix("\\u")
                    .filter(|_| (0xd800..0xdc00).contains(&unit))
                    .and_then(|after| u32::from_str_radix(after.get(..4)?, 16).ok())
                    .filter(|low| (0xdc00..0xe000).contains(low));
                let mut code = unit;
                if let Some(low) = low {
                    code = 0x1_0000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
                    rest = rest.get(6..)?;
                }
                text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            other => text.push(other),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_accepted() {
        for text in [
            "[]",
            "{}",
            " [ 1 , -0.5e+3 , \"a\\u00e9\\n\" , true , false , null , { \"a\" : [ ] , \"b\" : { } } ] ",
            "\"\"",
            "0",
            "-1",
            "1E5",
            "[[[[]]],{}]",
            "[\"0123456789abcdef é 💩 \\\\ \\\"\"]",
        ] {
            assert!(scan(text).is_some(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            " ",
            "[",
            "]",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "--1",
            "tru",
            "nulll",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "[1 2]",
            "[1]]",
            "{]",
            "[}",
            "'a'",
            "[1]x",
            "\"a",
            "[\"0123456789\u{1}\"]",
            "NaN",
            "\u{feff}1",
            "{\"a\":1 \"b\":2}",
            "[\"a\":1]",
        ] {
            assert!(scan(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_first_element_is_found() {
        let text = " [ \"na\\u006de\" , 1]";
        let shape = scan(text).unwrap();
        assert_eq!((shape.kind, shape.first), (Kind::Array, Some(Kind::String)));
        let inner = shape.first_at.start + 1..shape.first_at.end - 1;
        assert_eq!(unescape(&text[inner], 20).unwrap(), "name");
        assert_eq!(scan("[]").unwrap().first, None);
        assert_eq!(scan("[[1],2]").unwrap().first, Some(Kind::Array));
        assert_eq!(scan("{\"a\":1}").unwrap().first, None);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(scan(&nested(JSON_DEPTH_MAX)).is_some());
        assert!(scan(&nested(JSON_DEPTH_MAX + 1)).is_none());
        assert!(scan(&"[{\"a\":".repeat(100_000)).is_none());
    }

    #[test]
    fn placeholders_name_attachments() {
        let fits = |text| placeholders_fit(text, 2);
        assert!(fits(
            "[\"a\",{\"_placeholder\":true,\"num\":0},{\"num\":1,\"_placeholder\":true}]"
        ));
        assert!(fits(
            "[\"a\",{\"num\":9},{\"_placeholder\":false,\"num\":9},{\"_placeholder\":1}]"
        ));
        assert!(!fits("[\"a\",{\"_placeholder\":true,\"num\":2}]"));
        assert!(!fits("[\"a\",{\"_placeholder\":true,\"num\":-1}]"));
        assert!(!fits("[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]"));
        assert!(!fits("[\"a\",{\"_placeholder\":true}]"));
        assert!(!fits(
            "[{\"x\":{\"y\":[{\"_placeholder\":true,\"num\":[0]}]}}]"
        ));
    }
}
