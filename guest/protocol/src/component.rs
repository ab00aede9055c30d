//! The component: the library's one instance behind the contract's functions. Called by the host;
//! decides nothing.

use crate::Protocol;
use crate::bindings::exports::holdfast::edge::protocol_guest::Guest;
use crate::contract::{Decided, Description, Happened, Note, SavedSession, Setting};
use std::cell::RefCell;

thread_local! {
    static PROTOCOL: RefCell<Protocol> = RefCell::new(Protocol::new());
}

struct Component;

impl Guest for Component {
    fn configure(settings: Vec<Setting>) -> Result<(), String> {
        PROTOCOL.with_borrow_mut(|protocol| protocol.configure(settings))
    }

    fn describe() -> Description {
        PROTOCOL.with_borrow(Protocol::describe)
    }

    fn restore(sessions: Vec<SavedSession>, notes: Vec<Note>) -> Result<(), String> {
        PROTOCOL.with_borrow_mut(|protocol| protocol.restore(sessions, notes))
    }

    fn handle(now_ms: u64, happened: Happened) -> Decided {
        PROTOCOL.with_borrow_mut(|protocol| protocol.handle(now_ms, happened))
    }
}

crate::bindings::export!(Component with_types_in crate::bindings);
