//! A client and the server about each other: who it is, the time, questions, good-bye.

use crate::limits::{AFTER_MS_MAX, AFTERS_MAX, ASK_TIMEOUT_MS};
use holdfast_sdk::{Ack, Args, Header, Socket, Value, json, serde_json, sleep};
use std::cell::Cell;
use std::time::Duration;

/// Attaches `ask`, `whoami`, `time`, `after`, `disconnect-me`.
pub(crate) fn attach(socket: &Socket) {
    socket.on("ask", ask);
    let waiting = Cell::new(0);
    socket.on("after", async move |ms: u64, ack: Ack| {
        after(ms, ack, &waiting).await
    });
    socket.on_ack("time", |socket, (), ack: Ack| {
        ack.send(socket.io().now_ms())
    });
    socket.on("disconnect-me", |socket: &Socket, whole: Option<Value>| {
        socket.disconnect(whole == Some(Value::Bool(true)));
    });
    attach_whoami(socket);
}

/// Attaches `whoami`.
pub(crate) fn attach_whoami(socket: &Socket) {
    socket.on_ack("whoami", |socket, (), ack: Ack| {
        ack.send(description(socket))
    });
}

/// Asks back, and hands on the answer.
async fn ask(socket: &Socket, args: Args, ack: Ack) {
    let timeout = Duration::from_millis(ASK_TIMEOUT_MS);
    let asked = socket.timeout(timeout).emit_with_ack("question", args);
    match asked.await {
        Ok::<Args, _>(args) => ack.send((Value::Null, args)),
        Err(_) => ack.send("timeout"),
    }
}

/// Answers later; one client has so many answers waiting at a time.
async fn after(ms: u64, ack: Ack, waiting: &Cell<usize>) {
    if waiting.get() >= AFTERS_MAX {
        return ack.send(json!({ "ok": false, "error": "too many are waiting" }));
    }
    waiting.set(waiting.get() + 1);
    sleep(Duration::from_millis(ms.min(AFTER_MS_MAX))).await;
    waiting.set(waiting.get() - 1);
    ack.send(ms);
}

fn description(socket: &Socket) -> Value {
    let handshake = socket.handshake();
    json!({
        "id": socket.id(),
        "namespace": socket.namespace().name(),
        "rooms": socket.rooms(),
        "address": handshake.address,
        "auth": handshake.auth::<Value>().unwrap_or_default(),
        "query": object(&handshake.query),
        "headers": object(&handshake.headers),
    })
}

/// As JavaScript has it: one member a name, the values of a name that comes twice joined.
fn object(pairs: &[Header]) -> Value {
    let mut members = serde_json::Map::new();
    for Header { name, value } in pairs {
        let joined = match members.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        members.insert(name.clone(), joined.into());
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::{Server, handshake};
    use holdfast_sdk::{Binary, Handshake, Header, Value, json};
    use std::time::Duration;

    #[test]
    fn the_server_asks_and_hands_on_the_answer() {
        let server = Server::start(crate::app);
        let ann = server.connect("/");
        let asked = ann.ask("ask", ("why?", 1));
        let [question] = ann.inbox().try_into().unwrap();
        assert_eq!(
            (question.event.as_str(), question.args.read()),
            ("question", Ok(("why?".to_owned(), 1)))
        );
        ann.acknowledge(&question, ("because", Binary(vec![1])));
        assert_eq!(
            ann.answer(asked),
            Some((Value::Null, "because".to_owned(), Binary(vec![1])))
        );

        let asked = ann.ask("ask", "anybody?");
        server.advance(Duration::from_millis(999));
        assert_eq!(ann.answer::<String>(asked), None);
        server.advance(Duration::from_millis(1));
        assert_eq!(ann.answer(asked), Some("timeout".to_owned()));
    }

    #[test]
    fn the_time_and_later() {
        let server = Server::start(crate::app);
        let ann = server.connect("/");
        assert_eq!(ann.call("time", ()), Some(server.now_ms()));
        let later = ann.ask("after", 150);
        server.advance(Duration::from_millis(149));
        assert_eq!(ann.answer::<u64>(later), None);
        server.advance(Duration::from_millis(1));
        assert_eq!(ann.answer(later), Some(150));
    }

    #[test]
    fn who_am_i() {
        let server = Server::start(crate::app);
        let header = |name: &str, value: &str| Header {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let shake = Handshake {
            auth: json!({ "name": "Ann" }).to_string(),
            query: vec![header("colour", "blue"), header("colour", "green")],
            headers: vec![header("x-test", "yes")],
            ..handshake()
        };
        let ann = server.connect_with("/", shake).unwrap();
        let me: Value = ann.call("whoami", ()).unwrap();
        let expected = json!({
            "id": ann.id(), "namespace": "/", "rooms": [ann.id()], "address": "127.0.0.1",
            "auth": { "name": "Ann" }, "query": { "colour": "blue, green" }, "headers": { "x-test": "yes" },
        });
        assert_eq!(me, expected);
    }

    #[test]
    fn good_bye() {
        let server = Server::start(crate::app);
        for args in [json!(true), json!(false), json!(null)] {
            let ann = server.connect("/");
            ann.emit("disconnect-me", args);
            assert_eq!(ann.gone().as_deref(), Some("server namespace disconnect"));
        }
    }
}
