//! An app guest that sends the requests its clients ask for: `["fetch", token, {…}]` is answered by
//! `["fetched", token, status, headers, body]` or `["failed", token, reason]`. `trap` crashes it, `strangers`
//! tells how many answers came that it had not asked for. Used
//! by `tests/outgoing.rs` only.

wit_bindgen::generate!({ path: "../../../wit", world: "app" });

use exports::holdfast::edge::app_guest::{
    Command, Context, Fetched, Guest, Happening, OutgoingRequest,
};
use exports::holdfast::edge::types::{
    Act, AppEvent, Connecting, Delivery, Emission, Header, Manifest, Order, Payload,
};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;

/// Bodies longer than this are told by their length.
const SHOWN_BYTES_MAX: usize = 1000;

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::default();
}

#[derive(Default)]
struct Instance {
    /// Who asked for which answer.
    asked: HashMap<u64, u64>,
    strangers: u64,
}

struct Fetching;

impl Guest for Fetching {
    fn start(_context: Context) -> Result<Manifest, String> {
        Ok(Manifest {
            name: "fetching".to_owned(),
            version: "1".to_owned(),
            namespaces: vec!["/".to_owned()],
            dynamic: false,
            judges_handshakes: false,
            decides_cors: false,
            hears_denials: false,
            hears_rooms: false,
            settings: Vec::new(),
        })
    }

    fn handle(_now_ms: u64, happened: Vec<Happening>) -> Vec<Command> {
        happened.into_iter().flat_map(answer).collect()
    }
}

fn answer(happening: Happening) -> Vec<Command> {
    match happening {
        Happening::Event(AppEvent::Connecting(Connecting { info, .. })) => {
            vec![order(info.socket, Act::Admit)]
        }
        Happening::Event(AppEvent::Resumed(resumed)) => {
            vec![emit(resumed.info.socket, &json!(["resumed"]))]
        }
        Happening::Event(AppEvent::Message(message)) => {
            let said: Value = serde_json::from_str(&message.payload.json).expect("JSON");
            match said[0].as_str() {
                Some("fetch") => vec![fetch(message.socket, &said)],
                Some("trap") => panic!("told to"),
                Some("strangers") => {
                    let strangers = INSTANCE.with_borrow(|own| own.strangers);
                    vec![emit(message.socket, &json!(["strangers", strangers]))]
                }
                _ => vec![emit(message.socket, &said)],
            }
        }
        Happening::Fetched(fetched) => told(fetched),
        _ => Vec::new(),
    }
}

/// The request that a client asked for.
fn fetch(socket: u64, said: &Value) -> Command {
    let token = said[1].as_u64().expect("a token");
    let wish = &said[2];
    INSTANCE.with_borrow_mut(|own| own.asked.insert(token, socket));
    let headers = wish["headers"].as_array().into_iter().flatten();
    Command::Fetch(OutgoingRequest {
        token,
        method: wish["method"].as_str().unwrap_or("GET").to_owned(),
        url: wish["url"].as_str().expect("a URL").to_owned(),
        headers: headers
            .map(|line| Header {
                name: line[0].as_str().expect("a name").to_owned(),
                value: line[1].as_str().expect("a value").to_owned(),
            })
            .collect(),
        body: match &wish["body"] {
            Value::String(text) => text.clone().into_bytes(),
            Value::Number(length) => {
                vec![b'x'; length.as_u64().expect("a length") as usize]
            }
            _ => Vec::new(),
        },
        timeout_ms: wish["timeout"].as_u64().unwrap_or(20_000) as u32,
    })
}

/// Tells whoever asked.
fn told(fetched: Fetched) -> Vec<Command> {
    let token = fetched.token;
    let Some(socket) = INSTANCE.with_borrow_mut(|own| own.asked.remove(&token)) else {
        INSTANCE.with_borrow_mut(|own| own.strangers += 1);
        return Vec::new();
    };
    let text = match fetched.outcome {
        Ok(response) => {
            let headers: Vec<_> = response
                .headers
                .iter()
                .map(|header| json!([header.name, header.value]))
                .collect();
            let body = if response.body.len() > SHOWN_BYTES_MAX {
                json!(response.body.len())
            } else {
                json!(String::from_utf8_lossy(&response.body))
            };
            json!(["fetched", token, response.status, headers, body])
        }
        Err(reason) => json!(["failed", token, reason]),
    };
    vec![emit(socket, &text)]
}

fn order(socket: u64, act: Act) -> Command {
    Command::Order(Order {
        socket: Some(socket),
        act,
    })
}

fn emit(socket: u64, json: &Value) -> Command {
    let payload = Payload {
        json: json.to_string(),
        attachments: Vec::new(),
    };
    order(
        socket,
        Act::Emit(Emission {
            payload,
            delivery: Delivery::empty(),
            ack: None,
        }),
    )
}

#[cfg(target_family = "wasm")]
export!(Fetching);
