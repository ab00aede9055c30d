//! One event loop: its connections, its sessions, one protocol instance, and the instances of apps that run on it.
//!
//! Called by `server`, which runs each shard on a thread of its own. Everything a guest hears or decides
//! passes through a *turn*: what all ready connections brought, in one call of the protocol guest; what
//! it dispatched, in one call of each app; what the apps ordered, in one call of the protocol guest; then
//! everything is written out. `letters` is what shards tell each other, `home` the apps' side, `swap` how a
//! new version of an app takes the place of the old. It never reads what it carries.

mod home;
mod letters;
mod swap;

use crate::app::{App, AppNumber};
use crate::clock::Clock;
use crate::connection::{Link, Surroundings, adopt};
use crate::guest::contract::{Event, Happened, Loaded, Manifest};
use crate::inbox::nothing;
use crate::mailbox::Upgraded;
use crate::outgoing::Outgoing;
use crate::perform::Aftermath;
use crate::protocol::Protocol;
use crate::records::Records;
use home::Home;
use std::collections::HashSet;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::LocalRuntime;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Times that guests may answer each other within one turn; what is left then waits for the next.
const ROUNDS_MAX: usize = 16;
/// How long the app's last words may travel before the sockets are closed.
const LAST_WORDS_MS: u64 = 100;
/// How long a shard takes up nothing new when the node is behind, before it looks again.
const PAUSE: Duration = Duration::from_millis(5);

/// A shard at work.
pub struct Shard {
    surroundings: Rc<Surroundings>,
    clock: Clock,
    records: Records,
    protocol: Protocol,
    /// The apps, by number.
    apps: Vec<Tenant>,
    subscriptions: HashSet<String>,
    /// What a turn left for the next.
    left: Happened,
    /// Whether letters were left for the next turn.
    letters_left: bool,
    /// Whether this turn took up nothing new, because the node is behind.
    paused: bool,
    wake_at_ms: Option<u64>,
    stop: Stop,
}

/// What a shard begins with of an app.
pub struct AppStart {
    /// The instance that runs on this shard, if one does.
    pub app: Option<App>,
    /// What the instance declared that serves this shard.
    pub manifest: Manifest,
    /// Where it runs.
    pub place: usize,
    /// Whether one runs on each shard.
    pub per_shard: bool,
}

/// An app as a shard knows it.
struct Tenant {
    /// Its instance that runs on this shard, if one does.
    home: Option<Home>,
    /// Where the instance runs that serves this shard.
    place: usize,
    /// Whether an instance runs on each shard.
    per_shard: bool,
    /// Which start of the instance in a place this shard's events for it are meant for.
    generations: Vec<u32>,
    /// The app has started anew and waits to hear of this shard's sockets.
    owes_introductions: bool,
    /// How many orders without a socket this shard's instance has given, and those before it.
    orders_for_all: u64,
}

/// ```text
/// Running --stop letter--> Warned(at) --100 ms--> Stopping(until) --no connections, or time--> (loop ends)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Running,
    /// The app has had its last call; the protocol guest hears of it at this time.
    Warned(u64),
    /// Clients have been told; what is left is ended at this time.
    Stopping(u64),
}

impl Shard {
    /// A shard with guests that have started; the apps by number. `runtime` is the shard's own.
    pub fn new(
        surroundings: Rc<Surroundings>,
        clock: Clock,
        protocol: Protocol,
        apps: Vec<AppStart>,
        runtime: &LocalRuntime,
    ) -> Self {
        let shards = surroundings.shards.count();
        let mut left = nothing();
        let mut tenants = Vec::with_capacity(apps.len());
        for (number, start) in (0..).zip(apps) {
            left.events.push(Event::Loaded(Loaded {
                app: number,
                manifest: start.manifest,
                resume: true,
                place: start.place as u32,
            }));
            let home = start.app.map(|app| {
                let outgoing = Outgoing::new(
                    app.fetching(),
                    runtime.handle().clone(),
                    surroundings.shards.clone(),
                    surroundings.shard,
                );
                Home::new(app, outgoing, shards, !start.per_shard)
            });
            tenants.push(Tenant {
                home,
                place: start.place,
                per_shard: start.per_shard,
                generations: vec![0; shards],
                owes_introductions: false,
                orders_for_all: 0,
            });
        }
        Self {
            surroundings,
            clock,
            records: Records::default(),
            protocol,
            apps: tenants,
            subscriptions: HashSet::new(),
            left,
            letters_left: false,
            paused: false,
            wake_at_ms: None,
            stop: Stop::Running,
        }
    }

