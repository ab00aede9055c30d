//! What shards tell each other: letters in, at the start of a turn; events for the app, orders and
//! published messages out.
//!
//! Called by the turn. It sorts by number and never reads what it carries.

use super::{LAST_WORDS_MS, Shard, Stop, Tenant, closed};
use crate::app::AppNumber;
use crate::guest::contract::{
    AppEvent, Cause, Collected, Commanded, Event, Happening, Loaded, Lost, Order,
};
use crate::mailbox::{Letter, shard_of_socket};
use crate::perform::Aftermath;
use crate::telemetry::limited;
use std::collections::BTreeMap;
use tokio::runtime::LocalRuntime;

impl Shard {
    /// Takes up a turn's worth of letters.
    pub(super) fn take_letters(
        &mut self,
        runtime: &LocalRuntime,
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        let (letters, are_left) = self
            .surroundings
            .shards
            .take(self.surroundings.shard, self.surroundings.turn_bytes_max);
        self.letters_left = are_left;
        for letter in letters {
            self.take_letter(letter, runtime, now_ms, events);
        }
    }

    fn take_letter(
        &mut self,
        letter: Letter,
        runtime: &LocalRuntime,
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        match letter {
            Letter::Requested(request, answer) => {
                self.records.exchanges.insert(request.connection, answer);
                events.push(Event::Requested(request));
            }
            Letter::Collected(connection, body) => {
                events.push(Event::Collected(Collected { connection, body }));
            }
            Letter::Left(connection) => {
                if self.records.exchanges.remove(&connection).is_some()
                    || self.records.links.remove(&connection).is_some()
                {
                    events.push(closed(connection, Cause::Peer));
                }
            }
            Letter::Upgraded(connection, upgraded) => {
                self.take_over(runtime, connection, upgraded, events)
            }
            Letter::UpgradeFailed(connection) => {
                if self.records.links.remove(&connection).is_some() {
                    events.push(closed(connection, Cause::Failed));
                }
            }
            Letter::AppEvents {
                app,
                from,
                generation,
                events,
            } => {
                if let Some(home) = self.home(app) {
                    home.take(from, generation, events);
                }
            }
            Letter::Orders {
                app,
                place,
                orders,
                before,
            } => events.push(Event::Commanded(Commanded {
                app,
                orders,
                place: place as u32,
                before,
                home: false,
            })),
            Letter::AppLoaded {
                app,
                place,
                manifest,
                generation,
            } => {
                let Some(tenant) = self.tenant(app) else {
                    return;
                };
                if let Some(known) = tenant.generations.get_mut(place) {
                    *known = generation;
                }
                // Another instance than the one that serves this shard: its sockets are elsewhere.
                if place == tenant.place {
                    tenant.owes_introductions = true;
                    events.push(Event::Loaded(Loaded {
                        app,
                        manifest,
                        resume: true,
                        place: place as u32,
                    }));
                }
            }
            Letter::Lost(app, lost) => {
                events.extend(lost.into_iter().map(|event| lost_event(app, event)));
            }
            Letter::Swap(app, successor) => {
                if let Some(home) = self.home(app) {
                    home.await_successor(*successor);
                }
            }
            Letter::Published(message) => {
                if self.subscriptions.contains(&message.channel) {
                    events.push(Event::Published(message));
                }
            }
            Letter::Stop if self.stop == Stop::Running => {
                for home in self.apps.iter_mut().filter_map(|app| app.home.as_mut()) {
                    home.inbox.push(Happening::Stopping);
                }
                self.stop = Stop::Warned(now_ms.saturating_add(LAST_WORDS_MS));
            }
            Letter::Stop => {}
        }
    }

