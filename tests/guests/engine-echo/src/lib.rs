//! A protocol guest that speaks Engine.IO alone and sends every message back: what the official
//! Engine.IO suites expect of a server.

use holdfast_protocol::bare::{Bare, Layer, Message, Outlet};
use holdfast_protocol::bindings::exports::holdfast::edge::protocol_guest::Guest;
use holdfast_protocol::contract::{Decided, Description, Happened, Note, SavedSession, Setting};
use std::cell::RefCell;

#[derive(Default)]
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "made by the component only")
)]
struct Echo;

impl Layer for Echo {
    fn receive(&mut self, session: u64, message: Message<'_>, sessions: &mut Outlet<'_>) {
        sessions.send(session, message);
    }
}

thread_local! {
    static ENGINE: RefCell<Bare<Echo>> = RefCell::new(Bare::default());
}

#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "exported from the component only")
)]
struct Component;

impl Guest for Component {
    fn configure(settings: Vec<Setting>) -> Result<(), String> {
        ENGINE.with_borrow_mut(|engine| engine.configure(settings))
    }

    fn describe() -> Description {
        ENGINE.with_borrow(Bare::describe)
    }

    fn restore(sessions: Vec<SavedSession>, _notes: Vec<Note>) -> Result<(), String> {
        ENGINE.with_borrow_mut(|engine| engine.restore(sessions))
    }

    fn handle(now_ms: u64, happened: Happened) -> Decided {
        ENGINE.with_borrow_mut(|engine| engine.handle(now_ms, happened))
    }
}

#[cfg(target_family = "wasm")]
holdfast_protocol::bindings::export!(Component with_types_in holdfast_protocol::bindings);
