//! A chat room, as in Socket.IO's example: names, messages to everybody else, who is typing, who is online.
//! The same as `app.ts` beside it.

use holdfast_sdk::serde::{Deserialize, Serialize};
use holdfast_sdk::{Ack, Io, Socket, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const NAME_LENGTH_MAX: usize = 40;
const MESSAGE_LENGTH_MAX: usize = 2_000;

/// What is kept with a socket.
#[derive(Default, Serialize, Deserialize)]
#[serde(crate = "holdfast_sdk::serde", default)]
struct Data {
    username: Option<String>,
}

/// Those who have a name, by the id of their socket.
type Online = Rc<RefCell<BTreeMap<String, String>>>;

holdfast_sdk::app!(app);

fn app(io: &Io) {
    let online = Online::default();
    io.on_connection(move |socket| {
        // After a swap of the app its clients are still there, and so is what was kept with them.
        if let Some(name) = name(socket) {
            online.borrow_mut().insert(socket.id().to_owned(), name);
        }
        attach_users(socket, &online);
        socket.on("new message", |socket: &Socket, message: String| {
            let username = name(socket).filter(|_| is_text(&message, MESSAGE_LENGTH_MAX));
            if let Some(username) = username {
                let message = json!({ "username": username, "message": message });
                socket.broadcast().emit("new message", message);
            }
        });
        for event in ["typing", "stop typing"] {
            socket.on(event, move |socket: &Socket| {
                if let Some(username) = name(socket) {
                    socket
                        .broadcast()
                        .emit(event, json!({ "username": username }));
                }
            });
        }
    });
}

/// Coming, going, and who is online.
fn attach_users(socket: &Socket, online: &Online) {
    let joined = Rc::clone(online);
    socket.on("add user", move |socket: &Socket, username: String| {
        if name(socket).is_some() || !is_text(&username, NAME_LENGTH_MAX) {
            return;
        }
        socket.set_data(Data {
            username: Some(username.clone()),
        });
        joined
            .borrow_mut()
            .insert(socket.id().to_owned(), username.clone());
        let count = joined.borrow().len();
        socket.emit("login", json!({ "numUsers": count }));
        let user = json!({ "username": username, "numUsers": count });
        socket.broadcast().emit("user joined", user);
    });

    let listed = Rc::clone(online);
    socket.on("users", move |ack: Ack| {
        let mut names: Vec<_> = listed.borrow().values().cloned().collect();
        names.sort();
        ack.send((names,));
    });

    let left = Rc::clone(online);
    socket.on_disconnect(move |socket, _| {
        let gone = left.borrow_mut().remove(socket.id());
        if let Some(username) = gone {
            let user = json!({ "username": username, "numUsers": left.borrow().len() });
            socket.broadcast().emit("user left", user);
        }
    });
}

fn name(socket: &Socket) -> Option<String> {
    socket.data::<Data>().unwrap_or_default().username
}

fn is_text(text: &str, length_max: usize) -> bool {
    !text.is_empty() && text.encode_utf16().count() <= length_max
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use holdfast_sdk::{Value, json};

    #[test]
    fn people_come_talk_and_go() {
        let server = Server::start(super::app);
        let (ann, bob) = (server.connect("/"), server.connect("/"));
        ann.emit("new message", "without a name");
        ann.emit("add user", "Ann");
        assert_eq!(ann.received::<Value>("login"), [json!({ "numUsers": 1 })]);
        bob.emit("add user", "Bob");
        bob.emit("add user", "Bobby");
        assert_eq!(
            ann.received::<Value>("user joined"),
            [json!({ "username": "Bob", "numUsers": 2 })]
        );
        ann.emit("typing", ());
        ann.emit("new message", "hello");
        assert_eq!(
            bob.received::<Value>("typing"),
            [json!({ "username": "Ann" })]
        );
        assert_eq!(
            bob.received::<Value>("new message"),
            [json!({ "username": "Ann", "message": "hello" })]
        );
        assert_eq!(
            bob.call("users", ()),
            Some(vec!["Ann".to_owned(), "Bob".to_owned()])
        );
        ann.disconnect("transport close");
        assert_eq!(
            bob.received::<Value>("user left"),
            [json!({ "username": "Ann", "numUsers": 1 })]
        );
    }

    #[test]
    fn who_is_online_outlives_a_swap() {
        let server = Server::start(super::app);
        let ann = server.connect("/");
        ann.emit("add user", "Ann");
        server.restart(super::app);
        assert_eq!(ann.call("users", ()), Some(vec!["Ann".to_owned()]));
    }
}
