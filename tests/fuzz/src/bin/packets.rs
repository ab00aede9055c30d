//! Fuzz target: the bytes of a peer, of a request and of a blob, against a protocol guest with one
//! WebSocket session, one polling session and an app that admits everyone. Started by `run.sh`.
//!
//! The first byte says what the others are. Pieces are separated by the byte FF.

#![no_main]

use holdfast_fuzz::checked::{Checked, bytes_max};
use holdfast_fuzz::support::guest::Guest;
use holdfast_fuzz::support::protocol::{Effect, Host, happened, manifest, request, sid};
use holdfast_protocol::Protocol;
use holdfast_protocol::contract::{
    Act, AppEvent, Audience, Body, Broadcast, Cause, Closed, Connecting, Delivery, Drained, Event,
    Frame, FrameKind, Header, Note, Order, Published, ReceivedFrame, Reply, SavedSession, Setting,
    Transport,
};
use libfuzzer_sys::fuzz_target;

const WEBSOCKET: u64 = 1;
const POLLING: u64 = 2;
const NEW: u64 = 9;

fuzz_target!(|input: &[u8]| {
    let Some((what, rest)) = input.split_first() else {
        return;
    };
    let pieces: Vec<&[u8]> = rest.split(|byte| *byte == 0xff).collect();
    let mut host = joined(input);
    match what {
        b't' => texts(&mut host, &pieces),
        b'b' => binaries(&mut host, &pieces),
        b'p' => posts(&mut host, &pieces),
        b'u' => url(&mut host, Transport::Exchange, &pieces),
        b'U' => url(&mut host, Transport::Websocket, &pieces),
        b's' => blob(&host, NEW, rest.to_vec()),
        b'e' => edited(&host, WEBSOCKET, rest),
        b'E' => edited(&host, POLLING, rest),
        b'k' => setting(&pieces),
        b'm' => messages(input, &pieces),
        b'3' => old_posts(input, "text/plain;charset=UTF-8", &pieces),
        b'o' => old_posts(input, "application/octet-stream", &pieces),
        b'j' => old_posts(input, "application/x-www-form-urlencoded", &pieces),
        b'f' => old_frames(input, &pieces),
        b'n' => notes(input, &pieces),
        b'c' => channel(input, &pieces),
        _ => return,
    }
    let kept: usize = host.records.values().map(|record| record.blob.len()).sum();
    assert!(kept <= bytes_max(input), "{kept} bytes are remembered");
});

/// Two sessions, each in the main namespace.
fn joined(input: &[u8]) -> Host<Checked> {
    let mut host = Host::new(Checked::new, &[]);
    host.guest.bytes_max = bytes_max(input);
    host.load(0, manifest(&["/"], true, false));
    let url = |kind: &str| format!("/socket.io/?EIO=4&transport={kind}");
    host.request(request(
        WEBSOCKET,
        Transport::Websocket,
        "GET",
        &url("websocket"),
        &[("host", "x")],
    ));
    let effects = host.frame(WEBSOCKET, Frame::Text("40".to_owned()));
    answer(&mut host, effects);
    host.request(request(
        POLLING,
        Transport::Exchange,
        "GET",
        &url("polling"),
        &[("host", "x")],
    ));
    let joining = [b"40".as_slice()];
    posts(&mut host, &joining);
    host
}

/// A host whose guest has these settings, and no session.
fn set(input: &[u8], settings: &[(&str, &str)]) -> Host<Checked> {
    let mut host = Host::new(Checked::new, settings);
    host.guest.bytes_max = bytes_max(input);
    host.load(0, manifest(&["/"], true, false));
    host
}

/// Each piece is a packet of the msgpack parser.
fn messages(input: &[u8], pieces: &[&[u8]]) {
    let mut host = set(input, &[("parser", "msgpack")]);
    let url = "/socket.io/?EIO=4&transport=websocket";
    host.request(request(
        WEBSOCKET,
        Transport::Websocket,
        "GET",
        url,
        &[("host", "x")],
    ));
    let connect = b"\x82\xa4type\x00\xa3nsp\xa1/".to_vec();
    let effects = host.frame(WEBSOCKET, Frame::Binary(connect));
    answer(&mut host, effects);
    for piece in pieces {
        let effects = host.frame(WEBSOCKET, Frame::Binary(piece.to_vec()));
        answer(&mut host, effects);
    }
}

