//! What scripts do that is right.

use super::*;

const ECHO: &str = r#"
import { Server } from "holdfast";
const io = new Server();
io.on("connection", (socket) => {
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("add", (a, b, done) => done(a + b));
  socket.on("slow", async (value, done) => { await null; await null; done(value); });
  socket.on("ask", async () => socket.emit("answered", await socket.emitWithAck("question", 1)));
});
"#;

#[test]
fn messages_and_acknowledgements() {
    let mut app = start(ECHO);
    assert_eq!(
        (
            app.manifest.name.as_str(),
            app.manifest.namespaces.as_slice()
        ),
        ("test", ["/".to_owned()].as_slice())
    );
    let commands = app.connect(7);
    assert!(
        matches!(&commands[..], [Command::Order(order)] if order.act == Act::Admit && order.socket == Some(7))
    );
    assert_eq!(
        sent(&app.send(7, r#"["echo",{"a":[1,"ü"]},null]"#, None)),
        [r#"["echo",{"a":[1,"ü"]},null]"#]
    );
    assert_eq!(sent(&app.send(7, r#"["add",1,2]"#, Some(5))), ["ack 5 [3]"]);
    assert_eq!(
        sent(&app.send(7, r#"["slow","x"]"#, Some(6))),
        [r#"ack 6 ["x"]"#]
    );
    let commands = app.send(7, r#"["ask"]"#, None);
    let ack = commands.iter().find_map(|command| match command {
        Command::Order(order) => match &order.act {
            Act::Emit(emission) => emission.ack,
            _ => None,
        },
        _ => None,
    });
    assert_eq!(sent(&commands), [r#"["question",1]"#]);
    assert_eq!(
        sent(&app.event(acked(7, ack.unwrap(), "[\"yes\"]"))),
        [r#"["answered","yes"]"#]
    );
    assert!(app.leave(7).is_empty());
    assert!(
        app.send(7, r#"["echo",1]"#, None).is_empty(),
        "nobody is there"
    );
}

#[test]
fn modules_of_all_kinds() {
    let script = serde_json::json!({
        "holdfast": 1, "entry": "src/app.ts", "modules": [
            {"name": "src/app.ts", "source": "import { Server } from 'socket.io'; import { greet, count } from './lib'; import data from './data.json'; import old, { twice } from './old.cjs';\nconst io = new Server(); io.on('connection', (s) => s.emit('said', greet(data.name), old.twice(2), twice(3), count(), count()));",
              "imports": {"socket.io": "holdfast", "./lib": "src/lib.ts", "./data.json": "src/data.json", "./old.cjs": "src/old.cjs"}},
            {"name": "src/lib.ts", "source": "let n = 0; export const greet = (name) => 'hi ' + name; export function count() { return ++n; }"},
            {"name": "src/data.json", "kind": "json", "source": "{\"name\": \"ann\"}"},
            {"name": "src/old.cjs", "kind": "cjs", "source": "const two = require('./two'); exports.twice = (x) => x * two;", "imports": {"./two": "src/two.cjs"}},
            {"name": "src/two.cjs", "kind": "cjs", "source": "module.exports = 2;"},
        ]
    });
    let mut app = start(&script.to_string());
    assert_eq!(sent(&app.connect(1)), [r#"["said","hi ann",4,6,1,2]"#]);
}

#[test]
fn time_and_randomness_are_given() {
    let script = "import { Server } from 'holdfast'; new Server().on('connection', (s) => s.emit('now', typeof Date.now(), Math.random() < 1));";
    let mut app = start(script);
    assert_eq!(sent(&app.connect(1)), [r#"["now","number",true]"#]);
}
