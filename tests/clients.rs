//! Real clients against a real node: `socket.io-client` in Node, the matrix of clients, the comparison
//! with the reference server, and a page in Chromium. What is not installed is skipped, printed and
//! counted; `make test` installs everything.

use crate::support::node::TestNode;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Says why a test does not run, in the form that `make test` counts; fails where skipping is not
/// allowed (`HOLDFAST_TEST_ALL=1`).
pub fn skip(what: &str, why: &str) {
    println!("SKIPPED {what}: {why}");
    assert!(
        std::env::var_os("HOLDFAST_TEST_ALL").is_none(),
        "{what} was to be run: {why}"
    );
}

pub fn installed(folder: &Path) -> bool {
    folder.join("node_modules").exists()
        && Command::new("node")
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
}

/// Runs a command; what it prints is kept in `target/tmp/NAME.log`, for the counts of `make test`.
pub fn run(command: &mut Command, name: &str) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{name} could not be started: {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.log"));
    std::fs::write(&log, text.as_bytes()).expect("the log is written");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed:\n{text}\n{errors}");
}

fn node_clients(shards: usize) {
    let folder = folder("clients");
    if !installed(&folder) {
        return skip("socket.io-client in Node", "run `make setup`");
    }
    let node = TestNode::start(|config| config.shards = shards.into());
    let quick = TestNode::start(|config| {
        config.shards = shards.into();
        let settings = [
            ("ping_interval", "300"),
            ("ping_timeout", "700"),
            ("connect_timeout", "500"),
            ("upgrade_timeout", "500"),
        ];
        config.protocol.settings = settings
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec();
    });
    let gated = TestNode::start(|config| {
        config.shards = shards.into();
        let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        config.app.env = ["DEMO_JUDGE", "DEMO_CORS", "DEMO_DENIALS", "DEMO_ROOMS"]
            .map(|name| text((name, "1")))
            .to_vec();
        config.protocol.settings = vec![text((
            "connection_state_recovery.max_disconnection_duration",
            "120000",
        ))];
    });
    let deflating = TestNode::start(|config| {
        config.shards = shards.into();
        config.protocol.settings = vec![("per_message_deflate".to_owned(), "true".to_owned())];
    });
    run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
            .current_dir(&folder)
            .env("HOLDFAST_URL", node.url())
            .env("HOLDFAST_QUICK_URL", quick.url())
            .env("HOLDFAST_GATED_URL", gated.url())
            .env("HOLDFAST_DEFLATE_URL", deflating.url()),
        &format!("clients-{shards}"),
    );
}

#[test]
fn socket_io_client_in_node_with_one_shard() {
    node_clients(1);
}

#[test]
fn socket_io_client_in_node_with_two_shards() {
    node_clients(2);
}

/// The settings of the nodes in a `configurations.json`, by name: tables joined by dots, lists as JSON.
fn configurations(file: &Path) -> Vec<(String, Vec<(String, String)>)> {
    fn flatten(key: &str, value: &Value, settings: &mut Vec<(String, String)>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                let dot = if key.is_empty() { "" } else { "." };
                flatten(&format!("{key}{dot}{name}"), value, settings);
            }),
            Value::String(text) => settings.push((key.to_owned(), text.clone())),
            value => settings.push((key.to_owned(), value.to_string())),
        }
    }
    let text = std::fs::read_to_string(file).expect("the configurations");
    let all: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("an object");
    let settings = all.into_iter().map(|(name, configuration)| {
        let mut settings = Vec::new();
        flatten("", &configuration["holdfast"], &mut settings);
        (name, settings)
    });
    settings.collect()
}

/// Runs a program in `clients/` against a node for each configuration that lies beside it.
fn compared(program: &str, args: &[&str]) {
    let folder = folder("clients");
    if !installed(&folder) {
        return skip(program, "run `make setup`");
    }
    let beside = folder.join(program).join("configurations.json");
    let mut urls = serde_json::Map::new();
    let mut nodes = Vec::new();
    for (name, settings) in configurations(&beside) {
        let started = TestNode::try_start(|config| {
            config.shards = 1.into();
            config.protocol.settings = settings;
        });
        match started {
            Ok(node) => {
                urls.insert(name, node.url().into());
                nodes.push(node);
            }
            Err(error) => skip(&format!("{program}: {name}"), &error.to_string()),
        }
    }
    let names: Vec<_> = urls.keys().cloned().collect();
    run(
        Command::new("node")
            .arg(format!("{program}/run.mjs"))
            .args(args)
            .args(["--config", &names.join(",")])
            .current_dir(&folder)
            .env("HOLDFAST_URLS", Value::Object(urls).to_string()),
        program,
    );
}

#[test]
fn the_same_as_the_reference_server() {
    compared("differential", &["--seeds", "600", "--seconds", "90"]);
}

#[test]
fn every_client_over_every_transport() {
    compared("matrix", &[]);
}

#[test]
fn the_page_in_chromium() {
    let folder = folder("browser");
    if !installed(&folder) || !Path::new("/usr/bin/chromium").exists() {
        return skip("the page in Chromium", "run `make setup`");
    }
    let node = TestNode::start(|config| config.shards = 2.into());
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page.png");
    run(
        Command::new("node")
            .arg("page.test.mjs")
            .arg(picture)
            .current_dir(&folder)
            .env("HOLDFAST_URL", node.url()),
        "browser",
    );
}
