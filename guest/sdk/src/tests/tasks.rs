//! Handlers that wait: tasks, time, answers to be awaited.

use super::{Log, levels, noted, second, serve};
use crate::limits::TASKS_MAX;
use crate::testing::Server;
use crate::{
    Ack, AckError, AcksError, Answer, Args, Cancelled, Elapsed, Io, JoinHandle, Level, Socket,
    interval, sleep, spawn, timeout, yield_now,
};
use futures_util::future::{Either, join_all, select};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn note(log: &Log, text: impl Into<String>) {
    log.borrow_mut().push(text.into());
}

#[test]
fn who_waits_holds_nobody_up() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let notes = Rc::clone(&notes);
        socket.on("wait", async move |socket: &Socket, time: u64, ack: Ack| {
            note(&notes, format!("{time} begins"));
            sleep(ms(time)).await;
            note(&notes, format!("{time} ends"));
            socket.emit("waited", time);
            ack.send(time);
        });
    });
    let (ann, bob) = (server.connect("/"), server.connect("/"));
    let long = ann.ask("wait", 200);
    let short = bob.ask("wait", 100);
    let short_too = ann.ask("wait", 50);
    assert_eq!(noted(&log), ["200 begins", "100 begins", "50 begins"]);
    assert_eq!(server.tasks(), 3);
    server.advance(ms(99));
    assert_eq!(
        (ann.answer(short_too), bob.answer::<u64>(short)),
        (Some(50), None)
    );
    server.advance(ms(1));
    assert_eq!(bob.answer(short), Some(100));
    server.advance(second());
    assert_eq!(
        (ann.answer(long), ann.received("waited")),
        (Some(200), vec![50, 200])
    );
    assert_eq!(noted(&log), ["50 ends", "100 ends", "200 ends"]);
    assert_eq!(server.tasks(), 0);
}

#[test]
fn a_handler_runs_at_once_until_it_waits() {
    let server = serve(|socket| {
        socket.on("x", async |socket: &Socket| socket.emit("first", ()));
        socket.on("x", |socket: &Socket| socket.emit("second", ()));
        socket.on("x", async |socket: Socket| {
            yield_now().await;
            socket.emit("fourth", ());
        });
        socket.on("x", |socket: &Socket| socket.emit("third", ()));
    });
    let ann = server.connect("/");
    ann.emit("x", ());
    let events: Vec<_> = ann
        .inbox()
        .into_iter()
        .map(|received| received.event)
        .collect();
    assert_eq!(events, ["first", "second", "third", "fourth"]);
    assert_eq!(server.tasks(), 0);
}

#[test]
fn answers_are_awaited() {
    let server = serve(|socket| {
        socket.on(
            "ask",
            async |socket: &Socket, ack: Ack| -> Result<(), AckError> {
                let one: u32 = socket.timeout(second()).emit_with_ack("q", 1).await?;
                let two = socket
                    .volatile()
                    .timeout(second())
                    .emit_with_ack::<u32>("q", 2)
                    .await?;
                ack.send(one + two);
                Ok(())
            },
        );
        socket.on("patient", async |socket: &Socket| {
            let answer = socket.emit_with_ack::<()>("q", ()).await;
            crate::info!("{answer:?}");
        });
    });
    let ann = server.connect("/");
    let sum = ann.ask("ask", ());
    for number in [10, 20] {
        let [question] = ann.inbox().try_into().unwrap();
        ann.acknowledge(&question, number);
    }
    assert_eq!(ann.answer(sum), Some(30));
    // An error costs the answer, and is a line that says where.
    let sum = ann.ask("ask", ());
    server.advance(second());
    assert_eq!(ann.answer::<u32>(sum), None);
    let [line] = server.logs().try_into().unwrap();
    assert_eq!(line.level, Level::Error);
    let expected = format!(
        r#"handler of "ask" of socket {} in /: failed: operation has timed out"#,
        ann.id()
    );
    assert_eq!(line.text, expected);
    // Without a time it lasts as long as the socket; and the handler longer.
    ann.emit("patient", ());
    server.advance(ms(1_000_000));
    assert_eq!(server.tasks(), 1);
    ann.disconnect("transport close");
    assert_eq!(server.logs()[0].text, "Err(Disconnected)");
    assert_eq!(server.tasks(), 0);
}

#[test]
fn everybody_is_asked_and_found() {
    let server = serve(|socket| {
        socket.on("vote", async |io: Io, ack: Ack| {
            let asked = io.timeout(second()).emit_with_acks::<bool>("vote", ());
            let votes = asked
                .await
                .unwrap_or_else(|AcksError { answers, .. }| answers);
            let there = io.fetch_sockets().await.len();
            let others = io.server_side_emit_with_ack::<Args>("name", ()).await;
            ack.send((votes, there, others.is_ok()));
        });
    });
    let (ann, bob) = (server.connect("/"), server.connect("/"));
    let result = ann.ask("vote", ());
    let [question] = bob.inbox().try_into().unwrap();
    bob.acknowledge(&question, true);
    server.advance(second());
    assert_eq!(ann.answer(result), Some((vec![true], 2, true)));
}

