//! Scripts, driven as the host drives them, natively.

use crate::Engine;
use crate::bindings::app_guest::{Command, Context, Happening};
use crate::bindings::types::{
    Acknowledged, Act, AppEvent, Connecting, Departed, Handshake, Incoming, Level, Manifest,
    Payload, SocketInfo,
};

mod environment;
mod faults;
mod scripts;

/// A script at work.
struct App {
    engine: Engine,
    manifest: Manifest,
    now_ms: u64,
}

fn context(script: &str) -> Context {
    Context {
        name: "test".to_owned(),
        env: vec![("GREETING".to_owned(), "hello".to_owned())],
        script: Some(script.to_owned()),
        shards: 1,
        instances: 1,
        place: 0,
        first_ack: 1,
        seed_low: 1,
        seed_high: 2,
        now_ms: 1_000_000,
        deadline_ms: 200,
        memory_bytes_max: 64 << 20,
    }
}

fn start(script: &str) -> App {
    let engine = Engine::prepare().unwrap_or_else(|error| panic!("{error}"));
    let manifest = engine
        .start(context(script))
        .unwrap_or_else(|error| panic!("{error}"));
    App {
        engine,
        manifest,
        now_ms: 1_000_000,
    }
}

fn refusal(script: &str) -> String {
    let engine = Engine::prepare().unwrap_or_else(|error| panic!("{error}"));
    match engine.start(context(script)) {
        Ok(_) => panic!("it starts"),
        Err(error) => error,
    }
}

impl App {
    fn turn(&mut self, happened: Vec<Happening>) -> Vec<Command> {
        self.now_ms += 1;
        self.engine.handle(self.now_ms, happened)
    }

    fn event(&mut self, event: AppEvent) -> Vec<Command> {
        self.turn(vec![Happening::Event(event)])
    }

    fn connect(&mut self, socket: u64) -> Vec<Command> {
        self.event(AppEvent::Connecting(Connecting {
            info: SocketInfo {
                socket,
                id: format!("id-of-{socket}"),
                namespace: "/".to_owned(),
                handshake: handshake(),
                recovered: false,
            },
            recovered: None,
        }))
    }

    fn send(&mut self, socket: u64, json: &str, ack: Option<u64>) -> Vec<Command> {
        self.event(message(socket, json, ack))
    }

    fn leave(&mut self, socket: u64) -> Vec<Command> {
        self.event(AppEvent::Disconnected(Departed {
            socket,
            reason: "transport close".to_owned(),
            rooms: vec![format!("id-of-{socket}")],
        }))
    }
}

fn handshake() -> Handshake {
    Handshake {
        headers: Vec::new(),
        query: Vec::new(),
        url: "/socket.io/?EIO=4&transport=websocket".to_owned(),
        address: "127.0.0.1".to_owned(),
        secure: false,
        cross_domain: false,
        issued_ms: 999_999,
        auth: "{\"token\":\"t\"}".to_owned(),
    }
}

fn message(socket: u64, json: &str, ack: Option<u64>) -> AppEvent {
    let payload = Payload {
        json: json.to_owned(),
        attachments: Vec::new(),
    };
    AppEvent::Message(Incoming {
        socket,
        payload,
        ack,
    })
}

fn acked(socket: u64, ack: u64, json: &str) -> AppEvent {
    let payload = Payload {
        json: json.to_owned(),
        attachments: Vec::new(),
    };
    AppEvent::Acked(Acknowledged {
        socket,
        ack,
        payload,
    })
}

/// What was sent, as JSON texts: emissions to sockets, replies and broadcasts.
fn sent(commands: &[Command]) -> Vec<String> {
    let texts = commands.iter().filter_map(|command| match command {
        Command::Order(order) => match &order.act {
            Act::Emit(emission) => Some(emission.payload.json.clone()),
            Act::Reply(reply) => Some(format!("ack {} {}", reply.ack, reply.payload.json)),
            Act::Broadcast(broadcast) => Some(format!("all {}", broadcast.payload.json)),
            _ => None,
        },
        _ => None,
    });
    texts.collect()
}

/// The log lines, of this level.
fn logged(commands: &[Command], level: Level) -> Vec<String> {
    let lines = commands.iter().filter_map(|command| match command {
        Command::Log(line) if line.level == level => Some(line.text.clone()),
        _ => None,
    });
    lines.collect()
}
