//! Several apps on a node: who serves whom, what each may use, whom a crash concerns, and what is refused.

use crate::support::client::Client;
use crate::support::node::{TestFolder, TestNode, hostile_app};
use holdfast::config::{APPS_MAX, AppConfig, Config, Instances, load};
use holdfast::server::{Node, NodeError};
use std::path::PathBuf;

/// A script that serves a name, says where it runs and what it was given, and asks for settings.
fn app(name: &str, settings: &str) -> String {
    format!(
        r#"
        import {{ Server }} from "holdfast";
        const io = new Server({settings});
        io.of({name:?}).on("connection", (socket) => {{
            socket.on("echo", (value, answer) => answer(value));
            socket.on("env", (answer) => answer(process.env));
            socket.on("spin", () => {{ for (;;) {{}} }});
            socket.on("all", () => io.of({name:?}).emit("all"));
        }});
        "#
    )
}

fn of_file(file: PathBuf) -> AppConfig {
    AppConfig {
        file: Some(file),
        ..Config::default().app
    }
}

/// A node with these apps.
fn start(shards: usize, apps: Vec<(&str, AppConfig)>) -> Result<TestNode, NodeError> {
    TestNode::try_start(|config| {
        config.shards = shards.into();
        config.apps = apps
            .into_iter()
            .map(|(name, app)| (name.to_owned(), app))
            .collect();
    })
}

fn refusal(apps: Vec<(&str, AppConfig)>) -> String {
    start(1, apps).map(drop).unwrap_err().to_string()
}

/// Joins another name on an open session.
fn join(client: &mut Client, name: &str) {
    client.send(&format!("40{name},"));
    let joined = client.text();
    assert!(joined.starts_with(&format!("40{name},{{")), "{joined}");
}

#[test]
fn each_app_serves_its_own() {
    let folder = TestFolder::new(
        "several",
        &[
            ("blue.js", &app("/blue", "")),
            ("green.js", &app("/green", "")),
        ],
    );
    let with = |file: &str, colour: &str, instances| AppConfig {
        env: vec![("COLOUR".to_owned(), colour.to_owned())],
        instances,
        ..of_file(folder.file(file))
    };
    for shards in [1, 2] {
        for instances in [Instances::One, Instances::PerShard] {
            let apps = vec![
                ("blue", with("blue.js", "b", instances)),
                ("green", with("green.js", "g", Instances::One)),
                ("hostile", of_file(hostile_app())),
            ];
            let node = start(shards, apps).unwrap();
            assert_eq!(node.control.apps(), ["blue", "green", "hostile"]);
            let mut clients: Vec<_> = (0..6).map(|_| Client::join(node.port)).collect();
            for client in &mut clients {
                join(client, "/blue");
                join(client, "/green");
                client.send("42/blue,0[\"env\"]");
                assert_eq!(client.text(), "43/blue,0[{\"COLOUR\":\"b\"}]");
                client.send("42/green,0[\"env\"]");
                assert_eq!(client.text(), "43/green,0[{\"COLOUR\":\"g\"}]");
                // The third app's only instance is on the shard of its number.
                client.send("42[\"where\"]");
                assert_eq!(client.text(), format!("42[\"where\",0,1,{shards}]"));
            }
            clients[0].send("42/green,[\"all\"]");
            for client in &mut clients {
                assert_eq!(client.text(), "42/green,[\"all\"]");
            }
        }
    }
}

#[test]
fn a_crash_concerns_the_sockets_of_one_app() {
    let folder = TestFolder::new(
        "crash",
        &[("aa.js", &app("/aa", "")), ("bb.js", &app("/bb", ""))],
    );
    for shards in [1, 2] {
        let impatient = AppConfig {
            deadline_ms: 200,
            ..of_file(folder.file("bb.js"))
        };
        let apps = vec![
            ("aa", of_file(folder.file("aa.js"))),
            ("bb", impatient),
            ("hostile", of_file(hostile_app())),
        ];
        let node = start(shards, apps).unwrap();
        let mut clients: Vec<_> = (0..4).map(|_| Client::join(node.port)).collect();
        for client in &mut clients {
            join(client, "/aa");
            join(client, "/bb");
        }
        // A script that does not end is interrupted, which is no crash.
        for (count, (crash, traps)) in [
            ("42[\"trap\"]", 1),
            ("42/bb,[\"spin\"]", 1),
            ("42[\"trap\"]", 2),
        ]
        .into_iter()
        .enumerate()
        {
            clients[count].send(crash);
            for client in &mut clients {
                if crash.starts_with("42[") {
                    assert_eq!(client.text(), "42[\"resumed\"]");
                }
                for name in ["/aa", "/bb"] {
                    client.send(&format!("42{name},7[\"echo\",{count}]"));
                    assert_eq!(client.text(), format!("43{name},7[{count}]"));
                }
                client.send("421[\"hello\"]");
                assert_eq!(client.text(), "431[\"ok\"]");
            }
            assert_eq!(node.counters.guest_traps.total(), traps);
        }
    }
}

