//! What an operator may set, checked. Read once by `configure`; used by both layers, changed by nobody.

use crate::contract::Setting;

/// The settings of this guest, with the reference's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The mount path, without a slash at the end.
    pub path: String,
    /// Whether sessions may poll.
    pub polling: bool,
    /// Whether sessions may use a WebSocket.
    pub websocket: bool,
    /// Whether OPEN offers upgrades.
    pub allow_upgrades: bool,
    /// Milliseconds from a pong to the next ping.
    pub ping_interval_ms: u64,
    /// Milliseconds from a ping to the end of a session that has not answered it.
    pub ping_timeout_ms: u64,
    /// Milliseconds for an upgrade, from the WebSocket's opening on.
    pub upgrade_timeout_ms: u64,
    /// Milliseconds for the first namespace to be joined.
    pub connect_timeout_ms: u64,
    /// Bytes of a message or POST body, inclusive.
    pub max_http_buffer_size: u64,
    /// Binary values in one packet.
    pub max_attachments: u32,
    /// Bytes of memory that the host lets this guest have.
    pub memory_bytes_max: u64,
    /// How Socket.IO packets are written.
    pub parser: Parser,
    /// Whether namespaces that nobody declared are forgotten with their last socket. This guest keeps
    /// nothing of an empty namespace in any case; the apps' libraries go by it.
    pub cleanup_empty_child_namespaces: bool,
    /// The number of this shard.
    pub shard: u32,
    /// How many shards there are.
    pub shards: u32,
}

/// How Socket.IO packets are written. The clients must be told the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parser {
    /// `socket.io-parser`: text, and binary frames after it.
    #[default]
    Text,
    /// `socket.io-msgpack-parser`: one binary frame a packet.
    Msgpack,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            path: "/socket.io".to_owned(),
            polling: true,
            websocket: true,
            allow_upgrades: true,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            upgrade_timeout_ms: 10_000,
            connect_timeout_ms: 45_000,
            max_http_buffer_size: 1_000_000,
            max_attachments: 10,
            memory_bytes_max: 1 << 30,
            parser: Parser::Text,
            cleanup_empty_child_namespaces: false,
            shard: 0,
            shards: 1,
        }
    }
}

/// The longest time that may be set: a week, in milliseconds.
const TIME_MS_MAX: u64 = 7 * 24 * 3600 * 1000;
/// The largest message that may be set, in bytes.
const MESSAGE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most attachments that may be set.
const ATTACHMENTS_MAX: u64 = 1000;
/// The most shards: their numbers have ten bits.
const SHARDS_MAX: u64 = 1024;
/// Bytes of a mount path.
const PATH_BYTES_MAX: usize = 256;

impl Settings {
    /// The defaults with these settings over them. The error is a sentence for the operator.
    pub fn read(list: &[Setting]) -> Result<Settings, String> {
        let mut settings = Settings::default();
        for setting in list {
            settings.read_one(setting)?;
        }
        Ok(settings)
    }

    fn read_one(&mut self, setting: &Setting) -> Result<(), String> {
        match setting.key.as_str() {
            "path" => self.path = path(setting)?,
            "transports" => (self.polling, self.websocket) = transports(setting)?,
            "allow_upgrades" => self.allow_upgrades = truth(setting)?,
            "ping_interval" => {
                self.ping_interval_ms = number(setting, 1, TIME_MS_MAX, "milliseconds")?
            }
            "ping_timeout" => {
                self.ping_timeout_ms = number(setting, 1, TIME_MS_MAX, "milliseconds")?
            }
            "upgrade_timeout" => {
                self.upgrade_timeout_ms = number(setting, 1, TIME_MS_MAX, "milliseconds")?
            }
            "connect_timeout" => {
                self.connect_timeout_ms = number(setting, 1, TIME_MS_MAX, "milliseconds")?
            }
            "max_http_buffer_size" => {
                self.max_http_buffer_size = number(setting, 1, MESSAGE_BYTES_MAX, "bytes")?
            }
            "max_attachments" => {
                let most = number(setting, 0, ATTACHMENTS_MAX, "attachments")?;
                self.max_attachments = u32::try_from(most).unwrap_or(u32::MAX);
            }
            "parser" => self.parser = parser(setting)?,
            "cleanup_empty_child_namespaces" => {
                self.cleanup_empty_child_namespaces = truth(setting)?
            }
            "shard" => self.shard = count(setting, 0)?,
            "shards" => self.shards = count(setting, 1)?,
            "memory_bytes_max" => self.memory_bytes_max = number(setting, 1, u64::MAX, "bytes")?,
            key => {
                return Err(format!(
                    "`{key}` = `{}` is not a setting: allowed are path, transports, allow_upgrades, ping_interval, \
                     ping_timeout, upgrade_timeout, connect_timeout, max_http_buffer_size, max_attachments, parser, \
                     cleanup_empty_child_namespaces",
                    setting.value
                ));
            }
        }
        Ok(())
    }
}

