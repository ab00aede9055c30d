//! One event loop: its connections, its sessions, one protocol instance, and on one shard the app.
//!
//! Called by `server`, which runs each shard on a thread of its own. Everything a guest hears or decides
//! passes through a *turn*: what all ready connections brought, in one call of the protocol guest; what
//! it dispatched, in one call of the app; what the app ordered, in one call of the protocol guest; then
//! everything is written out. It never reads what it carries.

use crate::app::App;
use crate::clock::Clock;
use crate::connection::{Link, Surroundings, adopt};
use crate::guest::contract::{
    AppEvent, Commanded, Event, Happened, Happening, Loaded, Manifest, Order,
};
use crate::inbox::nothing;
use crate::mailbox::{Letter, Upgraded, shard_of_socket};
use crate::perform::Aftermath;
use crate::protocol::Protocol;
use crate::records::Records;
use crate::telemetry::limited;
use std::collections::HashSet;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::LocalRuntime;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Times that guests may answer each other within one turn; what is left then waits for the next.
const ROUNDS_MAX: usize = 16;
/// The shard that the app lives on.
pub const HOME: usize = 0;
/// The only app of a node.
const APP: u32 = 0;
/// How long the app's last words may travel before the sockets are closed.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A shard at work.
pub struct Shard {
    surroundings: Rc<Surroundings>,
    clock: Clock,
    records: Records,
    protocol: Protocol,
    /// On the home shard only.
    home: Option<Home>,
    /// Which start of the app this shard's events are meant for.
    app_generation: u32,
    /// The app has started anew and waits to hear of this shard's sockets.
    owes_introductions: bool,
    subscriptions: HashSet<String>,
    /// What a turn left for the next.
    left: Happened,
    wake_at_ms: Option<u64>,
    stop: Stop,
    /// How many orders without a socket the app has given.
    orders_for_all: u64,
}

/// What the home shard has besides.
struct Home {
    app: App,
    /// Events for its next call.
    inbox: Vec<Happening>,
    /// Events of other shards that must wait until those have introduced their sockets to a new
    /// instance, by shard.
    held: Vec<Held>,
    /// After a crash: events are given one at a time until all that waited have been.
    cautious: bool,
}

