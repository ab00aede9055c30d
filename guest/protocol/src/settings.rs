//! What an operator may set, checked. Read once by `configure`; used by both layers, changed by nobody.
//!
//! | file | is |
//! |---|---|
//! | `settings.rs` | the settings in use |
//! | `settings/table.rs` | one row for each: name, default, what is allowed, where it goes |
//! | `settings/values.rs` | values with a form of their own |

mod table;
mod values;

use crate::contract::{Deflate, Header, Setting};
use crate::engine::cookie::Cookie;
use crate::engine::cors::Cors;

/// The settings of this guest, with the reference's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The mount path, without a slash at the end.
    pub path: String,
    /// Whether sessions may poll.
    pub polling: bool,
    /// Whether sessions may use a WebSocket.
    pub websocket: bool,
    /// Whether OPEN offers upgrades.
    pub allow_upgrades: bool,
    /// Whether clients of Engine.IO 3 and Socket.IO 2 are let in.
    pub allow_eio3: bool,
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
    /// What pages of other origins may do. None: nothing, and no answer to a preflight.
    pub cors: Option<Cors>,
    /// The cookie that a polling handshake sets.
    pub cookie: Option<Cookie>,
    /// Headers for the answer that opens a session.
    pub initial_headers: Vec<Header>,
    /// Headers for every answer to a request of a session.
    pub headers: Vec<Header>,
    /// A message that follows OPEN.
    pub initial_packet: Option<String>,
    /// From how many bytes on the answer to a poll is compressed. None: never.
    pub http_compression_bytes_min: Option<u64>,
    /// How messages on a WebSocket are compressed. None: not at all.
    pub per_message_deflate: Option<Deflate>,
    /// Whether the client's files are handed out below the mount path.
    pub serve_client: bool,
    /// How clients that lost their connection come back. None: as new ones.
    pub recovery: Option<RecoveryOptions>,
    /// Bytes of memory that the host lets this guest have.
    pub memory_bytes_max: u64,
    /// How Socket.IO packets are written.
    pub parser: Parser,
    /// Whether namespaces that nobody declared are forgotten with their last socket. This guest keeps
    /// nothing of an empty namespace in any case; the apps' libraries go by it.
    pub cleanup_empty_child_namespaces: bool,
    /// The number of the shard that this guest runs on.
    pub shard: u32,
    /// How many shards there are.
    pub shards: u32,
}

/// Connection state recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryOptions {
    /// Milliseconds that a client may be away.
    pub max_disconnection_ms: u64,
    /// Whether it need not pass the app's middlewares.
    pub skip_middlewares: bool,
    /// Messages that are remembered on one shard.
    pub packets_max: u64,
    /// Bytes of these messages.
    pub bytes_max: u64,
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
            allow_eio3: false,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            upgrade_timeout_ms: 10_000,
            connect_timeout_ms: 45_000,
            max_http_buffer_size: 1_000_000,
            max_attachments: 10,
            cors: None,
            cookie: None,
            initial_headers: Vec::new(),
            headers: Vec::new(),
            initial_packet: None,
            http_compression_bytes_min: Some(values::THRESHOLD),
            per_message_deflate: None,
            serve_client: true,
            recovery: None,
            memory_bytes_max: 1 << 30,
            parser: Parser::Text,
            cleanup_empty_child_namespaces: false,
            shard: 0,
            shards: 1,
        }
    }
}

impl Settings {
    /// The defaults with these settings over them. The error is a sentence for the operator.
    ///
    /// What is set inside a table turns the table on; `false` for the whole of it turns it off again.
    pub fn read(list: &[Setting]) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let (inner, outer): (Vec<_>, Vec<_>) =
            list.iter().partition(|setting| setting.key.contains('.'));
        for setting in inner.into_iter().chain(outer) {
            table::read(&mut settings, setting)?;
        }
        Ok(settings)
    }

    /// Whether an answer to a poll of so many bytes is long enough to be compressed.
    pub fn compresses(&self, bytes: usize) -> bool {
        self.http_compression_bytes_min
            .is_some_and(|least| bytes as u64 >= least)
    }
}

#[cfg(test)]
mod tests;
