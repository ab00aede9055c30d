//! Turns an app's entry file, JavaScript or TypeScript, into the script text that the engine takes.
//!
//! ```no_run
//! let script = holdfast_script::load("app.ts".as_ref())?;
//! println!("{} is made of {} files", script.title, script.files.len());
//! # Ok::<(), holdfast_script::ScriptError>(())
//! ```
//!
//! An app is its entry and every file that this one imports. Types are taken out, each file keeps its name and a
//! source map, and nothing is minified. Packages of npm are not looked for: see [`bundle`].
//!
//! | module | is |
//! |---|---|
//! | `graph` | the files of an app, and the text made of them |
//! | `compile`, `imports` | one file: JavaScript out of it, what it asks of others |
//! | `link` | whether what is asked for is there |
//! | `resolve`, `project`, `built_in` | what an import means |
//! | `source_map`, `helpers`, `nesting` | their parts |
//! | `bundle`, `esbuild`, `packed` | an app as one file |
//! | `new` | new projects |
//! | `error`, `limits` | what can be wrong, and every bound |

mod built_in;
mod bundle;
mod compile;
mod error;
mod esbuild;
mod graph;
mod helpers;
mod imports;
pub mod limits;
mod link;
mod nesting;
mod new;
mod packed;
mod project;
mod resolve;
mod source_map;
#[cfg(test)]
mod tests;

pub use built_in::BUILT_IN;
pub use bundle::Npm;
pub use error::{Problem, ScriptError};
pub use new::{Kind, NewError, new_project};

use graph::Graph;
use std::path::{Path, PathBuf};

/// An app, ready for the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What the engine takes: JSON with all modules.
    pub text: String,
    /// What to call the app: the entry's name without its ending.
    pub title: String,
    /// Every file that was read, as far as a change of it could change the script: what to watch.
    pub files: Vec<PathBuf>,
    /// What an operator may want to know, a sentence each: source maps that were left out.
    pub notes: Vec<String>,
}

/// Reads an app.
///
/// # Errors
/// Everything that is wrong with it, each with its file, line and column, where there is one.
pub fn load(entry: &Path) -> Result<Script, ScriptError> {
    on_deep_stack(entry, || {
        let (modules, files, notes) = match packed::read(entry)? {
            Some((_, modules)) => (Ok(modules), vec![entry.to_owned()], Vec::new()),
            None => {
                let graph = Graph::read(entry, false)?;
                let (files, notes) = (graph.files.clone(), graph.notes.clone());
                (graph.into_modules(), files, notes)
            }
        };
        let text = modules.and_then(|modules| graph::write(&modules));
        let text = text.map_err(|mut error| {
            error.files.clone_from(&files);
            error
        })?;
        let title = entry.file_stem().unwrap_or_default();
        Ok(Script {
            text,
            title: title.to_string_lossy().into_owned(),
            files,
            notes,
        })
    })
}

/// Makes one self-contained `.js` file of an app, which [`load`] takes.
///
/// An app of one file becomes an ES module with an inline source map. One of several becomes a module that holds
/// the script text: every module stays what it is, so cycles, live bindings and CommonJS work as before. Where npm
/// packages are imported (or files of other kinds), esbuild bundles the app; it is looked for, not installed.
///
/// # Errors
/// What is wrong with the app, what esbuild finds, or how to get esbuild.
pub fn bundle(entry: &Path, npm: &Npm) -> Result<String, ScriptError> {
    on_deep_stack(entry, || bundle::bundle(entry, npm))
}

/// Runs on a thread whose stack the parser's recursion cannot exhaust, within the bound on nesting.
fn on_deep_stack<T: Send>(
    entry: &Path,
    work: impl FnOnce() -> Result<T, ScriptError> + Send,
) -> Result<T, ScriptError> {
    let failed = |message: String| Problem::of(&entry.display().to_string(), message).into();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("script".to_owned())
            .stack_size(limits::STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| failed(format!("no thread to read it with: {error}")))?;
        thread.join().unwrap_or_else(|_| {
            Err(failed(
                "reading it failed, which is a fault of Holdfast's: please report it with the file"
                    .to_owned(),
            ))
        })
    })
}
