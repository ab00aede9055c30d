//! The modules of an app: found from its entry, compiled, and written as the text the engine takes. Called by
//! `load` and `bundle`. It writes no file.

use crate::built_in;
use crate::compile::{Compiled, Drops, HELPERS, Kind, Language, compile};
use crate::error::{Problem, ScriptError};
use crate::imports::Request;
use crate::limits::{FILE_BYTES_MAX, MODULES_MAX, SCRIPT_BYTES_MAX};
use crate::nesting;
use crate::project::Options;
use crate::resolve::{Missing, common_root, normal, relative, resolve, slashed};
use crate::source_map::{self, GivenMap};
use crate::{helpers, link};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a specifier means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A module of the graph.
    Module(usize),
    BuiltIn(&'static str),
    /// One of the transformer's helpers.
    Helper(&'static str),
}

/// One file.
#[derive(Debug)]
pub(crate) struct Node {
    /// Without links, `.` and `..`.
    pub(crate) path: PathBuf,
    /// As problems call it.
    pub(crate) shown: String,
    pub(crate) text: String,
    pub(crate) language: Language,
    pub(crate) compiled: Compiled,
    pub(crate) given_map: Option<GivenMap>,
    pub(crate) targets: BTreeMap<String, Target>,
}

/// All files of an app; the first is the entry.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) options: Options,
    /// Everything that was read or looked for.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) notes: Vec<String>,
    /// Imports that only a bundler can follow, as written: packages, and files of other kinds.
    pub(crate) others: Vec<String>,
}

/// A module of the script text.
#[derive(Serialize, Deserialize)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) source: String,
    pub(crate) map: Option<String>,
    pub(crate) imports: BTreeMap<String, String>,
}

/// The form of the script text.
pub(crate) const FORM: u32 = 1;

#[derive(Serialize)]
struct Text<'a> {
    holdfast: u32,
    entry: &'a str,
    modules: &'a [Module],
}

struct Reader {
    /// The entry's folder as the operator wrote it, and without links.
    written: PathBuf,
    folder: PathBuf,
    entry: String,
    options: Options,
    nodes: Vec<Option<Node>>,
    known: HashMap<PathBuf, usize>,
    queue: Vec<(usize, PathBuf)>,
    bytes: usize,
    files: Vec<PathBuf>,
    notes: Vec<String>,
    others: Vec<String>,
    problems: Vec<Problem>,
}

impl Graph {
    /// Reads an entry and everything it imports. With `others_later`, imports that only a bundler can follow are
    /// listed instead of refused.
    pub(crate) fn read(entry: &Path, others_later: bool) -> Result<Self, ScriptError> {
        let mut reader = Reader::new(entry)?;
        while let Some((index, path)) = reader.queue.pop() {
            match reader.read_node(&path, others_later) {
                Ok(node) => {
                    if let Some(place) = reader.nodes.get_mut(index) {
                        *place = Some(node);
                    }
                }
                Err(problems) => reader.problems.extend(problems),
            }
        }
        let mut graph = Self {
            nodes: reader.nodes.into_iter().flatten().collect(),
            options: reader.options,
            files: reader.files,
            notes: reader.notes,
            others: reader.others,
        };
        let mut problems = reader.problems;
        if problems.is_empty() {
            problems = link::check(&mut graph);
        }
        if problems.is_empty() {
            return Ok(graph);
        }
        let mut error = ScriptError::new(problems);
        error.files = graph.files;
        Err(error)
    }

    /// The modules of the script text, the entry first.
    pub(crate) fn into_modules(self) -> Result<Vec<Module>, ScriptError> {
        let root = common_root(self.nodes.iter().map(|node| node.path.as_path()));
        let mut names = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let name = slashed(&relative(&node.path, &root)).ok_or_else(|| {
                Problem::of(&node.shown, "the name of this file is not text in UTF-8")
            })?;
            names.push(name);
        }
        let mut used: Vec<&'static str> = Vec::new();
        let mut modules = Vec::with_capacity(self.nodes.len());
        for (node, name) in self.nodes.into_iter().zip(&names) {
            let mut imports = BTreeMap::new();
            for (specifier, target) in node.targets {
                let meant = match target {
                    Target::Module(index) => names.get(index).cloned().unwrap_or_default(),
                    Target::BuiltIn(built_in) => built_in.to_owned(),
                    Target::Helper(helper) => {
                        if !used.contains(&helper) {
                            used.push(helper);
                        }
                        helpers::module_name(helper)
                    }
                };
                imports.insert(specifier, meant);
            }
            let map = match (&node.compiled.mappings, &node.given_map) {
                (Some(mappings), _) => Some(mappings.write(name)),
                (None, given) => given.as_ref().map(|map| map.write(&root)),
            };
            modules.push(Module {
                name: name.clone(),
                kind: node.compiled.kind,
                source: node.compiled.source,
                map,
                imports,
            });
        }
        modules.extend(used.into_iter().filter_map(helpers::module));
        Ok(modules)
    }
}

