//! A guest whose answers are checked: the columns fit together as the host wants them
//! (`is_consistent` in `host/src/perform.rs`), and nothing grows out of proportion to the input. Used
//! by the fuzz targets.

use crate::support::guest::Guest;
use holdfast_protocol::Protocol;
use holdfast_protocol::contract::{
    Action, AppEvent, Connecting, Decided, FrameKind, Handshake, Happened, Header, Note, Payload,
    Resumed, SavedSession, Setting,
};

/// Bytes of an answer, or of all blobs, that any input may lead to.
const BYTES_FREE: usize = 64 << 10;

/// Bytes of an answer, or of all blobs, for each byte of input. A CONNECT packet of four bytes leads to
/// an event with the whole handshake, so this is not small; it is not quadratic either.
const BYTES_PER_BYTE: usize = 1024;

/// The guest in the same process, checked.
pub struct Checked {
    pub guest: Protocol,
    /// How many bytes one answer, or all blobs, may have.
    pub bytes_max: usize,
}

impl Checked {
    /// Without a bound on sizes.
    pub fn new() -> Self {
        Self {
            guest: Protocol::new(),
            bytes_max: usize::MAX,
        }
    }
}

impl Default for Checked {
    fn default() -> Self {
        Self::new()
    }
}

/// How many bytes an input of this length may lead to.
pub fn bytes_max(input: &[u8]) -> usize {
    BYTES_FREE + BYTES_PER_BYTE * input.len()
}

impl Guest for Checked {
    fn configure(&mut self, settings: Vec<Setting>) -> Result<(), String> {
        self.guest.configure(settings)
    }

    fn restore(&mut self, sessions: Vec<SavedSession>, notes: Vec<Note>) -> Result<(), String> {
        self.guest.restore(sessions, notes)
    }

    fn handle(&mut self, now_ms: u64, happened: Happened) -> Decided {
        let decided = self.guest.handle(now_ms, happened);
        assert!(
            is_consistent(&decided),
            "the columns of an answer do not fit together: {decided:?}"
        );
        let bytes = weigh(&decided);
        assert!(
            bytes <= self.bytes_max,
            "an answer of {bytes} bytes, at most {} are in proportion",
            self.bytes_max
        );
        decided
    }
}

/// The host's check, in the native types.
pub fn is_consistent(decided: &Decided) -> bool {
    let of_kind = |kind: FrameKind| {
        let lengths = decided
            .frames
            .iter()
            .filter(|frame| frame.kind == kind)
            .map(|frame| u64::from(frame.length));
        lengths.sum::<u64>()
    };
    let sends = decided.actions.iter().map(|action| {
        if let Action::Send(count) = action {
            u64::from(*count)
        } else {
            0
        }
    });
    let mut end = 0;
    sends.sum::<u64>() == decided.sends.len() as u64
        && decided
            .sends
            .iter()
            .map(|send| u64::from(send.targets))
            .sum::<u64>()
            == decided.targets.len() as u64
        && decided
            .sends
            .iter()
            .map(|send| u64::from(send.frames))
            .sum::<u64>()
            == decided.frames.len() as u64
        && of_kind(FrameKind::Text) == decided.text.len() as u64
        && of_kind(FrameKind::Binary) == decided.bytes.len() as u64
        && decided
            .frames
            .iter()
            .filter(|frame| frame.kind == FrameKind::Text)
            .all(|frame| {
                end += frame.length as usize;
                decided.text.is_char_boundary(end)
            })
}

/// About how many bytes an answer has. Blobs are not in it: they are kept, and counted as a whole.
fn weigh(decided: &Decided) -> usize {
    let columns = decided.sends.len() * 12 + decided.targets.len() * 8 + decided.frames.len() * 8;
    let contents = decided.text.len() + decided.bytes.len();
    columns + contents + decided.actions.iter().map(weigh_action).sum::<usize>()
}

fn weigh_action(action: &Action) -> usize {
    32 + match action {
        Action::Respond(response) => response.body.len() + headers(&response.headers),
        Action::Dispatch(dispatch) => dispatch.events.iter().map(weigh_event).sum(),
        Action::Publish(message) => message.bytes.len(),
        Action::Log(line) => line.text.len(),
        _ => 0,
    }
}

fn weigh_event(event: &AppEvent) -> usize {
    32 + match event {
        AppEvent::Connecting(Connecting { info, .. }) => {
            handshake(&info.handshake) + info.namespace.len()
        }
        AppEvent::Resumed(resumed) => weigh_resumed(resumed),
        AppEvent::Message(message) => payload(&message.payload),
        AppEvent::Acked(acked) => payload(&acked.payload),
        AppEvent::Disconnected(departed) => rooms(&departed.rooms),
        AppEvent::Found(found) => found.sockets.iter().map(weigh_resumed).sum(),
        AppEvent::Judging(judging) | AppEvent::Sharing(judging) => handshake(&judging.handshake),
        AppEvent::Denied(denied) => handshake(&denied.handshake) + denied.context.len(),
        AppEvent::Room(change) => change.room.len() + change.namespace.len(),
        AppEvent::Counted(_) | AppEvent::Served(_) | AppEvent::Answered(_) => 0,
    }
}

fn weigh_resumed(resumed: &Resumed) -> usize {
    let info = handshake(&resumed.info.handshake) + resumed.info.namespace.len();
    info + rooms(&resumed.rooms) + resumed.data.len()
}

fn handshake(of: &Handshake) -> usize {
    headers(&of.headers) + headers(&of.query) + of.url.len() + of.auth.len()
}

fn headers(of: &[Header]) -> usize {
    of.iter()
        .map(|header| 16 + header.name.len() + header.value.len())
        .sum()
}

fn payload(of: &Payload) -> usize {
    of.json.len()
        + of.attachments
            .iter()
            .map(|bytes| 8 + bytes.len())
            .sum::<usize>()
}

fn rooms(of: &[String]) -> usize {
    of.iter().map(|room| 8 + room.len()).sum()
}
