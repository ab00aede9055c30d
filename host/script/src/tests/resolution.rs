//! Which file an import means, what modules are called, and what is said when there is none.

use super::{Folder, module, names};
use crate::limits::{FILE_BYTES_MAX, MODULES_MAX};

/// The file that an import in `src/app.ts` means, or the error.
fn meant(specifier: &str, files: &[&str]) -> String {
    let folder = Folder::new();
    for file in files {
        folder.put(
            file,
            if file.ends_with("json") {
                b"{}"
            } else {
                b"export {}"
            },
        );
    }
    let text = format!("await import({specifier:?})");
    folder.put("src/app.ts", text.as_bytes());
    match folder.load("src/app.ts") {
        Ok(script) => {
            let root = if names(&script)[0] == "app.ts" {
                "src/"
            } else {
                ""
            };
            let entry = module(&script, names(&script)[0]);
            format!(
                "{root}{}",
                entry["imports"][specifier].as_str().expect("meant")
            )
        }
        Err(_) => folder.refusal("src/app.ts"),
    }
}

#[test]
fn files_are_found_as_bundlers_find_them() {
    for (specifier, files, file) in [
        ("./x.ts", &["src/x.ts"][..], "src/x.ts"),
        ("./x", &["src/x.ts"], "src/x.ts"),
        ("./x.js", &["src/x.ts"], "src/x.ts"),
        ("./x.mjs", &["src/x.mts"], "src/x.mts"),
        ("./x.cjs", &["src/x.cts"], "src/x.cts"),
        ("./x.js", &["src/x.ts", "src/x.js"], "src/x.js"),
        (
            "./x",
            &["src/x.js", "src/x.ts", "src/x/index.ts"],
            "src/x.ts",
        ),
        ("./x", &["src/x.mjs"], "src/x.mjs"),
        ("./x", &["src/x.json"], "src/x.json"),
        ("./x", &["src/x/index.ts"], "src/x/index.ts"),
        ("./x/", &["src/x.ts", "src/x/index.js"], "src/x/index.js"),
        ("./x", &["src/x/index.json"], "src/x/index.json"),
        ("./x.server", &["src/x.server.ts"], "src/x.server.ts"),
        ("./x.js", &["src/x.js.ts"], "src/x.js.ts"),
        (".", &["src/index.ts"], "src/index.ts"),
        ("./", &["src/index.mts"], "src/index.mts"),
        ("..", &["index.ts"], "index.ts"),
        ("../shared/x", &["shared/x.ts"], "shared/x.ts"),
        ("./a/../x", &["src/x.ts"], "src/x.ts"),
        ("./app", &[], "src/app.ts"),
    ] {
        assert_eq!(meant(specifier, files), file, "{specifier} {files:?}");
    }
}

#[test]
fn what_is_not_there_is_told_with_its_place() {
    let folder = Folder::with(&[
        (
            "app.ts",
            "import a from \"./a.ts\";\nimport { b } from './lib';\na; b;",
        ),
        ("lib/x.ts", ""),
    ]);
    assert_eq!(
        folder.refusal("app.ts"),
        "app.ts:1:15: there is no \"./a.ts\" (looked for a.ts, a.ts.ts, a.ts.mts, a.ts.cts, a.ts.js, a.ts.mjs, a.ts.cjs, a.ts.json, a.ts/index.ts, a.ts/index.mts, a.ts/index.cts, a.ts/index.js, a.ts/index.mjs, a.ts/index.cjs, a.ts/index.json)\n    import a from \"./a.ts\";\n                  ^\napp.ts:2:19: there is no \"./lib\", that is a folder without an index file\n    import { b } from './lib';\n                      ^"
    );
}

#[test]
fn case_matters_everywhere() {
    let folder = Folder::with(&[("app.ts", "import './rooms';"), ("Rooms.ts", "")]);
    let refusal = folder.refusal("app.ts");
    assert!(refusal.starts_with("app.ts:1:8: there is no \"./rooms\", there is \"Rooms.ts\": upper and lower case differ"), "{refusal}");
}

#[test]
fn a_failure_says_what_to_watch() {
    let folder = Folder::with(&[
        ("app.ts", "import './x';\nimport './y';"),
        ("y.ts", "let a = ;"),
    ]);
    let error = folder.load("app.ts").expect_err("refused");
    for name in ["app.ts", "x", "x.ts"] {
        assert!(
            error.files.contains(&folder.0.join(name)),
            "{name}: {:?}",
            error.files
        );
    }
}

