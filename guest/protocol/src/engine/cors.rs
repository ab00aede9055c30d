//! What pages of other origins may do with an answer (reference: the npm package `cors`, in its order
//! and with its quirks). Options come from the settings, or from an app for one request. Pure.

use super::headers::is_field_value;
use crate::contract::{Header, Request};
use crate::limits::{
    ORIGIN_BYTES_MAX, ORIGINS_MAX, PATTERN_BYTES_MAX, PATTERN_PROGRAM_BYTES_MAX, PATTERNS_MAX,
    VALUE_BYTES_MAX,
};
use crate::options::Value;
use regex_lite::{Regex, RegexBuilder};

/// The options, each as in the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    pub origin: Origin,
    /// Joined by commas.
    pub methods: String,
    /// None: those that the preflight asks for.
    pub allowed_headers: Option<String>,
    pub exposed_headers: Option<String>,
    pub credentials: bool,
    pub max_age: Option<String>,
    pub preflight_continue: bool,
    pub options_success_status: u16,
}

/// From where requests may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `false`: no header at all, and no answer to a preflight.
    Off,
    /// `*`: from everywhere, and the answer does not depend on the origin.
    Star,
    /// One origin, told to everybody.
    Fixed(String),
    /// The request's own, if one of these fits.
    Reflected(Vec<Allowed>),
}

/// One entry of a list of origins.
#[derive(Clone, Debug)]
pub enum Allowed {
    /// `true` or `false`: every origin, or none.
    Always(bool),
    Exactly(String),
    Like(Pattern),
}

/// A regular expression, with the text that it was made from.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

impl PartialEq for Allowed {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Allowed::Always(one), Allowed::Always(other)) => one == other,
            (Allowed::Exactly(one), Allowed::Exactly(other)) => one == other,
            (Allowed::Like(one), Allowed::Like(other)) => one.source == other.source,
            _ => false,
        }
    }
}

impl Eq for Allowed {}

impl Default for Cors {
    fn default() -> Self {
        Cors {
            origin: Origin::Star,
            methods: "GET,HEAD,PUT,PATCH,POST,DELETE".to_owned(),
            allowed_headers: None,
            exposed_headers: None,
            credentials: false,
            max_age: None,
            preflight_continue: false,
            options_success_status: 204,
        }
    }
}

/// What CORS does with a request.
#[derive(Debug, Default, PartialEq)]
pub struct Sharing {
    /// For the answer, whatever it is.
    pub headers: Vec<Header>,
    /// The status to answer a preflight with. None: the request goes on.
    pub preflight: Option<u16>,
}

impl Cors {
    /// Reads what an app has decided. None: CORS is off. The error is for the log.
    pub fn read(json: &str) -> Result<Option<Cors>, String> {
        let value = Value::read(json).ok_or("it is not JSON, or too long")?;
        if !matches!(value, Value::Table(_)) {
            return Ok(value.is_truthy().then(Cors::default));
        }
        let mut cors = Cors::default();
        if let Some(origin) = value.find("origin") {
            cors.origin = Origin::from_value(origin)?;
        }
        if let Some(methods) = value.find("methods") {
            cors.methods = joined(methods).ok_or("`methods` is no list of names")?;
        }
        let names = value
            .find("allowedHeaders")
            .filter(|value| value.is_truthy())
            .or_else(|| value.find("headers"));
        if let Some(names) = names.filter(|value| value.is_truthy()) {
            let names = joined(names).ok_or("`allowedHeaders` is no list of names")?;
            cors.allowed_headers = Some(names);
        }
        if let Some(names) = value
            .find("exposedHeaders")
            .filter(|value| value.is_truthy())
        {
            let names = joined(names).ok_or("`exposedHeaders` is no list of names")?;
            cors.exposed_headers = Some(names);
        }
        cors.credentials = value.find("credentials") == Some(&Value::Truth(true));
        cors.max_age = match value.find("maxAge") {
            Some(Value::Number(number)) => Some(number.clone()),
            Some(Value::Text(text)) if fits(text) => Some(text.clone()),
            Some(Value::Null | Value::Truth(false)) | None => None,
            Some(_) => return Err("`maxAge` is no number".to_owned()),
        };
        cors.preflight_continue = value
            .find("preflightContinue")
            .is_some_and(Value::is_truthy);
        if let Some(status) = value.find("optionsSuccessStatus") {
            let number = match status {
                Value::Number(number) => number.parse().ok(),
                _ => None,
            };
            cors.options_success_status = number
                .filter(|status| (200..600).contains(status))
                .ok_or("`optionsSuccessStatus` is no status from 200 to 599")?;
        }
        Ok(Some(cors))
    }

