//! The table of settings, and the names around it. Read by everything in this folder; decides nothing.

use std::borrow::Cow;

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file, with the section in front: `limits.outbox_bytes_max`.
    pub name: &'static str,
    /// A shorter flag than the one made of the name.
    pub short_flag: Option<&'static str>,
    /// What it may be.
    pub kind: Kind,
    /// The default, as text. Empty: nothing.
    pub default: &'static str,
    /// What it is, for `--help`.
    pub about: &'static str,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Addresses, with commas between.
    Addresses,
    /// Words, with commas between; none is allowed.
    Words,
    /// `auto` or a number.
    Shards,
    /// A path; a relative one in the file starts from the file's folder. Empty: what is built in.
    File,
    /// A folder: a path that is not empty.
    Folder,
    /// `true` or `false`.
    Bool,
    /// A filter of `tracing`.
    Filter,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number from the first to the second.
    Number(u64, u64),
    /// A number of bytes from the first to the second: `65536`, `64KiB`, `16MiB`, `1GiB`.
    Bytes(u64, u64),
}

impl Key {
    /// The flag: `--limits-outbox-bytes-max`, or the shorter one.
    pub fn flag(&self) -> String {
        self.short_flag
            .map_or_else(|| self.name.replace(['.', '_'], "-"), str::to_owned)
    }

