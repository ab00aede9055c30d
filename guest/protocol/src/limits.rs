//! Every bound of this crate, with its unit and what happens at it. Used by everybody; depends on nothing.
//!
//! What an operator may change is in `settings.rs`; these are the bounds that no configuration lifts.

/// What a session takes of the guest's memory beside twice its handshake, in bytes, by estimate
/// (measured: 0.9 to 1.2 KB with a handshake of 0.2 KB).
pub const SESSION_BYTES: u64 = 1024;

/// The sessions of one shard, handshakes that await a judgement too, may take one part in so many of the
/// guest's memory (`memory_bytes_max`), by the estimate. At the limit a handshake is refused with
/// status 503. What is left is for the sockets, and for a batch of events.
pub const SESSIONS_SHARE: u64 = 2;

/// Bytes that a handshake (headers, query, URL, address) may take in a session's blob. A longer one is
/// refused with status 431.
pub const HANDSHAKE_BYTES_MAX: usize = 128 * 1024;

/// Sockets of one session, counting those that await their app's answer. At the limit a CONNECT is
/// answered with a CONNECT_ERROR.
pub const SOCKETS_PER_SESSION_MAX: usize = 256;

/// CONNECT packets that one session may send over its life: slots are never used twice. At the limit
/// the session is closed.
pub const SLOTS_PER_SESSION_MAX: u32 = 1 << 16;

/// Bytes of a namespace's name, as the client sends it. A longer one is a parse error.
pub const NAMESPACE_BYTES_MAX: usize = 1024;

/// Bytes of the auth payload of a CONNECT packet. A longer one is answered with a CONNECT_ERROR.
pub const AUTH_BYTES_MAX: usize = 64 * 1024;

/// Rooms that one socket is in, its own id not counted. A room beyond is not joined, with a log line.
pub const ROOMS_PER_SOCKET_MAX: usize = 4096;

/// Bytes of a room's name. A longer one is not joined, with a log line.
pub const ROOM_BYTES_MAX: usize = 1024;

/// Bytes of the data an app may keep with a socket. Longer data is not kept, with a log line.
pub const SOCKET_DATA_BYTES_MAX: usize = 64 * 1024;

/// How deep JSON may nest. Deeper text is a parse error.
pub const JSON_DEPTH_MAX: usize = 512;

/// The greatest acknowledgement number, 2^53 − 1: the greatest that JavaScript tells from its
/// neighbours. A greater one is a parse error.
pub const ACK_MAX: u64 = (1 << 53) - 1;

/// Apps at a time. One more is ignored, with a log line.
pub const APPS_MAX: usize = 1024;

/// Namespaces that one app may declare. Further ones are ignored, with a log line.
pub const NAMESPACES_PER_APP_MAX: usize = 1024;

/// Milliseconds for which a polling session that is being closed waits for a poll to say so
/// (`closeTimeout` of the reference). After it the session ends unheard.
pub const CLOSE_BUFFER_MS: u64 = 30_000;

/// Milliseconds between two NOOP packets that free a pending poll while an upgrade is being confirmed.
pub const NOOP_INTERVAL_MS: u64 = 100;

/// Milliseconds by which a wake-up may be late without a ping's timeout being counted from later on.
pub const TIMER_LATE_MS: u64 = 10;
