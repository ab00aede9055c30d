//! The handlers.

use holdfast_sdk::{Ack, Io, Socket};

holdfast_sdk::app!(app);

/// Sets the handlers up; called when the app starts.
pub fn app(io: &Io) {
    io.on_connection(|socket| {
        holdfast_sdk::info!("{} is here", socket.id());

        socket.on("join", |socket: &Socket, room: String| socket.join(&room));

        // To everybody in the room, the sender too.
        socket.on("say", |socket: &Socket, room: String, text: String| {
            socket.io().to(&room).emit("said", (socket.id(), text));
        });

        // An `Ack` is the client's callback.
        socket.on("add", |a: f64, b: f64, ack: Ack| ack.send(a + b));
    });
}
