//! The scenarios of the client matrix by `rust_socketio`.
//!
//! Built by scripts/setup.sh, started by matrix/run.mjs; see there for the variables. Prints a line for each
//! scenario and transport. What the library cannot do (nested binary, acknowledging to the server, several
//! namespaces on a connection) is told in matrix/matrix.mjs, or done in the way that it has.

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::{Value, json};
use std::env::var;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(10);
/// How long something that should not come is waited for, after a question has been answered.
const BRIEF: Duration = Duration::from_millis(50);

type Outcome = Result<(), String>;
type Scenario = fn(TransportType) -> Outcome;

const SCENARIOS: [(&str, Scenario); 14] = [
    ("connect", connect),
    ("namespace", namespace),
    ("eager", eager),
    ("text", text),
    ("order", order),
    ("binary", binary),
    ("acks", acks),
    ("rooms", rooms),
    ("server disconnect", server_disconnect),
    ("client disconnect", client_disconnect),
    ("cut", cut),
    ("refused", refused),
    ("large", large),
    ("burst", burst),
];

fn main() {
    let tasks: Vec<Value> =
        serde_json::from_str(&setting("MATRIX_TASKS")).expect("a list of tasks");
    if let [task] = tasks.as_slice() {
        play(task);
        // Threads of the library that still look for packets would keep the process.
        std::process::exit(0);
    }
    // A process each: the library's threads spin when their connection is gone.
    let program = std::env::current_exe().expect("the path of this program");
    for task in tasks {
        let tasks = Value::Array(vec![task]).to_string();
        let status = Command::new(&program).env("MATRIX_TASKS", tasks).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "a scenario's process failed"
        );
    }
}

fn play(task: &Value) {
    let name = |key: &str| task[key].as_str().unwrap_or_default().to_owned();
    let (way, scenario) = (name("way"), name("scenario"));
    let outcome = SCENARIOS
        .iter()
        .find(|(known, _)| *known == scenario)
        .map_or_else(
            || Err("there is no such scenario".to_owned()),
            |(_, run)| run(transport(&way)),
        );
    match outcome {
        Ok(()) => println!("ok {way} {scenario}"),
        Err(error) => println!("not {way} {scenario}: {}", error.replace('\n', " ")),
    }
}

fn transport(way: &str) -> TransportType {
    match way {
        "polling" => TransportType::Polling,
        "websocket" => TransportType::Websocket,
        _ => TransportType::WebsocketUpgrade,
    }
}

fn setting(name: &str) -> String {
    var(name).unwrap_or_else(|_| panic!("{name} is not set: see matrix/run.mjs"))
}

// ---------------------------------------------------------------- scenarios

fn connect(way: TransportType) -> Outcome {
    let peer = Peer::join(way, "MATRIX_URL", "/", "", Value::Null)?;
    let who = peer.ask("whoami", vec![])?;
    let transport = who[0]["query"]["transport"].clone();
    let expected = if matches!(peer.way, TransportType::Websocket) {
        "websocket"
    } else {
        "polling"
    };
    same(
        (&who[0]["namespace"], &transport),
        (&json!("/"), &json!(expected)),
    )
}

fn namespace(way: TransportType) -> Outcome {
    let echo = Peer::join(way.clone(), "MATRIX_URL", "/echo", "", Value::Null)?;
    same(echo.ask("echo", vec![json!(1)])?, json!([1]))?;
    let auth = json!({ "token": "open sesame" });
    let admin = Peer::join(way, "MATRIX_URL", "/admin", "/?colour=blue", auth)?;
    let who = admin.ask("whoami", vec![])?;
    same(
        json!([
            who[0]["namespace"],
            who[0]["auth"]["token"],
            who[0]["query"]["colour"]
        ]),
        json!(["/admin", "open sesame", "blue"]),
    )
}

fn eager(way: TransportType) -> Outcome {
    let peer = Peer::start(way, "MATRIX_URL", "/", "", Value::Null)?;
    same(peer.ask("echo", vec![json!("before")])?, json!(["before"]))
}

fn text(way: TransportType) -> Outcome {
    let peer = Peer::join(way, "MATRIX_URL", "/", "", Value::Null)?;
    let long = "é".repeat(5000);
    for sent in [
        "",
        "plain",
        "grüße",
        "漢字 😀 \u{0} \u{2028}",
        "\"quoted\\\"",
        &long,
    ] {
        same(peer.ask("echo", vec![json!(sent)])?, json!([sent]))?;
    }
    let sent = vec![json!("漢字 😀"), json!({ "ключ": ["значение"] })];
    peer.emit("echo", sent.clone())?;
    same(peer.text("echo")?, sent)
}

