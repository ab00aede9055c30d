//! One instance of an app: its timers, and how it comes back after a crash. Lives on one shard,
//! called by it alone. It never talks to the protocol guest: its owner does.

use crate::guest::contract::{
    AppEvent, Command, Context, Happening, Level, LogLine, Manifest, Order,
};
use crate::guest::{AppGuest, Crash, GuestError, GuestLimits, Module, Runtime};
use crate::outgoing::{Fetching, Outgoing};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where an instance's acknowledgement numbers begin: its place in the bits from here on, ...
const PLACE_BITS: u32 = 43;
/// ... its start in the bits from here up to those, going around: an answer to an earlier instance comes
/// to one that began 2^32 numbers or more elsewhere.
const START_BITS: u32 = 32;
/// Crashes within [`CRASH_WINDOW_MS`] after which restarts pause.
const CRASHES_MAX: u32 = 50;
const CRASH_WINDOW_MS: u64 = 10_000;
/// The first pause, doubled by each further crash, and the longest.
const PAUSE_MS: u64 = 500;
const PAUSE_MS_MAX: u64 = 30_000;
/// The longest delay of a timer, as in JavaScript.
const TIMER_DELAY_MS_MAX: u64 = (1 << 31) - 1;
/// Bytes of one log line that are kept.
const LOG_LINE_BYTES_MAX: usize = 8 << 10;

/// An app among all of a node: its place in the order of their names.
pub type AppNumber = u32;

/// What the config says of the app.
#[derive(Clone)]
pub struct AppSettings {
    /// What the config calls it.
    pub name: Arc<str>,
    pub module: Module,
    pub limits: GuestLimits,
    /// Environment values granted.
    pub env: Vec<(String, String)>,
    /// Timers it may have at a time.
    pub timers_max: usize,
    /// Log lines that are written for one call.
    pub log_lines_max: usize,
    /// What it may fetch.
    pub fetching: Arc<Fetching>,
    /// How many shards answer an order for all.
    pub shards: u32,
    /// How many instances run.
    pub instances: u32,
    /// Bytes of events that one call hands over, unless one event alone is longer.
    pub batch_bytes_max: usize,
}

/// Counts the starts of an app in one place, on whichever thread they are made. Cheap to clone.
#[derive(Clone, Default)]
pub struct Starts(Arc<AtomicU32>);

impl Starts {
    /// The number of the next start: unlike that of any other, until they go around.
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// An app, running or waiting to be started again.
pub struct App {
    runtime: Runtime,
    settings: AppSettings,
    /// The shard it runs on.
    place: u32,
    guest: Option<AppGuest>,
    /// What the app declared at its last start.
    pub manifest: Manifest,
    /// Which start this is of all in its place. Events of other shards carry the one they are meant for.
    pub generation: u32,
    starts: Starts,
    /// Whether it was called since it started.
    called: bool,
    timers: Timers,
    crashes: u32,
    crashed_at_ms: u64,
    /// When to start again, while it is down.
    pub retry_at_ms: Option<u64>,
}

impl App {
    /// Starts an instance of the app: the first in its place, or one that is to follow another.
    ///
    /// # Errors
    /// When it does not start: the operator's to mend.
    pub fn start(
        runtime: Runtime,
        settings: AppSettings,
        place: u32,
        starts: Starts,
        now_ms: u64,
    ) -> Result<Self, GuestError> {
        let generation = starts.next();
        let context = context(&settings, place, generation, now_ms)?;
        let guest = AppGuest::start(&runtime, &settings.module, settings.limits, &context)?;
        let manifest = guest.manifest.clone();
        Ok(Self {
            runtime,
            settings,
            place,
            guest: Some(guest),
            manifest,
            generation,
            starts,
            called: false,
            timers: Timers::default(),
            crashes: 0,
            crashed_at_ms: 0,
            retry_at_ms: None,
        })
    }

    /// Calls the app. None when it is down.
    pub fn call(
        &mut self,
        now_ms: u64,
        happened: &[Happening],
    ) -> Option<Result<Vec<Command>, Crash>> {
        let guest = self.guest.as_mut()?;
        self.called = true;
        let result = guest.handle(now_ms, happened);
        let lines = guest.take_output();
        self.log(lines);
        if result.is_err() {
            self.guest = None;
        }
        Some(result)
    }

