//! The protocol guest of a shard, contained: whatever it does, the shard goes on. Called by `shard`.
//!
//! A call that does not return has no effect. A fresh instance is restored from the records, the batch
//! is repeated one event at a time, and the event that crashes it again is left out. It never reads
//! what events carry.

use crate::batch::{portions, singles};
use crate::connection::Surroundings;
use crate::guest::contract::{Event, Happened, Loaded, Manifest, Note, Response, Setting};
use crate::guest::{Crash, CrashKind, GuestError, GuestLimits, Module, ProtocolGuest, Runtime};
use crate::inbox::nothing;
use crate::mailbox::Decision;
use crate::perform::{Aftermath, is_consistent};
use crate::records::Records;
use crate::telemetry::limited;

/// What it takes to start a protocol guest again.
#[derive(Clone)]
pub struct ProtocolSettings {
    pub runtime: Runtime,
    pub module: Module,
    pub limits: GuestLimits,
    pub settings: Vec<Setting>,
    /// Bytes of events that one call hands over, unless one event alone is longer.
    pub batch_bytes_max: usize,
}

impl ProtocolSettings {
    /// The settings for one of so many shards.
    pub fn of_shard(&self, shard: usize, shards: usize) -> Self {
        let mut own = self.clone();
        for (key, number) in [("shard", shard), ("shards", shards)] {
            own.settings.push(Setting {
                key: key.to_owned(),
                value: number.to_string(),
            });
        }
        own
    }

    /// A fresh instance.
    ///
    /// # Errors
    /// As [`ProtocolGuest::start`].
    pub fn start(&self) -> Result<ProtocolGuest, GuestError> {
        ProtocolGuest::start(&self.runtime, &self.module, self.limits, &self.settings)
    }
}

/// A protocol guest that comes back.
pub struct Protocol {
    settings: ProtocolSettings,
    guest: ProtocolGuest,
    /// What a fresh instance is told of the apps, by number: what each declared, and which instance of it
    /// serves this shard.
    apps: Vec<(Manifest, u32)>,
}

impl Protocol {
    /// Contains a guest that has started.
    pub const fn new(
        settings: ProtocolSettings,
        guest: ProtocolGuest,
        apps: Vec<(Manifest, u32)>,
    ) -> Self {
        Self {
            settings,
            guest,
            apps,
        }
    }

    /// Tells the guest what happened, in portions that it can hold, and performs what it decides.
    ///
    /// # Errors
    /// When a fresh instance cannot be started: the node cannot go on.
    pub fn call(
        &mut self,
        now_ms: u64,
        happened: Happened,
        records: &mut Records,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        if happened.events.is_empty() {
            return Ok(());
        }
        for event in &happened.events {
            if let Event::Loaded(loaded) = event
                && let Some(app) = self.apps.get_mut(loaded.app as usize)
            {
                *app = (loaded.manifest.clone(), loaded.place);
            }
        }
        for portion in portions(happened, self.settings.batch_bytes_max) {
            self.call_contained(now_ms, portion, records, surroundings, after)?;
        }
        Ok(())
    }

    /// One call, and after a crash the same events one at a time.
    fn call_contained(
        &mut self,
        now_ms: u64,
        happened: Happened,
        records: &mut Records,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        let Err(crash) = self.call_once(now_ms, &happened, records, surroundings, after) else {
            return Ok(());
        };
        surroundings.counters.guest_traps.add(1);
        limited!(warn, shard = surroundings.shard, events = happened.events.len(), report = %crash, "the protocol guest crashed: starting it again and repeating the events one by one");
        self.rebuild(now_ms, records, surroundings, after)?;
        let singles = singles(happened);
        if let [single] = singles.as_slice() {
            // Alone in its batch, an event need not be tried again to be found.
            lose(single, &crash, records, surroundings);
            return Ok(());
        }
        for single in singles {
            if let Err(crash) = self.call_once(now_ms, &single, records, surroundings, after) {
                surroundings.counters.guest_traps.add(1);
                lose(&single, &crash, records, surroundings);
                self.rebuild(now_ms, records, surroundings, after)?;
            }
        }
        Ok(())
    }

    fn call_once(
        &mut self,
        now_ms: u64,
        happened: &Happened,
        records: &mut Records,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) -> Result<(), Crash> {
        surroundings.counters.guest_calls.add(1);
        let decided = self.guest.handle(now_ms, happened)?;
        if !is_consistent(&decided) {
            let report = "the columns of its answer do not fit together".to_owned();
            return Err(Crash {
                kind: CrashKind::Contract,
                report,
            });
        }
        records.perform(decided, surroundings, after);
        Ok(())
    }

