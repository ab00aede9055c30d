//! What shards tell each other: letters in, at the start of a turn; events for the app, orders and
//! published messages out.
//!
//! Called by the turn. It sorts by number and never reads what it carries.

use super::{APP, LAST_WORDS_MS, Shard, Stop, closed};
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
                from,
                generation,
                events,
            } => {
                if let Some(home) = &mut self.home {
                    home.take(from, generation, events);
                }
            }
            Letter::Orders {
                place,
                orders,
                before,
            } => events.push(Event::Commanded(Commanded {
                app: APP,
                orders,
                place: place as u32,
                before,
                home: false,
            })),
            Letter::AppLoaded {
                place,
                manifest,
                generation,
            } => {
                if let Some(known) = self.generations.get_mut(place) {
                    *known = generation;
                }
                // Another instance than the one that serves this shard: its sockets are elsewhere.
                if place == self.place {
                    self.owes_introductions = true;
                    events.push(Event::Loaded(Loaded {
                        app: APP,
                        manifest,
                        resume: true,
                        place: place as u32,
                    }));
                }
            }
            Letter::Lost(lost) => events.extend(lost.into_iter().map(lost_event)),
            Letter::Published(message) => {
                if self.subscriptions.contains(&message.channel) {
                    events.push(Event::Published(message));
                }
            }
            Letter::Stop if self.stop == Stop::Running => {
                if let Some(home) = &mut self.home {
                    home.inbox.push(Happening::Stopping);
                }
                self.stop = Stop::Warned(now_ms.saturating_add(LAST_WORDS_MS));
            }
            Letter::Stop => {}
        }
    }

    /// Takes dispatched events to the app and published messages to the other shards.
    pub(super) fn carry(&mut self, after: &mut Aftermath) {
        let events = self.send_events(after);
        if let Some(home) = &mut self.home {
            home.inbox.extend(events.into_iter().map(Happening::Event));
        }
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

    /// Sends dispatched events to the instances of the app on other shards, and returns those for the
    /// one on this shard.
    pub(super) fn send_events(&mut self, after: &mut Aftermath) -> Vec<AppEvent> {
        let own = self.surroundings.shard;
        let mut events = Vec::new();
        let mut elsewhere: BTreeMap<usize, Vec<AppEvent>> = BTreeMap::new();
        // Even a shard without sockets to introduce says so: the app waits for its word.
        if std::mem::take(&mut self.owes_introductions) && self.place != own {
            elsewhere.insert(self.place, Vec::new());
        }
        for dispatch in after.dispatched.drain(..).filter(|one| one.app == APP) {
            let place = dispatch.place.map_or(self.place, |place| place as usize);
            if !self.is_place(place) {
                limited!(
                    warn,
                    place,
                    shard = own,
                    "events for an instance of the app that there is not: dropped"
                );
            } else if place == own {
                events.extend(dispatch.events);
            } else {
                elsewhere.entry(place).or_default().extend(dispatch.events);
            }
        }
        for (place, events) in elsewhere {
            let letter = Letter::AppEvents {
                from: own,
                generation: self.generations.get(place).copied().unwrap_or_default(),
                events,
            };
            self.surroundings.shards.send(place, letter);
        }
        events
    }

    /// Whether an instance of the app runs there.
    fn is_place(&self, place: usize) -> bool {
        if self.per_shard {
            place < self.surroundings.shards.count()
        } else {
            place == self.place
        }
    }

    /// Sends orders to the shards that own the sockets; those without a socket to all.
    pub(super) fn give_orders(&mut self, orders: Vec<Order>, after: &mut Aftermath) {
        let (count, own) = (self.surroundings.shards.count(), self.surroundings.shard);
        if orders.is_empty() {
            return;
        }
        let before = self.orders_for_all;
        let for_all = orders.iter().filter(|order| order.socket.is_none()).count();
        self.orders_for_all += for_all as u64;
        let own_orders = |orders| {
            Event::Commanded(Commanded {
                app: APP,
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
    pub(super) fn lose(&self, happened: Vec<Happening>, after: &mut Aftermath) {
        let (count, own) = (self.surroundings.shards.count(), self.surroundings.shard);
        for happening in happened {
            let Happening::Event(event) = happening else {
                continue;
            };
            match (super::home::socket_of(&event), &event) {
                (Some(socket), _) if shard_of_socket(socket) != own => {
                    let letter = Letter::Lost(vec![event]);
                    self.surroundings
                        .shards
                        .send(shard_of_socket(socket), letter);
                    continue;
                }
                // Whoever asked this waits, and only its guest knows where.
                (None, AppEvent::Judging(_) | AppEvent::Sharing(_)) if !self.per_shard => {
                    for other in (0..count).filter(|other| *other != own) {
                        let letter = Letter::Lost(vec![event.clone()]);
                        self.surroundings.shards.send(other, letter);
                    }
                }
                _ => {}
            }
            after.happened.events.push(lost_event(event));
        }
    }
}

fn lost_event(event: AppEvent) -> Event {
    Event::Lost(Lost { app: APP, event })
}
