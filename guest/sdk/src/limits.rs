//! Every bound of this crate, with its unit and what happens at it. Depends on nothing.
//!
//! What one `handle` call may use of memory and time is bounded by the host.

/// Listeners of one socket, of all kinds together, middlewares too. One more is not added, with an error
/// in the log; after one more middleware nothing of the socket is delivered.
pub const LISTENERS_PER_SOCKET_MAX: usize = 256;

/// Connection handlers, or middlewares, of one namespace, and so on for each kind;
/// functions of `on_stopping`, `on_new_namespace` and `on_connection_error`. One more is not
/// added, with an error in the log; after one more middleware the namespace lets nobody in.
pub const HANDLERS_PER_NAMESPACE_MAX: usize = 64;

/// Namespaces of one app (the contract's bound). Further ones are not declared, with an error in the log.
pub const NAMESPACES_MAX: usize = 1024;

/// Child namespaces of all dynamic ones together. One more does not come to be, with a warning in the
/// log: the client is refused with `Invalid namespace`.
pub const CHILD_NAMESPACES_MAX: usize = 16_384;

/// Rooms that are counted for `on_room`. Of further ones it is not told that they come to be and go,
/// with an error in the log; joining and leaving is.
pub const ROOMS_HEARD_MAX: usize = 262_144;

/// `server_side_emit_with_ack` calls under way. One more is not sent: its callback hears
/// [`AckError::TooMany`](crate::AckError::TooMany).
pub const SERVER_QUESTIONS_MAX: usize = 4096;

/// Milliseconds that `server_side_emit_with_ack` waits for all other instances. Then its callback hears
/// [`AckError::Servers`](crate::AckError::Servers), with the answers until then.
pub const SERVER_TIMEOUT_MS: u64 = 5_000;

/// Messages of the app that await acknowledgements. One more is not sent: its callback hears
/// [`AckError::TooMany`](crate::AckError::TooMany).
pub const ACKS_MAX: usize = 65_536;

/// Messages to one socket that await acknowledgements. One more is not sent: its callback hears
/// [`AckError::TooMany`](crate::AckError::TooMany).
pub const ACKS_PER_SOCKET_MAX: usize = 1024;

/// Tasks of the app: async handlers that wait, and what `spawn` runs. One more is not begun, with an error in
/// the log; a client that an async middleware would decide about is refused, and so is a handshake.
pub const TASKS_MAX: usize = 65_536;

/// Polls of tasks in one call of the app. What is ready beyond that goes on a millisecond later.
pub const POLLS_PER_CALL_MAX: usize = 100_000;

/// HTTP requests (`fetch`) under way. One more is not made:
/// [`FetchError::TooMany`](crate::FetchError::TooMany).
pub const HTTP_FETCHES_MAX: usize = 4096;

/// Redirects that one `fetch` follows, as in browsers. One more:
/// [`FetchError::Redirect`](crate::FetchError::Redirect).
pub const REDIRECTS_MAX: u32 = 20;

/// Milliseconds that a `fetch` may take when the app says nothing.
pub const HTTP_TIMEOUT_MS: u32 = 30_000;

/// Milliseconds that a `fetch` may take (the contract's bound). More is taken as that.
pub const HTTP_TIMEOUT_MS_MAX: u32 = 300_000;

/// Settings that one app asks for (the contract's bound). One more is not asked for, with an error in the
/// log.
pub const SETTINGS_MAX: usize = 1024;

/// Timers of the app, `sleep` and the like too, acknowledgements not counted. One more never runs, with
/// an error in the log.
pub const TIMERS_MAX: usize = 65_536;

/// Milliseconds of the longest wait that the host is asked for, as in JavaScript. Longer waits are
/// made of several.
pub const WAIT_MS_MAX: u64 = (1 << 31) - 1;

/// `fetch_sockets` calls under way. One more is answered with an empty list, with an error in the log.
pub const FETCHES_MAX: usize = 4096;

/// Milliseconds that `fetch_sockets` waits for all shards. Then it hands over what it has, with a
/// warning in the log.
pub const FETCH_TIMEOUT_MS: u64 = 5_000;

/// Bytes of the data kept with a socket (the protocol guest's bound). Longer data is refused: what was
/// set before stays, with an error in the log.
pub const SOCKET_DATA_BYTES_MAX: usize = 64 * 1024;

/// Rooms of one socket, its own id not counted (the protocol guest's bound). The node does not let it
/// join further ones, and `Socket::rooms` does not list them.
pub const ROOMS_PER_SOCKET_MAX: usize = 4096;

/// Bytes of a room's name (the protocol guest's bound). Longer ones likewise.
pub const ROOM_BYTES_MAX: usize = 1024;

/// Bytes of a log line (the contract's bound). The rest is cut off.
pub const LOG_LINE_BYTES_MAX: usize = 8 * 1024;

/// Characters of an event's name that a log line quotes, because clients choose them. The rest is cut off.
pub const QUOTED_CHARS_MAX: usize = 64;

/// The bits of an acknowledgement number that count up, and around. Those above are the place of the
/// instance and stay.
pub const ACK_COUNTER_BITS: u32 = 43;
