//! A chat with rooms, members and a short history.
//!
//! Members and history live in the app's memory. Which rooms a client is in, and under which name, is
//! kept with its socket as well (`set_data`): after a crash or a swap the members are all there again,
//! while the history begins anew.

use crate::answer::answer;
use crate::limits::{
    HISTORY_MAX, MEMBERS_MAX, NICK_CHARS_MAX, ROOM_CHARS_MAX, ROOMS_MAX, ROOMS_PER_SOCKET_MAX,
    TEXT_CHARS_MAX,
};
use holdfast_sdk::serde::{Deserialize, Serialize};
use holdfast_sdk::{Ack, Args, ArgsError, Io, Socket, serde};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// All rooms. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chat {
    io: Io,
    rooms: Rc<RefCell<BTreeMap<String, Room>>>,
}

#[derive(Default)]
struct Room {
    /// Socket ids and names, in the order of joining.
    members: Vec<(String, String)>,
    history: VecDeque<Message>,
}

#[derive(Clone, Serialize)]
#[serde(crate = "serde")]
struct Message {
    room: String,
    nick: String,
    text: String,
    /// Milliseconds since the Unix epoch.
    at: u64,
}

/// Who is in a room, for all who are.
#[derive(Serialize)]
#[serde(crate = "serde")]
struct Members {
    room: String,
    members: Vec<String>,
}

/// What somebody who joins is told.
#[derive(Serialize)]
#[serde(crate = "serde")]
struct Joined {
    #[serde(flatten)]
    members: Members,
    history: VecDeque<Message>,
}

/// Nothing more to say.
#[derive(Serialize)]
#[serde(crate = "serde")]
struct Done {}

/// What is kept with a socket: its names, by room.
#[derive(Default, Serialize, Deserialize)]
#[serde(crate = "serde")]
struct Kept {
    #[serde(default)]
    chat: BTreeMap<String, String>,
}

impl Chat {
    pub(crate) fn new(io: &Io) -> Self {
        Self {
            io: io.clone(),
            rooms: Rc::default(),
        }
    }

    /// Attaches `chat:join`, `chat:message`, `chat:leave`.
    pub(crate) fn attach(&self, socket: &Socket) {
        self.on(
            socket,
            "chat:join",
            |chat, socket, (room, nick): (String, String)| chat.join(socket, &room, &nick),
        );
        self.on(
            socket,
            "chat:message",
            |chat, socket, (room, text): (String, String)| chat.say(socket, room.trim(), &text),
        );
        self.on(socket, "chat:leave", |chat, socket, room: String| {
            chat.leave(socket, room.trim())
        });
        let chat = self.clone();
        socket.on_disconnect(move |socket, _| chat.leave_all(socket));
        if socket.recovered() {
            self.return_to_rooms(socket);
        }
    }

