//! `--print-config`: every setting as TOML, with where it came from. Called by `layers`; reads nothing.

use super::keys::{KEYS, Kind, SECTIONS, known, of_named_app};
use super::layers::{Value, Values};
use std::fmt::Write;

/// What is shown in place of a secret.
const HIDDEN: &str = "***";
/// What a name has in it whose value is a secret.
const SECRETS: [&str; 6] = ["token", "secret", "password", "passwd", "credential", "key"];

/// The config file that says what these values say, with the origin of each in a comment. A secret is
/// hidden, on a line that is a comment: what is printed is a config file again.
pub fn print(values: &Values) -> String {
    let mut text = String::new();
    for section in sections(values) {
        let section = section.as_str();
        let lines = lines(section, values);
        if lines.is_empty() {
            continue;
        }
        if !section.is_empty() {
            let _ = writeln!(text, "\n[{section}]");
        }
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// The sections there are: several apps have two each.
fn sections(values: &Values) -> Vec<String> {
    let mut apps: Vec<&str> = values
        .keys()
        .filter_map(|name| Some(of_named_app(name)?.0))
        .collect();
    apps.dedup();
    let one = std::iter::once("").chain(SECTIONS.iter().copied());
    let several = apps
        .iter()
        .flat_map(|app| [format!("apps.{app}"), format!("apps.{app}.env")]);
    one.map(str::to_owned).chain(several).collect()
}

/// A section's settings: the host's in the order of the table, then those that may have any name.
fn lines(section: &str, values: &Values) -> Vec<String> {
    let of_host = KEYS.iter().filter_map(|key| {
        // Of the only app, or of the one that the section is of.
        match key.name.strip_prefix("app.") {
            Some(own) if of_named_app(section).is_some_and(|(_, rest)| rest.is_empty()) => {
                values.get_key_value(format!("{section}.{own}").as_str())
            }
            _ => values.get_key_value(key.name),
        }
    });
    let free = values.iter().filter(|(name, _)| known(name).is_none());
    of_host
        .chain(free)
        .filter_map(|(name, value)| Some(line(own_name(section, name)?, name, value)))
        .collect()
}

/// The name inside a section, if it is of it.
fn own_name<'a>(section: &str, name: &'a str) -> Option<&'a str> {
    if section.is_empty() {
        return (!name.contains('.')).then_some(name);
    }
    let own = name.strip_prefix(section)?.strip_prefix('.')?;
    let is_free = section == "protocol" || section == "app.env" || is_env(section);
    (is_free || !own.contains('.')).then_some(own)
}

/// Whether it is the section of a named app's environment.
fn is_env(section: &str) -> bool {
    of_named_app(section).is_some_and(|(_, own)| own == "env")
}

fn line(own: &str, name: &str, value: &Value) -> String {
    let Value { text, origin } = value;
    let origin = origin.to_string().replace(|c: char| c.is_control(), "?");
    let kind = known(name).map(|key| key.kind);
    // The guest's settings in tables are written with their dots.
    let dotted = name.starts_with("protocol.");
    let bare = own
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || (dotted && c == '.'));
    let own = if bare { own.to_owned() } else { quoted(own) };
    if kind.is_none() && is_secret(&own, text) {
        return format!("# {own} = {HIDDEN:?} # {origin}");
    }
    let shown = match kind {
        Some(Kind::File) if text.is_empty() => {
            let state = if own == "file" { "built in" } else { "not set" };
            return format!("# {own} is {state} # {origin}");
        }
        Some(Kind::Number(..) | Kind::Bytes(..) | Kind::Shards)
            if text
                .parse::<u64>()
                .is_ok_and(|number| number.to_string() == *text) =>
        {
            text.clone()
        }
        Some(Kind::Bool) if text == "true" || text == "false" => text.clone(),
        _ => quoted(text),
    };
    format!("{own} = {shown} # {origin}")
}

/// Whether a value must not be shown: by its name, or because it is a URL with a user in it.
fn is_secret(name: &str, text: &str) -> bool {
    let name = name.to_lowercase();
    let authority = text
        .split_once("://")
        .map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    // `cors.credentials = true` tells nothing.
    let tells = text != "true" && text != "false";
    (tells && SECRETS.iter().any(|word| name.contains(word)))
        || authority.is_some_and(|authority| authority.contains('@'))
}

/// A basic string of TOML, on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets() {
        assert!(
            is_secret("API_TOKEN", "x")
                && is_secret("db_PassWord", "")
                && is_secret("URL", "redis://user:pw@host/0")
        );
        assert!(!is_secret("cors.credentials", "true"));
        assert!(!is_secret("URL", "https://host/@scope") && !is_secret("NAME", "a@b"));
    }

    #[test]
    fn strings_stay_on_one_line_and_parse() {
        let text = "a\"b\\c\n\t\u{7f}\u{85}é";
        assert!(!quoted(text).contains('\n'));
        let table: toml::Table = toml::from_str(&format!("x = {}", quoted(text))).unwrap();
        assert_eq!(table.get("x").and_then(toml::Value::as_str), Some(text));
    }
}
