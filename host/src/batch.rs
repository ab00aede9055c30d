//! Batches of events: how much of a guest's memory they take, and how they are cut into portions.
//!
//! Called by `protocol` and `shard`, so that no call hands a guest more than it can hold, and by `mailbox`
//! to weigh letters. It looks at sizes only and never decides what an event means.

use crate::guest::contract::{
    Act, AppEvent, Body, Commanded, Event, Frame, FrameKind, Happened, Happening, Header,
    IncomingResponse, Order, Payload, Published, Request,
};
use crate::inbox::{nothing, push_frame};
use std::fmt::{self, Debug, Write};

/// What an event takes beside its texts and bytes.
const EVENT_BYTES: usize = 128;
/// What a part of an event takes beside its texts and bytes.
const PART_BYTES: usize = 32;

/// About how many bytes a batch takes.
pub fn weight(happened: &Happened) -> usize {
    happened.text.len()
        + happened.bytes.len()
        + happened.frames.len() * PART_BYTES
        + happened.events.iter().map(weight_of_event).sum::<usize>()
}

/// About how many bytes an event takes, without the frames it stands for.
fn weight_of_event(event: &Event) -> usize {
    EVENT_BYTES
        + match event {
            Event::Requested(request) => weight_of_request(request),
            Event::Collected(collected) => weight_of_body(&collected.body),
            Event::Drained(drained) => drained
                .frames
                .iter()
                .map(|frame| {
                    PART_BYTES
                        + match frame {
                            Frame::Text(text) => text.len(),
                            Frame::Binary(bytes) => bytes.len(),
                        }
                })
                .sum(),
            Event::Commanded(commanded) => weight_of_orders(&commanded.orders),
            Event::Lost(lost) => weight_of_app_event(&lost.event),
            Event::Published(message) => weight_of_message(message),
            Event::Loaded(loaded) => written(&loaded.manifest),
            Event::Received(_)
            | Event::Closed(_)
            | Event::Overflowed(_)
            | Event::Elapsed
            | Event::Unloaded(_)
            | Event::Stopping => 0,
        }
}

/// About how many bytes a request takes.
pub fn weight_of_request(request: &Request) -> usize {
    let headers = |header: &Header| PART_BYTES + header.name.len() + header.value.len();
    EVENT_BYTES + request.url.len() + request.headers.iter().map(headers).sum::<usize>()
}

/// About how many bytes a body takes.
pub const fn weight_of_body(body: &Body) -> usize {
    match body {
        Body::Whole(bytes) => bytes.len(),
        Body::TooLong => 0,
    }
}

/// About how many bytes a published message takes.
pub const fn weight_of_message(message: &Published) -> usize {
    EVENT_BYTES + message.channel.len() + message.bytes.len()
}

/// About how many bytes orders take.
pub fn weight_of_orders(orders: &[Order]) -> usize {
    orders.iter().map(weight_of_order).sum()
}

fn weight_of_order(order: &Order) -> usize {
    EVENT_BYTES
        + match &order.act {
            Act::Admit | Act::Disconnect(_) => 0,
            Act::Emit(emission) => weight_of_payload(&emission.payload),
            Act::Reply(reply) => weight_of_payload(&reply.payload),
            Act::SetData(data) => data.len(),
            Act::Broadcast(broadcast) => {
                weight_of_payload(&broadcast.payload) + written(&broadcast.to)
            }
            Act::Serve(serve) => weight_of_payload(&serve.payload) + PART_BYTES,
            Act::ServeReply(reply) => weight_of_payload(&reply.payload),
            other => written(other),
        }
}

/// About how many bytes events for an app take.
pub fn weight_of_app_events(events: &[AppEvent]) -> usize {
    events.iter().map(weight_of_app_event).sum()
}

