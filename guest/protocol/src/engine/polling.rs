//! Polls and POSTs (reference: `transports/polling.ts`), and what the host hands over from outboxes.

use super::dialect::{Dialect, Revision};
use super::packet::{Content, Data};
use super::session::{Carrier, Session, State, Upgrade};
use super::{Engine, Parting, Role, is_polling, jsonp, payload, payload3};
use crate::answer::Answer;
use crate::contract::{Action, Collect, Connection, Drained, Frame, Session as SessionNumber};
use crate::limits::NOOP_INTERVAL_MS;
use crate::reason::Reason;
use crate::settings::Settings;

/// Answers a poll with packets, which may be compressed as the settings say, if they are given.
pub(super) fn respond(
    dialect: &Dialect,
    poll: Connection,
    packets: &[Frame],
    compress: Option<&Settings>,
    answer: &mut Answer,
) {
    let written = dialect.write(packets);
    let compress = compress.is_some_and(|settings| settings.compresses(written.body.len()));
    respond_ok(poll, written.content_type, written.body, answer);
    answer.compress(compress);
}

fn respond_ok(connection: Connection, content_type: &str, body: Vec<u8>, answer: &mut Answer) {
    let headers = [
        ("content-type", content_type),
        ("cache-control", "no-store"),
    ];
    answer.respond(connection, 200, &headers, body);
}

/// A POST whose body has come.
#[derive(Clone, Copy)]
pub struct Post {
    connection: Connection,
    pub session: SessionNumber,
    revision: Revision,
    /// A payload of bytes.
    octets: bool,
    /// A form that holds the payload.
    form: bool,
}

impl Post {
    /// Gives each packet of the body to `take`, one after the other.
    pub fn read(&self, body: &[u8], mut take: impl FnMut(Data<'_>)) {
        if self.octets {
            if !self.form {
                for piece in payload3::split_binary(body) {
                    take(piece.data());
                }
            }
            return;
        }
        let mut body = String::from_utf8_lossy(body);
        if self.form {
            // A form without a payload says nothing.
            let Some(payload) = jsonp::unwrap(&body) else {
                return;
            };
            body = payload.into();
        }
        match self.revision {
            Revision::Fourth => payload::split(&body).for_each(|packet| take(Data::Text(packet))),
            Revision::Third => payload3::split(&body).for_each(|packet| take(Data::Text(packet))),
        }
    }
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
        let refused = octets && session.dialect.revision == Revision::Fourth;
        if refused || session.post.is_some() {
            self.end(number, Reason::TransportError, Parting::Close, answer);
            answer.respond(connection, 400, &[("connection", "close")], Vec::new());
            return;
        }
        session.post = Some(connection);
        session.post_octets = octets;
        self.place(connection, number, Role::Post);
        self.mark(number);
        let bytes_max = self.settings.max_http_buffer_size;
        answer.act(Action::Collect(Collect {
            connection,
            bytes_max,
        }));
    }

    /// The body of a POST is there. Gives what is to be known to read it; `finish_post` follows.
    pub fn begin_post(&self, connection: Connection) -> Option<Post> {
        let place = self.connections.get(&connection)?;
        if place.role != Role::Post {
            return None;
        }
        let session = self.sessions.get(&place.session)?;
        Some(Post {
            connection,
            session: place.session,
            revision: session.dialect.revision,
            octets: session.post_octets,
            form: session.dialect.jsonp.is_some(),
        })
    }

    /// One packet of a POST's body.
    pub fn receive_posted<'a>(
        &mut self,
        now_ms: u64,
        number: SessionNumber,
        packet: Data<'a>,
        answer: &mut Answer,
    ) -> Option<(SessionNumber, Content<'a>)> {
        self.receive_packet(now_ms, number, packet, true, answer)
    }

    /// Takes a POST off its session, so that ending the session does not answer it.
    pub fn take_post(&mut self, connection: Connection) {
        if let Some(place) = self.connections.remove(&connection)
            && let Some(session) = self.sessions.get_mut(&place.session)
        {
            session.post = None;
            session.post_octets = false;
            self.mark(place.session);
        }
    }

    /// Answers a POST whose packets have been taken in, whatever became of the session.
    pub fn finish_post(post: Post, answer: &mut Answer) {
        respond_ok(post.connection, "text/html", b"ok".to_vec(), answer);
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
            let settings = compress.then_some(&self.settings);
            respond(&session.dialect, poll, &frames, settings, answer);
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
            respond(
                &session.dialect,
                poll,
                &Parting::Noop.packets(),
                None,
                answer,
            );
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
