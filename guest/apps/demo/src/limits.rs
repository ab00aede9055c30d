//! Every bound of the demo. At each one a client is refused with `{ok: false, error}`, unless said
//! otherwise.

/// Chat rooms. A new one takes the place of an empty one; when none is empty, it is refused.
pub const ROOMS_MAX: usize = 200;

/// Members of a chat room.
pub const MEMBERS_MAX: usize = 1000;

/// Chat rooms that one client is in.
pub const ROOMS_PER_SOCKET_MAX: usize = 16;

/// Characters of a chat room's name.
pub const ROOM_CHARS_MAX: usize = 64;

/// Characters of a name in the chat.
pub const NICK_CHARS_MAX: usize = 32;

/// Characters of a chat message.
pub const TEXT_CHARS_MAX: usize = 1000;

/// Messages that a chat room remembers. Older ones are forgotten.
pub const HISTORY_MAX: usize = 50;

/// Milliseconds that `after` waits. More is taken as that.
pub const AFTER_MS_MAX: u64 = 60_000;

/// Milliseconds that `ask` waits for the client's answer.
pub const ASK_TIMEOUT_MS: u64 = 1_000;

/// Milliseconds that `ask-all` and `ask-one` wait for answers. More is taken as that.
pub const ASK_ALL_TIMEOUT_MS_MAX: u64 = 60_000;

/// Messages that `/guarded` notes for one client. Further ones are not noted.
pub const NOTES_MAX: usize = 1000;

/// Messages of other instances that one remembers. Older ones are forgotten.
pub const SERVER_NOTES_MAX: usize = 50;

/// Refused requests that are remembered. Older ones are forgotten.
pub const DENIALS_MAX: usize = 50;

/// Dynamic namespaces that are remembered. Beyond that one is forgotten for each new one.
pub const NAMESPACES_NOTED_MAX: usize = 1000;

/// Answers of `after` that one client has waiting.
pub const AFTERS_MAX: usize = 100;
