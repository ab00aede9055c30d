//! What comes later, once: an acknowledgement, a list of sockets, a response.

use crate::runtime::Runtime;
use crate::scope::Scope;
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// An answer that was asked for: await it, or give it a function with [`then`](Self::then). The question
/// is under way already, whether or not anybody looks at the answer (as with a promise in JavaScript).
///
/// ```
/// # use holdfast_sdk::Socket;
/// # use std::time::Duration;
/// # fn connected(socket: &Socket) {
/// socket.on("guess", async |socket: &Socket| {
///     let asked = socket.timeout(Duration::from_secs(5)).emit_with_ack::<u32>("number?", ());
///     match asked.await {
///         Ok(number) => socket.emit("twice", number * 2),
///         Err(error) => socket.emit("never mind", error.to_string()),
///     }
/// });
/// socket.timeout(Duration::from_secs(5)).emit_with_ack("ready?", ()).then(|answer: Result<bool, _>| {
///     holdfast_sdk::info!("ready: {answer:?}");
/// });
/// # }
/// ```
pub struct Answer<T> {
    slot: Rc<RefCell<Slot<T>>>,
}

struct Slot<T> {
    state: State<T>,
    /// What asked.
    scope: Scope,
}

enum State<T> {
    /// Nobody looks yet.
    Open,
    /// A task waits.
    Awaited(Waker),
    /// A function waits.
    Called(Box<dyn FnOnce(T)>),
    /// It is there.
    Ready(T),
    /// It was handed over.
    Taken,
}

/// Where the answer is given.
pub(crate) struct Sender<T> {
    slot: Rc<RefCell<Slot<T>>>,
}

impl<T: 'static> Answer<T> {
    /// An answer, and where it is to be given.
    pub(crate) fn new() -> (Sender<T>, Self) {
        let scope = Runtime::current().map_or(Scope::Nothing, |runtime| runtime.scope());
        let slot = Rc::new(RefCell::new(Slot {
            state: State::Open,
            scope,
        }));
        let sender = Sender {
            slot: Rc::clone(&slot),
        };
        (sender, Self { slot })
    }

    /// Calls a function with the answer when it is there, instead of awaiting it: once, and never before
    /// the function that asks has returned.
    pub fn then(self, call: impl FnOnce(T) + 'static) {
        let mut slot = self.slot.borrow_mut();
        match std::mem::replace(&mut slot.state, State::Taken) {
            State::Ready(value) => {
                let scope = slot.scope.clone();
                drop(slot);
                match Runtime::current() {
                    Some(runtime) => {
                        let here = Rc::clone(&runtime);
                        runtime.defer(move || here.within(scope, || call(value)));
                    }
                    None => call(value),
                }
            }
            _ => slot.state = State::Called(Box::new(call)),
        }
    }
}

impl<T: 'static> Sender<T> {
    /// Gives the answer.
    pub(crate) fn send(self, value: T) {
        let mut slot = self.slot.borrow_mut();
        match std::mem::replace(&mut slot.state, State::Taken) {
            State::Called(call) => {
                let scope = std::mem::take(&mut slot.scope);
                drop(slot);
                match Runtime::current() {
                    Some(runtime) => runtime.within(scope, || call(value)),
                    None => call(value),
                }
            }
            before => {
                slot.state = State::Ready(value);
                drop(slot);
                if let State::Awaited(waker) = before {
                    waker.wake();
                }
            }
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.slot.borrow_mut();
        match std::mem::replace(&mut slot.state, State::Taken) {
            State::Ready(value) => Poll::Ready(value),
            // Polled again after it was ready, which no await does: it never comes.
            State::Taken => Poll::Pending,
            before => {
                slot.state = State::Awaited(context.waker().clone());
                drop(slot);
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
