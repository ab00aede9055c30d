//! Futures of the app: a small executor inside `handle`. A task is polled when something has woken it
//! (a timer, an acknowledgement, an answer, a channel) and at no other time; nothing here blocks, and a
//! task that waits holds nobody up.
//!
//! A waker only notes a number under a lock, so it may be called from anywhere, other threads included
//! (natively there are some). The futures themselves never leave their thread.

use crate::Socket;
use crate::answer::{Answer, Sender};
use crate::limits::{POLLS_PER_CALL_MAX, TASKS_MAX};
use crate::log::error;
use crate::numbers::NumberMap;
use crate::runtime::Runtime;
use crate::scope::Scope;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A future of this thread.
pub(crate) type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// What a function of the app gives: a result, or a future of it.
pub(crate) enum Step<T> {
    /// The result.
    Now(T),
    /// Not yet.
    Later(LocalFuture<T>),
}

/// Runs a future beside everything else (as `tokio::spawn` does). It is polled for the first time when
/// the function that runs now has returned. Dropping the handle lets it run on; [`JoinHandle::abort`]
/// ends it, and so does a swap or a crash of the app.
///
/// At `TASKS_MAX`, or outside of an app: it never runs, with an error in the log, and the handle says
/// [`Cancelled`]. A panic in it ends the instance, as in every handler.
///
/// ```
/// # use holdfast_sdk::{Io, sleep, spawn};
/// # use std::time::Duration;
/// # fn app(io: &Io) {
/// let everybody = io.clone();
/// spawn(async move {
///     for count in (0..10).rev() {
///         sleep(Duration::from_secs(1)).await;
///         everybody.emit("countdown", count);
///     }
/// });
/// # }
/// ```
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match Runtime::current() {
        Some(runtime) => runtime.spawn(None, future),
        None => {
            error!("spawn: outside of an app nothing runs a task");
            JoinHandle::refused()
        }
    }
}

/// Lets everything else that is ready run first.
pub async fn yield_now() {
    let mut has_yielded = false;
    std::future::poll_fn(move |context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Why a task has no result: it was aborted, or never ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task was cancelled")]
pub struct Cancelled;

/// A task: awaiting it gives its result. Dropping it changes nothing.
pub struct JoinHandle<T> {
    result: Answer<Result<T, Cancelled>>,
    is_finished: Rc<Cell<bool>>,
    number: u64,
    runtime: Weak<Runtime>,
}

impl<T: 'static> JoinHandle<T> {
    /// One whose task never ran.
    fn refused() -> Self {
        let (sender, result) = Answer::new();
        sender.send(Err(Cancelled));
        Self {
            result,
            is_finished: Rc::new(Cell::new(true)),
            number: 0,
            runtime: Weak::new(),
        }
    }
}

impl<T> JoinHandle<T> {
    /// Ends the task where it waits now: what it holds is dropped. A finished one is ignored.
    pub fn abort(&self) {
        if let Some(runtime) = self.runtime.upgrade() {
            runtime.abort(self.number);
        }
    }

    /// Whether it has ended, in whatever way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_finished.get()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result).poll(context)
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle(finished: {})", self.is_finished())
    }
}

/// Tells the handle when the task ends; dropped with an unfinished task, that it was cancelled.
struct Ending<T: 'static> {
    sender: Option<Sender<Result<T, Cancelled>>>,
    is_finished: Rc<Cell<bool>>,
}

impl<T> Ending<T> {
    fn send(&mut self, result: Result<T, Cancelled>) {
        if let Some(sender) = self.sender.take() {
            self.is_finished.set(true);
            sender.send(result);
        }
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.send(Err(Cancelled));
    }
}

/// One future and what it is.
struct Task {
    /// None while it is being polled.
    future: RefCell<Option<LocalFuture<()>>>,
    waker: Waker,
    flag: Arc<Flag>,
    scope: Scope,
    /// Whose: it ends with this socket.
    owner: Option<Socket>,
}

/// All tasks of an app.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: RefCell<NumberMap<Rc<Task>>>,
    last: Cell<u64>,
    /// How many polls this call may still make.
    polls: Cell<usize>,
    ready: Arc<Ready>,
}

/// The numbers of the tasks that were woken, in order.
#[derive(Default)]
struct Ready {
    queue: Mutex<VecDeque<u64>>,
    /// Whether there may be any: looked at after every event, so without the lock.
    is_some: AtomicBool,
}

impl Ready {
    fn push(&self, number: u64) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back(number);
        self.is_some.store(true, Ordering::Release);
    }

    fn pop(&self) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let number = queue.pop_front();
        self.is_some.store(!queue.is_empty(), Ordering::Release);
        number
    }

    fn is_empty(&self) -> bool {
        !self.is_some.load(Ordering::Acquire)
    }
}

/// A task's waker: it is in the queue at most once.
struct Flag {
    number: u64,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.number);
        }
    }
}

