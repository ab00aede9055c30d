//! Namespaces that nobody named: they come to be when a client asks for one.

use crate::{echo, session};
use holdfast_sdk::{Args, Handshake, Io, ParentNamespace, Socket, Value};

/// Attaches `/dynamic-1`, `/dynamic-2`, … for everybody, and `/tenant/NAME` for who knows the name.
pub(crate) fn attach(io: &Io) {
    // When the last client has left, it is as if there had been none.
    io.cleanup_empty_child_namespaces();
    attach_family(&io.of_pattern(r"^/dynamic-\d+$"));
    attach_family(&io.of_matching(is_tenant));
}

/// Asked for the first client only. Once the namespace exists, others are let in: a middleware would
/// have to look at each of them.
fn is_tenant(name: &str, handshake: &Handshake) -> bool {
    let auth: Value = handshake.auth().unwrap_or_default();
    match (name.strip_prefix("/tenant/"), auth.get("token")) {
        (Some(tenant), Some(token)) => token == tenant,
        _ => false,
    }
}

/// Who comes with `auth: {banned: true}` is refused. Inside: `echo`, `whoami`; `all` goes to everybody
/// in the namespace, `family` to everybody in all namespaces of the family.
fn attach_family(family: &ParentNamespace) {
    family.middleware(|socket| {
        let auth: Value = socket.handshake().auth().unwrap_or_default();
        match auth.get("banned") {
            Some(Value::Bool(true)) => Err("banned".into()),
            _ => Ok(()),
        }
    });
    let everybody = family.clone();
    family.on_connection(move |socket| {
        echo::attach_echo(socket);
        session::attach_whoami(socket);
        socket.on("all", |socket: &Socket, args: Args| {
            socket.namespace().emit("all", args);
        });
        let everybody = everybody.clone();
        socket.on("family", move |args: Args| everybody.emit("family", args));
    });
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::json;
    use holdfast_sdk::testing::Server;

    #[test]
    fn they_come_and_go() {
        let server = Server::start(crate::app);
        let [one, two] = ["/dynamic-1", "/dynamic-2"].map(|name| server.connect(name));
        one.emit("all", 1);
        one.emit("family", 2);
        assert_eq!(
            (one.received("all"), one.received("family")),
            (vec![1], vec![2])
        );
        assert_eq!((two.inbox().len(), server.manifest().dynamic), (1, true));
        assert!(
            server
                .connect_as("/dynamic-1", json!({ "banned": true }))
                .is_err()
        );
        assert!(server.connect_as("/dynamic-x", json!({})).is_err());
    }

    #[test]
    fn the_first_tenant_needs_the_name() {
        let server = Server::start(crate::app);
        let connect = |auth| server.connect_as("/tenant/ann", auth);
        for auth in [json!({}), json!({ "token": "bob" }), json!({ "token": 1 })] {
            assert_eq!(connect(auth).err().unwrap().message, "Invalid namespace");
        }
        let ann = connect(json!({ "token": "ann" })).unwrap();
        let bob = connect(json!({})).unwrap();
        ann.disconnect("transport close");
        bob.disconnect("transport close");
        assert!(
            connect(json!({})).is_err(),
            "the namespace is gone with the last"
        );
    }
}
