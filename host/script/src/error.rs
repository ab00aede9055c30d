//! What is wrong with an app: every problem with its file, line and column, and the line itself. Made by all
//! parts of the crate, printed by the host. It reads no file.

use crate::limits::{EXCERPT_CHARS_MAX, PROBLEMS_MAX};
use std::fmt;
use std::path::PathBuf;

/// Why an app could not be loaded or bundled.
///
/// Printed, it is one paragraph a problem: `app.ts:3:14: expected …`, and below it the line and a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// What is wrong, in the order of the files' reading; at least one, at most
    /// [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub more: usize,
    /// Every file that was read or missed: what to watch for a repair.
    pub files: Vec<PathBuf>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as an operator would name it, from where the entry was named.
    pub file: String,
    /// Its line, from 1, where there is one.
    pub line: Option<u32>,
    /// The column in characters, from 1, where there is one.
    pub column: Option<u32>,
    /// What is wrong, and what to do.
    pub message: String,
    /// The line, or the part of it around the column.
    pub excerpt: Option<String>,
    /// How many characters of the excerpt stand before the column.
    pub caret: usize,
}

impl Problem {
    /// About a file as a whole.
    pub(crate) fn of(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            message: message.into(),
            excerpt: None,
            caret: 0,
        }
    }

    /// About a place, given in bytes, of a text.
    pub(crate) fn at(file: &str, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let mut problem = Self::of(file, message);
        let offset = text.floor_char_boundary(offset.min(text.len()));
        let (before, after) = text.split_at(offset);
        let lines = before.bytes().filter(|byte| *byte == b'\n').count();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let head = before.get(start..).unwrap_or_default();
        let tail = after.split(['\n', '\r']).next().unwrap_or_default();
        let column = head.chars().count();
        problem.line = u32::try_from(lines + 1).ok();
        problem.column = u32::try_from(column + 1).ok();
        let skipped = column.saturating_sub(EXCERPT_CHARS_MAX * 2 / 3);
        let shown = head.chars().skip(skipped).chain(tail.chars());
        let shown: String = shown
            .take(EXCERPT_CHARS_MAX)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        problem.caret = column - skipped;
        problem.excerpt = Some(shown.trim_end().to_owned());
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n    {excerpt}\n    {:1$}^", "", self.caret)?;
        }
        Ok(())
    }
}

impl ScriptError {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        let mut problems = problems;
        let more = problems.len().saturating_sub(PROBLEMS_MAX);
        problems.truncate(PROBLEMS_MAX);
        Self {
            problems,
            more,
            files: Vec::new(),
        }
    }
}

impl From<Problem> for ScriptError {
    fn from(problem: Problem) -> Self {
        Self::new(vec![problem])
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            let gap = if number > 0 { "\n" } else { "" };
            write!(f, "{gap}{problem}")?;
        }
        match self.more {
            0 => Ok(()),
            1 => f.write_str("\nand 1 more"),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_with_its_line() {
        let text = "let a = 1;\n\tlet ü = ;\r\nlet c;";
        let offset = text.find(" ;\r").expect("there") + 1;
        let problem = Problem::at("app.ts", text, offset, "expected an expression");
        assert_eq!(
            problem.to_string(),
            "app.ts:2:10: expected an expression\n     let ü = ;\n             ^"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_column() {
        let text = format!("{}!{}", "x".repeat(1000), "y".repeat(1000));
        let problem = Problem::at("a.js", &text, 1000, "no");
        let excerpt = problem.excerpt.expect("a line");
        assert_eq!(excerpt.chars().count(), EXCERPT_CHARS_MAX);
        assert_eq!(excerpt.chars().nth(problem.caret), Some('!'));
        assert_eq!(problem.column, Some(1001));
    }

    #[test]
    fn places_beyond_the_text_are_its_end() {
        let problem = Problem::at("a.js", "ü", 1, "no");
        assert_eq!((problem.line, problem.column), (Some(1), Some(1)));
        let problem = Problem::at("a.js", "ü\n", 99, "no");
        assert_eq!((problem.line, problem.column), (Some(2), Some(1)));
    }

    #[test]
    fn problems_beyond_the_limit_are_counted() {
        let problems = vec![Problem::of("a.js", "no"); PROBLEMS_MAX + 2];
        let error = ScriptError::new(problems);
        assert_eq!(error.problems.len(), PROBLEMS_MAX);
        assert!(error.to_string().ends_with("\nand 2 more"));
    }
}
