//! The namespace `/lab`: one event for nearly everything that the server can do. Tests drive it, and it
//! shows how each thing is written.

mod audience;
mod servers;
mod watch;

use crate::gate::Denials;
use crate::{echo, rooms, session};
use holdfast_sdk::{Ack, Io, Namespace, Socket, Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Attaches the namespace `/lab`.
pub(crate) fn attach(io: &Io, denials: Denials) {
    let lab = io.of("/lab");
    servers::attach_instance(io, &lab);
    watch::attach_rooms(io, &lab);
    let namespaces = new_namespaces(io);
    lab.on_connection(move |socket| {
        echo::attach(socket);
        rooms::attach(socket);
        session::attach(socket);
        audience::attach(socket);
        servers::attach(socket);
        watch::attach(socket);
        attach_data(socket);
        let denials = denials.clone();
        socket.on_ack("denials", move |_, (), ack: Ack| ack.send(denials.list()));
        let namespaces = Rc::clone(&namespaces);
        socket.on_ack("namespaces", move |_, (), ack: Ack| {
            ack.send(&*namespaces.borrow());
        });
    });
}

/// Attaches `data:set` and `data:get`: what the server keeps with a client, also when it comes back to
/// a connection that broke.
fn attach_data(socket: &Socket) {
    socket.on_ack("data:set", |socket, value: Value, ack: Ack| {
        socket.set_data(json!({ "value": value }));
        ack.send(());
    });
    socket.on_ack("data:get", |socket, (), ack: Ack| {
        let data: Value = socket.data().unwrap_or_default();
        ack.send(json!({
            "id": socket.id(),
            "recovered": socket.recovered(),
            "rooms": socket.rooms(),
            "data": data,
        }));
    });
}

/// The dynamic namespaces that have come to be. As many as the SDK lets come to be at a time.
fn new_namespaces(io: &Io) -> Rc<RefCell<BTreeSet<String>>> {
    let names = Rc::new(RefCell::new(BTreeSet::new()));
    let noted = Rc::clone(&names);
    io.on_new_namespace(move |namespace: &Namespace| {
        let mut names = noted.borrow_mut();
        if names.len() >= crate::limits::NAMESPACES_NOTED_MAX {
            names.pop_first();
        }
        names.insert(namespace.name().to_owned());
    });
    names
}

#[cfg(test)]
mod tests;
