//! What is asked for.

use super::Redirect;
use crate::bindings::exports::holdfast::edge::app_guest::OutgoingRequest;
use crate::bindings::exports::holdfast::edge::types::Header;
use crate::limits::{HTTP_TIMEOUT_MS, HTTP_TIMEOUT_MS_MAX};
use crate::timers::milliseconds;
use serde::Serialize;
use std::time::Duration;

/// An HTTP request, to be given to [`fetch`](crate::fetch()).
#[derive(Debug, Clone)]
#[must_use = "nothing is asked before `fetch`"]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<Header>,
    body: Vec<u8>,
    timeout_ms: u32,
    redirect: Redirect,
    /// Why it cannot be made.
    fault: Option<String>,
}

macro_rules! methods {
    ($($name:ident $method:literal)*) => { $(
        #[doc = concat!("A ", $method, " of a URL with scheme and host.")]
        pub fn $name(url: impl Into<String>) -> Self {
            Self::new($method, url)
        }
    )* };
}

impl Request {
    methods! { get "GET" post "POST" put "PUT" patch "PATCH" delete "DELETE" head "HEAD" }

    /// Any method, of a URL with scheme and host.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: HTTP_TIMEOUT_MS,
            redirect: Redirect::Follow,
            fault: None,
        }
    }

    /// Adds a header; one of the same name stays.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header {
            name: name.to_ascii_lowercase(),
            value: value.into(),
        });
        self
    }

    /// The body, without a `content-type` of its own.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The body as JSON, with its `content-type` unless there is one.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(json) => self.body = json,
            Err(error) => self.fault = Some(format!("its body is no JSON: {error}")),
        }
        if self
            .headers
            .iter()
            .any(|known| known.name == "content-type")
        {
            self
        } else {
            self.header("content-type", "application/json")
        }
    }

    /// How long all of it may take, redirects too: 30 seconds when nothing is said, at most
    /// `HTTP_TIMEOUT_MS_MAX`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let timeout_ms = u32::try_from(milliseconds(timeout)).unwrap_or(u32::MAX);
        self.timeout_ms = timeout_ms.min(HTTP_TIMEOUT_MS_MAX);
        self
    }

    /// What is done about redirects: they are followed when nothing is said.
    pub fn redirect(mut self, redirect: Redirect) -> Self {
        self.redirect = redirect;
        self
    }

    /// As the contract has it.
    pub(super) fn into_parts(self) -> Result<(OutgoingRequest, Redirect), String> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let request = OutgoingRequest {
            token: 0,
            method: self.method,
            url: self.url,
            headers: self.headers,
            body: self.body,
            timeout_ms: self.timeout_ms,
        };
        Ok((request, self.redirect))
    }
}

impl From<&str> for Request {
    fn from(url: &str) -> Self {
        Self::get(url)
    }
}

impl From<String> for Request {
    fn from(url: String) -> Self {
        Self::get(url)
    }
}

impl From<&String> for Request {
    fn from(url: &String) -> Self {
        Self::get(url.as_str())
    }
}
