//! Polls as scripts, for browsers that cannot ask another origin in any other way (reference:
//! `transports/polling-jsonp.ts`). Pure.

use super::query;
use crate::text::push_json_string;

/// The fields of a form that are looked at; what follows is not read, as in Node's `querystring`.
const FIELDS_MAX: usize = 1000;

/// Which of the page's callbacks to call: the digits of the query's `j`.
pub fn index(j: &str) -> Box<str> {
    j.chars().filter(char::is_ascii_digit).collect()
}

/// The script that gives a payload to the page.
pub fn wrap(index: &str, payload: &[u8]) -> Vec<u8> {
    let mut json = String::with_capacity(payload.len() + 32);
    push_json_string(&String::from_utf8_lossy(payload), &mut json);
    // Two line ends of JavaScript that are none in JSON.
    let json = json
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    format!("___eio[{index}]({json});").into_bytes()
}

/// The payload in a posted form: its field `d`. None when there is none, or several.
pub fn unwrap(form: &str) -> Option<String> {
    let mut found = None;
    let fields = form.split('&').filter(|field| !field.is_empty());
    for field in fields.take(FIELDS_MAX) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        if query::decode(name) == "d" {
            if found.is_some() {
                return None;
            }
            found = Some(value);
        }
    }
    found.map(|value| unescape(&query::decode(value)))
}

/// A form's line ends are not the page's, so the page has written `\n` for each, and `\\n` for what was
/// a `\n` already.
fn unescape(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\n") {
        let (before, from) = rest.split_at(at);
        let after = from.get(2..).unwrap_or("");
        match before.strip_suffix('\\') {
            Some(before) => {
                to.push_str(before);
                to.push_str("\\n");
            }
            None => {
                to.push_str(before);
                to.push('\n');
            }
        }
        rest = after;
    }
    to.push_str(rest);
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_become_scripts() {
        assert_eq!(&*index("12"), "12");
        assert_eq!(&*index("1);alert(2"), "12");
        assert_eq!(&*index(""), "");
        let script = wrap("0", "6:4\"é\u{2028}\u{2029}\n".as_bytes());
        assert_eq!(
            String::from_utf8(script).unwrap(),
            "___eio[0](\"6:4\\\"é\\u2028\\u2029\\n\");"
        );
        assert_eq!(wrap("", b""), b"___eio[](\"\");");
    }

    #[test]
    fn forms_are_read() {
        assert_eq!(unwrap("d=6%3A4hello").as_deref(), Some("6:4hello"));
        assert_eq!(unwrap("x=1&d=a+b&&y").as_deref(), Some("a b"));
        assert_eq!(unwrap("d").as_deref(), Some(""));
        assert_eq!(unwrap("d=%5Cn").as_deref(), Some("\n"));
        assert_eq!(unwrap("d=%5C%5Cn").as_deref(), Some("\\n"));
        assert_eq!(unwrap("d=a%5C%5C%5Cnb%5Cnc").as_deref(), Some("a\\\\nb\nc"));
        assert_eq!(unwrap("d=1&d=2"), None);
        assert_eq!(unwrap("e=1"), None);
        assert_eq!(unwrap(""), None);
    }
}
