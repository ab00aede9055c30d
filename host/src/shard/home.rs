//! The apps' side of a shard: an instance of an app that runs on it, what waits for it, and how a new one
//! takes its place after a crash.
//!
//! Called by the turn, for each app. It never talks to a connection.

use super::Shard;
use super::swap::Expected;
use crate::app::{App, AppNumber};
use crate::batch::count_of_portion;
use crate::guest::contract::{AppEvent, Command, Event, Happened, Happening, Loaded};
use crate::guest::{Crash, GuestError};
use crate::inbox::nothing;
use crate::mailbox::{Letter, shard_of_socket};
use crate::outgoing::Outgoing;
use crate::perform::Aftermath;
use crate::telemetry::limited;
use std::collections::{HashSet, VecDeque};

/// An instance of an app with what waits for it.
pub(super) struct Home {
    pub(super) app: App,
    /// Its requests to other servers.
    outgoing: Outgoing,
    /// Answers to those among what waits for its next call.
    fetched: usize,
    /// Events for its next call.
    pub(super) inbox: Vec<Happening>,
    /// Events of other shards that must wait until those have introduced their sockets to a new
    /// instance, by shard.
    held: Vec<Held>,
    /// After a crash: events are given one at a time until all that waited have been.
    pub(super) cautious: bool,
    /// The instance that is to follow on this one.
    pub(super) expected: Option<Expected>,
    /// Whether it serves the sockets of all shards, or of its own only.
    serves_all: bool,
}

#[derive(Default)]
struct Held {
    waiting: bool,
    events: Vec<AppEvent>,
}

impl Shard {
    /// Calls the app with what waits for it, as much as it can hold at a time.
    pub(super) fn call_app(
        &mut self,
        app: AppNumber,
        now_ms: u64,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        let paused = self.paused;
        let Some(home) = self.home(app) else {
            return Ok(());
        };
        if let Some(successor) = home.take_successor() {
            return self.swap(app, successor, now_ms, after);
        }
        if home.app.retry_at_ms.is_some_and(|at| at <= now_ms) && home.app.start_again(now_ms) {
            let waiting = std::mem::take(&mut home.inbox);
            return self.introduce(app, now_ms, waiting, after);
        }
        if !paused {
            let due = home.app.take_due(now_ms);
            home.inbox.extend(due);
            home.take_fetched();
        }
        if home.app.wants_first_call() && home.inbox.is_empty() {
            return self.give(app, now_ms, Vec::new(), after);
        }
        self.give_portion(app, now_ms, after)?;
        Ok(())
    }

    /// Calls the app with a portion of what waits for it. Returns how many events that was; what became of
    /// them is done.
    pub(super) fn give_portion(
        &mut self,
        app: AppNumber,
        now_ms: u64,
        after: &mut Aftermath,
    ) -> Result<usize, GuestError> {
        let Some(home) = self.home(app).filter(|home| !home.inbox.is_empty()) else {
            return Ok(0);
        };
        let happened = home.take_portion();
        let count = happened.len();
        home.note_given(count);
        self.give(app, now_ms, happened, after)?;
        Ok(count)
    }

    /// Calls the app with these events, and again after a crash.
    fn give(
        &mut self,
        app: AppNumber,
        now_ms: u64,
        happened: Vec<Happening>,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        let Some(home) = self.home(app) else {
            return Ok(());
        };
        let name = home.app.name();
        if home.cautious {
            home.cautious = !home.inbox.is_empty() || home.held.iter().any(|held| held.waiting);
            let mut queue = happened.into();
            let Some(crashed) = self.one_by_one(app, now_ms, &mut queue, after) else {
                return Ok(());
            };
            self.answer_for(app, now_ms, crashed, after)?;
            return self.recover(app, now_ms, queue.into(), after);
        }
        match home.call(now_ms, &happened) {
            Some(Ok(commands)) => {
                let orders = home.app.obey(commands, now_ms, &mut home.outgoing);
                self.give_orders(app, orders, after);
                Ok(())
            }
            Some(Err(crash)) => {
                self.surroundings.counters.guest_traps.add(1);
                let mut happened = happened;
                // Alone in its batch, an event need not be tried again to be found.
                if happened.len() == 1
                    && let Some(only) = happened.pop()
                {
                    limited!(error, app = %name, event = name_of(&only), shard = self.surroundings.shard, report = %crash, "the app crashed over this event: it is lost");
                    self.answer_for(app, now_ms, only, after)?;
                } else {
                    limited!(warn, app = %name, events = happened.len(), shard = self.surroundings.shard, report = %crash, "the app crashed: starting it again and repeating the events one by one");
                }
                self.recover(app, now_ms, happened, after)
            }
            None => {
                self.lose(app, happened, after);
                Ok(())
            }
        }
    }

