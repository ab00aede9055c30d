//! Namespaces that come to be when somebody wants them, and messages of other instances.

use crate::shared::Shared;
use holdfast_sdk::{Args, Io, Socket, Value, json};
use std::rc::Rc;

/// Attaches them.
pub(crate) fn attach(io: &Io, shared: &Rc<Shared>, common: impl Fn(&Socket) + 'static) {
    io.cleanup_empty_child_namespaces();
    let noting = Rc::clone(shared);
    io.on_new_namespace(move |namespace| {
        noting
            .namespaces
            .borrow_mut()
            .push(namespace.name().to_owned());
    });
    let common = Rc::new(common);

    let teams = io.of_pattern(r"^/team-\d+$");
    teams.middleware(|socket| {
        let auth: Value = socket.handshake().auth().unwrap_or_default();
        if auth["banned"] == json!(true) {
            Err("banned".into())
        } else {
            Ok(())
        }
    });
    let (attaching, all) = (Rc::clone(&common), teams.clone());
    teams.on_connection(move |socket| {
        attaching(socket);
        socket.emit("welcome", socket.namespace().name());
        socket.on("to team", |socket: &Socket, args: Args| {
            socket.namespace().emit("to team", args)
        });
        let all = all.clone();
        socket.on("to teams", move |args: Args| all.emit("to teams", args));
    });

    let tenants = io.of_matching(|name, handshake| {
        let auth: Value = handshake.auth().unwrap_or_default();
        name.strip_prefix("/tenant/")
            .is_some_and(|tenant| auth["token"] == json!(tenant))
    });
    tenants.on_connection(move |socket| {
        common(socket);
        socket.emit("welcome", socket.namespace().name());
    });

    let noting = Rc::clone(shared);
    io.on_server_side("noted", move |_: Args, _| {
        noting.notes.set(noting.notes.get() + 1)
    });
}
