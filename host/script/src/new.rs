//! New projects: templates in Rust and TypeScript that run and whose test passes. Called by the host's `new`. It
//! writes into an empty folder only, and runs nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The language of a new project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A crate.
    Rust,
    /// Scripts.
    TypeScript,
}

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name cannot be that of a package.
    #[error(
        "{0:?} cannot be the name of a project: it has 1 to 64 letters, digits, - and _, and begins with a letter"
    )]
    Name(String),
    /// There is something in the folder already.
    #[error("{} is there already and is not empty", .0.display())]
    Taken(PathBuf),
    /// A file cannot be written.
    #[error("{} cannot be written: {}", .0.display(), .1)]
    Write(PathBuf, #[source] io::Error),
}

/// Characters of a project's name.
const NAME_CHARS_MAX: usize = 64;

const RUST: &[(&str, &str)] = &[
    (".gitignore", include_str!("../templates/rust/gitignore")),
    ("Cargo.toml", include_str!("../templates/rust/Cargo.toml")),
    ("README.md", include_str!("../templates/rust/README.md")),
    (
        "holdfast.toml",
        include_str!("../templates/rust/holdfast.toml"),
    ),
    ("src/lib.rs", include_str!("../templates/rust/src/lib.rs")),
    (
        "tests/app.rs",
        include_str!("../templates/rust/tests/app.rs"),
    ),
];

const TYPESCRIPT: &[(&str, &str)] = &[
    (
        ".gitignore",
        include_str!("../templates/typescript/gitignore"),
    ),
    (
        "README.md",
        include_str!("../templates/typescript/README.md"),
    ),
    (
        "app.test.mjs",
        include_str!("../templates/typescript/app.test.mjs"),
    ),
    ("app.ts", include_str!("../templates/typescript/app.ts")),
    (
        "holdfast.toml",
        include_str!("../templates/typescript/holdfast.toml"),
    ),
    (
        "package.json",
        include_str!("../templates/typescript/package.json"),
    ),
    (
        "tsconfig.json",
        include_str!("../templates/typescript/tsconfig.json"),
    ),
];

/// The npm package, as far as a project needs it. It goes into `vendor` and not into `node_modules`, from where npm
/// would remove it, because no registry has it.
const PACKAGE: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../guest/js/README.md")),
    ("index.d.ts", include_str!("../../../guest/js/index.d.ts")),
    (
        "package.json",
        include_str!("../../../guest/js/package.json"),
    ),
    (
        "lib/outside.js",
        include_str!("../../../guest/js/lib/outside.js"),
    ),
    (
        "testing/README.md",
        include_str!("../../../guest/js/testing/README.md"),
    ),
    (
        "testing/client.js",
        include_str!("../../../guest/js/testing/client.js"),
    ),
    (
        "testing/find.js",
        include_str!("../../../guest/js/testing/find.js"),
    ),
    (
        "testing/index.d.ts",
        include_str!("../../../guest/js/testing/index.d.ts"),
    ),
    (
        "testing/index.js",
        include_str!("../../../guest/js/testing/index.js"),
    ),
    (
        "testing/log.js",
        include_str!("../../../guest/js/testing/log.js"),
    ),
    (
        "testing/toml.js",
        include_str!("../../../guest/js/testing/toml.js"),
    ),
];

