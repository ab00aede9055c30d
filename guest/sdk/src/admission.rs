//! Who may open a session, what foreign pages may do, and who was refused.

use crate::bindings::exports::holdfast::edge::types::{
    Act, Denied, Handshake, Header, Judgement, Judging, Share,
};
use crate::runtime::Runtime;
use std::rc::Rc;

/// Decides whether a session may be opened.
pub(crate) type Judge = Rc<dyn Fn(&Handshake) -> Result<Admission, String>>;
/// Decides what foreign pages may do: Socket.IO's `cors` options as JSON text.
pub(crate) type Cors = Rc<dyn Fn(&Handshake) -> Result<String, String>>;
/// Hears of a refused request.
pub(crate) type OnDenied = Rc<dyn Fn(&Denied)>;

/// A session may be opened: what `Io::allow_request` answers. `()` becomes one without headers.
///
/// ```
/// # use holdfast_sdk::{Admission, Io};
/// # fn app(io: &Io) {
/// io.allow_request(|handshake| match handshake.query("version") {
///     Some("1") => Ok(Admission::new().initial_header("x-served-by", "one")),
///     _ => Err("an old version".to_owned()),
/// });
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    initial_headers: Vec<Header>,
    headers: Vec<Header>,
}

impl Admission {
    /// Without headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A header for the answer that opens the session (Engine.IO `initial_headers`).
    #[must_use]
    pub fn initial_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.initial_headers.push(header(name, value));
        self
    }

    /// A header for every answer to a request of the session, that one too (Engine.IO `headers`).
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(header(name, value));
        self
    }
}

fn header(name: &str, value: impl Into<String>) -> Header {
    Header {
        name: name.to_ascii_lowercase(),
        value: value.into(),
    }
}

impl From<()> for Admission {
    fn from((): ()) -> Self {
        Self::new()
    }
}

impl Runtime {
    pub(crate) fn handle_judging(&self, judging: Judging) {
        let judge = self.judge.borrow().clone();
        let verdict = judge.map_or(Ok(Admission::new()), |judge| judge(&judging.handshake));
        let (refusal, admission) = match verdict {
            Ok(admission) => (None, admission),
            Err(reason) => (Some(reason), Admission::new()),
        };
        self.order_all(Act::Judge(Judgement {
            token: judging.token,
            refusal,
            initial_headers: admission.initial_headers,
            headers: admission.headers,
        }));
    }

    pub(crate) fn handle_sharing(&self, sharing: Judging) {
        let cors = self.cors.borrow().clone();
        let outcome = cors.map_or(Ok("false".to_owned()), |cors| cors(&sharing.handshake));
        self.order_all(Act::Share(Share {
            token: sharing.token,
            outcome,
        }));
    }

    pub(crate) fn handle_denied(&self, denied: &Denied) {
        let calls = self.denials.borrow().clone();
        for call in calls {
            call(denied);
        }
    }
}
