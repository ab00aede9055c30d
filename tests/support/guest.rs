//! What a protocol guest can be asked, native or in a sandbox. Used by every test that drives one.

use holdfast_protocol::Protocol;
use holdfast_protocol::contract::{Decided, Happened, Note, SavedSession, Setting};

/// A protocol guest.
pub trait Guest {
    fn configure(&mut self, settings: Vec<Setting>) -> Result<(), String>;
    fn restore(&mut self, sessions: Vec<SavedSession>, notes: Vec<Note>) -> Result<(), String>;
    fn handle(&mut self, now_ms: u64, happened: Happened) -> Decided;

    /// Whether it counts what it holds exactly, if that can be seen.
    fn is_budget_exact(&self) -> bool {
        true
    }
}

impl Guest for Protocol {
    fn configure(&mut self, settings: Vec<Setting>) -> Result<(), String> {
        Protocol::configure(self, settings)
    }

    fn restore(&mut self, sessions: Vec<SavedSession>, notes: Vec<Note>) -> Result<(), String> {
        Protocol::restore(self, sessions, notes)
    }

    fn handle(&mut self, now_ms: u64, happened: Happened) -> Decided {
        Protocol::handle(self, now_ms, happened)
    }

    fn is_budget_exact(&self) -> bool {
        Protocol::is_budget_exact(self)
    }
}
