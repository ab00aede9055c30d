//! Who hears what: the events with which tests try rooms and broadcasts.

use holdfast_sdk::{Ack, Args, Socket};

/// Attaches `room:join`, `room:leave`, `room:emit`, `broadcast`, `all`, `except`, `volatile`.
pub(crate) fn attach(socket: &Socket) {
    socket.on_ack("room:join", |socket, room: String, ack: Ack| {
        socket.join(room);
        ack.send(());
    });
    socket.on_ack("room:leave", |socket, room: String, ack: Ack| {
        socket.leave(room);
        ack.send(());
    });
    socket.on(
        "room:emit",
        |socket: &Socket, (room, rest): (String, Args)| {
            socket.namespace().to(&room).emit("room", (&room, rest));
        },
    );
    socket.on("broadcast", |socket: &Socket, args: Args| {
        socket.broadcast().emit("broadcast", args)
    });
    socket.on("all", |socket: &Socket, args: Args| {
        socket.namespace().emit("all", args)
    });
    socket.on("except", |socket: &Socket, (room, rest): (String, Args)| {
        socket.namespace().except(room).emit("except", rest);
    });
    socket.on("volatile", |socket: &Socket, args: Args| {
        socket.volatile().emit("volatile", args)
    });
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::Binary;
    use holdfast_sdk::testing::Server;

    #[test]
    fn rooms_decide_who_hears() {
        let server = Server::start(crate::app);
        let [ann, bob, eve] = [(); 3].map(|()| server.connect("/"));
        assert_eq!(ann.call("room:join", "r"), Some(()));
        assert_eq!(bob.call("room:join", "r"), Some(()));
        assert_eq!(ann.rooms(), [ann.id(), "r".to_owned()]);
        eve.emit("room:emit", ("r", 1, Binary(vec![7])));
        assert_eq!(bob.call("room:leave", "r"), Some(()));
        eve.emit("room:emit", ("r", 2));
        let r = || "r".to_owned();
        assert_eq!(
            ann.received::<(String, u8, Option<Binary>)>("room"),
            [(r(), 1, Some(Binary(vec![7]))), (r(), 2, None)]
        );
        assert_eq!(bob.received::<(String, u8)>("room"), [(r(), 1)]);
        assert!(eve.inbox().is_empty());
        eve.emit("room:emit", (bob.id(), "only you"));
        assert_eq!(
            bob.received::<(String, String)>("room"),
            [(bob.id(), "only you".to_owned())]
        );
    }

    #[test]
    fn broadcasts_and_exceptions() {
        let server = Server::start(crate::app);
        let clients = [(); 3].map(|()| server.connect("/"));
        assert_eq!(clients[2].call("room:join", "r"), Some(()));
        clients[0].emit("broadcast", 1);
        clients[0].emit("all", (2, 2));
        clients[0].emit("except", ("r", 3));
        clients[0].emit("volatile", 4);
        let heard =
            |event| [0, 1, 2].map(|index: usize| clients[index].received::<u8>(event).len());
        assert_eq!(heard("broadcast"), [0, 1, 1]);
        assert_eq!(heard("all"), [1, 1, 1]);
        assert_eq!(heard("except"), [1, 1, 0]);
        assert_eq!(heard("volatile"), [1, 0, 0]);
    }
}
