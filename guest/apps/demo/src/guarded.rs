//! A namespace where messages are looked at before they are delivered, and all of them are noted.

use crate::echo;
use crate::limits::NOTES_MAX;
use holdfast_sdk::{Ack, EventFault, Io, Rejection, Socket, json};
use std::cell::RefCell;
use std::rc::Rc;

/// Attaches the namespace `/guarded`.
pub(crate) fn attach(io: &Io) {
    io.of("/guarded").on_connection(|socket| {
        attach_notes(socket);
        socket.middleware(|_, packet| match packet.event() {
            event @ "blocked" => {
                Err(Rejection::new("not allowed").with_data(json!({ "event": event })))
            }
            _ => Ok(()),
        });
        socket.on_error(|socket, fault| {
            if let EventFault::Rejected(rejection) = &fault.error {
                socket.emit("rejected", (&rejection.message, &rejection.data));
            }
        });
        echo::attach_echo(socket);
        socket.on_ack("blocked", |_, (), ack: Ack| ack.send("never"));
    });
}

/// Attaches `notes`: what came in and went out until now. `notes:first` and `notes:stop` put a listener
/// in front, and end the noting.
fn attach_notes(socket: &Socket) {
    let notes = Rc::new(RefCell::new(Vec::new()));
    let note = |what: &'static str| {
        let notes = Rc::clone(&notes);
        move |_: &Socket, event: &str, _| {
            let mut notes = notes.borrow_mut();
            if notes.len() < NOTES_MAX {
                notes.push(format!("{what} {event}"));
            }
        }
    };
    socket.on_any(note("in"));
    socket.on_any_outgoing(note("out"));
    let (first_in, first_out) = (note("first in"), note("first out"));
    socket.on_ack("notes:first", move |socket, (), ack: Ack| {
        socket.prepend_any(first_in.clone());
        socket.prepend_any_outgoing(first_out.clone());
        ack.send(());
    });
    socket.on_ack("notes:stop", |socket, (), ack: Ack| {
        socket.off_any();
        socket.off_any_outgoing();
        ack.send(());
    });
    socket.on_ack("notes", move |_, (), ack: Ack| ack.send(&*notes.borrow()));
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use holdfast_sdk::{Value, json};

    #[test]
    fn messages_are_blocked_and_noted() {
        let server = Server::start(crate::app);
        let ann = server.connect("/guarded");
        assert_eq!(ann.call::<String>("blocked", ()), None);
        let rejected: Vec<(String, Value)> = ann.received("rejected");
        assert_eq!(
            rejected,
            [("not allowed".to_owned(), json!({ "event": "blocked" }))]
        );
        ann.emit("notes:first", ());
        ann.emit("echo", 1);
        let notes: Vec<String> = ann.call("notes", ()).unwrap();
        let expected = [
            "in blocked",
            "out rejected",
            "in notes:first",
            "first in echo",
            "in echo",
            "first out echo",
            "out echo",
            "first in notes",
            "in notes",
        ];
        assert_eq!(notes, expected);
        ann.emit("notes:stop", ());
        let stopped = ann.call::<Vec<String>>("notes", ()).unwrap();
        assert_eq!(stopped.len(), expected.len() + 2);
    }
}
