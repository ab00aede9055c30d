//! Compact bytes: numbers of variable length, and strings with their length in front. Used by
//! `snapshot.rs` and by whoever keeps something in a blob. Reading arbitrary bytes never panics.

/// Appends to a blob.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// One byte.
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// An unsigned number in LEB128: seven bits a byte, the lowest first.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// A number or nothing.
    pub fn maybe(&mut self, number: Option<u64>) {
        match number {
            Some(number) => {
                self.byte(1);
                self.number(number);
            }
            None => self.byte(0),
        }
    }

    /// Bytes, with their length in front.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// 64 bits, in full.
    pub fn word(&mut self, word: u64) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }
}

/// Reads what a `Writer` wrote; none means that the bytes are not of this layout.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number written by `Writer::number`.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            number |= part << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number that fits in 32 bits.
    pub fn number32(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// How many things follow: not more than there are bytes left.
    pub fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    /// A number or nothing; the outer none is an error.
    #[expect(
        clippy::option_option,
        reason = "the outer level is the error, as everywhere in this reader"
    )]
    pub fn maybe(&mut self) -> Option<Option<u64>> {
        match self.byte()? {
            0 => Some(None),
            1 => Some(Some(self.number()?)),
            _ => None,
        }
    }

    /// Bytes with their length in front.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A string with its length in front.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// 64 bits, in full.
    pub fn word(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            writer.number(number);
            writer.maybe(Some(number));
        }
        writer.maybe(None);
        writer.bytes(b"abc");
        writer.word(7);
        let mut reader = Reader(&writer.0);
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(reader.number(), Some(number));
            assert_eq!(reader.maybe(), Some(Some(number)));
        }
        assert_eq!(reader.maybe(), Some(None));
        assert_eq!(reader.text(), Some("abc"));
        assert_eq!(reader.word(), Some(7));
        assert!(reader.0.is_empty());
    }

    #[test]
    fn numbers_of_more_than_64_bits_are_refused() {
        assert_eq!(Reader(&[0xff; 11]).number(), None);
        assert_eq!(Reader(&[0x80; 3]).number(), None);
        assert_eq!(Reader(&[5, 1]).bytes(), None);
    }
}