#[test]
fn packages_are_told_how_to_get_in() {
    let folder = Folder::with(&[(
        "app.ts",
        "import { z } from \"zod\";\nimport fs from 'node:fs';\nimport x from '@a/b/c'; import y from 'https://x.org/y'; import t from 'holdfast/testing'; z; fs; x; y; t;",
    )]);
    let error = folder.load("app.ts").expect_err("refused");
    let path = folder.0.join("app.ts").display().to_string();
    let messages: Vec<String> = error
        .problems
        .iter()
        .map(|problem| problem.message.replace(&path, "app.ts"))
        .collect();
    assert!(messages[0].starts_with("the package \"zod\" is not part of the sandbox: bundle it with `holdfast build app.ts -o "), "{messages:?}");
    assert!(messages[0].ends_with("` (needs Node and esbuild)"));
    assert!(messages[1].starts_with("the Node module \"node:fs\" is not part of the sandbox"));
    assert!(messages[2].starts_with("the package \"@a/b\" is not"));
    assert!(messages[3].starts_with("\"https://x.org/y\" is not a file"));
    assert!(messages[4].starts_with("\"holdfast/testing\" is not part of the sandbox"));
    assert_eq!(
        (error.problems[0].line, error.problems[0].column),
        (Some(1), Some(19))
    );
}

#[test]
fn built_in_modules_have_one_name() {
    let folder = Folder::with(&[(
        "app.ts",
        "import { Server } from 'socket.io';\nimport { EventEmitter } from 'events';\nimport { randomUUID } from 'node:crypto';\nexport { Server, EventEmitter, randomUUID }; import('timers/promises');",
    )]);
    let script = folder.load("app.ts").expect("loads");
    let imports = &module(&script, "app.ts")["imports"];
    for (specifier, name) in [
        ("socket.io", "holdfast"),
        ("events", "node:events"),
        ("node:crypto", "node:crypto"),
        ("timers/promises", "node:timers/promises"),
    ] {
        assert_eq!(imports[specifier], name);
    }
}

#[test]
fn names_begin_at_the_common_root() {
    let folder = Folder::with(&[
        (
            "apps/chat/app.ts",
            "import '../../shared/x.ts'; import './y';",
        ),
        ("shared/x.ts", "import '../apps/chat/y.js'"),
        ("apps/chat/y.ts", ""),
    ]);
    let script = folder.load("apps/chat/app.ts").expect("loads");
    assert_eq!(
        names(&script),
        ["apps/chat/app.ts", "shared/x.ts", "apps/chat/y.ts"]
    );
    assert_eq!(script["entry"], "apps/chat/app.ts");
    assert_eq!(
        module(&script, "shared/x.ts")["imports"]["../apps/chat/y.js"],
        "apps/chat/y.ts"
    );
}

