//! Lists the JavaScript of `guest/js/lib` for embedding, and asks the linker for the stack that the engine
//! needs.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../lib");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    list(&root, "", &mut files);
    files.sort();
    let mut rows = String::new();
    for (name, path) in files {
        rows.push_str(&format!("    ({name:?}, include_str!({path:?})),\n"));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("library.rs");
    let table = format!("const FILES: &[(&str, &str)] = &[\n{rows}];\n");
    if let Err(error) = fs::write(&out, table) {
        println!("cargo::error=could not write {}: {error}", out.display());
    }
    if env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        // QuickJS keeps its interpreter's frames on this stack; `limits::STACK_BYTES_MAX` is a part of it.
        println!("cargo::rustc-link-arg=-zstack-size=1048576");
    }
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return println!("cargo::error=could not read {}", folder.display());
    };
    for entry in entries.flatten() {
        let (path, name) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        if path.is_dir() {
            list(&path, &format!("{prefix}{name}/"), files);
        } else if name.ends_with(".js") {
            files.push((format!("{prefix}{name}"), path));
        }
    }
}
