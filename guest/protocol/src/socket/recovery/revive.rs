//! Clients that come back: to the shard that they left, or to another one, which asks for them.

use super::dormant::Dormant;
use super::log::{self, Entry};
use super::moves::{Membership, Moves};
use super::offset::Offset;
use super::wire::{Ask, Found, Message};
use super::{CHANNEL, Claim, Recovery, found_note, own_name};
use crate::contract::{Action, Audience, Note, Payload, Published, Socket as SocketNumber};
use crate::limits::FOUND_BYTES_MAX;
use crate::socket::peer::{Room, Socket};

/// A socket whose client has come back.
#[derive(Debug)]
pub struct Revived {
    pub dormant: Dormant,
    /// The entry up to which it has got everything.
    pub since: u64,
}

/// What became of a question to the other shards.
#[derive(Debug)]
pub enum Told {
    /// One shard does not know it.
    Unknown(SocketNumber),
    /// It was there, and is here now.
    Revived(SocketNumber, Revived),
}

/// What is sent again.
pub struct Missed {
    pub payload: Payload,
    pub single: bool,
    pub compress: bool,
}

impl Recovery {
    /// The socket that a claim names, if its client left this shard and all that it missed is known. It is
    /// not dormant any more.
    pub fn revive(&mut self, claim: &Claim, namespace: &str) -> Option<Revived> {
        let dormant = self.dormants.get(&claim.pid)?;
        if *dormant.namespace != *namespace || dormant.until_ms <= self.now_ms {
            return None;
        }
        let said = Offset::read(&claim.offset)
            .filter(|offset| offset.shard == self.shard && offset.number <= self.log.last);
        let since = said.map_or(0, |offset| offset.number).max(dormant.since);
        let dormant = self.take_dormant(claim.pid)?;
        self.tells_after(since, dormant.copied)
            .then_some(Revived { dormant, since })
    }

    /// Asks the other shards for a socket. Gives how many answers there will be.
    pub fn ask(&mut self, socket: SocketNumber, claim: Claim, namespace: &str) -> u32 {
        self.tell(&Message::Ask(Ask {
            from: self.shard,
            socket,
            pid: claim.pid,
            namespace: namespace.to_owned(),
            offset: claim.offset,
        }));
        self.shards - 1
    }

    fn tell(&mut self, message: &Message) {
        self.actions.push(Action::Publish(Published {
            channel: CHANNEL.to_owned(),
            bytes: message.encode(),
        }));
    }

    /// Another shard says something. `waits` tells whether a socket still waits for an answer.
    pub fn hear(
        &mut self,
        published: &Published,
        waits: impl Fn(SocketNumber) -> bool,
    ) -> Option<Told> {
        if published.channel != CHANNEL {
            return None;
        }
        match Message::decode(&published.bytes)? {
            Message::Ask(ask) => {
                let answer = self.answer(&ask);
                self.tell(&answer);
                None
            }
            Message::Unknown { to, socket } => (to == self.shard).then_some(Told::Unknown(socket)),
            Message::Found(found) if found.to == self.shard => {
                let is_awaited = waits(found.socket);
                if !is_awaited || self.found_bytes + found.bytes() > self.copies_bytes_max {
                    self.tell(&Message::Return {
                        to: found.from,
                        dormant: found.dormant,
                    });
                    return is_awaited.then_some(Told::Unknown(found.socket));
                }
                self.actions.push(Action::Note(Note {
                    number: found_note(found.socket),
                    bytes: published.bytes.clone(),
                }));
                self.put_found(*found);
                None
            }
            Message::Return { to, dormant } if to == self.shard => {
                if dormant.until_ms > self.now_ms {
                    self.lay_down(dormant);
                }
                None
            }
            Message::Found(_) | Message::Return { .. } => None,
        }
    }

    fn answer(&mut self, ask: &Ask) -> Message {
        let unknown = Message::Unknown {
            to: ask.from,
            socket: ask.socket,
        };
        let claim = Claim {
            pid: ask.pid,
            offset: ask.offset.clone(),
        };
        let Some(Revived { mut dormant, since }) = self.revive(&claim, &ask.namespace) else {
            return unknown;
        };
        dormant.since = since;
        let mut rooms = membership(&dormant);
        let missed = self.after(since).into_iter();
        let missed = missed.filter(|(at, entry)| entry.is_for(&dormant.namespace, rooms.at(**at)));
        let mut bytes = 0;
        let mut entries = Vec::new();
        for (_, entry) in missed {
            bytes += entry.bytes();
            if bytes > FOUND_BYTES_MAX {
                return unknown;
            }
            entries.push(entry.clone());
        }
        let seen = self.seen.iter();
        let seen = seen.filter(|((app, _), _)| *app == dormant.app);
        let seen = seen.map(|((_, place), number)| (*place, *number)).collect();
        Message::Found(Box::new(Found {
            to: ask.from,
            from: self.shard,
            socket: ask.socket,
            dormant,
            seen,
            entries,
        }))
    }