#[test]
fn circles_and_oneself_are_fine() {
    let folder = Folder::with(&[
        (
            "a.ts",
            "import { b } from './b'; import * as self from './a'; export const a = 1; console.log(b, self);",
        ),
        ("b.ts", "import { a } from './a'; export const b = () => a;"),
    ]);
    assert_eq!(
        names(&folder.load("a.ts").expect("loads")),
        ["a.ts", "b.ts"]
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_the_file_it_leads_to() {
    let folder = Folder::with(&[
        (
            "app.ts",
            "import './one'; import './two'; import './lib/x';",
        ),
        ("one.ts", ""),
        ("real/x.ts", ""),
    ]);
    std::os::unix::fs::symlink("one.ts", folder.0.join("two.ts")).expect("a link");
    std::os::unix::fs::symlink("real", folder.0.join("lib")).expect("a link");
    std::os::unix::fs::symlink("loop.ts", folder.0.join("loop.ts")).expect("a link");
    let script = folder.load("app.ts").expect("loads");
    assert_eq!(names(&script), ["app.ts", "one.ts", "real/x.ts"]);
    assert_eq!(module(&script, "app.ts")["imports"]["./two"], "one.ts");
    std::os::unix::fs::symlink("app.ts", folder.0.join("entry.ts")).expect("a link");
    assert_eq!(folder.load("entry.ts").expect("loads")["entry"], "app.ts");
    assert!(
        folder
            .refusal("loop.ts")
            .starts_with("loop.ts: cannot be read: ")
    );
}

#[test]
fn requires_and_imports_that_may_fail() {
    let folder = Folder::with(&[
        (
            "app.cjs",
            "const x = require('./x'); try { require('bufferutil') } catch { require(`./y`) } require(x); module.exports = x;",
        ),
        ("x.js", "exports.a = 1;"),
        (
            "y.js",
            "import('./z.js').then(console.log); try { await import('zod') } catch {}",
        ),
        (
            "z.js",
            "function require() {} export default require('./not-a-file');",
        ),
    ]);
    let script = folder.load("app.cjs").expect("loads");
    let kinds: Vec<_> = names(&script)
        .iter()
        .map(|name| {
            module(&script, name)["kind"]
                .as_str()
                .expect("text")
                .to_owned()
        })
        .collect();
    assert_eq!(names(&script), ["app.cjs", "x.js", "y.js", "z.js"]);
    assert_eq!(kinds, ["cjs", "cjs", "esm", "esm"]);
}

#[test]
fn json_is_checked_where_it_is() {
    let folder = Folder::with(&[
        (
            "app.ts",
            "import a from './a.json' with { type: 'json' }; import b from './b.json'; a; b; console.log(a, b)",
        ),
        ("a.json", "\u{feff}{\"a\": [1]}"),
        ("b.json", "{\n  \"b\": oh\n}"),
    ]);
    assert_eq!(
        folder.refusal("app.ts"),
        "b.json:2:8: this is not JSON: expected value\n      \"b\": oh\n           ^"
    );
    folder.put("b.json", b"2");
    let script = folder.load("app.ts").expect("loads");
    assert_eq!(module(&script, "a.json")["source"], "{\"a\": [1]}");
    assert_eq!(module(&script, "a.json")["kind"], "json");
}

#[test]
fn files_that_are_none() {
    let folder = Folder::with(&[
        ("folder.ts/x", ""),
        ("a.tsx", ""),
        ("b.css", ""),
        ("noending", ""),
    ]);
    folder.put("latin.js", b"let a = 1;\n// caf\xe9");
    folder.put("long.js", &vec![b' '; FILE_BYTES_MAX as usize + 1]);
    for (entry, refusal) in [
        ("missing.ts", "missing.ts: cannot be read: No such file"),
        ("folder.ts", "folder.ts: is a folder: name the file to run"),
        ("a.tsx", "a.tsx: JSX is not part of the sandbox"),
        ("b.css", "b.css: files that end in .css cannot be imported"),
        ("noending", "noending: a file without an ending"),
        (
            "latin.js",
            "latin.js:2:7: the file is not text in UTF-8 from here on\n    // caf\n          ^",
        ),
        ("long.js", "long.js: is longer than 16 MiB"),
    ] {
        let said = folder.refusal(entry);
        assert!(said.starts_with(refusal), "{said}");
    }
}

#[test]
fn too_many_modules_and_too_much_text_are_refused() {
    let folder = Folder::new();
    let imports: String = (0..=MODULES_MAX)
        .map(|number| format!("import './m/{number}.js';\n"))
        .collect();
    folder.put("app.js", imports.as_bytes());
    for number in 0..=MODULES_MAX {
        folder.put(&format!("m/{number}.js"), b"");
    }
    let refusal = folder.refusal("app.js");
    assert!(
        refusal.starts_with("app.js:4096:8: the app has more than 4096 modules"),
        "{refusal}"
    );

    let long = format!("export default '{}'", "x".repeat(15 << 20));
    let folder = Folder::with(&[(
        "app.js",
        "import './a';import './b';import './c';import './d';import './e';",
    )]);
    for name in ["a.js", "b.js", "c.js", "d.js", "e.js"] {
        folder.put(name, long.as_bytes());
    }
    assert_eq!(
        folder.refusal("app.js"),
        "app.js: with all it imports the app is longer than 64 MiB, the limit of a script"
    );
}

#[test]
fn a_projects_paths_are_followed() {
    let folder = Folder::with(&[
        (
            "tsconfig.json",
            "{ // a comment\n \"extends\": \"./base\", \"compilerOptions\": { \"paths\": { \"@/*\": [\"./gone/*\", \"./src/*\"], \"@/deep/*\": [\"./deep/*\"], \"config\": [\"./src/config.ts\"], }, /* more */ }, }",
        ),
        (
            "base.json",
            "{\"compilerOptions\": {\"baseUrl\": \"./lib\", \"experimentalDecorators\": true}}",
        ),
        (
            "src/app.ts",
            "import '@/x'; import '@/deep/y.js'; import 'config'; import 'inner/z'; import 'events';",
        ),
        ("src/x.ts", ""),
        ("src/config.ts", ""),
        ("deep/y.ts", ""),
        ("lib/inner/z.ts", ""),
    ]);
    // Paths begin at `baseUrl` where there is one.
    let refusal = folder.refusal("src/app.ts");
    assert!(
        refusal.contains("the package \"@\" is not")
            || refusal.contains("the package \"@/x\" is not"),
        "{refusal}"
    );
    folder.put("base.json", b"{}");
    let refusal = folder.refusal("src/app.ts");
    assert!(
        refusal.starts_with("src/app.ts:1:61: the package \"inner\" is not"),
        "{refusal}"
    );
    folder.put("tsconfig.json", b"{\"compilerOptions\": {\"baseUrl\": \".\", \"paths\": {\"@/*\": [\"gone/*\", \"src/*\"], \"@/deep/*\": [\"deep/*\"], \"config\": [\"src/config\"], \"inner/*\": [\"lib/inner/*\"]}}}");
    let script = folder.load("src/app.ts").expect("loads");
    let imports = &module(&script, "src/app.ts")["imports"];
    for (specifier, name) in [
        ("@/x", "src/x.ts"),
        ("@/deep/y.js", "deep/y.ts"),
        ("config", "src/config.ts"),
        ("inner/z", "lib/inner/z.ts"),
        ("events", "node:events"),
    ] {
        assert_eq!(imports[specifier], name, "{specifier}");
    }
    folder.put("tsconfig.json", b"{ \"compilerOptions\": 1 }");
    assert!(
        folder
            .refusal("src/app.ts")
            .contains("tsconfig.json: is not a tsconfig.json: ")
    );
    folder.put("tsconfig.json", b"{ \"extends\": \"./tsconfig\" }");
    assert!(
        folder
            .refusal("src/app.ts")
            .contains("tsconfig.json: `extends` goes deeper than 8 files")
    );
}
