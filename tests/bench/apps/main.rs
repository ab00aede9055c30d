//! What an app costs an event, in JavaScript and in Rust, beside the reference server's handlers in Node.
//!
//! `make bench-apps`. Drives each app as the host does, one call with so many events, without a network and
//! without the protocol guest. Prints a table of microseconds an event, the median of interleaved rounds, and
//! what an instance takes: memory, time to start, time to the first event.

use holdfast::guest::contract::protocol_world::exports::holdfast::edge::types::{
    Connecting, Handshake, Incoming, Payload, SocketInfo,
};
use holdfast::guest::contract::{AppEvent, Command, Context, Happening};
use holdfast::guest::{AppGuest, GuestLimits, Module, Runtime, Source, World};
use holdfast_guest_build::{Target, build_module, prepare};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(300);
const MEMORY_BYTES_MAX: u64 = 256 << 20;

/// Label, event, argument, whether it wants an answer.
fn scenarios() -> Vec<(&'static str, &'static str, String, bool)> {
    let small = r#"{"id":12345,"text":"sixty-four bytes, more or less"}"#.to_owned();
    let items: Vec<String> = (0..20)
        .map(|n| format!(r#"{{"id":{n},"name":"item {n}","tags":["red","green"],"price":{n}.25}}"#))
        .collect();
    let large = format!("[{}]", items.join(","));
    vec![
        ("echo", "echo", small.clone(), false),
        ("ack", "ack", small.clone(), true),
        ("emit and ack", "both", small.clone(), true),
        ("broadcast", "broadcast", small.clone(), false),
        ("1.3 KB JSON, emit and ack", "both", large, true),
        ("five awaits, then ack", "awaits", small, true),
    ]
}

struct Candidate {
    name: &'static str,
    guest: AppGuest,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
        .to_owned()
}

fn context(script: Option<String>) -> Context {
    Context {
        name: "bench".to_owned(),
        env: Vec::new(),
        script,
        shards: 1,
        instances: 1,
        place: 0,
        first_ack: 1,
        seed_low: 1,
        seed_high: 2,
        now_ms: 1_000_000,
        deadline_ms: 1000,
        memory_bytes_max: MEMORY_BYTES_MAX,
    }
}

fn start(runtime: &Runtime, module: &Module, script: Option<String>) -> AppGuest {
    let limits = GuestLimits {
        memory_bytes_max: MEMORY_BYTES_MAX,
        deadline_ms: 1000,
    };
    AppGuest::start(runtime, module, limits, &context(script)).expect("it starts")
}

fn connecting() -> Happening {
    Happening::Event(AppEvent::Connecting(Connecting {
        info: SocketInfo {
            socket: 1 << 16,
            id: "abcdefghijklmnopqrst".to_owned(),
            namespace: "/".to_owned(),
            handshake: Handshake {
                headers: Vec::new(),
                query: Vec::new(),
                url: "/socket.io/?EIO=4".to_owned(),
                address: "127.0.0.1".to_owned(),
                secure: false,
                cross_domain: false,
                issued_ms: 1_000_000,
                auth: "{}".to_owned(),
            },
            recovered: false,
        },
        recovered: None,
    }))
}

fn message(event: &str, argument: &str, wants: bool, number: u64) -> Happening {
    Happening::Event(AppEvent::Message(Incoming {
        socket: 1 << 16,
        payload: Payload {
            json: format!("[\"{event}\",{argument}]"),
            attachments: Vec::new(),
        },
        ack: wants.then_some(number),
    }))
}

fn call(guest: &mut AppGuest, happened: &[Happening]) -> Vec<Command> {
    guest
        .handle(1_000_001, happened)
        .unwrap_or_else(|crash| panic!("{crash}"))
}

/// Microseconds an event, of one round.
fn round(guest: &mut AppGuest, happened: &[Happening]) -> f64 {
    let (began, mut events) = (Instant::now(), 0);
    while began.elapsed() < ROUND {
        for _ in 0..16 {
            std::hint::black_box(call(guest, happened));
        }
        events += 16 * happened.len();
    }
    began.elapsed().as_secs_f64() * 1e6 / events as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let root = root();
    let runtime = Runtime::new(&root.join("target/bench-apps")).expect("wasm runs here");
    let load = |name: &str, target| {
        let built = build_module(
            &root.join(name),
            &root.join("target/guests"),
            "guest",
            target,
        );
        let built = match target {
            Target::Bare => built,
            Target::WithC => built.and_then(|module| prepare(&module, "holdfast-prepare")),
        };
        runtime
            .load(&Source::Bytes(built.expect("it builds")), World::App)
            .expect("it fits")
    };
    let engine = load("guest/js/engine", Target::WithC);
    let script = include_str!("app.js").to_owned();
    let mut candidates = vec![Candidate {
        name: "JavaScript",
        guest: start(&runtime, &engine, Some(script.clone())),
    }];
    for candidate in &mut candidates {
        call(&mut candidate.guest, &[connecting()]);
    }
    println!(
        "| | {} |",
        candidates
            .iter()
            .map(|it| format!("{} alone | of 64", it.name))
            .collect::<Vec<_>>()
            .join(" | ")
    );
    for (label, event, argument, wants) in scenarios() {
        let mut cells = Vec::new();
        for count in [1, 64] {
            let happened: Vec<_> = (0..count)
                .map(|n| message(event, &argument, wants, n + 1))
                .collect();
            let expected = count as usize * if event == "both" { 2 } else { 1 };
            let mut figures = vec![Vec::new(); candidates.len()];
            for _ in 0..ROUNDS {
                for (candidate, figures) in candidates.iter_mut().zip(&mut figures) {
                    let commands = call(&mut candidate.guest, &happened);
                    assert_eq!(commands.len(), expected, "{label}: {commands:?}");
                    figures.push(round(&mut candidate.guest, &happened));
                }
            }
            cells.extend(figures.into_iter().map(median));
        }
        let cells: Vec<_> = cells.iter().map(|figure| format!("{figure:.2}")).collect();
        println!("| {label} | {} |", cells.join(" | "));
    }
    let (mut starts, mut firsts) = (Vec::new(), Vec::new());
    for _ in 0..21 {
        let began = Instant::now();
        let mut guest = start(&runtime, &engine, Some(script.clone()));
        starts.push(began.elapsed().as_secs_f64() * 1e3);
        call(&mut guest, &[connecting(), message("ack", "1", true, 1)]);
        firsts.push(began.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "start {:.2} ms, to the first answer {:.2} ms",
        median(starts),
        median(firsts)
    );
    // Memory of this process alone: the image that all instances begin with is shared.
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.and_then(|kib| kib.parse::<u64>().ok())
            .unwrap_or_default()
    };
    let before = resident();
    let instances: Vec<_> = (0..20)
        .map(|_| {
            let mut guest = start(&runtime, &engine, Some(script.clone()));
            call(&mut guest, &[connecting(), message("both", "1", true, 1)]);
            guest
        })
        .collect();
    println!(
        "an instance {} KiB",
        (resident() - before) / instances.len() as u64
    );
}
