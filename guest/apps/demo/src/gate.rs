//! Before there is a session: who may open one, what pages of other origins may do, who was turned
//! away. Each only if the environment asks for it.

use crate::is_set;
use crate::limits::DENIALS_MAX;
use holdfast_sdk::{Admission, Handshake, Io, Value, json, serde_json};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// The only origin whose pages are let in.
const FRIEND: &str = "https://friend.example";

/// The requests that were refused lately. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Denials(Rc<RefCell<VecDeque<Value>>>);

impl Denials {
    pub(crate) fn list(&self) -> Vec<Value> {
        self.0.borrow().iter().cloned().collect()
    }

    fn note(&self, denial: Value) {
        let mut denials = self.0.borrow_mut();
        denials.push_back(denial);
        if denials.len() > DENIALS_MAX {
            denials.pop_front();
        }
    }
}

/// Attaches what the environment asks for: `DEMO_JUDGE`, `DEMO_CORS`, `DEMO_DENIALS`.
pub(crate) fn attach(io: &Io) -> Denials {
    let denials = Denials::default();
    if is_set(io, "DEMO_JUDGE") {
        io.allow_request(judge);
    }
    if is_set(io, "DEMO_CORS") {
        io.cors(cors);
    }
    if is_set(io, "DEMO_DENIALS") {
        let noted = denials.clone();
        io.on_connection_error(move |denied| {
            let context: Value = serde_json::from_str(&denied.context).unwrap_or_default();
            noted.note(json!({
                "code": denied.code,
                "message": denied.message,
                "context": context,
                "mark": denied.handshake.query("mark"),
            }));
        });
    }
    denials
}

/// `?deny=TEXT` is refused with that text; `?initial=TEXT` comes back in the header `x-initial` of the
/// first answer, `?every=TEXT` in the header `x-every` of all answers.
fn judge(handshake: &Handshake) -> Result<Admission, String> {
    if let Some(reason) = handshake.query("deny") {
        return Err(reason.to_owned());
    }
    let mut admission = Admission::new();
    if let Some(value) = handshake.query("initial") {
        admission = admission.initial_header("x-initial", value);
    }
    if let Some(value) = handshake.query("every") {
        admission = admission.header("x-every", value);
    }
    Ok(admission)
}

fn cors(handshake: &Handshake) -> Result<Value, String> {
    match handshake.header("origin") {
        _ if handshake.query("cors") == Some("refuse") => Err("no such luck".to_owned()),
        Some(FRIEND) => {
            Ok(json!({ "origin": FRIEND, "credentials": true, "methods": ["GET", "POST"] }))
        }
        _ => Ok(json!({ "origin": false })),
    }
}

#[cfg(test)]
mod tests {
    use super::FRIEND;
    use holdfast_sdk::testing::{Server, context, handshake};
    use holdfast_sdk::{Handshake, Header, Value, json};

    fn gated() -> Server {
        let mut context = context();
        context.env = ["DEMO_JUDGE", "DEMO_CORS", "DEMO_DENIALS"]
            .map(|name| (name.to_owned(), "1".to_owned()))
            .to_vec();
        Server::start_with(context, crate::app).unwrap()
    }

    fn header(name: &str, value: &str) -> Header {
        Header {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn nothing_is_asked_unless_the_environment_says_so() {
        let manifest = Server::start(crate::app).manifest();
        assert!(!manifest.judges_handshakes && !manifest.decides_cors);
        assert!(!manifest.hears_denials && !manifest.hears_rooms);
    }

    #[test]
    fn the_query_decides() {
        let server = gated();
        let with = |query| Handshake {
            query,
            ..handshake()
        };
        let denied = with(vec![header("deny", "no"), header("mark", "m")]);
        assert_eq!(server.judge(denied.clone()), Err("no".to_owned()));
        let judgement = server.judgement(with(vec![header("initial", "1"), header("every", "2")]));
        assert_eq!(judgement.refusal, None);
        assert_eq!(judgement.initial_headers, [header("x-initial", "1")]);
        assert_eq!(judgement.headers, [header("x-every", "2")]);

        server.deny(denied, 4, "no");
        let denials: Vec<Value> = server.connect("/lab").call("denials", ()).unwrap();
        assert_eq!(
            denials,
            [json!({ "code": 4, "message": "no", "context": {}, "mark": "m" })]
        );
    }

    #[test]
    fn friends_may_read() {
        let server = gated();
        let mut friend = handshake();
        assert_eq!(server.share(friend.clone()), Ok(json!({ "origin": false })));
        friend.headers = vec![header("origin", FRIEND)];
        assert_eq!(server.share(friend.clone()).unwrap()["origin"], FRIEND);
        friend.query = vec![header("cors", "refuse")];
        assert!(server.share(friend).is_err());
    }
}
