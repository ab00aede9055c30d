//! What of the app runs now, in words: every line that this crate itself logs begins with it. Set by
//! `dispatch` around handlers and by `tasks` around each step of a future; it decides nothing.

use crate::Socket;
use crate::log::quoted;
use crate::runtime::Runtime;
use std::fmt;
use std::rc::Rc;

/// What runs.
#[derive(Clone, Default)]
pub(crate) enum Scope {
    /// Nothing of the app.
    #[default]
    Nothing,
    /// The function given to `app!`.
    Start,
    /// A listener of this event.
    Event(Socket, Rc<str>),
    /// A connection handler.
    Connection(Socket),
    /// A middleware of a namespace.
    Middleware(Socket),
    /// A listener of `on_disconnecting` or `on_disconnect`.
    Disconnect(Socket),
    /// A listener of server-side messages: namespace and event.
    Served(Rc<str>, Rc<str>),
    /// A listener of rooms, of this namespace.
    Room(Rc<str>),
    /// The functions of `allow_request`, `cors` or `on_connection_error`.
    Request(&'static str),
    /// A timer's function.
    Timer,
    /// A future given to `spawn` outside of all that.
    Task,
    /// The functions of `on_stopping`.
    Stopping,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |f: &mut fmt::Formatter<'_>, socket: &Socket| {
            let (id, name) = (socket.id(), socket.namespace().name());
            write!(f, " of socket {id} in {}", plain(name))
        };
        match self {
            Self::Nothing => Ok(()),
            Self::Start => f.write_str("start"),
            Self::Event(socket, event) => {
                write!(f, "handler of {}", quoted(event))?;
                of(f, socket)
            }
            Self::Connection(socket) => {
                f.write_str("connection handler")?;
                of(f, socket)
            }
            Self::Middleware(socket) => {
                f.write_str("middleware")?;
                of(f, socket)
            }
            Self::Disconnect(socket) => {
                f.write_str("disconnect handler")?;
                of(f, socket)
            }
            Self::Served(namespace, event) => {
                write!(f, "server-side handler of {}", quoted(event))?;
                write!(f, " in {}", plain(namespace))
            }
            Self::Room(namespace) => write!(f, "room handler of {}", plain(namespace)),
            Self::Request(what) => f.write_str(what),
            Self::Timer => f.write_str("timer"),
            Self::Task => f.write_str("task"),
            Self::Stopping => f.write_str("stopping"),
        }
    }
}

/// A namespace's name, which a client may have chosen, as it is if it is harmless.
fn plain(name: &str) -> String {
    let is_plain = name.len() <= crate::limits::QUOTED_CHARS_MAX
        && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain {
        name.to_owned()
    } else {
        quoted(name)
    }
}

impl Runtime {
    /// Runs a function of the app under a name, and afterwards puts back the one that was.
    pub(crate) fn within<T>(&self, scope: Scope, run: impl FnOnce() -> T) -> T {
        let before = self.scope.replace(scope);
        let result = run();
        let done = self.scope.replace(before);
        drop(done);
        result
    }

    /// What runs now.
    pub(crate) fn scope(&self) -> Scope {
        self.scope.borrow().clone()
    }
}
