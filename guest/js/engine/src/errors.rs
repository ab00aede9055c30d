//! Exceptions as log lines, with places in the user's source. Called where a call of the script did not return.

use crate::bindings::types::Level;
use crate::limits::REPORT_BYTES_MAX;
use crate::modules::Modules;
use crate::state::State;
use crate::values::text_of;
use rquickjs::{Coerced, Ctx, FromJs, Object, String as JsString, Value};

/// Logs what was thrown.
pub(crate) fn report<'js>(
    ctx: &Ctx<'js>,
    state: &State,
    modules: &Modules,
    what: &str,
    thrown: Value<'js>,
) {
    let mut text = describe(ctx, modules, thrown);
    text.insert_str(0, what);
    cut(&mut text);
    state.log(Level::Error, text);
}

/// What was thrown, with its stack and causes.
pub(crate) fn describe<'js>(ctx: &Ctx<'js>, modules: &Modules, thrown: Value<'js>) -> String {
    let mut text = String::new();
    let mut next = Some(thrown);
    // A cause of a cause of a cause is enough.
    for depth in 0..4 {
        let Some(value) = next.take() else { break };
        if depth > 0 {
            text.push_str("\n[cause]: ");
        }
        text.push_str(&one(ctx, modules, &value));
        let cause = value.as_object().filter(|object| object.is_error());
        next = cause.and_then(|object| object.get::<_, Value>("cause").ok());
        next = next.filter(|cause| !cause.is_undefined() && !cause.is_null());
        let _ = ctx.catch();
    }
    text
}

fn one<'js>(ctx: &Ctx<'js>, modules: &Modules, value: &Value<'js>) -> String {
    let Some(object) = value.as_object().filter(|object| object.is_error()) else {
        let json = ctx.json_stringify(value.clone()).ok().flatten();
        let text = match value.as_object().is_some().then_some(json).flatten() {
            Some(json) => text_of(json).ok(),
            None => printed(ctx, value.clone()),
        };
        let _ = ctx.catch();
        return text.unwrap_or_else(|| "a value that cannot be printed".to_owned());
    };
    let name = property(ctx, object, "name").unwrap_or_else(|| "Error".to_owned());
    let message = property(ctx, object, "message").unwrap_or_default();
    let stack = property(ctx, object, "stack").unwrap_or_default();
    if !stack.is_empty() && !is_raw(&stack) {
        return stack;
    }
    let head = match (name.is_empty(), message.is_empty()) {
        (_, true) => name,
        (true, _) => message,
        _ => format!("{name}: {message}"),
    };
    let stack = map_stack(modules, &stack);
    if stack.is_empty() {
        head
    } else {
        format!("{head}\n{stack}")
    }
}

/// Whether a stack is as QuickJS has it: places only, in the bundled source. The library completes what scripts
/// see of one, with the message, and maps it.
pub(crate) fn is_raw(stack: &str) -> bool {
    stack.trim_start().starts_with("at ")
}

fn property(ctx: &Ctx<'_>, object: &Object<'_>, name: &str) -> Option<String> {
    let value = object
        .get::<_, Value>(name)
        .ok()
        .filter(|value| !value.is_undefined());
    let text = value.and_then(|value| printed(value.ctx(), value.clone()));
    let _ = ctx.catch();
    text
}

fn printed<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Option<String> {
    let text = Coerced::<JsString<'js>>::from_js(ctx, value).ok()?.0;
    text_of(text).ok()
}

/// A stack as QuickJS writes it, with the places in the user's source, without those inside of the library.
pub(crate) fn map_stack(modules: &Modules, stack: &str) -> String {
    let mut lines = Vec::new();
    for line in stack.lines() {
        let Some(place) = Place::read(line) else {
            if !line.trim().is_empty() && !line.contains("(native)") {
                lines.push(line.to_owned());
            }
            continue;
        };
        if place.file.starts_with(crate::library::PREFIX) {
            continue;
        }
        let found = modules
            .map(place.file)
            .and_then(|map| map.find(place.line, place.column));
        let (file, at_line, at_column) = found.unwrap_or((place.file, place.line, place.column));
        lines.push(
            if place.function.is_empty() || place.function == "<anonymous>" {
                format!("    at {file}:{at_line}:{at_column}")
            } else {
                format!("    at {} ({file}:{at_line}:{at_column})", place.function)
            },
        );
    }
    lines.join("\n")
}

/// `    at function (file:line:column)`, or `    at file:line:column`.
struct Place<'a> {
    function: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Place<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let line = line.trim().strip_prefix("at ")?;
        let (function, place) = match line.strip_suffix(')') {
            Some(inner) => inner.rsplit_once(" (")?,
            None => ("", line),
        };
        let (rest, column) = place.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        Some(Self {
            function,
            file,
            line: line.parse().ok()?,
            column: column.parse().ok()?,
        })
    }
}

/// At most [`REPORT_BYTES_MAX`] bytes of a text.
pub(crate) fn cut(text: &mut String) {
    if text.len() > REPORT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(REPORT_BYTES_MAX));
        text.push('…');
    }
}
