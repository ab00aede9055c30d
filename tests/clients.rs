//! Real clients against a real node: `socket.io-client` in Node, and a page in Chromium. What is not
//! installed is skipped, printed and counted; `make test` installs everything.

use crate::support::node::TestNode;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Says why a test does not run, in the form that `make test` counts; fails where skipping is not
/// allowed (`HOLDFAST_TEST_ALL=1`).
fn skip(what: &str, why: &str) {
    println!("SKIPPED {what}: {why}");
    assert!(
        std::env::var_os("HOLDFAST_TEST_ALL").is_none(),
        "{what} was to be run: {why}"
    );
}

fn installed(folder: &Path) -> bool {
    folder.join("node_modules").exists()
        && Command::new("node")
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command, what: &str) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{what} could not be started: {error}"));
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{what} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn node_clients(shards: usize) {
    let folder = folder("clients");
    if !installed(&folder) {
        return skip("socket.io-client in Node", "run `make setup`");
    }
    let node = TestNode::start(|config| config.shards = shards.into());
    run(
        Command::new("node")
            .args(["--test", "--test-reporter=spec"])
            .current_dir(&folder)
            .env("HOLDFAST_URL", node.url()),
        "node --test",
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
        "the page",
    );
}
