//! What a `tsconfig.json` says that changes what runs: paths of imports, decorators, fields. Called by `graph`
//! once, for the entry's folder; options that only matter to a type check are not looked at.

use crate::error::Problem;
use crate::limits::{CONFIG_BYTES_MAX, CONFIG_CHAIN_MAX};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a project's configuration says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// `experimentalDecorators`.
    pub(crate) legacy_decorators: bool,
    /// `emitDecoratorMetadata`.
    pub(crate) decorator_metadata: bool,
    /// `verbatimModuleSyntax`: only `import type` is taken out.
    pub(crate) keep_value_imports: bool,
    /// `useDefineForClassFields: false`: fields are assigned in the constructor.
    pub(crate) assign_fields: bool,
    /// `baseUrl`: where bare specifiers are looked for too.
    pub(crate) base: Option<PathBuf>,
    /// `paths`: patterns with at most one `*`, and where to look, absolute.
    pub(crate) paths: Vec<(String, Vec<PathBuf>)>,
    /// The files that said so.
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    extends: Option<Extends>,
    compiler_options: CompilerOptions,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Extends {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct CompilerOptions {
    experimental_decorators: Option<bool>,
    emit_decorator_metadata: Option<bool>,
    verbatim_module_syntax: Option<bool>,
    use_define_for_class_fields: Option<bool>,
    base_url: Option<String>,
    paths: Option<BTreeMap<String, Vec<String>>>,
}

impl Options {
    /// Those of the nearest `tsconfig.json` at or above a folder.
    pub(crate) fn find(folder: &Path, show: &dyn Fn(&Path) -> String) -> Result<Self, Problem> {
        let mut options = Self::default();
        let found = folder
            .ancestors()
            .map(|folder| folder.join("tsconfig.json"))
            .find(|path| path.is_file());
        if let Some(path) = found {
            options.read(&path, show, 0)?;
        }
        // The longest pattern that fits is meant.
        options
            .paths
            .sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.find('*').unwrap_or(usize::MAX)));
        Ok(options)
    }

    fn read(
        &mut self,
        path: &Path,
        show: &dyn Fn(&Path) -> String,
        depth: usize,
    ) -> Result<(), Problem> {
        let file = show(path);
        let mut text = String::new();
        let read = File::open(path)
            .and_then(|open| open.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text));
        read.map_err(|error| Problem::of(&file, format!("cannot be read: {error}")))?;
        if text.len() as u64 > CONFIG_BYTES_MAX {
            let message = format!("is longer than {CONFIG_BYTES_MAX} bytes");
            return Err(Problem::of(&file, message));
        }
        self.files.push(path.to_owned());
        let plain = without_comments(&text);
        let plain = if plain.trim().is_empty() {
            "{}"
        } else {
            &plain
        };
        let config: Config = serde_json::from_str(plain)
            .map_err(|error| Problem::of(&file, format!("is not a tsconfig.json: {error}")))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let bases = match config.extends {
            Some(Extends::One(base)) => vec![base],
            Some(Extends::Several(bases)) => bases,
            None => Vec::new(),
        };
        // Those that come from packages are for type checks; what they say of output is not ours.
        for base in bases.iter().filter(|base| base.starts_with(['.', '/'])) {
            if depth >= CONFIG_CHAIN_MAX {
                let message = format!("`extends` goes deeper than {CONFIG_CHAIN_MAX} files");
                return Err(Problem::of(&file, message));
            }
            let mut base = folder.join(base);
            if base.extension().is_none_or(|ending| ending != "json") {
                base.as_mut_os_string().push(".json");
            }
            self.read(&base, show, depth + 1)?;
        }
        self.apply(config.compiler_options, folder);
        Ok(())
    }

    fn apply(&mut self, said: CompilerOptions, folder: &Path) {
        let set = |option: &mut bool, said: Option<bool>| *option = said.unwrap_or(*option);
        set(&mut self.legacy_decorators, said.experimental_decorators);
        set(&mut self.decorator_metadata, said.emit_decorator_metadata);
        set(&mut self.keep_value_imports, said.verbatim_module_syntax);
        let assign = said.use_define_for_class_fields.map(|define| !define);
        set(&mut self.assign_fields, assign);
        if let Some(base) = &said.base_url {
            self.base = Some(folder.join(base));
        }
        if let Some(paths) = said.paths {
            let base = self.base.clone().unwrap_or_else(|| folder.to_owned());
            let absolute = |(pattern, targets): (String, Vec<String>)| {
                let targets = targets.iter().map(|target| base.join(target));
                (pattern, targets.collect())
            };
            self.paths = paths.into_iter().map(absolute).collect();
        }
    }

    /// Where a specifier that is not relative may be found, best first.
    pub(crate) fn places(&self, specifier: &str) -> Vec<PathBuf> {
        let mut places = Vec::new();
        for (pattern, targets) in &self.paths {
            let hole = match pattern.split_once('*') {
                None if pattern == specifier => "",
                Some((head, tail)) if specifier.len() >= head.len() + tail.len() => {
                    let inner = specifier.strip_prefix(head);
                    match inner.and_then(|inner| inner.strip_suffix(tail)) {
                        Some(hole) => hole,
                        None => continue,
                    }
                }
                _ => continue,
            };
            let fill = |target: &PathBuf| match target.to_str() {
                Some(text) => PathBuf::from(text.replacen('*', hole, 1)),
                None => target.clone(),
            };
            places.extend(targets.iter().map(fill));
            break;
        }
        places.extend(self.base.as_ref().map(|base| base.join(specifier)));
        places
    }
}

/// JSON of a text with comments and commas before closing brackets. Lengths stay, so that places do.
fn without_comments(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    let mut comma = None;
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'"', _) => {
                comma = None;
                out.push(byte);
                while let Some(inner) = bytes.next() {
                    out.push(inner);
                    if inner == b'\\' {
                        out.extend(bytes.next());
                    } else if inner == b'"' {
                        break;
                    }
                }
            }
            (b'/', Some(b'/')) => {
                out.push(b' ');
                while bytes.next_if(|inner| *inner != b'\n').is_some() {
                    out.push(b' ');
                }
            }
            (b'/', Some(b'*')) => {
                bytes.next();
                out.extend_from_slice(b"  ");
                let mut star = false;
                for inner in bytes.by_ref() {
                    out.push(if inner == b'\n' { inner } else { b' ' });
                    if star && inner == b'/' {
                        break;
                    }
                    star = inner == b'*';
                }
            }
            (b',', _) => {
                comma = Some(out.len());
                out.push(byte);
            }
            (b']' | b'}', _) => {
                if let Some(blank) = comma.take().and_then(|at: usize| out.get_mut(at)) {
                    *blank = b' ';
                }
                out.push(byte);
            }
            _ => {
                if !byte.is_ascii_whitespace() {
                    comma = None;
                }
                out.push(byte);
            }
        }
    }
    // Comments lost bytes of characters only as a whole, or kept them.
    String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