    /// The sockets found elsewhere that this shard has caught up with: everything that the other shard had
    /// sent to audiences, it has sent as well.
    /// None for one of which this shard has dropped something already that the other one had not sent.
    pub fn take_revived(&mut self) -> Vec<(SocketNumber, Option<Revived>)> {
        let ready: Vec<SocketNumber> = self
            .found
            .iter()
            .filter(|(_, found)| self.has_caught_up(found))
            .map(|(socket, _)| *socket)
            .collect();
        let mut revived = Vec::new();
        for socket in ready {
            if let Some(found) = self.take_found(socket) {
                let adopted = (!self.has_dropped(&found)).then(|| self.adopt(found));
                revived.push((socket, adopted));
            }
        }
        revived
    }

    fn has_caught_up(&self, found: &Found) -> bool {
        found.seen.iter().all(|(place, number)| {
            let seen = self.seen.get(&(found.dormant.app, *place));
            seen.copied().unwrap_or(0) >= *number
        })
    }

    fn has_dropped(&self, found: &Found) -> bool {
        let dropped = self.dropped.iter();
        let mut dropped = dropped.filter(|((app, _), _)| *app == found.dormant.app);
        dropped.any(|((_, place), number)| {
            let there = found.seen.iter().find(|(known, _)| known == place);
            there.is_none_or(|(_, seen)| seen < number)
        })
    }

    /// Takes in what another shard has found.
    pub fn put_found(&mut self, found: Found) {
        self.drop_found(found.socket);
        self.found_bytes += found.bytes();
        self.found.insert(found.socket, found);
    }

    /// Drops what another shard has found, without a word.
    pub fn drop_found(&mut self, socket: SocketNumber) -> Option<Found> {
        let found = self.found.remove(&socket)?;
        self.found_bytes -= found.bytes();
        Some(found)
    }

    fn take_found(&mut self, socket: SocketNumber) -> Option<Found> {
        let found = self.drop_found(socket)?;
        self.actions.push(Action::Erase(found_note(socket)));
        Some(found)
    }

    /// Gives up a socket that was found elsewhere: nobody waits for it any more.
    pub fn give_back(&mut self, socket: SocketNumber) {
        if let Some(found) = self.take_found(socket) {
            self.tell(&Message::Return {
                to: found.from,
                dormant: found.dormant,
            });
        }
    }

    /// What a socket missed on the other shard, and what this shard sent since that the other had not, goes
    /// into the log of copies, for that socket alone: so its offsets are of one log, and in order.
    fn adopt(&mut self, found: Found) -> Revived {
        let Found {
            mut dormant,
            seen,
            entries,
            ..
        } = found;
        let since = self.log.last;
        // They were told in the numbers of the other log; since then it has been where it is.
        dormant.moves = Moves::default();
        let names: Vec<String> = membership(&dormant).at(since).to_vec();
        let has_seen = |entry: &Entry| {
            entry.order.is_none_or(|(place, number)| {
                let there = seen.iter().find(|(known, _)| *known == place);
                there.is_some_and(|(_, seen)| number <= *seen)
            })
        };
        // Seldom: nearly always both have carried out the same.
        let is_ahead = self.seen.iter().any(|((app, place), number)| {
            let there = seen.iter().find(|(known, _)| known == place);
            *app == dormant.app && there.is_none_or(|(_, seen)| seen < number)
        });
        let later: Vec<Entry> = self
            .log
            .after(self.log.floor)
            .filter(|(_, entry)| is_ahead && entry.app == dormant.app && !has_seen(entry))
            .filter(|(_, entry)| entry.is_for(&dormant.namespace, &names))
            .map(|(_, entry)| entry.clone())
            .collect();
        for mut entry in entries.into_iter().chain(later) {
            entry.at_ms = self.now_ms;
            entry.order = None;
            entry.copy = true;
            entry.to = Audience {
                namespace: dormant.namespace.to_string(),
                rooms: vec![own_name(dormant.id, &dormant.namespace)],
                except: Vec::new(),
            };
            self.keep(entry);
        }
        dormant.copied = self.log.last;
        Revived { dormant, since }
    }

    /// The entries after a number, copies among them, in order.
    fn after(&self, number: u64) -> Vec<(&u64, &Entry)> {
        let entries = self.log.after(number).chain(self.copies.after(number));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable_by_key(|(number, _)| **number);
        entries
    }

    /// What a socket that is let in again missed, in order.
    pub fn missed(&self, socket: &Socket) -> Vec<Missed> {
        let rooms = socket.room_names().into_iter();
        let mut rooms = Membership::new(rooms, &socket.moves, |room| socket.room_name(room));
        let missed = self.after(socket.since).into_iter();
        let missed = missed.filter(|(at, entry)| entry.is_for(&socket.namespace, rooms.at(**at)));
        let missed = missed.filter_map(|(number, entry)| {
            Some(Missed {
                payload: log::stamped(&entry.payload, self.offset(*number))?,
                single: entry.single,
                compress: entry.compress,
            })
        });
        missed.collect()
    }
}

/// The rooms of a dormant socket as the log names them.
fn membership(dormant: &Dormant) -> Membership {
    let name = |room: &Room| match room {
        Room::Own => own_name(dormant.id, &dormant.namespace),
        Room::Named(name) => name.to_string(),
    };
    Membership::new(dormant.rooms().iter().map(name), &dormant.moves, name)
}
