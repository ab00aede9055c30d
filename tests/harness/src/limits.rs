//! Every bound of the harness.

use std::time::Duration;

/// How long anything is waited for, unless the test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Messages that a client keeps unread. With one more it ends, with the reason `too many messages`.
pub const INBOX_MAX: usize = 100_000;

/// Log lines that are kept; the oldest give way.
pub const LOG_LINES_MAX: usize = 10_000;

/// Log lines that a failed test shows, the last ones.
pub const LOG_LINES_SHOWN: usize = 60;

/// Bytes of an HTTP answer that are read; a longer one is an error.
pub const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Unread messages that a failed expectation lists.
pub const MESSAGES_SHOWN: usize = 20;

/// Binary values that a message may announce; with more it is a parse error.
pub const ATTACHMENTS_MAX: usize = 1_000;
