//! Rooms: joining, leaving, who is in one, and messages to those who are. The same as `app.ts` beside it.

use holdfast_sdk::{Ack, Io, Socket, Value, json};

const ROOMS_MAX: usize = 20;
const NAME_LENGTH_MAX: usize = 40;

holdfast_sdk::app!(app);

fn app(io: &Io) {
    io.on_connection(|socket| {
        socket.on("join", |socket: &Socket, room: String, ack: Ack| {
            ack.send(join(socket, &room))
        });
        socket.on("leave", |socket: &Socket, room: String, ack: Ack| {
            if !has_chosen(socket, &room) {
                return ack.send(json!({ "error": "you are not there" }));
            }
            socket.leave(&room);
            socket.to(&room).emit("left", (&room, socket.id()));
            ack.send(json!({ "ok": true }));
        });
        socket.on("rooms", |socket: &Socket, ack: Ack| {
            ack.send((chosen(socket),))
        });
        socket.on("members", async |io: Io, room: String, ack: Ack| {
            let members = io.to(room).fetch_sockets().await;
            let ids: Vec<_> = members.iter().map(|member| member.id()).collect();
            ack.send((ids,));
        });
        socket.on(
            "message",
            |socket: &Socket, room: String, text: String, ack: Ack| {
                if !has_chosen(socket, &room) {
                    return ack.send(json!({ "error": "you are not there" }));
                }
                socket
                    .io()
                    .to(&room)
                    .emit("message", (&room, socket.id(), text));
                ack.send(json!({ "ok": true }));
            },
        );
        socket.on(
            "message except",
            |socket: &Socket, room: String, except: String, text: String| {
                if has_chosen(socket, &room) {
                    let others = socket.to(&room).except(except);
                    others.emit("message", (&room, socket.id(), text));
                }
            },
        );
        // While it is disconnecting a socket is still in its rooms.
        socket.on_disconnecting(|socket, _| {
            for room in chosen(socket) {
                socket.to(&room).emit("left", (&room, socket.id()));
            }
        });
    });
}

fn join(socket: &Socket, room: &str) -> Value {
    if !is_name(room) {
        return json!({ "error": "a room is called by a–z, 0–9 and -" });
    }
    if chosen(socket).len() >= ROOMS_MAX {
        return json!({ "error": format!("{ROOMS_MAX} rooms are the limit") });
    }
    if !socket.is_in(room) {
        socket.join(room);
        socket.to(room).emit("joined", (room, socket.id()));
    }
    json!({ "ok": true })
}

/// The rooms that the client chose: all but the one of its own id.
fn chosen(socket: &Socket) -> Vec<String> {
    socket
        .rooms()
        .into_iter()
        .filter(|room| room != socket.id())
        .collect()
}

fn has_chosen(socket: &Socket, room: &str) -> bool {
    room != socket.id() && socket.is_in(room)
}

fn is_name(room: &str) -> bool {
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=NAME_LENGTH_MAX).contains(&room.len()) && room.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use holdfast_sdk::{Value, json};

    #[test]
    fn rooms_are_joined_talked_to_and_left() {
        let server = Server::start(super::app);
        let (ann, bob) = (server.connect("/"), server.connect("/"));
        let ok = Some(json!({ "ok": true }));
        assert_eq!(ann.call("join", "news"), ok);
        assert_eq!(bob.call("join", "news"), ok);
        assert_eq!(
            ann.received::<(String, String)>("joined"),
            [("news".to_owned(), bob.id())]
        );
        assert_eq!(ann.call("members", "news"), Some(vec![ann.id(), bob.id()]));
        assert_eq!(ann.call("message", ("news", "hi")), ok);
        let message = ("news".to_owned(), ann.id(), "hi".to_owned());
        assert_eq!(
            bob.received::<(String, String, String)>("message"),
            [message]
        );
        bob.disconnect("transport close");
        assert_eq!(
            ann.received::<(String, String)>("left"),
            [("news".to_owned(), bob.id())]
        );
        assert_eq!(ann.call("leave", "news"), ok);
        assert_eq!(ann.call("rooms", ()), Some(Vec::<String>::new()));
    }

    #[test]
    fn not_every_wish_is_granted() {
        let server = Server::start(super::app);
        let ann = server.connect("/");
        let refused =
            |event, args: Value| ann.call::<Value>(event, args).unwrap()["error"].is_string();
        assert!(refused("join", json!("No Such Name")));
        assert!(refused("leave", json!("news")));
        assert!(refused("leave", json!(ann.id())));
        for number in 0..20 {
            assert!(!refused("join", json!(format!("room-{number}"))));
        }
        assert!(refused("join", json!("one-more")));
    }
}
