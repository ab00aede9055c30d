//! Source maps (ECMA-426): from a place in what runs to the place in what the user wrote. Read when an
//! exception is reported; a map that is broken is as good as none.

use serde::Deserialize;
use std::cell::OnceCell;

/// Lines between two remembered places in the mappings.
const STRIDE: usize = 64;

/// A map, read when it is first asked.
pub(crate) struct SourceMap {
    text: String,
    map: OnceCell<Option<Map>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    mappings: String,
    sources: Vec<Option<String>>,
    #[serde(default)]
    source_root: Option<String>,
}

struct Map {
    text: Text,
    /// The state before every [`STRIDE`]th line.
    marks: Vec<(usize, State)>,
}

#[derive(Clone, Copy, Default)]
struct State {
    source: i64,
    line: i64,
    column: i64,
}

impl SourceMap {
    pub(crate) fn new(text: String) -> Self {
        Self {
            text,
            map: OnceCell::new(),
        }
    }

    /// File, line and column, from 1, of a line and column, from 1.
    pub(crate) fn find(&self, line: u32, column: u32) -> Option<(&str, u32, u32)> {
        let map = self.map.get_or_init(|| Map::read(&self.text));
        let map = map.as_ref()?;
        let place = map.find(
            line.checked_sub(1)? as usize,
            i64::from(column.checked_sub(1)?),
        )?;
        let source = usize::try_from(place.source).ok()?;
        let source = map.text.sources.get(source)?.as_deref()?;
        let one_more = |number: i64| u32::try_from(number).ok()?.checked_add(1);
        Some((source, one_more(place.line)?, one_more(place.column)?))
    }
}

impl Map {
    fn read(text: &str) -> Option<Self> {
        let mut text: Text = serde_json::from_str(text).ok()?;
        if let Some(root) = text.source_root.as_deref().filter(|root| !root.is_empty()) {
            let root = root.trim_end_matches('/').to_owned();
            for source in text.sources.iter_mut().flatten() {
                *source = format!("{root}/{source}");
            }
        }
        let mut marks = vec![(0, State::default())];
        let mut state = State::default();
        let mut at = 0;
        for (number, line) in text.mappings.split(';').enumerate() {
            if number > 0 && number % STRIDE == 0 {
                marks.push((at, state));
            }
            each(line, &mut state, |_, _| true)?;
            at += line.len() + 1;
        }
        Some(Self { text, marks })
    }

    /// The last mapping of a line that begins at or before a column, or its first.
    fn find(&self, line: usize, column: i64) -> Option<State> {
        let (at, mut state) = *self.marks.get(line / STRIDE)?;
        let mut lines = self.text.mappings.get(at..)?.split(';');
        for _ in 0..line % STRIDE {
            each(lines.next()?, &mut state, |_, _| true)?;
        }
        let mut found = None;
        each(lines.next()?, &mut state, |generated, place| {
            if found.is_some() && generated > column {
                return false;
            }
            found = Some(*place);
            true
        })?;
        found
    }
}

/// Calls `hear` with the generated column and the place of each mapping of a line, until it says false. None:
/// the line is broken.
fn each(line: &str, state: &mut State, mut hear: impl FnMut(i64, &State) -> bool) -> Option<()> {
    let mut generated: i64 = 0;
    for segment in line.split(',').filter(|segment| !segment.is_empty()) {
        let mut numbers = [0_i64; 5];
        let mut count = 0;
        let mut bytes = segment.bytes();
        while let Some(number) = vlq(&mut bytes)? {
            *numbers.get_mut(count)? = number;
            count += 1;
        }
        let [column, source, source_line, source_column, _name] = numbers;
        generated = generated.checked_add(column)?;
        if count < 4 {
            continue;
        }
        state.source = state.source.checked_add(source)?;
        state.line = state.line.checked_add(source_line)?;
        state.column = state.column.checked_add(source_column)?;
        if !hear(generated, state) {
            return Some(());
        }
    }
    Some(())
}

/// One base64 VLQ number; `Some(None)` at the end.
#[expect(clippy::option_option, reason = "broken, at its end, or a number")]
fn vlq(bytes: &mut std::str::Bytes<'_>) -> Option<Option<i64>> {
    let mut value: i64 = 0;
    let mut shift = 0;
    loop {
        let Some(byte) = bytes.next() else {
            return (shift == 0).then_some(None);
        };
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        if shift > 30 {
            return None;
        }
        value |= i64::from(digit & 31) << shift;
        shift += 5;
        if digit & 32 == 0 {
            let magnitude = value >> 1;
            return Some(Some(if value & 1 == 1 {
                -magnitude
            } else {
                magnitude
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_places() {
        // Line 1: column 0 is a.ts 1:1, column 4 is a.ts 1:5; line 3: column 2 is b.ts 11:3.
        let text = r#"{"version":3,"sources":["a.ts","b.ts"],"mappings":"AAAA,IAAI;;ECUF"}"#;
        let map = SourceMap::new(text.to_owned());
        assert_eq!(map.find(1, 1), Some(("a.ts", 1, 1)));
        assert_eq!(map.find(1, 4), Some(("a.ts", 1, 1)));
        assert_eq!(map.find(1, 9), Some(("a.ts", 1, 5)));
        assert_eq!(map.find(2, 1), None);
        assert_eq!(
            map.find(3, 7).map(|(file, line, _)| (file, line)),
            Some(("b.ts", 11))
        );
        assert_eq!((map.find(0, 0), map.find(99, 1)), (None, None));
    }

    #[test]
    fn many_lines_and_a_root() {
        let line = "AACA;";
        let text = format!(
            r#"{{"version":3,"sourceRoot":"src/","sources":["a.ts"],"mappings":"AAAA;{}"}}"#,
            line.repeat(500)
        );
        let map = SourceMap::new(text);
        for line in [1, 2, 64, 65, 66, 128, 129, 500] {
            assert_eq!(map.find(line, 3), Some(("src/a.ts", line, 1)));
        }
    }

    #[test]
    fn broken_maps_find_nothing() {
        for text in [
            "",
            "{}",
            r#"{"sources":[],"mappings":"AAAA"}"#,
            r#"{"sources":["a"],"mappings":"A?AA"}"#,
            r#"{"sources":["a"],"mappings":"AAAAAAAAAAAA"}"#,
            r#"{"sources":["a"],"mappings":"g"}"#,
            r#"{"sources":["a"],"mappings":"gggggggggggggggggggg"}"#,
            r#"{"sources":["a"],"mappings":"AADA"}"#,
        ] {
            assert_eq!(SourceMap::new(text.to_owned()).find(1, 1), None, "{text}");
        }
    }
}
