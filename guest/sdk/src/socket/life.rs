//! What lasts as long as a socket: tasks that end with it, the wait for its end, the app's own values.
//! Made when somebody first asks for it, because most sockets need none of it.

use super::Socket;
use crate::bindings::exports::holdfast::edge::types::Act;
use crate::state::Extensions;
use crate::tasks::JoinHandle;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What only some sockets have.
#[derive(Default)]
pub(super) struct Extras {
    extensions: Extensions,
    /// The tasks that end with it.
    tasks: RefCell<Vec<u64>>,
    /// Who waits for its end.
    waiting: RefCell<BTreeMap<u64, Waker>>,
    last: Cell<u64>,
    /// What is to be done with it when it is let in.
    held: RefCell<Vec<Act>>,
}

/// While it lasts.
impl Socket {
    /// Runs a future beside everything else, as [`spawn`](crate::spawn) does, and ends it with the socket:
    /// when the client is gone, after the functions of `on_disconnect`, what the future holds is dropped
    /// wherever it waits. Of a socket that is gone already, it never runs.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let runtime = self.0.namespace.runtime();
        if self.0.ended.get().is_some() {
            let never = runtime.spawn(None, future);
            never.abort();
            return never;
        }
        runtime.spawn(Some(self.clone()), future)
    }

    /// Waits until the client is gone, for whatever reason: the reason is in Socket.IO's words. Of a
    /// socket that is gone already, at once.
    ///
    /// ```
    /// # use holdfast_sdk::{Socket, sleep, spawn};
    /// # use std::time::Duration;
    /// # fn connected(socket: &Socket) {
    /// let (io, id, closed) = (socket.io(), socket.id().to_owned(), socket.closed());
    /// spawn(async move {
    ///     let reason = closed.await;
    ///     sleep(Duration::from_secs(10)).await;
    ///     io.emit("left", (id, reason));
    /// });
    /// # }
    /// ```
    pub fn closed(&self) -> Closed {
        let extras = self.extras();
        extras.last.set(extras.last.get() + 1);
        Closed {
            socket: self.clone(),
            number: extras.last.get(),
        }
    }

    /// Values that the app keeps with it in memory, by their type: not sent anywhere, lost in a swap or a
    /// crash. What is to survive those goes into `set_data`.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extras().extensions
    }
}

/// For the rest of the crate.
impl Socket {
    fn extras(&self) -> &Extras {
        self.0.extras.get_or_init(Box::default)
    }

    /// Keeps what is done with it until it is let in.
    pub(crate) fn hold(&self) {
        self.0.is_held.set(true);
    }

    pub(super) fn held(&self, act: Act) {
        self.extras().held.borrow_mut().push(act);
    }

    /// What was kept.
    pub(crate) fn release(&self) -> Vec<Act> {
        self.0.is_held.set(false);
        self.extras().held.take()
    }

    pub(crate) fn add_task(&self, number: u64) {
        self.extras().tasks.borrow_mut().push(number);
    }

    pub(crate) fn remove_task(&self, number: u64) {
        if let Some(extras) = self.0.extras.get() {
            extras.tasks.borrow_mut().retain(|known| *known != number);
        }
    }

    /// It is gone, for this reason.
    pub(crate) fn end(&self, reason: &str) {
        if self.0.ended.set(reason.to_owned()).is_err() {
            return;
        }
        let Some(extras) = self.0.extras.get() else {
            return;
        };
        for waker in extras.waiting.take().into_values() {
            waker.wake();
        }
        for task in extras.tasks.take() {
            self.0.namespace.runtime().abort(task);
        }
        extras.extensions.clear();
    }
}

/// The end of a socket, to be awaited: see [`Socket::closed`].
#[must_use = "a future waits only when it is awaited"]
pub struct Closed {
    socket: Socket,
    number: u64,
}

impl Future for Closed {
    type Output = String;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
        if let Some(reason) = self.socket.0.ended.get() {
            return Poll::Ready(reason.clone());
        }
        let mut waiting = self.socket.extras().waiting.borrow_mut();
        let before = waiting.insert(self.number, context.waker().clone());
        drop(waiting);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let waker = self
            .socket
            .extras()
            .waiting
            .borrow_mut()
            .remove(&self.number);
        drop(waker);
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Closed({:?})", self.socket)
    }
}