fn order(way: TransportType) -> Outcome {
    let peer = Peer::join(way, "MATRIX_URL", "/", "", Value::Null)?;
    for number in 0..100 {
        peer.emit("echo", vec![json!(number)])?;
    }
    (0..100).try_for_each(|number| same(peer.text("echo")?, vec![json!(number)]))
}

/// One binary value at the top: the library takes no other.
fn binary(way: TransportType) -> Outcome {
    let peer = Peer::join(way, "MATRIX_URL", "/", "", Value::Null)?;
    for sent in [vec![0, 1, 255], vec![7; 3000]] {
        peer.client
            .emit("echo", Payload::from(sent.clone()))
            .map_err(told)?;
        match peer.next("echo")? {
            Payload::Binary(got) => same(got.to_vec(), sent)?,
            other => return Err(format!("binary was expected: {other:?}")),
        }
    }
    Ok(())
}

/// From the server only: the library cannot acknowledge.
fn acks(way: TransportType) -> Outcome {
    let peer = Peer::join(way, "MATRIX_URL", "/", "", Value::Null)?;
    let sent = vec![json!(1), json!("two"), json!([3])];
    same(peer.ask("echo", sent.clone())?, Value::Array(sent))?;
    same(peer.ask("ask", vec![json!("why?")])?, json!(["timeout"]))
}

fn rooms(way: TransportType) -> Outcome {
    let join = || Peer::join(way.clone(), "MATRIX_URL", "/", "", Value::Null);
    let (ann, bob, eve) = (join()?, join()?, join()?);
    let stamp = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .map_err(told)?
        .as_nanos();
    let room = json!(format!("room-{stamp}"));
    ann.ask("room:join", vec![room.clone()])?;
    bob.ask("room:join", vec![room.clone()])?;
    let said = vec![room.clone(), json!("to the room")];
    eve.emit("room:emit", said.clone())?;
    same(ann.text("room")?, said.clone())?;
    same(bob.text("room")?, said)?;
    bob.ask("room:leave", vec![room.clone()])?;
    ann.emit("room:emit", vec![room.clone(), json!("fewer")])?;
    same(ann.text("room")?, vec![room.clone(), json!("fewer")])?;
    ann.emit("broadcast", vec![room.clone()])?;
    same(bob.text("broadcast")?, vec![room.clone()])?;
    same(eve.text("broadcast")?, vec![room])?;
    for peer in [&ann, &bob, &eve] {
        peer.ask("echo", vec![])?;
        if let Ok((event, _)) = peer.heard.recv_timeout(BRIEF) {
            return Err(format!("{event} was not meant for this client"));
        }
    }
    Ok(())
}

fn server_disconnect(way: TransportType) -> Outcome {
    for whole in [false, true] {
        let peer = Peer::join(way.clone(), "MATRIX_URL", "/", "", Value::Null)?;
        peer.emit("disconnect-me", vec![json!(whole)])?;
        peer.next("close")?;
    }
    Ok(())
}

fn client_disconnect(way: TransportType) -> Outcome {
    let join = || Peer::join(way.clone(), "MATRIX_URL", "/", "", Value::Null);
    let peer = join()?;
    peer.client.disconnect().map_err(told)?;
    peer.next("close")?;
    same(join()?.ask("echo", vec![json!("back")])?, json!(["back"]))
}

fn cut(way: TransportType) -> Outcome {
    let peer = Peer::join(way, "MATRIX_RELAY_URL", "/", "", Value::Null)?;
    let before = peer.ask("whoami", vec![])?[0]["id"].clone();
    let url = setting("MATRIX_CUT_URL");
    let mut control = TcpStream::connect(url.trim_start_matches("http://")).map_err(told)?;
    control.write_all(b"GET / HTTP/1.0\r\n\r\n").map_err(told)?;
    let mut answer = String::new();
    control.read_to_string(&mut answer).map_err(told)?;
    peer.next("connect")?;
    let after = peer.ask("whoami", vec![])?[0]["id"].clone();
    if before == after {
        return Err("it came back as the same socket".to_owned());
    }
    same(
        peer.ask("echo", vec![json!("still here")])?,
        json!(["still here"]),
    )
}

