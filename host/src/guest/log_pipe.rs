//! An app's standard output and error, kept until the call returns. Called by wasmtime-wasi to write
//! and by `app` to read. It never blocks; what exceeds the bound is dropped and said.

use super::contract::{Level, LogLine};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Bytes kept between two calls of the app.
const PIPE_BYTES_MAX: usize = 64 << 10;

/// A place to write to; clones write to the same place.
#[derive(Clone, Default)]
pub struct LogPipe(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    dropped: usize,
}

impl LogPipe {
    /// What was written since the last time, as lines.
    pub fn take_lines(&self) -> Vec<LogLine> {
        let kept = {
            let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if guard.bytes.is_empty() {
                return Vec::new();
            }
            std::mem::take(&mut *guard)
        };
        let text = String::from_utf8_lossy(&kept.bytes);
        let mut lines: Vec<_> = text
            .lines()
            .map(|line| LogLine {
                level: Level::Info,
                text: line.to_owned(),
            })
            .collect();
        if kept.dropped > 0 {
            lines.push(LogLine {
                level: Level::Warn,
                text: format!("{} more bytes of output were dropped", kept.dropped),
            });
        }
        lines
    }

    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let space = PIPE_BYTES_MAX
            .saturating_sub(kept.bytes.len())
            .min(bytes.len());
        let (fits, rest) = bytes.split_at(space);
        kept.bytes.extend_from_slice(fits);
        kept.dropped += rest.len();
    }
}

impl IsTerminal for LogPipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogPipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + std::marker::Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogPipe {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIPE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogPipe {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogPipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_floods_are_cut() {
        let pipe = LogPipe::default();
        assert!(pipe.take_lines().is_empty());
        pipe.push(b"one\ntwo");
        assert_eq!(
            pipe.take_lines()
                .iter()
                .map(|line| line.text.as_str())
                .collect::<Vec<_>>(),
            ["one", "two"]
        );
        for _ in 0..100 {
            pipe.push(&[b'x'; 4096]);
        }
        let lines = pipe.take_lines();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].text.contains("dropped"));
    }
}
