//! The config file: finds it, and takes its values with the line of each. Called by `layers`. It opens
//! no other file.

use super::keys::{KEYS, Kind, SECTIONS, is_app_name, is_free, known, of_named_app, unknown};
use super::layers::{Origin, Value, Values};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file that is read when none is named, if it is there.
const NAME: &str = "holdfast.toml";
/// A longer file is refused: it is something else.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Adds what the config file says: the one that is named, or else the one in the folder.
pub fn read(named: Option<&Path>, folder: &Path, values: &mut Values, errors: &mut Vec<String>) {
    // As it was written: errors and origins say `holdfast.toml:7`.
    let shown = named.unwrap_or(Path::new(NAME));
    let path = folder.join(shown);
    match text_of(&path) {
        Ok(text) => Reader {
            shown,
            path: &path,
            text: &text,
            values,
            errors,
        }
        .read(),
        Err((ErrorKind::NotFound, _)) if named.is_none() => {}
        Err((_, reason)) => errors.push(format!(
            "the config file {} cannot be read: {reason}",
            shown.display()
        )),
    }
}

fn text_of(path: &Path) -> Result<String, (ErrorKind, String)> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| (error.kind(), error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err((
            ErrorKind::InvalidData,
            format!("it is longer than {FILE_BYTES_MAX} bytes"),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        (
            ErrorKind::InvalidData,
            format!(
                "it is not UTF-8 at byte {}",
                error.utf8_error().valid_up_to()
            ),
        )
    })
}

struct Reader<'a> {
    shown: &'a Path,
    path: &'a Path,
    text: &'a str,
    values: &'a mut Values,
    errors: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn read(mut self) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let mut line_before = 0;
        for error in &errors {
            let (at, line) = self.at(&error.span().unwrap_or_default());
            // Further errors on a line mostly follow from its first.
            if line > line_before {
                let message = error.message().replace('\n', ", ");
                self.errors.push(format!("{at}: not TOML: {message}"));
                line_before = line;
            }
        }
        // What was recovered from a file with mistakes may not be what was meant.
        if errors.is_empty() {
            self.read_table("", table.get_ref());
        }
    }

    fn read_table(&mut self, section: &str, table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let own: &str = key.get_ref();
            let name = if section.is_empty() {
                own.to_owned()
            } else {
                format!("{section}.{own}")
            };
            self.read_entry(name, key.span(), value);
        }
    }

    fn read_entry(&mut self, name: String, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let (origin, _) = self.at(&span);
        if name == "apps"
            || of_named_app(&name).is_some_and(|(_, own)| own.is_empty() || own == "env")
        {
            return self.read_apps(&name, &origin, value);
        }
        let is_section = SECTIONS.contains(&name.as_str());
        let of_guest = name.starts_with("protocol.") && known(&name).is_none();
        match value.get_ref() {
            DeValue::Table(table) if is_section || of_guest => self.read_table(&name, table),
            // Of an unknown section, each setting may have been meant elsewhere.
            DeValue::Table(table) if known(&name).is_none() && !table.is_empty() && !name.contains('.') => self.read_table(&name, table),
            DeValue::Table(_) if known(&name).is_none() && !is_free(&name) => {
                self.errors.push(format!("{origin}: the section {name} is not known: there are {}", SECTIONS.join(", ")));
            }
            _ if is_section => self.errors.push(format!("{origin}: {name} is a section: write its settings below a line [{name}]")),
            _ if known(&name).is_none() && !is_free(&name) => self.errors.push(format!("{origin}: {}", unknown(&name))),
            value => match if of_guest { plain_or_json(value) } else { plain_or_list(value) } {
                Some(text) => {
                    let text = self.absolute(&name, text);
                    self.values.insert(name, Value { text, origin });
                }
                None => self.errors.push(format!("{origin}: the setting {name} is neither text, a number, true or false, nor a list of such")),
            },
        }
    }

    /// `[apps]`, `[apps.NAME]` or `[apps.NAME.env]`.
    fn read_apps(&mut self, name: &str, origin: &Origin, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            let wrong = format!(
                "{origin}: {name} is not a section of an app: write its settings below a line [apps.NAME]"
            );
            return self.errors.push(wrong);
        };
        match of_named_app(name) {
            Some((app, _)) if !is_app_name(app) => {
                return self.errors.push(format!(
                    "{origin}: an app cannot be called {app:?}: allowed are a–z, 0–9, - and _, at most 64 of them"
                ));
            }
            // That there is such an app, even if nothing is said of it.
            Some((app, "")) => {
                for key in KEYS {
                    if let Some(own) = key.name.strip_prefix("app.") {
                        let value = Value {
                            text: key.default.to_owned(),
                            origin: Origin::Default,
                        };
                        self.values.insert(format!("apps.{app}.{own}"), value);
                    }
                }
            }
            _ => {}
        }
        self.read_table(name, table);
    }

    /// Paths in the file start from its folder.
    fn absolute(&self, name: &str, text: String) -> String {
        let is_path = known(name).is_some_and(|key| matches!(key.kind, Kind::File | Kind::Folder));
        if !is_path || text.is_empty() {
            return text;
        }
        let folder = self.path.parent().map(PathBuf::from).unwrap_or_default();
        folder.join(text).to_string_lossy().into_owned()
    }

    /// Where a piece of the file begins, and the number of that line.
    fn at(&self, span: &Range<usize>) -> (Origin, usize) {
        let before = self.text.bytes().take(span.start);
        let line = 1 + before.filter(|byte| *byte == b'\n').count();
        let path = self.shown.to_owned();
        (Origin::File { path, line }, line)
    }
}

/// A value as text; of a list, with commas between.
fn plain_or_list(value: &DeValue<'_>) -> Option<String> {
    let DeValue::Array(items) = value else {
        return plain(value);
    };
    let items: Vec<String> = items
        .iter()
        .map(|item| plain(item.get_ref()).filter(|text| !text.contains(',')))
        .collect::<Option<_>>()?;
    Some(items.join(","))
}

/// A value as text; of a list, as a JSON array.
fn plain_or_json(value: &DeValue<'_>) -> Option<String> {
    let DeValue::Array(items) = value else {
        return plain(value);
    };
    let items: Vec<serde_json::Value> = items
        .iter()
        .map(|item| {
            let text = plain(item.get_ref())?;
            match item.get_ref() {
                // Such numbers as JSON has none for (`inf`, `+1`) are refused.
                DeValue::Integer(_) | DeValue::Float(_) => serde_json::from_str(&text).ok(),
                DeValue::Boolean(truth) => Some((*truth).into()),
                _ => Some(text.into()),
            }
        })
        .collect::<Option<_>>()?;
    Some(serde_json::Value::from(items).to_string())
}

fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