#[test]
fn apps_that_serve_the_same_are_refused() {
    let folder = TestFolder::new("same", &[("one.js", &app("/same", ""))]);
    let file = || of_file(folder.file("one.js"));
    let text = refusal(vec![("one", file()), ("two", file())]);
    assert!(
        text.contains("\"one\"") && text.contains("\"two\" both serve \"/same\""),
        "{text}"
    );
}

#[test]
fn what_apps_ask_of_the_protocol_guest() {
    let folder = TestFolder::new(
        "asking",
        &[
            (
                "a.js",
                &app("/a", "{ pingInterval: 1111, pingTimeout: 2222 }"),
            ),
            (
                "b.js",
                &app("/b", "{ pingInterval: 3333, maxHttpBufferSize: 4444 }"),
            ),
            ("bad.js", &app("/bad", "{ pingInterval: 0 }")),
        ],
    );
    let file = |name: &str| of_file(folder.file(name));
    let apps =
        || [("a", file("a.js")), ("b", file("b.js"))].map(|(name, app)| (name.to_owned(), app));
    let open = |node: &TestNode| Client::open(node.port, "EIO=4&transport=websocket").text();
    let node = TestNode::start(|config| config.apps = apps().into());
    let text = open(&node);
    assert!(
        text.contains("\"pingInterval\":1111,\"pingTimeout\":2222,\"maxPayload\":4444"),
        "the first app wins: {text}"
    );
    let node = TestNode::start(|config| {
        config.apps = apps().into();
        let own = ("ping_interval".to_owned(), "5555".to_owned());
        config.protocol.settings.push(own);
    });
    let text = open(&node);
    assert!(
        text.contains("\"pingInterval\":5555,\"pingTimeout\":2222"),
        "the config wins: {text}"
    );
    let text = refusal(vec![("bad", file("bad.js"))]);
    assert!(
        text.contains("ping_interval") && text.contains("the app \"bad\""),
        "{text}"
    );
}

#[test]
fn each_app_has_limits_of_its_own() {
    let folder = TestFolder::new("limits", &[("big.js", &app("/big", ""))]);
    let small = AppConfig {
        memory_bytes_max: 1 << 20,
        ..of_file(folder.file("big.js"))
    };
    let text = refusal(vec![("big", small), ("hostile", of_file(hostile_app()))]);
    assert!(text.contains("big.js"), "{text}");
    let refusing = AppConfig {
        env: vec![("REFUSE".to_owned(), String::new())],
        ..of_file(hostile_app())
    };
    let text = refusal(vec![
        ("big", of_file(folder.file("big.js"))),
        ("hostile", refusing),
    ]);
    assert!(text.contains("told to refuse"), "{text}");
}

#[test]
fn as_many_apps_as_the_protocol_guest_takes() {
    assert_eq!(APPS_MAX, holdfast_protocol::limits::APPS_MAX);
}

#[test]
fn a_config_with_several_apps_is_checked_and_shown() {
    let folder = TestFolder::new(
        "check",
        &[
            ("blue.js", &app("/blue", "")),
            (
                "holdfast.toml",
                "[apps.blue]\nfile = \"blue.js\"\n[apps.demo]\n",
            ),
        ],
    );
    let none = Vec::<(std::ffi::OsString, std::ffi::OsString)>::new();
    let command = load(["holdfast".into(), "check".into()], none, &folder.0).unwrap();
    let mut config = command.config;
    config.state_dir = crate::support::node::target().join("test-state");
    let node = Node::prepare(config).unwrap();
    let roles: Vec<_> = node.guests.iter().map(|(role, ..)| role.as_str()).collect();
    assert_eq!(roles, ["protocol", "app blue", "app demo"]);
}