#[derive(Default)]
struct Held {
    waiting: bool,
    events: Vec<AppEvent>,
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
    /// A shard with guests that have started. `app` is given to the home shard, `manifest` to all.
    pub fn new(
        surroundings: Rc<Surroundings>,
        clock: Clock,
        protocol: Protocol,
        app: Option<App>,
        manifest: Manifest,
    ) -> Self {
        let shards = surroundings.shards.count();
        let home = app.map(|app| Home {
            app,
            inbox: Vec::new(),
            held: (0..shards).map(|_| Held::default()).collect(),
            cautious: false,
        });
        let mut left = nothing();
        left.events.push(Event::Loaded(Loaded {
            app: APP,
            manifest,
            resume: true,
            place: HOME as u32,
        }));
        Self {
            surroundings,
            clock,
            records: Records::default(),
            protocol,
            home,
            app_generation: 0,
            owes_introductions: false,
            subscriptions: HashSet::new(),
            left,
            wake_at_ms: None,
            stop: Stop::Running,
            orders_for_all: 0,
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

    fn is_idle(&self) -> bool {
        self.records.links.is_empty() && self.records.exchanges.is_empty()
    }

    /// Waits for letters, frames or time; then lets every other ready task leave its frames too.
    async fn something_to_do(&self) {
        if let Some(mailbox) = self.surroundings.shards.mailbox(self.surroundings.shard)
            && self.left.events.is_empty()
            && self.home.as_ref().is_none_or(|home| home.inbox.is_empty())
        {
            let mut notified = pin!(mailbox.notify.notified());
            let stop_at = match self.stop {
                Stop::Running => None,
                Stop::Warned(at) => Some(at),
                Stop::Stopping(until) => Some(until.min(self.clock.now_ms() + 20)),
            };
            let wake_at_ms = [
                self.wake_at_ms,
                self.home.as_ref().and_then(|home| home.app.wake_at_ms()),
                stop_at,
            ]
            .into_iter()
            .flatten()
            .min();
            match wake_at_ms {
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
        let mut events = std::mem::take(&mut self.left.events);
        self.take_letters(runtime, now_ms, &mut events);
        let (mut happened, gone) = self.surroundings.inbox.take();
        events.append(&mut happened.events);
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
            self.call_app(now_ms, &mut after)?;
            finish(&mut after, &mut touched, runtime, &self.surroundings);
            if after.wake_at.is_some() {
                self.wake_at_ms = after.wake_at;
            }
            happened = after.happened;
            if happened.events.is_empty()
                && self.home.as_ref().is_none_or(|home| home.inbox.is_empty())
            {
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

    fn take_letters(&mut self, runtime: &LocalRuntime, now_ms: u64, events: &mut Vec<Event>) {
        let letters = self
            .surroundings
            .shards
            .mailbox(self.surroundings.shard)
            .map(crate::mailbox::Mailbox::take)
            .unwrap_or_default();
        for letter in letters {
            match letter {
                Letter::Requested(request, answer) => {
                    self.records.exchanges.insert(request.connection, answer);
                    events.push(Event::Requested(request));
                }
                Letter::Collected(connection, body) => {
                    events.push(Event::Collected(crate::guest::contract::Collected {
                        connection,
                        body,
                    }));
                }
                Letter::Left(connection) => {
                    if self.records.exchanges.remove(&connection).is_some()
                        || self.records.links.remove(&connection).is_some()
                    {
                        events.push(closed(connection, crate::guest::contract::Cause::Peer));
                    }
                }
                Letter::Upgraded(connection, upgraded) => {
                    self.take_over(runtime, connection, upgraded, events)
                }
                Letter::UpgradeFailed(connection) => {
                    if self.records.links.remove(&connection).is_some() {
                        events.push(closed(connection, crate::guest::contract::Cause::Failed));
                    }
                }
                Letter::AppEvents {
                    from,
                    generation,
                    events,
                } => {
                    if let Some(home) = &mut self.home {
                        home.take(from, generation, events);
                    }
                }
                Letter::Orders { orders, before } => events.push(Event::Commanded(Commanded {
                    app: APP,
                    orders,
                    place: HOME as u32,
                    before,
                    home: false,
                })),
                Letter::AppLoaded {
                    manifest,
                    generation,
                } => {
                    self.app_generation = generation;
                    self.owes_introductions = true;
                    events.push(Event::Loaded(Loaded {
                        app: APP,
                        manifest,
                        resume: true,
                        place: HOME as u32,
                    }));
                }
                Letter::Published(message) => {
                    if self.subscriptions.contains(&message.channel) {
                        events.push(Event::Published(message));
                    }
                }
                Letter::Stop if self.stop == Stop::Running => {
                    if let Some(home) = &mut self.home {
                        home.inbox.push(Happening::Stopping);
                    }
                    self.stop =
                        Stop::Warned(now_ms.saturating_add(
                            u64::try_from(LAST_WORDS.as_millis()).unwrap_or_default(),
                        ));
                }
                Letter::Stop => {}
            }
        }
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

    /// Takes dispatched events to the app and published messages to the other shards.
    fn carry(&mut self, after: &mut Aftermath) {
        let shard = self.surroundings.shard;
        let events: Vec<AppEvent> = after
            .dispatched
            .drain(..)
            .filter(|(app, _)| *app == APP)
            .flat_map(|(_, events)| events)
            .collect();
        match &mut self.home {
            Some(home) => home.inbox.extend(events.into_iter().map(Happening::Event)),
            // Even a shard without sockets to introduce says so: the app waits for its word.
            None if !events.is_empty() || self.owes_introductions => {
                self.owes_introductions = false;
                self.surroundings.shards.send(
                    HOME,
                    Letter::AppEvents {
                        from: shard,
                        generation: self.app_generation,
                        events,
                    },
                );
            }
            None => {}
        }
        for message in after.published.drain(..) {
            for other in (0..self.surroundings.shards.count()).filter(|other| *other != shard) {
                self.surroundings
                    .shards
                    .send(other, Letter::Published(message.clone()));
            }
        }
        for (channel, hear) in after.subscriptions.drain(..) {
            if hear {
                self.subscriptions.insert(channel);
            } else {
                self.subscriptions.remove(&channel);
            }
        }
    }

    /// Calls the app with everything that waits for it, on the home shard.
    fn call_app(
        &mut self,
        now_ms: u64,
        after: &mut Aftermath,
    ) -> Result<(), crate::guest::GuestError> {
        let Some(home) = &mut self.home else {
            return Ok(());
        };
        if home.app.retry_at_ms.is_some_and(|at| at <= now_ms) && home.app.start_again(now_ms) {
            return self.introduce(now_ms, Vec::new(), after);
        }
        let due = home.app.take_due(now_ms);
        home.inbox.extend(due);
        if home.inbox.is_empty() {
            return Ok(());
        }
        let happened = std::mem::take(&mut home.inbox);
        if home.cautious {
            home.cautious = home.held.iter().any(|held| held.waiting);
            let mut queue = happened.into();
            let Some(crashed) = self.one_by_one(now_ms, &mut queue, after) else {
                return Ok(());
            };
            self.answer_for(now_ms, crashed, after)?;
            return self.recover(now_ms, queue.into(), after);
        }
        match home.app.call(now_ms, &happened) {
            Some(Ok(commands)) => {
                let orders = home.app.obey(commands, now_ms, &mut home.inbox);
                self.give_orders(orders, after);
                Ok(())
            }
            Some(Err(crash)) => {
                self.surroundings.counters.guest_traps.add(1);
                let mut happened = happened;
                // Alone in its batch, an event need not be tried again to be found.
                if happened.len() == 1
                    && let Some(only) = happened.pop()
                {
                    limited!(error, event = name_of(&only), report = %crash, "the app crashed over this event: it is lost");
                    self.answer_for(now_ms, only, after)?;
                } else {
                    limited!(warn, events = happened.len(), report = %crash, "the app crashed: starting it again and repeating the events one by one");
                }
                self.recover(now_ms, happened, after)
            }
            None => {
                lose(happened, after);
                Ok(())
            }
        }
    }

    /// A new instance, and the events of the crashed one again, one at a time: the one that crashes
    /// again is lost.
    fn recover(
        &mut self,
        now_ms: u64,
        happened: Vec<Happening>,
        after: &mut Aftermath,
    ) -> Result<(), crate::guest::GuestError> {
        let Some(home) = &mut self.home else {
            return Ok(());
        };
        home.cautious = true;
        if home.app.restart(now_ms) {
            return self.introduce(now_ms, happened, after);
        }
        lose(happened, after);
        Ok(())
    }

    /// Makes the sockets known to a new instance, then gives it `happened`.
    fn introduce(
        &mut self,
        now_ms: u64,
        mut happened: Vec<Happening>,
        after: &mut Aftermath,
    ) -> Result<(), crate::guest::GuestError> {
        loop {
            let Some(home) = &mut self.home else {
                return Ok(());
            };
            let (manifest, generation) = (home.app.manifest.clone(), home.app.generation);
            self.app_generation = generation;
            happened = home.hold_back(happened, self.surroundings.shard);
            for other in (0..self.surroundings.shards.count())
                .filter(|other| *other != self.surroundings.shard)
            {
                self.surroundings.shards.send(
                    other,
                    Letter::AppLoaded {
                        manifest: manifest.clone(),
                        generation,
                    },
                );
            }
            let loaded = Happened {
                events: vec![Event::Loaded(Loaded {
                    app: APP,
                    manifest,
                    resume: true,
                    place: HOME as u32,
                })],
                ..nothing()
            };
            self.protocol
                .call(now_ms, loaded, &mut self.records, &self.surroundings, after)?;
            let introductions = after
                .dispatched
                .drain(..)
                .flat_map(|(_, events)| events)
                .map(Happening::Event);
            let mut queue = introductions
                .chain(happened)
                .collect::<std::collections::VecDeque<_>>();
            let Some(crashed) = self.one_by_one(now_ms, &mut queue, after) else {
                return Ok(());
            };
            self.answer_for(now_ms, crashed, after)?;
            happened = queue.into();
            let Some(home) = &mut self.home else {
                return Ok(());
            };
            if !home.app.restart(now_ms) {
                lose(happened, after);
                self.carry(after);
                return Ok(());
            }
        }
    }

    /// Lets the protocol guest answer for a lost event in the app's place, before the next start.
    fn answer_for(
        &mut self,
        now_ms: u64,
        lost: Happening,
        after: &mut Aftermath,
    ) -> Result<(), crate::guest::GuestError> {
        let mut answer = Aftermath::default();
        lose(vec![lost], &mut answer);
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
        now_ms: u64,
        queue: &mut std::collections::VecDeque<Happening>,
        after: &mut Aftermath,
    ) -> Option<Happening> {
        while let Some(happening) = queue.pop_front() {
            let home = self.home.as_mut()?;
            match home.app.call(now_ms, std::slice::from_ref(&happening)) {
                Some(Ok(commands)) => {
                    let orders = home.app.obey(commands, now_ms, &mut home.inbox);
                    self.give_orders(orders, after);
                }
                Some(Err(crash)) => {
                    self.surroundings.counters.guest_traps.add(1);
                    limited!(error, event = name_of(&happening), report = %crash, "the app crashed over this event: it is lost");
                    return Some(happening);
                }
                None => return Some(happening),
            }
        }
        None
    }

    /// Sends orders to the shards that own the sockets; those without a socket to all.
    fn give_orders(&mut self, orders: Vec<Order>, after: &mut Aftermath) {
        let (count, own) = (self.surroundings.shards.count(), self.surroundings.shard);
        if orders.is_empty() {
            return;
        }
        let before = self.orders_for_all;
        let for_all = orders.iter().filter(|order| order.socket.is_none()).count();
        self.orders_for_all += for_all as u64;
        if count == 1 {
            after.happened.events.push(Event::Commanded(Commanded {
                app: APP,
                orders,
                place: HOME as u32,
                before,
                home: true,
            }));
            return;
        }
        let mut by_shard: Vec<Vec<Order>> = (0..count).map(|_| Vec::new()).collect();
        for order in orders {
            match order.socket {
                Some(socket) => {
                    if let Some(orders) = by_shard.get_mut(shard_of_socket(socket)) {
                        orders.push(order);
                    }
                }
                None => by_shard
                    .iter_mut()
                    .for_each(|orders| orders.push(order.clone())),
            }
        }
        for (shard, orders) in by_shard
            .into_iter()
            .enumerate()
            .filter(|(_, orders)| !orders.is_empty())
        {
            if shard == own {
                after.happened.events.push(Event::Commanded(Commanded {
                    app: APP,
                    orders,
                    place: HOME as u32,
                    before,
                    home: true,
                }));
            } else {
                self.surroundings
                    .shards
                    .send(shard, Letter::Orders { orders, before });
            }
        }
    }
}

impl Home {
    /// Events from another shard: for this start of the app, or an earlier one.
    fn take(&mut self, from: usize, generation: u32, events: Vec<AppEvent>) {
        let Some(held) = self.held.get_mut(from) else {
            return;
        };
        if generation != self.app.generation {
            held.events.extend(events);
            return;
        }
        if !std::mem::take(&mut held.waiting) {
            self.inbox.extend(events.into_iter().map(Happening::Event));
            return;
        }
        // The first word after a start: introductions, then what waited for them, then what is new.
        let (introductions, new): (Vec<_>, Vec<_>) =
            events.into_iter().partition(crate::app::is_introduction);
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
            held.waiting = shard != own;
        }
        let mut now = Vec::new();
        for happening in happened {
            match happening {
                Happening::Event(event) if crate::app::is_introduction(&event) => {}
                Happening::Event(event) => match socket_of(&event)
                    .map(shard_of_socket)
                    .filter(|shard| *shard != own)
                {
                    Some(shard) => {
                        if let Some(held) = self.held.get_mut(shard) {
                            held.events.push(event);
                        }
                    }
                    None => now.push(Happening::Event(event)),
                },
                // The timers were the crashed instance's.
                Happening::Elapsed(_) | Happening::Fetched(_) => {}
                Happening::Stopping => now.push(Happening::Stopping),
            }
        }
        now
    }
}

/// The socket an event is about, if it is about one.
const fn socket_of(event: &AppEvent) -> Option<u64> {
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

/// The app will not see these: the protocol guest answers in its place where somebody waits.
fn lose(happened: Vec<Happening>, after: &mut Aftermath) {
    for happening in happened {
        if let Happening::Event(event) = happening {
            after
                .happened
                .events
                .push(Event::Lost(crate::guest::contract::Lost {
                    app: APP,
                    event,
                }));
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
        crate::app::log_line("protocol", &line);
    }
    for link in after.closing.drain(..) {
        runtime.spawn_local(link.close_in_time(surroundings.clone()));
    }
    touched.append(&mut after.touched);
}

const fn closed(connection: u64, cause: crate::guest::contract::Cause) -> Event {
    Event::Closed(crate::guest::contract::Closed { connection, cause })
}
