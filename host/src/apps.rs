//! The apps of a node: loads and starts them, at first and in place of others, and checks that they go
//! together.
//!
//! Called by `server`, which gives the instances to shards, and by `control`, which swaps them. It never calls
//! an app that has started.

use crate::app::{App, AppNumber, AppSettings, Starts};
use crate::clock::Clock;
use crate::config::{AppConfig, Config, Instances};
use crate::guest::contract::{Manifest, Setting};
use crate::guest::{GuestError, GuestLimits, Module, Runtime, Source, World};
use crate::outgoing::{Fetching, Lookups};
use crate::server::{NodeError, batch_bytes_max};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What runs when no app is named.
const DEMO: Source = Source::Embedded(
    "demo",
    include_bytes!(concat!(env!("OUT_DIR"), "/demo.wasm")),
);

/// Settings of the protocol guest that one app may ask for, ...
const SETTINGS_MAX: usize = 1024;
/// ... and the bytes of their names and values together.
const SETTINGS_BYTES_MAX: usize = 64 << 10;

/// A version of an app: what runs, and what it declared.
#[derive(Clone)]
pub struct Version {
    pub module: Module,
    pub manifest: Manifest,
}

/// A version of an app with its instances, which have started.
pub struct Started {
    pub version: Version,
    /// In the order of their places.
    pub instances: Vec<App>,
}

/// One app of a node.
pub struct Entry {
    pub name: Arc<str>,
    pub number: AppNumber,
    /// Where its instances run, and how often one has started there.
    pub places: Vec<(u32, Starts)>,
    /// What it asked of the protocol guest when the node started.
    pub asked: Vec<(String, String)>,
    /// Its files, unless it is the demo.
    pub files: Vec<PathBuf>,
    pub config: AppConfig,
    fetching: Arc<Fetching>,
    instances: u32,
    batch_bytes_max: usize,
}

/// All apps of a node, by number.
pub struct Apps {
    runtime: Runtime,
    clock: Clock,
    shards: u32,
    pub entries: Vec<Entry>,
    /// The versions that serve.
    versions: Mutex<Vec<Version>>,
}

/// Where an app with one instance has it, of so many shards.
const fn home_of(app: AppNumber, shards: u32) -> u32 {
    if shards == 0 { 0 } else { app % shards }
}

impl Apps {
    /// Loads and starts all apps of the config.
    ///
    /// # Errors
    /// When one cannot be loaded, does not start, or two of them cannot run together.
    pub fn start(
        runtime: &Runtime,
        clock: Clock,
        shards: usize,
        config: &Config,
    ) -> Result<(Self, Vec<Started>), NodeError> {
        let mut apps = Self {
            runtime: runtime.clone(),
            clock,
            shards: u32::try_from(shards).unwrap_or(1),
            entries: Vec::new(),
            versions: Mutex::default(),
        };
        let lookups = Lookups::default();
        let mut all = Vec::new();
        for (number, (name, of_app)) in (0..).zip(config.all_apps()) {
            let (source, files) = match &of_app.file {
                Some(file) => crate::script::load(file).map_err(NodeError::Script)?,
                None => (DEMO, Vec::new()),
            };
            let fetching = Fetching::new(name, of_app, &lookups).map_err(NodeError::Fetching)?;
            let mut entry = apps.entry(number, name, of_app, fetching, config);
            entry.files = files;
            let started = apps.start_version(&entry, &source)?;
            let version = &started.version;
            check_settings(name, &version.manifest).map_err(NodeError::Apps)?;
            apps.find_conflict(&entry, &version.manifest)
                .map_err(NodeError::Apps)?;
            entry.asked = version.manifest.settings.clone();
            apps.versions().push(version.clone());
            apps.entries.push(entry);
            all.push(started);
        }
        Ok((apps, all))
    }

    fn entry(
        &self,
        number: AppNumber,
        name: &str,
        of_app: &AppConfig,
        fetching: Fetching,
        config: &Config,
    ) -> Entry {
        let places = match of_app.instances {
            Instances::One => vec![home_of(number, self.shards)],
            Instances::PerShard => (0..self.shards).collect(),
        };
        Entry {
            name: name.into(),
            number,
            instances: u32::try_from(places.len()).unwrap_or(1),
            places: places
                .into_iter()
                .map(|place| (place, Starts::default()))
                .collect(),
            asked: Vec::new(),
            files: Vec::new(),
            config: of_app.clone(),
            fetching: Arc::new(fetching),
            batch_bytes_max: batch_bytes_max(config.limits.turn_bytes_max, of_app.memory_bytes_max),
        }
    }

