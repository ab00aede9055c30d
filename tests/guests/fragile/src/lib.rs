//! The protocol guest, made to crash on request: a text frame that contains `trap the protocol`,
//! `loop the protocol`, `eat the protocol` or `nonsense the protocol` does that. After `poison the notes`
//! or `poison the sessions` it can be restored with none of them. Used by `tests/containment.rs` and
//! `tests/instances.rs` only.

#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "exported from the component only")
)]

use holdfast_protocol::Protocol;
use holdfast_protocol::bindings::exports::holdfast::edge::protocol_guest::Guest;
use holdfast_protocol::contract::{
    Action, AppEvent, Decided, Description, Dispatch, Happened, Note, Save, SavedSession, Setting,
};
use std::cell::RefCell;

/// Where an instance's numbers have its place.
const PLACE_BITS: u32 = 43;
/// The number of this guest's own note.
const NOTE: u64 = u64::MAX;
/// What cannot be restored.
const POISON: &[u8] = b"poison";

thread_local! {
    static PROTOCOL: RefCell<Protocol> = RefCell::new(Protocol::new());
}

struct Fragile;

impl Guest for Fragile {
    fn configure(settings: Vec<Setting>) -> Result<(), String> {
        PROTOCOL.with_borrow_mut(|protocol| protocol.configure(settings))
    }

    fn describe() -> Description {
        PROTOCOL.with_borrow(Protocol::describe)
    }

    fn restore(sessions: Vec<SavedSession>, notes: Vec<Note>) -> Result<(), String> {
        let poisoned = sessions.iter().any(|session| session.blob == POISON)
            || notes.iter().any(|note| note.bytes == POISON);
        assert!(!poisoned, "told to");
        let notes = notes.into_iter().filter(|note| note.number != NOTE);
        PROTOCOL.with_borrow_mut(|protocol| protocol.restore(sessions, notes.collect()))
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
        let poison_notes = happened.text.contains("poison the notes");
        let poison_sessions = happened.text.contains("poison the sessions");
        let connections: Vec<_> = happened
            .frames
            .iter()
            .map(|frame| frame.connection)
            .collect();
        let mut decided = PROTOCOL.with_borrow_mut(|protocol| protocol.handle(now_ms, happened));
        if nonsense {
            decided.actions.push(Action::Send(1_000_000));
        }
        if poison_notes {
            decided.actions.push(Action::Note(Note {
                number: NOTE,
                bytes: POISON.to_vec(),
            }));
        }
        if poison_sessions {
            let sessions = connections.into_iter().map(|session| {
                Action::Save(Save {
                    session,
                    blob: POISON.to_vec(),
                })
            });
            decided.actions.extend(sessions);
        }
        decided.actions = decided.actions.into_iter().flat_map(address).collect();
        decided
    }
}

/// Answers find the instance that asked by their number.
fn address(action: Action) -> Vec<Action> {
    let Action::Dispatch(dispatch) = action else {
        return vec![action];
    };
    let events = dispatch.events.into_iter().map(|event| {
        let asked = match &event {
            AppEvent::Counted(counted) => Some(counted.ack),
            AppEvent::Acked(acked) => Some(acked.ack),
            AppEvent::Found(found) => Some(found.token),
            _ => None,
        };
        Action::Dispatch(Dispatch {
            app: dispatch.app,
            place: dispatch
                .place
                .or_else(|| u32::try_from(asked? >> PLACE_BITS).ok()),
            events: vec![event],
        })
    });
    events.collect()
}

#[cfg(target_family = "wasm")]
holdfast_protocol::bindings::export!(Fragile with_types_in holdfast_protocol::bindings);