/// Each piece is the body of a POST of a client of the third revision.
fn old_posts(input: &[u8], content_type: &str, pieces: &[&[u8]]) {
    let mut host = set(input, &[("allow_eio3", "true")]);
    let more = if content_type.ends_with("urlencoded") {
        "&j=0"
    } else {
        ""
    };
    let url = format!("/socket.io/?EIO=3&transport=polling{more}");
    let opened = request(POLLING, Transport::Exchange, "GET", &url, &[("host", "x")]);
    let effects = host.request(opened);
    answer(&mut host, effects);
    let url = format!("{url}&sid={}", sid(POLLING));
    let mut connection = 100;
    for piece in pieces {
        connection += 2;
        let headers = [("content-type", content_type)];
        host.request(request(
            connection,
            Transport::Exchange,
            "POST",
            &url,
            &headers,
        ));
        let effects = host.body(connection, Body::Whole(piece.to_vec()));
        answer(&mut host, effects);
        host.request(request(
            connection + 1,
            Transport::Exchange,
            "GET",
            &url,
            &[],
        ));
    }
    host.guest = host.restored();
    host.advance(host.now_ms + 100_000);
}

/// Frames of a client of the third revision: text, then binary, in turn.
fn old_frames(input: &[u8], pieces: &[&[u8]]) {
    let mut host = set(input, &[("allow_eio3", "true")]);
    let url = "/socket.io/?EIO=3&transport=websocket";
    let opened = request(
        WEBSOCKET,
        Transport::Websocket,
        "GET",
        url,
        &[("host", "x")],
    );
    let effects = host.request(opened);
    answer(&mut host, effects);
    for pair in pieces.chunks(2) {
        let first = pair.first().copied().unwrap_or_default();
        let effects = host.frame(WEBSOCKET, Frame::Text(text(first)));
        answer(&mut host, effects);
        if let Some(second) = pair.get(1) {
            let effects = host.frame(WEBSOCKET, Frame::Binary(second.to_vec()));
            answer(&mut host, effects);
        }
    }
}

const RECOVERY: &[(&str, &str)] = &[
    ("connection_state_recovery", "true"),
    ("shard", "0"),
    ("shards", "2"),
];

/// Each piece is a note: eight bytes of number, then what it says. What cannot be read is refused.
fn notes(input: &[u8], pieces: &[&[u8]]) {
    let mut host = set(input, RECOVERY);
    let notes = pieces.iter().map(|piece| {
        let (number, bytes) = piece.split_at(piece.len().min(8));
        let number = number
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        Note {
            number,
            bytes: bytes.to_vec(),
        }
    });
    let notes: Vec<Note> = notes.collect();
    for note in &notes {
        if note.bytes.is_empty() {
            host.notes.remove(&note.number);
        } else {
            host.notes.insert(note.number, note.bytes.clone());
        }
    }
    if host.guest.restore(Vec::new(), notes).is_ok() {
        channel_with(&mut host, &[]);
    }
}

/// Each piece is a message of another shard.
fn channel(input: &[u8], pieces: &[&[u8]]) {
    let mut host = set(input, RECOVERY);
    channel_with(&mut host, pieces);
}

