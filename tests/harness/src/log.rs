//! What a node logs: kept for the test, shown when it fails. Used by `node`.

use crate::limits::LOG_LINES_MAX;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::Dispatch;
use tracing_subscriber::EnvFilter;

/// The last lines of a log. A clone is the same log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lines: Mutex<VecDeque<String>>,
    changed: Condvar,
}

impl Log {
    /// Where a node's threads are to log to: lines that pass this filter.
    pub(crate) fn dispatch(&self, filter: &str) -> Dispatch {
        let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
        let log = self.clone();
        let writer = move || LineWriter {
            log: log.clone(),
            line: Vec::new(),
        };
        let subscriber = tracing_subscriber::fmt()
            .compact()
            .with_ansi(false)
            .with_env_filter(filter)
            .with_writer(writer)
            .finish();
        Dispatch::new(subscriber)
    }

    /// The lines kept, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    /// The first line with this text, now or soon.
    pub(crate) fn wait(&self, text: &str, patience: Duration) -> Option<String> {
        let until = Instant::now() + patience;
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return Some(line.clone());
            }
            let left = until.checked_duration_since(Instant::now())?;
            let waited = self.0.changed.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn push(&self, text: &str) {
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            if lines.len() >= LOG_LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(line.to_owned());
        }
        self.0.changed.notify_all();
    }
}

/// Gathers what belongs to one event.
struct LineWriter {
    log: Log,
    line: Vec<u8>,
}

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.log.push(&String::from_utf8_lossy(&self.line));
    }
}