/// The text that the engine takes.
pub(crate) fn write(modules: &[Module]) -> Result<String, ScriptError> {
    let entry = modules.first().map_or("", |module| module.name.as_str());
    let text = Text {
        holdfast: FORM,
        entry,
        modules,
    };
    let text = serde_json::to_string(&text)
        .map_err(|error| Problem::of(entry, format!("cannot be written: {error}")))?;
    if text.len() > SCRIPT_BYTES_MAX {
        return Err(Problem::of(entry, too_long()).into());
    }
    Ok(text)
}

fn too_long() -> String {
    let limit = SCRIPT_BYTES_MAX >> 20;
    format!("with all it imports the app is longer than {limit} MiB, the limit of a script")
}

impl Reader {
    fn new(entry: &Path) -> Result<Self, ScriptError> {
        let shown = entry.display().to_string();
        let mut missed = None;
        let real = match entry.canonicalize() {
            Ok(real) => real,
            Err(error) => {
                missed = Some(Problem::of(&shown, format!("cannot be read: {error}")));
                entry.to_owned()
            }
        };
        if real.is_dir() {
            let message = "is a folder: name the file to run";
            missed = Some(Problem::of(&shown, message));
        }
        let mut files = vec![entry.to_owned()];
        if let Some(problem) = missed {
            let mut error = ScriptError::from(problem);
            error.files = files;
            return Err(error);
        }
        let written = entry.parent().unwrap_or(Path::new("")).to_owned();
        let folder = real.parent().unwrap_or(Path::new("/")).to_owned();
        let show = |path: &Path| show(&written, &folder, path);
        let options = Options::find(&folder, &show)?;
        files.extend(options.files.iter().cloned());
        Ok(Self {
            entry: shown,
            options,
            nodes: vec![None],
            known: HashMap::from([(real.clone(), 0)]),
            queue: vec![(0, real)],
            bytes: 0,
            files,
            notes: Vec::new(),
            others: Vec::new(),
            problems: Vec::new(),
            written,
            folder,
        })
    }

    fn show(&self, path: &Path) -> String {
        show(&self.written, &self.folder, path)
    }

