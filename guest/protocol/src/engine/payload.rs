//! The bodies of polling requests and answers: packets joined by U+001E, binary ones as `b` and
//! base64. Pure.

use crate::base64;
use crate::contract::Frame;

const SEPARATOR: u8 = 0x1e;

/// The packets of a POST body. There is always at least one: an empty body is one empty, invalid packet.
pub fn split(body: &str) -> impl Iterator<Item = &str> {
    body.split('\u{1e}')
}

/// The body of the answer to a poll: these frames, then a packet more.
pub fn join(frames: &[Frame], last: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    for frame in frames {
        separate(&mut body);
        match frame {
            Frame::Text(text) => body.extend_from_slice(text.as_bytes()),
            Frame::Binary(bytes) => {
                body.push(b'b');
                base64::encode(bytes, &mut body);
            }
        }
    }
    if let Some(last) = last {
        separate(&mut body);
        body.extend_from_slice(last.as_bytes());
    }
    body
}

fn separate(body: &mut Vec<u8>) {
    if !body.is_empty() {
        body.push(SEPARATOR);
    }
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
        assert_eq!(join(&frames, Some("1")), b"4a\x1ebAQID\x1e2\x1e1");
        assert_eq!(join(&[], Some("6")), b"6");
        assert_eq!(
            split("4a\u{1e}\u{1e}4b").collect::<Vec<_>>(),
            ["4a", "", "4b"]
        );
        assert_eq!(split("").collect::<Vec<_>>(), [""]);
    }
}
