//! What scripts do that is wrong: it costs one event.

use super::*;

fn app_with(handlers: &str) -> App {
    let mut app = start(&format!(
        "import {{ Server }} from 'holdfast';\nconst io = new Server();\nio.on('connection', (socket) => {{\n  socket.on('echo', (x) => socket.emit('echo', x));\n{handlers}\n}});\n"
    ));
    app.connect(1);
    app
}

fn is_alive(app: &mut App) -> bool {
    sent(&app.send(1, r#"["echo",1]"#, None)) == [r#"["echo",1]"#]
}

#[test]
fn exceptions_name_the_handler_and_the_place() {
    let mut app = app_with("socket.on('say', (x) => {\n  x.no.where();\n});");
    let commands = app.send(1, r#"["say",{}]"#, None);
    let lines = logged(&commands, Level::Error);
    assert_eq!(lines.len(), 1, "{commands:?}");
    assert!(
        lines[0].contains("handler of \"say\" of socket id-of-1 in /: uncaught TypeError: "),
        "{lines:?}"
    );
    assert!(
        lines[0].contains("(app.js:6:") || lines[0].contains("at app.js:6:"),
        "{lines:?}"
    );
    assert!(!lines[0].contains("holdfast:"), "{lines:?}");
    assert!(is_alive(&mut app));
}

#[test]
fn rejections_are_told_once() {
    let mut app = app_with(
        "socket.on('say', async () => { await null; throw new Error('late', { cause: new TypeError('why') }); });\nsocket.on('caught', () => { const p = Promise.reject(1); p.catch(() => {}); });",
    );
    let lines = logged(&app.send(1, r#"["say"]"#, None), Level::Error);
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].starts_with("unhandled rejection: Error: late\n"),
        "{lines:?}"
    );
    assert!(lines[0].contains("[cause]: TypeError: why"), "{lines:?}");
    assert!(logged(&app.send(1, r#"["caught"]"#, None), Level::Error).is_empty());
    assert!(is_alive(&mut app));
}

#[test]
fn endless_loops_are_interrupted() {
    for body in [
        "for (;;);",
        "while (true) { JSON.stringify([1]); }",
        "(async () => { for (;;) await null; })();",
        "Promise.resolve().then(function f() { Promise.resolve().then(f); });",
    ] {
        let mut app = app_with(&format!("socket.on('spin', () => {{ {body} }});"));
        let commands = app.turn(vec![
            Happening::Event(message(1, r#"["spin"]"#, None)),
            Happening::Event(message(1, r#"["echo",2]"#, None)),
        ]);
        let lines = logged(&commands, Level::Error);
        assert!(
            lines
                .iter()
                .any(|line| line.contains("ran too long and was interrupted")),
            "{body}: {lines:?}"
        );
        assert_eq!(sent(&commands), [r#"["echo",2]"#], "{body}");
        assert!(is_alive(&mut app), "{body}");
    }
}

#[test]
fn memory_and_recursion_end_in_exceptions() {
    for (body, expected) in [
        (
            "const all = []; for (;;) all.push(new Array(10000).fill(1));",
            "out of memory",
        ),
        ("let text = 'x'; for (;;) text += text;", "string"),
        ("(function f() { f(); })();", "call stack"),
        ("JSON.parse('['.repeat(1e6));", "call stack"),
    ] {
        let mut app = app_with(&format!("socket.on('eat', () => {{ {body} }});"));
        let lines = logged(&app.send(1, r#"["eat"]"#, None), Level::Error);
        assert_eq!(lines.len(), 1, "{body}: {lines:?}");
        assert!(
            lines[0].contains(expected) || lines[0].contains("ran too long"),
            "{body}: {lines:?}"
        );
        assert!(is_alive(&mut app), "{body}");
    }
}

#[test]
fn floods_are_refused() {
    let mut app = app_with(
        "socket.on('flood', () => { for (let i = 0; ; i++) socket.emit('x', i); });\nsocket.on('big', () => { const text = 'x'.repeat(1e6); for (;;) socket.emit('x', text); });",
    );
    for event in [r#"["flood"]"#, r#"["big"]"#] {
        let commands = app.send(1, event, None);
        let lines = logged(&commands, Level::Error);
        assert!(
            lines
                .iter()
                .any(|line| line.contains("too many messages") || line.contains("ran too long")),
            "{event} {lines:?}"
        );
        assert!(is_alive(&mut app));
    }
}

#[test]
fn scripts_that_cannot_start_say_why() {
    assert!(
        refusal("let x = ;").contains("SyntaxError"),
        "{}",
        refusal("let x = ;")
    );
    assert!(
        refusal("throw new Error('no database')").starts_with("Error: no database\n    at "),
        "{}",
        refusal("throw new Error('no database')")
    );
    assert!(refusal("import x from 'left-pad';").contains("left-pad"));
    assert!(refusal("await new Promise(() => {});").contains("waits at its top level"));
    assert!(
        refusal("for (;;);").contains("too long"),
        "{}",
        refusal("for (;;);")
    );
    assert!(refusal("{\"holdfast\":9,\"entry\":\"a\",\"modules\":[]}").contains("form 9"));
    assert!(refusal("{\"holdfast\":1,\"entry\":\"a\",\"modules\":[]}").contains("no module"));
    assert!(refusal("{\"holdfast\":1,").contains("broken"));
}

#[test]
fn strange_values_reach_nobody() {
    let mut app = app_with(
        "socket.on('odd', () => { socket.emit('a', '\\ud800'); socket.join('\\udc00'); socket.to({}).emit('b', undefined, NaN, () => {}); });\nsocket.on('circle', () => { const a = {}; a.a = a; socket.emit('c', a); });\nsocket.on('big', () => socket.emit('d', 1n));",
    );
    let commands = app.send(1, r#"["odd"]"#, None);
    assert!(logged(&commands, Level::Error).len() <= 1, "{commands:?}");
    assert_eq!(
        logged(&app.send(1, r#"["circle"]"#, None), Level::Error).len(),
        1
    );
    assert_eq!(
        logged(&app.send(1, r#"["big"]"#, None), Level::Error).len(),
        1
    );
    assert!(is_alive(&mut app));
}
