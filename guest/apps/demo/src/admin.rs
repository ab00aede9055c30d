//! A namespace with a password.

use crate::{echo, session};
use holdfast_sdk::{Ack, ConnectError, Io, Socket, Value, json};

const TOKEN: &str = "open sesame";

/// Attaches the namespace `/admin`.
pub(crate) fn attach(io: &Io) {
    let admin = io.of("/admin");
    admin.middleware(is_authorized);
    admin.on_connection(|socket| {
        echo::attach_echo(socket);
        session::attach_whoami(socket);
        socket.on_ack("sockets", |socket, (), ack: Ack| {
            socket.io().fetch_sockets().then(move |sockets| {
                let ids: Vec<&str> = sockets.iter().map(|socket| socket.id()).collect();
                ack.send(ids);
            });
        });
    });
}

fn is_authorized(socket: &Socket) -> Result<(), ConnectError> {
    let auth: Value = socket.handshake().auth().unwrap_or_default();
    match auth.get("token").and_then(Value::as_str) {
        Some(TOKEN) => Ok(()),
        _ => Err(ConnectError::new("not authorized")
            .with_data(json!({ "hint": "auth.token is two words from a tale" }))),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use holdfast_sdk::{Value, json};

    #[test]
    fn lets_in_who_has_the_password() {
        let server = Server::start(crate::app);
        for auth in [
            json!({}),
            json!({ "token": "wrong" }),
            json!({ "token": null }),
            json!([]),
        ] {
            let refused = server.connect_as("/admin", auth).err().unwrap();
            assert_eq!(refused.message, "not authorized");
            assert!(
                refused
                    .data
                    .unwrap()
                    .get("hint")
                    .is_some_and(Value::is_string)
            );
        }
        let ann = server.connect("/");
        let admin = server
            .connect_as("/admin", json!({ "token": "open sesame" }))
            .unwrap();
        assert_eq!(admin.call("echo", "in"), Some("in".to_owned()));
        assert_eq!(admin.call("sockets", ()), Some(vec![ann.id()]));
        assert!(admin.call::<Value>("whoami", ()).is_some());
    }

    #[test]
    fn refuses_what_it_does_not_serve() {
        let server = Server::start(crate::app);
        assert_eq!(
            server.manifest().namespaces,
            ["/", "/admin", "/echo", "/guarded", "/lab"]
        );
        assert_eq!(
            server
                .connect_as("/nowhere", json!({}))
                .err()
                .unwrap()
                .message,
            "Invalid namespace"
        );
    }
}