    /// Loads a version of an app and starts all of its instances, or none.
    ///
    /// # Errors
    /// When it cannot be loaded or does not start.
    pub fn start_version(&self, entry: &Entry, source: &Source) -> Result<Started, GuestError> {
        let module = self.runtime.load(source, World::App)?;
        let config = &entry.config;
        let settings = AppSettings {
            name: entry.name.clone(),
            module: module.clone(),
            limits: GuestLimits {
                memory_bytes_max: config.memory_bytes_max,
                deadline_ms: config.deadline_ms,
            },
            env: config.env.clone(),
            timers_max: config.timers_max,
            log_lines_max: config.log_lines_max,
            fetching: entry.fetching.clone(),
            shards: self.shards,
            instances: entry.instances,
            batch_bytes_max: entry.batch_bytes_max,
        };
        let start = |(place, starts): &(u32, Starts)| {
            App::start(
                self.runtime.clone(),
                settings.clone(),
                *place,
                starts.clone(),
                self.clock.now_ms(),
            )
        };
        let instances = entry
            .places
            .iter()
            .map(start)
            .collect::<Result<Vec<_>, _>>()?;
        let manifest = instances
            .first()
            .map(|app| app.manifest.clone())
            .ok_or_else(|| GuestError::Engine("an app has no place to run".to_owned()))?;
        Ok(Started {
            version: Version { module, manifest },
            instances,
        })
    }

    /// The versions that serve, by number.
    pub fn versions(&self) -> MutexGuard<'_, Vec<Version>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that another version of an app serves from now on, unless it does not go together with the
    /// other apps.
    ///
    /// # Errors
    /// A sentence that says with which not, and why.
    pub fn replace(&self, entry: &Entry, version: &Version) -> Result<(), String> {
        let mut versions = self.versions();
        conflict(&self.entries, &versions, entry, &version.manifest)?;
        if let Some(known) = versions.get_mut(entry.number as usize) {
            *known = version.clone();
        }
        Ok(())
    }

    fn find_conflict(&self, entry: &Entry, manifest: &Manifest) -> Result<(), String> {
        conflict(&self.entries, &self.versions(), entry, manifest)
    }

    /// The app of this name.
    pub fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.name == name)
    }

    /// What all apps ask of the protocol guest and get, with whoever asks. Where two ask for the same the
    /// first one gets it; what the config says is not asked for.
    pub fn asked_settings(&self, config: &Config) -> Vec<(&str, Setting)> {
        let mut granted: Vec<(&str, Setting)> = Vec::new();
        for entry in &self.entries {
            let own = granted.len();
            for (key, value) in &entry.asked {
                let by = if is_set(config, key) {
                    Some("the config")
                } else {
                    let earlier = granted.iter().take(own);
                    earlier
                        .filter(|(_, setting)| overlap(&setting.key, key))
                        .map(|(app, _)| *app)
                        .next()
                };
                if let Some(by) = by {
                    tracing::info!(app = %entry.name, setting = key, by, "a setting that the app asks for is overridden");
                    continue;
                }
                let setting = Setting {
                    key: key.clone(),
                    value: value.clone(),
                };
                granted.push((&entry.name, setting));
            }
        }
        granted
    }
}

/// Whether the config sets this setting of the protocol guest, or a part or the whole of it.
fn is_set(config: &Config, key: &str) -> bool {
    let mut set = config.protocol.settings.iter();
    set.any(|(name, _)| overlap(name, key)) || (key == "serve_client" && !config.serve_client)
}

/// Whether two names of settings are the same, or one is a table with the other in it.
fn overlap(one: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    one == other || within(one, other) || within(other, one)
}

/// Two apps that declare the same name to serve.
fn conflict(
    entries: &[Entry],
    versions: &[Version],
    entry: &Entry,
    manifest: &Manifest,
) -> Result<(), String> {
    for (other, version) in entries.iter().zip(versions) {
        if other.number == entry.number {
            continue;
        }
        let theirs = &version.manifest.namespaces;
        let both = manifest
            .namespaces
            .iter()
            .find(|name| theirs.contains(name));
        if let Some(both) = both {
            return Err(format!(
                "the apps {:?} and {:?} both serve {both:?}: only one of them can",
                &*other.name, &*entry.name
            ));
        }
    }
    Ok(())
}

/// Whether what an app asks of the protocol guest is not too much.
///
/// # Errors
/// A sentence that says what it asks for and what is allowed.
pub fn check_settings(name: &str, manifest: &Manifest) -> Result<(), String> {
    let settings = &manifest.settings;
    let bytes: usize = settings
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if settings.len() > SETTINGS_MAX || bytes > SETTINGS_BYTES_MAX {
        return Err(format!(
            "the app {name:?} asks for {} settings of {bytes} bytes: at most {SETTINGS_MAX} of {SETTINGS_BYTES_MAX} bytes are taken",
            settings.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_settings_overlap() {
        assert!(overlap("cors", "cors") && overlap("cors.origin", "cors"));
        assert!(overlap("cors", "cors.origin"));
        assert!(!overlap("cors.origin", "cors.credentials") && !overlap("cors", "corset"));
    }

    #[test]
    fn apps_with_one_instance_are_spread_over_shards() {
        let homes: Vec<_> = (0..5).map(|app| home_of(app, 2)).collect();
        assert_eq!(homes, [0, 1, 0, 1, 0]);
    }
}