    /// The environment variable: `HOLDFAST_LIMITS_OUTBOX_BYTES_MAX`.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// What every variable begins with.
pub const PREFIX: &str = "HOLDFAST_";

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn key(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    Key {
        name,
        short_flag: None,
        kind,
        default,
        about,
    }
}

const fn short(flag: &'static str, key: Key) -> Key {
    Key {
        short_flag: Some(flag),
        ..key
    }
}

/// Every setting there is. Beyond these, `[protocol]` takes the protocol guest's own settings and
/// `[app.env]` the app's environment.
pub const KEYS: &[Key] = &[
    key(
        "listen",
        Kind::Addresses,
        "[::]:3000",
        "where to listen: ADDRESS:PORT, :PORT or PORT; several with commas between",
    ),
    key(
        "shards",
        Kind::Shards,
        "auto",
        "event loops; auto is one a core",
    ),
    key(
        "state_dir",
        Kind::Folder,
        "",
        "where compiled guests are kept; by default below the user's cache folder",
    ),
    key(
        "watch",
        Kind::Bool,
        "false",
        "watch the files of the apps and swap an app when one of its own changes",
    ),
    key("page", Kind::Bool, "true", "serve the built-in page at /"),
    key(
        "serve_client",
        Kind::Bool,
        "true",
        "serve the official browser client under the mount path",
    ),
    key(
        "log",
        Kind::Filter,
        "info",
        "what is logged: error, warn, info, debug, trace, or a filter such as info,holdfast=debug",
    ),
    key(
        "log_format",
        Kind::Choice(&["human", "json"]),
        "human",
        "how it is logged",
    ),
    short(
        "protocol",
        key(
            "protocol.file",
            Kind::File,
            "",
            "another protocol guest than the one built in",
        ),
    ),
    key(
        "protocol.memory_bytes_max",
        Kind::Bytes(MIB, 4 * GIB),
        "1GiB",
        "memory of the protocol guest on one shard",
    ),
    key(
        "protocol.deadline_ms",
        Kind::Number(10, 60_000),
        "1000",
        "how long one call of the protocol guest may take",
    ),
    short(
        "app",
        key(
            "app.file",
            Kind::File,
            "",
            "the app: a component or a core module; the demo when there is none",
        ),
    ),
    key(
        "app.instances",
        Kind::Choice(&["one", "per-shard"]),
        "one",
        "how many instances of the app run: one for all shards, or one on each for its own clients",
    ),
    key(
        "app.memory_bytes_max",
        Kind::Bytes(MIB, 4 * GIB),
        "256MiB",
        "memory of one instance of the app",
    ),
    key(
        "app.deadline_ms",
        Kind::Number(10, 60_000),
        "1000",
        "how long one call of the app may take",
    ),
    key(
        "app.timers_max",
        Kind::Number(1, 10_000_000),
        "100000",
        "timers the app may have at a time",
    ),
    key(
        "app.log_lines_max",
        Kind::Number(1, 1_000_000),
        "100",
        "log lines that are written for one call of the app",
    ),
    key(
        "app.fetch_hosts",
        Kind::Words,
        "",
        "hosts the app may send requests to: api.example.com, *.example.org, http://127.0.0.1:9000; * is any",
    ),
    key(
        "app.fetch_private",
        Kind::Bool,
        "false",
        "let names in fetch_hosts have addresses that are not public",
    ),
    key(
        "app.fetch_ca_file",
        Kind::File,
        "",
        "a PEM file of authorities to trust besides the usual ones when the app sends requests",
    ),
    key(
        "app.fetches_max",
        Kind::Number(1, 10_000),
        "100",
        "requests the app may have under way at a time",
    ),
    key(
        "limits.connections_max",
        Kind::Number(1, 100_000_000),
        "1000000",
        "TCP connections of the node; more are turned away",
    ),
    key(
        "limits.connections_per_address_max",
        Kind::Number(0, 100_000_000),
        "0",
        "TCP connections from one address; 0 is any number",
    ),
    key(
        "limits.outbox_bytes_max",
        Kind::Bytes(64 * KIB, 4 * GIB),
        "16MiB",
        "bytes that may wait for one receiver; at more it is closed",
    ),
    key(
        "limits.request_head_bytes_max",
        Kind::Bytes(8 * KIB, MIB),
        "64KiB",
        "a request's head",
    ),
    key(
        "limits.request_head_timeout_ms",
        Kind::Number(100, 600_000),
        "30000",
        "how long a request's head may take, and how long a connection may be idle between requests",
    ),
    key(
        "limits.body_timeout_ms",
        Kind::Number(100, 600_000),
        "60000",
        "how long a request's body may take",
    ),
    key(
        "limits.close_timeout_ms",
        Kind::Number(10, 600_000),
        "5000",
        "how long a closing handshake may take",
    ),
    key(
        "limits.write_timeout_ms",
        Kind::Number(100, 600_000),
        "30000",
        "how long a peer may take nothing of what waits for it",
    ),
    key(
        "limits.messages_per_second_max",
        Kind::Number(0, 1_000_000),
        "0",
        "messages a second that are read from one connection; 0 is any number",
    ),
    key(
        "limits.frames_per_turn_max",
        Kind::Number(1, 1_000_000),
        "4096",
        "messages that one turn of a shard takes up",
    ),
    key(
        "limits.turn_bytes_max",
        Kind::Bytes(64 * KIB, GIB),
        "4MiB",
        "bytes that one turn of a shard takes up; what is left waits for the next",
    ),
    key(
        "limits.shutdown_timeout_ms",
        Kind::Number(0, 600_000),
        "10000",
        "how long stopping may take",
    ),
];

/// How deep the tables of the protocol guest's settings may be.
const SETTING_DEPTH_MAX: usize = 4;

/// The sections of the file. `[apps.NAME]` and `[apps.NAME.env]` are like `[app]` and `[app.env]`.
pub const SECTIONS: &[&str] = &["protocol", "app", "app.env", "limits"];

/// The longest name of an app in the config, in bytes.
const APP_NAME_BYTES_MAX: usize = 64;

/// Of a name below `[apps.NAME]`: the app's name, and what is said of it.
pub fn of_named_app(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix("apps.")?;
    Some(rest.split_once('.').unwrap_or((rest, "")))
}

/// Whether an app may be called so.
pub fn is_app_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    !name.is_empty() && name.len() <= APP_NAME_BYTES_MAX && name.chars().all(allowed)
}

/// What it would be called if it were of the only app: `app.file` for `apps.chat.file`. Other names are as
/// they are.
fn as_of_one_app(name: &str) -> Cow<'_, str> {
    match of_named_app(name) {
        Some((_, own)) if !own.is_empty() => Cow::Owned(format!("app.{own}")),
        _ => Cow::Borrowed(name),
    }
}

/// The setting of this name.
pub fn known(name: &str) -> Option<&'static Key> {
    let name = as_of_one_app(name);
    KEYS.iter().find(|key| key.name == name)
}

/// Whether a name is of a group that takes any: the guest's settings, an app's environment.
pub fn is_free(name: &str) -> bool {
    let name = &*as_of_one_app(name);
    if let Some(variable) = name.strip_prefix("app.env.") {
        return !variable.is_empty() && !variable.contains(|c: char| c == '=' || c.is_control());
    }
    name.strip_prefix("protocol.").is_some_and(|setting| {
        let mut words = setting.split('.');
        words.clone().count() <= SETTING_DEPTH_MAX
            && words
                .next()
                .is_some_and(|first| is_setting(first) && !first.contains('-'))
            && words.all(is_setting)
    })
}

