//! Settings whose values have a form of their own: read, checked and put where they belong. Called by
//! the table.

use super::{Parser, RecoveryOptions, Settings};
use crate::contract::{Deflate, Header};
use crate::engine::cookie::{self, Cookie};
use crate::engine::cors::{self, Cors, Origin};
use crate::engine::headers;
use crate::limits::INITIAL_PACKET_BYTES_MAX;
use crate::options::Value;

/// A value is not allowed, with the reason if there is more to say.
pub struct Wrong(pub Option<String>);

type Outcome = Result<(), Wrong>;

/// From how many bytes on something is compressed, unless it is set.
pub const THRESHOLD: u64 = 1024;
/// Bytes of a mount path.
const PATH_BYTES_MAX: usize = 256;
/// Seconds that a preflight's answer may be remembered: a year.
const AGE_S_MAX: i64 = 31_536_000;

fn check(fits: bool) -> Outcome {
    fits.then_some(()).ok_or(Wrong(None))
}

pub fn path(to: &mut Settings, _: &str, value: &str) -> Outcome {
    let path = value.trim_end_matches('/');
    check(
        path.starts_with('/')
            && path.len() <= PATH_BYTES_MAX
            && path
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#'),
    )?;
    to.path = path.to_owned();
    Ok(())
}

/// The options of connection state recovery, which is on from now on.
pub fn recovery_of(to: &mut Settings) -> &mut RecoveryOptions {
    to.recovery.get_or_insert_with(recovery)
}

/// The options of connection state recovery, when none is set.
pub fn recovery() -> RecoveryOptions {
    RecoveryOptions {
        max_disconnection_ms: 120_000,
        skip_middlewares: true,
        packets_max: 10_000,
        bytes_max: 16 << 20,
    }
}

pub fn parser(to: &mut Settings, _: &str, value: &str) -> Outcome {
    to.parser = match value {
        "default" => Parser::Text,
        "msgpack" => Parser::Msgpack,
        _ => return Err(Wrong(None)),
    };
    Ok(())
}

/// A list: a JSON array of strings, or words separated by commas.
fn words(value: &str) -> Result<Vec<String>, Wrong> {
    if value.starts_with('[') {
        let list = Value::read(value).and_then(|list| list.texts());
        return list.ok_or(Wrong(None));
    }
    Ok(value
        .split(',')
        .map(|word| word.trim().to_owned())
        .collect())
}

pub fn transports(to: &mut Settings, _: &str, value: &str) -> Outcome {
    let words = words(value)?;
    let has = |name: &str| words.iter().any(|word| word == name);
    let (polling, websocket) = (has("polling"), has("websocket"));
    check(
        (polling || websocket)
            && words
                .iter()
                .all(|word| word == "polling" || word == "websocket"),
    )?;
    (to.polling, to.websocket) = (polling, websocket);
    Ok(())
}

/// Turns a table on or off; one that is on stays as it is.
pub fn switch<T>(table: &mut Option<T>, on: bool, make: impl FnOnce() -> T) {
    if on {
        table.get_or_insert_with(make);
    } else {
        *table = None;
    }
}

// ------------------------------------------------------------------ CORS

/// The options of CORS, which is on.
pub fn cors_of(to: &mut Settings) -> &mut Cors {
    to.cors.get_or_insert_with(Cors::default)
}

pub fn cors(to: &mut Settings, _: &str, value: &str) -> Outcome {
    check(matches!(value, "true" | "false" | "*"))?;
    switch(&mut to.cors, value != "false", Cors::default);
    Ok(())
}

pub fn cors_origin(to: &mut Settings, _: &str, value: &str) -> Outcome {
    cors_of(to).origin = Origin::from_text(value).map_err(|reason| Wrong(Some(reason)))?;
    Ok(())
}

/// Names of methods or headers, joined by commas.
fn names(value: &str) -> Result<String, Wrong> {
    let words = words(value)?;
    let fits = |word: &String| headers::is_token(word) || word.is_empty();
    let names = words.join(",");
    check(words.iter().all(fits) && cors::fits(&names))?;
    Ok(names)
}

pub fn cors_methods(to: &mut Settings, _: &str, value: &str) -> Outcome {
    cors_of(to).methods = names(value)?;
    Ok(())
}

