//! Measures every candidate in interleaved rounds, each in a fresh server process, and
//! prints medians and spread as Markdown, and every single figure as CSV on stderr.
//!
//! Called by `main`. The only place that starts processes; each ends with its stdin.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use crate::load::{Content, Load};
use crate::serve::pin_to_cpu;

const ROUNDS: usize = 7;

const CANDIDATES: [&str; 11] = [
    "fastwebsockets",
    "fastwebsockets-split",
    "tokio-websockets",
    "tokio-tungstenite",
    "readiness-soketto",
    "readiness-tungstenite",
    "readiness-tungstenite-drain",
    "readiness-hand",
    "readiness-hand-simdutf8",
    "readiness-hand-queued",
    "epoll",
];

enum Pattern {
    Echo { each: usize, depth: usize },
    Broadcast { count: usize },
    Idle,
}

struct Scenario {
    name: &'static str,
    clients: usize,
    content: Content,
    pattern: Pattern,
}

const SCENARIOS: [Scenario; 7] = [
    Scenario {
        name: "64B-depth1",
        clients: 100,
        content: Content::Text64,
        pattern: Pattern::Echo {
            each: 1000,
            depth: 1,
        },
    },
    Scenario {
        name: "64B-depth8",
        clients: 100,
        content: Content::Text64,
        pattern: Pattern::Echo {
            each: 3000,
            depth: 8,
        },
    },
    Scenario {
        name: "1KB-binary",
        clients: 100,
        content: Content::Binary1k,
        pattern: Pattern::Echo {
            each: 1000,
            depth: 1,
        },
    },
    Scenario {
        name: "64KB-text",
        clients: 20,
        content: Content::Text64k,
        pattern: Pattern::Echo {
            each: 1000,
            depth: 1,
        },
    },
    Scenario {
        name: "broadcast",
        clients: 1000,
        content: Content::Broadcast64,
        pattern: Pattern::Broadcast { count: 150 },
    },
    Scenario {
        name: "idle-bytes",
        clients: 2000,
        content: Content::Text64,
        pattern: Pattern::Idle,
    },
    Scenario {
        name: "idle-bytes-after-64KB",
        clients: 500,
        content: Content::Text64k,
        pattern: Pattern::Idle,
    },
];

pub fn run(options: &[&str]) {
    pin_to_cpu(1);
    let rounds = options
        .first()
        .map_or(ROUNDS, |word| word.parse().expect("ROUNDS is a number"));
    let chosen = |position: usize, name: &str| {
        options
            .get(position)
            .is_none_or(|list| list.split(',').any(|one| one == name))
    };
    let scenarios: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| chosen(1, scenario.name))
        .collect();
    let candidates: Vec<&str> = CANDIDATES
        .iter()
        .copied()
        .filter(|name| chosen(2, name))
        .collect();

    let mut figures = vec![vec![Vec::new(); scenarios.len()]; candidates.len()];
    eprintln!("round,scenario,candidate,value,messages_per_second");
    for round in 0..rounds {
        for (column, scenario) in scenarios.iter().enumerate() {
            for (row, candidate) in candidates.iter().enumerate() {
                if !applies(candidate, scenario) {
                    continue;
                }
                let figure = measure(candidate, scenario);
                eprintln!(
                    "{round},{},{candidate},{:.3},{:.0}",
                    scenario.name, figure.value, figure.messages_per_second
                );
                figures[row][column].push(figure.value);
            }
        }
    }
    print_table(&scenarios, &candidates, &mut figures);
}

/// The plain form of fastwebsockets cannot be written to from outside.
fn applies(candidate: &str, scenario: &Scenario) -> bool {
    !(candidate == "fastwebsockets" && matches!(scenario.pattern, Pattern::Broadcast { .. }))
}

struct Figure {
    /// CPU microseconds a message, or resident bytes a connection.
    value: f64,
    messages_per_second: f64,
}

fn measure(candidate: &str, scenario: &Scenario) -> Figure {
    let mut server = Server::start(candidate);
    let mut load = Load::new(scenario.content);
    if matches!(scenario.pattern, Pattern::Idle) {
        // The first connection pays for what all share.
        load.connect(server.port, 1);
        load.echo(1, 1);
        let before = server.stat();
        let mut idle = Load::new(scenario.content);
        idle.connect(server.port, scenario.clients);
        idle.echo(1, 1);
        let growth = server.stat().resident_bytes as f64 - before.resident_bytes as f64;
        return Figure {
            value: growth / scenario.clients as f64,
            messages_per_second: 0.0,
        };
    }
    load.connect(server.port, scenario.clients);
    let messages = match scenario.pattern {
        Pattern::Echo { each, .. } => each * scenario.clients,
        Pattern::Broadcast { count } => count * scenario.clients,
        Pattern::Idle => 0,
    };
    let mut apply = |part: usize| match scenario.pattern {
        Pattern::Echo { each, depth } => load.echo(each / part, depth),
        Pattern::Broadcast { count } => load.broadcast(count / part),
        Pattern::Idle => {}
    };
    apply(10);
    let before = server.stat();
    let start = Instant::now();
    apply(1);
    let elapsed = start.elapsed();
    let after = server.stat();
    let total = (after.cpu_us - before.cpu_us) as f64;
    Figure {
        value: total / messages as f64,
        messages_per_second: messages as f64 / elapsed.as_secs_f64(),
    }
}

struct Stat {
    cpu_us: u64,
    resident_bytes: u64,
}

struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(candidate: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("own path"))
            .args(["serve", candidate])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the server");
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("port line");
        let port = line.trim().parse().expect("port");
        Self {
            child,
            stdin,
            stdout,
            port,
        }
    }

    fn stat(&mut self) -> Stat {
        self.stdin
            .as_mut()
            .expect("open")
            .write_all(b"stat\n")
            .expect("ask");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("answer");
        let mut numbers = line
            .split_whitespace()
            .map(|word| word.parse().expect("number"));
        let mut next = || numbers.next().expect("two numbers");
        Stat {
            cpu_us: next(),

            resident_bytes: next(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().expect("the server ends with its stdin");
    }
}

fn print_table(scenarios: &[&Scenario], candidates: &[&str], figures: &mut [Vec<Vec<f64>>]) {
    let heads: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    println!("| | {} |", heads.join(" | "));
    println!("|---|{}", "---:|".repeat(heads.len()));
    for (candidate, row) in candidates.iter().zip(figures) {
        let cells: Vec<String> = row.iter_mut().map(|values| cell(values)).collect();
        println!("| {candidate} | {} |", cells.join(" | "));
    }
}

/// Median, and the least and greatest.
fn cell(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    let (Some(least), Some(greatest)) = (values.first(), values.last()) else {
        return "–".to_owned();
    };
    let median = values[values.len() / 2];
    let digits = if median < 100.0 { 2 } else { 0 };
    format!("**{median:.digits$}** ({least:.digits$}–{greatest:.digits$})")
}
