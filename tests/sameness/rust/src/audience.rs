//! Whom a client means: a beginning (`socket`, `nsp`, `io`) and steps of the API after it.

use holdfast_sdk::{AckError, AcksError, Args, Broadcast, Direct, Socket, Value, json, serde_json};
use std::time::Duration;

/// How long an answer is waited for where the reference waits for ever.
const FOR_EVER: Duration = Duration::from_secs(20);

/// One socket, or several.
#[derive(Clone)]
pub(crate) enum Target {
    One(Direct),
    Several(Broadcast),
}

/// A target, and how long an answer may take.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) target: Target,
    timeout: Option<Duration>,
}

impl Chain {
    /// Follows the steps.
    pub(crate) fn of(socket: &Socket, chain: &[Value]) -> Self {
        let target = match chain.first().and_then(Value::as_str) {
            Some("nsp") => Target::Several(socket.namespace().compress(true)),
            Some("io") => Target::Several(socket.io().compress(true)),
            _ => Target::One(socket.compress(true)),
        };
        let begin = Self {
            target,
            timeout: None,
        };
        chain.iter().skip(1).fold(begin, Self::step)
    }

    fn step(mut self, step: &Value) -> Self {
        let name = step
            .as_str()
            .or_else(|| step[0].as_str())
            .unwrap_or_default();
        let arg = &step[1];
        if name == "timeout" {
            self.timeout = arg.as_u64().map(Duration::from_millis);
            return self;
        }
        self.target = match (self.target, name) {
            (Target::One(one), "volatile") => Target::One(one.volatile()),
            (Target::One(one), "compress") => Target::One(one.compress(*arg == json!(true))),
            (Target::One(one), "broadcast") => Target::Several(one.broadcast()),
            (Target::One(one), "to" | "in") => Target::Several(one.to(rooms(arg))),
            (Target::One(one), "except") => Target::Several(one.except(rooms(arg))),
            (Target::One(one), "local") => Target::Several(one.local()),
            (Target::Several(all), "to" | "in") => Target::Several(all.to(rooms(arg))),
            (Target::Several(all), "except") => Target::Several(all.except(rooms(arg))),
            (Target::Several(all), "local") => Target::Several(all.local()),
            (Target::Several(all), "volatile") => Target::Several(all.volatile()),
            (Target::Several(all), "compress") => {
                Target::Several(all.compress(*arg == json!(true)))
            }
            (target, _) => target,
        };
        self
    }

    pub(crate) fn emit(&self, event: &str, args: Args) {
        match &self.target {
            Target::One(one) => one.emit(event, args),
            Target::Several(all) => all.emit(event, args),
        }
    }

    pub(crate) fn send(&self, args: Args) {
        match &self.target {
            Target::One(one) => one.send(args),
            Target::Several(all) => all.send(args),
        }
    }

    /// Those who are meant; a socket itself means everybody else.
    pub(crate) fn audience(self) -> Broadcast {
        match self.target {
            Target::One(one) => one.broadcast(),
            Target::Several(all) => all,
        }
    }

    /// Asks, and gives what a callback of socket.io gets: the error only if there is a time limit.
    pub(crate) async fn ask(self, event: &str, args: Args) -> Value {
        match (self.target, self.timeout) {
            (Target::One(one), None) => match one.emit_with_ack::<Args>(event, args).await {
                Ok(args) => Value::Array(list(&args)),
                Err(error) => json!([error.to_string()]),
            },
            (Target::One(one), Some(timeout)) => {
                match one
                    .timeout(timeout)
                    .emit_with_ack::<Args>(event, args)
                    .await
                {
                    Ok(args) => [Value::Null].into_iter().chain(list(&args)).collect(),
                    Err(error) => json!([error.to_string()]),
                }
            }
            (Target::Several(all), timeout) => match several(all, timeout, event, args).await {
                Ok(answers) => json!([null, answers]),
                Err(AcksError { answers, cause }) => json!([cause.to_string(), answers]),
            },
        }
    }

    /// Asks, and gives what `emitWithAck` of socket.io gives, or its error.
    pub(crate) async fn ask_async(self, event: &str, args: Args) -> Value {
        match (self.target, self.timeout) {
            (Target::One(one), None) => first(one.emit_with_ack(event, args).await),
            (Target::One(one), Some(timeout)) => {
                first(one.timeout(timeout).emit_with_ack(event, args).await)
            }
            (Target::Several(all), timeout) => match several(all, timeout, event, args).await {
                Ok(answers) => json!(answers),
                Err(AcksError { answers, cause }) => {
                    json!({ "error": cause.to_string(), "responses": answers })
                }
            },
        }
    }
}

async fn several(all: Broadcast, timeout: Option<Duration>, event: &str, args: Args) -> Answers {
    all.timeout(timeout.unwrap_or(FOR_EVER))
        .emit_with_acks(event, args)
        .await
}

/// The first arguments of all answers.
type Answers = Result<Vec<Option<Value>>, AcksError<Option<Value>>>;

/// The first argument of an answer, or the error.
pub(crate) fn first(answer: Result<Option<Value>, AckError>) -> Value {
    match answer {
        Ok(answer) => json!(answer),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// Arguments as values; binary ones as placeholders.
pub(crate) fn list(args: &Args) -> Vec<Value> {
    serde_json::from_str(args.json()).unwrap_or_default()
}

/// One room or several.
pub(crate) fn rooms(value: &Value) -> Vec<String> {
    match value {
        Value::Array(rooms) => rooms
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        value => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}
