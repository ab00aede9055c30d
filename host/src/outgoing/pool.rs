//! Connections that an app's requests have left open, to be used again.
//!
//! Called by `exchange`, on one shard, for one instance of an app. It opens nothing.

use super::hosts::Target;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// Connections that wait for a next request; the one that has waited longest is closed for one more.
const IDLE_MAX: usize = 64;
/// Of these, those to one host.
const IDLE_PER_TARGET_MAX: usize = 8;
/// How long a connection waits for a next request.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// A connection that HTTP/1.1 is spoken on. Dropped, it is closed at once.
pub struct Connection {
    pub sender: SendRequest<Full<Bytes>>,
    /// The task that reads and writes.
    task: AbortHandle,
}

impl Connection {
    /// A connection, and the task that works for it.
    pub const fn new(sender: SendRequest<Full<Bytes>>, task: AbortHandle) -> Self {
        Self { sender, task }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Idle {
    target: Target,
    connection: Connection,
    since: Instant,
}

/// The connections that wait, the longest first.
#[derive(Default)]
pub struct Pool {
    idle: RefCell<Vec<Idle>>,
    /// Whether a task waits for the oldest to expire.
    is_watched: Cell<bool>,
}

impl Pool {
    /// The connection to a target that was used last, if one waits that can still be used.
    pub fn take(&self, target: &Target) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|one| one.connection.sender.is_ready());
        let at = idle.iter().rposition(|one| one.target == *target)?;
        Some(idle.remove(at).connection)
    }

    /// Keeps a connection for a next request. Called within the shard's runtime.
    pub fn put(self: &Rc<Self>, target: Target, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|one| one.connection.sender.is_ready());
        let is_same = |one: &Idle| one.target == target;
        if idle.iter().filter(|one| is_same(one)).count() >= IDLE_PER_TARGET_MAX
            && let Some(at) = idle.iter().position(is_same)
        {
            idle.remove(at);
        }
        if idle.len() >= IDLE_MAX {
            idle.remove(0);
        }
        idle.push(Idle {
            target,
            connection,
            since: Instant::now(),
        });
        if !self.is_watched.replace(true) {
            tokio::task::spawn_local(expire(Rc::downgrade(self)));
        }
    }

    /// Closes what has waited too long by now, and says when to look again.
    fn prune(&self, now: Instant) -> Option<Instant> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|one| one.connection.sender.is_ready() && one.since + IDLE_TIME > now);
        let next = idle.first().map(|one| one.since + IDLE_TIME);
        self.is_watched.set(next.is_some());
        next
    }
}

/// Closes connections when their time is over, for as long as there are any.
async fn expire(pool: Weak<Pool>) {
    while let Some(at) = pool.upgrade().and_then(|pool| pool.prune(Instant::now())) {
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper_util::rt::TokioIo;
    use tokio::io::{DuplexStream, duplex};
    use url::Host;

    fn target(port: u16) -> Target {
        Target {
            secure: false,
            host: Host::Domain("a.example".to_owned()),
            port,
        }
    }

    /// A connection that can be used, and its other end.
    async fn connection() -> (Connection, DuplexStream) {
        let (near, far) = duplex(64);
        let (mut sender, task) = hyper::client::conn::http1::handshake(TokioIo::new(near))
            .await
            .unwrap();
        let task = tokio::task::spawn_local(async move {
            let _ = task.await;
        });
        sender.ready().await.unwrap();
        (Connection::new(sender, task.abort_handle()), far)
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(tokio::task::LocalSet::new().run_until(test));
    }

    #[test]
    fn few_connections_wait() {
        run(async {
            let pool = Rc::new(Pool::default());
            let mut ends = Vec::new();
            let counts = |pool: &Pool| {
                let idle = pool.idle.borrow();
                let same = idle.iter().filter(|one| one.target == target(0));
                (idle.len(), same.count())
            };
            for _ in 0..IDLE_PER_TARGET_MAX + 3 {
                let (connection, end) = connection().await;
                ends.push(end);
                pool.put(target(0), connection);
            }
            assert_eq!(counts(&pool), (IDLE_PER_TARGET_MAX, IDLE_PER_TARGET_MAX));
            for port in 1..=60 {
                let (connection, end) = connection().await;
                ends.push(end);
                pool.put(target(port), connection);
            }
            assert_eq!(counts(&pool), (IDLE_MAX, 4), "the oldest are closed");
            assert!(pool.take(&target(60)).is_some() && pool.take(&target(60)).is_none());
            let soon = Instant::now() + IDLE_TIME / 2;
            assert!(pool.prune(soon).is_some_and(|next| next > soon));
            assert_eq!(counts(&pool), (IDLE_MAX - 1, 4));
            assert_eq!(pool.prune(Instant::now() + IDLE_TIME), None);
            assert_eq!(counts(&pool), (0, 0));
        });
    }

    #[test]
    fn a_closed_connection_is_not_used_again() {
        run(async {
            let pool = Rc::new(Pool::default());
            let (connection, end) = connection().await;
            pool.put(target(0), connection);
            drop(end);
            while pool.take(&target(0)).is_some_and(|connection| {
                pool.put(target(0), connection);
                true
            }) {
                tokio::task::yield_now().await;
            }
            assert!(pool.idle.borrow().is_empty());
        });
    }
}
