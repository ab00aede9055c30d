//! The app's instances, one a shard say, among themselves.

use crate::limits::SERVER_NOTES_MAX;
use holdfast_sdk::{Ack, AcksError, Args, Io, Namespace, Socket, Value, json};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// What this instance hears from the others: `note`, which it passes on to its own clients, and `name`,
/// which it answers with the number of its place.
pub(super) fn attach_instance(io: &Io, lab: &Namespace) {
    let notes = Rc::new(RefCell::new(VecDeque::new()));
    let heard = Rc::clone(&notes);
    lab.on_server_side("note", move |text: Value, _| {
        let mut notes = heard.borrow_mut();
        notes.push_back(text);
        if notes.len() > SERVER_NOTES_MAX {
            notes.pop_front();
        }
    });
    let here = io.clone();
    lab.on_server_side("name", move |(): (), reply| reply.send(here.place()));
    lab.on_connection(move |socket| {
        let notes = Rc::clone(&notes);
        socket.on_ack("server:notes", move |_, (), ack: Ack| {
            ack.send(&*notes.borrow());
        });
    });
}

/// Attaches `server:emit` and `server:ask`.
pub(super) fn attach(socket: &Socket) {
    socket.on("server:emit", |socket: &Socket, args: Args| {
        socket.namespace().server_side_emit("note", args);
    });
    socket.on("server:ask", async |socket: &Socket, ack: Ack| {
        let others = socket.io().instances().saturating_sub(1);
        let asked = socket
            .namespace()
            .server_side_emit_with_ack::<Value>("name", ());
        ack.send(match asked.await {
            Ok(answers) => (Value::Null, answers, others),
            Err(AcksError { answers, cause }) => (json!(cause.to_string()), answers, others),
        });
    });
}
