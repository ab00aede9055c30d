//! Text: JSON strings, written, and long ones, cut. Used by both layers.

/// Appends a string as JSON, quotes included, escaped as `JSON.stringify` does.
pub fn push_json_string(text: &str, to: &mut String) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            '\u{8}' => to.push_str("\\b"),
            '\u{c}' => to.push_str("\\f"),
            '\0'..='\u{1f}' => to.push_str(&format!("\\u{:04x}", character as u32)),
            _ => to.push(character),
        }
    }
    to.push('"');
}

/// The beginning of a text, at most so many bytes.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let end = text.floor_char_boundary(bytes_max);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut to = String::new();
        push_json_string("a\"\\\n\u{1}\u{1e}é", &mut to);
        assert_eq!(to, r#""a\"\\\n\u0001\u001eé""#);
    }
}
