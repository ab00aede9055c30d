//! Sessions and messages, in memory. A session's id is a secret: it is drawn from the node's randomness.

use holdfast_sdk::serde::Serialize;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::VecDeque;

const MESSAGES_MAX: usize = 10_000;
const SESSIONS_MAX: usize = 10_000;

/// A user's session.
#[derive(Clone)]
pub(crate) struct Session {
    id: String,
    pub(crate) user_id: String,
    pub(crate) username: String,
    connected: bool,
}

/// A private message.
#[derive(Clone, Serialize)]
#[serde(crate = "holdfast_sdk::serde")]
pub(crate) struct Message {
    pub(crate) content: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// A user as another one sees them.
#[derive(Serialize)]
#[serde(crate = "holdfast_sdk::serde")]
pub(crate) struct User {
    #[serde(rename = "userID")]
    user_id: String,
    username: String,
    connected: bool,
    messages: Vec<Message>,
}

/// Everything.
pub(crate) struct Store {
    /// In the order in which they came for the first time.
    sessions: Vec<Session>,
    messages: VecDeque<Message>,
    random: ChaCha12Rng,
}

impl Store {
    pub(crate) fn new(seed: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&seed.to_le_bytes());
        Self {
            sessions: Vec::new(),
            messages: VecDeque::new(),
            random: ChaCha12Rng::from_seed(bytes),
        }
    }

    /// An id that nobody can guess.
    pub(crate) fn fresh_id(&mut self) -> String {
        format!(
            "{:016x}{:016x}",
            self.random.next_u64(),
            self.random.next_u64()
        )
    }

    pub(crate) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.sessions.len() >= SESSIONS_MAX
    }

    pub(crate) fn set_session(&mut self, id: &str, user_id: &str, username: &str, connected: bool) {
        match self.sessions.iter_mut().find(|session| session.id == id) {
            Some(session) => session.connected = connected,
            None => self.sessions.push(Session {
                id: id.to_owned(),
                user_id: user_id.to_owned(),
                username: username.to_owned(),
                connected,
            }),
        }
    }

    pub(crate) fn add(&mut self, message: Message) {
        if self.messages.len() >= MESSAGES_MAX {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }

    /// All users, each with what they and this one wrote to each other.
    pub(crate) fn users_for(&self, user_id: &str) -> Vec<User> {
        let user = |session: &Session| User {
            user_id: session.user_id.clone(),
            username: session.username.clone(),
            connected: session.connected,
            messages: self.between(user_id, &session.user_id),
        };
        self.sessions.iter().map(user).collect()
    }

    fn between(&self, one: &str, other: &str) -> Vec<Message> {
        let is_theirs = |message: &&Message| {
            (message.from == one && message.to == other)
                || (message.from == other && message.to == one)
        };
        self.messages.iter().filter(is_theirs).cloned().collect()
    }
}
