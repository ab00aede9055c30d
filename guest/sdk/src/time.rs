//! Time as futures: `sleep`, `interval`, `timeout`. They wait on the same queue as the app's timers.

use crate::limits::TIMERS_MAX;
use crate::log::error;
use crate::runtime::Runtime;
use crate::timers::{Due, Timer, milliseconds};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Wakes a task when a time has come.
#[derive(Default)]
pub(crate) struct Alarm {
    has_rung: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Alarm {
    pub(crate) fn ring(&self) {
        self.has_rung.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Waits so long (at least 1 ms, as in JavaScript), counted from now, not from the first poll.
///
/// It counts among the app's timers: at `TIMERS_MAX`, or outside of an app, it never ends, with an error
/// in the log.
///
/// ```
/// # use holdfast_sdk::{Ack, Socket, sleep};
/// # use std::time::Duration;
/// # fn connected(socket: &Socket) {
/// socket.on("later", async |ms: u64, ack: Ack| {
///     sleep(Duration::from_millis(ms)).await;
///     ack.send(ms);
/// });
/// # }
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    match Runtime::current() {
        Some(runtime) => Sleep::until(&runtime, runtime.later(duration)),
        None => {
            error!("sleep: outside of an app there is no time");
            Sleep {
                alarm: Rc::default(),
                timer: None,
                runtime: Weak::new(),
            }
        }
    }
}

/// A wait: see [`sleep`]. Dropped, it is forgotten.
#[must_use = "a future waits only when it is awaited"]
pub struct Sleep {
    alarm: Rc<Alarm>,
    timer: Option<Timer>,
    runtime: Weak<Runtime>,
}

impl Sleep {
    fn until(runtime: &Rc<Runtime>, due_ms: u64) -> Self {
        let alarm = Rc::new(Alarm::default());
        let timer = runtime.timers.add(due_ms, Due::Wake(Rc::clone(&alarm)));
        if timer.is_none() {
            error!("{TIMERS_MAX} timers are set, which is the limit: this sleep never ends");
        }
        Self {
            alarm,
            timer,
            runtime: Rc::downgrade(runtime),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.alarm.has_rung.get() {
            return Poll::Ready(());
        }
        let before = self.alarm.waker.replace(Some(context.waker().clone()));
        drop(before);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let (false, Some(timer)) = (self.alarm.has_rung.get(), self.timer)
            && let Some(runtime) = self.runtime.upgrade()
        {
            runtime.timers.clear(timer);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sleep(over: {})", self.alarm.has_rung.get())
    }
}

/// Ticks every so often (at least 1 ms), for the first time after one period, as in JavaScript. Ticks
/// that have passed unnoticed are left out.
///
/// ```
/// # use holdfast_sdk::{Socket, interval};
/// # use std::time::Duration;
/// # fn connected(socket: &Socket) {
/// let clock = socket.clone();
/// socket.spawn(async move {
///     let mut seconds = interval(Duration::from_secs(1));
///     loop {
///         seconds.tick().await;
///         clock.emit("tick", clock.io().now_ms());
///     }
/// });
/// # }
/// ```
#[must_use]
pub fn interval(period: Duration) -> Interval {
    let every_ms = milliseconds(period);
    let next_ms = Runtime::current().map_or(0, |runtime| runtime.later(period));
    Interval { every_ms, next_ms }
}

/// Ticks again and again: see [`interval`].
#[derive(Debug)]
pub struct Interval {
    every_ms: u64,
    next_ms: u64,
}

impl Interval {
    /// Waits for the next tick.
    pub async fn tick(&mut self) {
        let Some(runtime) = Runtime::current() else {
            return sleep(Duration::from_millis(self.every_ms)).await;
        };
        let now_ms = runtime.now_ms.get();
        if self.next_ms < now_ms {
            let missed = (now_ms - self.next_ms).div_ceil(self.every_ms);
            self.next_ms = self
                .next_ms
                .saturating_add(missed.saturating_mul(self.every_ms));
        }
        let due_ms = self.next_ms.max(now_ms.saturating_add(1));
        let sleep = Sleep::until(&runtime, due_ms);
        drop(runtime);
        sleep.await;
        self.next_ms = due_ms.saturating_add(self.every_ms);
    }
}

/// The time given to [`timeout`] is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is up")]
pub struct Elapsed;

/// Waits for a future at most so long; then it is dropped.
///
/// # Errors
/// (of the future) When the time is up first.
///
/// ```
/// # use holdfast_sdk::{Io, timeout};
/// # use std::time::Duration;
/// # async fn count(io: &Io) -> Option<usize> {
/// let sockets = timeout(Duration::from_millis(500), io.fetch_sockets()).await.ok()?;
/// Some(sockets.len())
/// # }
/// ```
pub fn timeout<F: IntoFuture>(
    after: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    let sleep = sleep(after);
    async move {
        let mut future = pin!(future.into_future());
        let mut sleep = pin!(sleep);
        std::future::poll_fn(move |context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            sleep.as_mut().poll(context).map(|()| Err(Elapsed))
        })
        .await
    }
}