    /// Starts a new instance after a crash, or says when that will be tried: too many crashes in a row
    /// make growing pauses.
    pub fn restart(&mut self, now_ms: u64) -> bool {
        self.guest = None;
        self.timers = Timers::default();
        self.crashes = if now_ms.saturating_sub(self.crashed_at_ms) > CRASH_WINDOW_MS {
            1
        } else {
            self.crashes.saturating_add(1)
        };
        self.crashed_at_ms = now_ms;
        if self.crashes > CRASHES_MAX {
            return self.pause(now_ms);
        }
        self.start_again(now_ms)
    }

    /// Starts a new instance after a pause.
    pub fn start_again(&mut self, now_ms: u64) -> bool {
        self.retry_at_ms = None;
        let generation = self.starts.next();
        let started = context(&self.settings, self.place, generation, now_ms).and_then(|context| {
            AppGuest::start(
                &self.runtime,
                &self.settings.module,
                self.settings.limits,
                &context,
            )
        });
        match started {
            Ok(guest) => {
                self.manifest = guest.manifest.clone();
                self.guest = Some(guest);
                self.generation = generation;
                self.called = false;
                true
            }
            Err(error) => {
                tracing::error!(app = %self.settings.name, shard = self.place, %error, "the app could not be started again");
                self.crashes = self.crashes.saturating_add(1);
                self.crashed_at_ms = now_ms;
                self.pause(now_ms)
            }
        }
    }

    fn pause(&mut self, now_ms: u64) -> bool {
        let doublings = self.crashes.saturating_sub(CRASHES_MAX).min(16);
        let pause_ms = (PAUSE_MS << doublings).min(PAUSE_MS_MAX);
        tracing::error!(
            app = %self.settings.name,
            shard = self.place,
            crashes = self.crashes,
            pause_ms,
            "the app crashes again and again: it is down until the next try"
        );
        self.retry_at_ms = Some(now_ms.saturating_add(pause_ms));
        false
    }

    /// Does what concerns the host alone and returns the orders, which do not.
    pub fn obey(
        &mut self,
        commands: Vec<Command>,
        now_ms: u64,
        outgoing: &mut Outgoing,
    ) -> Vec<Order> {
        let mut orders = Vec::with_capacity(commands.len());
        let mut lines = Vec::new();
        for command in commands {
            match command {
                Command::Order(order) => orders.push(order),
                Command::SetTimer(timer) => {
                    let due_ms = now_ms.saturating_add(timer.delay_ms.min(TIMER_DELAY_MS_MAX));
                    if !self
                        .timers
                        .set(timer.timer, due_ms, self.settings.timers_max)
                    {
                        let text = format!(
                            "a timer was refused: the app has timers_max = {} already",
                            self.settings.timers_max
                        );
                        lines.push(LogLine {
                            level: Level::Warn,
                            text,
                        });
                    }
                }
                Command::ClearTimer(timer) => self.timers.clear(timer),
                Command::Fetch(request) => outgoing.start(request),
                Command::Log(line) => lines.push(line),
            }
        }
        self.log(lines);
        orders
    }

    /// What it may fetch.
    pub fn fetching(&self) -> Arc<Fetching> {
        self.settings.fetching.clone()
    }

    /// What the config calls it.
    pub fn name(&self) -> Arc<str> {
        self.settings.name.clone()
    }

    /// Bytes of events that one call hands over, unless one event alone is longer.
    pub const fn batch_bytes_max(&self) -> usize {
        self.settings.batch_bytes_max
    }

    /// The timers that have run out.
    pub fn take_due(&mut self, now_ms: u64) -> Vec<Happening> {
        self.timers.take_due(now_ms)
    }

    /// When this app wants to be called next: a timer, or the end of a pause.
    pub fn wake_at_ms(&self) -> Option<u64> {
        let first = self.wants_first_call().then_some(0);
        first.or_else(|| self.retry_at_ms.or_else(|| self.timers.next_ms()))
    }

    /// Whether it has started and has not been called: what it asked for at its start, such as timers, it says
    /// when it is called.
    pub const fn wants_first_call(&self) -> bool {
        !self.called && self.guest.is_some()
    }

    fn log(&self, lines: Vec<LogLine>) {
        let more = lines.len().saturating_sub(self.settings.log_lines_max);
        for line in lines.into_iter().take(self.settings.log_lines_max) {
            log_line(Some(&self.settings.name), self.place, &line);
        }
        if more > 0 {
            tracing::warn!(
                app = %self.settings.name,
                shard = self.place,
                more,
                "more lines in one call than log_lines_max: dropped"
            );
        }
    }
}

/// Writes a line of an app, or of the protocol guest, to the log, as text that cannot forge another line.
pub fn log_line(app: Option<&str>, shard: u32, line: &LogLine) {
    let end = line.text.floor_char_boundary(LOG_LINE_BYTES_MAX);
    let text: String = line
        .text
        .get(..end)
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_control() && c != '\t' { ' ' } else { c })
        .collect();
    // The protocol guest goes by that name, an app by its own.
    let guest = app.is_none().then_some("protocol");
    match line.level {
        Level::Trace => tracing::trace!(target: "guest", guest, app, shard, "{text}"),
        Level::Debug => tracing::debug!(target: "guest", guest, app, shard, "{text}"),
        Level::Info => tracing::info!(target: "guest", guest, app, shard, "{text}"),
        Level::Warn => tracing::warn!(target: "guest", guest, app, shard, "{text}"),
        Level::Error => tracing::error!(target: "guest", guest, app, shard, "{text}"),
    }
}

