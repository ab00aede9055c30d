//! Requests that an app makes to other servers (`fetch`): whether it may, and that each is answered once.
//!
//! Called by `shard` for the instance of the app that runs on it: [`Outgoing::start`] in a turn, then
//! [`Outgoing::take`] in a later one, which the answer wakes. What goes on between is tasks of the shard's
//! runtime. `request` checks what was asked for, `hosts` whether the config allows it, `exchange` carries it
//! out; a turn never waits for any of it. It never follows a redirect and keeps no cookies.

mod answers;
mod connect;
mod decoding;
mod exchange;
mod hosts;
mod pool;
mod request;

use crate::config::AppConfig;
use crate::guest::contract::{Fetched, OutgoingRequest};
use crate::mailbox::Shards;
use crate::telemetry::limited;
use answers::{Answers, Owed};
use connect::{Dialing, tls};
pub use connect::{LOOKUPS_MAX, Lookups};
use exchange::{Means, run};
use hosts::{Grant, Hosts};
use pool::Pool;
use request::{Prepared, prepare};
use std::rc::Rc;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_rustls::rustls::ClientConfig;

/// A body, of a request or an answer, in bytes: more is an error. ...
const BODY_BYTES_MAX: u64 = 16 << 20;
/// ... So is more than this part of the app's memory, which holds it several times over.
const MEMORY_PER_BODY: u64 = 16;
/// What all requests of an instance and their answers may take together is this part of the app's memory.
const MEMORY_PER_ALL: u64 = 4;
/// Refusals that wait to be told; those beyond are only logged.
const REFUSALS_MAX: usize = 10_000;

/// What an app may fetch: its settings, read. Shared by its instances.
pub struct Fetching {
    /// What the config calls the app.
    app: String,
    hosts: Hosts,
    private: bool,
    fetches_max: usize,
    body_bytes_max: usize,
    bytes_max: usize,
    /// Nothing if no host is allowed that needs it.
    tls: Option<Arc<ClientConfig>>,
    lookups: Lookups,
}

impl Fetching {
    /// Reads the settings of the app that the config calls so. `lookups` are the node's.
    ///
    /// # Errors
    /// Which setting is wrong and what is allowed: a sentence.
    pub fn new(app: &str, config: &AppConfig, lookups: &Lookups) -> Result<Self, String> {
        let wrong = |reason| format!("the app {app:?}: {reason}");
        let hosts = Hosts::parse(&config.fetch_hosts).map_err(wrong)?;
        let file = config.fetch_ca_file.as_deref();
        let tls = if hosts.need_tls() || file.is_some() {
            Some(tls(file).map_err(wrong)?)
        } else {
            None
        };
        let part = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let memory = config.memory_bytes_max;
        Ok(Self {
            app: app.to_owned(),
            hosts,
            private: config.fetch_private,
            fetches_max: config.fetches_max,
            body_bytes_max: part((memory / MEMORY_PER_BODY).min(BODY_BYTES_MAX)),
            bytes_max: part(memory / MEMORY_PER_ALL),
            tls,
            lookups: lookups.clone(),
        })
    }

    /// Checks a request and whether it may be sent.
    fn check(&self, request: OutgoingRequest) -> Result<(Prepared, Grant), String> {
        let prepared = prepare(request, self.body_bytes_max)?;
        let grant = self
            .hosts
            .grant(&prepared.target, self.private, &self.app)
            .inspect_err(|reason| limited!(warn, app = self.app, "refused a request: {reason}"))?;
        Ok((prepared, grant))
    }
}

/// The requests of one instance of an app.
pub struct Outgoing {
    fetching: Arc<Fetching>,
    /// Of the shard's runtime.
    runtime: Handle,
    shards: Shards,
    shard: usize,
    answers: Rc<Answers>,
    pool: Rc<Pool>,
    tasks: JoinSet<()>,
}

impl Outgoing {
    /// None yet, for an instance on this shard, whose runtime this is.
    pub fn new(fetching: Arc<Fetching>, runtime: Handle, shards: Shards, shard: usize) -> Self {
        Self {
            answers: Answers::new(fetching.bytes_max, shards.clone(), shard),
            fetching,
            runtime,
            shards,
            shard,
            pool: Rc::default(),
            tasks: JoinSet::new(),
        }
    }

    /// Begins a request. Its answer wakes the shard.
    pub fn start(&mut self, request: OutgoingRequest) {
        while self.tasks.try_join_next().is_some() {}
        let token = request.token;
        if let Err(reason) = self.try_start(request) {
            if self.answers.refused() < REFUSALS_MAX {
                self.answers.refuse(token, reason);
            } else {
                limited!(
                    error,
                    app = self.fetching.app,
                    token,
                    "{REFUSALS_MAX} refusals of requests wait to be told: this one never will be: {reason}"
                );
            }
        }
    }

    fn try_start(&mut self, request: OutgoingRequest) -> Result<(), String> {
        let token = request.token;
        let fetching = self.fetching.clone();
        let (prepared, grant) = fetching.check(request)?;
        let (app, fetches_max) = (&fetching.app, fetching.fetches_max);
        if self.answers.under_way() >= fetches_max {
            return Err(format!(
                "the app {app:?} has {fetches_max} requests under way: wait for answers before asking {}, or raise fetches_max in holdfast.toml",
                prepared.target
            ));
        }
        let owed = self.answers.owe(token, prepared.bytes).ok_or_else(|| {
            format!(
                "all requests of the app {app:?} together take a quarter of its memory_bytes_max: wait for answers before asking {}",
                prepared.target
            )
        })?;
        let pool = self.pool.clone();
        let _runtime = self.runtime.enter();
        self.tasks
            .spawn_local(answer(fetching, pool, prepared, grant, owed));
        Ok(())
    }

    /// The answers that have come since the last time.
    pub fn take(&mut self) -> Vec<Fetched> {
        self.answers.take()
    }

    /// Gives up whatever is under way: the instance that asked is gone, and the next is told nothing of it.
    pub fn cancel_all(&mut self) {
        self.tasks.abort_all();
        self.answers = Answers::new(self.fetching.bytes_max, self.shards.clone(), self.shard);
        self.pool = Rc::default();
    }
}

/// Makes a request and gives the answer that is owed.
async fn answer(
    fetching: Arc<Fetching>,
    pool: Rc<Pool>,
    request: Prepared,
    grant: Grant,
    mut owed: Owed,
) {
    let means = Means {
        dialing: Dialing {
            app: &fetching.app,
            grant,
            lookups: &fetching.lookups,
            tls: fetching.tls.as_ref(),
        },
        pool,
        body_bytes_max: fetching.body_bytes_max,
    };
    if let Some(charge) = owed.charge() {
        let outcome = run(&request, &means, charge).await;
        owed.give(outcome);
    }
}
