//! Who may open a session, what foreign pages may do, and who was refused.

use crate::bindings::exports::holdfast::edge::types::{
    Act, Denied, Handshake, Header, Judgement, Judging, Share,
};
use crate::runtime::Runtime;
use crate::scope::Scope;
use crate::tasks::Step;
use std::rc::Rc;

/// Decides about a handshake, now or later.
pub(crate) type Decides<T> = Rc<dyn Fn(Handshake) -> Step<Result<T, String>>>;
/// Decides whether a session may be opened.
pub(crate) type Judge = Decides<Admission>;
/// Decides what foreign pages may do: Socket.IO's `cors` options as JSON text.
pub(crate) type Cors = Decides<String>;
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
    pub(crate) fn handle_judging(self: &Rc<Self>, judging: Judging) {
        let judge = self.judge.borrow().clone();
        let Judging { token, handshake } = judging;
        let runtime = Rc::clone(self);
        let answer = move |verdict: Result<Admission, String>| {
            let (refusal, admission) = match verdict {
                Ok(admission) => (None, admission),
                Err(reason) => (Some(reason), Admission::new()),
            };
            runtime.order_all(Act::Judge(Judgement {
                token,
                refusal,
                initial_headers: admission.initial_headers,
                headers: admission.headers,
            }));
        };
        self.decide("allow_request", judge, handshake, answer, Admission::new());
    }

    pub(crate) fn handle_sharing(self: &Rc<Self>, sharing: Judging) {
        let cors = self.cors.borrow().clone();
        let Judging { token, handshake } = sharing;
        let runtime = Rc::clone(self);
        let answer = move |outcome| runtime.order_all(Act::Share(Share { token, outcome }));
        self.decide("cors", cors, handshake, answer, "false".to_owned());
    }

    /// Asks a function about a handshake, and answers when it has decided.
    fn decide<T: 'static>(
        &self,
        what: &'static str,
        function: Option<Decides<T>>,
        handshake: Handshake,
        answer: impl FnOnce(Result<T, String>) + 'static,
        otherwise: T,
    ) {
        let Some(function) = function else {
            return answer(Ok(otherwise));
        };
        let scope = Scope::Request(what);
        match self.within(scope.clone(), || function(handshake)) {
            Step::Now(verdict) => answer(verdict),
            Step::Later(_) if !self.tasks.has_room() => answer(Err("too busy".to_owned())),
            step => self.follow(scope, step, answer),
        }
    }

    pub(crate) fn handle_denied(&self, denied: &Denied) {
        let calls = self.denials.borrow().clone();
        for call in calls {
            self.within(Scope::Request("on_connection_error"), || call(denied));
        }
    }
}
