//! The app that Holdfast serves when it is given none, and an example to read: the built-in page and
//! the tests talk to it.
//!
//! Below, `→ x` is what the acknowledgement gets, and `…args` any arguments, binary ones too.
//!
//! ## Namespace `/`
//!
//! | a client emits | and what happens |
//! |---|---|
//! | **chat** (`chat.rs`) | |
//! | `chat:join`, room, nick | → `{ok, room, members: [nick], history: [message]}`; everybody in the room hears `chat:members` |
//! | `chat:message`, room, text | → `{ok}`; everybody in the room, the sender too, hears `chat:message` |
//! | `chat:leave`, room | → `{ok}`; those who stay hear `chat:members` |
//! | **echo** (`echo.rs`) | |
//! | `echo`, …args | → …args; without an acknowledgement the client hears `echo`, …args |
//! | `message`, …args (`socket.send`) | the client hears `message`, …args |
//! | **rooms** (`rooms.rs`) | |
//! | `room:join`, room | → nothing; the client is in the room |
//! | `room:leave`, room | → nothing; the client is out of it |
//! | `room:emit`, room, …args | everybody in the room hears `room`, room, …args |
//! | `broadcast`, …args | everybody else hears `broadcast`, …args |
//! | `all`, …args | everybody hears `all`, …args |
//! | `except`, room, …args | everybody who is not in the room hears `except`, …args |
//! | `volatile`, …args | the client hears `volatile`, …args, unless it cannot be written to at once |
//! | **session** (`session.rs`) | |
//! | `ask`, …args | the client is asked `question`, …args; → `null`, …its answer, or → `"timeout"` after a second |
//! | `whoami` | → `{id, namespace, rooms, address, auth, query, headers}` |
//! | `time` | → the server's time, in milliseconds |
//! | `after`, ms | → ms, when they are over |
//! | `disconnect-me`, whole | the server disconnects the client; with `true` its whole session |
//!
//! `chat:message` is `{room, nick, text, at}`, `chat:members` is `{room, members: [nick]}`. What the
//! chat refuses is answered with `{ok: false, error}`. In Socket.IO terms a chat room is `chat:` and
//! its name.
//!
//! ## Namespace `/echo`
//!
//! `echo` as above; any other event comes back under its own name.
//!
//! ## Namespace `/admin`
//!
//! Lets in who connects with `auth: {token: "open sesame"}`; others get the error `not authorized` with
//! data `{hint}`. Inside: `echo`, `whoami`, and `sockets` → the ids of all who are connected to `/`.
//!
//! ## Namespace `/guarded` (`guarded.rs`)
//!
//! A middleware blocks the event `blocked`: the client hears `rejected`, message, data. Inside: `echo`, and
//! `notes` → all that came in and went out until now; `notes:first` puts listeners in front of the others,
//! `notes:stop` ends the noting.
//!
//! ## Dynamic namespaces (`dynamic.rs`)
//!
//! `/dynamic-1`, `/dynamic-2`, … are there for everybody, `/tenant/NAME` if the first who comes has `auth:
//! {token: NAME}`. Who has `auth: {banned: true}` gets the error `banned`. Inside: `echo`, `whoami`, `all` for
//! everybody in the namespace, and `family` for everybody in all namespaces of the family.
//!
//! ## Namespace `/lab` (`lab.rs`)
//!
//! What `echo.rs`, `rooms.rs` and `session.rs` have, and one event for nearly everything else that the server
//! can do. Here `audience` is `{others, to: [room], except: [room], local, volatile, compress, timeout}`,
//! each of which may be left out: everybody (or everybody else) in those rooms and not in these.
//!
//! | a client emits | and what happens |
//! |---|---|
//! | **audience** (`lab/audience.rs`) | |
//! | `tell`, audience, event, …args | they hear the event |
//! | `ask-all`, audience, …args | they are asked `question`, …args; → `null`, [answer], or → error, [answers until then] |
//! | `ask-one`, id, timeout, …args | one is asked; → `null`, answer, or → error |
//! | `sockets:fetch`, audience | → `[{id, rooms, data, query}]`, the last being `name` of the query |
//! | `sockets:join`, audience, [room] | → nothing; they are in the rooms |
//! | `sockets:leave`, audience, [room] | → nothing; they are out of them |
//! | `sockets:disconnect`, audience, whole | → nothing; they are disconnected |
//! | **instances** (`lab/servers.rs`) | |
//! | `server:emit`, text | the app's other instances note it |
//! | `server:notes` | → what this instance has noted |
//! | `server:ask` | → `null`, [place], how many others there are; or → error, [places until then], how many |
//! | **watching** (`lab/watch.rs`) | |
//! | `rooms:watch` | → `{ok}`; if the environment has `DEMO_ROOMS`, the client hears `rooms:event`, `create-room` \| `join-room` \| `leave-room` \| `delete-room`, room, id |
//! | `goodbye:watch` | → nothing; the client hears `goodbye`, `{id, reason, rooms}` of who leaves |
//! | **the rest** (`lab.rs`) | |
//! | `data:set`, value | → nothing; it is kept with the client |
//! | `data:get` | → `{id, recovered, rooms, data: {value}}` |
//! | `namespaces` | → the dynamic namespaces that have come to be |
//! | `denials` | → `[{code, message, context, mark}]` of requests that were refused, if the environment has `DEMO_DENIALS`; the last is `mark` of the query |
//!
//! ## Before there is a session (`gate.rs`)
//!
//! With `DEMO_JUDGE` in the environment (`[app.env]` of the config) `?deny=TEXT` is refused with that text;
//! `?initial=TEXT` comes back in the header `x-initial` of the first answer, `?every=TEXT` in the header
//! `x-every` of all. With `DEMO_CORS` only pages of `https://friend.example` may read answers, and
//! `?cors=refuse` is refused.
//!
//! Every bound is in `limits.rs`.

mod admin;
mod answer;
mod chat;
mod dynamic;
mod echo;
mod gate;
mod guarded;
mod lab;
pub mod limits;
mod rooms;
mod session;

use holdfast_sdk::Io;

holdfast_sdk::app!(app);

/// Attaches all handlers.
pub fn app(io: &Io) {
    let chat = chat::Chat::new(io);
    io.on_connection(move |socket| {
        chat.attach(socket);
        echo::attach(socket);
        rooms::attach(socket);
        session::attach(socket);
    });
    io.of("/echo").on_connection(echo::attach_everything);
    admin::attach(io);
    guarded::attach(io);
    dynamic::attach(io);
    let denials = gate::attach(io);
    lab::attach(io, denials);
}

/// Whether the environment asks for something: it is there, and neither empty nor `0`.
fn is_set(io: &Io, name: &str) -> bool {
    io.env(name)
        .is_some_and(|value| !value.is_empty() && value != "0")
}