    /// Runs turns until the node stops. `shutdown_timeout_ms` bounds the end.
    ///
    /// # Errors
    /// When the protocol guest cannot be started again after a crash: the node cannot go on.
    pub fn run(
        &mut self,
        runtime: &LocalRuntime,
        shutdown_timeout_ms: u64,
    ) -> Result<(), crate::guest::GuestError> {
        loop {
            runtime.block_on(self.something_to_do());
            // Guests are called outside of the runtime: a turn never waits.
            self.turn(runtime)?;
            let now_ms = self.clock.now_ms();
            match self.stop {
                Stop::Warned(at) if now_ms >= at => {
                    self.left.events.push(Event::Stopping);
                    self.stop = Stop::Stopping(now_ms.saturating_add(shutdown_timeout_ms));
                }
                Stop::Stopping(until)
                    if self.left.events.is_empty() && (self.is_idle() || now_ms >= until) =>
                {
                    if !self.is_idle() {
                        tracing::warn!(
                            shard = self.surroundings.shard,
                            connections = self.records.links.len(),
                            "ending connections that did not close in time"
                        );
                    }
                    self.records.links.values().for_each(|link| link.abort());
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// The instances that run on this shard.
    fn homes(&self) -> impl Iterator<Item = &Home> {
        self.apps.iter().filter_map(|tenant| tenant.home.as_ref())
    }

    fn tenant(&mut self, app: AppNumber) -> Option<&mut Tenant> {
        self.apps.get_mut(app as usize)
    }

    /// The instance of an app that runs on this shard, if one does.
    fn home(&mut self, app: AppNumber) -> Option<&mut Home> {
        self.tenant(app)?.home.as_mut()
    }

    fn is_idle(&self) -> bool {
        self.records.links.is_empty() && self.records.exchanges.is_empty()
    }

    /// Waits for letters, frames or time; then lets every other ready task leave its frames too.
    async fn something_to_do(&self) {
        if let Some(mailbox) = self.surroundings.shards.mailbox(self.surroundings.shard)
            && self.left.events.is_empty()
            && !self.letters_left
            && self.homes().all(Home::is_idle)
        {
            let mut notified = pin!(mailbox.notify.notified());
            let stop_at = match self.stop {
                Stop::Running => None,
                Stop::Warned(at) => Some(at),
                Stop::Stopping(until) => Some(until.min(self.clock.now_ms() + 20)),
            };
            let of_apps = self.homes().filter_map(|home| home.app.wake_at_ms());
            let wake_at_ms = [self.wake_at_ms, stop_at]
                .into_iter()
                .flatten()
                .chain(of_apps)
                .min();
            match wake_at_ms {
                _ if self.paused => {
                    let _ = timeout(PAUSE, notified.as_mut()).await;
                }
                None => notified.as_mut().await,
                Some(at) => {
                    let wait = Duration::from_millis(at.saturating_sub(self.clock.now_ms()));
                    let _ = timeout(wait, notified.as_mut()).await;
                }
            }
        }
        yield_now().await;
    }

    /// One turn.
    fn turn(&mut self, runtime: &LocalRuntime) -> Result<(), crate::guest::GuestError> {
        let now_ms = self.clock.now_ms();
        let mut letters = Vec::new();
        self.take_letters(runtime, now_ms, &mut letters);
        // Letters are always taken: they are what the node is behind with.
        self.paused = self.surroundings.shards.are_behind();
        let (mut happened, gone) = if self.paused {
            (nothing(), Vec::new())
        } else {
            self.surroundings.inbox.take()
        };
        // Frames before letters: a client that sends a request after a frame does so on another
        // connection, and both may have come while the shard slept.
        let mut events = std::mem::take(&mut self.left.events);
        events.append(&mut happened.events);
        events.append(&mut letters);
        happened.events = events;
        if self.wake_at_ms.is_some_and(|at| at <= now_ms) {
            self.wake_at_ms = None;
            happened.events.push(Event::Elapsed);
        }
        let mut touched = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let mut after = Aftermath::default();
            self.protocol.call(
                now_ms,
                happened,
                &mut self.records,
                &self.surroundings,
                &mut after,
            )?;
            self.carry(&mut after);
            for app in 0..self.apps.len() as AppNumber {
                self.call_app(app, now_ms, &mut after)?;
                self.carry(&mut after);
            }
            finish(&mut after, &mut touched, runtime, &self.surroundings);
            if after.wake_at.is_some() {
                self.wake_at_ms = after.wake_at;
            }
            happened = after.happened;
            if happened.events.is_empty() && self.homes().all(Home::is_idle) {
                break;
            }
        }
        self.left = happened;
        for link in touched {
            if let Some(task) = link.flush(&self.surroundings) {
                runtime.spawn_local(task);
            }
        }
        for number in gone {
            self.records.links.remove(&number);
        }
        Ok(())
    }

    /// An accepted upgrade is through: from here on the connection reads and writes by itself.
    fn take_over(
        &mut self,
        runtime: &LocalRuntime,
        connection: u64,
        upgraded: Upgraded,
        events: &mut Vec<Event>,
    ) {
        let Some(link) = self.records.links.get(&connection).cloned() else {
            return;
        };
        let _guard = runtime.handle().enter();
        match adopt(&link, upgraded, &self.surroundings) {
            Ok(task) => {
                runtime.spawn_local(task);
                if let Some(task) = link.flush(&self.surroundings) {
                    runtime.spawn_local(task);
                }
            }
            Err(error) => {
                tracing::warn!(connection, shard = self.surroundings.shard, %error, "a socket could not be taken over");
                self.records.links.remove(&connection);
                events.push(closed(connection, crate::guest::contract::Cause::Failed));
            }
        }
    }
}

/// What performing left to do outside of guests: log lines, and closing handshakes to bound.
fn finish(
    after: &mut Aftermath,
    touched: &mut Vec<Rc<Link>>,
    runtime: &LocalRuntime,
    surroundings: &Rc<Surroundings>,
) {
    for line in after.lines.drain(..) {
        crate::app::log_line(None, surroundings.shard as u32, &line);
    }
    for link in after.closing.drain(..) {
        runtime.spawn_local(link.close_in_time(surroundings.clone()));
    }
    touched.append(&mut after.touched);
}

const fn closed(connection: u64, cause: crate::guest::contract::Cause) -> Event {
    Event::Closed(crate::guest::contract::Closed { connection, cause })
}
