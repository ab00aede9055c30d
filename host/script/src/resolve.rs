//! Which file an import means, as TypeScript and bundlers decide it. Called by `graph`; it looks at names of
//! files and reads none.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Endings that may be left out, the first that exists wins.
const ENDINGS: [&str; 7] = ["ts", "mts", "cts", "js", "mjs", "cjs", "json"];

/// Endings as JavaScript will have them, and those of the sources.
const WRITTEN_FOR: [(&str, &str); 3] = [("js", "ts"), ("mjs", "mts"), ("cjs", "cts")];

/// Why nothing was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// What was looked for, in order.
    pub(crate) tried: Vec<PathBuf>,
    /// What may have been meant.
    pub(crate) hint: Option<String>,
}

/// The file that a path without or with an ending means.
pub(crate) fn resolve(path: &Path, folder_only: bool) -> Result<PathBuf, Missing> {
    let tried = candidates(path, folder_only);
    match tried.iter().find(|path| path.is_file()) {
        Some(found) => right_case(found),
        None => Err(Missing {
            hint: hint(&tried, path),
            tried,
        }),
    }
}

/// Every file that a path may mean, best first.
fn candidates(path: &Path, folder_only: bool) -> Vec<PathBuf> {
    let with = |base: &Path, ending: &str| {
        let mut path = base.to_owned().into_os_string();
        path.push(".");
        path.push(ending);
        PathBuf::from(path)
    };
    let mut all = Vec::new();
    if !folder_only && path.file_name().is_some() {
        all.push(path.to_owned());
        let ending = path.extension().and_then(OsStr::to_str);
        let source = WRITTEN_FOR.iter().find(|(js, _)| Some(*js) == ending);
        all.extend(source.map(|(_, ts)| path.with_extension(ts)));
        all.extend(ENDINGS.iter().map(|ending| with(path, ending)));
    }
    let index = path.join("index");
    all.extend(ENDINGS.iter().map(|ending| with(&index, ending)));
    all
}

/// A file whose name differs from the one on the disk in its case is not found on other systems.
fn right_case(found: &Path) -> Result<PathBuf, Missing> {
    let is_link = found.symlink_metadata().is_ok_and(|data| data.is_symlink());
    let real = found.canonicalize().ok();
    let names = (
        found.file_name().and_then(OsStr::to_str),
        real.as_deref()
            .and_then(Path::file_name)
            .and_then(OsStr::to_str),
    );
    if let (false, (Some(written), Some(real))) = (is_link, names)
        && written != real
        && written.to_lowercase() == real.to_lowercase()
    {
        return Err(Missing {
            tried: Vec::new(),
            hint: Some(format!("there is {real:?}: upper and lower case differ")),
        });
    }
    Ok(found.to_owned())
}

fn hint(tried: &[PathBuf], path: &Path) -> Option<String> {
    for candidate in tried {
        let written = candidate.file_name()?.to_str()?;
        let wanted = written.to_lowercase();
        let Some(Ok(entries)) = candidate.parent().map(std::fs::read_dir) else {
            continue;
        };
        let close = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .find(|name| name != written && name.to_lowercase() == wanted);
        if let Some(name) = close {
            return Some(format!("there is {name:?}: upper and lower case differ"));
        }
    }
    path.is_dir()
        .then(|| "that is a folder without an index file".to_owned())
}

/// A path without `.` and `..`, as far as its text tells.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => out.push(".."),
            },
            part => out.push(part),
        }
    }
    out
}

/// The way from a folder to a path; both absolute and without `..`.
pub(crate) fn relative(path: &Path, folder: &Path) -> PathBuf {
    let common = folder
        .components()
        .zip(path.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = folder
        .components()
        .skip(common)
        .map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

/// The deepest folder that is above all paths.
pub(crate) fn common_root<'a>(mut paths: impl Iterator<Item = &'a Path>) -> PathBuf {
    let first = paths.next().and_then(Path::parent).unwrap_or(Path::new(""));
    let mut root = first.to_owned();
    for path in paths {
        while !path.starts_with(&root) {
            if !root.pop() {
                return root;
            }
        }
    }
    root
}

/// A path with forward slashes; none when it is not text.
pub(crate) fn slashed(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path
        .components()
        .map(|part| part.as_os_str().to_str())
        .collect();
    Some(parts?.join("/"))
}