/// Writes a new project into the folder `name` below `into`, and says which files it has.
///
/// # Errors
/// When the name is none, the folder has something in it, or a file cannot be written; then what was written stays.
pub fn new_project(kind: Kind, name: &str, into: &Path) -> Result<Vec<PathBuf>, NewError> {
    let is_char = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_char)
        && name.len() <= NAME_CHARS_MAX;
    if !is_name {
        return Err(NewError::Name(name.chars().take(NAME_CHARS_MAX).collect()));
    }
    let folder = into.join(name);
    let is_empty = |mut entries: fs::ReadDir| entries.next().is_none();
    if folder.symlink_metadata().is_ok() && !fs::read_dir(&folder).is_ok_and(is_empty) {
        return Err(NewError::Taken(folder));
    }
    let mut written = Vec::new();
    let mut put = |path: PathBuf, text: &str| {
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| NewError::Write(path.clone(), error))?;
        written.push(path);
        Ok(())
    };
    match kind {
        Kind::Rust => {
            let sdk = sdk();
            for (path, text) in RUST {
                let text = text.replace("{{name}}", name).replace("{{sdk}}", &sdk);
                put(folder.join(path), &text)?;
            }
        }
        Kind::TypeScript => {
            for (path, text) in TYPESCRIPT {
                // npm has no upper case in names.
                let name = match *path {
                    "package.json" => name.to_ascii_lowercase(),
                    _ => name.to_owned(),
                };
                put(folder.join(path), &text.replace("{{name}}", &name))?;
            }
            for (path, text) in PACKAGE {
                put(folder.join("vendor/holdfast").join(path), text)?;
            }
        }
    }
    Ok(written)
}

/// Where a new crate finds the SDK: the checkout that this binary was built from, while that is there, else the
/// tag of this version.
fn sdk() -> String {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest/sdk");
    match checkout.canonicalize() {
        Ok(path) if path.join("Cargo.toml").is_file() => {
            let path = path.display().to_string();
            format!("{{ path = {} }}", serde_json::Value::String(path))
        }
        _ => format!(
            "{{ git = {:?}, tag = \"v{}\" }}",
            env!("CARGO_PKG_REPOSITORY"),
            env!("CARGO_PKG_VERSION")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Folder;

    #[test]
    fn names_are_those_of_packages() {
        let folder = Folder::new();
        let too_long = "a".repeat(65);
        for name in [
            "",
            "1a",
            "-a",
            "_a",
            "a b",
            "a/b",
            "..",
            "ä",
            "a.b",
            too_long.as_str(),
        ] {
            let made = new_project(Kind::Rust, name, &folder.0);
            assert!(matches!(made, Err(NewError::Name(_))), "{name}");
        }
        assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 0);
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = Folder::new();
        fs::create_dir(folder.0.join("empty")).expect("made");
        new_project(Kind::Rust, "empty", &folder.0).expect("an empty folder is taken");
        let again = new_project(Kind::TypeScript, "empty", &folder.0);
        assert!(matches!(again, Err(NewError::Taken(_))));
        fs::write(folder.0.join("file"), "").expect("written");
        let over = new_project(Kind::Rust, "file", &folder.0);
        assert!(matches!(over, Err(NewError::Taken(_))));
    }

    #[test]
    fn a_typescript_project_loads() {
        let folder = Folder::new();
        let files = new_project(Kind::TypeScript, "My-chat", &folder.0).expect("made");
        assert!(files.iter().all(|file| file.is_file()));
        let project = folder.0.join("My-chat");
        let script = crate::load(&project.join("app.ts")).expect("it loads");
        assert!(script.text.contains("\"holdfast\":\"holdfast\""));
        for (file, word) in [("package.json", "\"my-chat\""), ("README.md", "# My-chat")] {
            let text = fs::read_to_string(project.join(file)).expect("there");
            assert!(text.contains(word) && !text.contains("{{"), "{file}");
        }
    }

    #[test]
    fn a_rust_project_names_the_sdk() {
        let folder = Folder::new();
        new_project(Kind::Rust, "chat", &folder.0).expect("made");
        let manifest = fs::read_to_string(folder.0.join("chat/Cargo.toml")).expect("there");
        assert!(
            manifest.contains("name = \"chat\"") && !manifest.contains("{{"),
            "{manifest}"
        );
        assert!(manifest.contains("guest/sdk\" }"), "{manifest}");
    }

    #[test]
    fn the_package_is_whole() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest/js");
        let names: Vec<&str> = PACKAGE.iter().map(|(name, _)| *name).collect();
        for entry in fs::read_dir(root.join("testing")).expect("a folder") {
            let name = entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text");
            assert!(
                names.contains(&format!("testing/{name}").as_str()),
                "testing/{name} is not in PACKAGE"
            );
        }
    }
}