pub fn cors_allowed_headers(to: &mut Settings, _: &str, value: &str) -> Outcome {
    // Nothing at all is as if it were not set, an empty list allows none: as in the reference.
    let names = names(value)?;
    cors_of(to).allowed_headers = (!value.is_empty()).then_some(names);
    Ok(())
}

pub fn cors_exposed_headers(to: &mut Settings, _: &str, value: &str) -> Outcome {
    cors_of(to).exposed_headers = Some(names(value)?);
    Ok(())
}

pub fn cors_max_age(to: &mut Settings, _: &str, value: &str) -> Outcome {
    let seconds: i64 = value.parse().map_err(|_| Wrong(None))?;
    check((-1..=AGE_S_MAX).contains(&seconds))?;
    cors_of(to).max_age = Some(seconds.to_string());
    Ok(())
}

// ------------------------------------------------------------------ the cookie

/// The cookie, which is on.
pub fn cookie_of(to: &mut Settings) -> &mut Cookie {
    to.cookie.get_or_insert_with(Cookie::default)
}

pub fn cookie(to: &mut Settings, _: &str, value: &str) -> Outcome {
    match value {
        "true" | "false" => switch(&mut to.cookie, value == "true", Cookie::default),
        name => cookie_name(to, "", name)?,
    }
    Ok(())
}

pub fn cookie_name(to: &mut Settings, _: &str, value: &str) -> Outcome {
    check(headers::is_token(value) && value.len() <= 256)?;
    cookie_of(to).name = value.to_owned();
    Ok(())
}

pub fn cookie_path(to: &mut Settings, _: &str, value: &str) -> Outcome {
    check(cookie::is_path(value) && value.len() <= 1024)?;
    let path = Some(value.to_owned()).filter(|path| !matches!(path.as_str(), "" | "false"));
    cookie_of(to).path = path;
    Ok(())
}

pub fn cookie_domain(to: &mut Settings, _: &str, value: &str) -> Outcome {
    check(cookie::is_domain(value))?;
    cookie_of(to).domain = Some(value.to_owned());
    Ok(())
}

pub fn cookie_same_site(to: &mut Settings, _: &str, value: &str) -> Outcome {
    cookie_of(to).same_site = match value.to_ascii_lowercase().as_str() {
        "true" | "strict" => Some("Strict"),
        "lax" => Some("Lax"),
        "none" => Some("None"),
        "false" => None,
        _ => return Err(Wrong(None)),
    };
    Ok(())
}

pub fn cookie_priority(to: &mut Settings, _: &str, value: &str) -> Outcome {
    cookie_of(to).priority = match value.to_ascii_lowercase().as_str() {
        "low" => Some("Low"),
        "medium" => Some("Medium"),
        "high" => Some("High"),
        _ => return Err(Wrong(None)),
    };
    Ok(())
}

pub fn cookie_max_age(to: &mut Settings, _: &str, value: &str) -> Outcome {
    let seconds: i64 = value.parse().map_err(|_| Wrong(None))?;
    cookie_of(to).max_age = Some(seconds);
    Ok(())
}

pub fn cookie_expires(to: &mut Settings, _: &str, value: &str) -> Outcome {
    check(cookie::is_date(value))?;
    cookie_of(to).expires = Some(value.to_owned());
    Ok(())
}

// ------------------------------------------------------------------ the rest

/// One more header. Of a name that is set twice, the last value counts.
pub fn header(list: &mut Vec<Header>, name: &str, value: &str) -> Outcome {
    let header = Header {
        name: name.to_ascii_lowercase(),
        value: value.to_owned(),
    };
    check(headers::is_allowed(&header))?;
    list.retain(|other| other.name != header.name);
    list.push(header);
    check(headers::fit(list))
}

pub fn initial_packet(to: &mut Settings, _: &str, value: &str) -> Outcome {
    check(value.len() <= INITIAL_PACKET_BYTES_MAX)?;
    to.initial_packet = Some(value.to_owned()).filter(|packet| !packet.is_empty());
    Ok(())
}

/// The compression of messages when nothing is said about it.
pub fn deflate() -> Deflate {
    Deflate {
        threshold: 1024,
        level: 6,
        window_bits: 15,
    }
}

/// The compression of messages, which is on.
pub fn deflate_of(to: &mut Settings) -> &mut Deflate {
    to.per_message_deflate.get_or_insert_with(deflate)
}
