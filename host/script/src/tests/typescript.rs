//! What becomes of each feature of TypeScript, and what is said of what does not parse.

use super::{Folder, compiled, module};
use proptest::prelude::*;

/// A file's JavaScript, with blanks in place of line ends.
fn plain(text: &str) -> String {
    let source = compiled("a.ts", text).expect("compiles");
    source.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn types_are_taken_out() {
    for (typed, javascript) in [
        (
            "let a: number = 1 as const; export { a }",
            "let a = 1; export { a };",
        ),
        (
            "interface A { b: string } type C = A & { d?: number }; export {}",
            "export {};",
        ),
        (
            "export function f<T extends object>(this: Window, a?: T, ...b: T[]): asserts a is T {}",
            "export function f(a, ...b) {}",
        ),
        (
            "export const f = <T,>(a: T) => a!; declare const x: number; declare module 'y' {}",
            "export const f = (a) => a;",
        ),
        (
            "export const o = { a: 1 } satisfies Record<string, number>;",
            "export const o = { a: 1 };",
        ),
        (
            "export abstract class A<T> implements B { declare x: T; private readonly y = 1; abstract z(): void; protected static s?: T; z2(): void; z2(a?: T) {} [key: string]: unknown }",
            "export class A { y = 1; static s; z2(a) {} }",
        ),
        (
            "export class A { constructor(private a: number, readonly b = 2) { console.log(a); } }",
            "export class A { a; b; constructor(a, b = 2) { this.a = a; this.b = b; console.log(a); } }",
        ),
        (
            "function f(a: string): void; function f(a: any) {} export { f };",
            "function f(a) {} export { f };",
        ),
        (
            "enum A { B, C = 5, D, E = 'e', F = B | C } export { A };",
            "var A = function(A) { A[A[\"B\"] = 0] = \"B\"; A[A[\"C\"] = 5] = \"C\"; A[A[\"D\"] = 6] = \"D\"; A[\"E\"] = \"e\"; A[A[\"F\"] = 5] = \"F\"; return A; }(A || {}); export { A };",
        ),
        (
            "const enum A { B = 1 } export const c = A.B;",
            "var A = function(A) { A[A[\"B\"] = 1] = \"B\"; return A; }(A || {}); export const c = A.B;",
        ),
        (
            "export namespace N { export const a = 1; export type T = string; }",
            "export let N; (function(_N) { const a = _N.a = 1; })(N || (N = {}));",
        ),
        (
            "import type { A } from 'zod'; import { type B, Server } from 'holdfast'; export type { A }; export const s: B = new Server();",
            "import { Server } from \"holdfast\"; export const s = new Server();",
        ),
        (
            "import { Socket } from 'holdfast'; export let s: Socket;",
            "export let s;",
        ),
        (
            "import { Server } from 'holdfast'; const s = <any>new Server<{ a: () => void }>(); s.on<string>('a', (b: string) => {});",
            "import { Server } from \"holdfast\"; const s = new Server(); s.on(\"a\", (b) => {});",
        ),
        (
            "import x = require('events'); export = x;",
            "const x = require(\"events\"); module.exports = x;",
        ),
        (
            "namespace A { export const b = 1 } import c = A.b; export const d = c;",
            "let A; (function(_A) { const b = _A.b = 1; })(A || (A = {})); var c = A.b; export const d = c;",
        ),
        (
            "export class A { #x = 1; accessor = 2; static { A.y; } get z() { return this.#x ?? 2; } static y; async *g() { yield* []; } }",
            "export class A { #x = 1; accessor = 2; static { A.y; } get z() { return this.#x ?? 2; } static y; async *g() { yield* []; } }",
        ),
        (
            "export const f = async () => { for await (const x of y) x?.z.at(-1) ?? (a ||= 1n); }; let y, a;",
            "export const f = async () => { for await (const x of y) x?.z.at(-1) ?? (a ||= 1n); }; let y, a;",
        ),
        (
            "label: for (;;) { break label } export default (a) => `${a}`; // a comment",
            "label: for (;;) { break label; } export default (a) => `${a}`;",
        ),
    ] {
        assert_eq!(plain(typed), javascript, "{typed}");
    }
}

#[test]
fn javascript_stays_as_it_is() {
    let text = "#!/usr/bin/env node\n// A comment.\nexport  const a = 1 ;;\n";
    assert_eq!(
        compiled("a.js", text).expect("compiles"),
        text.replace("#!", "//")
    );
    assert_eq!(
        compiled("a.mjs", "\u{feff}a ( )").expect("compiles"),
        "a ( )"
    );
    let text = "exports.a = 1; return;";
    assert_eq!(compiled("a.js", text).expect("compiles"), text);
}

#[test]
fn what_the_engine_lacks_is_lowered() {
    let folder = Folder::with(&[(
        "a.js",
        "using x = open(); function open() { return {}; }\nexport { x };",
    )]);
    let script = folder.load("a.js").expect("loads");
    let helper = &module(&script, "(helper)/usingCtx.js");
    assert_eq!(helper["kind"], "esm");
    let source = module(&script, "a.js")["source"].as_str().expect("text");
    assert!(
        !source.contains("using x") && source.contains("usingCtx"),
        "{source}"
    );
    assert!(module(&script, "a.js")["map"].is_string());
    let named = module(&script, "a.js")["imports"]
        .as_object()
        .expect("imports")
        .values()
        .any(|name| name == "(helper)/usingCtx.js");
    assert!(named);
}

#[test]
fn decorators_need_the_option() {
    let text =
        "function d(...a: any[]): any {}\n@d export class A { @d x = 1; @d m(@d p: string) {} }";
    let refusal = compiled("a.ts", text).expect_err("refused");
    assert!(refusal.starts_with("a.ts:2:1: decorators: "), "{refusal}");
    let folder = Folder::with(&[
        ("a.ts", text),
        (
            "tsconfig.json",
            "{\"compilerOptions\":{\"experimentalDecorators\":true,\"emitDecoratorMetadata\":true}}",
        ),
    ]);
    let script = folder.load("a.ts").expect("loads");
    let source = module(&script, "a.ts")["source"].as_str().expect("text");
    assert!(!source.contains("@d"), "{source}");
    for helper in ["decorate", "decorateParam", "decorateMetadata"] {
        module(&script, &format!("(helper)/{helper}.js"));
    }
}

#[test]
fn fields_are_defined_unless_the_project_says_otherwise() {
    let text = "export class A { x: number; y = 1 }";
    assert_eq!(plain(text), "export class A { x; y = 1; }");
    let folder = Folder::with(&[
        ("a.ts", text),
        (
            "tsconfig.json",
            "{\"compilerOptions\":{\"useDefineForClassFields\":false}}",
        ),
    ]);
    let script = folder.load("a.ts").expect("loads");
    let source = module(&script, "a.ts")["source"].as_str().expect("text");
    assert!(
        source.contains("this.y = 1") && !source.contains("x;"),
        "{source}"
    );
}

#[test]
fn imports_stay_where_the_project_says_so() {
    let text = "import { A } from './b'; import type { C } from './gone'; export let a: A;";
    let folder = Folder::with(&[
        ("a.ts", text),
        ("b.ts", "export class A {}"),
        (
            "tsconfig.json",
            "{\"compilerOptions\":{\"verbatimModuleSyntax\":true}}",
        ),
    ]);
    let script = folder.load("a.ts").expect("loads");
    assert_eq!(module(&script, "a.ts")["imports"]["./b"], "b.ts");
    folder.put("tsconfig.json", b"{}");
    let script = folder.load("a.ts").expect("loads");
    assert_eq!(script["modules"].as_array().expect("modules").len(), 1);
}

#[test]
fn what_kind_of_module_a_file_is() {
    for (name, text, kind) in [
        ("a.ts", "", "esm"),
        ("a.js", "console.log(1)", "esm"),
        ("a.js", "await 1", "esm"),
        ("a.js", "for await (const a of []);", "esm"),
        ("a.js", "import.meta.url", "esm"),
        ("a.js", "const a = require('events')", "cjs"),
        ("a.ts", "module.exports = 1", "cjs"),
        ("a.js", "function require() {} require('x')", "esm"),
        ("a.js", "export {}; require('x')", "esm"),
        ("a.js", "if (1) return; exports.a = 1", "cjs"),
        ("a.cjs", "1", "cjs"),
        ("a.mjs", "1", "esm"),
        ("a.cts", "export const a = 1", "esm"),
        ("a.cts", "import a = require('events'); a;", "cjs"),
        ("a.mts", "export {}", "esm"),
    ] {
        let folder = Folder::with(&[(name, text)]);
        let script = folder
            .load(name)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(module(&script, name)["kind"], kind, "{name}: {text}");
    }
}

#[test]
fn errors_say_where() {
    for (name, text, refusal) in [
        (
            "a.ts",
            "const a: number = ;\n",
            "a.ts:1:19: unexpected token\n    const a: number = ;\n                      ^",
        ),
        (
            "a.ts",
            "let a = 1;\nlet a = 2;",
            "a.ts:1:5: identifier `a` has already been declared\n",
        ),
        (
            "a.ts",
            "function f() {\n  return 1\n",
            "a.ts:3:1: expected `}` but found `EOF`",
        ),
        (
            "a.js",
            "let a: number = 1",
            "a.js:1:6: expected a semicolon or an implicit semicolon after a statement, but found none",
        ),
        ("a.ts", "const a = <div>x</div>;", "a.ts:1:"),
        ("a.js", "export {};\nreturn 1", "a.js:2:1: "),
        (
            "a.cjs",
            "import a from './a'",
            "a.cjs:1:1: a .cjs file cannot import or export",
        ),
        (
            "a.cjs",
            "let x;\nawait x",
            "a.cjs:2:1: `await` outside of a function needs an ES module",
        ),
        (
            "a.ts",
            "export {};\nimport a = require('x'); a;",
            "a.ts:2:1: `import x = require()` and `export =` do not go together",
        ),
        (
            "a.mts",
            "export = 1;",
            "a.mts:1:1: `import x = require()` and `export =` do not go together",
        ),
        ("a.cjs", "with (a) {}", "a.cjs:1:1: "),
        ("a.js", "/(/", "a.js:1:"),
        ("a.js", "class A { x() { this.#y } }", "a.js:1:22: "),
        ("a.js", "export { b }", "a.js:1:10: "),
    ] {
        let said = compiled(name, text).expect_err(text);
        assert!(said.starts_with(refusal), "{text}: {said}");
    }
}

#[test]
fn all_errors_are_listed_up_to_the_limit() {
    let text: String = (0..30)
        .map(|number| format!("let a{number} = 1; let a{number} = 2;\n"))
        .collect();
    let folder = Folder::with(&[("a.ts", &text)]);
    let error = folder.load("a.ts").expect_err("refused");
    assert_eq!((error.problems.len(), error.more), (20, 10));
    assert_eq!(error.problems[19].line, Some(20));
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("let a = {}1{};", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        compiled("a.ts", &deep)
            .expect_err("refused")
            .starts_with("a.ts:1:5009: more than 5000 brackets")
    );
    let long = format!("let a = {}1;", "1 + ".repeat(40_000));
    compiled("a.ts", &long).expect("compiles");
    let fine = format!("let a = {}1{};", "[".repeat(4_000), "]".repeat(4_000));
    compiled("a.ts", &fine).expect("compiles");
}

const EVERYTHING: &str = "import { Server } from 'holdfast';\nenum A { B = 1 << 2, C = `x`.length }\nnamespace N.M { export let x = A.B }\n\
    @d abstract class K<T = {}> extends Array<T> { constructor(private a?: T) { super() } accessor p = 1; static #q = /a[/]b/v; get [`z`](): T { return this.a! } }\n\
    function d(this: any, ...x: any[]): any {} export const f = async <T,>({ a: [b] = [1] }: any): Promise<T> => { for await (using c of b) yield_: { break yield_ } return <T>`${`${b}`}` as T };\n\
    declare global { interface Window { x: 1 } } type L = A extends infer U extends 1 ? `${U}` : never; export * as y from 'events'; try { new Server()?.on?.('🎈', (s) => s) } catch {} export default class { }\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(at in 0..EVERYTHING.len(), cut in 0..40_usize, other in 0..EVERYTHING.len(), noise in any::<Vec<u8>>()) {
        let bytes = EVERYTHING.as_bytes();
        let mut text = bytes[..at].to_vec();
        text.extend(&bytes[other..(other + cut).min(bytes.len())]);
        text.extend(&bytes[(at + cut).min(bytes.len())..]);
        for (name, bytes) in [("a.ts", &text), ("a.cjs", &text), ("b.js", &noise), ("b.json", &noise)] {
            let folder = Folder::new();
            folder.put(name, bytes);
            if let Err(error) = folder.load(name) {
                prop_assert!(!error.to_string().contains("fault of Holdfast"), "{}", error);
            }
        }
    }
}

#[test]
fn every_beginning_of_a_file_is_an_error_or_a_script() {
    let folder = Folder::with(&[(
        "tsconfig.json",
        "{\"compilerOptions\":{\"experimentalDecorators\":true}}",
    )]);
    let mut fine = 0;
    for (end, _) in EVERYTHING.char_indices() {
        folder.put("a.ts", &EVERYTHING.as_bytes()[..end]);
        match folder.load("a.ts") {
            Ok(_) => fine += 1,
            Err(error) => assert!(
                !error.to_string().contains("fault of Holdfast"),
                "{end}: {error}"
            ),
        }
    }
    assert!(fine > 5, "{fine}");
}
