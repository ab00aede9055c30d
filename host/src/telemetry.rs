//! The log: set up by `cli`, written to by everybody through `tracing`; and [`limited`] for lines that a
//! peer or a guest can cause at will. It counts nothing else: see `counters`.

use crate::config::{Config, LogFormat};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tracing_subscriber::EnvFilter;

/// Lines a second that one [`limited`] call-site may write.
pub const LINES_PER_SECOND_MAX: u32 = 10;

/// Sends the log to standard error, as the config says. Called once; a second call does nothing.
pub fn start(config: &Config) {
    // The config has been checked; what it refused never gets here.
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = match config.log_format {
        // Colour is decided by NO_COLOR too, unless it is switched off here.
        LogFormat::Human if std::io::stderr().is_terminal() => builder.compact().try_init(),
        LogFormat::Human => builder.compact().with_ansi(false).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    };
}

/// How many lines one place in the code may write. Shared by all threads; relaxed, so that at the turn of
/// a second a line more or less may pass.
#[derive(Debug)]
pub struct LineLimit {
    lines_per_second_max: u32,
    /// The second in the upper half, the lines asked for in it in the lower.
    state: AtomicU64,
    left_out: AtomicU64,
}

impl LineLimit {
    /// A limit of so many lines a second.
    pub const fn new(lines_per_second_max: u32) -> Self {
        Self {
            lines_per_second_max,
            state: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether a line may be written now, and how many were left out before it.
    pub fn admit(&self) -> Option<u64> {
        static STARTED: OnceLock<Instant> = OnceLock::new();
        self.admit_at(STARTED.get_or_init(Instant::now).elapsed().as_secs())
    }

    fn admit_at(&self, second: u64) -> Option<u64> {
        let lines_in = |state: u64| {
            if state >> 32 == second {
                state & u64::from(u32::MAX)
            } else {
                0
            }
        };
        let next = |state| Some(second << 32 | (lines_in(state) + 1).min(u64::from(u32::MAX)));
        let before = self
            .state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .unwrap_or_default();
        if lines_in(before) < u64::from(self.lines_per_second_max) {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Logs like `tracing::warn!` and the others, but at most [`LINES_PER_SECOND_MAX`] lines a second from
/// this place. What was left out is told before the next line: `limited!(warn, %address, "refused")`.
macro_rules! limited {
    ($level:ident, $($line:tt)+) => {{
        static LIMIT: $crate::telemetry::LineLimit =
            $crate::telemetry::LineLimit::new($crate::telemetry::LINES_PER_SECOND_MAX);
        if let Some(more) = LIMIT.admit() {
            if more > 0 {
                tracing::$level!(more, "… and {more} more like the next line");
            }
            tracing::$level!($($line)+);
        }
    }};
}
pub(crate) use limited;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[test]
    fn lines_are_limited_by_the_second() {
        let limit = LineLimit::new(2);
        let second =
            |second, times| -> Vec<_> { (0..times).map(|_| limit.admit_at(second)).collect() };
        assert_eq!(second(0, 5), [Some(0), Some(0), None, None, None]);
        assert_eq!(second(1, 3), [Some(3), Some(0), None]);
        assert_eq!(second(9, 1), [Some(1)]);
        assert_eq!(LineLimit::new(0).admit_at(5), None);
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_is_a_few_lines() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..10_000 {
                limited!(warn, number, "a peer misbehaves");
            }
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        // The flood may run over the turn of a second, or several on a machine that is busy.
        let lines = text
            .lines()
            .filter(|line| line.contains("a peer misbehaves"))
            .count();
        assert!((10..200).contains(&lines), "{lines}");
    }
}
