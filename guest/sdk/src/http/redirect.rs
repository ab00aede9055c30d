//! Redirects, as browsers follow them (Fetch standard, "HTTP-redirect fetch").

use super::{Exchange, FetchError, Response};
use crate::limits::REDIRECTS_MAX;
use iri_string::types::{UriAbsoluteStr, UriReferenceStr, UriStr};

/// What is done about a redirect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Redirect {
    /// It is followed, up to `REDIRECTS_MAX` of them.
    #[default]
    Follow,
    /// It is the response.
    Manual,
    /// It is an error: [`FetchError::Redirect`].
    Error,
}

/// What becomes of a response.
pub(super) enum Next {
    /// It is the response.
    Stay,
    /// The request has changed and is made again.
    Go,
}

impl Exchange {
    /// Looks at a response; if it is a redirect that is followed, changes the request.
    pub(super) fn follow(&mut self, response: &Response, now_ms: u64) -> Result<Next, FetchError> {
        let status = response.status();
        let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
        let (true, Some(location)) = (is_redirect, response.header("location")) else {
            return Ok(Next::Stay);
        };
        match self.redirect {
            Redirect::Follow => {}
            Redirect::Manual => return Ok(Next::Stay),
            Redirect::Error => {
                let text = format!("{status} to {location}, and none was wanted");
                return Err(FetchError::Redirect(text));
            }
        }
        if self.redirects >= REDIRECTS_MAX {
            let text = format!("more than {REDIRECTS_MAX} of them");
            return Err(FetchError::Redirect(text));
        }
        let left_ms = self.due_ms.saturating_sub(now_ms);
        if left_ms == 0 {
            return Err(FetchError::Failed("the time is up".to_owned()));
        }
        let url = resolve(&self.request.url, location)
            .ok_or_else(|| FetchError::Redirect(format!("{location:?} is no URL")))?;
        let request = &mut self.request;
        let is_post = request.method.eq_ignore_ascii_case("post");
        let is_read = ["get", "head"]
            .iter()
            .any(|method| request.method.eq_ignore_ascii_case(method));
        if (matches!(status, 301 | 302) && is_post) || (status == 303 && !is_read) {
            "GET".clone_into(&mut request.method);
            request.body.clear();
            request.headers.retain(|header| !is_of_body(&header.name));
        }
        if origin(&request.url) != origin(&url) {
            // What was for one host is for no other.
            request.headers.retain(|header| {
                !matches!(
                    header.name.as_str(),
                    "authorization" | "cookie" | "proxy-authorization" | "host"
                )
            });
        }
        request.url = url;
        request.timeout_ms = u32::try_from(left_ms)
            .unwrap_or(u32::MAX)
            .min(request.timeout_ms);
        self.redirects += 1;
        Ok(Next::Go)
    }
}

/// Whether a header says something of the body.
fn is_of_body(name: &str) -> bool {
    matches!(
        name,
        "content-type"
            | "content-length"
            | "content-encoding"
            | "content-language"
            | "content-location"
    )
}

/// Where a redirect leads: its fragment is the request's, unless it has its own.
fn resolve(url: &str, location: &str) -> Option<String> {
    let (base, fragment) = url
        .split_once('#')
        .map_or((url, None), |(base, fragment)| (base, Some(fragment)));
    let base = UriAbsoluteStr::new(base).ok()?;
    let location = UriReferenceStr::new(location).ok()?;
    let mut resolved = location.resolve_against(base).to_string();
    if let (Some(fragment), None) = (fragment, location.fragment()) {
        resolved.push('#');
        resolved.push_str(fragment);
    }
    Some(resolved)
}

/// Scheme and authority, in lower case.
fn origin(url: &str) -> Option<(String, String)> {
    let url = UriStr::new(url).ok()?;
    let scheme = url.scheme_str().to_ascii_lowercase();
    let authority = url.authority_str()?.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => ":443",
        _ => ":80",
    };
    let authority = authority.strip_suffix(default).unwrap_or(&authority);
    Some((scheme, authority.to_owned()))
}
