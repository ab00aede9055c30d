//! Requests of an app, answered by the test.

use crate::testing::app_guest::{Command, OutgoingRequest};
use crate::testing::{Server, after};
use crate::{Ack, FetchError, Io, Level, Redirect, Request, Response, fetch, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

type Seen = Rc<RefCell<Vec<OutgoingRequest>>>;

/// An app that makes this request for who asks; what it is told about the response.
fn asking(request: impl Fn() -> Request + 'static) -> Server {
    let request = Rc::new(request);
    Server::start(move |io: &Io| {
        io.on_connection(move |socket| {
            let request = Rc::clone(&request);
            socket.on("go", async move |ack: Ack| -> Result<(), FetchError> {
                let response = fetch(request()).await?;
                let about = (
                    response.status(),
                    response.text(),
                    response.url().to_owned(),
                );
                ack.send((about, response.redirected()));
                Ok(())
            });
        });
    })
}

/// A web that redirects by the path: `/303/next` with 303 to `/next`; `/away` to another host.
fn redirecting(server: &Server) -> Seen {
    let seen = Seen::default();
    let noted = Rc::clone(&seen);
    server.answer_fetch(move |request| {
        noted.borrow_mut().push(request.clone());
        let path = request.url.split("example.com").nth(1).unwrap();
        let mut parts = path.splitn(3, '/').skip(1);
        match (parts.next(), parts.next()) {
            (Some("away"), _) => Response::new(307).with_header("Location", "//other.example/x"),
            (Some("round"), _) => Response::new(302).with_header("location", "round"),
            (Some("nowhere"), _) => Response::new(301),
            (Some("wrong"), _) => Response::new(301).with_header("location", "http://[:"),
            (Some(status), Some(next)) => {
                Response::new(status.parse().unwrap()).with_header("location", format!("/{next}"))
            }
            _ => Response::new(200).with_body("there"),
        }
    });
    seen
}

fn requests(seen: &Seen) -> Vec<(String, String)> {
    let seen = std::mem::take(&mut *seen.borrow_mut());
    seen.into_iter()
        .map(|request| (request.method, request.url))
        .collect()
}

type About = ((u16, String, String), bool);

#[test]
fn requests_are_what_was_said() {
    let server = asking(|| {
        Request::new("QUERY", "https://example.com/q")
            .header("X-One", "1")
            .timeout(Duration::from_secs(1000))
            .json(&json!({ "a": [1] }))
    });
    let _ = server.connect("/").call::<()>("go", ());
    let fetches: Vec<_> = server
        .commands()
        .into_iter()
        .filter_map(|command| match command {
            Command::Fetch(request) => Some(request),
            _ => None,
        })
        .collect();
    let [request] = &fetches[..] else {
        panic!("{fetches:?}")
    };
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|header| (header.name.as_str(), header.value.as_str()))
        .collect();
    assert_eq!(
        headers,
        [("x-one", "1"), ("content-type", "application/json")]
    );
    assert_eq!(
        (request.method.as_str(), request.timeout_ms),
        ("QUERY", 300_000)
    );
    assert_eq!(request.body, br#"{"a":[1]}"#);
    // Nobody plays the web: the error is a line in the log.
    let [line] = server.logs().try_into().unwrap();
    assert_eq!(line.level, Level::Error);
    assert!(
        line.text.contains(r#""go""#) && line.text.contains("answer_fetch"),
        "{}",
        line.text
    );
}

#[test]
fn responses_take_their_time() {
    let server = asking(|| "https://example.com/".into());
    server.answer_fetch(|_| {
        after(
            Duration::from_millis(70),
            Response::new(201).with_body("made"),
        )
    });
    let (ann, bob) = (server.connect("/"), server.connect("/"));
    let first = ann.ask("go", ());
    server.advance(Duration::from_millis(30));
    let second = bob.ask("go", ());
    server.advance(Duration::from_millis(40));
    let about = (
        (201, "made".to_owned(), "https://example.com/".to_owned()),
        false,
    );
    assert_eq!(ann.answer::<About>(first), Some(about));
    assert_eq!(bob.answer::<About>(second), None);
    server.advance(Duration::from_millis(30));
    assert!(bob.answer::<About>(second).is_some());
}

#[test]
fn redirects_are_followed() {
    let post = |path: &str| {
        let url = format!("https://example.com{path}");
        move || Request::post(&url).header("authorization", "x").json(&1)
    };
    let server = asking(post("/303/308/end#top"));
    let seen = redirecting(&server);
    let about: Option<About> = server.connect("/").call("go", ());
    let end = (
        200,
        "there".to_owned(),
        "https://example.com/end#top".to_owned(),
    );
    assert_eq!(about, Some((end, true)));
    assert!(seen.borrow()[1].body.is_empty() && seen.borrow()[1].headers.len() == 1);
    let methods: Vec<_> = requests(&seen)
        .into_iter()
        .map(|(method, _)| method)
        .collect();
    assert_eq!(methods, ["POST", "GET", "GET"]);

    // 307 keeps method and body; what was for one host is for no other.
    let server = asking(post("/away"));
    let seen = redirecting(&server);
    server.answer_fetch({
        let seen = Rc::clone(&seen);
        move |request| {
            seen.borrow_mut().push(request.clone());
            match request.url.as_str() {
                "https://other.example/x" => Response::new(200),
                _ => Response::new(307).with_header("location", "//other.example/x"),
            }
        }
    });
    assert!(server.connect("/").call::<About>("go", ()).is_some());
    let last = seen.borrow().last().cloned().unwrap();
    assert_eq!((last.method.as_str(), &last.body[..]), ("POST", &b"1"[..]));
    assert!(
        last.headers
            .iter()
            .all(|header| header.name != "authorization")
    );
}

#[test]
fn redirects_end() {
    let failure = |request: fn() -> Request| {
        let server = asking(request);
        let seen = redirecting(&server);
        let about = server.connect("/").call::<About>("go", ());
        let line = server.logs().pop().map(|line| line.text);
        (
            about.map(|((status, ..), _)| status),
            line.unwrap_or_default(),
            requests(&seen).len(),
        )
    };
    let (_, line, count) = failure(|| Request::get("https://example.com/round"));
    assert!(line.ends_with("redirect: more than 20 of them"), "{line}");
    assert_eq!(count, 21);
    let (status, _, count) = failure(|| Request::get("https://example.com/nowhere"));
    assert_eq!((status, count), (Some(301), 1));
    let (_, line, _) = failure(|| Request::get("https://example.com/wrong"));
    assert!(
        line.ends_with(r#"redirect: "http://[:" is no URL"#),
        "{line}"
    );
    let manual = || Request::get("https://example.com/302/end").redirect(Redirect::Manual);
    assert_eq!(failure(manual).0, Some(302));
    let (_, line, _) =
        failure(|| Request::get("https://example.com/302/end").redirect(Redirect::Error));
    assert!(line.ends_with("302 to /end, and none was wanted"), "{line}");
}

#[test]
fn what_cannot_be_asked_is_an_error() {
    let server = asking(|| {
        let keys_are_no_text = std::collections::BTreeMap::from([((1, 2), 3)]);
        Request::put("https://example.com/").json(&keys_are_no_text)
    });
    assert_eq!(server.connect("/").call::<About>("go", ()), None);
    let line = server.logs().pop().unwrap().text;
    assert!(
        line.contains("the request cannot be made: its body is no JSON"),
        "{line}"
    );
    let body = Response::new(200).with_body("[").json::<u8>();
    assert!(matches!(body, Err(FetchError::Body(_))));
}
