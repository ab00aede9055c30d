//! The examples, as their clients see them: `examples/NAME/test.mjs` with `holdfast/testing`, by the binary.

use crate::clients::{folder, installed, run, skip};
use crate::support::node::target;
use std::path::{Path, PathBuf};
use std::process::Command;

const EXAMPLES: [&str; 5] = ["chat", "private-messaging", "crud", "rooms", "auth"];

/// The binary of this workspace, built if it is not there or not of today.
fn binary() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet"])
        .current_dir(folder(".."))
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the binary is built"
    );
    target().join("debug/holdfast")
}

/// An example's crate as a component. All share what they stand on.
fn component(name: &str) -> PathBuf {
    let crate_folder = folder("../examples").join(name).join("rust");
    let shared = target().join("holdfast-test/guests");
    let component =
        holdfast_guest_build::build_guest(&crate_folder, &shared, "release").expect("it builds");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("example-{name}.wasm"));
    std::fs::write(&file, component).expect("it is written");
    file
}

/// Runs an example's test with an app, at every example.
fn test_each(app: impl Fn(&str) -> PathBuf) {
    if !installed(&folder("clients")) {
        return skip("the examples", "run `make setup`");
    }
    let binary = binary();
    for name in EXAMPLES {
        run(
            Command::new("node")
                .arg("--import")
                .arg(folder("clients/resolve.mjs"))
                .args(["--test", "--test-reporter=spec"])
                .current_dir(folder("../examples").join(name))
                .env("HOLDFAST_BIN", &binary)
                .env("APP", app(name)),
            &format!("example-{name}"),
        );
    }
}

#[test]
fn examples_in_rust() {
    test_each(component);
}

#[test]
fn examples_in_typescript() {
    test_each(|name| folder("../examples").join(name).join("app.ts"));
}
