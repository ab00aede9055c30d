//! Lines for the node's log: `info!("…")` and its sisters, anywhere inside an app.
//!
//! A line goes to the app whose handler runs. Outside of one (in a native test, say) it goes to
//! standard error.

use crate::bindings::exports::holdfast::edge::app_guest::Command;
use crate::bindings::exports::holdfast::edge::types::{Level, LogLine};
use crate::limits::{LOG_LINE_BYTES_MAX, QUOTED_CHARS_MAX};
use crate::runtime::Runtime;
use crate::scope::Scope;
use std::fmt;

/// Writes a line to the node's log. The macros are nicer.
pub fn log(level: Level, text: impl Into<String>) {
    let mut text = text.into();
    text.truncate(text.floor_char_boundary(LOG_LINE_BYTES_MAX));
    match Runtime::current() {
        Some(runtime) => runtime.push(Command::Log(LogLine { level, text })),
        None => eprintln!("{level:?}: {text}"),
    }
}

/// Writes a line of this crate: it begins with what runs now.
pub(crate) fn note(level: Level, text: fmt::Arguments<'_>) {
    let scope = Runtime::current().map_or(Scope::Nothing, |runtime| runtime.scope());
    match scope {
        Scope::Nothing => log(level, text.to_string()),
        scope => log(level, format!("{scope}: {text}")),
    }
}

macro_rules! note_error {
    ($($text:tt)*) => { $crate::log::note($crate::Level::Error, ::std::format_args!($($text)*)) };
}

macro_rules! note_warn {
    ($($text:tt)*) => { $crate::log::note($crate::Level::Warn, ::std::format_args!($($text)*)) };
}

/// For the lines of this crate itself: like the public ones, with what runs now before the text.
pub(crate) use {note_error as error, note_warn as warn};

/// What a client has chosen, short and on one line.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{dots}")
}

/// Logs at level `error`: somebody should look at it.
#[macro_export]
macro_rules! error {
    ($($text:tt)*) => { $crate::log($crate::Level::Error, ::std::format!($($text)*)) };
}

/// Logs at level `warn`: something was not as it should be.
#[macro_export]
macro_rules! warn {
    ($($text:tt)*) => { $crate::log($crate::Level::Warn, ::std::format!($($text)*)) };
}

/// Logs at level `info`.
#[macro_export]
macro_rules! info {
    ($($text:tt)*) => { $crate::log($crate::Level::Info, ::std::format!($($text)*)) };
}

/// Logs at level `debug`.
#[macro_export]
macro_rules! debug {
    ($($text:tt)*) => { $crate::log($crate::Level::Debug, ::std::format!($($text)*)) };
}

/// Logs at level `trace`.
#[macro_export]
macro_rules! trace {
    ($($text:tt)*) => { $crate::log($crate::Level::Trace, ::std::format!($($text)*)) };
}