    /// Takes dispatched events to the apps and published messages to the other shards.
    pub(super) fn carry(&mut self, after: &mut Aftermath) {
        self.send_events(None, after);
        let shard = self.surroundings.shard;
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

    /// Sends dispatched events to the instances of apps: those on other shards, those on this one. Events for
    /// the instance of `aside` on this shard are returned instead.
    pub(super) fn send_events(
        &mut self,
        aside: Option<AppNumber>,
        after: &mut Aftermath,
    ) -> Vec<AppEvent> {
        let own = self.surroundings.shard;
        let mut events = Vec::new();
        let mut elsewhere: BTreeMap<(AppNumber, usize), Vec<AppEvent>> = BTreeMap::new();
        // Even a shard without sockets to introduce says so: the app waits for its word.
        for (app, tenant) in (0..).zip(&mut self.apps) {
            if std::mem::take(&mut tenant.owes_introductions) && tenant.place != own {
                elsewhere.insert((app, tenant.place), Vec::new());
            }
        }
        let count = self.surroundings.shards.count();
        for dispatch in after.dispatched.drain(..) {
            let app = dispatch.app;
            let Some(tenant) = self.apps.get_mut(app as usize) else {
                continue;
            };
            let place = dispatch.place.map_or(tenant.place, |place| place as usize);
            if !tenant.is_place(place, count) {
                limited!(
                    warn,
                    app,
                    place,
                    shard = own,
                    "events for an instance of an app that there is not: dropped"
                );
            } else if place != own {
                elsewhere
                    .entry((app, place))
                    .or_default()
                    .extend(dispatch.events);
            } else if aside == Some(app) {
                events.extend(dispatch.events);
            } else if let Some(home) = &mut tenant.home {
                home.inbox
                    .extend(dispatch.events.into_iter().map(Happening::Event));
            }
        }
        for ((app, place), events) in elsewhere {
            let known = self.apps.get(app as usize).map(|app| &app.generations);
            let generation = known.and_then(|known| known.get(place)).copied();
            let letter = Letter::AppEvents {
                app,
                from: own,
                generation: generation.unwrap_or_default(),
                events,
            };
            self.surroundings.shards.send(place, letter);
        }
        events
    }

    /// Sends orders to the shards that own the sockets; those without a socket to all.
    pub(super) fn give_orders(
        &mut self,
        app: AppNumber,
        orders: Vec<Order>,
        after: &mut Aftermath,
    ) {
        let (count, own) = (self.surroundings.shards.count(), self.surroundings.shard);
        let Some(tenant) = self.tenant(app).filter(|_| !orders.is_empty()) else {
            return;
        };
        let before = tenant.orders_for_all;
        let for_all = orders.iter().filter(|order| order.socket.is_none()).count();
        tenant.orders_for_all += for_all as u64;
        let own_orders = |orders| {
            Event::Commanded(Commanded {
                app,
                orders,
                place: own as u32,
                before,
                home: true,
            })
        };
        if count == 1 {
            after.happened.events.push(own_orders(orders));
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
                after.happened.events.push(own_orders(orders));
            } else {
                self.surroundings.shards.send(
                    shard,
                    Letter::Orders {
                        app,
                        place: own,
                        orders,
                        before,
                    },
                );
            }
        }
    }

    /// The app will not see these: the protocol guest answers in its place where somebody waits, on the
    /// shard where they do.
    pub(super) fn lose(&self, app: AppNumber, happened: Vec<Happening>, after: &mut Aftermath) {
        let per_shard = self.apps.get(app as usize).is_none_or(|app| app.per_shard);
        let (count, own) = (self.surroundings.shards.count(), self.surroundings.shard);
        for happening in happened {
            let Happening::Event(event) = happening else {
                continue;
            };
            match (super::home::socket_of(&event), &event) {
                (Some(socket), _) if shard_of_socket(socket) != own => {
                    let letter = Letter::Lost(app, vec![event]);
                    self.surroundings
                        .shards
                        .send(shard_of_socket(socket), letter);
                    continue;
                }
                // Whoever asked this waits, and only its guest knows where.
                (None, AppEvent::Judging(_) | AppEvent::Sharing(_)) if !per_shard => {
                    for other in (0..count).filter(|other| *other != own) {
                        let letter = Letter::Lost(app, vec![event.clone()]);
                        self.surroundings.shards.send(other, letter);
                    }
                }
                _ => {}
            }
            after.happened.events.push(lost_event(app, event));
        }
    }
}

const fn lost_event(app: AppNumber, event: AppEvent) -> Event {
    Event::Lost(Lost { app, event })
}

impl Tenant {
    /// Whether an instance runs there, of so many shards.
    const fn is_place(&self, place: usize, shards: usize) -> bool {
        if self.per_shard {
            place < shards
        } else {
            place == self.place
        }
    }
}
