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
//! Every bound is in `limits.rs`.

mod admin;
mod answer;
mod chat;
mod echo;
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
}
