//! One echo server: binds port 0, prints the port, answers `stat` lines on stdin with its
//! own CPU time and resident memory, and ends when stdin does.
//!
//! Started by `report`, one process a measurement. The HTTP upgrade is the same hyper 1
//! code for every candidate on tokio, so that differences come from the WebSocket code.

use std::convert::Infallible;
use std::future::Future;
use std::io::{BufRead, Write};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tungstenite::handshake::derive_accept_key;

use crate::frames::{Hand, HandSimdUtf8, Soketto, Tungstenite};
use crate::hub::Hub;
use crate::readiness::{Delivery, Options, Reading, Shard};
use crate::{epoll, libraries, readiness};

pub fn run(candidate: &str) {
    pin_to_cpu(0);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    println!("{}", listener.local_addr().expect("address").port());
    std::thread::spawn(answer_stdin);

    let poll_direct = Options {
        reading: Reading::PollRead,
        delivery: Delivery::Direct,
    };
    let drain = Options {
        reading: Reading::TryReadUntilBlocked,
        ..poll_direct
    };
    let queued = Options {
        delivery: Delivery::Queued,
        ..poll_direct
    };
    match candidate {
        "epoll" => epoll::run(listener),
        "fastwebsockets" => {
            tokio_loop(listener, libraries::echo_fastwebsockets);
        }
        "fastwebsockets-split" => {
            let hub = Hub::new();
            tokio_loop(listener, move |stream| {
                libraries::echo_fastwebsockets_split(stream, hub.clone())
            });
        }
        "tokio-websockets" => {
            let hub = Hub::new();
            tokio_loop(listener, move |stream| {
                libraries::echo_tokio_websockets(stream, hub.clone())
            });
        }
        "tokio-tungstenite" => {
            let hub = Hub::new();
            tokio_loop(listener, move |stream| {
                libraries::echo_tokio_tungstenite(stream, hub.clone())
            });
        }
        "readiness-tungstenite" => serve_readiness::<Tungstenite>(listener, poll_direct),
        "readiness-tungstenite-drain" => serve_readiness::<Tungstenite>(listener, drain),
        "readiness-soketto" => serve_readiness::<Soketto>(listener, poll_direct),
        "readiness-hand" => serve_readiness::<Hand>(listener, poll_direct),
        "readiness-hand-simdutf8" => serve_readiness::<HandSimdUtf8>(listener, poll_direct),
        "readiness-hand-queued" => serve_readiness::<Hand>(listener, queued),
        _ => panic!("unknown candidate {candidate}"),
    }
}

fn serve_readiness<C: crate::frames::Codec>(listener: std::net::TcpListener, options: Options) {
    let shard = Shard::new(options);
    tokio_loop(listener, move |stream| {
        readiness::echo::<C>(stream, shard.clone())
    });
}

/// Accepts for ever; the process ends with its stdin.
fn tokio_loop<F>(
    listener: std::net::TcpListener,
    connection: impl FnMut(TcpStream) -> F + Clone + 'static,
) where
    F: Future<Output = ()> + 'static,
{
    listener.set_nonblocking(true).expect("nonblocking");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let listener = TcpListener::from_std(listener).expect("listener");
        loop {
            let (stream, _) = listener.accept().await.expect("accept");
            stream.set_nodelay(true).expect("nodelay");
            let mut connection = connection.clone();
            tokio::task::spawn_local(async move {
                let Some(stream) = upgrade(stream).await else {
                    return;
                };
                // A task of its own, so that nothing of the handshake stays allocated.
                tokio::task::spawn_local(connection(stream));
            });
        }
    });
}

/// The handshake by hyper, then the naked stream. The load generator waits for the 101, so
/// nothing may have been read ahead.
async fn upgrade(stream: TcpStream) -> Option<TcpStream> {
    let service = service_fn(|request: Request<Incoming>| async move {
        let accept = request
            .headers()
            .get("sec-websocket-key")
            .map(|key| derive_accept_key(key.as_bytes()));
        let response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header("sec-websocket-accept", accept.unwrap_or_default())
            .body(Empty::<Bytes>::new())
            .expect("static response");
        Ok::<_, Infallible>(response)
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let parts = connection.without_shutdown().await.ok()?;
    assert!(
        parts.read_buf.is_empty(),
        "the client sent frames before the 101"
    );
    Some(parts.io.into_inner())
}

fn answer_stdin() {
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            break;
        }
        println!("{} {}", cpu_us(), resident_bytes());
        std::io::stdout().flush().expect("flush");
    }
    std::process::exit(0);
}

fn cpu_us() -> u64 {
    // SAFETY: `rusage` is plain old data and the pointer is valid for the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let us = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    us(usage.ru_utime) + us(usage.ru_stime)
}

fn resident_bytes() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").expect("smaps_rollup");
    let line = rollup
        .lines()
        .find(|line| line.starts_with("Rss:"))
        .expect("Rss line");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("Rss value");
    kib * 1024
}

/// Best effort: on a machine with one CPU both sides share it.
pub fn pin_to_cpu(cpu: usize) {
    // SAFETY: the set is zeroed plain data of the size passed along.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}
