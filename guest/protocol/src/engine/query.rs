//! The query of a request's URL, read as `URLSearchParams` reads it. Pure.

use crate::contract::Header;

/// The decoded names and values, in the order of the URL.
pub struct Query(pub Vec<Header>);

impl Query {
    /// Reads what follows the first question mark, up to a `#`.
    pub fn read(url: &str) -> Query {
        let url = url.split('#').next().unwrap_or("");
        let Some((_, query)) = url.split_once('?') else {
            return Query(Vec::new());
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    Header {
                        name: decode(name),
                        value: decode(value),
                    }
                })
                .collect(),
        )
    }

    /// The value of a name; the last one counts, as in the reference.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|pair| pair.name == name)
            .map(|pair| pair.value.as_str())
    }
}

/// Undoes form encoding. Bytes that are not UTF-8 become U+FFFD.
pub fn decode(text: &str) -> String {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (*first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, behind @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = behind;
                }
                _ => bytes.push(b'%'),
            },
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::read("/socket.io/?EIO=4&a=1%202+3&a=%zz&b&=c&%F0%9F%92%A9=%ff#x=y");
        assert_eq!(query.find("EIO"), Some("4"));
        assert_eq!(query.find("a"), Some("%zz"));
        assert_eq!(query.find("b"), Some(""));
        assert_eq!(query.find(""), Some("c"));
        assert_eq!(query.find("💩"), Some("\u{fffd}"));
        assert_eq!(query.find("x"), None);
        assert_eq!(query.0[1].value, "1 2 3");
        assert!(Query::read("/socket.io/").0.is_empty());
    }
}
