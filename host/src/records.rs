//! The state of record of one shard: what survives a guest. Connections, exchanges that wait for an
//! answer, and for each session its saved blob and its outbox.
//!
//! Called by `perform`, which changes it, and `shard`, which restores guests from it. It never decides.

use crate::connection::Link;
use crate::guest::contract::{Frame, Note, SavedSession};
use crate::mailbox::Decision;
use crate::websocket::{Framed, Kind};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use tokio::sync::oneshot;

/// Everything a shard remembers. The keys are numbers that the host gave out.
#[derive(Default)]
pub struct Records {
    /// WebSocket connections, from the accepted upgrade to the end of the socket.
    pub links: FxHashMap<u64, Rc<Link>>,
    /// Requests that the guest has not answered yet.
    pub exchanges: FxHashMap<u64, oneshot::Sender<Decision>>,
    /// Sessions, from their first mention to `forget`.
    pub sessions: FxHashMap<u64, Session>,
    /// What the guest remembers beside sessions, in the order in which it is restored.
    pub notes: BTreeMap<u64, Box<[u8]>>,
    notes_bytes: usize,
}

/// What the host keeps for a session.
#[derive(Default)]
pub struct Session {
    /// What the guest saved last.
    pub blob: Box<[u8]>,
    /// Where its frames go, when they do not wait.
    pub link: Option<Rc<Link>>,
    /// Frames that wait for a connection.
    outbox: VecDeque<Framed>,
    outbox_bytes: usize,
    /// It had too much waiting: nothing more is kept until the guest ends it.
    overflowed: bool,
}

impl Session {
    /// Puts a frame behind those that wait. False, once, when the outbox would exceed `bytes_max`: what
    /// waited is gone then, and nothing more is kept. A frame that finds it empty is always taken.
    pub fn wait(&mut self, frame: &Framed, bytes_max: usize) -> bool {
        if self.overflowed {
            return true;
        }
        let bytes = self.outbox_bytes + frame.bytes.len();
        if bytes > bytes_max && self.outbox_bytes > 0 {
            self.overflowed = true;
            self.take_outbox();
            return false;
        }
        self.outbox_bytes = bytes;
        self.outbox.push_back(frame.clone());
        true
    }

    /// Takes everything that waits.
    pub fn take_outbox(&mut self) -> VecDeque<Framed> {
        self.outbox_bytes = 0;
        std::mem::take(&mut self.outbox)
    }
}

impl Records {
    /// Keeps a note in place of the one before. False: it would be more than `bytes_max` of them.
    pub fn note(&mut self, note: Note, bytes_max: usize) -> bool {
        let before = self.notes.get(&note.number).map_or(0, |note| note.len());
        let bytes = self.notes_bytes - before + note.bytes.len();
        if bytes > bytes_max {
            return false;
        }
        self.notes_bytes = bytes;
        self.notes
            .insert(note.number, note.bytes.into_boxed_slice());
        true
    }

    /// Forgets a note.
    pub fn erase(&mut self, number: u64) {
        if let Some(note) = self.notes.remove(&number) {
            self.notes_bytes -= note.len();
        }
    }

    /// The sessions that a guest has saved, in the order of their numbers.
    pub fn saved_numbers(&self) -> Vec<u64> {
        let saved = self
            .sessions
            .iter()
            .filter(|(_, session)| !session.blob.is_empty());
        let mut numbers: Vec<_> = saved.map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// These sessions as a fresh guest needs them.
    pub fn saved_sessions(&self, numbers: &[u64]) -> Vec<SavedSession> {
        numbers
            .iter()
            .filter_map(|number| {
                let session = self.sessions.get(number)?;
                Some(SavedSession {
                    session: *number,
                    blob: session.blob.to_vec(),
                    waiting: u32::try_from(session.outbox.len()).unwrap_or(u32::MAX),
                })
            })
            .collect()
    }
}

/// A waiting frame as the guest gets it back.
pub fn unframed(frame: &Framed) -> Frame {
    match (frame.kind, std::str::from_utf8(frame.payload())) {
        (Kind::Text, Ok(text)) => Frame::Text(text.to_owned()),
        _ => Frame::Binary(frame.payload().to_vec()),
    }
}
