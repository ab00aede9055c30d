//! HTTP requests of the app: the host makes them, to the hosts that the app's config allows
//! (`fetch_hosts`). Redirects are followed here, because each goes to a host that must be allowed again.

mod redirect;
mod request;
mod response;

pub use redirect::Redirect;
pub use request::Request;
pub use response::Response;

use crate::answer::{Answer, Sender};
use crate::bindings::exports::holdfast::edge::app_guest::{Command, Fetched, OutgoingRequest};
use crate::limits::HTTP_FETCHES_MAX;
use crate::runtime::Runtime;
use redirect::Next;
use thiserror::Error;

/// Why there is no response. A status such as 404 is no error: look at [`Response::is_ok`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The request could not be made: its body is no JSON, say.
    #[error("the request cannot be made: {0}")]
    Request(String),
    /// It failed: the host is not allowed, the connection broke, the time is up, ….
    #[error("{0}")]
    Failed(String),
    /// It was not made: too many are under way (`limits`).
    #[error("too many requests are under way")]
    TooMany,
    /// A redirect that is not followed: one too many, to no URL, or none was wanted.
    #[error("redirect: {0}")]
    Redirect(String),
    /// The response's body is not what was asked for.
    #[error("the body of the response: {0}")]
    Body(String),
    /// There is no node: this is no app.
    #[error("outside of an app nothing makes requests")]
    Outside,
}

/// One request under way, and what it may still become.
pub(crate) struct Exchange {
    request: OutgoingRequest,
    redirect: Redirect,
    /// How many were followed.
    redirects: u32,
    /// When the time for all of it is up.
    due_ms: u64,
    sender: Sender<Result<Response, FetchError>>,
}

/// Makes an HTTP request (`fetch` of browsers): await the response, or give it a function with
/// [`Answer::then`]. The request is made now, either way. Text is a GET of that URL.
///
/// The node allows only the hosts that the app's config names (`fetch_hosts`).
///
/// ```
/// # use holdfast_sdk::{Ack, FetchError, Request, Socket, fetch, json, serde};
/// # use std::time::Duration;
/// #[derive(serde::Deserialize)]
/// # #[serde(crate = "holdfast_sdk::serde")]
/// struct Rate {
///     euro: f64,
/// }
///
/// # fn connected(socket: &Socket) {
/// socket.on("rate", async |currency: String, ack: Ack| -> Result<(), FetchError> {
///     let url = format!("https://rates.example.com/{currency}");
///     let rate: Rate = fetch(url).await?.json()?;
///     ack.send(rate.euro);
///     Ok(())
/// });
/// socket.on("report", async |text: String| -> Result<(), FetchError> {
///     let request = Request::post("https://api.example.com/reports")
///         .header("authorization", "Bearer 123")
///         .timeout(Duration::from_secs(5))
///         .json(&json!({ "text": text }));
///     let response = fetch(request).await?;
///     holdfast_sdk::info!("{} {}", response.status(), response.text());
///     Ok(())
/// });
/// # }
/// ```
pub fn fetch(request: impl Into<Request>) -> Answer<Result<Response, FetchError>> {
    let request = request.into();
    let (sender, answer) = Answer::new();
    let Some(runtime) = Runtime::current() else {
        sender.send(Err(FetchError::Outside));
        return answer;
    };
    let (request, redirect) = match request.into_parts() {
        Ok(parts) => parts,
        Err(reason) => {
            runtime.defer(move || sender.send(Err(FetchError::Request(reason))));
            return answer;
        }
    };
    if runtime.exchanges.borrow().len() >= HTTP_FETCHES_MAX {
        runtime.defer(move || sender.send(Err(FetchError::TooMany)));
        return answer;
    }
    let due_ms = runtime
        .now_ms
        .get()
        .saturating_add(u64::from(request.timeout_ms));
    runtime.make_request(Exchange {
        request,
        redirect,
        redirects: 0,
        due_ms,
        sender,
    });
    answer
}

impl Runtime {
    /// Orders a request under a fresh token.
    fn make_request(&self, mut exchange: Exchange) {
        let token = self.fresh_number();
        exchange.request.token = token;
        self.push(Command::Fetch(exchange.request.clone()));
        self.exchanges.borrow_mut().insert(token, exchange);
    }

    pub(crate) fn handle_fetched(&self, fetched: Fetched) {
        // One of an earlier instance is unknown.
        let exchange = self.exchanges.borrow_mut().remove(&fetched.token);
        let Some(mut exchange) = exchange else { return };
        let response = match fetched.outcome {
            Ok(response) => Response::received(response, &exchange),
            Err(reason) => return exchange.sender.send(Err(FetchError::Failed(reason))),
        };
        match exchange.follow(&response, self.now_ms.get()) {
            Ok(Next::Stay) => exchange.sender.send(Ok(response)),
            Ok(Next::Go) => self.make_request(exchange),
            Err(error) => exchange.sender.send(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests;