    /// A handler whose result, or why it was not called, is the acknowledgement.
    fn on<A, T, F>(&self, socket: &Socket, event: &'static str, handler: F)
    where
        A: serde::de::DeserializeOwned,
        T: Serialize,
        F: Fn(&Self, &Socket, A) -> Result<T, String> + 'static,
    {
        let chat = self.clone();
        socket.on_ack(event, move |socket, args: Args, ack: Ack| {
            let args = args.read().map_err(|error: ArgsError| error.to_string());
            answer(ack, args.and_then(|args| handler(&chat, socket, args)));
        });
    }

    fn join(&self, socket: &Socket, name: &str, nick: &str) -> Result<Joined, String> {
        let name = checked("the room's name", name, ROOM_CHARS_MAX)?;
        let nick = checked("your name", nick, NICK_CHARS_MAX)?;
        let mut kept: Kept = socket.data().unwrap_or_default();
        if kept.chat.len() >= ROOMS_PER_SOCKET_MAX && !kept.chat.contains_key(&name) {
            return Err(format!("you are in {ROOMS_PER_SOCKET_MAX} rooms already"));
        }
        self.enter(socket, &name, &nick)?;
        kept.chat.insert(name.clone(), nick);
        socket.set_data(&kept);
        socket.join(channel(&name));
        self.tell_members(&name);
        let history = self
            .rooms
            .borrow()
            .get(&name)
            .map(|room| room.history.clone())
            .unwrap_or_default();
        Ok(Joined {
            members: self.members(&name),
            history,
        })
    }

    fn say(&self, socket: &Socket, name: &str, text: &str) -> Result<Done, String> {
        let text = checked("a message", text, TEXT_CHARS_MAX)?;
        let mut rooms = self.rooms.borrow_mut();
        let room = rooms.get_mut(name).ok_or("join the room first")?;
        let nick = room
            .nick_of(socket)
            .ok_or("join the room first")?
            .to_owned();
        let message = Message {
            room: name.to_owned(),
            nick,
            text,
            at: self.io.now_ms(),
        };
        room.remember(message.clone());
        self.io.to(channel(name)).emit("chat:message", message);
        Ok(Done {})
    }

    fn leave(&self, socket: &Socket, name: &str) -> Result<Done, String> {
        let mut kept: Kept = socket.data().unwrap_or_default();
        if kept.chat.remove(name).is_none() {
            return Err("you are not in that room".to_owned());
        }
        socket.set_data(&kept);
        socket.leave(channel(name));
        self.remove(socket, name);
        Ok(Done {})
    }

    /// The client is gone.
    fn leave_all(&self, socket: &Socket) {
        let kept: Kept = socket.data().unwrap_or_default();
        for name in kept.chat.keys() {
            self.remove(socket, name);
        }
    }

    /// This instance of the app is new, the client is not. It has not left the Socket.IO rooms.
    fn return_to_rooms(&self, socket: &Socket) {
        let kept: Kept = socket.data().unwrap_or_default();
        for (name, nick) in &kept.chat {
            // Nobody waits for an answer; that there is room was checked when the client joined.
            let _ = self.enter(socket, name, nick);
        }
    }

    fn enter(&self, socket: &Socket, name: &str, nick: &str) -> Result<(), String> {
        let mut rooms = self.rooms.borrow_mut();
        if rooms.len() >= ROOMS_MAX && !rooms.contains_key(name) {
            let empty = rooms
                .iter()
                .find(|(_, room)| room.members.is_empty())
                .map(|(name, _)| name.clone());
            rooms.remove(&empty.ok_or("there are too many rooms")?);
        }
        let room = rooms.entry(name.to_owned()).or_default();
        if room.members.len() >= MEMBERS_MAX && room.nick_of(socket).is_none() {
            return Err("the room is full".to_owned());
        }
        room.enter(socket, nick);
        Ok(())
    }

    fn remove(&self, socket: &Socket, name: &str) {
        if let Some(room) = self.rooms.borrow_mut().get_mut(name) {
            room.members.retain(|(id, _)| id != socket.id());
        }
        self.tell_members(name);
    }

    fn tell_members(&self, name: &str) {
        self.io
            .to(channel(name))
            .emit("chat:members", self.members(name));
    }

    fn members(&self, name: &str) -> Members {
        let rooms = self.rooms.borrow();
        let members = rooms
            .get(name)
            .map(|room| room.members.iter().map(|(_, nick)| nick.clone()).collect());
        Members {
            room: name.to_owned(),
            members: members.unwrap_or_default(),
        }
    }
}

impl Room {
    fn nick_of(&self, socket: &Socket) -> Option<&str> {
        self.members
            .iter()
            .find(|(id, _)| id == socket.id())
            .map(|(_, nick)| nick.as_str())
    }

    /// Adds a member; who is one already may have a new name.
    fn enter(&mut self, socket: &Socket, nick: &str) {
        match self.members.iter_mut().find(|(id, _)| id == socket.id()) {
            Some((_, known)) => nick.clone_into(known),
            None => self.members.push((socket.id().to_owned(), nick.to_owned())),
        }
    }

    fn remember(&mut self, message: Message) {
        self.history.push_back(message);
        if self.history.len() > HISTORY_MAX {
            self.history.pop_front();
        }
    }
}

/// The Socket.IO room of a chat room.
fn channel(name: &str) -> String {
    format!("chat:{name}")
}

/// A text without spaces around it, neither empty nor too long.
fn checked(what: &str, text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{what} must not be empty"));
    }
    if text.chars().count() > chars_max {
        return Err(format!("{what} may have {chars_max} characters"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
