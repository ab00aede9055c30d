//! The modules an app may import without a file of its own. The engine offers them; this list says their names.
//! `guest/js/lib/env/modules.js` has the same list.

/// What the engine offers, under the names a script text uses. Those that begin with `node:` may be written
/// without it.
pub const BUILT_IN: &[&str] = &[
    "holdfast",
    "node:assert",
    "node:buffer",
    "node:crypto",
    "node:events",
    "node:http",
    "node:path",
    "node:process",
    "node:timers",
    "node:timers/promises",
    "node:url",
    "node:util",
];

/// Modules of Node that a sandbox has no equal of.
const ABSENT: &[&str] = &[
    "assert/strict",
    "async_hooks",
    "child_process",
    "cluster",
    "console",
    "constants",
    "dgram",
    "diagnostics_channel",
    "dns",
    "dns/promises",
    "domain",
    "fs",
    "fs/promises",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "perf_hooks",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "stream/promises",
    "string_decoder",
    "test",
    "tls",
    "tty",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// The built-in module that a specifier means.
pub(crate) fn find(specifier: &str) -> Option<&'static str> {
    if specifier == "socket.io" {
        return Some("holdfast");
    }
    BUILT_IN.iter().copied().find(|name| {
        *name == specifier
            || name
                .strip_prefix("node:")
                .is_some_and(|bare| bare == specifier)
    })
}

/// Whether a specifier means a module of Node that is not offered.
pub(crate) fn is_absent(specifier: &str) -> bool {
    specifier.starts_with("node:") || ABSENT.contains(&specifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_their_prefix() {
        for (specifier, name) in [
            ("holdfast", Some("holdfast")),
            ("socket.io", Some("holdfast")),
            ("node:events", Some("node:events")),
            ("events", Some("node:events")),
            ("timers/promises", Some("node:timers/promises")),
            ("http", Some("node:http")),
            ("node:holdfast", None),
            ("fs", None),
            ("zod", None),
            ("", None),
        ] {
            assert_eq!(find(specifier), name, "{specifier}");
        }
        assert!(is_absent("fs") && is_absent("node:fs") && !is_absent("zod"));
        assert!(!ABSENT.iter().any(|name| find(name).is_some()));
    }
}
