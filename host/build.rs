//! Builds what the binary embeds: the default guests as components, the built-in page, and the
//! official browser client where Node and its package are there. Never downloads anything.

use holdfast_guest_build::{Target, build_guest, build_module, prepare};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let target = out.ancestors().nth(4).unwrap_or(&out).join("guests");
    for (file, folder) in [
        ("protocol.wasm", "guest/protocol"),
        ("demo.wasm", "guest/apps/demo"),
    ] {
        match build_guest(&root.join(folder), &target, "guest") {
            Ok(component) => write(&out.join(file), &component),
            Err(error) => println!(
                "cargo::error={}",
                format!("{error:#}").replace('\n', "\ncargo::error=")
            ),
        }
    }
    // The engine for scripts is kept as a core module: `holdfast build --component` puts a script into it.
    let engine = root.join("guest/js/engine");
    let built = build_module(&engine, &target, "guest", Target::WithC);
    match built.and_then(|module| prepare(&module, "holdfast-prepare")) {
        Ok(module) => write(&out.join("engine.wasm"), &module),
        Err(error) => println!(
            "cargo::error={}",
            format!("{error:#}").replace('\n', "\ncargo::error=")
        ),
    }
    for watched in [
        "guest/protocol/src",
        "guest/protocol/Cargo.toml",
        "guest/sdk/src",
        "guest/sdk/Cargo.toml",
        "guest/apps/demo",
        "guest/js/engine/src",
        "guest/js/engine/Cargo.toml",
        "guest/js/engine/build.rs",
        "guest/js/lib",
        "wit",
        "host/client",
        "host/page",
        "host/build.rs",
        "Cargo.toml",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let client = out.join("client");
    pack_client(&root.join("host/client"), &client);
    write(&out.join("client.rs"), client_table(&client).as_bytes());
}

/// Lets Node pack the browser client; without Node or the package the table stays empty and the
/// server says what it lacks.
fn pack_client(source: &Path, out: &Path) {
    if !source.join("node_modules").exists() {
        let _ = fs::remove_dir_all(out);
        println!(
            "cargo::warning=the browser client is not embedded: run `npm ci` in host/client (`make setup` does it)"
        );
        return;
    }
    let packed = Command::new("node")
        .arg(source.join("pack.mjs"))
        .arg(out)
        .current_dir(source)
        .output();
    match packed {
        Ok(output) if output.status.success() => {}
        Ok(output) => println!(
            "cargo::warning=the browser client is not embedded: {}",
            String::from_utf8_lossy(&output.stderr).replace('\n', " ")
        ),
        Err(error) => println!(
            "cargo::warning=the browser client is not embedded: node could not be started ({error})"
        ),
    }
}

/// Rust source for the table of packed files and the client's version, from what is in the folder.
fn client_table(folder: &Path) -> String {
    let index = fs::read_to_string(folder.join("index.json")).unwrap_or_default();
    let version = index
        .split("\"version\": \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default();
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|files| {
            files
                .filter_map(|file| file.ok()?.file_name().into_string().ok())
                .collect()
        })
        .unwrap_or_default();
    names.retain(|name| !version.is_empty() && (name.ends_with(".js") || name.ends_with(".map")));
    names.sort();
    let mut rows = String::new();
    for name in names {
        let forms: Vec<_> = ["", ".br", ".gz", ".deflate"]
            .iter()
            .map(|form| format!("include_bytes!({:?})", folder.join(format!("{name}{form}"))))
            .collect();
        let [raw, br, gz, deflate] = forms.as_slice() else {
            continue;
        };
        rows.push_str(&format!("    ClientFile {{ name: {name:?}, raw: {raw}, br: {br}, gz: {gz}, deflate: {deflate} }},\n"));
    }
    format!(
        "const CLIENT_VERSION: &str = {version:?};\nconst CLIENT_FILES: &[ClientFile] = &[\n{rows}];\n"
    )
}

fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return;
    }
    if let Err(error) = fs::write(path, bytes) {
        println!("cargo::error=could not write {}: {error}", path.display());
    }
}
