//! The functions that wait for a socket's events. A listener is cloned out before it is called, so it
//! may add and remove listeners, itself included: the call in progress keeps the list it began with.

use crate::handler::OnEvent;
use crate::limits::LISTENERS_PER_SOCKET_MAX;
use crate::packet::PacketCheck;
use crate::{Args, EventError, Socket};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A listener, to be given to `Socket::off_listener`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener(u64);

impl Listener {
    /// One that was not added.
    pub(crate) const NONE: Self = Self(0);
}

/// Takes any event, by name.
pub(crate) type OnAny = Rc<dyn Fn(&Socket, &str, Args)>;
/// Takes the reason of a disconnect.
pub(crate) type OnGone = Rc<dyn Fn(&Socket, &str)>;
/// Takes an event that a listener could not take.
pub(crate) type OnError = Rc<dyn Fn(&Socket, &EventError)>;

/// What a listener listens to.
#[derive(Clone)]
pub(crate) enum Ear {
    /// Events of this name; only the next one, if so said.
    Event {
        name: Cow<'static, str>,
        call: OnEvent,
        once: bool,
    },
    /// All events.
    Any(OnAny),
    /// All events that are sent to the client.
    AnyOutgoing(OnAny),
    /// All events, with a say in whether they are delivered.
    Middleware(PacketCheck),
    /// The socket is about to leave its rooms.
    Disconnecting(OnGone),
    /// The socket is gone.
    Disconnected(OnGone),
    /// An event that a listener could not take.
    Error(OnError),
}

/// All listeners of one socket, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Listeners {
    list: RefCell<Vec<(Listener, Ear)>>,
    last: Cell<u64>,
}

impl Listeners {
    /// Adds one, at the end or as the first. None when there are too many.
    pub(crate) fn add(&self, ear: Ear, is_first: bool) -> Option<Listener> {
        let mut list = self.list.borrow_mut();
        if list.len() >= LISTENERS_PER_SOCKET_MAX {
            return None;
        }
        self.last.set(self.last.get() + 1);
        let listener = Listener(self.last.get());
        if is_first {
            list.insert(0, (listener, ear));
        } else {
            list.push((listener, ear));
        }
        Some(listener)
    }

    /// Removes those for which this is true.
    pub(crate) fn remove(&self, is_removed: impl Fn(Listener, &Ear) -> bool) {
        // Dropped after the borrow: what a listener holds may come back here when it is dropped.
        let removed: Vec<_> = self
            .list
            .borrow_mut()
            .extract_if(.., |(listener, ear)| is_removed(*listener, ear))
            .collect();
        drop(removed);
    }

    /// Those that this picks, as they are now.
    pub(crate) fn pick<T>(&self, picked: impl Fn(&Ear) -> Option<T>) -> Vec<T> {
        self.list
            .borrow()
            .iter()
            .filter_map(|(_, ear)| picked(ear))
            .collect()
    }

    /// The listeners of an event. Those that listen once are removed.
    pub(crate) fn take_event(&self, event: &str) -> Vec<OnEvent> {
        let mut is_once = false;
        let calls = self
            .list
            .borrow()
            .iter()
            .filter_map(|(_, ear)| match ear {
                Ear::Event { name, call, once } if name == event => {
                    is_once |= once;
                    Some(Rc::clone(call))
                }
                _ => None,
            })
            .collect();
        if is_once {
            self.remove(
                |_, ear| matches!(ear, Ear::Event { name, once: true, .. } if name == event),
            );
        }
        calls
    }
}