fn weight_of_app_event(event: &AppEvent) -> usize {
    EVENT_BYTES
        + match event {
            AppEvent::Message(message) => weight_of_payload(&message.payload),
            AppEvent::Acked(answer) => weight_of_payload(&answer.payload),
            AppEvent::Counted(_) => 0,
            AppEvent::Served(served) => weight_of_payload(&served.payload) + PART_BYTES,
            AppEvent::Answered(answer) => weight_of_payload(&answer.payload),
            other => written(other),
        }
}

fn weight_of_payload(payload: &Payload) -> usize {
    let attachments = payload.attachments.iter();
    payload.json.len()
        + attachments
            .map(|attachment| PART_BYTES + attachment.len())
            .sum::<usize>()
}

fn weight_of_outcome(outcome: &Result<IncomingResponse, String>) -> usize {
    match outcome {
        Ok(response) => {
            let headers = response.headers.iter();
            response.body.len()
                + headers
                    .map(|header| PART_BYTES + header.name.len() + header.value.len())
                    .sum::<usize>()
        }
        Err(reason) => reason.len(),
    }
}

/// The length of a value written out: close enough to what it takes, for the rare kinds, whose parts are
/// not the host's to know.
fn written(value: &impl Debug) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting does not fail.
    let _ = write!(count, "{value:?}");
    count.0
}

/// How many of these happenings, from the first on, one call of an app takes: at least one.
pub fn count_of_portion(happened: &[Happening], bytes_max: usize) -> usize {
    let mut bytes = 0_usize;
    let fits = happened.iter().take_while(|happening| {
        bytes += match happening {
            Happening::Event(event) => weight_of_app_event(event),
            Happening::Fetched(fetched) => EVENT_BYTES + weight_of_outcome(&fetched.outcome),
            Happening::Elapsed(_) | Happening::Stopping => EVENT_BYTES,
        };
        bytes <= bytes_max
    });
    fits.count().max(1)
}

/// A batch cut into portions of at most so many bytes, in order. What is longer by itself comes alone.
pub fn portions(happened: Happened, bytes_max: usize) -> Vec<Happened> {
    if weight(&happened) <= bytes_max {
        return vec![happened];
    }
    let mut portions: Vec<Happened> = Vec::new();
    let mut bytes = 0_usize;
    // How many orders without a socket had been given when the last of this portion was.
    let mut given = 0;
    for single in singles(happened) {
        let more = weight(&single);
        bytes = bytes.saturating_add(more);
        let given_before = std::mem::replace(&mut given, given_after(&single));
        match portions.last_mut() {
            Some(last) if bytes <= bytes_max => append(last, single, given_before),
            _ => {
                portions.push(single);
                bytes = more;
            }
        }
    }
    portions
}

/// How many orders without a socket an instance had given after this one.
fn given_after(single: &Happened) -> u64 {
    match single.events.first() {
        Some(Event::Commanded(one)) => {
            let for_all = one.orders.iter().filter(|order| order.socket.is_none());
            one.before + for_all.count() as u64
        }
        _ => 0,
    }
}

/// Adds a batch of one event to another batch, whose last orders end with so many given.
fn append(batch: &mut Happened, single: Happened, given: u64) {
    batch.text.push_str(&single.text);
    batch.bytes.extend_from_slice(&single.bytes);
    for frame in single.frames {
        push_frame(batch, frame.connection, frame.kind, frame.length as usize);
    }
    for event in single.events {
        match (event, batch.events.last_mut()) {
            (Event::Received(_), _) => {}
            (Event::Commanded(more), Some(Event::Commanded(last)))
                if more.before == given
                    && (last.app, last.place, last.home) == (more.app, more.place, more.home) =>
            {
                last.orders.extend(more.orders);
            }
            (event, _) => batch.events.push(event),
        }
    }
}

