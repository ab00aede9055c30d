//! Apps as one file.

use super::{Folder, module, names};
use crate::{Npm, bundle};

#[test]
fn one_file_becomes_a_module_with_a_map() {
    let folder = Folder::with(&[(
        "app.ts",
        "import { Server } from 'socket.io';\n\nconst io: Server = new Server();\nio.emit('x');",
    )]);
    let text = bundle(&folder.0.join("app.ts"), &Npm::default()).expect("bundles");
    assert!(
        text.starts_with("import { Server } from \"socket.io\";\nconst io = new Server();\n"),
        "{text}"
    );
    folder.put("dist/app.js", text.as_bytes());
    let script = folder.load("dist/app.js").expect("loads");
    let app = module(&script, "app.js");
    assert!(app["map"].as_str().expect("a map").contains("\"app.ts\""));
    assert_eq!(app["imports"]["socket.io"], "holdfast");
}

#[test]
fn several_files_stay_what_they_are() {
    let folder = Folder::with(&[
        (
            "app.ts",
            "import { count, up } from './a.ts'; import data from './b.json'; import old from './c.cjs'; up(); console.log(count, data, old, '</script>\u{2028}');",
        ),
        (
            "a.ts",
            "export let count: number = 0; export const up = () => { count++ };",
        ),
        ("b.json", "[1]"),
        ("c.cjs", "exports.x = require('events')"),
    ]);
    let entry = folder.0.join("app.ts");
    let text = bundle(&entry, &Npm::default()).expect("bundles");
    let before = crate::load(&entry).expect("loads");
    folder.put("out/bundle.js", text.as_bytes());
    let after = crate::load(&folder.0.join("out/bundle.js")).expect("loads");
    assert_eq!(after.text, before.text);
    assert_eq!(
        (after.title.as_str(), after.files),
        ("bundle", vec![folder.0.join("out/bundle.js")])
    );
    assert_eq!(
        bundle(&folder.0.join("out/bundle.js"), &Npm::default()).expect("again"),
        text
    );
    // Other tools read it as JavaScript.
    folder.put("plain.js", text.replacen("Form 1", "", 1).as_bytes());
    assert_eq!(
        names(&folder.load("plain.js").expect("parses")),
        ["plain.js"]
    );
}

#[test]
fn a_broken_bundle_is_refused() {
    let folder = Folder::with(&[("app.ts", "import './a.ts'"), ("a.ts", "let a = 1")]);
    let text = bundle(&folder.0.join("app.ts"), &Npm::default()).expect("bundles");
    for (from, to, refusal) in [
        (
            "\"holdfast\":1",
            "\"holdfast\":2",
            "x.js: the bundle is broken: it has form 2, not 1",
        ),
        (
            "\"entry\":\"app.ts\"",
            "\"entry\":\"b.ts\"",
            "x.js: the bundle is broken: it has no module \"b.ts\"",
        ),
        (
            "./a.ts\":\"a.ts\"",
            "./a.ts\":\"node:fs\"",
            "x.js: the bundle is broken: \"app.ts\" imports \"node:fs\", which is not in it",
        ),
        ("let a = 1", "let a = ;", "x.js: a.ts:1:9: unexpected token"),
        (
            "\"modules\":[",
            "\"modules\":{",
            "x.js: the bundle is broken: ",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        folder.put("x.js", text.replace(from, to).as_bytes());
        let said = folder.refusal("x.js");
        assert!(said.starts_with(refusal), "{said}");
    }
}

/// An esbuild that a test plays.
#[cfg(unix)]
fn played(folder: &Folder, script: &str) -> Npm {
    use std::os::unix::fs::PermissionsExt;
    folder.put(
        "node_modules/.bin/esbuild",
        format!("#!/bin/sh\n{script}\n").as_bytes(),
    );
    let path = folder.0.join("node_modules/.bin/esbuild");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
    Npm {
        define: vec![("DEBUG".to_owned(), "false".to_owned())],
        ..Npm::default()
    }
}

#[cfg(unix)]
#[test]
fn packages_are_left_to_esbuild() {
    let folder = Folder::with(&[("src/app.ts", "import { z } from 'zod'; z();")]);
    let entry = folder.0.join("src/app.ts");
    let npm = played(
        &folder,
        "for a in \"$@\"; do echo \"// $a\"; done; pwd | sed 's,^,// ,'; echo 'import \"holdfast\"; z();'",
    );
    let text = bundle(&entry, &npm).expect("bundles");
    for argument in [
        "./app.ts",
        "--bundle",
        "--format=esm",
        "--alias:socket.io=holdfast",
        "--external:node:*",
        "--external:events",
        "--conditions=worker,browser",
        "--define:DEBUG=false",
    ] {
        assert!(
            text.contains(&format!("// {argument}\n")),
            "{argument} in {text}"
        );
    }
    assert!(text.contains(&format!("// {}\n", folder.0.join("src").display())));

    let said = |script: &str| {
        played(&folder, script);
        bundle(&entry, &npm)
            .expect_err("refused")
            .to_string()
            .replace(&format!("{}/", folder.0.display()), "")
    };
    assert_eq!(
        said("echo '✘ [ERROR] Could not resolve \"zod\"\n\n    app.ts:1:18:\n' >&2; exit 1"),
        "app.ts:1:19: Could not resolve \"zod\""
    );
    assert_eq!(
        said("exit 3"),
        "src/app.ts: esbuild failed (exit status: 3): "
    );
    assert!(said("echo 'import \"node:fs\"'").starts_with(
        "src/app.ts: a package imports \"node:fs\", which is not part of the sandbox"
    ));
    assert!(said("echo 'let a ='").starts_with("the bundle of src/app.ts:2:1: "));
    let npm = Npm {
        esbuild: Some(folder.0.join("none")),
        ..Npm::default()
    };
    assert!(
        bundle(&entry, &npm)
            .expect_err("refused")
            .to_string()
            .contains("none cannot be run: ")
    );
}
