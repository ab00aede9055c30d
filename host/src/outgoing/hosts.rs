//! Which hosts an app may send requests to: the entries of `fetch_hosts`.
//!
//! Read once at start; asked by `outgoing` for every request, and by `connect` for the address that a name
//! turned out to have. It looks nothing up and opens nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Entries of `fetch_hosts` that are taken.
const ENTRIES_MAX: usize = 1000;
/// What an entry may look like, for errors.
const FORMS: &str = "write api.example.com, api.example.com:8443, *.example.org, http://127.0.0.1:9000 or [::1]:8080, or * for every host";

/// Where a request goes: scheme, host and port of its URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Whether it is `https`.
    pub secure: bool,
    /// In lower case and ASCII, without a dot at the end; an address in its usual notation.
    pub host: Host<String>,
    pub port: u16,
}

impl Target {
    /// Where a URL leads.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn of(url: &Url) -> Result<Self, String> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            other => {
                return Err(format!(
                    "its scheme is {other}, and only http and https are spoken"
                ));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "it carries a name or password: put them into an authorization header".to_owned(),
            );
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err("it names no host".to_owned());
        };
        let host = match host {
            Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_ascii_lowercase()),
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => Host::Ipv6(address),
        };
        if host == Host::Domain(String::new()) {
            return Err("it names no host".to_owned());
        }
        Ok(Self { secure, host, port })
    }

    /// The entry of `fetch_hosts` that allows just this.
    fn entry(&self) -> String {
        let shown = self.to_string();
        shown
            .strip_prefix("https://")
            .map_or(shown.clone(), str::to_owned)
    }
}

/// As the beginning of a URL.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.secure {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(formatter, "{scheme}://{}", self.host)?;
        if self.port != usual {
            write!(formatter, ":{}", self.port)?;
        }
        Ok(())
    }
}

/// What an entry stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// `*`
    Any,
    /// One scheme, host and port.
    One(Target),
    /// `*.example.org`: the names below this one, which is kept with its dot in front.
    Below {
        suffix: String,
        secure: bool,
        port: u16,
    },
}

impl Rule {
    fn parse(entry: &str) -> Result<Self, String> {
        if entry == "*" {
            return Ok(Self::Any);
        }
        let (scheme, rest) = entry.split_once("://").unwrap_or(("https", entry));
        if rest.contains(|c: char| "/?#@\\".contains(c) || c.is_whitespace() || c.is_control()) {
            return Err(format!(
                "an entry is a host and perhaps a scheme and a port, without path, name or password: {FORMS}"
            ));
        }
        let (is_below, host) = match rest.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, rest),
        };
        if host.is_empty() || host.contains('*') {
            return Err(format!(
                "a * stands alone, or for everything in front of a first dot: {FORMS}"
            ));
        }
        let target = Url::parse(&format!("{scheme}://{host}/"))
            .map_err(|error| error.to_string())
            .and_then(|url| Target::of(&url))
            .map_err(|reason| format!("{reason}: {FORMS}"))?;
        match target {
            target if !is_below => Ok(Self::One(target)),
            Target {
                secure,
                host: Host::Domain(name),
                port,
            } => Ok(Self::Below {
                suffix: format!(".{name}"),
                secure,
                port,
            }),
            _ => Err(format!("nothing is below an address: {FORMS}")),
        }
    }

    fn admits(&self, target: &Target) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == target,
            Self::Below {
                suffix,
                secure,
                port,
            } => {
                (*secure, *port) == (target.secure, target.port)
                    && matches!(&target.host, Host::Domain(name) if name.len() > suffix.len() && name.ends_with(suffix))
            }
        }
    }

    /// Whether the entry itself says that the address may be any: it is one, or `localhost`.
    fn means_private(&self) -> bool {
        match self {
            Self::One(target) => match &target.host {
                Host::Domain(name) => name == "localhost",
                Host::Ipv4(_) | Host::Ipv6(_) => true,
            },
            Self::Any | Self::Below { .. } => false,
        }
    }
}

/// The entries of `fetch_hosts` of one app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Vec<Rule>);

/// A request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// To an address that is not public, too.
    pub to_private: bool,
}

