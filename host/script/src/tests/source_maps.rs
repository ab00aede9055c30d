//! Places in what runs lead to the places in what was written.

use super::{Folder, module};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oxc_sourcemap::SourceMap;
use serde_json::Value;

/// Source, line and column, from 1, of the first place where a module's text has a mark.
fn place(module: &Value, mark: &str) -> (String, u32, u32) {
    let source = module["source"].as_str().expect("text");
    let at = source
        .find(mark)
        .unwrap_or_else(|| panic!("{mark} in {source}"));
    let line = source[..at].matches('\n').count();
    let column = at - source[..at].rfind('\n').map_or(0, |start| start + 1);
    let map = SourceMap::from_json_string(module["map"].as_str().expect("a map")).expect("valid");
    let table = map.generate_lookup_table();
    let token = map
        .lookup_source_view_token(&table, line as u32, column as u32)
        .expect("mapped");
    (
        token.get_source().expect("a source").to_owned(),
        token.get_src_line() + 1,
        token.get_src_col() + 1,
    )
}

/// Line and column, from 1, of a mark in a text.
fn written(text: &str, mark: &str) -> (u32, u32) {
    let at = text.find(mark).expect("there");
    let start = text[..at].rfind('\n').map_or(0, |start| start + 1);
    (
        text[..at].matches('\n').count() as u32 + 1,
        text[start..at].encode_utf16().count() as u32 + 1,
    )
}

const APP: &str = "// Comments go, types go.\ninterface A {\n  b: string;\n}\n\nenum C { D }\n\nexport function run(a: A,\n    ü: '🎈'): never {\n  const x = /* 🎈 */ first(a);\n  throw   new Error(`at ${x}`);\n}\n\nclass K<T> { constructor(private k: T) {}\n  m(): void { second(C.D) } }\nexport const y = () => { third<A>(null!); }; declare function third<T>(a: T): void; declare const first: any, second: any; new K(1);\n";

#[test]
fn places_of_typescript() {
    let folder = Folder::with(&[("src/app.ts", APP), ("src/other.ts", "import './app'")]);
    let script = folder.load("src/other.ts").expect("loads");
    let app = module(&script, "app.ts");
    for mark in ["first(", "new Error", "throw", "second(", "third(", "new K"] {
        let original = mark.replace("third(", "third<A>");
        let (line, column) = written(APP, &original);
        assert_eq!(
            place(app, mark),
            ("app.ts".to_owned(), line, column),
            "{mark}"
        );
    }
    let map: Value = serde_json::from_str(app["map"].as_str().expect("a map")).expect("JSON");
    assert!(map.get("sourcesContent").is_none());
    assert_eq!(map["version"], 3);
}

#[test]
fn a_map_that_comes_with_a_file_is_kept() {
    let map = r#"{"version":3,"sourceRoot":"../src","sources":["app.ts",null,"webpack://x/y"],"sourcesContent":["long"],"names":["n"],"mappings":"AAAAA;AACA"}"#;
    let data = STANDARD.encode(map);
    let inline = format!(
        "one();\ntwo();\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,{data}\n"
    );
    let beside = "one();\ntwo();\n//# sourceMappingURL=app%20x.js.map";
    let escaped = format!(
        "one();\ntwo();\n//# sourceMappingURL=data:application/json,{}",
        map.replace('"', "%22")
    );
    for text in [inline.as_str(), beside, &escaped] {
        let folder = Folder::with(&[("dist/app.js", text), ("dist/app x.js.map", map)]);
        let loaded = crate::load(&folder.0.join("dist/app.js")).expect("loads");
        assert_eq!(loaded.notes, [""; 0]);
        let script: Value = serde_json::from_str(&loaded.text).expect("JSON");
        let app = module(&script, "app.js");
        assert_eq!(place(app, "two"), ("../src/app.ts".to_owned(), 2, 1));
        let kept: Value = serde_json::from_str(app["map"].as_str().expect("a map")).expect("JSON");
        assert_eq!(kept["sources"][1], "(unknown)");
        assert_eq!(kept["sources"][2], "webpack://x/y");
        assert!(!app["source"].as_str().expect("text").contains("base64"));
        if text == beside {
            assert!(loaded.files.contains(&folder.0.join("dist/app x.js.map")));
        }
    }
}

#[test]
fn a_broken_map_is_left_out_with_a_note() {
    for (comment, note) in [
        (
            "data:application/json;base64,e30=",
            "missing field `version`",
        ),
        ("data:application/json;base64,!", "Invalid symbol"),
        ("data:nothing", "its URL is broken"),
        ("gone.js.map", "there is no file"),
        ("https://x.org/a.map", "it is not a file"),
        ("v2.map", "it has version 2, not 3"),
        ("far.map", "it is broken: "),
        ("sections.map", "missing field `sources`"),
        (".", "there is no file"),
    ] {
        let text = format!("one();\n//# sourceMappingURL={comment}");
        let folder = Folder::with(&[
            ("a.js", &text),
            ("v2.map", r#"{"version":2,"sources":[],"mappings":""}"#),
            (
                "far.map",
                r#"{"version":3,"sources":["a"],"mappings":"AAAAA;////////////////"}"#,
            ),
            ("sections.map", r#"{"version":3,"sections":[]}"#),
        ]);
        let script = crate::load(&folder.0.join("a.js")).expect("loads");
        assert_eq!(script.notes.len(), 1, "{comment}");
        assert!(
            script.notes[0].contains(note),
            "{comment}: {:?}",
            script.notes
        );
        assert!(script.text.contains("\"map\":null"), "{comment}");
    }
    let folder = Folder::with(&[(
        "a.js",
        "let a = '//# sourceMappingURL=x';\n//# sourceMappingURL=y\nlet b;",
    )]);
    assert!(
        crate::load(&folder.0.join("a.js"))
            .expect("loads")
            .notes
            .is_empty()
    );
}
