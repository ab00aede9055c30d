//! Which apps there are and what they serve, by the manifests that the host hands on. Used by
//! `lib.rs` and by the socket layer. Not remembered in blobs: the host tells it to every new instance.

use crate::contract::{App, Manifest, Place};
use crate::limits::{APPS_MAX, NAMESPACES_PER_APP_MAX};
use std::collections::BTreeMap;

/// The loaded apps.
#[derive(Default)]
pub struct Apps {
    apps: BTreeMap<App, Served>,
    /// Who declared a namespace.
    declared: BTreeMap<String, App>,
}

struct Served {
    dynamic: bool,
    judges: bool,
    shares: bool,
    hears_denials: bool,
    hears_rooms: bool,
    /// The instance that serves this shard.
    place: Place,
}

/// What apps want to be asked, or told, of requests.
#[derive(Debug, Default)]
pub struct Interests {
    /// Who is asked about handshakes.
    pub judges: Vec<App>,
    /// Who is asked about CORS.
    pub sharer: Option<App>,
    /// Who hears of refused requests.
    pub hearers: Vec<App>,
}

/// One instance of an app: who gave an order, and who hears the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    pub app: App,
    pub place: Place,
}

impl Apps {
    /// Notes what an app serves, in place of what it served before. False: there are too many.
    pub fn load(&mut self, app: App, manifest: Manifest, place: Place) -> bool {
        self.unload(app);
        if self.apps.len() >= APPS_MAX || manifest.namespaces.len() > NAMESPACES_PER_APP_MAX {
            return false;
        }
        self.apps.insert(
            app,
            Served {
                dynamic: manifest.dynamic,
                judges: manifest.judges_handshakes,
                shares: manifest.decides_cors,
                hears_denials: manifest.hears_denials,
                hears_rooms: manifest.hears_rooms,
                place,
            },
        );
        for namespace in manifest.namespaces {
            // The host has refused an app that claims what another one has.
            self.declared.entry(namespace).or_insert(app);
        }
        true
    }

    /// Forgets an app.
    pub fn unload(&mut self, app: App) {
        self.apps.remove(&app);
        self.declared.retain(|_, by| *by != app);
    }

    /// Who serves a namespace: the app that declared it, or the first one that takes undeclared ones.
    pub fn serving(&self, namespace: &str) -> Option<App> {
        let declared = self.declared.get(namespace).copied();
        declared.or_else(|| {
            self.apps
                .iter()
                .find(|(_, served)| served.dynamic)
                .map(|(app, _)| *app)
        })
    }

    /// What the apps want to be asked, or told, of requests.
    pub fn interests(&self) -> Interests {
        let those = |wants: fn(&Served) -> bool| {
            let apps = self.apps.iter().filter(move |(_, served)| wants(served));
            apps.map(|(app, _)| *app)
        };
        Interests {
            judges: those(|served| served.judges).collect(),
            sharer: those(|served| served.shares).next(),
            hearers: those(|served| served.hears_denials).collect(),
        }
    }

    /// Whether an app has declared a namespace.
    pub fn declares(&self, namespace: &str) -> bool {
        self.declared.contains_key(namespace)
    }

    /// The instance of an app that serves this shard.
    pub fn place(&self, app: App) -> Option<Place> {
        self.apps.get(&app).map(|served| served.place)
    }

    /// The instance at a place; none if it is the one that serves this shard.
    pub fn elsewhere(&self, app: App, place: Place) -> Option<Place> {
        (self.place(app) != Some(place)).then_some(place)
    }

    /// Whether an app wants to hear of its namespaces' rooms.
    pub fn hears_rooms(&self, app: App) -> bool {
        self.apps.get(&app).is_some_and(|served| served.hears_rooms)
    }
}
