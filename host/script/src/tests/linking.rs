//! Names that modules take from each other.

use super::{Folder, module};

fn linked(files: &[(&str, &str)]) -> Result<serde_json::Value, String> {
    let folder = Folder::with(files);
    folder
        .load(files[0].0)
        .map_err(|_| folder.refusal(files[0].0))
}

#[test]
fn a_name_that_nobody_offers_is_told_with_its_place() {
    for (app, other, refusal) in [
        (
            "import { jion } from './x'; jion();",
            "export const join = 1;",
            "app.ts:1:10: \"./x\" does not export \"jion\"",
        ),
        (
            "import x from './x'; x();",
            "export const join = 1;",
            "app.ts:1:8: \"./x\" has no default export",
        ),
        (
            "export { a as b } from './x';",
            "export * from './y';",
            "app.ts:1:10: \"./x\" does not export \"a\"",
        ),
        (
            "import { T } from './x'; export default T; console.log(T)",
            "export type T = 1;",
            "app.ts:1:10: \"T\" is only a type in \"./x\": use `import type`",
        ),
    ] {
        let said = linked(&[
            ("app.ts", app),
            ("x.ts", other),
            ("y.ts", "export const c = 1; export * from './x'"),
        ]);
        assert!(
            said.clone().expect_err(app).starts_with(refusal),
            "{said:?}"
        );
    }
    let said = linked(&[
        ("app.ts", "import { a } from './x.json'; a;console.log(a)"),
        ("x.json", "{\"a\":1}"),
    ])
    .expect_err("refused");
    assert!(
        said.starts_with("app.ts:1:10: \"./x.json\" exports its value as default only"),
        "{said}"
    );
}

#[test]
fn names_are_found_through_others() {
    linked(&[
        ("app.ts", "import d, { a, b as c, e, g, S, h, i, j } from './x'; import * as n from './x'; import { any } from './old.cjs'; import { EventEmitter } from 'events'; console.log(d, a, c, e, g, S, h, i, j, n, any, EventEmitter);"),
        ("x.ts", "export * from './y'; export { default } from './y'; export { Server as S } from 'holdfast'; export * as h from './y'; export const { i, k: [j] } = o(); function o(): any {}"),
        ("y.ts", "export * from './x'; export let a = 1; const q = 2; export { q as b }; export default 1; export function e() {} export enum g {}"),
        ("old.cjs", "module.exports = {};"),
    ])
    .expect("loads");
}

#[test]
fn types_that_are_passed_on_are_taken_out() {
    let script = linked(&[
        ("app.ts", "export { Room, join } from './rooms'; import { Other } from './rooms'; export { Other }; import { Deep } from './all'; export { Deep };"),
        ("rooms.ts", "export interface Room {} export type Other = 1; export const join = 1;"),
        ("all.ts", "export * from './deep'; export type * from './rooms';"),
        ("deep.ts", "interface Deep {} export { Deep };"),
    ])
    .expect("loads");
    assert_eq!(
        module(&script, "app.ts")["source"],
        "export { join } from \"./rooms\";\nexport {};\nexport {};\n"
    );
    // A value and a type of one name is a value.
    let script = linked(&[
        ("app.ts", "export { A } from './x';"),
        ("x.ts", "export interface A {} export const A = 1;"),
    ])
    .expect("loads");
    assert_eq!(
        module(&script, "app.ts")["source"],
        "export { A } from \"./x\";\n"
    );
}
