//! Where in the log of which shard a client is: the last argument of what is sent to it. Pure.

use std::fmt;

/// A place in a shard's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    pub number: u64,
    pub shard: u32,
}

impl fmt::Display for Offset {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:x}.{:x}", self.number, self.shard)
    }
}

impl Offset {
    /// Reads what a client says; none if it is something else.
    pub fn read(text: &str) -> Option<Offset> {
        let (number, shard) = text.split_once('.')?;
        let is_hex = |digits: &str| {
            !digits.is_empty()
                && digits
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !is_hex(number) || !is_hex(shard) {
            return None;
        }
        Some(Offset {
            number: u64::from_str_radix(number, 16).ok()?,
            shard: u32::from_str_radix(shard, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_written_and_read() {
        for (number, shard) in [(0, 0), (u64::MAX, 1023), (1 << 53, 7)] {
            let offset = Offset { number, shard };
            assert_eq!(Offset::read(&offset.to_string()), Some(offset));
        }
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "hello",
            "1.2.3",
            "+1.2",
            "10000000000000000.0",
            "A.1",
        ] {
            assert_eq!(Offset::read(text), None, "{text}");
        }
    }
}