fn refused(way: TransportType) -> Outcome {
    let auth = json!({ "token": "wrong" });
    let peer = Peer::start(way, "MATRIX_URL", "/admin", "", auth)?;
    let error = format!("{:?}", peer.next("error")?);
    if error.contains("not authorized") && error.contains("hint") {
        Ok(())
    } else {
        Err(error)
    }
}

fn large(way: TransportType) -> Outcome {
    let peer = Peer::join(way, "MATRIX_URL", "/", "", Value::Null)?;
    let sent = json!("x".repeat(1_000_000));
    let got = peer.ask("echo", vec![sent.clone()])?;
    if got == json!([sent]) {
        Ok(())
    } else {
        Err("it came back otherwise".to_owned())
    }
}

fn burst(way: TransportType) -> Outcome {
    let peer = Peer::join(way, "MATRIX_SMALL_URL", "/", "", Value::Null)?;
    let sent = |number: i32| vec![json!(number), json!("x".repeat(2000))];
    (0..100).try_for_each(|number| peer.emit("echo", sent(number)))?;
    (0..100).try_for_each(|number| same(peer.text("echo")?, sent(number)))
}

// ---------------------------------------------------------------- a client

/// A client and what it hears.
struct Peer {
    client: Client,
    heard: Receiver<(Event, Payload)>,
    way: TransportType,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.client.disconnect();
    }
}

impl Peer {
    /// Connects, and does not wait until the namespace is joined.
    fn start(
        way: TransportType,
        url: &str,
        namespace: &str,
        query: &str,
        auth: Value,
    ) -> Result<Self, String> {
        let (tell, heard) = channel();
        let listener = |event: Event| {
            let tell = tell.clone();
            move |payload: Payload, _: rust_socketio::RawClient| {
                let _ = tell.send((event.clone(), payload));
            }
        };
        let any = tell.clone();
        let mut builder = ClientBuilder::new(setting(url) + query)
            .namespace(namespace)
            .transport_type(way.clone())
            .reconnect(url == "MATRIX_RELAY_URL")
            .reconnect_delay(30, 100)
            .on(Event::Connect, listener(Event::Connect))
            .on(Event::Close, listener(Event::Close))
            .on(Event::Error, listener(Event::Error))
            .on_any(move |event, payload, _| {
                let _ = any.send((event, payload));
            });
        if !auth.is_null() {
            builder = builder.auth(auth);
        }
        let client = builder.connect().map_err(told)?;
        Ok(Self { client, heard, way })
    }

    fn join(
        way: TransportType,
        url: &str,
        namespace: &str,
        query: &str,
        auth: Value,
    ) -> Result<Self, String> {
        let peer = Self::start(way, url, namespace, query, auth)?;
        peer.next("connect")?;
        Ok(peer)
    }

    fn emit(&self, event: &str, args: Vec<Value>) -> Outcome {
        self.client.emit(event, Payload::Text(args)).map_err(told)
    }

    /// The arguments of the acknowledgement.
    fn ask(&self, event: &str, args: Vec<Value>) -> Result<Value, String> {
        let (tell, answer) = channel();
        self.client
            .emit_with_ack(event, Payload::Text(args), LIMIT, move |payload, _| {
                let _ = tell.send(payload);
            })
            .map_err(told)?;
        match answer.recv_timeout(LIMIT) {
            Ok(Payload::Text(mut values)) if !values.is_empty() => Ok(values.remove(0)),
            Ok(other) => Err(format!("an answer of text was expected: {other:?}")),
            Err(_) => Err(format!("no answer to {event}")),
        }
    }

    /// The next such event; others before it are dropped.
    fn next(&self, wanted: &str) -> Result<Payload, String> {
        let end = Instant::now() + LIMIT;
        let mut others = Vec::new();
        while let Ok((event, payload)) = self
            .heard
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            if event.as_str() == wanted {
                return Ok(payload);
            }
            others.push(format!("{event} {payload:?}"));
        }
        others.truncate(3);
        Err(format!("no {wanted:?}, but {others:.300?}"))
    }

    fn text(&self, event: &str) -> Result<Vec<Value>, String> {
        match self.next(event)? {
            Payload::Text(values) => Ok(values),
            other => Err(format!("text was expected: {other:?}")),
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(got: T, expected: T) -> Outcome {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{got:?} is not {expected:?}")
            .chars()
            .take(300)
            .collect())
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