    fn read_node(&mut self, path: &Path, others_later: bool) -> Result<Node, Vec<Problem>> {
        self.files.push(path.to_owned());
        let shown = self.show(path);
        let language =
            Language::of(path).ok_or_else(|| vec![Problem::of(&shown, foreign(path))])?;
        let text = read_text(path, &shown).map_err(|problem| vec![problem])?;
        nesting::check(&shown, &text).map_err(|problem| vec![problem])?;
        let mut compiled = compile(&shown, &text, language, &self.options, &Drops::new())?;
        let mut given_map = None;
        if !language.is_typed() && language != Language::Json {
            let mut given = source_map::given(&text, path);
            self.files.extend(given.file.take());
            if given.map.is_some() && compiled.mappings.is_some() {
                given.map = None;
                given.note = Some("its source map is left out: the file needed changes".to_owned());
            }
            self.notes
                .extend(given.note.map(|note| format!("{shown}: {note}")));
            if let (Some(end), None) = (given.text_end, &compiled.mappings) {
                compiled.source.truncate(end);
            }
            given_map = given.map;
        }
        self.bytes += text.len() + compiled.source.len();
        if self.bytes > SCRIPT_BYTES_MAX * 2 {
            self.queue.clear();
            return Err(vec![Problem::of(&self.entry, too_long())]);
        }
        let mut targets = BTreeMap::new();
        let mut problems = Vec::new();
        for request in &compiled.links.requests {
            match self.target(request, path, others_later) {
                Ok(Some(target)) => {
                    targets.insert(request.specifier.clone(), target);
                }
                Ok(None) => {}
                Err(_) if request.optional => {}
                Err(message) => {
                    problems.push(Problem::at(&shown, &text, request.offset, message));
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Node {
            path: path.to_owned(),
            shown,
            text,
            language,
            compiled,
            given_map,
            targets,
        })
    }

    fn target(
        &mut self,
        request: &Request,
        from: &Path,
        others_later: bool,
    ) -> Result<Option<Target>, String> {
        let specifier = request.specifier.as_str();
        if let Some(name) = built_in::find(specifier) {
            return Ok(Some(Target::BuiltIn(name)));
        }
        if let Some(helper) = specifier.strip_prefix(HELPERS) {
            let helper = helper.trim_start_matches("/helpers/");
            return helpers::find(helper)
                .map(|helper| Some(Target::Helper(helper)))
                .ok_or_else(|| format!("the engine has no helper {helper:?}"));
        }
        let is_path = ["./", "../", "/"]
            .iter()
            .any(|start| specifier.starts_with(start))
            || matches!(specifier, "." | "..");
        if !is_path {
            for place in self.options.places(specifier) {
                if let Ok(found) = resolve(&normal(&place), specifier.ends_with('/')) {
                    return self.module(&found).map(Some);
                }
            }
            if others_later && !foreign_scheme(specifier) && !built_in::is_absent(specifier) {
                self.others.push(specifier.to_owned());
                return Ok(None);
            }
            return Err(self.no_package(specifier));
        }
        let folder = from.parent().unwrap_or(Path::new("/"));
        let folder_only = specifier.ends_with('/')
            || specifier.ends_with("/.")
            || specifier.ends_with("..")
            || specifier == ".";
        match resolve(&normal(&folder.join(specifier)), folder_only) {
            Ok(found) if others_later && Language::of(&found).is_none() => {
                self.others.push(specifier.to_owned());
                Ok(None)
            }
            Ok(found) => self.module(&found).map(Some),
            Err(missing) => {
                self.files.extend(missing.tried.iter().take(2).cloned());
                Err(self.not_found(specifier, folder, &missing))
            }
        }
    }

    fn module(&mut self, found: &Path) -> Result<Target, String> {
        let shown = self.show(found);
        let real = found
            .canonicalize()
            .map_err(|error| format!("{shown} cannot be read: {error}"))?;
        if real != found {
            self.files.push(found.to_owned());
        }
        if let Some(index) = self.known.get(&real) {
            return Ok(Target::Module(*index));
        }
        if self.nodes.len() >= MODULES_MAX {
            return Err(format!("the app has more than {MODULES_MAX} modules"));
        }
        let index = self.nodes.len();
        self.nodes.push(None);
        self.known.insert(real.clone(), index);
        self.queue.push((index, real));
        Ok(Target::Module(index))
    }

    fn not_found(&self, specifier: &str, folder: &Path, missing: &Missing) -> String {
        let mut message = format!("there is no {specifier:?}");
        if let Some(hint) = &missing.hint {
            message.push_str(&format!(", {hint}"));
        } else {
            let tried: Vec<String> = missing
                .tried
                .iter()
                .map(|path| relative(path, folder).display().to_string())
                .collect();
            message.push_str(&format!(" (looked for {})", tried.join(", ")));
        }
        message
    }

    fn no_package(&self, specifier: &str) -> String {
        if foreign_scheme(specifier) {
            return format!(
                "{specifier:?} is not a file: a script is made of files, bundle what comes from elsewhere"
            );
        }
        if let Some(rest) = specifier.strip_prefix("holdfast/") {
            return format!(
                "\"holdfast/{rest}\" is not part of the sandbox: an app imports \"holdfast\""
            );
        }
        if built_in::is_absent(specifier) {
            return format!(
                "the Node module {specifier:?} is not part of the sandbox: an app has no files, sockets or processes (there are {})",
                built_in::BUILT_IN.join(", ")
            );
        }
        let parts = if specifier.starts_with('@') { 2 } else { 1 };
        let package: Vec<&str> = specifier.split('/').take(parts).collect();
        let output = Path::new(&self.entry).with_extension("js");
        let output = match Path::new(&self.entry) == output {
            true => "bundle.js".to_owned(),
            false => output.display().to_string(),
        };
        format!(
            "the package {:?} is not part of the sandbox: bundle it with `holdfast build {} -o {output}` (needs Node and esbuild)",
            package.join("/"),
            self.entry
        )
    }
}

/// `https:`, `npm:`, `data:` and the like.
fn foreign_scheme(specifier: &str) -> bool {
    let scheme = specifier.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme != "node"
            && !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Why a file's ending is not taken.
fn foreign(path: &Path) -> String {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("tsx" | "jsx") => "JSX is not part of the sandbox: use .ts or .js, or bundle it with esbuild".to_owned(),
        Some(ending) => format!("files that end in .{ending} cannot be imported: .ts, .mts, .cts, .js, .mjs, .cjs and .json can"),
        None => "a file without an ending cannot be imported: .ts, .mts, .cts, .js, .mjs, .cjs and .json can".to_owned(),
    }
}

/// How an operator would name a file.
fn show(written: &Path, folder: &Path, path: &Path) -> String {
    normal(&written.join(relative(path, folder)))
        .display()
        .to_string()
}

/// A file's text, within its bound.
pub(crate) fn read_text(path: &Path, shown: &str) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| Problem::of(shown, format!("cannot be read: {error}"));
    let data = path.metadata().map_err(unreadable)?;
    if !data.is_file() {
        return Err(Problem::of(shown, "is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let limit = FILE_BYTES_MAX >> 20;
        return Err(Problem::of(shown, format!("is longer than {limit} MiB")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes().get(..good).unwrap_or_default());
        Problem::at(
            shown,
            &text,
            good,
            "the file is not text in UTF-8 from here on",
        )
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}
