//! From text to values, with errors that say what is allowed. Called by `layers`; reads nothing.

use super::keys::Kind;
use super::{Instances, LogFormat, Shards};
use std::net::{Ipv4Addr, SocketAddr};
use tracing_subscriber::EnvFilter;

/// Listening addresses that are taken.
const ADDRESSES_MAX: usize = 16;
/// What a filter may name without a target.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Kind {
    /// What is allowed, for errors and `--help`.
    pub fn allowed(self) -> String {
        match self {
            Self::Addresses => format!(
                "1 to {ADDRESSES_MAX} of ADDRESS:PORT, [IPV6]:PORT, localhost:PORT, :PORT or PORT"
            ),
            Self::Words => "words with commas between, or none".to_owned(),
            Self::Shards => format!("auto, or a number from 1 to {}", super::SHARDS_MAX),
            Self::File => "a path".to_owned(),
            Self::Folder => "a path that is not empty".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Filter => {
                "off, error, warn, info, debug, trace, or TARGET=LEVEL; several with commas between"
                    .to_owned()
            }
            Self::Choice(words) => words.join(" or "),
            Self::Number(min, max) => format!("a number from {min} to {max}"),
            Self::Bytes(min, max) => {
                format!("bytes from {} to {}", human_bytes(min), human_bytes(max))
            }
        }
    }
}

/// `true` or `false`.
pub fn bool(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A number in a range. Underscores are read over.
pub fn number(text: &str, min: u64, max: u64) -> Option<u64> {
    text.replace('_', "")
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number))
}

/// A number of bytes in a range, with or without a unit.
pub fn bytes(text: &str, min: u64, max: u64) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(lower.len());
    let (count, unit) = lower.split_at_checked(digits)?;
    let factor = match unit.trim() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    count
        .replace('_', "")
        .parse::<u64>()
        .ok()?
        .checked_mul(factor)
        .filter(|bytes| (min..=max).contains(bytes))
}

/// Bytes as people write them, exactly.
pub fn human_bytes(bytes: u64) -> String {
    for (unit, size) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{}{unit}", bytes / size);
        }
    }
    bytes.to_string()
}

/// Words with commas between.
pub fn words(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `auto` or a number of shards.
pub fn shards(text: &str) -> Option<Shards> {
    match text {
        "auto" => Some(Shards::Auto),
        _ => number(text, 1, super::SHARDS_MAX as u64)
            .and_then(|count| usize::try_from(count).ok())
            .map(Shards::Count),
    }
}

/// A filter of `tracing`. A bare word must be a level: otherwise a misspelt level would be taken for a
/// target, and nearly nothing logged.
pub fn filter(text: &str) -> Option<String> {
    let bare = |part: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part));
    let meant = text.contains('[')
        || text
            .split(',')
            .all(|part| part.contains('=') || bare(part.trim()));
    (meant && EnvFilter::builder().parse(text).is_ok()).then(|| text.to_owned())
}

/// `one` or `per-shard`.
pub fn instances(text: &str) -> Option<Instances> {
    match text {
        "one" => Some(Instances::One),
        "per-shard" => Some(Instances::PerShard),
        _ => None,
    }
}

/// `human` or `json`.
pub fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "human" => Some(LogFormat::Human),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

/// Addresses with commas between.
pub fn addresses(text: &str) -> Option<Vec<SocketAddr>> {
    let addresses: Vec<_> = text
        .split(',')
        .map(|part| address(part.trim()))
        .collect::<Option<Vec<_>>>()?;
    let mut listed: Vec<SocketAddr> = Vec::new();
    for address in addresses.into_iter().flatten() {
        if !listed.contains(&address) {
            listed.push(address);
        }
    }
    (1..=ADDRESSES_MAX)
        .contains(&listed.len())
        .then_some(listed)
}

/// One address; `localhost` is one of each family.
fn address(text: &str) -> Option<Vec<SocketAddr>> {
    if let Ok(address) = text.parse() {
        return Some(vec![address]);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port),
        None => ("", text),
    };
    let port: u16 = port.parse().ok()?;
    match host {
        "" | "*" => Some(vec![SocketAddr::from(([0_u16; 8], port))]),
        "localhost" => Some(vec![
            SocketAddr::from(([127, 0, 0, 1], port)),
            SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)),
        ]),
        // An IPv6 address needs its brackets: without, `::1:80` is an address itself.
        host => host
            .parse::<Ipv4Addr>()
            .ok()
            .map(|ip| vec![SocketAddr::from((ip, port))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("64KiB", 0, u64::MAX), Some(65_536));
        assert_eq!(bytes("1_000", 0, u64::MAX), Some(1000));
        assert_eq!(bytes("2 MB", 0, u64::MAX), Some(2_000_000));
        for wrong in ["", "KiB", "1.5MiB", "-1", "1TiB", "99999999999GiB"] {
            assert_eq!(bytes(wrong, 0, u64::MAX), None, "{wrong}");
        }
        assert_eq!(human_bytes(16 << 20), "16MiB");
        assert_eq!(human_bytes(1001), "1001");
    }

    #[test]
    fn lists_of_words() {
        assert_eq!(words("a.example, *.b:1,,"), ["a.example", "*.b:1"]);
        assert!(words(" ").is_empty());
    }

    #[test]
    fn filters() {
        for right in [
            "info",
            "WARN",
            "off",
            "info,holdfast=debug",
            "holdfast::shard=trace, warn",
            "holdfast[shard{shard=1}]=debug",
        ] {
            assert!(filter(right).is_some(), "{right}");
        }
        for wrong in ["", "inof", "info,", "holdfast", "a=b=c", "holdfast=loud"] {
            assert!(filter(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn listening() {
        let count = |text: &str| addresses(text).map(|list| list.len());
        assert_eq!(addresses("3000"), Some(vec!["[::]:3000".parse().unwrap()]));
        assert_eq!(addresses(":80"), Some(vec!["[::]:80".parse().unwrap()]));
        assert_eq!(count("localhost:0"), Some(2));
        assert_eq!(count("127.0.0.1:1, [::1]:1,127.0.0.1:1"), Some(2));
        for wrong in [
            "",
            "x",
            "host:80",
            "127.0.0.1",
            "1.2.3.4:99999",
            "::1:80:",
            "::1:80",
            "2001:db8::1:80",
            "localhost",
            ",",
            "3000,",
        ] {
            assert_eq!(addresses(wrong), None, "{wrong}");
        }
    }
}
