//! The web, as a test sees it: who answers the app's HTTP requests.

use crate::Response;
use crate::bindings::exports::holdfast::edge::app_guest::OutgoingRequest;
use std::time::Duration;

/// How a test answers an HTTP request of the app: a [`Response`], or a `Result` whose error is why there is
/// none; at once, or [`after`] a time.
#[derive(Debug, Clone)]
pub struct WebAnswer {
    pub(super) outcome: Result<Response, String>,
    pub(super) after: Option<Duration>,
}

/// An answer that takes its time: it is there when `Server::advance` has come so far.
#[must_use]
pub fn after(time: Duration, answer: impl Into<WebAnswer>) -> WebAnswer {
    WebAnswer {
        after: Some(time),
        ..answer.into()
    }
}

impl From<Response> for WebAnswer {
    fn from(response: Response) -> Self {
        Ok(response).into()
    }
}

impl From<Result<Response, String>> for WebAnswer {
    fn from(outcome: Result<Response, String>) -> Self {
        Self {
            outcome,
            after: None,
        }
    }
}

/// Plays the web.
pub(super) type Web = dyn Fn(&OutgoingRequest) -> WebAnswer;
