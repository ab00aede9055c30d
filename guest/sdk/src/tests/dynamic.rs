//! Namespaces that come to be when somebody asks for them.

use super::{Log, noted};
use crate::limits::CHILD_NAMESPACES_MAX;
use crate::testing::Server;
use crate::{Io, Level, json};
use std::cell::Cell;
use std::rc::Rc;

fn is_refused(server: &Server, namespace: &str) -> bool {
    let refused = server.connect_as(namespace, json!({})).err();
    refused.is_some_and(|error| error.message == "Invalid namespace")
}

#[test]
fn a_pattern_or_a_function_makes_children() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = Server::start(move |io: &Io| {
        io.on_connection(|_| ());
        let named = Rc::clone(&notes);
        io.on_new_namespace(move |namespace| named.borrow_mut().push(namespace.name().to_owned()));
        io.of_pattern(r"^/room-\d+$").on_connection(|socket| {
            socket.emit("hello", ("pattern", socket.namespace().name()));
        });
        let tenants = io.of_matching(|name, handshake| {
            let auth: crate::Value = handshake.auth().unwrap_or_default();
            name.strip_prefix("/tenant/")
                .is_some_and(|name| auth["token"] == name)
        });
        tenants.middleware(|socket| match socket.handshake().query("banned") {
            Some(_) => Err("banned".into()),
            None => Ok(()),
        });
        tenants.on_connection(|socket| socket.emit("hello", ("function", socket.id())));
        // Declared later, asked later.
        io.of_matching(|name, _| name == "/room-1")
            .on_connection(|_| panic!("the first wins"));
    });
    assert!(server.manifest().dynamic);
    assert_eq!(server.manifest().namespaces, ["/"]);
    let ann = server.connect("/room-1");
    let hello: Vec<(String, String)> = ann.received("hello");
    assert_eq!(hello, [("pattern".to_owned(), "/room-1".to_owned())]);
    assert!(is_refused(&server, "/room-x") && is_refused(&server, "/room-1/"));
    assert!(is_refused(&server, "/tenant/ann"));
    let tenant = server
        .connect_as("/tenant/ann", json!({ "token": "ann" }))
        .unwrap();
    assert_eq!(tenant.received::<(String, String)>("hello").len(), 1);
    assert!(
        server.connect_as("/tenant/ann", json!({})).is_ok(),
        "while it exists nobody asks the function again"
    );
    tenant.disconnect("transport close");
    assert!(
        server.connect_as("/tenant/ann", json!({})).is_ok(),
        "it still exists"
    );
    assert_eq!(noted(&log), ["/room-1", "/tenant/ann"]);
}

#[test]
fn empty_children_are_forgotten_if_wanted() {
    let asked = Rc::new(Cell::new(0));
    let counted = Rc::clone(&asked);
    let server = Server::start(move |io: &Io| {
        io.cleanup_empty_child_namespaces();
        let family = io.of_matching(move |_, _| {
            counted.set(counted.get() + 1);
            true
        });
        family.middleware(|socket| {
            let auth: crate::Value = socket.handshake().auth().unwrap_or_default();
            if auth["no"] == true {
                Err("no".into())
            } else {
                Ok(())
            }
        });
        family.on_connection(|_| ());
    });
    assert_eq!(server.manifest().namespaces, ["/"]);
    let (ann, bob) = (server.connect("/a"), server.connect("/a"));
    ann.disconnect("transport close");
    assert!(server.connect_as("/a", json!({ "no": true })).is_err());
    let eve = server.connect("/a");
    assert_eq!(asked.get(), 1);
    bob.disconnect("transport close");
    eve.disconnect("transport close");
    let ann = server.connect("/a");
    assert_eq!(asked.get(), 2);
    ann.disconnect("transport close");
    assert!(server.connect_as("/a", json!({ "no": true })).is_err());
    assert!(server.connect_as("/a", json!({ "no": true })).is_err());
    assert_eq!(asked.get(), 4, "who is refused leaves nothing behind");
}

#[test]
fn a_parent_speaks_to_all_its_children() {
    let server = Server::start(|io: &Io| {
        let family = io.of_pattern("^/room-");
        let all = family.clone();
        io.on_connection(move |socket| {
            let all = all.clone();
            socket.on("all", move |n: u8| {
                all.emit("heard", n);
                all.to("vip")
                    .volatile()
                    .compress(false)
                    .emit("heard", n + 1);
                all.except("vip").emit("heard", n + 2);
            });
        });
        family.on_connection(|socket| {
            if socket.namespace().name() == "/room-2" {
                socket.join("vip");
            }
        });
        // Named beforehand: a child like the others, with what the parent has now.
        let _ = io.of("/room-9");
        assert_eq!(family.children().len(), 1);
    });
    assert_eq!(server.manifest().namespaces, ["/", "/room-9"]);
    let [root, one, two, nine] =
        ["/", "/room-1", "/room-2", "/room-9"].map(|name| server.connect(name));
    root.emit("all", 1);
    assert_eq!(one.received::<u8>("heard"), [1, 3]);
    assert_eq!(two.received::<u8>("heard"), [1, 2]);
    assert_eq!(nine.received::<u8>("heard"), [1, 3]);
    assert!(root.inbox().is_empty());
}

#[test]
fn children_outlive_the_app() {
    let app = |io: &Io| {
        let family = io.of_matching(|_, handshake| {
            handshake.auth::<crate::Value>().unwrap_or_default()["key"] == 1
        });
        family.on_connection(|socket| socket.emit("here", socket.resumed()));
    };
    let server = Server::start(app);
    let first = server.connect_as("/x", json!({ "key": 1 })).unwrap();
    let second = server.connect("/x");
    first.disconnect("transport close");
    let third = server.connect_as("/x", json!({ "key": 1 })).unwrap();
    for client in [&second, &third] {
        assert_eq!(client.received::<bool>("here"), [false]);
    }
    server.restart(app);
    for client in [&second, &third] {
        assert_eq!(client.received::<bool>("here"), [true]);
    }
    third.disconnect("transport close");
    server.restart(app);
    assert_eq!(
        second.gone().as_deref(),
        Some("server namespace disconnect"),
        "nobody accepts it any more"
    );
}

#[test]
fn children_are_bounded_and_patterns_checked() {
    let server = Server::start(|io: &Io| {
        let _ = io.of_pattern("(");
        let _ = io.of_pattern("^/n");
    });
    for number in 0..CHILD_NAMESPACES_MAX {
        let _ = server.connect(&format!("/n{number}"));
    }
    assert!(is_refused(&server, "/n-more"));
    assert!(server.connect_as("/n0", json!({})).is_ok());
    let levels: Vec<Level> = server.logs().iter().map(|line| line.level).collect();
    assert_eq!(levels, [Level::Error, Level::Warn]);
}