impl Hosts {
    /// Reads the entries.
    ///
    /// # Errors
    /// Which entry is wrong, and how it should be written.
    pub fn parse(entries: &[String]) -> Result<Self, String> {
        if entries.len() > ENTRIES_MAX {
            return Err(format!(
                "fetch_hosts has {} entries, at most {ENTRIES_MAX} are taken",
                entries.len()
            ));
        }
        entries
            .iter()
            .map(|entry| {
                Rule::parse(entry.trim())
                    .map_err(|reason| format!("fetch_hosts has {entry:?}: {reason}"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether any request can be one over TLS.
    pub fn need_tls(&self) -> bool {
        self.0.iter().any(|rule| match rule {
            Rule::Any => true,
            Rule::One(target) => target.secure,
            Rule::Below { secure, .. } => *secure,
        })
    }

    /// Whether a request may go there. `private` is the setting `fetch_private`.
    ///
    /// # Errors
    /// Why not, and what to do: a sentence for whoever runs the app called `app`.
    pub fn grant(&self, target: &Target, private: bool, app: &str) -> Result<Grant, String> {
        let (mut is_admitted, mut to_private) = (false, private);
        for rule in self.0.iter().filter(|rule| rule.admits(target)) {
            is_admitted = true;
            to_private |= rule.means_private();
        }
        if !is_admitted {
            return Err(format!(
                "fetch_hosts of the app {app:?} does not allow {target}: add {:?} to it in holdfast.toml",
                target.entry()
            ));
        }
        let grant = Grant { to_private };
        match target.host {
            Host::Domain(_) => Ok(grant),
            Host::Ipv4(address) => grant.check(address.into(), target, app).map(|()| grant),
            Host::Ipv6(address) => grant.check(address.into(), target, app).map(|()| grant),
        }
    }
}

impl Grant {
    /// Whether the target may be reached at this address.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn check(self, address: IpAddr, target: &Target, app: &str) -> Result<(), String> {
        if self.to_private || is_public(address) {
            return Ok(());
        }
        Err(format!(
            "{target} is at {address}, which is not a public address: if that is meant, add {:?} to fetch_hosts of the app {app:?} in holdfast.toml, or set fetch_private = true",
            Target {
                host: match address {
                    IpAddr::V4(address) => Host::Ipv4(address),
                    IpAddr::V6(address) => Host::Ipv6(address),
                },
                ..target.clone()
            }
            .entry()
        ))
    }
}

/// Whether an address is one of the internet at large: none of this machine, a private network or a group.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// RFC 6890: the blocks that are not "global", but for the documentation's.
const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18))
}

/// The same; an address that carries one of IPv4 is as public as that.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // `::`, `::1`, and the old notation of IPv4.
        (0, 0) => false,
        // NAT64 (RFC 6052), and its block for private use (RFC 8215).
        (0x64, 0xff9b) => c == 0 && d == 0 && e == 0 && f == 0 && v4(g, h),
        // 6to4.
        (0x2002, _) => v4(b, c),
        // Teredo.
        (0x2001, 0) => false,
        _ => {
            !(address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || a & 0xffc0 == 0xfec0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> Hosts {
        let entries: Vec<_> = entries.iter().map(|&entry| entry.to_owned()).collect();
        Hosts::parse(&entries).unwrap()
    }

    fn grant(entries: &[&str], url: &str) -> Result<Grant, String> {
        let target = Target::of(&Url::parse(url).map_err(|error| error.to_string())?)?;
        hosts(entries).grant(&target, false, "shop")
    }

    #[test]
    fn entries_allow_what_they_say() {
        for (entry, allowed, refused) in [
            (
                "api.example.com",
                &[
                    "https://api.example.com",
                    "https://API.example.com:443/x?y#z",
                    "https://api.example.com./",
                    "https://%61pi.example.com",
                    "https:api.example.com",
                    "https://api。example。com",
                ][..],
                &[
                    "http://api.example.com",
                    "https://api.example.com:8443",
                    "https://example.com",
                    "https://x.api.example.com",
                    "https://api.example.com.evil.org",
                    "https://evilapi.example.com",
                    "https://api.example.com@evil.org",
                    "https://user@api.example.com",
                    "https://:secret@api.example.com",
                    "https://evil.org\\@api.example.com",
                    "https://evil.org#@api.example.com",
                    "ftp://api.example.com",
                    "file:///etc/passwd",
                    "data:text/plain,x",
                    "api.example.com",
                    "/path",
                    "",
                ][..],
            ),
            (
                "Api.Example.com:8443",
                &["https://api.example.com:8443"],
                &["https://api.example.com", "http://api.example.com:8443"],
            ),
            (
                "*.example.org",
                &["https://a.example.org", "https://a.b.example.org/"],
                &[
                    "https://example.org",
                    "https://.example.org",
                    "https://evilexample.org",
                    "https://a.example.org.evil.com",
                    "http://a.example.org",
                    "https://a.example.org:444",
                ],
            ),
            (
                "http://*.example.org:81",
                &["http://a.example.org:81"],
                &["https://a.example.org:81", "http://a.example.org"],
            ),
            (
                "http://127.0.0.1:9000",
                &[
                    "http://127.0.0.1:9000",
                    "http://0x7f.1:9000",
                    "http://2130706433:9000/",
                    "http://0177.0.0.1:9000",
                    "http://127.0.0.1.:9000",
                ],
                &[
                    "https://127.0.0.1:9000",
                    "http://127.0.0.1",
                    "http://127.0.0.2:9000",
                    "http://localhost:9000",
                    "http://[::ffff:127.0.0.1]:9000",
                ],
            ),
            (
                "[::1]:8080",
                &["https://[::1]:8080", "https://[0:0:0:0::1]:8080"],
                &["http://[::1]:8080", "https://[::1]", "https://[::2]:8080"],
            ),
            (
                "bücher.example",
                &["https://xn--bcher-kva.example", "https://BÜCHER.example"],
                &["https://bucher.example"],
            ),
            (
                "https://localhost",
                &["https://localhost"],
                &["http://localhost", "https://a.localhost"],
            ),
            (
                "*",
                &["https://a.example", "http://b.example:81", "http://8.8.8.8"],
                &[
                    "http://127.0.0.1",
                    "http://2130706433",
                    "http://[::1]",
                    "http://[::ffff:10.0.0.1]",
                    "http://169.254.169.254/latest/meta-data",
                    "http://0.0.0.0",
                ],
            ),
        ] {
            for url in allowed {
                assert!(
                    grant(&[entry], url).is_ok(),
                    "{entry} {url}: {:?}",
                    grant(&[entry], url)
                );
            }
            for url in refused {
                assert!(grant(&[entry], url).is_err(), "{entry} {url}");
            }
        }
        assert!(grant(&[], "https://a.example").is_err());
    }

    #[test]
    fn refusals_say_what_to_add() {
        for (url, entry) in [
            ("https://api.example.com/x", "add \"api.example.com\" to it"),
            (
                "http://api.example.com",
                "add \"http://api.example.com\" to it",
            ),
            ("https://[::1]:81/", "add \"[::1]:81\" to it"),
        ] {
            let refusal = grant(&["other.example"], url).unwrap_err();
            assert!(
                refusal.contains(entry) && refusal.contains("\"shop\""),
                "{refusal}"
            );
        }
        let refusal = grant(&["*"], "http://10.1.2.3:81/").unwrap_err();
        assert!(
            refusal.contains("add \"http://10.1.2.3:81\" to fetch_hosts"),
            "{refusal}"
        );
    }

    #[test]
    fn private_addresses_need_an_entry_of_their_own() {
        let to_private = |entries: &[&str], url: &str| grant(entries, url).unwrap().to_private;
        assert!(!to_private(&["*", "a.example"], "https://a.example"));
        assert!(to_private(&["*", "http://localhost"], "http://localhost"));
        assert!(!to_private(&["*", "http://localhost"], "https://localhost"));
        assert!(to_private(&["10.0.0.1"], "https://10.0.0.1"));
        let target = Target::of(&Url::parse("http://10.0.0.1").unwrap()).unwrap();
        assert!(hosts(&["*"]).grant(&target, true, "shop").is_ok());
    }

    #[test]
    fn wrong_entries_are_refused() {
        for wrong in [
            "",
            " ",
            "*.",
            "*.*",
            "a.*.example",
            "*example.org",
            "http://*",
            "*:80",
            "*.127.0.0.1",
            "*.[::1]",
            "::1",
            "a.example/path",
            "a.example/",
            "user@a.example",
            "a.example?x",
            "a.example:99999",
            "a.example:x",
            "ftp://a.example",
            "://a.example",
            "https://",
            "a b",
            "1.2.3.256",
            "[::1",
            ".",
        ] {
            assert!(Hosts::parse(&[wrong.to_owned()]).is_err(), "{wrong:?}");
        }
        let many = vec!["a.example".to_owned(); ENTRIES_MAX + 1];
        assert!(Hosts::parse(&many).is_err());
    }

    #[test]
    fn addresses_of_this_machine_and_its_networks_are_not_public() {
        for private in [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "2001::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}