    /// What is to be done about a request. None: nothing, CORS is off.
    pub fn share(&self, request: &Request) -> Option<Sharing> {
        let mut headers = Headers(Vec::new());
        let origin = find(&request.headers, "origin");
        let origin = origin.filter(|origin| origin.len() <= ORIGIN_BYTES_MAX);
        match &self.origin {
            Origin::Off => return None,
            Origin::Star => headers.set("access-control-allow-origin", "*"),
            Origin::Fixed(origin) => {
                headers.set("access-control-allow-origin", origin);
                headers.vary("Origin");
            }
            Origin::Reflected(list) => {
                let origin = origin.filter(|origin| list.iter().any(|entry| entry.fits(origin)));
                headers.set("access-control-allow-origin", &origin.unwrap_or_default());
                headers.vary("Origin");
            }
        }
        if self.credentials {
            headers.set("access-control-allow-credentials", "true");
        }
        let preflight = request.method == "OPTIONS";
        if preflight {
            headers.set("access-control-allow-methods", &self.methods);
            match &self.allowed_headers {
                Some(names) => headers.set("access-control-allow-headers", names),
                None => {
                    headers.vary("Access-Control-Request-Headers");
                    let asked = find(&request.headers, "access-control-request-headers");
                    headers.set("access-control-allow-headers", &asked.unwrap_or_default());
                }
            }
            headers.set(
                "access-control-max-age",
                self.max_age.as_deref().unwrap_or_default(),
            );
        }
        headers.set(
            "access-control-expose-headers",
            self.exposed_headers.as_deref().unwrap_or_default(),
        );
        let answered = preflight && !self.preflight_continue;
        Some(Sharing {
            headers: headers.0,
            preflight: answered.then_some(self.options_success_status),
        })
    }
}

impl Origin {
    /// Reads the text of a setting: `true`, `false`, `*`, an origin, `/a pattern/`, or a JSON array.
    pub fn from_text(text: &str) -> Result<Origin, String> {
        match text {
            "true" => Origin::from_value(&Value::Truth(true)),
            "false" => Origin::from_value(&Value::Truth(false)),
            list if list.starts_with('[') => {
                let value = Value::read(list).ok_or("the list is not JSON, or too long")?;
                Origin::from_value(&value)
            }
            text => Origin::from_value(&Value::Text(text.to_owned())),
        }
    }

    fn from_value(value: &Value) -> Result<Origin, String> {
        match value {
            falsy if !falsy.is_truthy() => Ok(Origin::Off),
            Value::Text(text) if text == "*" => Ok(Origin::Star),
            Value::Text(text) if !is_pattern(text) => match fits(text) {
                true => Ok(Origin::Fixed(text.clone())),
                false => Err("an origin that no header can carry".to_owned()),
            },
            Value::List(list) => {
                if list.len() > ORIGINS_MAX {
                    return Err(format!("more than {ORIGINS_MAX} origins"));
                }
                let list = list.iter().map(Allowed::from_value);
                let list = list.collect::<Result<Vec<_>, _>>()?;
                let patterns = list.iter().filter(|one| matches!(one, Allowed::Like(_)));
                if patterns.count() > PATTERNS_MAX {
                    return Err(format!("more than {PATTERNS_MAX} regular expressions"));
                }
                Ok(Origin::Reflected(list))
            }
            one => Ok(Origin::Reflected(vec![Allowed::from_value(one)?])),
        }
    }
}

impl Allowed {
    fn from_value(value: &Value) -> Result<Allowed, String> {
        match value {
            Value::Text(text) if is_pattern(text) => Ok(Allowed::Like(Pattern::read(text)?)),
            Value::Text(text) => Ok(Allowed::Exactly(text.clone())),
            Value::List(_) | Value::Table(_) => Err("an origin that is no string".to_owned()),
            other => Ok(Allowed::Always(other.is_truthy())),
        }
    }

