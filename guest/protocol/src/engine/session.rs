//! One Engine.IO session: its states, and what of it is remembered. Changed only by this folder.

use super::dialect::Dialect;
use super::handshake::{decode_headers, encode_headers};
use super::headers;
use crate::budget::session_bytes;
use crate::codec::{Reader, Writer};
use crate::contract::Header;
use std::sync::Arc;

/// What is known of a session.
#[derive(Debug)]
pub struct Session {
    /// Its secret id.
    pub sid: Box<str>,
    /// 128 bits that nobody can guess, for what is derived from the session.
    pub seed: [u64; 2],
    /// The request that opened it, as `handshake.rs` wrote it.
    pub handshake: Box<[u8]>,
    pub dialect: Dialect,
    /// What an app wants in all answers to its requests.
    pub headers: Arc<[Header]>,
    pub state: State,
    pub carrier: Carrier,
    pub heartbeat: Heartbeat,
    /// The POST whose body is being read.
    pub post: Option<u64>,
    /// Whether that body is a payload of bytes.
    pub post_octets: bool,
    /// How many frames wait in the outbox. The host remembers it.
    pub waiting: u32,
    /// Whether it has changed in this call.
    pub dirty: bool,
}

/// ```text
///  handshake ──► Open ──close()──► Closing ──poll fetches `1`, or 30 s──► (forgotten)
///                  │                  │
///                  └──── end() ───────┴── error, timeout, client's close ──► (forgotten)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Packets flow.
    Open,
    /// The server has closed it; a poll has not heard so yet. Packets are dropped, both ways.
    Closing { until_ms: u64 },
}

/// What carries the session's packets.
///
/// ```text
///  Polling ──`5` on a probed WebSocket──► Stream
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Carrier {
    /// HTTP exchanges.
    Polling(Polling),
    /// A WebSocket.
    Stream(u64),
}

/// A polling session.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Polling {
    /// The exchange that waits for packets.
    pub poll: Option<u64>,
    /// The outbox has been asked for and has not come yet. While it is so, `poll` waits for it, and the
    /// outbox must not be asked for again.
    pub draining: bool,
    pub upgrade: Upgrade,
    /// Whether the WebSocket that is to take over takes no bytes.
    pub upgrade_base64: bool,
}

/// ```text
///  None ──WebSocket──► Opened ──`2probe`──► Probed ──`5`──► (Stream), over Confirmed while draining
///    ▲                   │                    │
///    └───────────────────┴── wrong frame, timeout, lost
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// Nobody upgrades.
    #[default]
    None,
    /// A WebSocket is there and has said nothing.
    Opened { connection: u64, until_ms: u64 },
    /// The probe has been answered. A poll that pends at `noop_at_ms` is answered with a NOOP.
    Probed {
        connection: u64,
        until_ms: u64,
        noop_at_ms: u64,
    },
    /// The client has changed over; what was drained for its last poll is still on its way.
    Confirmed { connection: u64 },
}

impl Upgrade {
    /// The WebSocket that is to take over.
    pub fn connection(self) -> Option<u64> {
        match self {
            Upgrade::None => None,
            Upgrade::Opened { connection, .. }
            | Upgrade::Probed { connection, .. }
            | Upgrade::Confirmed { connection } => Some(connection),
        }
    }
}

/// ```text
///  Rest ──ping_interval: `2` is sent──► Asked ──ping_timeout──► (forgotten)
///   ▲                                   │ ▲ │
///   └──────────────── `3` ──────────────┘ └─┘ first other packet: the wait begins again
///
///  Awaited ──ping_interval and ping_timeout──► (forgotten)
///   │ ▲
///   └─┘ `2`, answered with `3`: the wait begins again (third revision)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// The next ping is due at this time.
    Rest { ping_at_ms: u64 },
    /// A pong has to come before this time, which another packet has put off already, or not.
    Asked { until_ms: u64, put_off: bool },
    /// The client's ping has to come before this time.
    Awaited { until_ms: u64 },
}

impl Session {
    /// The exchanges that await their answer.
    pub fn exchanges(&self) -> impl Iterator<Item = u64> {
        let poll = match &self.carrier {
            Carrier::Polling(polling) => polling.poll,
            Carrier::Stream(_) => None,
        };
        poll.into_iter().chain(self.post)
    }

    /// What it takes of the guest's memory, by estimate.
    pub fn bytes(&self) -> u64 {
        session_bytes(self.handshake.len() + headers::bytes(&self.headers))
    }

