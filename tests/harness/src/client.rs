//! Clients that follow a script, and what can be expected of them. Used by tests. How bytes travel is
//! `session`'s matter.

use crate::args::{shown, values};
use crate::limits::MESSAGES_SHOWN;
use crate::packet::{Kind, Packet};
use crate::session::{Event, Failure, Phase, Session, SocketState, State, Target, Transport};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A client that is about to connect.
///
/// ```
/// # let node = holdfast_test::Node::builder().demo().start().unwrap();
/// use holdfast_test::{Transport, json};
///
/// let mut ann = node.client("/").transport(Transport::Upgrade).auth(json!({ "token": "t" })).connect()?;
/// # drop(ann);
/// # Ok::<(), holdfast_test::Failure>(())
/// ```
#[must_use = "nobody connects before `connect`"]
pub struct Connecting<'a> {
    target: Target,
    /// The session to use, for a further namespace of a client.
    session: Option<&'a Arc<Session>>,
    namespace: String,
    auth: Option<Value>,
}

impl Connecting<'_> {
    pub(crate) fn new(target: Target, namespace: &str) -> Self {
        Self {
            target,
            session: None,
            namespace: namespace.to_owned(),
            auth: None,
        }
    }

    /// How to connect: by WebSocket, unless said otherwise.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.target.transport = transport;
        self
    }

    /// The credentials: `auth` of socket.io-client.
    ///
    /// # Panics
    /// When they are no JSON.
    #[track_caller]
    pub fn auth(mut self, auth: impl Serialize) -> Self {
        self.auth = Some(json_of(&auth));
        self
    }

    /// A header of its requests.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.target
            .headers
            .push((name.to_owned(), value.to_owned()));
        self
    }

    /// A value in the query of its requests.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.target.query += &format!("&{}={}", encoded(name), encoded(value));
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// When it is not let in.
    pub fn connect(self) -> Result<Client, Failure> {
        let session = match self.session {
            Some(session) => Arc::clone(session),
            None => Arc::new(Session::open(self.target)?),
        };
        session.join(&self.namespace, self.auth.clone())?;
        Ok(Client {
            session,
            namespace: self.namespace,
            auth: self.auth,
        })
    }

    /// Connects, which has to be refused by CONNECT_ERROR with this message. Gives the error's data.
    ///
    /// # Panics
    /// When it is let in, or refused otherwise.
    #[track_caller]
    pub fn expect_refused(self, expected: &str) -> Option<Value> {
        match self.connect() {
            Err(Failure::Refused { message, data }) if message == expected => data,
            Err(failure) => panic!("expected to be refused with {expected:?}, but: {failure}"),
            Ok(client) => panic!("expected to be refused with {expected:?}, but {client:?} is in"),
        }
    }
}

/// A client in a namespace. It leaves when it is dropped; the connection ends with its last namespace.
pub struct Client {
    session: Arc<Session>,
    namespace: String,
    auth: Option<Value>,
}

/// A message that a client has received.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The event's name.
    pub event: String,
    /// Its arguments.
    pub args: Vec<Value>,
    /// The number under which the server waits for an answer.
    ack: Option<u64>,
}

impl Message {
    /// Whether the server waits for an answer: see [`Client::acknowledge`].
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        self.ack.is_some()
    }

    /// An argument, counted from 0; `null` beyond the last.
    #[must_use]
    pub fn arg(&self, number: usize) -> &Value {
        self.args.get(number).unwrap_or(&Value::Null)
    }
}

impl From<Event> for Message {
    fn from(event: Event) -> Self {
        Self {
            event: event.name,
            args: event.args,
            ack: event.ack,
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&shown(&self.event, &self.args))
    }
}

/// A message whose answer is awaited: see [`Client::ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question(u64);

/// What it is.
impl Client {
    /// Its public id.
    #[must_use]
    pub fn id(&self) -> String {
        self.look(|socket| socket.id.clone())
    }

    /// Whether it is connected, as far as it knows.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.look(|socket| matches!(socket.phase, Phase::Connected))
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A further namespace on the same connection.
    pub fn of(&self, namespace: &str) -> Connecting<'_> {
        Connecting {
            target: self.session.target().clone(),
            session: Some(&self.session),
            namespace: namespace.to_owned(),
            auth: None,
        }
    }
}

/// Sending.
impl Client {
    /// Sends a message. A tuple is several arguments, `()` none, anything else one.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[track_caller]
    pub fn emit(&mut self, event: &str, args: impl Serialize) {
        self.send(event, &args, None);
    }

    /// Sends a message and waits for the answer: the one argument of it, `null` when there is none, a list
    /// when there are several.
    ///
    /// # Panics
    /// When no answer comes in time.
    #[track_caller]
    pub fn call(&mut self, event: &str, args: impl Serialize) -> Value {
        let question = self.ask(event, args);
        let mut answer = self.answer_to(question);
        if answer.len() > 1 {
            Value::Array(answer)
        } else {
            answer.pop().unwrap_or_default()
        }
    }

