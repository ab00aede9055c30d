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
    /// Whether any of them may be compressed.
    outbox_compress: bool,
    /// It had too much waiting: nothing more is kept until the guest ends it.
    overflowed: bool,
}

impl Session {
    /// Puts a frame behind those that wait. False, once, when the outbox would exceed `bytes_max`: what
    /// waited is gone then, and nothing more is kept. A frame that finds it empty is always taken.
    pub fn wait(&mut self, frame: &Framed, compress: bool, bytes_max: usize) -> bool {
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
        self.outbox_compress |= compress;
        self.outbox.push_back(frame.clone());
        true
    }

    /// Whether anything that waits was sent to be compressed.
    pub const fn may_compress(&self) -> bool {
        self.outbox_compress
    }

    /// Takes everything that waits.
    pub fn take_outbox(&mut self) -> VecDeque<Framed> {
        self.outbox_bytes = 0;
        self.outbox_compress = false;
        std::mem::take(&mut self.outbox)
    }
}

impl Records {
    /// Keeps a note in place of the one before. False: it would be more than `bytes_max` of them.
    pub fn note(&mut self, note: Note, bytes_max: usize) -> bool {
        let before = self.notes.get(&note.number).map_or(0, |note| weigh(note));
        let bytes = self.notes_bytes - before + weigh(&note.bytes);
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
            self.notes_bytes -= weigh(&note);
        }
    }

    /// Forgets all notes.
    pub fn erase_all(&mut self) {
        self.notes.clear();
        self.notes_bytes = 0;
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

    /// How many of these sessions, from the first on, have at most so many bytes of blobs: at least one.
    pub fn count_within(&self, numbers: &[u64], count_max: usize, bytes_max: usize) -> usize {
        let mut bytes = 0;
        let fits = numbers.iter().take(count_max).take_while(|number| {
            bytes += self
                .sessions
                .get(number)
                .map_or(0, |session| session.blob.len());
            bytes <= bytes_max
        });
        fits.count().max(1)
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

/// What a note counts: its bytes, and its place in the map.
const fn weigh(note: &[u8]) -> usize {
    note.len() + NOTE_BYTES
}

/// Bytes that keeping a note takes beside its own.
const NOTE_BYTES: usize = 64;

/// A waiting frame as the guest gets it back.
pub fn unframed(frame: &Framed) -> Frame {
    match (frame.kind, std::str::from_utf8(frame.payload())) {
        (Kind::Text, Ok(text)) => Frame::Text(text.to_owned()),
        _ => Frame::Binary(frame.payload().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(number: u64, length: usize) -> Note {
        Note {
            number,
            bytes: vec![0; length],
        }
    }

    #[test]
    fn notes_are_bounded_even_if_they_are_empty() {
        let mut records = Records::default();
        assert!(records.note(note(1, 100), 300) && records.note(note(2, 0), 300));
        assert!(!records.note(note(3, 10), 300), "a third is too much");
        assert!(
            records.note(note(1, 164), 300),
            "in place of the one before"
        );
        assert!(!records.note(note(1, 200), 300) && records.notes.len() == 2);
        records.erase(2);
        records.erase(2);
        assert!(records.note(note(3, 0), 300));
        records.erase_all();
        assert!(!records.note(note(4, 300), 300) && records.note(note(4, 236), 300));
    }

    #[test]
    fn an_outbox_remembers_whether_any_frame_may_be_compressed() {
        let mut session = Session::default();
        let frame = Framed::new(Kind::Text, b"x");
        assert!(session.wait(&frame, false, 100) && !session.may_compress());
        assert!(session.wait(&frame, true, 100) && session.wait(&frame, false, 100));
        assert!(session.may_compress());
        assert_eq!(session.take_outbox().len(), 3);
        assert!(!session.may_compress());
    }
}