#[test]
fn tasks_are_joined_and_aborted() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = Server::start(move |io: &Io| {
        let notes = Rc::clone(&notes);
        let begun = Rc::clone(&notes);
        spawn(async move { note(&begun, "at the start") });
        io.on_connection(move |_| {
            let notes = Rc::clone(&notes);
            spawn(async move {
                let sum = spawn(async {
                    sleep(ms(10)).await;
                    6 * 7
                });
                let endless: JoinHandle<()> = spawn(std::future::pending());
                assert_eq!(sum.await, Ok(42));
                assert!(!endless.is_finished());
                endless.abort();
                assert!(endless.is_finished());
                assert_eq!(endless.await, Err(Cancelled));
                let late = timeout(ms(5), std::future::pending::<()>()).await;
                assert_eq!(late, Err(Elapsed));
                assert_eq!(timeout(ms(5), async { 1 }).await, Ok(1));
                note(&notes, "done");
            });
        });
    });
    assert_eq!(noted(&log), ["at the start"]);
    let _ann = server.connect("/");
    assert_eq!(server.tasks(), 3);
    server.advance(second());
    assert_eq!((noted(&log), server.tasks()), (vec!["done".into()], 0));
}

#[test]
fn some_tasks_end_with_their_socket() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let held = Rc::new(());
    let kept = Rc::clone(&held);
    let server = serve(move |socket| {
        let (kept, ticker) = (Rc::clone(&kept), socket.clone());
        socket.spawn(async move {
            let _kept = kept;
            let mut seconds = interval(second());
            loop {
                seconds.tick().await;
                ticker.emit("tick", ticker.io().now_ms());
            }
        });
        let (notes, closed, socket) = (Rc::clone(&notes), socket.closed(), socket.clone());
        spawn(async move {
            let reason = closed.await;
            sleep(second()).await;
            note(&notes, format!("{reason}, {}", socket.closed().await));
            let never = socket.spawn(async {});
            assert_eq!(never.await, Err(Cancelled));
        });
    });
    let ann = server.connect("/");
    let start_ms = server.now_ms();
    server.advance(ms(2_500));
    assert_eq!(
        ann.received::<u64>("tick"),
        [start_ms + 1000, start_ms + 2000]
    );
    assert_eq!((server.tasks(), Rc::strong_count(&held)), (2, 3));
    ann.disconnect("ping timeout");
    assert_eq!((server.tasks(), Rc::strong_count(&held)), (1, 2));
    server.advance(second());
    assert_eq!(
        (noted(&log), server.tasks()),
        (vec!["ping timeout, ping timeout".into()], 0)
    );
}

#[test]
fn a_tick_that_was_missed_is_left_out() {
    let ticks = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&ticks);
    let server = serve(move |_| {
        let seen = Rc::clone(&seen);
        spawn(async move {
            let begin_ms = crate::runtime::Runtime::current().unwrap().now_ms.get();
            let mut every = interval(ms(100));
            for pause in [0, 250, 0, 0] {
                every.tick().await;
                let now_ms = crate::runtime::Runtime::current().unwrap().now_ms.get();
                seen.borrow_mut().push(now_ms - begin_ms);
                sleep(ms(pause)).await;
            }
        });
    });
    let _ann = server.connect("/");
    server.advance(second());
    assert_eq!(*ticks.borrow(), [100, 200, 500, 600]);
}

#[test]
fn channels_and_combinators_of_others_work() {
    let log = Log::default();
    let notes = Rc::clone(&log);
    let server = serve(move |socket| {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<u32>(1);
        socket.on("put", async move |n: u32, ack: Ack| {
            sender.send(n).await.unwrap();
            ack.send(());
        });
        let (notes, closed) = (Rc::clone(&notes), socket.closed());
        spawn(async move {
            let mut closed = closed;
            loop {
                let next = std::pin::pin!(receiver.recv());
                match select(&mut closed, next).await {
                    Either::Left((reason, _)) => return note(&notes, reason),
                    Either::Right((n, _)) => note(&notes, format!("{n:?}")),
                }
                join_all([sleep(ms(10)), sleep(ms(20))]).await;
            }
        });
    });
    let ann = server.connect("/");
    let puts = [1, 2, 3].map(|n| ann.ask("put", n));
    assert_eq!(noted(&log), ["Some(1)"]);
    assert_eq!(
        puts.map(|put| ann.answer::<()>(put).is_some()),
        [true, true, false]
    );
    server.advance(ms(40));
    assert_eq!(noted(&log), ["Some(2)", "Some(3)"]);
    ann.disconnect("transport close");
    server.advance(ms(20));
    assert_eq!(
        noted(&log).last().map(String::as_str),
        Some("transport close")
    );
}

#[test]
fn tasks_have_a_bound_and_a_greedy_one_leaves_room() {
    let server = serve(|socket| {
        socket.on("many", |(): ()| {
            for _ in 0..=TASKS_MAX {
                spawn(std::future::pending::<()>());
            }
        });
        socket.on("greedy", async |ack: Ack| {
            ack.send(());
            loop {
                yield_now().await;
            }
        });
        socket.on("echo", |n: u8, ack: Ack| ack.send(n));
    });
    let ann = server.connect("/");
    assert_eq!(ann.call("greedy", ()), Some(()));
    server.advance(ms(3));
    assert_eq!(ann.call("echo", 1), Some(1));
    ann.emit("many", ());
    assert_eq!(
        (server.tasks(), levels(&server)),
        (TASKS_MAX, vec![Level::Error; 2])
    );
    // What cannot be a task may still be done at once, and says so when it cannot.
    assert_eq!(ann.call("echo", 2), Some(2));
    assert_eq!(ann.call::<()>("greedy", ()), None);
    let lines = server.logs();
    assert!(
        lines[0]
            .text
            .starts_with(r#"handler of "greedy" of socket"#),
        "{lines:?}"
    );
}

#[test]
fn answers_without_an_app_say_so() {
    let outside = spawn(async { 1 });
    assert!(outside.is_finished());
    let (sender, answer) = Answer::new();
    let got = Rc::new(Cell::new(0));
    let seen = Rc::clone(&got);
    sender.send(5);
    answer.then(move |n: i32| seen.set(n));
    assert_eq!(got.get(), 5);
}
