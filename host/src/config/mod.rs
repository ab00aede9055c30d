//! Settings: what they are, where they come from, what is wrong with them.
//!
//! Called by `main`; read by `server`. The only place that reads flags, environment and files. It opens
//! nothing but the config file.
//!
//! One table ([`keys::KEYS`]) drives everything: flags, variables, the file, `--help`, `--print-config`.
//! Precedence: flag, environment, file, default.

mod environment;
mod file;
mod flags;
mod keys;
mod layers;
mod print;
mod values;

pub use keys::{KEYS, Key, Kind};
pub use layers::{CommandLine, ConfigErrors, What, load};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The most shards a node can have: their number takes 10 bits of a connection's.
pub const SHARDS_MAX: usize = 1 << 10;

/// The most apps a node can have: as many as the protocol guest takes.
pub const APPS_MAX: usize = 1024;
/// What the only app is called.
pub const THE_APP: &str = "app";

/// Everything a node can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. `[::]` takes both address families where the system lets it.
    pub listen: Vec<SocketAddr>,
    /// Event loops.
    pub shards: Shards,
    /// Where compiled guests are kept.
    pub state_dir: PathBuf,
    /// Serve the built-in page at `/`.
    pub page: bool,
    /// Serve the official browser client under the mount path: the protocol guest decides it.
    pub serve_client: bool,
    /// What is logged: a filter of `tracing` (`info`, `holdfast=debug`, …).
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// The protocol guest, `[protocol]`.
    pub protocol: ProtocolConfig,
    /// The app, `[app]` and `[app.env]`, unless there are several.
    pub app: AppConfig,
    /// Several apps by name, `[apps.NAME]` and `[apps.NAME.env]`: in place of the one.
    pub apps: BTreeMap<String, AppConfig>,
    /// Whether the files of the apps are watched, and an app swapped when its own change.
    pub watch: bool,
    /// Bounds of the host, `[limits]`.
    pub limits: Limits,
}

impl Config {
    /// All apps with their names, in the order of their numbers.
    pub fn all_apps(&self) -> Vec<(&str, &AppConfig)> {
        if self.apps.is_empty() {
            return vec![(THE_APP, &self.app)];
        }
        let apps = self.apps.iter();
        apps.map(|(name, app)| (name.as_str(), app)).collect()
    }
}

/// How many event loops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shards {
    /// One for each core that this process may use.
    #[default]
    Auto,
    /// So many, at least 1.
    Count(usize),
}

impl Shards {
    /// How many that is on this machine.
    pub fn count(self) -> usize {
        match self {
            Self::Auto => std::thread::available_parallelism()
                .map_or(1, std::num::NonZeroUsize::get)
                .min(SHARDS_MAX),
            Self::Count(count) => count.max(1),
        }
    }
}

impl From<usize> for Shards {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The protocol guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolConfig {
    /// Another protocol guest than the one built in.
    pub file: Option<PathBuf>,
    /// Memory of one instance, in bytes.
    pub memory_bytes_max: u64,
    /// How long one call may take.
    pub deadline_ms: u64,
    /// Settings for the guest, which checks them itself.
    pub settings: Vec<(String, String)>,
}

/// How many instances of the app run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Instances {
    /// One, for the clients of all shards.
    #[default]
    One,
    /// One on each shard, for its own clients.
    PerShard,
}

/// The app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppConfig {
    /// The app, a component or core module; the demo when there is none.
    pub file: Option<PathBuf>,
    /// How many instances of it run.
    pub instances: Instances,
    /// Memory of one instance, in bytes.
    pub memory_bytes_max: u64,
    /// How long one call may take.
    pub deadline_ms: u64,
    /// Timers it may have at a time.
    pub timers_max: usize,
    /// Log lines that are written for one call.
    pub log_lines_max: usize,
    /// Hosts it may send requests to.
    pub fetch_hosts: Vec<String>,
    /// Whether a name it may send requests to may have an address that is not public.
    pub fetch_private: bool,
    /// Certificates of authorities that are trusted besides the usual ones: a PEM file.
    pub fetch_ca_file: Option<PathBuf>,
    /// Requests it may have under way at a time.
    pub fetches_max: usize,
    /// Environment values granted.
    pub env: Vec<(String, String)>,
}

/// Bounds of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// TCP connections of the node; more are turned away.
    pub connections_max: usize,
    /// TCP connections from one address; 0 is any number.
    pub connections_per_address_max: usize,
    /// Bytes that may wait for one receiver; at more it is closed.
    pub outbox_bytes_max: u64,
    /// A request's head; a longer one is refused (431).
    pub request_head_bytes_max: u64,
    /// How long a request's head may take, and how long a connection may be idle between requests.
    pub request_head_timeout_ms: u64,
    /// How long a request's body may take.
    pub body_timeout_ms: u64,
    /// How long a closing handshake may take.
    pub close_timeout_ms: u64,
    /// How long a peer may take nothing of what waits for it.
    pub write_timeout_ms: u64,
    /// Messages a second that are read from one connection; 0 is any number.
    pub messages_per_second_max: u32,
    /// Messages that one turn of a shard takes up.
    pub frames_per_turn_max: usize,
    /// Bytes that one turn of a shard takes up; what is left waits for the next.
    pub turn_bytes_max: u64,
    /// How long stopping may take.
    pub shutdown_timeout_ms: u64,
}

impl Default for Config {
    /// The defaults of the table.
    fn default() -> Self {
        layers::defaults()
    }
}