    /// The same, as a type.
    ///
    /// # Panics
    /// When no answer comes in time, or it is no `A`.
    #[track_caller]
    pub fn call_as<A: DeserializeOwned>(&mut self, event: &str, args: impl Serialize) -> A {
        let answer = self.call(event, args);
        let read = serde_json::from_value(answer.clone());
        read.unwrap_or_else(|error| panic!("the answer to {event}, {answer}: {error}"))
    }

    /// Sends a message that wants an answer, which is looked at later.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[track_caller]
    pub fn ask(&mut self, event: &str, args: impl Serialize) -> Question {
        let number = self.look(|socket| {
            socket.asked += 1;
            socket.asked - 1
        });
        self.send(event, &args, Some(number));
        Question(number)
    }

    /// Waits for the answer to a message: its arguments.
    ///
    /// # Panics
    /// When no answer comes in time.
    #[track_caller]
    pub fn answer_to(&mut self, question: Question) -> Vec<Value> {
        self.wait(|socket| socket.answers.remove(&question.0).map(Ok))
            .unwrap_or_else(|problem| {
                self.fail(&format!("an answer to message {}", question.0), &problem)
            })
    }

    /// The answer to a message, if it has come.
    #[must_use]
    pub fn answer_now(&mut self, question: Question) -> Option<Vec<Value>> {
        self.look(|socket| socket.answers.remove(&question.0))
    }

    /// Answers a message of the server.
    ///
    /// # Panics
    /// When the server wants no answer, or it cannot be sent.
    #[track_caller]
    pub fn acknowledge(&mut self, message: &Message, args: impl Serialize) {
        let Some(number) = message.ack else {
            panic!("{message} wants no answer")
        };
        let packet = Packet::new(Kind::Ack, &self.namespace);
        let sent = self
            .session
            .send(packet.with(Some(number), Value::Array(list_of(&args))));
        sent.unwrap_or_else(|error| panic!("the answer to {message}: {error}"));
    }

    /// From now on answers all messages of an event that want an answer by itself. They are not to be
    /// expected any more.
    pub fn on_ack<A: Serialize>(
        &mut self,
        event: &str,
        answer: impl Fn(&[Value]) -> A + Send + 'static,
    ) {
        let answerer = Box::new(move |args: &[Value]| {
            values(&answer(args)).unwrap_or_else(|error| vec![json!(error.to_string())])
        });
        self.look(|socket| socket.answerers.insert(event.to_owned(), answerer));
    }

    /// Sends a Socket.IO packet as it stands here, `2["say","hi"]`: also what no client would send.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[track_caller]
    pub fn send_raw(&mut self, packet: &str) {
        self.session
            .send_raw(packet)
            .unwrap_or_else(|error| panic!("{packet}: {error}"));
    }
}

/// Expecting. What a client receives is kept until it is looked for.
impl Client {
    /// Waits for the next message with this name, whatever other messages came before it, and compares
    /// its arguments. With connection state recovery a server adds an offset, which need not be named here.
    ///
    /// # Panics
    /// When none comes in time, or with other arguments.
    #[track_caller]
    pub fn expect(&mut self, event: &str, args: impl Serialize) {
        let expected = list_of(&args);
        let message = self.next(event);
        self.compare(&message, event, &expected);
    }

    /// Waits for the next message with this name and gives it.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn next(&mut self, event: &str) -> Message {
        let found = self.wait(|socket| {
            let at = socket.inbox.iter().position(|known| known.name == event)?;
            socket.inbox.remove(at).map(Ok)
        });
        match found {
            Ok(found) => found.into(),
            Err(problem) => self.fail(&format!("the message {event}"), &problem),
        }
    }

    /// Waits for the very next message, whatever its name, and compares it.
    ///
    /// # Panics
    /// When none comes in time, or another.
    #[track_caller]
    pub fn expect_next(&mut self, event: &str, args: impl Serialize) {
        let expected = list_of(&args);
        let first = self.wait(|socket| socket.inbox.pop_front().map(Ok));
        match first {
            Ok(first) => self.compare(&Message::from(first), event, &expected),
            Err(problem) => self.fail(&shown(event, &expected), &problem),
        }
    }

    /// Expects that nothing has come that was not looked at, and that nothing comes for so long.
    ///
    /// # Panics
    /// When there is a message.
    #[track_caller]
    pub fn expect_nothing(&mut self, time: Duration) {
        let namespace = self.namespace.clone();
        let found = self.session.wait(time, |state| {
            let first = state.socket(&namespace)?.inbox.front()?;
            Some(shown(&first.name, &first.args))
        });
        if let Some(found) = found {
            panic!("{self:?} expected nothing, but got {found}");
        }
    }

    /// Waits until it is disconnected, for this reason in the words of socket.io-client: `io server
    /// disconnect`, `transport close`, …, or the beginning of a longer one (`transport error`, `parse error`).
    ///
    /// # Panics
    /// When it stays connected, or the reason is another.
    #[track_caller]
    pub fn expect_disconnect(&mut self, expected: &str) {
        let namespace = self.namespace.clone();
        let reason = self.session.wait(self.session.patience(), |state| {
            match &state.socket(&namespace)?.phase {
                Phase::Gone(reason) => Some(reason.clone()),
                _ => None,
            }
        });
        match reason {
            Some(reason) if reason.starts_with(expected) => {}
            Some(reason) => panic!(
                "{self:?} expected to be disconnected by {expected:?}, but it was {reason:?}"
            ),
            None => panic!(
                "{self:?} expected to be disconnected, but is not after {:?}",
                self.session.patience()
            ),
        }
    }

    /// The messages that have come and were not looked at.
    #[must_use]
    pub fn messages(&mut self) -> Vec<Message> {
        let inbox = self.look(|socket| std::mem::take(&mut socket.inbox));
        inbox.into_iter().map(Message::from).collect()
    }
}

