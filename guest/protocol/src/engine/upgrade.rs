//! From polling to a WebSocket (reference: `Socket._maybeUpgrade`). No packet is lost or overtaken: it
//! waits in the outbox until the WebSocket is attached, or goes to a poll that is already there.

use super::dialect::Revision;
use super::packet::{self, Data, Packet};
use super::session::{Carrier, State, Upgrade};
use super::{Engine, Parting, Role, packet3};
use crate::answer::Answer;
use crate::contract::{Action, Attach, Connection, Session as SessionNumber};
use crate::limits::NOOP_INTERVAL_MS;
use crate::reason::Reason;

impl Engine {
    /// A WebSocket for a session that exists. A second one is opened and closed.
    pub(super) fn handle_upgrade(
        &mut self,
        now_ms: u64,
        number: SessionNumber,
        connection: Connection,
        websocket: bool,
        base64: bool,
        answer: &mut Answer,
    ) {
        answer.accept(connection, self.settings.max_http_buffer_size);
        let until_ms = now_ms + self.settings.upgrade_timeout_ms;
        if websocket
            && let Some(session) = self.sessions.get_mut(&number)
            && let Carrier::Polling(polling) = &mut session.carrier
            && polling.upgrade == Upgrade::None
        {
            polling.upgrade = Upgrade::Opened {
                connection,
                until_ms,
            };
            polling.upgrade_base64 = base64;
            self.place(connection, number, Role::Probe);
            self.mark(number);
            return;
        }
        answer.close(connection);
    }

    /// A frame from a WebSocket that has not taken over.
    pub(super) fn receive_probe(
        &mut self,
        now_ms: u64,
        number: SessionNumber,
        connection: Connection,
        data: Data<'_>,
        answer: &mut Answer,
    ) {
        let Some(session) = self.sessions.get(&number) else {
            return;
        };
        let packet = match session.dialect.revision {
            Revision::Fourth => packet::decode(data),
            Revision::Third => packet3::decode(data),
        };
        match packet {
            Packet::Ping("probe") => self.handle_probe(now_ms, number, answer),
            Packet::Upgrade => self.handle_confirmed(number, connection, answer),
            _ => self.abandon_upgrade(number, answer),
        }
    }

    fn handle_probe(&mut self, now_ms: u64, number: SessionNumber, answer: &mut Answer) {
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        let Carrier::Polling(polling) = &mut session.carrier else {
            return;
        };
        let (Upgrade::Opened {
            connection,
            until_ms,
        }
        | Upgrade::Probed {
            connection,
            until_ms,
            ..
        }) = polling.upgrade
        else {
            return;
        };
        polling.upgrade = Upgrade::Probed {
            connection,
            until_ms,
            noop_at_ms: now_ms + NOOP_INTERVAL_MS,
        };
        answer.write(connection, "3probe");
        self.mark(number);
        self.free_poll(number, answer);
    }

    /// The client has changed over.
    fn handle_confirmed(
        &mut self,
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
        self.connections.insert(
            connection,
            super::Place {
                session: number,
                role: Role::Stream,
            },
        );
        polling.upgrade = Upgrade::Confirmed { connection };
        if polling.draining {
            // What was drained goes to the poll first, or it would be overtaken.
            self.mark(number);
            return;
        }
        self.complete_upgrade(number, connection, answer);
    }

    /// Attaches the WebSocket, after what polling still owes.
    pub(super) fn complete_upgrade(
        &mut self,
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
        let poll = polling.poll.take();
        let base64 = polling.upgrade_base64;
        session.carrier = Carrier::Stream(connection);
        session.waiting = 0;
        let closing = session.state != State::Open;
        if let Some(poll) = poll
            && self.connections.remove(&poll).is_some()
        {
            let noop = Parting::Noop.packets();
            super::polling::respond(&session.dialect, poll, &noop, None, answer);
        }
        session.dialect.base64 = base64;
        if let Some(form) = session.dialect.form(false) {
            self.third.insert(number, form);
        }
        self.unattached.remove(&number);
        answer.act(Action::Attach(Attach {
            session: number,
            connection,
        }));
        self.mark(number);
        if closing {
            self.end(number, Reason::ForcedClose, Parting::Close, answer);
        }
    }

    /// Gives an upgrade up. Only the WebSocket is closed; the session goes on polling.
    pub(super) fn abandon_upgrade(&mut self, number: SessionNumber, answer: &mut Answer) {
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        let Carrier::Polling(polling) = &mut session.carrier else {
            return;
        };
        let connection = polling.upgrade.connection();
        polling.upgrade = Upgrade::None;
        self.mark(number);
        if let Some(connection) = connection {
            self.close_connection(connection, answer);
        }
    }

    /// The WebSocket of an upgrade is gone.
    pub(super) fn handle_probe_lost(&mut self, number: SessionNumber, answer: &mut Answer) {
        self.abandon_upgrade(number, answer);
    }
}
