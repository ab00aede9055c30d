//! What handlers of several namespaces share.

use holdfast_sdk::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The app's memory.
#[derive(Default)]
pub(crate) struct Shared {
    /// Requests that were refused.
    pub(crate) denials: RefCell<Vec<Value>>,
    /// Which functions of `/gate` were asked, by run.
    pub(crate) asked: RefCell<BTreeMap<String, Vec<&'static str>>>,
    /// The dynamic namespaces that have come to be.
    pub(crate) namespaces: RefCell<Vec<String>>,
    /// What happened to rooms.
    pub(crate) room_events: RefCell<Vec<Value>>,
    /// Messages of other instances.
    pub(crate) notes: Cell<u32>,
}