    /// When it has to be looked at.
    pub fn deadline_ms(&self) -> Option<u64> {
        let mut first = match self.heartbeat {
            Heartbeat::Rest { ping_at_ms } => ping_at_ms,
            Heartbeat::Asked { until_ms, .. } | Heartbeat::Awaited { until_ms } => until_ms,
        };
        if let State::Closing { until_ms } = self.state {
            first = first.min(until_ms);
        }
        if let Carrier::Polling(polling) = &self.carrier {
            match polling.upgrade {
                Upgrade::Opened { until_ms, .. } => first = first.min(until_ms),
                Upgrade::Probed {
                    until_ms,
                    noop_at_ms,
                    ..
                } => {
                    first = first.min(until_ms);
                    if polling.poll.is_some() && !polling.draining {
                        first = first.min(noop_at_ms);
                    }
                }
                Upgrade::None | Upgrade::Confirmed { .. } => {}
            }
        }
        Some(first)
    }

    /// Writes it into a blob.
    pub fn encode(&self, to: &mut Writer) {
        to.bytes(self.sid.as_bytes());
        to.word(self.seed[0]);
        to.word(self.seed[1]);
        to.bytes(&self.handshake);
        self.dialect.encode(to);
        encode_headers(&self.headers, to);
        to.maybe(match self.state {
            State::Open => None,
            State::Closing { until_ms } => Some(until_ms),
        });
        match self.heartbeat {
            Heartbeat::Rest { ping_at_ms } => {
                to.byte(0);
                to.number(ping_at_ms);
            }
            Heartbeat::Asked { until_ms, put_off } => {
                to.byte(if put_off { 2 } else { 1 });
                to.number(until_ms);
            }
            Heartbeat::Awaited { until_ms } => {
                to.byte(3);
                to.number(until_ms);
            }
        }
        to.maybe(self.post);
        to.byte(u8::from(self.post_octets));
        match &self.carrier {
            Carrier::Stream(connection) => {
                to.byte(0);
                to.number(*connection);
            }
            Carrier::Polling(polling) => {
                to.byte(1);
                to.maybe(polling.poll);
                to.byte(u8::from(polling.draining));
                polling.upgrade.encode(to);
                to.byte(u8::from(polling.upgrade_base64));
            }
        }
    }

    /// Reads what `encode` wrote.
    pub fn decode(from: &mut Reader<'_>, waiting: u32) -> Option<Session> {
        let sid = from.text()?.into();
        let seed = [from.word()?, from.word()?];
        let handshake = from.bytes()?.into();
        let dialect = Dialect::decode(from)?;
        let headers = decode_headers(from)?.into();
        let state = match from.maybe()? {
            None => State::Open,
            Some(until_ms) => State::Closing { until_ms },
        };
        let heartbeat = match from.byte()? {
            0 => Heartbeat::Rest {
                ping_at_ms: from.number()?,
            },
            kind @ (1 | 2) => Heartbeat::Asked {
                until_ms: from.number()?,
                put_off: kind == 2,
            },
            3 => Heartbeat::Awaited {
                until_ms: from.number()?,
            },
            _ => return None,
        };
        let post = from.maybe()?;
        let post_octets = from.byte()? != 0;
        let carrier = match from.byte()? {
            0 => Carrier::Stream(from.number()?),
            1 => {
                let poll = from.maybe()?;
                let draining = from.byte()? != 0;
                let upgrade = Upgrade::decode(from)?;
                let upgrade_base64 = from.byte()? != 0;
                Carrier::Polling(Polling {
                    poll,
                    draining,
                    upgrade,
                    upgrade_base64,
                })
            }
            _ => return None,
        };
        Some(Session {
            sid,
            seed,
            handshake,
            dialect,
            headers,
            state,
            carrier,
            heartbeat,
            post,
            post_octets,
            waiting,
            dirty: false,
        })
    }
}

impl Upgrade {
    fn encode(self, to: &mut Writer) {
        match self {
            Upgrade::None => to.byte(0),
            Upgrade::Opened {
                connection,
                until_ms,
            } => {
                to.byte(1);
                to.number(connection);
                to.number(until_ms);
            }
            Upgrade::Probed {
                connection,
                until_ms,
                noop_at_ms,
            } => {
                to.byte(2);
                to.number(connection);
                to.number(until_ms);
                to.number(noop_at_ms);
            }
            Upgrade::Confirmed { connection } => {
                to.byte(3);
                to.number(connection);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<Upgrade> {
        Some(match from.byte()? {
            0 => Upgrade::None,
            1 => Upgrade::Opened {
                connection: from.number()?,
                until_ms: from.number()?,
            },
            2 => Upgrade::Probed {
                connection: from.number()?,
                until_ms: from.number()?,
                noop_at_ms: from.number()?,
            },
            3 => Upgrade::Confirmed {
                connection: from.number()?,
            },
            _ => return None,
        })
    }
}
