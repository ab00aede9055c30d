//! The rules of the house, checked: file headers, forbidden words, layering, documentation of every
//! file, reasons for every exception. Reads the sources; runs nothing.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
        .to_path_buf()
}

/// Every source file below a folder, with its path from the root and its text.
fn sources(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && !["target", "node_modules", ".git"].contains(&name.as_str()) {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let relative = path
                    .strip_prefix(root())
                    .expect("below the root")
                    .to_string_lossy()
                    .into_owned();
                found.push((relative, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{extension} files below {folder}");
    found
}

fn all_rust() -> Vec<(String, String)> {
    ["host", "guest", "tests", "examples"]
        .iter()
        .flat_map(|folder| sources(folder, "rs"))
        .collect()
}

/// The part of a file that is not tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

fn check(what: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{what}:\n  {}", broken.join("\n  "));
}

#[test]
fn every_file_says_what_it_is() {
    let broken: Vec<_> = all_rust()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path)
        .collect();
    check("files without a header", &broken);
}

#[test]
fn the_host_knows_no_socket_io() {
    let mut broken = Vec::new();
    for (path, text) in sources("host/src", "rs") {
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let words = lower.split(|c: char| !c.is_alphanumeric() && c != '_');
            for word in words {
                if [
                    "namespace",
                    "room",
                    "rooms",
                    "ack",
                    "acks",
                    "packet",
                    "packets",
                ]
                .contains(&word)
                {
                    broken.push(format!("{path}:{}: {word}", number + 1));
                }
            }
        }
    }
    check("words that belong to the protocol guest", &broken);
}

#[test]
fn only_guest_names_wasmtime_and_only_config_reads_the_environment() {
    let mut broken = Vec::new();
    for (path, text) in sources("host/src", "rs") {
        let code = without_tests(&text);
        if !path.starts_with("host/src/guest/")
            && (code.contains("wasmtime::") || code.contains("wasmtime_wasi::"))
        {
            broken.push(format!("{path}: names wasmtime"));
        }
        if !path.starts_with("host/src/config")
            && !path.ends_with("main.rs")
            && (code.contains("env::var") || code.contains("env::args"))
        {
            broken.push(format!("{path}: reads the environment"));
        }
        if (path.starts_with("host/src/shard/")
            || ["perform", "protocol", "app", "records", "inbox", "batch"]
                .iter()
                .any(|name| path == format!("host/src/{name}.rs")))
            && (code.contains("hyper::") || code.contains("hyper_util::"))
        {
            broken.push(format!("{path}: knows hyper"));
        }
    }
    check("layering", &broken);
}

#[test]
fn layers_point_downwards() {
    // Each may use those to its right, and never those to its left.
    let layers = [
        "main",
        "cli",
        "server",
        "http",
        "files",
        "coding",
        "extension",
        "shard",
        "protocol",
        "app",
        "outgoing",
        "perform",
        "records",
        "connection",
        "mailbox",
        "batch",
        "inbox",
        "websocket",
        "deflate",
        "guest",
        "telemetry",
        "config",
    ];
    let mut broken = Vec::new();
    for (path, text) in sources("host/src", "rs") {
        let name = path
            .trim_start_matches("host/src/")
            .split(['/', '.'])
            .next()
            .unwrap_or_default();
        let Some(own) = layers.iter().position(|layer| *layer == name) else {
            continue;
        };
        for upper in layers.iter().take(own) {
            if without_tests(&text).contains(&format!("crate::{upper}::")) {
                // `files` answers with `http`'s plain sentence; both are of one layer. A letter of `mailbox`
                // brings a started instance of an app to its shard.
                let is_decided = [("files", "http"), ("mailbox", "app")].contains(&(name, *upper));
                if !is_decided {
                    broken.push(format!("{path}: uses {upper}"));
                }
            }
        }
    }
    check("upward uses", &broken);
}

#[test]
fn the_protocol_guest_has_no_world_of_its_own() {
    let mut broken = Vec::new();
    for (path, text) in sources("guest/protocol/src", "rs") {
        let code = without_tests(&text);
        for forbidden in [
            "std::time::",
            "std::thread::",
            "std::net::",
            "std::fs::",
            "std::env::",
            "HashMap<String",
            "HashSet<String",
        ] {
            if code.contains(forbidden) {
                broken.push(format!("{path}: {forbidden}"));
            }
        }
        if path.contains("/engine/")
            && code
                .to_lowercase()
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| word == "namespace" || word == "room")
        {
            broken.push(format!("{path}: the engine layer knows sockets"));
        }
    }
    check("the protocol guest", &broken);
}

