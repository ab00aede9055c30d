//! The handlers, driven without a network: `cargo test`.

use holdfast_sdk::testing::Server;

#[test]
fn what_ann_says_bob_hears() {
    let server = Server::start(app::app);
    let (ann, bob) = (server.connect("/"), server.connect("/"));

    assert_eq!(ann.call("add", (1, 2)), Some(3.0));

    ann.emit("join", "lobby");
    bob.emit("join", "lobby");
    ann.emit("say", ("lobby", "hello"));
    let said = [(ann.id(), "hello".to_owned())];
    assert_eq!(bob.received::<(String, String)>("said"), said);
    assert_eq!(ann.received::<(String, String)>("said"), said);
}
