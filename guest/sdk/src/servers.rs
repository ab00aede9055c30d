//! Messages between the instances of an app, on other shards and nodes (Socket.IO `serverSideEmit`).

use crate::answer::Answer;
use crate::args::{encode_answer, encode_event, split_event};
use crate::bindings::exports::holdfast::edge::types::{
    Act, Answered, Payload, ReturnAddress, Serve, ServeReply, Served,
};
use crate::component::Outcome;
use crate::events::AllAnswers;
use crate::handler::Ran;
use crate::limits::{SERVER_QUESTIONS_MAX, SERVER_TIMEOUT_MS};
use crate::log::quoted;
use crate::log::{error, warn};
use crate::message::RESERVED_SERVER_EVENTS;
use crate::namespace::Namespace;
use crate::runtime::Runtime;
use crate::scope::Scope;
use crate::tasks::Step;
use crate::timers::{Due, Timer};
use crate::{AckError, AcksError, Args, ArgsError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::rc::Rc;

/// Takes a message of another instance.
pub(crate) type OnServed = Rc<dyn Fn(&Args, ServerReply) -> Result<Ran, ArgsError>>;
/// Hears all answers.
type OnAnswers = Box<dyn FnOnce(Result<Vec<Args>, AcksError<Args>>)>;

/// Answers a message of another instance of the app, once, now or later. When several listeners answer,
/// the first answer counts.
#[derive(Clone)]
pub struct ServerReply {
    runtime: Rc<Runtime>,
    to: Rc<Cell<Option<ReturnAddress>>>,
}

impl ServerReply {
    /// Whether an answer is wanted.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.to.get().is_some()
    }

    /// Answers. If nobody waits, nothing happens. Arguments that are no JSON: an error in the log.
    pub fn send(self, args: impl Serialize) {
        let Some(to) = self.to.get() else { return };
        match encode_answer(&args) {
            Ok(payload) => {
                self.to.set(None);
                self.runtime
                    .order_all(Act::ServeReply(ServeReply { to, payload }));
            }
            Err(reason) => error!("answer to a server-side message: {reason}, nothing is sent"),
        }
    }
}

/// A question that not all other instances have answered.
pub(crate) struct Question {
    expected: u32,
    answers: Vec<Args>,
    timer: Option<Timer>,
    done: OnAnswers,
}

impl Namespace {
    /// Sends a message to this namespace of the app's other instances. A reserved name (`connect`,
    /// `connection`, `new_namespace`), or arguments that are no JSON: nothing, and an error in the log.
    pub fn server_side_emit(&self, event: &str, args: impl Serialize) {
        if let Some(payload) = server_payload(event, &args) {
            self.order_serve(payload, None);
        }
    }

    /// The same, to be answered: await the answers, or give them a function with [`Answer::then`]. They
    /// come when all other instances have given theirs or after `SERVER_TIMEOUT_MS`. Those that are no `A`
    /// are left out, with a warning in the log.
    pub fn server_side_emit_with_ack<A: DeserializeOwned + 'static>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> Answer<AllAnswers<A>> {
        let (sender, answer) = Answer::new();
        let done = move |answers| sender.send(read_answers(answers));
        self.ask_servers(event, &args, Box::new(done));
        answer
    }

    fn ask_servers(&self, event: &str, args: &impl Serialize, done: OnAnswers) {
        let runtime = self.runtime();
        let fail = |done: OnAnswers, cause| {
            let answers = Vec::new();
            runtime.defer(move || done(Err(AcksError { answers, cause })));
        };
        let Some(payload) = server_payload(event, args) else {
            return fail(done, AckError::NotSent);
        };
        let expected = runtime.instances.saturating_sub(1);
        if expected == 0 {
            return runtime.defer(move || done(Ok(Vec::new())));
        }
        if runtime.questions.borrow().len() >= SERVER_QUESTIONS_MAX {
            return fail(done, AckError::TooMany);
        }
        let token = runtime.fresh_number();
        let due_ms = runtime.now_ms.get().saturating_add(SERVER_TIMEOUT_MS);
        let question = Question {
            expected,
            answers: Vec::new(),
            timer: runtime.timers.add(due_ms, Due::Question(token)),
            done,
        };
        runtime.questions.borrow_mut().insert(token, question);
        self.order_serve(payload, Some(token));
    }

    /// Calls a function for every message with this name that another instance of the app sent to this
    /// namespace. Its arguments are read as those of clients are: see `Socket::on`. An error that it returns
    /// is a line in the log.
    pub fn on_server_side<A, R, F>(&self, event: &str, handler: F) -> &Self
    where
        A: DeserializeOwned,
        R: Outcome,
        F: Fn(A, ServerReply) -> R + 'static,
    {
        self.add_served(
            event,
            Rc::new(move |args, reply| Ok(Step::Now(handler(args.read()?, reply).outcome()))),
        )
    }

    /// The same for an async function.
    pub fn on_server_side_async<A, R, F>(&self, event: &str, handler: F) -> &Self
    where
        A: DeserializeOwned + 'static,
        R: Outcome,
        F: AsyncFn(A, ServerReply) -> R + 'static,
    {
        let handler = Rc::new(handler);
        self.add_served(
            event,
            Rc::new(move |args, reply| {
                let (handler, args) = (Rc::clone(&handler), args.read()?);
                Ok(Step::Later(Box::pin(async move {
                    handler(args, reply).await.outcome()
                })))
            }),
        )
    }

    fn add_served(&self, event: &str, handler: OnServed) -> &Self {
        if RESERVED_SERVER_EVENTS.contains(&event) {
            error!("on_server_side: {event:?} is a reserved event name that no instance can send");
        }
        self.declare();
        self.handlers().add_served(event, handler);
        self
    }

    fn order_serve(&self, payload: Payload, reply: Option<u64>) {
        self.runtime().order_all(Act::Serve(Serve {
            namespace: self.name().to_owned(),
            payload,
            reply,
        }));
    }
}