fn channel_with(host: &mut Host<Checked>, pieces: &[&[u8]]) {
    let url = "/socket.io/?EIO=4&transport=websocket";
    host.request(request(
        WEBSOCKET,
        Transport::Websocket,
        "GET",
        url,
        &[("host", "x")],
    ));
    let effects = host.frame(WEBSOCKET, Frame::Text("40".to_owned()));
    answer(host, effects);
    for piece in pieces {
        let published = Published {
            channel: "shard/0".to_owned(),
            bytes: piece.to_vec(),
        };
        let effects = host.turn(vec![Event::Published(published)]);
        answer(host, effects);
    }
    let effects = host.frame(WEBSOCKET, Frame::Text("42[\"a\"]".to_owned()));
    answer(host, effects);
    host.closed(WEBSOCKET, Cause::Failed);
    host.advance(host.now_ms + 300_000);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn texts(host: &mut Host<Checked>, pieces: &[&[u8]]) {
    for piece in pieces {
        let effects = host.frame(WEBSOCKET, Frame::Text(text(piece)));
        answer(host, effects);
    }
}

/// The first piece announces what the others are.
fn binaries(host: &mut Host<Checked>, pieces: &[&[u8]]) {
    let Some((first, rest)) = pieces.split_first() else {
        return;
    };
    texts(host, &[first]);
    for piece in rest {
        let effects = host.frame(WEBSOCKET, Frame::Binary(piece.to_vec()));
        answer(host, effects);
    }
}

/// Each piece is the body of a POST; then whatever there is to hear is fetched.
fn posts(host: &mut Host<Checked>, pieces: &[&[u8]]) {
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={}", sid(POLLING));
    let mut connection = host.calls + 100;
    for piece in pieces {
        connection += 2;
        host.request(request(connection, Transport::Exchange, "POST", &url, &[]));
        let effects = host.body(connection, Body::Whole(piece.to_vec()));
        answer(host, effects);
        host.request(request(
            connection + 1,
            Transport::Exchange,
            "GET",
            &url,
            &[],
        ));
    }
}

/// The first piece is the URL as sent, the others are names and values of headers.
fn url(host: &mut Host<Checked>, transport: Transport, pieces: &[&[u8]]) {
    let Some((first, rest)) = pieces.split_first() else {
        return;
    };
    let (method, url) = first.split_at(usize::from(!first.starts_with(b"/")).min(first.len()));
    let method = if method.is_empty() { "GET" } else { "POST" };
    let mut request = request(NEW, transport, method, &text(url), &[]);
    for pair in rest.chunks(2) {
        let name = text(pair.first().copied().unwrap_or_default()).to_lowercase();
        let value = pair
            .get(1)
            .copied()
            .unwrap_or_default()
            .iter()
            .map(|byte| char::from(*byte))
            .collect();
        request.headers.push(Header { name, value });
    }
    let effects = host.request(request);
    answer(host, effects);
    let effects = host.body(NEW, Body::Whole(b"42[\"a\"]".to_vec()));
    answer(host, effects);
    for text in ["2probe", "40", "5", "42[\"a\"]"] {
        let effects = host.frame(NEW, Frame::Text(text.to_owned()));
        answer(host, effects);
    }
    // What was opened is remembered and can be read again.
    host.guest = host.restored();
    host.advance(host.now_ms + 100_000);
}

/// A real blob with bytes changed: pairs of place and new byte, at the end the length to cut to.
fn edited(host: &Host<Checked>, session: u64, edits: &[u8]) {
    let mut bytes = host
        .records
        .get(&session)
        .map(|record| record.blob.clone())
        .unwrap_or_default();
    let pairs = edits.chunks_exact(2);
    if let [length] = pairs.remainder() {
        bytes.truncate(usize::from(*length));
    }
    for pair in pairs {
        if let [place, byte] = pair
            && let Some(there) = bytes.get_mut(usize::from(*place))
        {
            *there = *byte;
        }
    }
    blob(host, session, bytes);
}

/// Arbitrary bytes as a blob: refused, or an instance that lives with what it was told. It may then
/// say things about connections that are not there, so only its answers' form is checked.
fn blob(host: &Host<Checked>, session: u64, blob: Vec<u8>) {
    let mut guest = Checked::new();
    // The blob may tell of everything that it has bytes for.
    guest.bytes_max = bytes_max(&blob);
    if guest
        .restore(
            vec![SavedSession {
                session,
                blob,
                waiting: 1,
            }],
            Vec::new(),
        )
        .is_err()
    {
        return;
    }
    let loaded = |resume| {
        let manifest = manifest(&["/"], true, false);
        Event::Loaded(holdfast_protocol::contract::Loaded {
            app: 0,
            manifest,
            resume,
            place: 0,
        })
    };
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={}", sid(session));
    let poll = request(50, Transport::Exchange, "GET", &url, &[]);
    let emit = Broadcast {
        to: Audience {
            namespace: "/".to_owned(),
            rooms: Vec::new(),
            except: Vec::new(),
        },
        payload: holdfast_protocol::contract::Payload {
            json: "[\"a\"]".to_owned(),
            attachments: Vec::new(),
        },
        delivery: Delivery::empty(),
        ack: Some(7),
    };
    let orders = vec![
        Order {
            socket: Some(session << 16),
            act: Act::Admit,
        },
        Order {
            socket: Some(session << 16),
            act: Act::Join(vec!["r".to_owned()]),
        },
        Order {
            socket: None,
            act: Act::Broadcast(emit),
        },
    ];
    let commanded = holdfast_protocol::contract::Commanded {
        app: 0,
        orders,
        place: 0,
        before: 0,
        home: true,
    };
    let received = |texts: &[&str]| {
        let mut all = happened(vec![Event::Received(texts.len() as u32)]);
        for text in texts {
            all.text.push_str(text);
            all.frames.push(ReceivedFrame {
                connection: session,
                kind: FrameKind::Text,
                length: text.len() as u32,
            });
        }
        all
    };
    let now_ms = host.now_ms;
    guest.handle(
        now_ms,
        happened(vec![
            loaded(true),
            Event::Requested(poll),
            Event::Commanded(commanded),
        ]),
    );
    guest.handle(
        now_ms,
        received(&[
            "3",
            "2",
            "40",
            "42[\"a\"]",
            "431[1]",
            "451-[{\"_placeholder\":true,\"num\":0}]",
        ]),
    );
    let drained = Drained {
        session,
        frames: vec![Frame::Text("42[\"a\"]".to_owned())],
        compress: false,
    };
    guest.handle(
        now_ms + 1,
        happened(vec![Event::Drained(drained), Event::Elapsed]),
    );
    let closed = Closed {
        connection: session,
        cause: Cause::Failed,
    };
    guest.handle(now_ms + 40_000, happened(vec![Event::Elapsed]));
    guest.handle(
        now_ms + 100_000,
        happened(vec![Event::Closed(closed), Event::Stopping]),
    );
    guest.handle(now_ms + 1_000_000, happened(vec![Event::Elapsed]));
}

fn setting(pieces: &[&[u8]]) {
    let settings = pieces.chunks(2).map(|pair| Setting {
        key: text(pair.first().copied().unwrap_or_default()),
        value: text(pair.get(1).copied().unwrap_or_default()),
    });
    let mut guest = Protocol::new();
    if guest.configure(settings.collect()).is_ok() {
        let path = guest.describe().mount_path;
        assert!(
            path.starts_with('/') && !path.ends_with('/'),
            "the mount path {path:?}"
        );
    }
}

/// The app: admits everyone, acknowledges what it is asked to, and tells everyone what it hears.
fn answer(host: &mut Host<Checked>, effects: Vec<Effect>) {
    let mut orders = Vec::new();
    for effect in effects {
        let Effect::App { event, .. } = effect else {
            continue;
        };
        match event {
            AppEvent::Connecting(Connecting { info, .. }) => orders.push(Order {
                socket: Some(info.socket),
                act: Act::Admit,
            }),
            AppEvent::Message(message) => match message.ack {
                Some(ack) => {
                    let reply = Reply {
                        ack,
                        payload: message.payload,
                    };
                    orders.push(Order {
                        socket: Some(message.socket),
                        act: Act::Reply(reply),
                    });
                }
                None => {
                    let to = Audience {
                        namespace: "/".to_owned(),
                        rooms: Vec::new(),
                        except: Vec::new(),
                    };
                    let told = Broadcast {
                        to,
                        payload: message.payload,
                        delivery: Delivery::empty(),
                        ack: None,
                    };
                    orders.push(Order {
                        socket: None,
                        act: Act::Broadcast(told),
                    });
                }
            },
            _ => {}
        }
    }
    if !orders.is_empty() {
        host.command(0, orders);
    }
}