/// Whether a word may be a key of the guest's settings; in a table it may be a header's name. Two
/// underscores stand for a dot in variables.
fn is_setting(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(allowed)
        && !word.contains("__")
        && !word.ends_with('_')
}

/// What is wrong with a name that is not a setting's, with the one that may be meant.
pub fn unknown(name: &str) -> String {
    if let Some(own) = name.strip_prefix("protocol.") {
        if own.split('.').count() > SETTING_DEPTH_MAX {
            return format!(
                "the setting {name} is not known: tables go {SETTING_DEPTH_MAX} deep at most"
            );
        }
        let own = own.to_lowercase();
        let (first, rest) = own.split_at(own.find('.').unwrap_or(own.len()));
        return format!(
            "the setting {name} is not known: a setting of the protocol guest is in lower case with underscores, such as {}{rest}",
            first.replace('-', "_")
        );
    }
    if let Some((app, own)) = of_named_app(name).filter(|(_, own)| !own.is_empty()) {
        let known = KEYS.iter().filter_map(|key| key.name.strip_prefix("app."));
        let hint = nearest(own, known.map(str::to_owned)).map_or_else(
            || "an app has the settings that [app] has, see holdfast --help".to_owned(),
            |near| format!("did you mean apps.{app}.{near}?"),
        );
        return format!("the setting {name} is not known: {hint}");
    }
    let leaf = |name: &str| name.rsplit('.').next().map(str::to_owned);
    let elsewhere = KEYS
        .iter()
        .find(|key| leaf(key.name) == leaf(name))
        .map(|key| key.name.to_owned());
    let near = elsewhere.or_else(|| nearest(name, KEYS.iter().map(|key| key.name.to_owned())));
    let hint = match near {
        Some(near) if !near.contains('.') && name.contains('.') => {
            format!("did you mean {near}, above the first section?")
        }
        Some(near) => format!("did you mean {near}?"),
        None => "see holdfast --help".to_owned(),
    };
    format!("the setting {name} is not known: {hint}")
}

/// The known name nearest to one that is not known, if it is near.
pub fn nearest(unknown: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|name| (distance(unknown, &name), name))
        .filter(|(distance, name)| *distance * 3 <= name.len())
        .min()
        .map(|(_, name)| name)
}

/// Edits between two words (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.bytes().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (b, cell) in other.bytes().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            let best = (diagonal + usize::from(a != b))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            left = best;
            *cell = best;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_understood() {
        let known = || KEYS.iter().map(|key| key.name.to_owned());
        assert_eq!(nearest("listne", known()).as_deref(), Some("listen"));
        assert_eq!(
            nearest("limits.outbox_byte_max", known()).as_deref(),
            Some("limits.outbox_bytes_max")
        );
        assert_eq!(nearest("colour", known()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert!(unknown("outbox_bytes_max").contains("did you mean limits.outbox_bytes_max?"));
        assert!(unknown("limits.listen").contains("did you mean listen, above the first section?"));
        assert!(unknown("protocol.ping-interval").contains("such as ping_interval"));
    }

    #[test]
    fn free_names() {
        assert!(
            is_free("protocol.ping_interval")
                && is_free("protocol.cors.origin")
                && is_free("protocol.headers.x-frame-options")
                && is_free("app.env.a.b")
                && is_free("app.env.X")
        );
        for name in [
            "protocol.",
            "protocol.a..b",
            "protocol.a__b",
            "protocol.a-b",
            "protocol.-b",
            "protocol.a_",
            "protocol.a.b.c.d.e",
            "protocol.A",
            "app.env.",
            "app.env.a=b",
            "app.env",
            "limits.x",
        ] {
            assert!(!is_free(name), "{name}");
        }
    }

    #[test]
    fn names_are_used_once() {
        let mut flags: Vec<_> = KEYS.iter().map(Key::flag).collect();
        flags.sort();
        flags.dedup();
        assert_eq!(flags.len(), KEYS.len());
        assert_eq!(
            KEYS.iter()
                .find(|key| key.name == "app.file")
                .map(Key::variable)
                .as_deref(),
            Some("HOLDFAST_APP_FILE")
        );
    }
}
