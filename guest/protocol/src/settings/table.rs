//! The table of settings: one row for each. Parsing, error messages and `docs/settings.md` follow it.

use super::{Settings, values};
use crate::contract::Setting;

/// One setting.
pub struct Row {
    /// Its name; `*` at the end stands for any name.
    pub key: &'static str,
    /// The default, as one would write it; empty if there is none.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the tests and people"))]
    pub default: &'static str,
    pub kind: Kind,
}

/// What a setting's value is, and where it goes.
pub enum Kind {
    /// A whole number in a range, with its unit.
    Number(u64, u64, &'static str, fn(&mut Settings, u64)),
    /// `true` or `false`.
    Truth(fn(&mut Settings, bool)),
    /// A value with a form of its own: what is allowed, and a function that takes what the key has in
    /// place of `*`, and the value.
    Form(
        &'static str,
        fn(&mut Settings, &str, &str) -> Result<(), values::Wrong>,
    ),
    /// A number that the host tells.
    Told(fn(&mut Settings, u64)),
}

use Kind::{Form, Number, Told, Truth};

/// The longest time that may be set: a week, in milliseconds.
const TIME_MS_MAX: u64 = 7 * 24 * 3600 * 1000;
/// The largest message that may be set, in bytes.
const MESSAGE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most attachments that may be set.
const ATTACHMENTS_MAX: u64 = 1000;

const NAMES: &str = "names separated by commas, or a list of names";
const HEADER: &str = "a header's name in lower case after the dot, and a value of visible characters and spaces; 32 \
                      headers and 8 KiB at most, and none of those that the connection itself needs";

/// Every setting.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("path", "/socket.io", Form("a path of at most 256 characters that begins with a slash, such as /socket.io", values::path)),
    row("transports", r#"["polling","websocket"]"#, Form("a list of polling and websocket", values::transports)),
    row("allow_upgrades", "true", Truth(|to, truth| to.allow_upgrades = truth)),
    row("allow_eio3", "false", Truth(|to, truth| to.allow_eio3 = truth)),
    row("ping_interval", "25000", Number(1, TIME_MS_MAX, "milliseconds", |to, ms| to.ping_interval_ms = ms)),
    row("ping_timeout", "20000", Number(1, TIME_MS_MAX, "milliseconds", |to, ms| to.ping_timeout_ms = ms)),
    row("upgrade_timeout", "10000", Number(1, TIME_MS_MAX, "milliseconds", |to, ms| to.upgrade_timeout_ms = ms)),
    row("connect_timeout", "45000", Number(1, TIME_MS_MAX, "milliseconds", |to, ms| to.connect_timeout_ms = ms)),
    row("max_http_buffer_size", "1000000", Number(1, MESSAGE_BYTES_MAX, "bytes", |to, bytes| to.max_http_buffer_size = bytes)),
    row("max_attachments", "10", Number(0, ATTACHMENTS_MAX, "attachments", |to, most| to.max_attachments = narrow(most))),
    row("add_trailing_slash", "true", Truth(|_, _| {})),
    row("parser", "default", Form("default or msgpack", values::parser)),
    row("cleanup_empty_child_namespaces", "false", Truth(|to, truth| to.cleanup_empty_child_namespaces = truth)),
    row("serve_client", "true", Truth(|to, truth| to.serve_client = truth)),

    row("cors", "false", Form("true, false or *; more is set by cors.origin and the others", values::cors)),
    row("cors.origin", "", Form("true, false, *, an origin such as https://example.com, a regular expression such as /\\.example\\.com$/, or a list of the last two", values::cors_origin)),
    row("cors.methods", "", Form(NAMES, values::cors_methods)),
    row("cors.allowed_headers", "", Form(NAMES, values::cors_allowed_headers)),
    row("cors.exposed_headers", "", Form(NAMES, values::cors_exposed_headers)),
    row("cors.credentials", "", Truth(|to, truth| values::cors_of(to).credentials = truth)),
    row("cors.max_age", "", Form("a whole number of seconds from -1 to 31536000", values::cors_max_age)),
    row("cors.preflight_continue", "", Truth(|to, truth| values::cors_of(to).preflight_continue = truth)),
    row("cors.options_success_status", "", Number(200, 599, "an HTTP status", |to, status| values::cors_of(to).options_success_status = narrow(status))),

    row("cookie", "false", Form("true, false or the cookie's name", values::cookie)),
    row("cookie.name", "", Form("a name of letters, digits and the like", values::cookie_name)),
    row("cookie.path", "", Form("a path, or false", values::cookie_path)),
    row("cookie.domain", "", Form("a domain", values::cookie_domain)),
    row("cookie.http_only", "", Truth(|to, truth| values::cookie_of(to).http_only = truth)),
    row("cookie.secure", "", Truth(|to, truth| values::cookie_of(to).secure = truth)),
    row("cookie.partitioned", "", Truth(|to, truth| values::cookie_of(to).partitioned = truth)),
    row("cookie.same_site", "", Form("true, false, strict, lax or none", values::cookie_same_site)),
    row("cookie.priority", "", Form("low, medium or high", values::cookie_priority)),
    row("cookie.max_age", "", Form("a whole number of seconds", values::cookie_max_age)),
    row("cookie.expires", "", Form("a date such as Wed, 21 Oct 2026 07:28:00 GMT", values::cookie_expires)),

    row("connection_state_recovery", "false", Truth(|to, truth| values::switch(&mut to.recovery, truth, values::recovery))),
    row("connection_state_recovery.max_disconnection_duration", "", Number(1, TIME_MS_MAX, "milliseconds", |to, ms| values::recovery_of(to).max_disconnection_ms = ms)),
    row("connection_state_recovery.skip_middlewares", "", Truth(|to, truth| values::recovery_of(to).skip_middlewares = truth)),
    row("connection_state_recovery.packets_max", "", Number(1, 10_000_000, "messages", |to, most| values::recovery_of(to).packets_max = most)),
    row("connection_state_recovery.bytes_max", "", Number(1024, 1 << 32, "bytes", |to, bytes| values::recovery_of(to).bytes_max = bytes)),

    row("initial_headers.*", "", Form(HEADER, |to, name, value| values::header(&mut to.initial_headers, name, value))),
    row("headers.*", "", Form(HEADER, |to, name, value| values::header(&mut to.headers, name, value))),
    row("initial_packet", "", Form("a text of at most 64 KiB", values::initial_packet)),

    row("http_compression", "true", Truth(|to, truth| values::switch(&mut to.http_compression_bytes_min, truth, || values::THRESHOLD))),
    row("http_compression.threshold", "1024", Number(0, MESSAGE_BYTES_MAX, "bytes", |to, bytes| to.http_compression_bytes_min = Some(bytes))),
    row("per_message_deflate", "false", Truth(|to, truth| values::switch(&mut to.per_message_deflate, truth, values::deflate))),
    row("per_message_deflate.threshold", "", Number(0, MESSAGE_BYTES_MAX, "bytes", |to, bytes| values::deflate_of(to).threshold = narrow(bytes))),
    row("per_message_deflate.level", "", Number(0, 9, "(0 none, 9 best)", |to, level| values::deflate_of(to).level = narrow(level))),
    row("per_message_deflate.window_bits", "", Number(9, 15, "bits", |to, bits| values::deflate_of(to).window_bits = narrow(bits))),

    row("memory_bytes_max", "1073741824", Told(|to, bytes| to.memory_bytes_max = bytes)),
    row("shard", "0", Told(|to, shard| to.shard = narrow(shard))),
    row("shards", "1", Told(|to, shards| to.shards = narrow(shards))),
];

const fn row(key: &'static str, default: &'static str, kind: Kind) -> Row {
    Row { key, default, kind }
}

/// A number whose range has been checked.
fn narrow<N: TryFrom<u64> + Default>(number: u64) -> N {
    N::try_from(number).unwrap_or_default()
}

/// Takes one setting over. The error is a sentence for the operator.
pub fn read(to: &mut Settings, setting: &Setting) -> Result<(), String> {
    let found = ROWS
        .iter()
        .find_map(|row| Some((row, row.matches(&setting.key)?)));
    let Some((row, name)) = found else {
        let told = |row: &&Row| !matches!(row.kind, Kind::Told(_));
        let keys: Vec<_> = ROWS.iter().filter(told).map(|row| row.key).collect();
        return Err(format!(
            "`{}` = `{}` is not a setting: allowed are {}",
            setting.key,
            setting.value,
            keys.join(", ")
        ));
    };
    row.kind
        .read(to, name, &setting.value)
        .map_err(|allowed| wrong(setting, &allowed))
}

fn wrong(setting: &Setting, allowed: &str) -> String {
    format!(
        "`{}` = `{}` is not possible: allowed is {allowed}",
        setting.key, setting.value
    )
}

impl Row {
    /// Whether it is this setting; gives what the key has in place of `*`.
    fn matches<'a>(&self, key: &'a str) -> Option<&'a str> {
        match self.key.strip_suffix('*') {
            Some(table) => key.strip_prefix(table),
            None => (self.key == key).then_some(""),
        }
    }
}

impl Kind {
    /// The error is what is allowed.
    fn read(&self, to: &mut Settings, name: &str, value: &str) -> Result<(), String> {
        match self {
            Number(least, most, unit, set) => {
                let number = value.parse::<u64>().ok();
                let number = number.filter(|number| (least..=most).contains(&number));
                let number = number
                    .ok_or_else(|| format!("a whole number of {unit} from {least} to {most}"))?;
                set(to, number);
            }
            Truth(set) => set(to, value.parse().map_err(|_| "true or false")?),
            Form(allowed, set) => set(to, name, value).map_err(|wrong| match wrong.0 {
                Some(reason) => format!("{allowed} ({reason})"),
                None => (*allowed).to_owned(),
            })?,
            Told(set) => set(to, value.parse().map_err(|_| "a whole number")?),
        }
        Ok(())
    }
}
