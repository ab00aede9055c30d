//! Every bound of this crate, with its unit and what happens at it. Used by everybody; depends on nothing.
//!
//! What an operator may change is in `settings.rs`; these are the bounds that no configuration lifts.

/// What a session takes of the guest's memory beside twice its handshake, in bytes, by estimate
/// (measured: 0.9 to 1.2 KB with a handshake of 0.2 KB).
pub const SESSION_BYTES: u64 = 1024;

/// The guest's memory (`memory_bytes_max`) is divided into so many parts. What the shares below leave is
/// for a batch of events and for the answer to it. Who keeps count: `budget.rs`; the formula for one
/// session: `docs/limits.md`.
pub const MEMORY_SHARES: u64 = 16;

/// Parts for the sessions of one shard, handshakes that await a judgement too, by the estimate. At the
/// limit a handshake is refused with status 503.
pub const SESSIONS_SHARE: u64 = 5;

/// Parts for sockets and the auth payloads of their CONNECT packets. At the limit a CONNECT is answered
/// with a CONNECT_ERROR (`Too many connections`).
pub const SOCKETS_SHARE: u64 = 2;

/// Parts for packets whose attachments have not all come. At the limit a session that sends such a packet
/// is closed, as over one that is too large.
pub const PARTIALS_SHARE: u64 = 2;

/// Parts for what apps keep with sockets: data and rooms. At the limit data is not kept and a room is not
/// joined, with a log line.
pub const KEPT_SHARE: u64 = 2;

/// Parts for what is sent of late, and as many again for the sockets of clients that are away
/// and for what those missed that came from another shard, half each (`connection_state_recovery`). At the
/// limit the oldest goes.
pub const RECOVERY_SHARE: u64 = 1;

/// What a message takes that is remembered for clients that come back, beside its contents, in bytes, by
/// estimate.
pub const ENTRY_BYTES: u64 = 256;

/// What a socket takes whose client is away, beside twice its contents, in bytes, by estimate.
pub const DORMANT_BYTES: u64 = 512;

/// Joinings and leavings of rooms that are remembered of one socket until its client is known to have
/// what was sent before them. The oldest goes: what was sent before it is taken to be for those who are
/// in a room after it.
pub const MOVES_MAX: usize = 64;

/// Bytes of the messages that one socket missed and takes along to another shard. One with more is not
/// recovered there.
pub const FOUND_BYTES_MAX: u64 = 1 << 20;

/// Milliseconds that a client that comes back waits for the other shards to tell whether it was theirs.
pub const ASK_MS: u64 = 1000;

/// One part in so many is for all that one call sends to audiences and finds for apps: 8 bytes for each
/// receiver, and the descriptions of sockets. At the limit a broadcast reaches nobody and the
/// descriptions end, with a log line.
pub const CALL_SHARE: u64 = 16;

/// What a socket takes beside twice its auth payload and its namespace's name, in bytes, by estimate.
pub const SOCKET_BYTES: u64 = 512;

/// What being in a room takes beside twice the room's name, in bytes, by estimate.
pub const MEMBERSHIP_BYTES: u64 = 192;

/// What an incomplete packet takes beside twice its contents, in bytes, by estimate.
pub const PARTIAL_BYTES: u64 = 192;

/// What an attachment of an incomplete packet takes beside twice its bytes, by estimate.
pub const ATTACHMENT_BYTES: u64 = 48;

/// Binary values in a packet of the msgpack parser, which has no limit of its own. More are a parse error.
pub const MSGPACK_ATTACHMENTS_MAX: usize = 1000;

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

/// Bytes of a list in a setting, or of the options an app decides on for one request. A longer one is
/// refused.
pub const OPTIONS_BYTES_MAX: usize = 64 * 1024;

/// Origins that one list may name. A longer list is refused.
pub const ORIGINS_MAX: usize = 1024;

/// Regular expressions that one list of origins may have, so that a long `Origin` header costs
/// milliseconds. A list with more is refused.
pub const PATTERNS_MAX: usize = 64;

/// Bytes of a regular expression for origins. A longer one is refused.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// Bytes of what a regular expression for origins is compiled to. A larger one is refused.
pub const PATTERN_PROGRAM_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a value that the CORS options put into a header. A longer one is refused.
pub const VALUE_BYTES_MAX: usize = 2048;

/// Bytes of an `Origin` header that CORS looks at. A longer one is allowed nothing but what all are.
pub const ORIGIN_BYTES_MAX: usize = 512;

/// Headers that settings, or an app for one session, may add to answers of one kind. Settings with more
/// are refused; an app's further ones are left out, with a log line.
pub const HEADERS_MAX: usize = 32;

/// Bytes of such headers, names and values. Settings with more are refused; an app's further ones are
/// left out, with a log line.
pub const HEADERS_BYTES_MAX: usize = 8 * 1024;

/// Bytes of `initial_packet`. A longer one is refused.
pub const INITIAL_PACKET_BYTES_MAX: usize = 64 * 1024;

/// Bytes of the message with which an app refuses a session. The rest is cut off.
pub const REFUSAL_BYTES_MAX: usize = 4096;

/// Refused requests that apps hear of in one call. Further ones are only counted in the log.
pub const DENIALS_PER_CALL_MAX: u32 = 100;