    /// A new instance, and the events of the crashed one again, one at a time: the one that crashes
    /// again is lost.
    fn recover(
        &mut self,
        app: AppNumber,
        now_ms: u64,
        mut happened: Vec<Happening>,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        let Some(home) = self.home(app) else {
            return Ok(());
        };
        home.cautious = true;
        happened.append(&mut home.inbox);
        if home.restart(now_ms) {
            return self.introduce(app, now_ms, happened, after);
        }
        self.lose(app, happened, after);
        Ok(())
    }

    /// Makes the sockets known to a new instance, then gives it `happened`.
    fn introduce(
        &mut self,
        app: AppNumber,
        now_ms: u64,
        mut happened: Vec<Happening>,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        loop {
            let (introductions, waiting) = self.announce(app, now_ms, happened, after)?;
            let mut queue = introductions
                .into_iter()
                .chain(waiting)
                .collect::<VecDeque<_>>();
            let Some(crashed) = self.one_by_one(app, now_ms, &mut queue, after) else {
                return Ok(());
            };
            self.answer_for(app, now_ms, crashed, after)?;
            happened = queue.into();
            let Some(home) = self.home(app) else {
                return Ok(());
            };
            if !home.restart(now_ms) {
                self.lose(app, happened, after);
                return Ok(());
            }
        }
    }

    /// Tells all shards of a new instance. Returns how it meets this shard's sockets, and what of `happened` is
    /// for it after that.
    pub(super) fn announce(
        &mut self,
        app: AppNumber,
        now_ms: u64,
        happened: Vec<Happening>,
        after: &mut Aftermath,
    ) -> Result<(Vec<Happening>, Vec<Happening>), GuestError> {
        let own = self.surroundings.shard;
        let Some(tenant) = self.tenant(app) else {
            return Ok((Vec::new(), happened));
        };
        let Some(home) = &mut tenant.home else {
            return Ok((Vec::new(), happened));
        };
        let (manifest, generation) = (home.app.manifest.clone(), home.app.generation);
        if let Some(known) = tenant.generations.get_mut(own) {
            *known = generation;
        }
        let waiting = home.hold_back(happened, own);
        for other in (0..self.surroundings.shards.count()).filter(|other| *other != own) {
            self.surroundings.shards.send(
                other,
                Letter::AppLoaded {
                    app,
                    place: own,
                    manifest: manifest.clone(),
                    generation,
                },
            );
        }
        let loaded = Happened {
            events: vec![Event::Loaded(Loaded {
                app,
                manifest,
                resume: true,
                place: own as u32,
            })],
            ..nothing()
        };
        self.protocol
            .call(now_ms, loaded, &mut self.records, &self.surroundings, after)?;
        let introductions = self.send_events(Some(app), after);
        let introductions = introductions.into_iter().map(Happening::Event);
        Ok((introductions.collect(), waiting))
    }

    /// Lets the protocol guest answer for a lost event in the app's place, before the next start.
    fn answer_for(
        &mut self,
        app: AppNumber,
        now_ms: u64,
        lost: Happening,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        let mut answer = Aftermath::default();
        self.lose(app, vec![lost], &mut answer);
        self.protocol.call(
            now_ms,
            answer.happened,
            &mut self.records,
            &self.surroundings,
            after,
        )
    }

    /// Gives events to the app one at a time. Returns the one it crashed over.
    fn one_by_one(
        &mut self,
        app: AppNumber,
        now_ms: u64,
        queue: &mut VecDeque<Happening>,
        after: &mut Aftermath,
    ) -> Option<Happening> {
        while let Some(happening) = queue.pop_front() {
            let home = self.home(app)?;
            let name = home.app.name();
            match home.call(now_ms, std::slice::from_ref(&happening)) {
                Some(Ok(commands)) => {
                    let orders = home.app.obey(commands, now_ms, &mut home.outgoing);
                    self.give_orders(app, orders, after);
                }
                Some(Err(crash)) => {
                    self.surroundings.counters.guest_traps.add(1);
                    limited!(error, app = %name, event = name_of(&happening), shard = self.surroundings.shard, report = %crash, "the app crashed over this event: it is lost");
                    return Some(happening);
                }
                None => return Some(happening),
            }
        }
        None
    }
}

impl Home {
    /// An instance that has started, on a node of so many shards, for all of them or for its own.
    pub(super) fn new(app: App, outgoing: Outgoing, shards: usize, serves_all: bool) -> Self {
        Self {
            app,
            outgoing,
            fetched: 0,
            inbox: Vec::new(),
            held: (0..shards).map(|_| Held::default()).collect(),
            cautious: false,
            expected: None,
            serves_all,
        }
    }

