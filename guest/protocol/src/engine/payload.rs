//! The bodies of polling requests and answers: packets joined by U+001E, binary ones as `b` and
//! base64. Pure.

use crate::base64;
use crate::contract::Frame;

const SEPARATOR: u8 = 0x1e;

/// The packets of a POST body. There is always at least one: an empty body is one empty, invalid packet.
pub fn split(body: &str) -> impl Iterator<Item = &str> {
    body.split('\u{1e}')
}

/// The body of the answer to a poll.
pub fn join(frames: &[Frame]) -> Vec<u8> {
    let mut body = Vec::new();
    for frame in frames {
        if !body.is_empty() {
            body.push(SEPARATOR);
        }
        match frame {
            Frame::Text(text) => body.extend_from_slice(text.as_bytes()),
            Frame::Binary(bytes) => {
                body.push(b'b');
                base64::encode(bytes, &mut body);
            }
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_joined_and_split() {
        let frames = [
            Frame::Text("4a".into()),
            Frame::Binary(vec![1, 2, 3]),
            Frame::Text("2".into()),
        ];
        assert_eq!(join(&frames), b"4a\x1ebAQID\x1e2");
        assert_eq!(join(&[]), b"");
        assert_eq!(
            split("4a\u{1e}\u{1e}4b").collect::<Vec<_>>(),
            ["4a", "", "4b"]
        );
        assert_eq!(split("").collect::<Vec<_>>(), [""]);
    }
}
