//! How deeply a text is nested, before a parser that recurses sees it. Called by `graph` for every file.
//!
//! A scan of bytes, not a lexer: it counts what may make one construct stand inside of another (brackets, and
//! operators and keywords one after another) and starts again where a list or a statement goes on. It counts too
//! much rather than too little. A text made to mislead it, with quotes that are none, would have to be longer than
//! a quarter of a MiB to exhaust the stack.

use crate::error::Problem;
use crate::limits::{BRACKETS_MAX, CHAIN_MAX};

/// Words that make what follows them stand inside of something; also, after them `/` begins a regular expression.
const WORDS: &[&[u8]] = &[
    b"as",
    b"async",
    b"await",
    b"case",
    b"catch",
    b"class",
    b"delete",
    b"do",
    b"else",
    b"extends",
    b"finally",
    b"for",
    b"function",
    b"if",
    b"in",
    b"infer",
    b"instanceof",
    b"is",
    b"keyof",
    b"new",
    b"of",
    b"readonly",
    b"return",
    b"satisfies",
    b"throw",
    b"try",
    b"typeof",
    b"unique",
    b"void",
    b"while",
    b"with",
    b"yield",
];

/// Words that begin a statement which is not part of the one before, when they begin a line after its end.
const STARTS: &[&[u8]] = &[
    b"const",
    b"let",
    b"var",
    b"function",
    b"class",
    b"import",
    b"export",
    b"interface",
    b"enum",
];

/// Refuses what is nested deeper than the limits, at the place where it becomes so.
pub(crate) fn check(file: &str, text: &str) -> Result<(), Problem> {
    match Scan::new(text.as_bytes()).run() {
        None => Ok(()),
        Some((at, what)) => Err(Problem::at(file, text, at, what)),
    }
}

