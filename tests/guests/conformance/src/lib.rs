//! The app that the official Socket.IO suite expects of a server, as the specification documents it
//! (`docs/socket.io-protocol/v5-current.md` of the reference, "Test suite").

use holdfast_sdk::{Ack, Args, Io, Socket, Value};

holdfast_sdk::app!(app);

/// Attaches all handlers.
pub fn app(io: &Io) {
    io.on_connection(|socket| {
        tell_auth(socket);
        socket.on("message", |socket: &Socket, args: Args| {
            socket.emit("message-back", args);
        });
        socket.on_ack("message-with-ack", |_, args: Args, ack: Ack| ack.send(args));
    });
    io.of("/custom").on_connection(tell_auth);
}

fn tell_auth(socket: &Socket) {
    match socket.handshake().auth::<Value>() {
        Ok(auth) => socket.emit("auth", (auth,)),
        Err(_) => socket.emit("auth", ()),
    }
}
