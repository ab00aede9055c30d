//! Apps that are scripts: which files are, and how one is loaded. Called by `server`, when it loads apps, and by
//! whoever watches their files. It runs nothing.

use crate::guest::Source;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Endings of files that are scripts.
const ENDINGS: [&str; 6] = ["js", "mjs", "cjs", "ts", "mts", "cts"];

/// Whether a file is a script, by its ending.
pub fn is_script(file: &Path) -> bool {
    file.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

/// An app's file as the source of a guest, and all files that it was made of.
///
/// # Errors
/// When a script, or one that it imports, cannot be read or does not parse: with file, line and column.
pub fn load(file: &Path) -> Result<(Source, Vec<PathBuf>), String> {
    if !is_script(file) {
        return Ok((Source::File(file.to_owned()), vec![file.to_owned()]));
    }
    let script = holdfast_script::load(file).map_err(|error| error.to_string())?;
    let source = Source::Script {
        title: file.display().to_string(),
        text: Arc::from(script.text),
    };
    Ok((source, script.files))
}

/// The text that the engine takes.
///
/// # Errors
/// As [`load`].
pub fn text(file: &Path) -> Result<String, String> {
    let script = holdfast_script::load(file).map_err(|error| error.to_string())?;
    Ok(script.text)
}

/// A script and everything that it imports, packages of npm too, as one file.
///
/// # Errors
/// As [`load`], and when a package is imported and there is no esbuild.
pub fn bundle(file: &Path) -> Result<String, String> {
    let npm = holdfast_script::Npm::default();
    holdfast_script::bundle(file, &npm).map_err(|error| error.to_string())
}

/// Begins a project in the folder `name` below `folder`, and says what to do next.
///
/// # Errors
/// When the name is none, the folder has something in it, or a file cannot be written.
pub fn new_project(name: &str, rust: bool, folder: &Path) -> Result<String, String> {
    use holdfast_script::Kind;
    let kind = if rust { Kind::Rust } else { Kind::TypeScript };
    let files =
        holdfast_script::new_project(kind, name, folder).map_err(|error| error.to_string())?;
    let next = if rust {
        "cargo test; holdfast build . -o app.wasm; holdfast run app.wasm"
    } else {
        "holdfast run app.ts --watch; and for its test: npm install, npm test"
    };
    Ok(format!(
        "{name}: {} files. In that folder: {next}",
        files.len()
    ))
}
