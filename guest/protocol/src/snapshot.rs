//! State to bytes and back: one blob a session, complete. Written by `handle` for sessions that have
//! changed, read by `restore`. Decoding arbitrary bytes never panics.
//!
//! Layout: one byte `BLOB_VERSION`, one byte for what it is (a session, a handshake that awaits
//! judgement, or a request about which an app decides), then its fields as `engine::session`, `socket::peer` and `engine::handshake` write them,
//! one after the other, without names. A change of the layout is a new version.

use crate::codec::{Reader, Writer};
use crate::engine::Engine;
use crate::engine::extras::Extras;
use crate::engine::handshake::Candidate;
use crate::engine::session::Session;
use crate::engine::sharing::Held;
use crate::socket::Sockets;
use crate::socket::peer::Peer;

/// The layout that is written, and the only one that is read.
pub const BLOB_VERSION: u8 = 2;

const SESSION: u8 = 0;
const CANDIDATE: u8 = 1;
const HELD: u8 = 2;

/// What a blob holds.
pub enum Remembered {
    /// A session and its sockets.
    Session(Box<Session>, Box<Peer>, Vec<Extras>),
    /// A handshake that awaits judgement.
    Candidate(Candidate, Extras),
    /// A request about which an app decides.
    Held(Held),
}

/// The blob of a session; none when there is no such session any more.
pub fn encode(number: u64, engine: &Engine, sockets: &mut Sockets) -> Option<Vec<u8>> {
    let mut to = Writer(Vec::with_capacity(512));
    to.byte(BLOB_VERSION);
    if let Some(session) = engine.session(number) {
        to.byte(SESSION);
        session.encode(&mut to);
        sockets.peer_to_save(number)?.encode(&mut to);
        engine.encode_extras(session.exchanges(), &mut to);
    } else if let Some(held) = engine.held(number) {
        to.byte(HELD);
        held.encode(&mut to);
    } else {
        to.byte(CANDIDATE);
        engine.candidate(number)?.encode(&mut to);
        engine.encode_extras([number], &mut to);
    }
    Some(to.0)
}

/// Reads a blob. None: it is not one of ours.
pub fn decode(number: u64, blob: &[u8], waiting: u32) -> Option<Remembered> {
    let mut from = Reader(blob);
    if from.byte()? != BLOB_VERSION {
        return None;
    }
    let remembered = match from.byte()? {
        SESSION => {
            let session = Session::decode(&mut from, waiting)?;
            let peer = Peer::decode(&mut from)?;
            let extras = session.exchanges().map(|_| Extras::decode(&mut from));
            let extras = extras.collect::<Option<_>>()?;
            Remembered::Session(Box::new(session), Box::new(peer), extras)
        }
        CANDIDATE => {
            let candidate = Candidate::decode(&mut from)?;
            Remembered::Candidate(candidate, Extras::decode(&mut from)?)
        }
        HELD => Remembered::Held(Held::decode(number, &mut from)?),
        _ => return None,
    };
    from.0.is_empty().then_some(remembered)
}