#[test]
fn exceptions_have_reasons_and_nothing_panics() {
    let mut broken = Vec::new();
    for folder in [
        "host/src",
        "host/script/src",
        "guest/protocol/src",
        "guest/sdk/src",
        "guest/build/src",
    ] {
        for (path, text) in sources(folder, "rs") {
            // What serves tests only may fail as tests do.
            if path.ends_with("tests.rs") || path.contains("/tests/") || path.contains("/testing/")
            {
                continue;
            }
            let code = without_tests(&text);
            for (number, line) in code.lines().enumerate() {
                let at = format!("{path}:{}", number + 1);
                let comment = line.trim_start().starts_with("//");
                for call in [
                    ".unwrap()",
                    ".expect(",
                    "todo!(",
                    "unimplemented!(",
                    "panic!(",
                ] {
                    if line.contains(call) && !comment {
                        broken.push(format!("{at}: {call}"));
                    }
                }
            }
            let exceptions = code.matches("[expect(").count() + code.matches("[allow(").count();
            let reasons = code.matches("reason = ").count();
            if reasons < exceptions {
                broken.push(format!(
                    "{path}: {exceptions} exceptions, {reasons} reasons"
                ));
            }
        }
    }
    check("exceptions", &broken);
}

#[test]
fn architecture_names_every_file() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut broken = Vec::new();
    for folder in [
        "host/src",
        "host/script/src",
        "guest/protocol/src",
        "guest/sdk/src",
        "guest/build/src",
    ] {
        for (path, _) in sources(folder, "rs") {
            let file = Path::new(&path);
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let parent = file
                .parent()
                .and_then(Path::file_name)
                .unwrap_or_default()
                .to_string_lossy();
            let name = if stem == "mod" {
                format!("{parent}/")
            } else {
                stem.into_owned()
            };
            if !text.contains(&format!("`{name}`"))
                && !text.contains(&format!("`{name}.rs`"))
                && !text.contains(&format!("{name} "))
            {
                broken.push(path);
            }
        }
    }
    check("files that ARCHITECTURE.md does not name", &broken);
}

#[test]
fn the_contract_is_documented_like_a_manual() {
    let mut broken = Vec::new();
    for (path, text) in sources("wit", "wit") {
        let lines: Vec<_> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let item = ["interface ", "world ", "type "]
                .iter()
                .any(|word| line.trim_start().starts_with(word))
                || line.contains(": func(");
            let before = number
                .checked_sub(1)
                .and_then(|above| lines.get(above))
                .copied()
                .unwrap_or_default();
            if item && !before.trim_start().starts_with("///") {
                broken.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    check("undocumented items of the contract", &broken);
}

#[test]
fn documents_are_short_and_carry_no_machine() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(
        readme.lines().count() < 150,
        "the README has {} lines",
        readme.lines().count()
    );
    let mut broken = Vec::new();
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "Makefile",
    ] {
        let text =
            fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        for place in [concat!("/ro", "ot/"), concat!("/wo", "rk/"), "artifactory"] {
            if text.contains(place) {
                broken.push(format!("{name}: {place}"));
            }
        }
    }
    check("machine paths", &broken);
}