fn wrong(setting: &Setting, allowed: &str) -> String {
    format!(
        "`{}` = `{}` is not possible: allowed is {allowed}",
        setting.key, setting.value
    )
}

fn number(setting: &Setting, least: u64, most: u64, unit: &str) -> Result<u64, String> {
    let number = setting.value.parse::<u64>().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            wrong(
                setting,
                &format!("a whole number of {unit} from {least} to {most}"),
            )
        })
}

fn count(setting: &Setting, least: u64) -> Result<u32, String> {
    let count = number(setting, least, SHARDS_MAX, "shards")?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn parser(setting: &Setting) -> Result<Parser, String> {
    match setting.value.as_str() {
        "default" => Ok(Parser::Text),
        "msgpack" => Ok(Parser::Msgpack),
        _ => Err(wrong(setting, "default or msgpack")),
    }
}

fn truth(setting: &Setting) -> Result<bool, String> {
    setting
        .value
        .parse()
        .map_err(|_| wrong(setting, "true or false"))
}

fn path(setting: &Setting) -> Result<String, String> {
    let path = setting.value.trim_end_matches('/');
    let fits = path.starts_with('/')
        && path.len() <= PATH_BYTES_MAX
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#');
    if fits {
        Ok(path.to_owned())
    } else {
        Err(wrong(
            setting,
            "a path of at most 256 characters that begins with a slash, such as /socket.io",
        ))
    }
}

fn transports(setting: &Setting) -> Result<(bool, bool), String> {
    let mut polling = false;
    let mut websocket = false;
    for name in setting.value.split(',').map(str::trim) {
        match name {
            "polling" => polling = true,
            "websocket" => websocket = true,
            _ => {
                return Err(wrong(
                    setting,
                    "a list of polling and websocket, separated by commas",
                ));
            }
        }
    }
    Ok((polling, websocket))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: &str) -> Result<Settings, String> {
        Settings::read(&[Setting {
            key: key.to_owned(),
            value: value.to_owned(),
        }])
    }

    #[test]
    fn every_setting_is_read() {
        assert_eq!(read("path", "/x/").unwrap().path, "/x");
        assert!(!read("transports", "websocket").unwrap().polling);
        assert!(!read("allow_upgrades", "false").unwrap().allow_upgrades);
        assert_eq!(read("ping_interval", "300").unwrap().ping_interval_ms, 300);
        assert_eq!(read("ping_timeout", "200").unwrap().ping_timeout_ms, 200);
        assert_eq!(read("upgrade_timeout", "1").unwrap().upgrade_timeout_ms, 1);
        assert_eq!(read("connect_timeout", "5").unwrap().connect_timeout_ms, 5);
        assert_eq!(
            read("max_http_buffer_size", "100")
                .unwrap()
                .max_http_buffer_size,
            100
        );
        assert_eq!(read("max_attachments", "0").unwrap().max_attachments, 0);
        assert_eq!(read("parser", "default").unwrap().parser, Parser::Text);
        assert_eq!(read("parser", "msgpack").unwrap().parser, Parser::Msgpack);
        assert!(
            read("cleanup_empty_child_namespaces", "true")
                .unwrap()
                .cleanup_empty_child_namespaces
        );
        assert_eq!(read("shard", "3").unwrap().shard, 3);
        assert_eq!(read("shards", "4").unwrap().shards, 4);
    }

    #[test]
    fn errors_name_key_value_and_what_is_allowed() {
        for (key, value) in [
            ("colour", "red"),
            ("path", "socket.io"),
            ("path", "/"),
            ("transports", ""),
            ("transports", "pigeon"),
            ("allow_upgrades", "yes"),
            ("ping_interval", "0"),
            ("ping_timeout", "-1"),
            ("max_attachments", "99999999999999999999"),
            ("parser", "json"),
            ("shards", "0"),
        ] {
            let error = read(key, value).unwrap_err();
            assert!(
                error.contains(key) && error.contains(value) && error.contains("allowed"),
                "{error}"
            );
        }
    }
}
