//! Polls and POSTs (reference: `transports/polling.ts`), and what the host hands over from outboxes.

use super::packet::Content;
use super::session::{Carrier, Session, State, Upgrade};
use super::{Engine, Parting, Role, is_polling, payload};
use crate::answer::Answer;
use crate::contract::{Action, Collect, Connection, Drained, Session as SessionNumber};
use crate::limits::NOOP_INTERVAL_MS;
use crate::reason::Reason;

/// Answers a poll with a payload, which the host may compress.
pub(super) fn respond(poll: Connection, body: Vec<u8>, compress: bool, answer: &mut Answer) {
    let headers = [
        ("content-type", "text/plain; charset=UTF-8"),
        ("cache-control", "no-store"),
    ];
    answer.respond(poll, 200, &headers, body);
    answer.compress(compress);
}

impl Engine {
    /// The client asks for packets.
    pub(super) fn handle_poll(
        &mut self,
        now_ms: u64,
        number: SessionNumber,
        connection: Connection,
        answer: &mut Answer,
    ) {
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        let Carrier::Polling(polling) = &mut session.carrier else {
            return;
        };
        if polling.poll.is_some() {
            self.end(number, Reason::TransportError, Parting::Close, answer);
            answer.respond(connection, 400, &[], Vec::new());
            return;
        }
        polling.poll = Some(connection);
        if let Upgrade::Probed { noop_at_ms, .. } = &mut polling.upgrade {
            *noop_at_ms = next_noop(*noop_at_ms, now_ms);
        }
        let waiting = session.waiting > 0;
        let closing = session.state != State::Open;
        self.place(connection, number, Role::Poll);
        self.mark(number);
        if waiting {
            self.flush.push(number);
        } else if closing {
            self.end(number, Reason::ForcedClose, Parting::NoopClose, answer);
        }
    }

    /// The client sends packets: their bytes are yet to come.
    pub(super) fn handle_post(
        &mut self,
        number: SessionNumber,
        connection: Connection,
        octets: bool,
        answer: &mut Answer,
    ) {
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        if octets || session.post.is_some() {
            self.end(number, Reason::TransportError, Parting::Close, answer);
            answer.respond(connection, 400, &[("connection", "close")], Vec::new());
            return;
        }
        session.post = Some(connection);
        self.place(connection, number, Role::Post);
        self.mark(number);
        let bytes_max = self.settings.max_http_buffer_size;
        answer.act(Action::Collect(Collect {
            connection,
            bytes_max,
        }));
    }

    /// The body of a POST is there. Gives the session whose packets it holds; `finish_post` follows.
    pub fn begin_post(&self, connection: Connection) -> Option<SessionNumber> {
        let place = self.connections.get(&connection)?;
        (place.role == Role::Post).then_some(place.session)
    }

    /// One packet of a POST's body.
    pub fn receive_posted<'a>(
        &mut self,
        now_ms: u64,
        number: SessionNumber,
        packet: &'a str,
        answer: &mut Answer,
    ) -> Option<(SessionNumber, Content<'a>)> {
        self.receive_packet(
            now_ms,
            number,
            super::packet::Data::Text(packet),
            true,
            answer,
        )
    }

    /// Takes a POST off its session, so that ending the session does not answer it.
    pub fn take_post(&mut self, connection: Connection) {
        if let Some(place) = self.connections.remove(&connection)
            && let Some(session) = self.sessions.get_mut(&place.session)
        {
            session.post = None;
            self.mark(place.session);
        }
    }

    /// Answers a POST whose packets have been taken in, whatever became of the session.
    pub fn finish_post(connection: Connection, answer: &mut Answer) {
        let headers = [("content-type", "text/html"), ("cache-control", "no-store")];
        answer.respond(connection, 200, &headers, b"ok".to_vec());
    }

    /// Answers a POST that was too long. The session lives.
    pub fn refuse_post(connection: Connection, answer: &mut Answer) {
        answer.respond(connection, 413, &[], Vec::new());
    }

    /// What waited in the outbox, for the pending poll.
    pub fn handle_drained(&mut self, drained: Drained, answer: &mut Answer) {
        let Drained {
            session: number,
            frames,
            compress,
        } = drained;
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        let closing = session.state != State::Open;
        let Carrier::Polling(polling) = &mut session.carrier else {
            return;
        };
        if !polling.draining {
            return;
        }
        polling.draining = false;
        let confirmed = match polling.upgrade {
            Upgrade::Confirmed { connection } => Some(connection),
            _ => None,
        };
        // The close packet has an answer of its own: a client hears at once that the transport closes,
        // but of the packets before only in its next turn, and would take the one for the other.
        let over = closing && confirmed.is_none() && frames.is_empty() && polling.poll.is_some();
        if !frames.is_empty()
            && let Some(poll) = polling.poll.take()
        {
            self.connections.remove(&poll);
            let body = payload::join(&frames);
            let compress = compress && self.settings.compresses(body.len());
            respond(poll, body, compress, answer);
        }
        self.mark(number);
        if let Some(connection) = confirmed {
            self.complete_upgrade(number, connection, answer);
        } else if over {
            self.end(number, Reason::ForcedClose, Parting::NoopClose, answer);
        } else {
            self.flush.push(number);
        }
    }

    /// Asks the host for the outboxes that pending polls wait for. Once, at the end of a call.
    pub fn flush(&mut self, answer: &mut Answer) {
        let mut flush = std::mem::take(&mut self.flush);
        flush.sort_unstable();
        flush.dedup();
        for number in flush {
            let Some(session) = self.sessions.get_mut(&number) else {
                continue;
            };
            if wants_outbox(session) {
                session.waiting = 0;
                if let Carrier::Polling(polling) = &mut session.carrier {
                    polling.draining = true;
                }
                answer.act(Action::Drain(number));
                self.mark(number);
            }
        }
    }

    /// Answers the pending poll of an upgrading session with a NOOP, so that the client is free to
    /// change over.
    pub(super) fn free_poll(&mut self, number: SessionNumber, answer: &mut Answer) {
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        if !is_polling(session) || wants_outbox(session) {
            return;
        }
        if let Carrier::Polling(polling) = &mut session.carrier
            && !polling.draining
            && let Some(poll) = polling.poll.take()
        {
            self.connections.remove(&poll);
            respond(poll, Parting::Noop.body().to_vec(), false, answer);
            self.mark(number);
        }
    }
}

/// Whether a poll pends for what is in the outbox, and nobody has asked for it yet.
fn wants_outbox(session: &Session) -> bool {
    match &session.carrier {
        Carrier::Polling(polling) => {
            polling.poll.is_some() && !polling.draining && session.waiting > 0
        }
        Carrier::Stream(_) => false,
    }
}

/// The first time after `now_ms` in steps from `noop_at_ms`.
pub(super) fn next_noop(noop_at_ms: u64, now_ms: u64) -> u64 {
    if noop_at_ms > now_ms {
        return noop_at_ms;
    }
    noop_at_ms + ((now_ms - noop_at_ms) / NOOP_INTERVAL_MS + 1) * NOOP_INTERVAL_MS
}
