//! Everybody in some rooms and in none of others: telling them, asking them, moving them about.

use crate::limits::ASK_ALL_TIMEOUT_MS_MAX;
use holdfast_sdk::serde::Deserialize;
use holdfast_sdk::{Ack, AcksError, Args, Broadcast, RemoteSocket, Socket, Value, json, serde};
use std::time::Duration;

/// Whom a client means.
#[derive(Default, Deserialize)]
#[serde(crate = "serde", default)]
struct Audience {
    /// Everybody but the client itself.
    others: bool,
    to: Vec<String>,
    except: Vec<String>,
    local: bool,
    volatile: bool,
    compress: Option<bool>,
    /// Milliseconds within which to answer.
    timeout: u64,
}

impl Audience {
    fn of(&self, socket: &Socket) -> Broadcast {
        let mut audience = if self.others {
            socket.to(self.to.as_slice())
        } else {
            socket.namespace().to(self.to.as_slice())
        };
        audience = audience.except(self.except.as_slice());
        if self.local {
            audience = audience.local();
        }
        if self.volatile {
            audience = audience.volatile();
        }
        match self.compress {
            Some(compressed) => audience.compress(compressed),
            None => audience,
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout.min(ASK_ALL_TIMEOUT_MS_MAX))
    }
}

/// Attaches `tell`, `ask-all`, `ask-one`, `sockets:fetch`, `sockets:join`, `sockets:leave`,
/// `sockets:disconnect`.
pub(super) fn attach(socket: &Socket) {
    socket.on(
        "tell",
        |socket: &Socket, (audience, event, args): (Audience, String, Args)| {
            audience.of(socket).emit(&event, args);
        },
    );
    socket.on_ack(
        "ask-all",
        |socket, (audience, args): (Audience, Args), ack: Ack| {
            let asked = audience.of(socket).timeout(audience.timeout());
            asked
                .emit_with_acks("question", args)
                .then(move |answers: Result<Vec<Value>, _>| {
                    ack.send(match answers {
                        Ok(answers) => (Value::Null, answers),
                        Err(AcksError { answers, cause }) => (json!(cause.to_string()), answers),
                    });
                });
        },
    );
    socket.on(
        "ask-one",
        async |socket: &Socket, (id, timeout, args): (String, u64, Args), ack: Ack| {
            let timeout = Duration::from_millis(timeout.min(ASK_ALL_TIMEOUT_MS_MAX));
            let sockets = socket.namespace().to(id).fetch_sockets().await;
            let Some(remote) = sockets.first() else {
                return ack.send("nobody");
            };
            let asked = remote
                .timeout(timeout)
                .emit_with_ack::<Value>("question", args);
            match asked.await {
                Ok(answer) => ack.send((Value::Null, answer)),
                Err(error) => ack.send(error.to_string()),
            }
        },
    );
    socket.on_ack("sockets:fetch", |socket, audience: Audience, ack: Ack| {
        audience.of(socket).fetch_sockets().then(move |sockets| {
            ack.send(sockets.iter().map(description).collect::<Vec<_>>());
        });
    });
    socket.on_ack(
        "sockets:join",
        |socket, (audience, rooms): (Audience, Vec<String>), ack: Ack| {
            audience.of(socket).sockets_join(rooms);
            ack.send(());
        },
    );
    socket.on_ack(
        "sockets:leave",
        |socket, (audience, rooms): (Audience, Vec<String>), ack: Ack| {
            audience.of(socket).sockets_leave(rooms);
            ack.send(());
        },
    );
    socket.on_ack(
        "sockets:disconnect",
        |socket, (audience, close): (Audience, bool), ack: Ack| {
            audience.of(socket).disconnect_sockets(close);
            ack.send(());
        },
    );
}

fn description(socket: &RemoteSocket) -> Value {
    json!({
        "id": socket.id(),
        "rooms": socket.rooms(),
        "data": socket.data::<Value>().unwrap_or_default(),
        "query": socket.handshake().query("name"),
    })
}
