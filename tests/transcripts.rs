//! Conversations with the protocol guest, one file a chapter of the specification. Each line that
//! begins with `>` is something that happens, each with `<` something that the guest has decided,
//! in order. `HOLDFAST_BLESS=1` writes what is decided now into the files.
//!
//! | line | is |
//! |---|---|
//! | `= name` | a new conversation; `key=value` after the name are settings |
//! | `> GET 1 URL name: value \| name: value` | connection 1 is an exchange with this method |
//! | `> UPGRADE 2 URL` | connection 2 wants to become a WebSocket |
//! | `> body 1 4hello␞4you`, `> body 1 too-long` | the body of a POST; `␞` is U+001E |
//! | `> octets 1 0001ff32` | the body of a POST, in hexadecimal digits; an answer of bytes is `0x` and those |
//! | `> text 2 4hello`, `> bytes 2 01ff` | a frame |
//! | `> closed 1 peer` | a connection ends: peer, failed, invalid, too-long, slow |
//! | `> +25000` | so many milliseconds pass |
//! | `> app 0 serves / /admin dynamic judges shares hears-denials rooms place=1` | an app is there |
//! | `> app 0 judge 1 initial=x-a:b headers=x-c:d`, `> app 0 judge 1 no` | it lets a session open, or not |
//! | `> app 0 share 1 {"origin":true}`, `> app 0 share 1` | it decides on CORS, or fails |
//! | `> app 0 gone`, `> app 0 lost connecting 1.0` | it is not; it crashed over an event |
//! | `> app 0 admit 1.0` | an order; `1.0` is the socket of session 1 in slot 0; `by=2` says which instance gives it |
//! | `> overflowed 1`, `> stopping` | as in the contract |
//!
//! `$1` is the session id given to connection 1, `@1.0` the public id of a socket, `%1` the first
//! secret with which a client comes back. `save` and `wake-at`
//! are not shown: that nothing is missing in them, `shadowing` checks in every step.

