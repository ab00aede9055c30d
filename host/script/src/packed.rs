//! A script text in a `.js` file: what `bundle` makes of an app of several files, and `load` takes as an entry. It
//! keeps every module as it is, with its map, so nothing changes by being bundled.

use crate::built_in::BUILT_IN;
use crate::compile::{Drops, Kind, Language, compile};
use crate::error::{Problem, ScriptError};
use crate::graph::{self, Module};
use crate::limits::{FILE_BYTES_MAX, MODULES_MAX};
use crate::nesting;
use crate::project::Options;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How such a file begins.
const HEAD: &str = "// An app of Holdfast, made by `holdfast build`: run it with `holdfast run`. Form 1.\nexport default ";

/// How it ends.
const TAIL: &str = ";\n";

#[derive(Deserialize)]
struct Text {
    holdfast: u32,
    entry: String,
    modules: Vec<Module>,
}

/// Packs a script text.
pub(crate) fn pack(script: &str) -> Result<String, ScriptError> {
    // What JSON allows in strings, JavaScript does since 2019.
    let text = format!("{HEAD}{script}{TAIL}");
    if text.len() as u64 > FILE_BYTES_MAX {
        let limit = FILE_BYTES_MAX >> 20;
        let message = format!("the bundle is longer than {limit} MiB, the limit of a file");
        return Err(Problem::of("the bundle", message).into());
    }
    Ok(text)
}

/// A packed file's text and modules; none when an entry is no such file.
pub(crate) fn read(entry: &Path) -> Result<Option<(String, Vec<Module>)>, ScriptError> {
    let mut head = Vec::new();
    let begun = match File::open(entry) {
        Ok(file) if entry.is_file() => file.take(HEAD.len() as u64).read_to_end(&mut head).is_ok(),
        _ => false,
    };
    if !begun || head != HEAD.as_bytes() {
        return Ok(None);
    }
    let file = entry.display().to_string();
    let outcome = graph::read_text(entry, &file)
        .map_err(ScriptError::from)
        .and_then(|text| {
            let script = text.strip_prefix(HEAD).unwrap_or_default().trim_end();
            let modules = unpack(&file, script.strip_suffix(';').unwrap_or(script))?;
            Ok(Some((text, modules)))
        });
    outcome.map_err(|mut error| {
        error.files.push(entry.to_owned());
        error
    })
}

fn unpack(file: &str, script: &str) -> Result<Vec<Module>, ScriptError> {
    let broken =
        |why: String| ScriptError::from(Problem::of(file, format!("the bundle is broken: {why}")));
    let text: Text = serde_json::from_str(script).map_err(|error| broken(error.to_string()))?;
    if text.holdfast != graph::FORM {
        return Err(broken(format!(
            "it has form {}, not {}",
            text.holdfast,
            graph::FORM
        )));
    }
    let mut modules = text.modules;
    if modules.len() > MODULES_MAX {
        return Err(broken(format!("it has more than {MODULES_MAX} modules")));
    }
    let Some(entry) = modules.iter().position(|module| module.name == text.entry) else {
        return Err(broken(format!("it has no module {:?}", text.entry)));
    };
    modules.swap(0, entry);
    let names: BTreeSet<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    for module in &modules {
        let missing = module
            .imports
            .values()
            .find(|name| !names.contains(name.as_str()) && !BUILT_IN.contains(&name.as_str()));
        if let Some(name) = missing {
            return Err(broken(format!(
                "{:?} imports {name:?}, which is not in it",
                module.name
            )));
        }
        let language = match module.kind {
            Kind::Esm => Language::Mjs,
            Kind::Cjs => Language::Cjs,
            Kind::Json => Language::Json,
        };
        let name = format!("{file}: {}", module.name);
        nesting::check(&name, &module.source)?;
        compile(
            &name,
            &module.source,
            language,
            &Options::default(),
            &Drops::new(),
        )
        .map_err(ScriptError::new)?;
    }
    Ok(modules)
}
