//! A first app: one room, one question.
//!
//! ```sh
//! cargo build --target wasm32-unknown-unknown --release
//! holdfast --app target/wasm32-unknown-unknown/release/hello.wasm
//! ```
//!
//! ```js
//! const socket = io();
//! socket.on("said", (id, text) => console.log(id, text));
//! socket.emit("say", "hello");
//! console.log(await socket.emitWithAck("add", 1, 2)); // 3
//! ```

use holdfast_sdk::{Ack, Io, Socket};

holdfast_sdk::app!(app);

fn app(io: &Io) {
    io.on_connection(|socket| {
        socket.join("lobby");

        // To everybody in the room, the sender too.
        socket.on("say", |socket: &Socket, text: String| {
            socket.io().to("lobby").emit("said", (socket.id(), text));
        });

        // The client's callback is the third parameter.
        socket.on_ack("add", |_, (a, b): (f64, f64), ack: Ack| ack.send(a + b));

        socket.on_disconnect(|socket, reason| {
            holdfast_sdk::info!("{} is gone: {reason}", socket.id());
        });
    });
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;

    #[test]
    fn greets_and_adds() {
        let server = Server::start(super::app);
        let (ann, bob) = (server.connect("/"), server.connect("/"));
        ann.emit("say", "hello");
        assert_eq!(
            bob.received::<(String, String)>("said"),
            [(ann.id(), "hello".to_owned())]
        );
        assert_eq!(ann.call("add", (1, 2)), Some(3.0));
    }
}
