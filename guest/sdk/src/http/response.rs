//! What came back.

use super::{Exchange, FetchError};
use crate::bindings::exports::holdfast::edge::app_guest::IncomingResponse;
use crate::bindings::exports::holdfast::edge::types::Header;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An HTTP response, all of it. Tests make their own: see
/// [`Server::answer_fetch`](crate::testing::Server::answer_fetch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<Header>,
    body: Vec<u8>,
    url: String,
    redirected: bool,
}

/// Looking at it.
impl Response {
    /// The status: 200, 404, ….
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The headers, names in lower case.
    #[must_use]
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.name == name)?;
        Some(&header.value)
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// The body as UTF-8; what is not becomes U+FFFD, as in browsers.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body from JSON.
    ///
    /// # Errors
    /// When it is not such a type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, FetchError> {
        serde_json::from_slice(&self.body).map_err(|error| FetchError::Body(error.to_string()))
    }

    /// The URL that it came from, after redirects.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether a redirect was followed.
    #[must_use]
    pub fn redirected(&self) -> bool {
        self.redirected
    }
}

/// Making one, in a test.
impl Response {
    /// One without headers and body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            url: String::new(),
            redirected: false,
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header {
            name: name.to_ascii_lowercase(),
            value: value.into(),
        });
        self
    }

    /// With this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With this body as JSON; empty if it is none.
    #[must_use]
    pub fn with_json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.with_header("content-type", "application/json")
            .with_body(serde_json::to_vec(body).unwrap_or_default())
    }

    pub(super) fn received(response: IncomingResponse, exchange: &Exchange) -> Self {
        Self {
            status: response.status,
            headers: response.headers,
            body: response.body,
            url: exchange.request.url.clone(),
            redirected: exchange.redirects > 0,
        }
    }
}

impl From<Response> for IncomingResponse {
    fn from(response: Response) -> Self {
        Self {
            status: response.status,
            headers: response.headers,
            body: response.body,
        }
    }
}
