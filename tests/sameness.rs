//! One table of behaviours (`tests/sameness`), run by the same client script on the reference server and on
//! apps here: in Rust, and in JavaScript by the API of socket.io. Equal traces, but for what is decided.

use crate::clients::{folder, installed, run, skip};
use holdfast_test::{App, Node};
use std::process::Command;

/// What is compared with the reference.
const SERVERS: &[&str] = &["rust", "script"];

/// The app of a server.
fn app(server: &str) -> App {
    match server {
        "rust" => App::crate_folder(folder("sameness/rust")),
        _ => App::file(folder("sameness/app.mjs")),
    }
}

/// A node for each configuration of `servers.mjs`.
fn nodes(app: &App) -> [(&'static str, Node); 2] {
    let node = |settings: &[(&str, i64)], env: &[(&str, &str)]| {
        let mut builder = Node::builder().app(app.clone()).shards(1);
        for (name, value) in settings {
            builder = builder.setting(name, *value);
        }
        for (name, value) in env {
            builder = builder.env(name, value);
        }
        builder.start().expect("the app starts")
    };
    let recovery = "protocol.connection_state_recovery.max_disconnection_duration";
    [
        ("plain", node(&[], &[])),
        (
            "recovery",
            node(&[(recovery, 60_000)], &[("SAMENESS_RECOVERY", "1")]),
        ),
    ]
}

#[test]
fn apps_behave_as_on_the_reference() {
    if !installed(&folder("clients")) {
        return skip("the table of behaviours", "run `make setup`");
    }
    for name in SERVERS {
        let nodes = nodes(&app(name));
        let urls: serde_json::Map<_, _> = nodes
            .iter()
            .map(|(configuration, node)| ((*configuration).to_owned(), node.url().into()))
            .collect();
        run(
            Command::new("node")
                .args(["run.mjs", "--server", name])
                .current_dir(folder("sameness"))
                .env(
                    format!("SAMENESS_{}", name.to_uppercase()),
                    serde_json::Value::Object(urls).to_string(),
                ),
            &format!("sameness-{name}"),
        );
    }
}
