//! An app as one `.js` file. Called by the host's `build`; it writes no file.

use crate::compile::{Drops, Language, compile};
use crate::error::{Problem, ScriptError};
use crate::graph::{self, Graph, Module};
use crate::limits::FILE_BYTES_MAX;
use crate::project::Options;
use crate::{built_in, esbuild, nesting, packed};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};

/// How to follow imports of npm packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Npm {
    /// The esbuild to use; none: one in `node_modules/.bin` at or above the entry's folder, one in `PATH`, one
    /// that `npx` knows.
    pub esbuild: Option<PathBuf>,
    /// Conditions that are added to those by which a package chooses its files.
    pub conditions: Vec<String>,
    /// Names that are replaced, and expressions instead of them.
    pub define: Vec<(String, String)>,
}

/// See the crate's `bundle`.
pub(crate) fn bundle(entry: &Path, npm: &Npm) -> Result<String, ScriptError> {
    if let Some((text, _)) = packed::read(entry)? {
        return Ok(text);
    }
    if Language::of(entry).is_some() {
        let graph = Graph::read(entry, true)?;
        if graph.others.is_empty() {
            return own(graph);
        }
    } else if !entry.is_file() {
        Graph::read(entry, false)?;
    }
    let text = esbuild::run(entry, npm)?;
    check(entry, &text)?;
    Ok(text)
}

fn own(graph: Graph) -> Result<String, ScriptError> {
    let modules = graph.into_modules()?;
    match modules.as_slice() {
        [only] if only.kind != crate::compile::Kind::Json => Ok(single(only)),
        _ => packed::pack(&graph::write(&modules)?),
    }
}

/// One module, with its map in its last line.
fn single(module: &Module) -> String {
    let mut text = module.source.clone();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if let Some(map) = &module.map {
        text.push_str("//# sourceMappingURL=data:application/json;base64,");
        text.push_str(&STANDARD.encode(map));
        text.push('\n');
    }
    text
}

/// What esbuild made must be what the engine takes.
fn check(entry: &Path, text: &str) -> Result<(), ScriptError> {
    let shown = entry.display().to_string();
    if text.len() as u64 > FILE_BYTES_MAX {
        let limit = FILE_BYTES_MAX >> 20;
        let message = format!("the bundle is longer than {limit} MiB, the limit of a file");
        return Err(Problem::of(&shown, message).into());
    }
    let name = format!("the bundle of {shown}");
    nesting::check(&name, text)?;
    let options = Options::default();
    let compiled =
        compile(&name, text, Language::Mjs, &options, &Drops::new()).map_err(ScriptError::new)?;
    let requests = compiled.links.requests.iter();
    let problems: Vec<Problem> = requests
        .filter(|request| !request.optional && built_in::find(&request.specifier).is_none())
        .map(|request| {
            let message = format!(
                "a package imports {:?}, which is not part of the sandbox: an app has no files, sockets or processes (there are {})",
                request.specifier,
                built_in::BUILT_IN.join(", ")
            );
            Problem::of(&shown, message)
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(ScriptError::new(problems))
}
