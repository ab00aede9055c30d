//! Base64 (RFC 4648): the standard alphabet for polling payloads, the URL-safe one for public ids.
//! Decoding is as forgiving as the reference's (Node's `Buffer`): both alphabets, foreign characters
//! skipped, everything from the first `=` on ignored.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The value of each character; 64 for those of neither alphabet.
static VALUES: [u8; 256] = values();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which would refuse an index out of range"
)]
const fn values() -> [u8; 256] {
    let mut table = [64u8; 256];
    let mut at = 0;
    while at < 64 {
        table[STANDARD[at] as usize] = at as u8;
        table[URL_SAFE[at] as usize] = at as u8;
        at += 1;
    }
    table
}

fn letter(alphabet: &[u8; 64], group: u32, shift: u32) -> u8 {
    alphabet
        .get((group >> shift & 63) as usize)
        .copied()
        .unwrap_or(b'A')
}

/// Appends the standard, padded form.
pub fn encode(bytes: &[u8], to: &mut Vec<u8>) {
    to.reserve(bytes.len().div_ceil(3) * 4);
    let (groups, rest) = bytes.as_chunks::<3>();
    for [a, b, c] in groups {
        let group = u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c);
        to.extend_from_slice(&[
            letter(STANDARD, group, 18),
            letter(STANDARD, group, 12),
            letter(STANDARD, group, 6),
            letter(STANDARD, group, 0),
        ]);
    }
    match rest {
        [a] => {
            let group = u32::from(*a) << 16;
            to.extend_from_slice(&[
                letter(STANDARD, group, 18),
                letter(STANDARD, group, 12),
                b'=',
                b'=',
            ]);
        }
        [a, b] => {
            let group = u32::from(*a) << 16 | u32::from(*b) << 8;
            to.extend_from_slice(&[
                letter(STANDARD, group, 18),
                letter(STANDARD, group, 12),
                letter(STANDARD, group, 6),
                b'=',
            ]);
        }
        _ => {}
    }
}

/// Decodes what a peer calls base64.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut group = 0u32;
    let mut letters = 0u32;
    for character in text {
        if *character == b'=' {
            break;
        }
        let value = VALUES.get(usize::from(*character)).copied().unwrap_or(64);
        if value == 64 {
            continue;
        }
        group = group << 6 | u32::from(value);
        letters += 1;
        if letters == 4 {
            bytes.extend_from_slice(&[(group >> 16) as u8, (group >> 8) as u8, group as u8]);
            letters = 0;
            group = 0;
        }
    }
    match letters {
        2 => bytes.push((group >> 4) as u8),
        3 => bytes.extend_from_slice(&[(group >> 10) as u8, (group >> 2) as u8]),
        _ => {}
    }
    bytes
}

/// A public id: the lowest 120 bits as 20 characters of base64url.
pub fn encode_id(id: u128) -> String {
    let mut text = String::with_capacity(20);
    for shift in (0..20u32).rev() {
        text.push(char::from(letter(
            URL_SAFE,
            (id >> (shift * 6)) as u32 & 63,
            0,
        )));
    }
    text
}

/// The number of a public id, if the text has the form of one.
pub fn decode_id(text: &str) -> Option<u128> {
    if text.len() != 20 {
        return None;
    }
    let mut id = 0u128;
    for character in text.bytes() {
        if matches!(character, b'+' | b'/') {
            return None;
        }
        let value = VALUES
            .get(usize::from(character))
            .copied()
            .filter(|value| *value < 64)?;
        id = id << 6 | u128::from(value);
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        let mut to = Vec::new();
        encode(bytes, &mut to);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn rfc_4648_examples() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encoded(plain.as_bytes()), coded);
            assert_eq!(decode(coded.as_bytes()), plain.as_bytes());
        }
    }

    #[test]
    fn decoding_forgives_what_node_forgives() {
        assert_eq!(decode(b"Zm9v\nYmFy"), b"foobar");
        assert_eq!(decode(b"Zm8"), b"fo");
        assert_eq!(decode(b"-_8="), [0xfb, 0xff]);
        assert_eq!(decode(b"Zg==Zg=="), b"f");
        assert_eq!(decode(b"Z"), b"");
    }

    #[test]
    fn ids_go_both_ways() {
        let id = 0x0012_3456_789a_bcde_f012_3456_789a_bcde & ((1 << 120) - 1);
        let text = encode_id(id);
        assert_eq!(text.len(), 20);
        assert_eq!(decode_id(&text), Some(id));
        assert_eq!(decode_id("short"), None);
        assert_eq!(decode_id("++++++++++++++++++++"), None);
    }
}
