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

/// A script and everything that it imports as one file.
///
/// # Errors
/// As [`load`].
pub fn bundle(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))
}
