//! The protocol guest, made to crash on request: a text frame that contains `trap the protocol`,
//! `loop the protocol`, `eat the protocol` or `nonsense the protocol` does that. Used by
//! `tests/containment.rs` only.

use holdfast_protocol::Protocol;
use holdfast_protocol::bindings::exports::holdfast::edge::protocol_guest::Guest;
use holdfast_protocol::contract::{
    Action, Decided, Description, Happened, Note, SavedSession, Setting,
};
use std::cell::RefCell;

thread_local! {
    static PROTOCOL: RefCell<Protocol> = RefCell::new(Protocol::new());
}

#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "exported from the component only")
)]
struct Fragile;

impl Guest for Fragile {
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
        if happened.text.contains("trap the protocol") {
            panic!("told to");
        }
        if happened.text.contains("loop the protocol") {
            loop {
                std::hint::spin_loop();
            }
        }
        if happened.text.contains("eat the protocol") {
            let mut eaten = Vec::new();
            loop {
                eaten.push(vec![1_u8; 1 << 20]);
            }
        }
        let nonsense = happened.text.contains("nonsense the protocol");
        let mut decided = PROTOCOL.with_borrow_mut(|protocol| protocol.handle(now_ms, happened));
        if nonsense {
            decided.actions.push(Action::Send(1_000_000));
        }
        decided
    }
}

#[cfg(target_family = "wasm")]
holdfast_protocol::bindings::export!(Fragile with_types_in holdfast_protocol::bindings);