impl Runtime {
    pub(crate) fn handle_served(self: &Rc<Self>, served: Served) {
        let Some(handlers) = self.namespaces.borrow().get(&served.namespace).cloned() else {
            return;
        };
        let Some((event, args)) = split_event(served.payload) else {
            return warn!("a server-side message without a name is dropped");
        };
        let reply = ServerReply {
            runtime: Rc::clone(self),
            to: Rc::new(Cell::new(served.reply)),
        };
        let scope = Scope::Served(served.namespace.into(), Rc::clone(&event));
        for call in handlers.served_handlers(&event) {
            let ran = self.within(scope.clone(), || {
                call(&args, reply.clone()).unwrap_or_else(|error| {
                    warn!("{error}");
                    Step::Now(Ok(()))
                })
            });
            self.finish_run(scope.clone(), ran);
        }
    }

    pub(crate) fn handle_answered(&self, answered: Answered) {
        let mut questions = self.questions.borrow_mut();
        let Some(question) = questions.get_mut(&answered.token) else {
            return;
        };
        question.answers.push(Args::whole(answered.payload));
        if (question.answers.len() as u64) < u64::from(question.expected) {
            return;
        }
        let complete = questions.remove(&answered.token);
        drop(questions);
        if let Some(question) = complete {
            if let Some(timer) = question.timer {
                self.timers.clear(timer);
            }
            (question.done)(Ok(question.answers));
        }
    }

    /// The time for a question is up.
    pub(crate) fn question_late(&self, token: u64) {
        let late = self.questions.borrow_mut().remove(&token);
        if let Some(question) = late {
            let cause = AckError::Servers {
                received: u32::try_from(question.answers.len()).unwrap_or(u32::MAX),
                expected: question.expected,
            };
            (question.done)(Err(AcksError {
                answers: question.answers,
                cause,
            }));
        }
    }
}

/// The payload of a server-side message. None, with an error in the log, when it cannot be sent.
fn server_payload(event: &str, args: &impl Serialize) -> Option<Payload> {
    if RESERVED_SERVER_EVENTS.contains(&event) {
        error!("server_side_emit: {event:?} is a reserved event name, nothing is sent");
        return None;
    }
    match encode_event(event, args) {
        Ok(payload) => Some(payload),
        Err(reason) => {
            error!(
                "server_side_emit of {}: {reason}, nothing is sent",
                quoted(event)
            );
            None
        }
    }
}

/// Answers as the app wants them; those that are something else are left out.
pub(crate) fn read_answers<A: DeserializeOwned>(
    answers: Result<Vec<Args>, AcksError<Args>>,
) -> Result<Vec<A>, AcksError<A>> {
    let read = |answers: Vec<Args>| {
        answers
            .iter()
            .filter_map(|args| {
                args.read()
                    .map_err(|error| warn!("acknowledgement: {error}"))
                    .ok()
            })
            .collect()
    };
    match answers {
        Ok(answers) => Ok(read(answers)),
        Err(AcksError { answers, cause }) => Err(AcksError {
            answers: read(answers),
            cause,
        }),
    }
}