impl Tasks {
    /// Whether one more may run.
    pub(crate) fn has_room(&self) -> bool {
        self.tasks.borrow().len() < TASKS_MAX
    }

    /// How many there are.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn count(&self) -> usize {
        self.tasks.borrow().len()
    }

    /// A call has begun.
    pub(crate) fn begin(&self) {
        self.polls.set(POLLS_PER_CALL_MAX);
    }

    /// Whether some are left over for the next call.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn add(&self, scope: Scope, owner: Option<Socket>, future: LocalFuture<()>) -> u64 {
        let number = self.last.get() + 1;
        self.last.set(number);
        let flag = Arc::new(Flag {
            number,
            is_queued: AtomicBool::new(false),
            ready: Arc::clone(&self.ready),
        });
        let task = Task {
            future: RefCell::new(Some(future)),
            waker: Waker::from(Arc::clone(&flag)),
            flag,
            scope,
            owner,
        };
        self.tasks.borrow_mut().insert(number, Rc::new(task));
        number
    }

    /// Drops all of them, and what they hold.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn close(&self) {
        let tasks = self.tasks.take();
        drop(tasks);
    }
}

impl Runtime {
    /// Runs a future in place until it waits for the first time, then as a task: how a handler runs. At
    /// `TASKS_MAX` it is dropped, with an error in the log.
    pub(crate) fn start_task(&self, scope: Scope, future: LocalFuture<()>) {
        if !self.tasks.has_room() {
            return self.within(scope, || {
                error!(
                    "{TASKS_MAX} tasks are under way, which is the limit: one more is not begun"
                );
            });
        }
        let number = self.tasks.add(scope, None, future);
        self.poll_task(number);
    }

    /// Goes on with what a function of the app gives, now or later. Of a future that cannot run,
    /// nothing is heard: ask `has_room` before.
    pub(crate) fn follow<T: 'static>(
        &self,
        scope: Scope,
        step: Step<T>,
        then: impl FnOnce(T) + 'static,
    ) {
        match step {
            Step::Now(result) => then(result),
            Step::Later(future) => {
                self.start_task(scope, Box::pin(async move { then(future.await) }));
            }
        }
    }

    pub(crate) fn spawn<F>(
        self: &Rc<Self>,
        owner: Option<Socket>,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        if !self.tasks.has_room() {
            error!(
                "spawn: {TASKS_MAX} tasks are under way, which is the limit: this one never runs"
            );
            return JoinHandle::refused();
        }
        let (sender, result) = Answer::new();
        let is_finished = Rc::new(Cell::new(false));
        let mut ending = Ending {
            sender: Some(sender),
            is_finished: Rc::clone(&is_finished),
        };
        let scope = match self.scope() {
            Scope::Nothing | Scope::Start => Scope::Task,
            scope => scope,
        };
        let future = Box::pin(async move {
            let value = future.await;
            ending.send(Ok(value));
        });
        let number = self.tasks.add(scope, owner, future);
        let task = self.tasks.tasks.borrow().get(&number).cloned();
        if let Some(task) = task {
            if let Some(owner) = &task.owner {
                owner.add_task(number);
            }
            task.waker.wake_by_ref();
        }
        JoinHandle {
            result,
            is_finished,
            number,
            runtime: Rc::downgrade(self),
        }
    }

    /// Ends a task, unless it has ended.
    pub(crate) fn abort(&self, number: u64) {
        let task = self.tasks.tasks.borrow_mut().remove(&number);
        let Some(task) = task else { return };
        if let Some(owner) = &task.owner {
            owner.remove_task(number);
        }
        // Dropped without a borrow: what it holds may come back here. One that aborts itself is dropped
        // when its poll returns.
        let future = task.future.take();
        drop(future);
    }

    /// Polls the tasks that were woken, and those that these wake, until all wait or the call's polls are
    /// used up.
    pub(crate) fn run_tasks(&self) {
        while self.tasks.polls.get() > 0 {
            let Some(number) = self.tasks.ready.pop() else {
                return;
            };
            self.tasks.polls.set(self.tasks.polls.get() - 1);
            self.poll_task(number);
            self.run_deferred();
        }
    }

    fn poll_task(&self, number: u64) {
        let task = self.tasks.tasks.borrow().get(&number).cloned();
        let Some(task) = task else { return };
        task.flag.is_queued.store(false, Ordering::Release);
        let Some(mut future) = task.future.take() else {
            return;
        };
        let mut context = Context::from_waker(&task.waker);
        let poll = self.within(task.scope.clone(), || future.as_mut().poll(&mut context));
        let is_alive = self.tasks.tasks.borrow().contains_key(&number);
        match poll {
            Poll::Pending if is_alive => {
                task.future.replace(Some(future));
            }
            Poll::Pending => drop(future),
            Poll::Ready(()) => {
                drop(future);
                let ended = self.tasks.tasks.borrow_mut().remove(&number);
                if let Some(owner) = ended.as_ref().and_then(|task| task.owner.as_ref()) {
                    owner.remove_task(number);
                }
            }
        }
    }
}