/// Whether a new instance is told this anew (`resumed`, or `connecting` again), so that an old copy
/// must not be given to it.
pub const fn is_introduction(event: &AppEvent) -> bool {
    matches!(event, AppEvent::Connecting(_) | AppEvent::Resumed(_))
}

/// The first number of a start in a place. 0 is none.
fn first_number(place: u32, generation: u32) -> u64 {
    let start = u64::from(generation) & ((1 << (PLACE_BITS - START_BITS)) - 1);
    (u64::from(place) << PLACE_BITS | start << START_BITS).max(1)
}

fn context(
    settings: &AppSettings,
    place: u32,
    generation: u32,
    now_ms: u64,
) -> Result<Context, GuestError> {
    let mut seed = [0_u8; 16];
    getrandom::fill(&mut seed)
        .map_err(|error| GuestError::Engine(format!("the system gives no randomness: {error}")))?;
    let seed = u128::from_le_bytes(seed);
    Ok(Context {
        name: "app".to_owned(),
        env: settings.env.clone(),
        script: settings.module.script.as_deref().map(str::to_owned),
        shards: settings.shards,
        instances: settings.instances,
        place,
        first_ack: first_number(place, generation),
        seed_low: seed as u64,
        seed_high: (seed >> 64) as u64,
        now_ms,
        deadline_ms: u32::try_from(settings.limits.deadline_ms).unwrap_or(u32::MAX),
        memory_bytes_max: settings.limits.memory_bytes_max,
    })
}

/// Timers by due time, and among equals in the order of setting.
#[derive(Default)]
struct Timers {
    due: BTreeMap<(u64, u64), u64>,
    set: HashMap<u64, (u64, u64)>,
    count: u64,
}

impl Timers {
    fn set(&mut self, timer: u64, due_ms: u64, max: usize) -> bool {
        self.clear(timer);
        if self.set.len() >= max {
            return false;
        }
        self.count += 1;
        self.due.insert((due_ms, self.count), timer);
        self.set.insert(timer, (due_ms, self.count));
        true
    }

    fn clear(&mut self, timer: u64) {
        if let Some(key) = self.set.remove(&timer) {
            self.due.remove(&key);
        }
    }

    fn take_due(&mut self, now_ms: u64) -> Vec<Happening> {
        let later = self.due.split_off(&(now_ms.saturating_add(1), 0));
        let due = std::mem::replace(&mut self.due, later);
        due.into_values()
            .map(|timer| {
                self.set.remove(&timer);
                Happening::Elapsed(timer)
            })
            .collect()
    }

    fn next_ms(&self) -> Option<u64> {
        self.due.first_key_value().map(|((due_ms, _), _)| *due_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_elsewhere_at_every_start() {
        assert_eq!(first_number(0, 0), 1);
        assert_eq!(first_number(0, 1), 1 << 32);
        assert_eq!(first_number(3, 2), 3 << 43 | 2 << 32);
        assert_eq!(first_number(3, 2 + (1 << 11)), 3 << 43 | 2 << 32);
        assert_eq!(first_number(0, 1 << 11), 1);
        assert!(first_number(1023, u32::MAX) < 1 << 53);
    }

    #[test]
    fn timers_run_out_in_order_and_once() {
        let mut timers = Timers::default();
        assert!(timers.set(1, 20, 3) && timers.set(2, 10, 3) && timers.set(3, 10, 3));
        assert!(!timers.set(4, 5, 3), "a fourth is refused");
        assert!(timers.set(1, 10, 3), "setting again replaces");
        timers.clear(2);
        assert_eq!(timers.next_ms(), Some(10));
        assert!(timers.take_due(9).is_empty());
        assert_eq!(
            timers.take_due(10),
            [Happening::Elapsed(3), Happening::Elapsed(1)]
        );
        assert_eq!((timers.take_due(100).len(), timers.next_ms()), (0, None));
    }
}
