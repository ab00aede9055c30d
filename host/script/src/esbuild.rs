//! Runs esbuild, for apps that import npm packages. Called by `bundle`. It installs nothing.

use crate::built_in::BUILT_IN;
use crate::bundle::Npm;
use crate::error::{Problem, ScriptError};
use crate::limits::{ESBUILD_MESSAGE_BYTES_MAX, SCRIPT_BYTES_MAX};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Conditions by which packages choose files that use the web's API instead of Node's.
const CONDITIONS: [&str; 2] = ["worker", "browser"];

/// Bundles an entry into one ES module with an inline source map.
pub(crate) fn run(entry: &Path, npm: &Npm) -> Result<String, ScriptError> {
    let shown = entry.display().to_string();
    let failed = |message: String| ScriptError::from(Problem::of(&shown, message));
    let entry = entry
        .canonicalize()
        .map_err(|error| failed(format!("cannot be read: {error}")))?;
    let folder = entry.parent().unwrap_or(Path::new("/"));
    let program = match &npm.esbuild {
        Some(path) => vec![path.clone().into_os_string()],
        None => find(folder).ok_or_else(|| {
            failed("packages of npm are bundled by esbuild, and there is none: run `npm install --save-dev esbuild` in the project".to_owned())
        })?,
    };
    let (first, rest) = program
        .split_first()
        .ok_or_else(|| failed("no esbuild is named".to_owned()))?;
    let mut child = Command::new(first)
        .args(rest)
        .args(arguments(&entry, npm))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("{} cannot be run: {error}", first.display())))?;
    let errors = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut errors) = errors {
            let _ = errors
                .by_ref()
                .take(ESBUILD_MESSAGE_BYTES_MAX)
                .read_to_end(&mut text);
            // The rest is read so that it can end.
            let _ = std::io::copy(&mut errors, &mut std::io::sink());
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut bytes = Vec::new();
    let mut read = Ok(0);
    if let Some(output) = child.stdout.take() {
        // When this is dropped early, esbuild's writing fails and it ends.
        read = output
            .take(SCRIPT_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes);
    }
    let status = child.wait();
    let messages = reader.join().unwrap_or_default();
    if bytes.len() > SCRIPT_BYTES_MAX {
        let limit = SCRIPT_BYTES_MAX >> 20;
        return Err(failed(format!("the bundle is longer than {limit} MiB")));
    }
    read.map_err(|error| failed(format!("esbuild's output cannot be read: {error}")))?;
    match status {
        Ok(status) if status.success() => String::from_utf8(bytes)
            .map_err(|_| failed("esbuild's output is not text in UTF-8".to_owned())),
        Ok(status) => Err(problems(&shown, &messages, &status.to_string())),
        Err(error) => Err(failed(format!("esbuild did not end: {error}"))),
    }
}

fn arguments(entry: &Path, npm: &Npm) -> Vec<OsString> {
    let mut path = OsString::from("./");
    path.push(entry.file_name().unwrap_or_default());
    let mut all = vec![path];
    for fixed in [
        "--bundle",
        "--format=esm",
        "--platform=neutral",
        "--main-fields=module,main",
        "--target=es2023",
        "--charset=utf8",
        "--sourcemap=inline",
        "--sources-content=false",
        "--legal-comments=none",
        "--log-level=warning",
        "--color=false",
        "--alias:socket.io=holdfast",
        "--external:node:*",
        "--define:process.env.NODE_ENV=\"production\"",
        "--define:global=globalThis",
    ] {
        all.push(fixed.into());
    }
    for name in BUILT_IN {
        let bare = name.strip_prefix("node:").unwrap_or(name);
        all.push(format!("--external:{bare}").into());
    }
    let mut conditions: Vec<&str> = npm.conditions.iter().map(String::as_str).collect();
    conditions.extend(CONDITIONS);
    all.push(format!("--conditions={}", conditions.join(",")).into());
    for (name, value) in &npm.define {
        all.push(format!("--define:{name}={value}").into());
    }
    all
}

/// A program and its first arguments.
fn find(folder: &Path) -> Option<Vec<OsString>> {
    let names: &[&str] = if cfg!(windows) {
        &["esbuild.cmd", "esbuild.exe"]
    } else {
        &["esbuild"]
    };
    let local = folder
        .ancestors()
        .map(|folder| folder.join("node_modules/.bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = local
        .chain(std::env::split_paths(&path))
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|path: &PathBuf| path.is_file());
    if let Some(found) = found {
        return Some(vec![found.into_os_string()]);
    }
    let npx = if cfg!(windows) { "npx.cmd" } else { "npx" };
    let known = Command::new(npx)
        .args(["--no-install", "esbuild", "--version"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    known
        .is_ok_and(|status| status.success())
        .then(|| vec![npx.into(), "--no-install".into(), "esbuild".into()])
}

/// What esbuild found, a problem each.
fn problems(entry: &str, messages: &str, status: &str) -> ScriptError {
    let mut found = Vec::new();
    for block in messages.split("✘ [ERROR] ").skip(1) {
        let block = block.split("▲ [WARNING] ").next().unwrap_or_default();
        let mut lines = block.lines();
        let mut problem = Problem::of(entry, lines.next().unwrap_or_default().trim_end());
        let place = lines.clone().map(str::trim).find(|line| !line.is_empty());
        if let Some((file, line, column)) = place.and_then(place_of) {
            problem.file = file;
            problem.line = Some(line);
            problem.column = Some(column);
        }
        let rest: Vec<&str> = lines
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .skip(usize::from(problem.line.is_some()))
            .take_while(|line| !line.ends_with(" errors") && !line.ends_with(" error"))
            .collect();
        if !rest.is_empty() {
            problem.message = format!("{}\n{}", problem.message, rest.join("\n"));
        }
        found.push(problem);
    }
    if found.is_empty() {
        let message = format!("esbuild failed ({status}): {}", messages.trim());
        found.push(Problem::of(entry, message));
    }
    ScriptError::new(found)
}

/// `file:line:column:`, the column from 0.
fn place_of(line: &str) -> Option<(String, u32, u32)> {
    let (rest, column) = line.strip_suffix(':')?.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some((
        file.to_owned(),
        line.parse().ok()?,
        column.parse::<u32>().ok()?.checked_add(1)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_keep_their_places() {
        let text = "✘ [ERROR] Could not resolve \"zod\"\n\n    src/app.ts:1:18:\n      1 │ import { z } from \"zod\";\n        ╵                   ~~~~~\n\n  You can mark it.\n\n▲ [WARNING] odd\n\n✘ [ERROR] No loader\n\n2 errors\n";
        let error = problems("app.ts", text, "1");
        assert_eq!(error.problems.len(), 2);
        assert!(
            error
                .to_string()
                .starts_with("src/app.ts:1:19: Could not resolve \"zod\"\n      1 │"),
            "{error}"
        );
        assert!(error.to_string().ends_with("app.ts: No loader"), "{error}");
        let error = problems("app.ts", "boom\n", "exit status: 3");
        assert_eq!(
            error.to_string(),
            "app.ts: esbuild failed (exit status: 3): boom"
        );
    }
}
