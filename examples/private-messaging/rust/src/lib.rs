//! Private messages between users who may be there several times, and come back: after Socket.IO's
//! example. A session is kept by the client; whoever shows it is the user again, who hears what came
//! meanwhile. The same as `app.ts` beside it.

mod store;

use holdfast_sdk::serde::{Deserialize, Serialize};
use holdfast_sdk::{ConnectError, Io, Socket, Value, json, spawn};
use std::cell::RefCell;
use std::rc::Rc;
use store::{Message, Store};

const NAME_LENGTH_MAX: usize = 40;
const CONTENT_LENGTH_MAX: usize = 2_000;

/// What is kept with a socket.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(crate = "holdfast_sdk::serde", rename_all = "camelCase")]
struct Data {
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "userID")]
    user_id: String,
    username: String,
}

holdfast_sdk::app!(app);

fn app(io: &Io) {
    let store = Rc::new(RefCell::new(Store::new(io.seed())));
    let asked = Rc::clone(&store);
    io.middleware(move |socket| authenticate(socket, &mut asked.borrow_mut()));
    io.on_connection(move |socket| {
        let Ok(data) = socket.data::<Data>() else {
            return;
        };
        greet(socket, &data, &mut store.borrow_mut());
        attach(socket, &data.user_id, &store);
        let store = Rc::clone(&store);
        socket.on_disconnect(move |socket, _| {
            spawn(say_goodbye(socket.clone(), data.clone(), Rc::clone(&store)));
        });
    });
}

fn authenticate(socket: &Socket, store: &mut Store) -> Result<(), ConnectError> {
    let auth: Value = socket.handshake().auth().unwrap_or_default();
    let known = auth["sessionID"]
        .as_str()
        .and_then(|id| Some((id, store.session(id)?)));
    if let Some((id, session)) = known {
        socket.set_data(Data {
            session_id: id.to_owned(),
            user_id: session.user_id.clone(),
            username: session.username.clone(),
        });
        return Ok(());
    }
    let username = auth["username"].as_str().unwrap_or_default();
    if username.is_empty() || username.encode_utf16().count() > NAME_LENGTH_MAX {
        return Err("invalid username".into());
    }
    if store.is_full() {
        return Err("too many users".into());
    }
    socket.set_data(Data {
        session_id: store.fresh_id(),
        user_id: store.fresh_id(),
        username: username.to_owned(),
    });
    Ok(())
}

/// Tells a client who it is and who else there is, and the others of it.
fn greet(socket: &Socket, data: &Data, store: &mut Store) {
    let Data {
        session_id,
        user_id,
        username,
    } = data;
    store.set_session(session_id, user_id, username, true);
    socket.emit(
        "session",
        json!({ "sessionID": session_id, "userID": user_id }),
    );
    // All sockets of a user are in a room of theirs.
    socket.join(user_id);
    socket.emit("users", (store.users_for(user_id),));
    let user =
        json!({ "userID": user_id, "username": username, "connected": true, "messages": [] });
    socket
        .broadcast()
        .except(user_id)
        .emit("user connected", user);
}

fn attach(socket: &Socket, user_id: &str, store: &Rc<RefCell<Store>>) {
    let (store, from) = (Rc::clone(store), user_id.to_owned());
    socket.on("private message", move |socket: &Socket, sent: Value| {
        let (Some(content), Some(to)) = (sent["content"].as_str(), sent["to"].as_str()) else {
            return;
        };
        if content.encode_utf16().count() > CONTENT_LENGTH_MAX {
            return;
        }
        let message = Message {
            content: content.to_owned(),
            from: from.clone(),
            to: to.to_owned(),
        };
        // To the one it is for, and to other windows of the sender.
        socket.to(to).to(&from).emit("private message", &message);
        store.borrow_mut().add(message);
    });
}

async fn say_goodbye(socket: Socket, data: Data, store: Rc<RefCell<Store>>) {
    let left = socket.io().to(&data.user_id).fetch_sockets().await;
    if left.is_empty() {
        let Data {
            session_id,
            user_id,
            username,
        } = &data;
        store
            .borrow_mut()
            .set_session(session_id, user_id, username, false);
        socket.broadcast().emit("user disconnected", user_id);
    }
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use holdfast_sdk::{Value, json};

    fn session(client: &holdfast_sdk::testing::Client) -> (String, String) {
        let session = client.received::<Value>("session").remove(0);
        let id = |key: &str| session[key].as_str().unwrap().to_owned();
        (id("sessionID"), id("userID"))
    }

    #[test]
    fn messages_are_private_and_wait() {
        let server = Server::start(super::app);
        let connect = |name: &str| server.connect_as("/", json!({ "username": name })).unwrap();
        let (ann, bob, eve) = (connect("Ann"), connect("Bob"), connect("Eve"));
        let ((_, ann_id), (bob_session, bob_id)) = (session(&ann), session(&bob));
        let hello = json!({ "content": "hello", "from": ann_id, "to": bob_id });
        ann.emit(
            "private message",
            json!({ "content": "hello", "to": bob_id }),
        );
        assert_eq!(bob.received::<Value>("private message"), [hello.clone()]);
        assert!(eve.received::<Value>("private message").is_empty());

        bob.disconnect("transport close");
        assert_eq!(
            ann.received::<String>("user disconnected"),
            [bob_id.clone()]
        );
        ann.emit(
            "private message",
            json!({ "content": "still there?", "to": bob_id }),
        );
        let bob = server
            .connect_as("/", json!({ "sessionID": bob_session }))
            .unwrap();
        assert_eq!(session(&bob), (bob_session, bob_id));
        let users: Vec<Value> = bob.received::<(Vec<Value>,)>("users").remove(0).0;
        let ann_seen = users
            .iter()
            .find(|user| user["userID"] == json!(ann_id))
            .unwrap();
        assert_eq!(ann_seen["messages"].as_array().unwrap().len(), 2);
        assert_eq!(ann_seen["messages"][0], hello);
    }

    #[test]
    fn a_name_is_needed() {
        let server = Server::start(super::app);
        let error = server
            .connect_as("/", json!({ "sessionID": "guessed" }))
            .err()
            .unwrap();
        assert_eq!(error.message, "invalid username");
    }
}