/// The events of a batch one at a time, frames and orders too.
pub fn singles(happened: Happened) -> Vec<Happened> {
    let Happened {
        events,
        frames,
        text,
        bytes,
    } = happened;
    let (mut frames, mut text, mut bytes) = (frames.into_iter(), text.as_str(), bytes.as_slice());
    let mut singles = Vec::new();
    for event in events {
        match event {
            Event::Received(count) => {
                for frame in frames.by_ref().take(count as usize) {
                    let mut single = nothing();
                    let length = frame.length as usize;
                    if frame.kind == FrameKind::Text {
                        let (own, rest) = text.split_at_checked(length).unwrap_or_default();
                        text = rest;
                        single.text.push_str(own);
                    } else {
                        let (own, rest) = bytes.split_at_checked(length).unwrap_or_default();
                        bytes = rest;
                        single.bytes.extend_from_slice(own);
                    }
                    push_frame(&mut single, frame.connection, frame.kind, length);
                    singles.push(single);
                }
            }
            Event::Commanded(commanded) => {
                let mut before = commanded.before;
                for order in commanded.orders {
                    let for_all = u64::from(order.socket.is_none());
                    let one = Commanded {
                        app: commanded.app,
                        orders: vec![order],
                        place: commanded.place,
                        before,
                        home: commanded.home,
                    };
                    before += for_all;
                    singles.push(Happened {
                        events: vec![Event::Commanded(one)],
                        ..nothing()
                    });
                }
            }
            other => singles.push(Happened {
                events: vec![other],
                ..nothing()
            }),
        }
    }
    singles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::contract::{Collected, Drained};

    fn order(socket: Option<u64>, data: &str) -> Order {
        Order {
            socket,
            act: Act::SetData(data.to_owned()),
        }
    }

    fn batch() -> Happened {
        let mut batch = nothing();
        for number in 0..20_u8 {
            batch.text.push_str(&"t".repeat(usize::from(number)));
            push_frame(&mut batch, 1, FrameKind::Text, usize::from(number));
            batch.bytes.extend_from_slice(&[number; 3]);
            push_frame(&mut batch, 2, FrameKind::Binary, 3);
        }
        batch.events.push(Event::Collected(Collected {
            connection: 3,
            body: Body::Whole(vec![0; 5000]),
        }));
        let orders = (0..20_u64).map(|number| order((number % 2 == 0).then_some(number), "{}"));
        batch.events.push(Event::Commanded(Commanded {
            app: 0,
            orders: orders.collect(),
            place: 1,
            before: 7,
            home: true,
        }));
        batch.events.push(Event::Drained(Drained {
            session: 4,
            frames: vec![Frame::Text("x".repeat(1000))],
            compress: false,
        }));
        push_frame(&mut batch, 5, FrameKind::Text, 0);
        batch
    }

    #[test]
    fn portions_lose_nothing_and_are_bounded() {
        let whole = weight(&batch());
        for bytes_max in [0, 1, 200, 1000, 3000, whole - 1, whole, usize::MAX] {
            let portions = portions(batch(), bytes_max);
            assert_eq!(portions.len() == 1, bytes_max >= whole);
            for portion in &portions {
                let alone = singles(portion.clone()).len() == 1;
                assert!(weight(portion) <= bytes_max || alone, "{bytes_max}");
            }
            let again: Vec<_> = portions.into_iter().flat_map(singles).collect();
            assert_eq!(again, singles(batch()), "{bytes_max}");
        }
    }

    #[test]
    fn a_portion_for_an_app_has_at_least_one_event() {
        let elapsed = [
            Happening::Elapsed(1),
            Happening::Elapsed(2),
            Happening::Elapsed(3),
        ];
        assert_eq!(count_of_portion(&elapsed, 0), 1);
        assert_eq!(count_of_portion(&elapsed, 2 * EVENT_BYTES), 2);
        assert_eq!(count_of_portion(&elapsed, usize::MAX), 3);
    }

    #[test]
    fn what_is_written_out_is_weighed() {
        let few = weight_of_order(&order(None, ""));
        assert_eq!(weight_of_order(&order(None, &"x".repeat(999))), few + 999);
        let long = Order {
            socket: None,
            act: Act::Join(vec!["y".repeat(5000)]),
        };
        assert!(weight_of_order(&long) > 5000);
    }
}
