//! Tests of the whole: folders of files in, script texts and errors out.

mod bundles;
mod linking;
mod resolution;
mod source_maps;
mod typescript;

use crate::{ScriptError, load};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is removed when the test is over.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdfast-script-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path.canonicalize().expect("there"))
    }

    /// A folder with files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self::new();
        for (name, text) in files {
            folder.put(name, text.as_bytes());
        }
        folder
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("below a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }

    pub(crate) fn load(&self, entry: &str) -> Result<Value, ScriptError> {
        load(&self.0.join(entry)).map(|script| serde_json::from_str(&script.text).expect("JSON"))
    }

    /// What loading refuses, with paths from the folder.
    pub(crate) fn refusal(&self, entry: &str) -> String {
        let error = self.load(entry).expect_err("refused").to_string();
        error.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The module of a script with a name.
pub(crate) fn module<'a>(script: &'a Value, name: &str) -> &'a Value {
    let modules = script["modules"].as_array().expect("modules");
    let found = modules.iter().find(|module| module["name"] == name);
    found.unwrap_or_else(|| panic!("no module {name} in {script}"))
}

/// The names of all modules.
pub(crate) fn names(script: &Value) -> Vec<&str> {
    let modules = script["modules"].as_array().expect("modules");
    modules
        .iter()
        .map(|module| module["name"].as_str().expect("text"))
        .collect()
}

/// What becomes of a file with this text.
pub(crate) fn compiled(name: &str, text: &str) -> Result<String, String> {
    let folder = Folder::with(&[(name, text)]);
    let script = folder.load(name).map_err(|_| folder.refusal(name))?;
    Ok(module(&script, name)["source"]
        .as_str()
        .expect("text")
        .to_owned())
}

#[test]
fn a_script_has_a_title_and_files() {
    let folder = Folder::with(&[
        ("app.v2.ts", "import './x.ts'"),
        ("x.ts", ""),
        ("tsconfig.json", "{}"),
    ]);
    let script = load(&folder.0.join("app.v2.ts")).expect("loads");
    assert_eq!(script.title, "app.v2");
    for name in ["app.v2.ts", "x.ts", "tsconfig.json"] {
        assert!(script.files.contains(&folder.0.join(name)), "{name}");
    }
    assert!(script.notes.is_empty());
}

#[test]
fn the_list_of_built_in_modules_is_the_engines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest/js/lib/env/modules.js");
    let text = std::fs::read_to_string(path).expect("the library");
    let list = text
        .split("export const BUILT_IN = [")
        .nth(1)
        .expect("a list");
    let list = list.split(']').next().expect("its end");
    let mut names: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    names.sort_unstable();
    assert_eq!(names, crate::BUILT_IN);
}
