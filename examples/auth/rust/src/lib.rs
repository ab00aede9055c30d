//! Who may connect: a token is looked at by a middleware, and what it says is kept with the socket.
//! Tokens come from the environment: `TOKENS="secret-1:ann:admin,secret-2:bob:user"`. The same as `app.ts`
//! beside it.

use holdfast_sdk::serde::{Deserialize, Serialize};
use holdfast_sdk::{Ack, ConnectError, Io, Socket, Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;

const DEMO_TOKENS: &str = "ann-secret:ann:admin,bob-secret:bob:user";

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(crate = "holdfast_sdk::serde")]
struct User {
    name: String,
    role: String,
}

/// What is kept with a socket.
#[derive(Default, Serialize, Deserialize)]
#[serde(crate = "holdfast_sdk::serde", default)]
struct Data {
    user: User,
}

/// Who has which token.
type Users = Rc<BTreeMap<String, User>>;

holdfast_sdk::app!(app);

fn app(io: &Io) {
    let users = users(io.env("TOKENS").unwrap_or(DEMO_TOKENS));

    let known = Rc::clone(&users);
    io.middleware(move |socket| authenticate(socket, &known));
    io.on_connection(|socket| {
        socket.emit("welcome", user(socket).name);
        socket.on("whoami", |socket: &Socket, ack: Ack| ack.send(user(socket)));
    });

    // A namespace asks its own middlewares: those of `/` do not count here.
    let admin = io.of("/admin");
    admin.middleware(move |socket| authenticate(socket, &users));
    admin.middleware(|socket| match user(socket).role.as_str() {
        "admin" => Ok(()),
        role => Err(ConnectError::new("not allowed").with_data(json!({ "role": role }))),
    });
    admin.on_connection(|socket| {
        socket.on("kick", async |io: Io, name: String, ack: Ack| {
            let is_meant = |data: Data| data.user.name == name;
            let mut clients = io.fetch_sockets().await;
            clients.retain(|client| client.data().is_ok_and(is_meant));
            clients.iter().for_each(|client| client.disconnect(true));
            ack.send(clients.len());
        });
    });
}

fn users(tokens: &str) -> Users {
    let entries = tokens.split(',').filter_map(|entry| {
        let mut parts = entry.split(':').map(str::to_owned);
        let (token, name, role) = (parts.next()?, parts.next()?, parts.next()?);
        Some((token, User { name, role }))
    });
    Rc::new(entries.collect())
}

fn authenticate(socket: &Socket, users: &Users) -> Result<(), ConnectError> {
    let refused =
        |hint| Err(ConnectError::new("not authenticated").with_data(json!({ "hint": hint })));
    let auth: Value = socket.handshake().auth().unwrap_or_default();
    let Some(token) = auth["token"].as_str() else {
        return refused("connect with auth: { token }");
    };
    let Some(user) = users.get(token) else {
        return refused("this token is not known");
    };
    socket.set_data(Data { user: user.clone() });
    Ok(())
}

fn user(socket: &Socket) -> User {
    socket.data::<Data>().unwrap_or_default().user
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use holdfast_sdk::{Value, json};

    #[test]
    fn a_token_lets_in() {
        let server = Server::start(super::app);
        let bob = server
            .connect_as("/", json!({ "token": "bob-secret" }))
            .unwrap();
        assert_eq!(bob.received::<String>("welcome"), ["bob"]);
        assert_eq!(
            bob.call("whoami", ()),
            Some(json!({ "name": "bob", "role": "user" }))
        );
        for (auth, hint) in [
            (json!({}), "connect with"),
            (json!({ "token": "guess" }), "not known"),
        ] {
            let error = server.connect_as("/", auth).err().unwrap();
            assert_eq!(error.message, "not authenticated");
            assert!(error.data.unwrap()["hint"].as_str().unwrap().contains(hint));
        }
    }

    #[test]
    fn only_admins_are_let_into_admin_and_kick() {
        let server = Server::start(super::app);
        let bob = server
            .connect_as("/", json!({ "token": "bob-secret" }))
            .unwrap();
        let error = server
            .connect_as("/admin", json!({ "token": "bob-secret" }))
            .err()
            .unwrap();
        assert_eq!(
            (error.message.as_str(), error.data),
            ("not allowed", Some(json!({ "role": "user" })))
        );
        let ann = server
            .connect_as("/admin", json!({ "token": "ann-secret" }))
            .unwrap();
        assert_eq!(ann.call::<Value>("kick", "bob"), Some(json!(1)));
        assert!(bob.gone().is_some());
    }
}