/// Going and coming back.
impl Client {
    /// Leaves the namespace: `disconnect()` of socket.io-client.
    pub fn disconnect(&mut self) {
        self.session.leave(&self.namespace);
    }

    /// Closes the connection, with all its namespaces.
    pub fn close(&mut self) {
        self.session.close();
    }

    /// Breaks the connection without a word, as a network would.
    pub fn cut(&mut self) {
        self.session.cut();
    }

    /// Connects anew after [`Client::cut`], as socket.io-client does: with what connection state recovery
    /// needs. If it was recovered, it has the same id.
    ///
    /// # Errors
    /// When it is not let in.
    pub fn come_back(&mut self) -> Result<Self, Failure> {
        let (pid, offset) = self.look(|socket| (socket.pid.clone(), socket.offset.clone()));
        let mut auth = self.auth.clone().unwrap_or_else(|| json!({}));
        if let (Some(auth), Some(pid)) = (auth.as_object_mut(), pid) {
            auth.insert("pid".to_owned(), pid.into());
            auth.insert("offset".to_owned(), offset.into());
        }
        let target = self.session.target().clone();
        let client = Connecting {
            target,
            session: None,
            namespace: self.namespace.clone(),
            auth: Some(auth),
        };
        let mut client = client.connect()?;
        client.auth.clone_from(&self.auth);
        Ok(client)
    }
}

impl Client {
    #[track_caller]
    fn compare(&self, message: &Message, event: &str, expected: &[Value]) {
        let has_offset = self.look(|socket| socket.pid.is_some());
        let is_same = match message.args.split_last() {
            _ if message.args == expected => true,
            Some((Value::String(_), args)) => has_offset && args == expected,
            _ => false,
        };
        if message.event != event || !is_same {
            let expected = shown(event, expected);
            panic!("{self:?} expected and got:\n  {expected}\n  {message}");
        }
    }

    #[track_caller]
    fn send(&self, event: &str, args: &impl Serialize, number: Option<u64>) {
        let mut data = vec![Value::String(event.to_owned())];
        data.extend(list_of(args));
        let packet = Packet::new(Kind::Event, &self.namespace).with(number, Value::Array(data));
        if let Err(error) = self.session.send(packet) {
            panic!("{self:?} cannot send {event}: {error}");
        }
    }

    /// Looks at its socket now.
    #[track_caller]
    fn look<T>(&self, look: impl FnOnce(&mut SocketState) -> T) -> T {
        let mut state = self.session.lock();
        match state.socket(&self.namespace) {
            Some(socket) => look(socket),
            None => panic!("this client never was in {}", self.namespace),
        }
    }

    /// Waits for something; the error says why it will not come.
    fn wait<T>(
        &self,
        mut look: impl FnMut(&mut SocketState) -> Option<Result<T, String>>,
    ) -> Result<T, String> {
        let patience = self.session.patience();
        let waited = self.session.wait(patience, |state: &mut State| {
            let socket = state.socket(&self.namespace)?;
            look(socket).or_else(|| match &socket.phase {
                Phase::Gone(reason) => Some(Err(format!("it is disconnected: {reason}"))),
                _ => None,
            })
        });
        waited.unwrap_or_else(|| Err(format!("nothing of the kind in {patience:?}")))
    }

    /// Fails the test, with what came instead.
    #[track_caller]
    fn fail(&self, expected: &str, problem: &str) -> ! {
        let (unread, more) = self.look(|socket| {
            let shown_first: Vec<_> = socket
                .inbox
                .iter()
                .take(MESSAGES_SHOWN)
                .map(|message| format!("\n    {}", shown(&message.name, &message.args)))
                .collect();
            (
                shown_first,
                socket.inbox.len().saturating_sub(MESSAGES_SHOWN),
            )
        });
        let instead = match unread.len() {
            0 => "no other message is unread".to_owned(),
            _ => format!(
                "unread messages:{}{}",
                unread.concat(),
                if more > 0 {
                    format!("\n    … and {more} more")
                } else {
                    String::new()
                }
            ),
        };
        panic!("{self:?} expected {expected}, but {problem}; {instead}");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.is_connected() {
            self.disconnect();
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "client {} of {}", self.id(), self.namespace)
    }
}

#[track_caller]
fn json_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| panic!("not JSON: {error}"))
}

#[track_caller]
fn list_of(args: &impl Serialize) -> Vec<Value> {
    values(args).unwrap_or_else(|error| panic!("not JSON: {error}"))
}

/// Text as it may stand in a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
