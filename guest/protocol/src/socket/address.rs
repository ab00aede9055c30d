//! What a Socket.IO 2 client calls a namespace: a path and a query (`/admin?token=x`). The reference
//! reads it as a URL (`Client._parseNamespace`), so the path is normalized. Pure.
//!
//! Where this differs from the reference, on purpose: what begins with two slashes would be another host;
//! it is refused.

use crate::engine::query::Query;
use crate::limits::NAMESPACE_BYTES_MAX;
use crate::text::push_json_string;
use std::collections::BTreeMap;

/// A namespace and the query behind it.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    pub namespace: String,
    /// As a JSON object: what a later client has in its CONNECT packet.
    pub auth: String,
}

impl Address {
    /// Reads it. None: it is not one, or the namespace is too long.
    pub fn read(text: &str) -> Option<Address> {
        let text = text.trim_end_matches(|c: char| c <= ' ');
        let text: String = text
            .chars()
            .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
            .collect();
        let path = text.split(['?', '#']).next().unwrap_or("");
        let namespace = normalize(path)?;
        if namespace.len() > NAMESPACE_BYTES_MAX {
            return None;
        }
        let auth = to_json(&Query::read(&text));
        Some(Address { namespace, auth })
    }
}

/// A path as the URL standard writes it: no dot segments, slashes only forward, escaped.
fn normalize(path: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?;
    if rest.starts_with(['/', '\\']) {
        return None;
    }
    let mut segments: Vec<&str> = Vec::new();
    let mut open = false;
    for segment in rest.split(['/', '\\']) {
        match dots(segment) {
            0 => segments.push(segment),
            1 => {}
            _ => {
                segments.pop();
            }
        }
        open = dots(segment) > 0;
    }
    if open {
        segments.push("");
    }
    let mut normal = String::with_capacity(path.len());
    for segment in segments {
        normal.push('/');
        for byte in segment.bytes() {
            if matches!(byte, b'!' | b'$'..=b';' | b'=' | b'@'..=b'_' | b'a'..=b'z' | b'|' | b'~') {
                normal.push(char::from(byte));
            } else {
                normal.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    Some(normal)
}

/// How many dots a segment consists of: 1 stays, 2 goes up; 0 is any other segment.
fn dots(segment: &str) -> usize {
    let mut rest = segment;
    let mut dots = 0;
    while !rest.is_empty() {
        rest = match rest
            .strip_prefix('.')
            .or_else(|| rest.strip_prefix("%2e"))
            .or_else(|| rest.strip_prefix("%2E"))
        {
            Some(rest) if dots < 2 => rest,
            _ => return 0,
        };
        dots += 1;
    }
    dots
}

/// The last value of each name, where the first one stood.
fn to_json(query: &Query) -> String {
    let mut last: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (at, pair) in query.0.iter().enumerate() {
        let entry = last.entry(&pair.name).or_insert((at, &pair.value));
        entry.1 = &pair.value;
    }
    let mut pairs: Vec<(usize, &str, &str)> = last
        .into_iter()
        .map(|(name, (at, value))| (at, name, value))
        .collect();
    pairs.sort_unstable();
    let mut json = "{".to_owned();
    for (_, name, value) in pairs {
        if json.len() > 1 {
            json.push(',');
        }
        push_json_string(name, &mut json);
        json.push(':');
        push_json_string(value, &mut json);
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized_as_node_does() {
        for (text, namespace) in [
            ("/", "/"),
            ("/admin", "/admin"),
            ("/a^b", "/a^b"),
            ("/a b", "/a%20b"),
            ("/a|b", "/a|b"),
            ("/é", "/%C3%A9"),
            ("/a%zz", "/a%zz"),
            ("/a\"<>`{}", "/a%22%3C%3E%60%7B%7D"),
            ("/x/../y", "/y"),
            ("/x/./y/.", "/x/y/"),
            ("/x/..", "/"),
            ("/..", "/"),
            ("/...", "/..."),
            ("/a\\b", "/a/b"),
            ("/a\u{7f}b", "/a%7Fb"),
            ("/a?b=1#c", "/a"),
            ("/a#c?b=1", "/a"),
            ("/a[b]'~!$&()*+,;=:@", "/a[b]'~!$&()*+,;=:@"),
            ("/%2e%2E/z", "/z"),
            ("/a/", "/a/"),
            ("/a//b", "/a//b"),
            ("/a\tb ", "/ab"),
            ("/\u{1}", "/"),
        ] {
            assert_eq!(Address::read(text).unwrap().namespace, namespace, "{text}");
        }
        for text in ["", "//", "//evil/x", "/\\evil", "admin"] {
            assert_eq!(Address::read(text), None, "{text}");
        }
        let long = format!("/{}", "a".repeat(NAMESPACE_BYTES_MAX));
        assert_eq!(Address::read(&long), None);
    }

    #[test]
    fn queries_become_objects() {
        let auth = |text| Address::read(text).unwrap().auth;
        assert_eq!(auth("/a"), "{}");
        assert_eq!(auth("/a?"), "{}");
        assert_eq!(
            auth("/a?token=x%20y+z&b&token=\"w\"&%C3%A9=1#x=1"),
            r#"{"token":"\"w\"","b":"","é":"1"}"#
        );
        assert_eq!(auth("/a#?b=1"), "{}");
    }
}
