//! What an instance's requests owe it: each exactly one answer. And what requests and answers take together.
//!
//! Shared by `outgoing`, which hands answers over, and the tasks that make requests, all on one shard. It
//! never waits.

use crate::guest::contract::{Fetched, IncomingResponse};
use crate::mailbox::Shards;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The answers of one instance that wait to be handed over, and what is under way.
pub struct Answers {
    ready: RefCell<Vec<(Fetched, Option<Charge>)>>,
    /// Requests whose answers have not been handed over; refused ones do not count.
    under_way: Cell<usize>,
    /// Refusals that have not been handed over.
    refused: Cell<usize>,
    /// Bytes of requests and answers.
    bytes: Cell<usize>,
    bytes_max: usize,
    shards: Shards,
    shard: usize,
}

impl Answers {
    /// None yet, for an instance on this shard, whose requests may take so many bytes together.
    pub fn new(bytes_max: usize, shards: Shards, shard: usize) -> Rc<Self> {
        Rc::new(Self {
            ready: RefCell::default(),
            under_way: Cell::new(0),
            refused: Cell::new(0),
            bytes: Cell::new(0),
            bytes_max,
            shards,
            shard,
        })
    }

    /// Requests that are under way.
    pub const fn under_way(&self) -> usize {
        self.under_way.get()
    }

    /// Refusals that wait to be handed over.
    pub const fn refused(&self) -> usize {
        self.refused.get()
    }

    /// Takes the answers that are there.
    pub fn take(&self) -> Vec<Fetched> {
        self.refused.set(0);
        let ready = self.ready.take();
        ready
            .into_iter()
            .map(|(fetched, charge)| {
                if charge.is_some() {
                    self.under_way.set(self.under_way.get().saturating_sub(1));
                }
                fetched
            })
            .collect()
    }

    /// Answers a request that is not made.
    pub fn refuse(&self, token: u64, reason: String) {
        self.refused.set(self.refused.get() + 1);
        let outcome = Err(reason);
        self.push(Fetched { token, outcome }, None);
    }

    /// Begins a request that takes so many bytes. None if that is more than is left.
    pub fn owe(self: &Rc<Self>, token: u64, bytes: usize) -> Option<Owed> {
        let mut charge = Charge {
            answers: self.clone(),
            bytes: 0,
        };
        charge.add(bytes).then(|| {
            self.under_way.set(self.under_way.get() + 1);
            Owed {
                token,
                outcome: None,
                charge: Some(charge),
                answers: self.clone(),
            }
        })
    }

    /// Leaves an answer and wakes the shard.
    fn push(&self, fetched: Fetched, charge: Option<Charge>) {
        self.ready.borrow_mut().push((fetched, charge));
        if let Some(mailbox) = self.shards.mailbox(self.shard) {
            mailbox.notify.notify_one();
        }
    }
}

/// An answer that is owed: given when this is dropped, whatever became of the request.
pub struct Owed {
    token: u64,
    outcome: Option<Result<IncomingResponse, String>>,
    charge: Option<Charge>,
    answers: Rc<Answers>,
}

impl Owed {
    /// What the request takes, to be changed as its answer comes in.
    pub const fn charge(&mut self) -> Option<&mut Charge> {
        self.charge.as_mut()
    }

    /// Answers.
    pub fn give(mut self, outcome: Result<IncomingResponse, String>) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        let given_up = || Err("the request was given up".to_owned());
        let fetched = Fetched {
            token: self.token,
            outcome: self.outcome.take().unwrap_or_else(given_up),
        };
        self.answers.push(fetched, self.charge.take());
    }
}

/// Bytes that one request takes of what all of an instance may.
pub struct Charge {
    answers: Rc<Answers>,
    bytes: usize,
}

impl Charge {
    /// Takes more. False if that is more than is left: then nothing is taken.
    pub fn add(&mut self, bytes: usize) -> bool {
        let taken = self.answers.bytes.get().saturating_add(bytes);
        let fits = taken <= self.answers.bytes_max;
        if fits {
            self.answers.bytes.set(taken);
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let bytes = &self.answers.bytes;
        bytes.set(bytes.get().saturating_sub(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_answered_once_and_gives_back_what_it_took() {
        let answers = Answers::new(100, Shards::new(1), 0);
        let mut first = answers.owe(1, 60).unwrap();
        assert!(answers.owe(2, 41).is_none(), "101 bytes");
        let second = answers.owe(3, 40).unwrap();
        assert!(!first.charge().unwrap().add(1));
        drop(second);
        answers.refuse(4, "no".to_owned());
        assert_eq!((answers.under_way(), answers.refused()), (2, 1));
        assert!(
            !first.charge().unwrap().add(1),
            "an answer counts until it is taken"
        );
        let taken = answers.take();
        let tokens: Vec<_> = taken.iter().map(|fetched| fetched.token).collect();
        assert_eq!(tokens, [3, 4]);
        assert_eq!((answers.under_way(), answers.refused()), (1, 0));
        assert!(first.charge().unwrap().add(40));
        first.give(Ok(IncomingResponse {
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
        }));
        assert!(answers.take()[0].outcome.is_ok());
        assert_eq!((answers.under_way(), answers.bytes.get()), (0, 0));
    }
}
