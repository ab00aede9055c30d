//! The environment of scripts, in the engine itself: what is native there, and what the engine does with it.

use super::*;

fn run(source: &str) -> (App, Vec<Command>) {
    let script = format!("import {{ Server }} from \"holdfast\"; new Server();\n{source}");
    let mut app = start(&script);
    let commands = app.turn(Vec::new());
    (app, commands)
}

/// Runs a module's text and gives what it logged for the operator.
fn log_of(source: &str) -> Vec<String> {
    logged(&run(source).1, Level::Info)
}

#[test]
fn values_are_shown() {
    let lines = log_of(
        r#"
console.log({ a: 1, b: [1, 2, { c: new Map([[1, 2]]) }] }, Buffer.from("hi"), new Uint8Array(3));
console.log(class A extends Map {}, () => 1, async function f() {}, Symbol("x"), 10n);
console.log(Promise.resolve(3), Promise.reject(4).catch(() => 5) && 1, new Promise(() => {}));
console.log([1, , 3], Object.create(null), globalThis === global, (function () { return arguments; })(1));
console.log(new Error("boom", { cause: new TypeError("why") }));
console.log("%s is %d", "x", 5, [null]);
"#,
    );
    assert_eq!(
        lines[..4],
        [
            "{ a: 1, b: [ 1, 2, { c: [Map] } ] } <Buffer 68 69> Uint8Array(3) [ 0, 0, 0 ]",
            "[class A extends Map] [Function (anonymous)] [AsyncFunction: f] Symbol(x) 10n",
            "Promise { 3 } 1 Promise { <pending> }",
            "[ 1, <1 empty item>, 3 ] [Object: null prototype] {} true [Arguments] { '0': 1 }",
        ]
    );
    assert_eq!(
        lines[4],
        "Error: boom\n    at app.js:7:44 {\n  [cause]: TypeError: why\n      at app.js:7:44\n}"
    );
    assert_eq!(lines[5], "x is 5 [ null ]");
}

#[test]
fn built_in_modules_are_imported_by_both_names() {
    let lines = log_of(
        r#"
import crypto, { createHash } from "node:crypto";
import EventEmitter, { once } from "events";
import path, { join } from "path";
import assert from "node:assert";
import util, { inspect } from "util";
import { setTimeout as sleep } from "timers/promises";
import timers from "node:timers";
import proc from "process";
import { Buffer as B } from "buffer";
console.log(createHash("sha512").update("abc").digest("hex").slice(0, 16), crypto.createHmac("md5", "k").update("d").digest("hex"));
console.log(new EventEmitter().on("a", () => 1).emit("a"), typeof once, join("a", "..", "b"), typeof path.join, typeof sleep);
console.log(proc === process, B === Buffer, util.inspect === inspect, timers.setTimeout === setTimeout, typeof assert.ok);
console.log(new TextDecoder().decode(new TextEncoder().encode("héé€😀")), atob("aGk="), btoa("hi"), structuredClone({ a: [new Date(0)] }));
console.log(process.env.GREETING, process.argv[1], process.platform, performance.now(), crypto.randomUUID().length);
"#,
    );
    assert_eq!(
        lines,
        [
            "ddaf35a193617aba 7f330edb3a84f317f7ca433d6038ff9a",
            "true function b function function",
            "true true true true function",
            "héé€😀 hi aGk= { a: [ 1970-01-01T00:00:00.000Z ] }",
            "hello test linux 0 36",
        ]
    );
}

#[test]
fn modules_that_are_not_there_say_what_to_do() {
    let text = refusal("import fs from \"node:fs\";");
    assert!(
        text.contains("Cannot find module 'node:fs'") && text.contains("[app.env]"),
        "{text}"
    );
}

#[test]
fn timers_run_and_what_they_throw_is_logged() {
    let (mut app, commands) = run(
        "setTimeout((word) => console.log(word), 5, \"hi\"); setTimeout(() => { throw new Error(\"oh\"); }, 5);\n\
         queueMicrotask(() => { throw new Error(\"micro\"); });",
    );
    let numbers: Vec<u64> = commands
        .iter()
        .filter_map(|command| match command {
            Command::SetTimer(timer) => Some(timer.timer),
            _ => None,
        })
        .collect();
    assert_eq!(numbers.len(), 2);
    let errors = logged(&commands, Level::Error);
    assert!(
        errors.len() == 1 && errors[0].contains("Error: micro"),
        "{errors:?}"
    );
    let happened = numbers.into_iter().map(Happening::Elapsed).collect();
    let commands = app.turn(happened);
    assert_eq!(logged(&commands, Level::Info), ["hi"]);
    let errors = logged(&commands, Level::Error);
    assert!(
        errors.len() == 1 && errors[0].starts_with("timer: uncaught Error: oh\n    at "),
        "{errors:?}"
    );
}

#[test]
fn stacks_begin_with_the_message_and_are_told_once() {
    let (_, commands) = run(r#"
class Own extends Error { constructor(m) { super(m); Error.captureStackTrace(this, Own); } }
function f() { return new TypeError("hey"); }
console.log(f().stack);
console.log(new Own("mine").stack.split("\n")[0]);
try { null.x; } catch (error) { console.log(error.stack.split("\n").length); }
const set = new Error("a"); set.stack = "of my own"; console.log(set.stack);
queueMicrotask(() => { throw f(); });
queueMicrotask(() => { throw set; });
"#);
    assert_eq!(
        logged(&commands, Level::Info),
        [
            "TypeError: hey\n    at f (app.js:4:27)\n    at app.js:5:13",
            "Error: mine",
            "2",
            "of my own",
        ]
    );
    let errors = logged(&commands, Level::Error);
    assert_eq!(errors.len(), 2);
    assert!(
        errors[0].contains("uncaught TypeError: hey\n    at f (app.js:4:27)\n"),
        "{errors:?}"
    );
    assert_eq!(errors[0].matches("hey").count(), 1);
    assert!(errors[1].ends_with("uncaught of my own"), "{errors:?}");
}
