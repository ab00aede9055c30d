//! What a session has received: sockets, their messages, answers. Written by the thread that reads, looked
//! at by those who wait. It does no I/O.

use crate::args::put_in;
use crate::limits::{ATTACHMENTS_MAX, INBOX_MAX};
use crate::packet::{Kind, Packet};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Answers messages of one event by itself.
pub(crate) type Answerer = Box<dyn Fn(&[Value]) -> Vec<Value> + Send>;

/// Everything.
#[derive(Default)]
pub(crate) struct State {
    sockets: BTreeMap<String, SocketState>,
    /// Why the session is over.
    ended: Option<String>,
    /// A packet that waits for its binary values, and those that have come.
    partial: Option<(Packet, Vec<Vec<u8>>)>,
}

/// One socket of the session.
pub(crate) struct SocketState {
    pub(crate) phase: Phase,
    /// The public id; empty before it is connected.
    pub(crate) id: String,
    pub(crate) inbox: VecDeque<Event>,
    pub(crate) answers: BTreeMap<u64, Vec<Value>>,
    pub(crate) answerers: BTreeMap<String, Answerer>,
    pub(crate) asked: u64,
    /// The private id, which outlives the connection; given by servers that recover clients.
    pub(crate) pid: Option<String>,
    /// The last argument of the last event, if it is text: what recovery calls the offset.
    pub(crate) offset: Option<String>,
}

/// How far a socket is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Phase {
    Connecting,
    Connected,
    Refused {
        message: String,
        data: Option<Value>,
    },
    Gone(String),
}

/// A message that has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) args: Vec<Value>,
    pub(crate) ack: Option<u64>,
}

impl State {
    /// A socket that is about to join. False when there is one already.
    pub(crate) fn add(&mut self, namespace: &str) -> bool {
        let is_there = self
            .sockets
            .get(namespace)
            .is_some_and(|socket| !matches!(socket.phase, Phase::Gone(_)));
        if is_there || self.ended.is_some() {
            return false;
        }
        let socket = SocketState {
            phase: Phase::Connecting,
            id: String::new(),
            inbox: VecDeque::new(),
            answers: BTreeMap::new(),
            answerers: BTreeMap::new(),
            asked: 0,
            pid: None,
            offset: None,
        };
        self.sockets.insert(namespace.to_owned(), socket);
        true
    }

    pub(crate) fn remove(&mut self, namespace: &str) {
        self.sockets.remove(namespace);
    }

    pub(crate) fn socket(&mut self, namespace: &str) -> Option<&mut SocketState> {
        self.sockets.get_mut(namespace)
    }

    pub(crate) fn depart(&mut self, namespace: &str, reason: &str) {
        if let Some(socket) = self.sockets.get_mut(namespace)
            && !matches!(socket.phase, Phase::Gone(_))
        {
            socket.phase = Phase::Gone(reason.to_owned());
        }
    }

    /// The session is over, and with it all its sockets. The first reason counts.
    pub(crate) fn end(&mut self, reason: &str) {
        let reason = self.ended.get_or_insert_with(|| reason.to_owned()).clone();
        let namespaces: Vec<_> = self.sockets.keys().cloned().collect();
        namespaces
            .iter()
            .for_each(|namespace| self.depart(namespace, &reason));
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Takes a message's text, and gives the packets to answer with.
    pub(crate) fn take_text(&mut self, text: &str) -> Result<Vec<Packet>, String> {
        let packet =
            Packet::decode(text).ok_or_else(|| format!("parse error: the packet {text:?}"))?;
        if self.partial.is_some() {
            return Err(format!(
                "parse error: {text:?} where binary values were announced"
            ));
        }
        if packet.attachments > ATTACHMENTS_MAX {
            return Err(format!("parse error: {} binary values", packet.attachments));
        }
        if packet.attachments > 0 {
            self.partial = Some((packet, Vec::new()));
            return Ok(Vec::new());
        }
        self.take(packet, &[])
    }

    /// Takes a binary value.
    pub(crate) fn take_binary(&mut self, bytes: Vec<u8>) -> Result<Vec<Packet>, String> {
        let Some((packet, mut attachments)) = self.partial.take() else {
            return Err("parse error: a binary value that was not announced".to_owned());
        };
        attachments.push(bytes);
        if attachments.len() < packet.attachments {
            self.partial = Some((packet, attachments));
            return Ok(Vec::new());
        }
        self.take(packet, &attachments)
    }

    fn take(&mut self, packet: Packet, attachments: &[Vec<u8>]) -> Result<Vec<Packet>, String> {
        let Packet {
            kind,
            namespace,
            id,
            data,
            ..
        } = packet;
        let wrong = |what: &str| format!("parse error: {what} for {namespace}");
        let data = match data {
            Some(data) => put_in(data, attachments).ok_or_else(|| wrong("placeholders"))?,
            None => Value::Null,
        };
        let Some(socket) = self.sockets.get_mut(&namespace) else {
            return Err(wrong("something"));
        };
        match kind {
            Kind::Connect => {
                let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
                socket.id = text("sid").ok_or_else(|| wrong("CONNECT without sid"))?;
                socket.pid = text("pid");
                socket.phase = Phase::Connected;
            }
            Kind::Refused => {
                let message = data.get("message").and_then(Value::as_str);
                socket.phase = Phase::Refused {
                    message: message.unwrap_or_default().to_owned(),
                    data: data.get("data").cloned(),
                };
            }
            Kind::Disconnect => self.depart(&namespace, "io server disconnect"),
            Kind::Ack => {
                let (Some(id), Value::Array(args)) = (id, data) else {
                    return Err(wrong("an acknowledgement without number or arguments"));
                };
                socket.answers.insert(id, args);
            }
            Kind::Event => {
                let Value::Array(mut args) = data else {
                    return Err(wrong("an event without arguments"));
                };
                if args.is_empty() {
                    return Err(wrong("an event without a name"));
                }
                let name = match args.remove(0) {
                    Value::String(name) => name,
                    other => other.to_string(),
                };
                if let Some(Value::String(last)) = args.last() {
                    socket.offset = Some(last.clone());
                }
                if let (Some(answerer), Some(id)) = (socket.answerers.get(&name), id) {
                    let answer = Value::Array(answerer(&args));
                    return Ok(vec![
                        Packet::new(Kind::Ack, &namespace).with(Some(id), answer),
                    ]);
                }
                if socket.inbox.len() >= INBOX_MAX {
                    return Err("too many messages".to_owned());
                }
                socket.inbox.push_back(Event {
                    name,
                    args,
                    ack: id,
                });
            }
        }
        Ok(Vec::new())
    }
}