    fn fits(&self, origin: &str) -> bool {
        match self {
            Allowed::Always(truth) => *truth,
            Allowed::Exactly(text) => text == origin,
            Allowed::Like(pattern) => pattern.regex.is_match(origin),
        }
    }
}

/// Whether it is a regular expression as JavaScript writes it. No origin begins with a slash.
fn is_pattern(text: &str) -> bool {
    text.starts_with('/') && text.rfind('/').is_some_and(|last| last > 1)
}

impl Pattern {
    fn read(text: &str) -> Result<Pattern, String> {
        let (body, flags) = text
            .get(1..)
            .and_then(|rest| rest.rsplit_once('/'))
            .unwrap_or_default();
        if body.len() > PATTERN_BYTES_MAX {
            return Err(format!(
                "a regular expression of more than {PATTERN_BYTES_MAX} bytes"
            ));
        }
        // `g`, `u` and `d` change nothing about whether an origin fits.
        if let Some(flag) = flags.chars().find(|flag| !"dgimsu".contains(*flag)) {
            return Err(format!("the flag `{flag}` of {text} is not supported"));
        }
        let regex = RegexBuilder::new(body)
            .case_insensitive(flags.contains('i'))
            .multi_line(flags.contains('m'))
            .dot_matches_new_line(flags.contains('s'))
            .size_limit(PATTERN_PROGRAM_BYTES_MAX)
            .build()
            .map_err(|error| format!("{text} is no regular expression of ours: {error}"))?;
        Ok(Pattern {
            source: text.to_owned(),
            regex,
        })
    }
}

/// A string as it is, or a list of strings joined by commas.
fn joined(value: &Value) -> Option<String> {
    let text = match value {
        Value::Text(text) => text.clone(),
        list => list.texts()?.join(","),
    };
    fits(&text).then_some(text)
}

/// Whether it may be the value of a header that answers carry.
pub fn fits(text: &str) -> bool {
    is_field_value(text) && text.len() <= VALUE_BYTES_MAX
}

/// A request's header; one that comes twice is joined, as Node does.
fn find(headers: &[Header], name: &str) -> Option<String> {
    let values = headers.iter().filter(|header| header.name == name);
    let values: Vec<&str> = values.map(|header| header.value.as_str()).collect();
    let value = values.join(", ");
    (!values.is_empty() && is_field_value(&value)).then_some(value)
}

struct Headers(Vec<Header>);

