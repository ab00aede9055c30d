//! Source maps: those that come with a `.js` file, and the text of those that are made here. Called by `graph`.
//! A map that is broken is left out with a note; it never keeps an app from running.

use crate::limits::{MAP_BYTES_MAX, MAPPINGS_BYTES_MAX};
use crate::resolve::{normal, relative, slashed};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oxc_sourcemap::{JSONSourceMap, SourceMap, Token};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// How the comment begins that says where a file's map is.
const MARKS: [&str; 2] = ["//# sourceMappingURL=", "//@ sourceMappingURL="];

/// The mappings of a file that was printed anew. Its only source is the file.
#[derive(Debug)]
pub(crate) struct Mappings(String);

/// A map that came with a file.
#[derive(Debug)]
pub(crate) struct GivenMap {
    sources: Vec<Source>,
    mappings: String,
}

#[derive(Debug)]
enum Source {
    Path(PathBuf),
    /// Something that is no file: shown as it is.
    Text(String),
}

/// What a file says of its map.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) map: Option<GivenMap>,
    /// Where the file's own text ends when the map is inside of it.
    pub(crate) text_end: Option<usize>,
    /// The map's file.
    pub(crate) file: Option<PathBuf>,
    /// Why there is no map although there should be.
    pub(crate) note: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    version: u32,
    #[serde(default)]
    source_root: Option<String>,
    sources: Vec<Option<String>>,
    #[serde(default)]
    names: Vec<String>,
    mappings: String,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    sources: &'a [String],
    names: [&'static str; 0],
    mappings: &'a str,
}

/// The map that a file names in its last line.
pub(crate) fn given(text: &str, path: &Path) -> Given {
    let end = text.trim_end().len();
    let body = text.get(..end).unwrap_or_default();
    let start = body.rfind('\n').map_or(0, |at| at + 1);
    let line = body.get(start..).unwrap_or_default().trim();
    let Some(url) = MARKS.iter().find_map(|mark| line.strip_prefix(mark)) else {
        return Given::default();
    };
    let mut given = Given::default();
    let folder = path.parent().unwrap_or(Path::new("."));
    let read = if let Some(data) = url.strip_prefix("data:") {
        given.text_end = Some(start);
        decode(data).map(|text| (text, folder.to_owned()))
    } else if url.contains("://") {
        Err("it is not a file".to_owned())
    } else {
        let path = normal(&folder.join(unescape(url)));
        let read = read_file(&path);
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        given.file = Some(path);
        read.map(|text| (text, folder))
    };
    match read.and_then(|(text, folder)| GivenMap::read(&text, &folder)) {
        Ok(map) => given.map = Some(map),
        Err(why) => given.note = Some(format!("its source map is left out: {why}")),
    }
    given
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let is_file = path.metadata().is_ok_and(|data| data.is_file());
    if !is_file {
        return Err(format!("there is no file {}", path.display()));
    }
    let read =
        File::open(path).and_then(|file| file.take(MAP_BYTES_MAX + 1).read_to_string(&mut text));
    read.map_err(|error| error.to_string())?;
    if text.len() as u64 > MAP_BYTES_MAX {
        return Err(format!("it is longer than {MAP_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// The text of a `data:` URL, after that word.
fn decode(data: &str) -> Result<String, String> {
    let (kind, data) = data.split_once(',').ok_or("its URL is broken")?;
    if !kind.ends_with(";base64") {
        return Ok(unescape(data));
    }
    let bytes = STANDARD.decode(data).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// A text without percent escapes; broken ones stay.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = match (byte, tail.get(..2)) {
            (b'%', Some(hex)) => std::str::from_utf8(hex)
                .ok()
                .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        out.push(code.unwrap_or(byte));
        rest = match code {
            Some(_) => tail.get(2..).unwrap_or_default(),
            None => tail,
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl GivenMap {
    fn read(text: &str, folder: &Path) -> Result<Self, String> {
        let text = text.strip_prefix(")]}'").unwrap_or(text);
        let map: Text = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if map.version != 3 {
            return Err(format!("it has version {}, not 3", map.version));
        }
        let root = map.source_root.unwrap_or_default();
        let sources = map.sources.into_iter().map(|source| {
            let Some(source) = source else {
                return Source::Text("(unknown)".to_owned());
            };
            let path = source.strip_prefix("file://").unwrap_or(&source);
            if path.contains("://") {
                return Source::Text(source);
            }
            let root = root.strip_prefix("file://").unwrap_or(&root);
            match root.contains("://") {
                true => Source::Text(format!("{}/{path}", root.trim_end_matches('/'))),
                false => Source::Path(normal(&folder.join(root).join(path))),
            }
        });
        let sources: Vec<Source> = sources.collect();
        if map.mappings.len() > MAPPINGS_BYTES_MAX {
            return Err(format!(
                "its mappings are longer than {MAPPINGS_BYTES_MAX} bytes"
            ));
        }
        let plain = JSONSourceMap {
            version: 3,
            file: None,
            mappings: map.mappings,
            source_root: None,
            sources: vec![String::new(); sources.len()],
            sources_content: None,
            names: map.names,
            debug_id: None,
            x_google_ignore_list: None,
        };
        let read = catch_unwind(|| SourceMap::from_json(plain).map(|map| Mappings::of(&map)));
        match read {
            Ok(Ok(Mappings(mappings))) => Ok(Self { sources, mappings }),
            Ok(Err(error)) => Err(format!("it is broken: {error}")),
            Err(_) => Err("it is broken".to_owned()),
        }
    }

    /// Its text, with sources as seen from a folder.
    pub(crate) fn write(&self, root: &Path) -> String {
        let sources: Vec<String> = self
            .sources
            .iter()
            .map(|source| match source {
                Source::Path(path) => {
                    let way = relative(path, root);
                    slashed(&way).unwrap_or_else(|| way.display().to_string())
                }
                Source::Text(text) => text.clone(),
            })
            .collect();
        write(&sources, &self.mappings)
    }
}

impl Mappings {
    /// Those of a map, without the names of what stood there: what runs needs places only.
    pub(crate) fn of(map: &SourceMap<'_>) -> Self {
        let tokens = map.get_tokens().map(|token| {
            Token::new(
                token.get_dst_line(),
                token.get_dst_col(),
                token.get_src_line(),
                token.get_src_col(),
                token.get_source_id(),
                None,
            )
        });
        let tokens: Box<[Token]> = tokens.collect();
        let sources = map.get_sources().map(|_| "".into()).collect();
        let plain = SourceMap::new(None, Vec::new(), None, sources, Vec::new(), tokens, None);
        Self(plain.to_json().mappings)
    }

    /// The text of the map of a file with this name.
    pub(crate) fn write(&self, name: &str) -> String {
        write(&[name.to_owned()], &self.0)
    }
}

/// The text of a map, without the sources' contents.
fn write(sources: &[String], mappings: &str) -> String {
    let written = Written {
        version: 3,
        sources,
        names: [],
        mappings,
    };
    serde_json::to_string(&written).unwrap_or_default()
}
