//! What can be done to a node while it serves: swap an app. Called by tests, by `watch`, by whoever holds a
//! [`Control`]. It compiles and starts on a thread of its own, and leaves letters for shards; it never waits
//! on one of them in a shard's thread.

use crate::apps::{Apps, Entry, Started, check_settings};
use crate::guest::{GuestError, Source};
use crate::mailbox::{Letter, Shards, Successor};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, oneshot, watch};

/// A handle on a node, for any thread. It may outlive the node.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    apps: Arc<Apps>,
    shards: Shards,
    stopped: watch::Receiver<bool>,
    /// Held while an app is swapped, by number.
    swapping: Vec<Mutex<()>>,
}

/// How an app was swapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapReport {
    /// What the config calls the app.
    pub app: String,
    /// SHA-256 of the version that serves now, in hexadecimal.
    pub digest: String,
    /// Milliseconds in which it was loaded and started, while the old one served.
    pub prepare_ms: u64,
    /// Microseconds in which a shard did nothing but put it in the old one's place, at most.
    pub pause_us: u64,
}

/// Why an app was not swapped: the old version serves.
#[expect(missing_docs, reason = "each message says what its fields are")]
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SwapError {
    /// There is no such app.
    #[error("there is no app {name:?}: there are {known}")]
    Unknown { name: String, known: String },
    /// The new version cannot be loaded or does not start.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// It does not go together with the other apps, or asks for too much.
    #[error("{0}")]
    Refused(String),
    /// The system gave no thread to prepare it on.
    #[error("the app could not be prepared: {0}")]
    Unprepared(String),
    /// The node stops, or has stopped.
    #[error("the node is stopping")]
    Stopping,
}

impl Control {
    pub(crate) fn new(apps: Arc<Apps>, shards: Shards, stopped: watch::Receiver<bool>) -> Self {
        let swapping = apps.entries.iter().map(|_| Mutex::default()).collect();
        Self(Arc::new(Inner {
            apps,
            shards,
            stopped,
            swapping,
        }))
    }

    /// What the config calls the apps, in the order of their numbers.
    pub fn apps(&self) -> Vec<String> {
        let entries = self.0.apps.entries.iter();
        entries.map(|entry| entry.name.to_string()).collect()
    }

    /// Puts another version of an app in the place of the one that serves. Every connection stays open: the new
    /// version hears `resumed` for every socket that is connected, and nothing that was sent is lost. The old
    /// version's timers and requests end with it. A swap that begins meanwhile waits for this one.
    ///
    /// # Errors
    /// When the new version is refused: then nothing has changed.
    pub async fn swap_app(&self, name: &str, source: Source) -> Result<SwapReport, SwapError> {
        let inner = &self.0;
        let unknown = || SwapError::Unknown {
            name: name.to_owned(),
            known: self.apps().join(", "),
        };
        let entry = inner.apps.named(name).ok_or_else(unknown)?;
        let swapping = inner.swapping.get(entry.number as usize);
        let _one_at_a_time = swapping.ok_or_else(unknown)?.lock().await;
        let begun = Instant::now();
        let started = self.prepare(entry.number as usize, source).await?;
        let prepare_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if *inner.stopped.borrow() {
            return Err(SwapError::Stopping);
        }
        let Started { version, instances } = started;
        check_settings(name, &version.manifest).map_err(SwapError::Refused)?;
        inner
            .apps
            .replace(entry, &version)
            .map_err(SwapError::Refused)?;
        if version.manifest.settings != entry.asked {
            tracing::warn!(
                app = name,
                "the app asks for other settings than at the start of the node: they take effect at the next start"
            );
        }
        let mut waiting = Vec::new();
        for ((place, _), app) in entry.places.iter().zip(instances) {
            let (done, swapped) = oneshot::channel();
            let successor = Box::new(Successor { app, done });
            let letter = Letter::Swap(entry.number, successor);
            inner.shards.send(*place as usize, letter);
            waiting.push(swapped);
        }
        let mut pause = Duration::ZERO;
        for swapped in waiting {
            pause = pause.max(self.unless_stopped(swapped).await?);
        }
        let report = SwapReport {
            app: name.to_owned(),
            digest: version.module.digest.clone(),
            prepare_ms,
            pause_us: u64::try_from(pause.as_micros()).unwrap_or(u64::MAX),
        };
        tracing::info!(
            app = name,
            digest = version.module.short_digest(),
            prepare_ms,
            pause_us = report.pause_us,
            "swapped"
        );
        Ok(report)
    }

    /// Loads and starts a version on a thread of its own.
    async fn prepare(&self, number: usize, source: Source) -> Result<Started, SwapError> {
        let (give, given) = oneshot::channel();
        let apps = self.0.apps.clone();
        std::thread::Builder::new()
            .name("prepare-app".to_owned())
            .spawn(move || {
                let entry: Option<&Entry> = apps.entries.get(number);
                let started = entry.map(|entry| apps.start_version(entry, &source));
                crate::server::give_memory_back();
                // Whoever asked may have gone.
                let _ = give.send(started);
            })
            .map_err(|error| SwapError::Unprepared(error.to_string()))?;
        match given.await {
            Ok(Some(started)) => Ok(started?),
            _ => Err(SwapError::Unprepared(
                "the thread that did it ended".to_owned(),
            )),
        }
    }

    /// What a shard says, or that it never will.
    async fn unless_stopped<T>(&self, answer: oneshot::Receiver<T>) -> Result<T, SwapError> {
        let mut stopped = self.0.stopped.clone();
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| SwapError::Stopping),
            // An error: the node is no more.
            _ = stopped.wait_for(|stopped| *stopped) => Err(SwapError::Stopping),
        }
    }
}