    /// Whether nothing waits for the next call.
    pub(super) fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.expected.is_none()
    }

    /// Calls the app. None when it is down.
    fn call(&mut self, now_ms: u64, happened: &[Happening]) -> Option<Result<Vec<Command>, Crash>> {
        let fetched = happened
            .iter()
            .filter(|happening| matches!(happening, Happening::Fetched(_)));
        self.fetched = self.fetched.saturating_sub(fetched.count());
        self.app.call(now_ms, happened)
    }

    /// Starts a new instance after a crash. What the crashed one asked other servers is given up.
    fn restart(&mut self, now_ms: u64) -> bool {
        self.give_up_requests();
        self.app.restart(now_ms)
    }

    /// Gives up what the instance asked other servers.
    pub(super) fn give_up_requests(&mut self) {
        self.outgoing.cancel_all();
        self.fetched = 0;
        self.inbox
            .retain(|happening| !matches!(happening, Happening::Fetched(_)));
    }

    /// Answers of other servers, when those taken before have been handed over: what waits elsewhere
    /// counts against the bounds of requests.
    fn take_fetched(&mut self) {
        if self.fetched == 0 {
            let fetched = self.outgoing.take();
            self.fetched = fetched.len();
            self.inbox
                .extend(fetched.into_iter().map(Happening::Fetched));
        }
    }

    /// What the next call takes of what waits.
    fn take_portion(&mut self) -> Vec<Happening> {
        let count = count_of_portion(&self.inbox, self.app.batch_bytes_max());
        if count >= self.inbox.len() {
            return std::mem::take(&mut self.inbox);
        }
        self.inbox.drain(..count).collect()
    }

    /// Events from another shard: for this start of the app, or an earlier one.
    pub(super) fn take(&mut self, from: usize, generation: u32, events: Vec<AppEvent>) {
        let Some(held) = self.held.get_mut(from) else {
            return;
        };
        if generation != self.app.generation {
            // To an instance that serves its own shard others only answer: the one that asked is gone.
            if self.serves_all {
                held.events.extend(events);
            }
            return;
        }
        if !std::mem::take(&mut held.waiting) {
            self.inbox.extend(events.into_iter().map(Happening::Event));
            return;
        }
        // The first word after a start: introductions, then what waited for them, then what is new.
        let (mut introductions, new): (Vec<_>, Vec<_>) =
            events.into_iter().partition(crate::app::is_introduction);
        keep_last_of_each(&mut introductions);
        let earlier = std::mem::take(&mut held.events)
            .into_iter()
            .filter(|event| !crate::app::is_introduction(event));
        self.inbox.extend(
            introductions
                .into_iter()
                .chain(earlier)
                .chain(new)
                .map(Happening::Event),
        );
    }

    /// What of the crashed instance's events can be given to a new one right after this shard's own
    /// introductions. Events of other shards wait for theirs; introductions are made anew.
    fn hold_back(&mut self, happened: Vec<Happening>, own: usize) -> Vec<Happening> {
        for (shard, held) in self.held.iter_mut().enumerate() {
            held.waiting = self.serves_all && shard != own;
        }
        let mut now = Vec::new();
        for happening in happened {
            match happening {
                Happening::Event(event) if crate::app::is_introduction(&event) => {}
                Happening::Event(event) => match socket_of(&event)
                    .map(shard_of_socket)
                    .filter(|shard| *shard != own)
                {
                    Some(shard) if self.serves_all => {
                        if let Some(held) = self.held.get_mut(shard) {
                            held.events.push(event);
                        }
                    }
                    // An answer to the crashed instance.
                    Some(_) => {}
                    None => now.push(Happening::Event(event)),
                },
                // The timers and requests were the crashed instance's.
                Happening::Elapsed(_) | Happening::Fetched(_) => {}
                Happening::Stopping => now.push(Happening::Stopping),
            }
        }
        now
    }
}

/// Of a socket that came just before it was introduced anew, only the latter counts.
fn keep_last_of_each(introductions: &mut Vec<AppEvent>) {
    let mut known = HashSet::new();
    introductions.reverse();
    introductions.retain(|event| known.insert(socket_of(event)));
    introductions.reverse();
}

/// The socket an event is about, if it is about one.
pub(super) const fn socket_of(event: &AppEvent) -> Option<u64> {
    match event {
        AppEvent::Connecting(connecting) => Some(connecting.info.socket),
        AppEvent::Resumed(resumed) => Some(resumed.info.socket),
        AppEvent::Message(message) => Some(message.socket),
        AppEvent::Acked(acked) => Some(acked.socket),
        AppEvent::Disconnected(departed) => Some(departed.socket),
        _ => None,
    }
}

const fn name_of(happening: &Happening) -> &'static str {
    match happening {
        Happening::Event(AppEvent::Connecting(_)) => "connecting",
        Happening::Event(AppEvent::Resumed(_)) => "resumed",
        Happening::Event(AppEvent::Message(_)) => "message",
        Happening::Event(AppEvent::Acked(_)) => "acked",
        Happening::Event(AppEvent::Disconnected(_)) => "disconnected",
        Happening::Event(_) => "answer",
        Happening::Elapsed(_) => "elapsed",
        Happening::Fetched(_) => "fetched",
        Happening::Stopping => "stopping",
    }
}