use crate::support::protocol::{Effect, Host, manifest, request, sid};
use holdfast_protocol::Protocol;
use holdfast_protocol::contract::{
    Act, AppEvent, Audience, AudienceDisconnect, AudienceRooms, Body, Broadcast, Cause, Connecting,
    Delivery, Emission, Event, Find, Frame, Header, Judgement, Lost, Order, Payload, Refusal,
    Reply, ReturnAddress, Serve, ServeReply, Share, Transport,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;

struct Conversation {
    host: Host<Protocol>,
    ids: BTreeMap<String, String>,
    events: Vec<AppEvent>,
    /// How many secrets have been seen.
    pids: u32,
}

fn socket(text: &str) -> u64 {
    let (session, slot) = text.split_once('.').expect("a socket such as 1.0");
    session.parse::<u64>().unwrap() << 16 | slot.parse::<u64>().unwrap()
}

fn socket_name(number: u64) -> String {
    format!("{}.{}", number >> 16, number & 0xffff)
}

fn list(text: &str) -> Vec<String> {
    if text.is_empty() {
        Vec::new()
    } else {
        text.split(',').map(str::to_owned).collect()
    }
}

fn payload(json: &str, attachments: Option<&str>) -> Payload {
    let attachments = attachments
        .map(|all| all.split(',').map(unhex).collect())
        .unwrap_or_default();
    Payload {
        json: json.to_owned(),
        attachments,
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Conversation {
    fn new(title: &str) -> Self {
        let settings: Vec<(&str, &str)> = title
            .split(' ')
            .filter_map(|word| word.split_once('='))
            .collect();
        let mut host = Host::new(Protocol::new, &settings);
        host.shadowing = true;
        Conversation {
            host,
            ids: BTreeMap::new(),
            events: Vec::new(),
            pids: 0,
        }
    }

    fn happen(&mut self, line: &str) -> Vec<String> {
        let mut line = line.replace('␞', "\u{1e}");
        for connection in (1..20).rev() {
            line = line.replace(&format!("${connection}"), &sid(connection));
        }
        for (id, name) in &self.ids {
            line = line.replace(name, id);
        }
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let (first, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let effects = if let Some(ms) = word.strip_prefix('+') {
            let to_ms = self.host.now_ms + ms.parse::<u64>().unwrap();
            self.host.advance(to_ms)
        } else {
            let number = || {
                first
                    .parse::<u64>()
                    .unwrap_or_else(|_| panic!("a number in {line}"))
            };
            match word {
                "body" if rest == "too-long" => self.host.body(number(), Body::TooLong),
                "body" => self
                    .host
                    .body(number(), Body::Whole(rest.as_bytes().to_vec())),
                "octets" => self.host.body(number(), Body::Whole(unhex(rest))),
                "text" => self.host.frame(number(), Frame::Text(rest.to_owned())),
                "bytes" => self.host.frame(number(), Frame::Binary(unhex(rest))),
                "closed" => self.host.closed(number(), cause(rest)),
                "overflowed" => self.host.turn(vec![Event::Overflowed(number())]),
                "stopping" => self.host.turn(vec![Event::Stopping]),
                "app" => self.app(first.parse().unwrap(), rest),
                method => {
                    let (url, header) = rest.split_once(' ').unwrap_or((rest, ""));
                    let headers: Vec<(&str, &str)> = header
                        .split(" | ")
                        .filter_map(|header| header.split_once(": "))
                        .collect();
                    let (transport, method) = match method {
                        "UPGRADE" => (Transport::Websocket, "GET"),
                        "STREAM" => (Transport::ByteStream, "CONNECT"),
                        method => (Transport::Exchange, method),
                    };
                    self.host
                        .request(request(number(), transport, method, url, &headers))
                }
            }
        };
        effects
            .into_iter()
            .filter_map(|effect| self.show(effect))
            .collect()
    }

    fn app(&mut self, app: u32, line: &str) -> Vec<Effect> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split(' ').collect();
        let option = |key: &str| {
            words
                .iter()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let has = |flag: &str| words.contains(&flag);
        let nth = |at: usize| words.get(at).copied().unwrap_or_default();
        let delivery = if has("volatile") {
            Delivery::VOLATILE
        } else {
            Delivery::empty()
        };
        let ack = option("ack").map(|ack| ack.parse().unwrap());
        let audience = || Audience {
            namespace: nth(0).to_owned(),
            rooms: list(option("to").unwrap_or_default()),
            except: list(option("except").unwrap_or_default()),
        };
        let to_socket = |act| Order {
            socket: Some(socket(nth(0))),
            act,
        };
        let to_all = |act| Order { socket: None, act };
        let order = match word {
            "serves" => {
                let namespaces: Vec<&str> = words
                    .iter()
                    .copied()
                    .filter(|word| word.starts_with('/'))
                    .collect();
                if let Some(place) = option("place") {
                    self.host.places.insert(app, place.parse().unwrap());
                }
                let mut manifest = manifest(&namespaces, has("dynamic"), has("judges"));
                manifest.decides_cors = has("shares");
                manifest.hears_denials = has("hears-denials");
                manifest.hears_rooms = has("rooms");
                return self.host.load(app, manifest);
            }
            "gone" => return self.host.unload(app),
            "lost" => {
                let event = self
                    .events
                    .iter()
                    .rev()
                    .find(|event| event_name(event) == nth(0))
                    .cloned();
                let event = event.expect("an event of this kind went to an app");
                return self.host.turn(vec![Event::Lost(Lost { app, event })]);
            }
            "admit" => to_socket(Act::Admit),
            "refuse" => to_socket(Act::Refuse(Refusal {
                message: nth(1).to_owned(),
                data: option("data").map(str::to_owned),
            })),
            "emit" => to_socket(Act::Emit(Emission {
                payload: payload(nth(1), option("bytes")),
                delivery,
                ack,
            })),
            "reply" => to_socket(Act::Reply(Reply {
                ack: nth(1).parse().unwrap(),
                payload: payload(nth(2), option("bytes")),
            })),
            "join" => to_socket(Act::Join(list(nth(1)))),
            "leave" => to_socket(Act::Leave(list(nth(1)))),
            "disconnect" => to_socket(Act::Disconnect(has("session"))),
            "data" => to_socket(Act::SetData(nth(1).to_owned())),
            "broadcast" => to_all(Act::Broadcast(Broadcast {
                to: audience(),
                payload: payload(nth(1), option("bytes")),
                delivery,
                ack,
            })),
            "audience-join" => to_all(Act::AudienceJoin(AudienceRooms {
                to: audience(),
                rooms: list(nth(1)),
                local: has("local"),
            })),
            "audience-leave" => to_all(Act::AudienceLeave(AudienceRooms {
                to: audience(),
                rooms: list(nth(1)),
                local: has("local"),
            })),
            "audience-disconnect" => to_all(Act::AudienceDisconnect(AudienceDisconnect {
                to: audience(),
                close: has("session"),
                local: has("local"),
            })),
            "find" => to_all(Act::Find(Find {
                token: 7,
                to: audience(),
                local: has("local"),
            })),
            "judge" => {
                let headers = |key: &str| {
                    let pairs = list(option(key).unwrap_or_default()).into_iter();
                    let pairs = pairs.filter_map(|pair| {
                        let (name, value) = pair.split_once(':')?;
                        Some((name.to_owned(), value.to_owned()))
                    });
                    pairs.map(|(name, value)| Header { name, value }).collect()
                };
                to_all(Act::Judge(Judgement {
                    token: nth(0).parse().unwrap(),
                    refusal: words
                        .get(1)
                        .filter(|word| !word.contains('='))
                        .map(|word| (*word).to_owned()),
                    initial_headers: headers("initial"),
                    headers: headers("headers"),
                }))
            }
            "share" => {
                let (token, json) = rest.split_once(' ').unwrap_or((rest, ""));
                let outcome = match json {
                    "" => Err("no".to_owned()),
                    json => Ok(json.to_owned()),
                };
                to_all(Act::Share(Share {
                    token: token.parse().unwrap(),
                    outcome,
                }))
            }
            "serve" => to_all(Act::Serve(Serve {
                namespace: nth(0).to_owned(),
                payload: payload(nth(1), None),
                reply: option("reply").map(|token| token.parse().unwrap()),
            })),
            "serve-reply" => to_all(Act::ServeReply(ServeReply {
                to: ReturnAddress {
                    place: nth(0).parse().unwrap(),
                    token: nth(1).parse().unwrap(),
                },
                payload: payload(nth(2), None),
            })),
            other => panic!("no such order: {other}"),
        };
        let by = option("by").map_or(0, |place| place.parse().unwrap());
        self.host.command_from(app, by, vec![order])
    }

    fn show(&mut self, effect: Effect) -> Option<String> {
        let line = match effect {
            Effect::Respond {
                connection,
                status,
                headers,
                body,
                compress,
                last,
            } => {
                let mut line = format!("respond {connection} {status}{}", show_headers(&headers));
                if compress {
                    line.push_str(" compress");
                }
                if last {
                    line.push_str(" last");
                }
                let octets = line.contains("octet-stream");
                let body = if octets {
                    format!("0x{}", hex(&body))
                } else {
                    String::from_utf8(body).expect("text")
                };
                format!("{line} {body}")
            }
            Effect::Accept {
                connection,
                headers,
                deflate,
            } => {
                let mut line = format!("accept {connection}{}", show_headers(&headers));
                if let Some(deflate) = deflate {
                    let (threshold, level) = (deflate.threshold, deflate.level);
                    write!(line, " deflate {threshold} {level} {}", deflate.window_bits).unwrap();
                }
                line
            }
            Effect::HandOut {
                connection,
                name,
                headers,
            } => format!("hand-out {connection} {name}{}", show_headers(&headers)),
            Effect::Collect {
                connection,
                bytes_max,
            } => format!("collect {connection} {bytes_max}"),
            Effect::Frame { connection, frame } => {
                self.learn_pid(&frame);
                format!("frame {connection} {}", frame_text(&frame))
            }
            Effect::Waits { session, frame } => {
                self.learn_pid(&frame);
                format!("waits {session} {}", frame_text(&frame))
            }
            Effect::Close(connection) => format!("close {connection}"),
            Effect::Attach {
                session,
                connection,
            } => format!("attach {session} {connection}"),
            Effect::Drain(session) => format!("drain {session}"),
            Effect::Forget(session) => format!("forget {session}"),
            Effect::Log(text) => format!("log {text}"),
            Effect::App { app, place, event } => {
                let place = place.map(|place| format!("@{place}")).unwrap_or_default();
                let line = format!("app {app}{place} {}", self.show_event(&event));
                self.events.push(event);
                line
            }
            Effect::Published(message) => {
                format!("publish {} {} bytes", message.channel, message.bytes.len())
            }
            Effect::WakeAt(_) => return None,
        };
        let mut line = line.replace('\u{1e}', "␞");
        for (id, name) in &self.ids {
            line = line.replace(id, name);
        }
        Some(line.trim_end().to_owned())
    }

    /// The secrets in CONNECT packets are `%1`, `%2` and so on.
    fn learn_pid(&mut self, frame: &Frame) {
        if let Frame::Text(text) = frame
            && text.starts_with("40")
            && let Some((_, pid)) = text.split_once("\"pid\":\"")
            && let Some(pid) = pid.get(..20)
            && !self.ids.contains_key(pid)
        {
            self.pids += 1;
            self.ids.insert(pid.to_owned(), format!("%{}", self.pids));
        }
    }

    fn show_event(&mut self, event: &AppEvent) -> String {
        match event {
            AppEvent::Connecting(Connecting { info, recovered }) => {
                let name = socket_name(info.socket);
                let id = self.ids.entry(info.id.clone());
                let id = id.or_insert_with(|| format!("@{name}"));
                assert_eq!(info.recovered, recovered.is_some());
                let recovered = recovered.as_ref().map(|recovered| {
                    let rooms = recovered.rooms.join(",");
                    let skip = if recovered.skip_middlewares {
                        " skip"
                    } else {
                        ""
                    };
                    format!(" recovered {id} [{rooms}] {}{skip}", recovered.data)
                });
                format!(
                    "connecting {name} {} {}{}",
                    info.namespace,
                    info.handshake.auth,
                    recovered.unwrap_or_default()
                )
            }
            AppEvent::Resumed(resumed) => format!("resumed {}", show_resumed(resumed)),
            AppEvent::Message(message) => {
                let ack = message
                    .ack
                    .map(|ack| format!(" ack={ack}"))
                    .unwrap_or_default();
                format!(
                    "message {}{ack} {}",
                    socket_name(message.socket),
                    show_payload(&message.payload)
                )
            }
            AppEvent::Acked(acked) => {
                format!(
                    "acked {} {} {}",
                    socket_name(acked.socket),
                    acked.ack,
                    show_payload(&acked.payload)
                )
            }
            AppEvent::Counted(counted) => format!("counted {} {}", counted.ack, counted.receivers),
            AppEvent::Disconnected(departed) => {
                let name = socket_name(departed.socket);
                format!(
                    "disconnected {name} {} [{}]",
                    departed.reason,
                    departed.rooms.join(",")
                )
            }
            AppEvent::Found(found) => {
                let sockets: Vec<String> = found.sockets.iter().map(show_resumed).collect();
                format!("found {} {}", found.token, sockets.join("; "))
            }
            AppEvent::Sharing(judging) => format!("sharing {}", judging.token),
            AppEvent::Denied(denied) => format!(
                "denied {} {} {}",
                denied.code, denied.message, denied.context
            ),
            AppEvent::Room(room) => format!(
                "room {:?} {} {} {}",
                room.change,
                room.namespace,
                room.room,
                room.socket
                    .as_ref()
                    .map_or_else(String::new, |(number, _)| socket_name(*number))
            ),
            AppEvent::Judging(judging) => {
                format!("judging {} {}", judging.token, judging.handshake.url)
            }
            AppEvent::Served(served) => format!(
                "served {} {}{}",
                served.namespace,
                show_payload(&served.payload),
                served.reply.map_or_else(String::new, |to| format!(
                    " reply={}@{}",
                    to.token, to.place
                ))
            ),
            AppEvent::Answered(answered) => {
                format!(
                    "answered {} {}",
                    answered.token,
                    show_payload(&answered.payload)
                )
            }
        }
    }
}

fn show_headers(headers: &[Header]) -> String {
    headers
        .iter()
        .map(|header| format!(" [{}: {}]", header.name, header.value))
        .collect()
}

fn show_resumed(resumed: &holdfast_protocol::contract::Resumed) -> String {
    let name = socket_name(resumed.info.socket);
    format!(
        "{name} {} [{}] {}",
        resumed.info.namespace,
        resumed.rooms.join(","),
        resumed.data
    )
}

fn show_payload(payload: &Payload) -> String {
    let mut text = payload.json.clone();
    for attachment in &payload.attachments {
        write!(text, " 0x{}", hex(attachment)).unwrap();
    }
    text
}

fn frame_text(frame: &Frame) -> String {
    match frame {
        Frame::Text(text) => text.clone(),
        Frame::Binary(bytes) => format!("0x{}", hex(bytes)),
    }
}

fn event_name(event: &AppEvent) -> &'static str {
    match event {
        AppEvent::Connecting(_) => "connecting",
        AppEvent::Resumed(_) => "resumed",
        AppEvent::Judging(_) => "judging",
        AppEvent::Sharing(_) => "sharing",
        AppEvent::Message(_) => "message",
        _ => "other",
    }
}

fn cause(word: &str) -> Cause {
    match word {
        "peer" => Cause::Peer,
        "failed" => Cause::Failed,
        "invalid" => Cause::Invalid,
        "too-long" => Cause::TooLong,
        "slow" => Cause::Slow,
        other => panic!("no such cause: {other}"),
    }
}

/// Plays a file and gives it as it ought to be.
fn play(text: &str) -> String {
    let mut conversation = None;
    let mut played = String::new();
    for line in text.lines() {
        if line.starts_with('<') {
            continue;
        }
        played.push_str(line);
        played.push('\n');
        if let Some(title) = line.strip_prefix("= ") {
            conversation = Some(Conversation::new(title));
        } else if let Some(line) = line.strip_prefix("> ") {
            let conversation = conversation
                .as_mut()
                .expect("a conversation begins with `= name`");
            for decided in conversation.happen(line) {
                writeln!(played, "< {decided}").unwrap();
            }
        }
    }
    played
}

#[test]
fn transcripts_hold() {
    let folder = std::env::var("HOLDFAST_TRANSCRIPTS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts").to_owned());
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut wrong = String::new();
    let mut count = 0;
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "txt"))
    {
        let expected = std::fs::read_to_string(file).unwrap();
        let played = play(&expected);
        count += 1;
        if std::env::var_os("HOLDFAST_BLESS").is_some() {
            std::fs::write(file, played).unwrap();
            continue;
        }
        for (number, (expected, played)) in expected.lines().zip(played.lines()).enumerate() {
            if expected != played {
                writeln!(
                    wrong,
                    "{}:{}\n  expected {expected}\n  decided  {played}",
                    file.display(),
                    number + 1
                )
                .unwrap();
                break;
            }
        }
        if expected.lines().count() != played.lines().count() && wrong.is_empty() {
            writeln!(wrong, "{}: a line more or less at the end", file.display()).unwrap();
        }
    }
    assert!(count > 0, "no transcripts in {folder}");
    assert!(wrong.is_empty(), "\n{wrong}");
}