impl Headers {
    /// Sets a header; an empty value is none, as in the reference.
    fn set(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.push(Header {
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
    }

    fn vary(&mut self, field: &str) {
        match self.0.iter_mut().find(|header| header.name == "vary") {
            Some(vary) => {
                vary.value.push_str(", ");
                vary.value.push_str(field);
            }
            None => self.set("vary", field),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Fresh, Transport};

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| Header {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        });
        Request {
            connection: 1,
            transport: Transport::Exchange,
            method: method.to_owned(),
            url: "/socket.io/".to_owned(),
            headers: headers.collect(),
            address: String::new(),
            secure: false,
            fresh: Fresh {
                id: String::new(),
                seed_low: 0,
                seed_high: 0,
            },
        }
    }

    /// The headers, as `name: value` in a row, for a page of this origin.
    fn shared(json: &str, method: &str, origin: Option<&str>) -> String {
        let mut headers = Vec::from_iter(origin.map(|origin| ("origin", origin)));
        headers.push(("access-control-request-headers", "x-a, x-b"));
        let cors = Cors::read(json).unwrap().expect("CORS is on");
        let Some(sharing) = cors.share(&request(method, &headers)) else {
            return "off".to_owned();
        };
        let lines = sharing.headers.iter();
        let lines: Vec<_> = lines
            .map(|header| {
                let name = header.name.trim_start_matches("access-control-");
                format!("{name}: {}", header.value)
            })
            .collect();
        let status = sharing.preflight.map(|status| format!("{status} "));
        format!("{}{}", status.unwrap_or_default(), lines.join("; "))
    }

    #[test]
    fn every_form_of_an_origin() {
        for (origin, expected) in [
            ("\"*\"", "allow-origin: *"),
            (
                "\"https://b.example\"",
                "allow-origin: https://b.example; vary: Origin",
            ),
            ("true", "allow-origin: https://a.example; vary: Origin"),
            ("false", "off"),
            ("\"\"", "off"),
            ("null", "off"),
            ("[]", "vary: Origin"),
            (
                "[\"https://b.example\",\"https://a.example\"]",
                "allow-origin: https://a.example; vary: Origin",
            ),
            ("[\"https://b.example\"]", "vary: Origin"),
            ("[\"*\"]", "vary: Origin"),
            (
                "[false,true]",
                "allow-origin: https://a.example; vary: Origin",
            ),
            (
                "\"/\\\\.EXAMPLE$/i\"",
                "allow-origin: https://a.example; vary: Origin",
            ),
            ("\"/\\\\.EXAMPLE$/\"", "vary: Origin"),
            (
                "[\"/^https:\\\\/\\\\/[a-c]\\\\./\"]",
                "allow-origin: https://a.example; vary: Origin",
            ),
        ] {
            let json = format!("{{\"origin\":{origin}}}");
            assert_eq!(
                shared(&json, "GET", Some("https://a.example")),
                expected,
                "{json}"
            );
        }
        assert_eq!(shared("{\"origin\":true}", "GET", None), "vary: Origin");
        assert_eq!(shared("{\"origin\":\"/.*/\"}", "GET", None), "vary: Origin");
        assert_eq!(shared("true", "GET", None), "allow-origin: *");
        assert_eq!(Cors::read("false"), Ok(None));
        assert_eq!(
            Origin::from_text("[\"a\",\"b\"]"),
            Ok(Origin::Reflected(vec![
                Allowed::Exactly("a".into()),
                Allowed::Exactly("b".into())
            ]))
        );
    }

    #[test]
    fn a_preflight_tells_everything() {
        assert_eq!(
            shared("{}", "OPTIONS", None),
            "204 allow-origin: *; allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE; \
             vary: Access-Control-Request-Headers; allow-headers: x-a, x-b"
        );
        let json = r#"{"origin":["o"],"methods":["GET","POST"],"allowedHeaders":["a","b"],
            "exposedHeaders":"c","credentials":true,"maxAge":0,"optionsSuccessStatus":200}"#;
        assert_eq!(
            shared(json, "OPTIONS", Some("o")),
            "200 allow-origin: o; vary: Origin; allow-credentials: true; allow-methods: GET,POST; \
             allow-headers: a,b; max-age: 0; expose-headers: c"
        );
        assert_eq!(
            shared(json, "GET", Some("o")),
            "allow-origin: o; vary: Origin; allow-credentials: true; expose-headers: c"
        );
        assert_eq!(
            shared("{\"origin\":true}", "OPTIONS", Some("o")),
            "204 allow-origin: o; vary: Origin, Access-Control-Request-Headers; \
             allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE; allow-headers: x-a, x-b"
        );
        assert_eq!(
            shared(
                "{\"preflightContinue\":true,\"headers\":\"q\"}",
                "OPTIONS",
                None
            ),
            "allow-origin: *; allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE; allow-headers: q"
        );
        // Only `true` is true, and an empty list of headers allows none.
        assert_eq!(
            shared(
                "{\"credentials\":1,\"allowedHeaders\":[],\"methods\":\"\"}",
                "OPTIONS",
                None
            ),
            "204 allow-origin: *"
        );
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        for json in [
            "",
            "{",
            r#"{"origin":"a\nb"}"#,
            r#"{"origin":"/(/"}"#,
            r#"{"origin":"/a/y"}"#,
            r#"{"origin":"/a{999}{999}{999}/"}"#,
            r#"{"origin":{}}"#,
            r#"{"methods":null}"#,
            r#"{"methods":["a\r\nb"]}"#,
            r#"{"maxAge":{}}"#,
            r#"{"optionsSuccessStatus":99}"#,
        ] {
            assert!(Cors::read(json).is_err(), "{json}");
        }
        assert!(Origin::from_text(&format!("/{}/", "a".repeat(2000))).is_err());
    }
}