    /// A fresh instance with the sessions and notes of the records; without the notes if it cannot be
    /// had with them; with nothing if not even so.
    fn rebuild(
        &mut self,
        now_ms: u64,
        records: &mut Records,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) -> Result<(), GuestError> {
        let Err(mut reason) = self.start_with(now_ms, records, surroundings, after)? else {
            return Ok(());
        };
        if !records.notes.is_empty() {
            limited!(
                error,
                shard = surroundings.shard,
                notes = records.notes.len(),
                reason,
                "the protocol guest cannot be restored: trying without its notes"
            );
            surroundings
                .counters
                .notes_lost
                .add(records.notes.len() as u64);
            records.erase_all();
            match self.start_with(now_ms, records, surroundings, after)? {
                Ok(()) => return Ok(()),
                Err(again) => reason = again,
            }
        }
        // Nothing can be done for these sessions: their clients will open new ones.
        limited!(
            error,
            shard = surroundings.shard,
            sessions = records.sessions.len(),
            reason,
            "the saved sessions cannot be restored: ending them"
        );
        records.links.values().for_each(|link| link.abort());
        records.sessions.clear();
        records.exchanges.clear();
        self.start_with(now_ms, records, surroundings, after)?
            .map_err(|reason| GuestError::Crashed {
                origin: self.settings.module.origin.clone(),
                reason,
            })
    }

    /// Starts a fresh instance, restores it from the records and tells it of the apps.
    fn start_with(
        &mut self,
        now_ms: u64,
        records: &mut Records,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) -> Result<Result<(), String>, GuestError> {
        self.guest = self.settings.start()?;
        Ok(self.restore(records).and_then(|()| {
            self.tell_of_apps(now_ms, records, surroundings, after)
                .map_err(|crash| crash.to_string())
        }))
    }

    /// Gives a fresh instance the sessions and notes of the records, so many at a time that no call is
    /// long.
    fn restore(&mut self, records: &Records) -> Result<(), String> {
        let numbers = records.saved_numbers();
        let mut rest = numbers.as_slice();
        let bytes_max = RESTORED_BYTES_AT_ONCE.min(self.settings.batch_bytes_max);
        while !rest.is_empty() {
            let count = records.count_within(rest, RESTORED_AT_ONCE, bytes_max);
            let (some, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let saved = records.saved_sessions(some);
            self.guest
                .restore(&saved, &[])
                .map_err(|crash| crash.to_string())??;
            rest = others;
        }
        let mut portion = Vec::new();
        let mut bytes = 0;
        for (number, note) in &records.notes {
            bytes += note.len();
            portion.push(Note {
                number: *number,
                bytes: note.to_vec(),
            });
            if bytes >= bytes_max || portion.len() >= RESTORED_AT_ONCE {
                self.guest
                    .restore(&[], &std::mem::take(&mut portion))
                    .map_err(|crash| crash.to_string())??;
                bytes = 0;
            }
        }
        if !portion.is_empty() {
            self.guest
                .restore(&[], &portion)
                .map_err(|crash| crash.to_string())??;
        }
        Ok(())
    }

    /// Tells a fresh instance of the apps, which know their sockets.
    fn tell_of_apps(
        &mut self,
        now_ms: u64,
        records: &mut Records,
        surroundings: &Surroundings,
        after: &mut Aftermath,
    ) -> Result<(), Crash> {
        for (app, (manifest, place)) in (0..).zip(self.apps.clone()) {
            let loaded = Happened {
                events: vec![Event::Loaded(Loaded {
                    app,
                    manifest,
                    resume: false,
                    place,
                })],
                ..nothing()
            };
            self.call_once(now_ms, &loaded, records, surroundings, after)?;
        }
        Ok(())
    }
}

/// Sessions or notes that one call restores.
const RESTORED_AT_ONCE: usize = 1024;
/// Bytes of blobs or notes after which a call that restores them takes no more.
const RESTORED_BYTES_AT_ONCE: usize = 4 << 20;

/// Says which event is lost, and answers whoever waits for it.
fn lose(lost: &Happened, crash: &Crash, records: &mut Records, surroundings: &Surroundings) {
    let event = lost.events.first().map_or("nothing", name_of);
    limited!(error, shard = surroundings.shard, event, report = %crash, "the protocol guest crashed over this event: it is lost");
    let connection = match lost.events.first() {
        Some(Event::Requested(request)) => request.connection,
        Some(Event::Collected(collected)) => collected.connection,
        _ => return,
    };
    if let Some(exchange) = records.exchanges.remove(&connection) {
        let response = Response {
            connection,
            status: 500,
            headers: Vec::new(),
            body: Vec::new(),
            compress: false,
            last: true,
        };
        // The client may have left meanwhile.
        let _ = exchange.send(Decision::Respond(response));
    }
}

const fn name_of(event: &Event) -> &'static str {
    match event {
        Event::Requested(_) => "requested",
        Event::Collected(_) => "collected",
        Event::Received(_) => "received",
        Event::Drained(_) => "drained",
        Event::Closed(_) => "closed",
        Event::Overflowed(_) => "overflowed",
        Event::Elapsed => "elapsed",
        Event::Loaded(_) => "loaded",
        Event::Unloaded(_) => "unloaded",
        Event::Commanded(_) => "commanded",
        Event::Lost(_) => "lost",
        Event::Published(_) => "published",
        Event::Stopping => "stopping",
    }
}