/// One open bracket.
#[derive(Default)]
struct Level {
    /// What may stand inside of each other since the last comma or semicolon.
    run: usize,
    /// A template's text follows when this closes.
    template: bool,
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// The brackets around, and the innermost.
    open: Vec<Level>,
    level: Level,
    /// The runs of all of them.
    chain: usize,
    /// Whether a value has just ended, so that `/` divides.
    value: bool,
    /// Whether a line has just begun.
    fresh: bool,
    /// To where a quote or slash was found to begin nothing: what follows on its line is not skipped either, so
    /// that no line is searched twice.
    plain_to: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            open: Vec::new(),
            level: Level::default(),
            chain: 0,
            value: false,
            fresh: true,
            plain_to: 0,
        }
    }

    /// Where it is too deep, and what that means.
    fn run(mut self) -> Option<(usize, String)> {
        while let Some(&here) = self.text.get(self.at) {
            let start = self.at;
            self.at += 1;
            self.token(here);
            if self.open.len() > BRACKETS_MAX {
                let what = format!("more than {BRACKETS_MAX} brackets are open here");
                return Some((start, what));
            }
            if self.chain > CHAIN_MAX {
                let what = format!(
                    "more than {CHAIN_MAX} operators stand here without a comma or semicolon between them"
                );
                return Some((start, what));
            }
        }
        None
    }

    fn token(&mut self, here: u8) {
        let next = self.text.get(self.at).copied().unwrap_or(0);
        let mut value = false;
        match here {
            b'\n' => {
                self.fresh = true;
                return;
            }
            _ if here.is_ascii_whitespace() => return,
            b'/' if next == b'/' => return self.skip_line(),
            b'/' if next == b'*' => return self.skip_comment(),
            b'/' if !self.value && self.skip_regex() => value = true,
            b'(' | b'[' | b'{' => self.enter(false),
            b')' | b']' | b'}' => {
                value = true;
                if self.leave() {
                    value = self.skip_template();
                }
            }
            b',' | b';' => self.restart(),
            b'`' => {
                self.longer();
                value = self.skip_template();
            }
            b'"' | b'\'' => {
                self.skip_string(here);
                value = true;
            }
            _ if is_word(here) => value = self.word(),
            _ => self.longer(),
        }
        self.value = value;
        self.fresh = false;
    }

    fn longer(&mut self) {
        self.level.run += 1;
        self.chain += 1;
    }

    fn restart(&mut self) {
        self.chain = self.chain.saturating_sub(self.level.run);
        self.level.run = 0;
    }

    fn enter(&mut self, template: bool) {
        // A call may be called again.
        self.longer();
        self.open.push(std::mem::take(&mut self.level));
        self.level.template = template;
    }

    /// Whether the text of a template follows.
    fn leave(&mut self) -> bool {
        let Some(outer) = self.open.pop() else {
            return false;
        };
        self.restart();
        std::mem::replace(&mut self.level, outer).template
    }

    /// Whether it ends a value.
    fn word(&mut self) -> bool {
        let start = self.at - 1;
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| is_word(**byte)).count();
        let word = self.text.get(start..self.at).unwrap_or_default();
        if self.fresh && self.value && STARTS.contains(&word) {
            self.restart();
        }
        let holds = WORDS.contains(&word);
        if holds {
            self.longer();
        }
        !holds
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| **byte != b'\n').count();
    }

    fn skip_comment(&mut self) {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let end = rest.windows(2).position(|pair| pair == b"*/");
        // One that does not end is an error wherever it begins.
        self.at += end.map_or(rest.len(), |end| end + 2) + 1;
    }

    /// A string ends on its line; else the quote is no string.
    fn skip_string(&mut self, quote: u8) {
        if self.at < self.plain_to {
            return;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut escaped = false;
        for (length, byte) in rest.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'\n' => {
                    self.plain_to = self.at + length;
                    return;
                }
                _ if *byte == quote => {
                    self.at += length + 1;
                    return;
                }
                _ => {}
            }
        }
        self.plain_to = self.text.len();
    }

    /// A regular expression ends on its line; else the slash divides.
    fn skip_regex(&mut self) -> bool {
        let mut rest = self.text.get(self.at..).unwrap_or_default();
        if self.at < self.plain_to {
            rest = &[];
        }
        let (mut escaped, mut class) = (false, false);
        for (length, byte) in rest.iter().enumerate() {
            match byte {
                b'\n' => break,
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => {
                    self.at += length + 1;
                    return true;
                }
                _ => {}
            }
        }
        let line = rest.iter().take_while(|byte| **byte != b'\n').count();
        self.plain_to = self.plain_to.max(self.at + line);
        self.longer();
        false
    }

    /// The text of a template, to its end (true) or its next hole.
    fn skip_template(&mut self) -> bool {
        while let Some(&here) = self.text.get(self.at) {
            self.at += 1;
            match here {
                b'\\' => self.at += 1,
                b'`' => return true,
                b'$' if self.text.get(self.at) == Some(&b'{') => {
                    self.at += 1;
                    self.enter(true);
                    return false;
                }
                _ => {}
            }
        }
        true
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(text: &str) -> bool {
        check("a.ts", text).is_err()
    }

    #[test]
    fn what_stands_inside_of_each_other_is_counted() {
        let n = CHAIN_MAX + 1;
        for (unit, tail) in [
            ("(", ""),
            ("[", ""),
            ("{", ""),
            ("`${", ""),
            ("!", "a"),
            ("- ", "a"),
            ("typeof ", "a"),
            ("a=>", "a"),
            ("a+", "a"),
            ("a?b:", "a"),
            ("if(a)", ";"),
            ("if(a){}else ", "{}"),
            ("a()", ""),
            ("a.b", ""),
            ("A<", ""),
            ("keyof ", ""),
            ("a[0]", ""),
            ("``", ""),
            ("if(a)\n", ";"),
            ("a\n+", "a"),
            ("'(',(", ""),
            ("/[(/]/,(", ""),
        ] {
            assert!(deep(&format!("x={}{tail}", unit.repeat(n))), "{unit}");
        }
    }

    #[test]
    fn what_goes_on_is_not() {
        let n = 2 * CHAIN_MAX;
        for unit in [
            "f(a.b, c);\n",
            "const a = b.c + d\n",
            "\"(\",",
            "'{' ,",
            "/[(\"]/,",
            "/* ( { */",
            "// ((\n",
            "`((`,",
            "`${a}(${b}`,",
            "function f() { return a / b }\n",
            "a / b; c / d;",
            "x = \"\\\"(\";",
            "export const f = (a) => { }\n",
        ] {
            assert!(!deep(&unit.repeat(n)), "{unit}");
        }
    }

    #[test]
    fn no_line_is_searched_twice() {
        for unit in ["/[;", "'\\", "\"\\';"] {
            check("a.ts", &unit.repeat(1 << 20)).ok();
        }
    }

    #[test]
    fn the_place_is_said() {
        let problem = check(
            "a.ts",
            &format!("let a\n  = {}", "[".repeat(BRACKETS_MAX + 1)),
        )
        .expect_err("too deep");
        assert_eq!(problem.line, Some(2));
        assert!(problem.message.contains("brackets"), "{problem}");
    }
}
