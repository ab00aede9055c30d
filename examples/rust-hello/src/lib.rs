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

use holdfast_sdk::{Ack, Io, Socket, sleep};
use std::time::Duration;

holdfast_sdk::app!(app);

fn app(io: &Io) {
    io.on_connection(|socket| {
        socket.join("lobby");

        // To everybody in the room, the sender too.
        socket.on("say", |socket: &Socket, text: String| {
            socket.io().to("lobby").emit("said", (socket.id(), text));
        });

        // Parameters are what the handler needs; an `Ack` is the client's callback.
        socket.on("add", |a: f64, b: f64, ack: Ack| ack.send(a + b));

        // While this one waits, everybody else goes on.
        socket.on("later", async |text: String, ack: Ack| {
            sleep(Duration::from_secs(1)).await;
            ack.send(text);
        });

        socket.on_disconnect(|socket, reason| {
            holdfast_sdk::info!("{} is gone: {reason}", socket.id());
        });
    });
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use std::time::Duration;

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

        let asked = ann.ask("later", "hello");
        assert_eq!(ann.answer::<String>(asked), None);
        server.advance(Duration::from_secs(1));
        assert_eq!(ann.answer(asked), Some("hello".to_owned()));
    }
}
