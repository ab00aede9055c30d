//! Requests that an app makes to other servers, in a real node: what is let out, what comes back, and that
//! nothing another server does harms more than its own answer. All servers are on loopback.

use crate::support::client::Client;
use crate::support::node::{TestNode, fetching_app};
use crate::support::origin::{Origin, answer, wait_until};
use holdfast::config::Config;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A node whose app may fetch from these hosts.
fn node(hosts: &[&str], change: impl FnOnce(&mut Config)) -> TestNode {
    TestNode::start(|config| configure(config, hosts, change))
}

fn configure(config: &mut Config, hosts: &[&str], change: impl FnOnce(&mut Config)) {
    config.shards = 1.into();
    config.app.file = Some(fetching_app());
    config.app.fetch_hosts = hosts.iter().map(|&host| host.to_owned()).collect();
    change(config);
}

/// A node whose app may fetch from this server, and a client of it.
fn with(origin: &Origin) -> (TestNode, Client) {
    let node = node(&[&origin.entry()], |_| ());
    let client = Client::join(node.port);
    (node, client)
}

fn ask(client: &mut Client, token: u64, wish: &Value) {
    client.send(&format!("42{}", json!(["fetch", token, wish])));
}

/// The next thing the app says.
fn next(client: &mut Client) -> Value {
    let text = client.text();
    let json = text.strip_prefix("42").unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str(json).expect("JSON")
}

/// Asks and waits: status, headers and body, or the reason why not.
fn try_fetch(client: &mut Client, wish: &Value) -> Result<(u64, Value, Value), String> {
    ask(client, 7, wish);
    let mut said = next(client);
    assert_eq!(said[1], 7, "{said}");
    match said[0].as_str() {
        Some("fetched") => Ok((
            said[2].as_u64().expect("a status"),
            said[3].take(),
            said[4].take(),
        )),
        _ => Err(said[2].as_str().expect("a reason").to_owned()),
    }
}

fn get(client: &mut Client, url: &str) -> Result<(u64, Value, Value), String> {
    try_fetch(client, &json!({ "url": url }))
}

/// The reason why a request fails.
fn refusal(client: &mut Client, wish: &Value) -> String {
    try_fetch(client, wish).expect_err(&wish.to_string())
}

#[track_caller]
fn assert_has(text: &str, part: &str) {
    assert!(text.contains(part), "{text:?} does not have {part:?}");
}

#[test]
fn a_request_arrives_as_it_was_meant_and_so_does_the_answer() {
    let origin = Origin::saying(answer(
        "201 Made",
        "Set-Cookie: a=1\r\nset-cookie: b=2\r\nX-Latin: caf\u{e9}\r\n",
        b"hello",
    ));
    let (node, mut client) = with(&origin);
    let wish = json!({
        "method": "POST", "url": origin.url("/a%20b/../c?d=e&f#g"), "body": "the body",
        "headers": [["Content-Type", "text/plain"], ["X-Two", "1"], ["x-two", "2"], ["x-latin", "\u{e9}"]],
    });
    let (status, headers, body) = try_fetch(&mut client, &wish).expect("an answer");
    assert_eq!((status, body), (201, json!("hello")));
    assert_eq!(
        headers,
        json!([
            ["set-cookie", "a=1"],
            ["set-cookie", "b=2"],
            ["x-latin", "caf\u{c3}\u{a9}"],
            ["content-length", "5"]
        ])
    );
    let heard = &origin.heard()[0];
    assert!(
        heard.head.starts_with("POST /c?d=e&f HTTP/1.1\r\n"),
        "{heard:?}"
    );
    assert_eq!(heard.body, b"the body");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        heard.headers(),
        [
            "accept-encoding: gzip, deflate",
            "content-length: 8",
            "content-type: text/plain",
            &format!("host: 127.0.0.1:{}", origin.port),
            &format!("user-agent: holdfast/{version}"),
            "x-latin: \u{e9}",
            "x-two: 1",
            "x-two: 2",
        ]
    );
    drop(node);
}

#[test]
fn only_hosts_of_the_config_are_asked() {
    let origin = Origin::saying(answer("200 OK", "", b"secret"));
    let other = Origin::saying(answer("200 OK", "", b"allowed"));
    let (_node, mut client) = with(&other);
    for url in [
        origin.url("/"),
        format!("http://127.0.0.1:{}@127.0.0.1:{}/", other.port, origin.port),
        format!("http://localhost:{}/", origin.port),
        format!("http://2130706433:{}/", origin.port),
        format!("http://[::ffff:127.0.0.1]:{}/", origin.port),
        format!("https://127.0.0.1:{}/", other.port),
    ] {
        refusal(&mut client, &json!({ "url": url }));
    }
    let reason = refusal(&mut client, &json!({ "url": origin.url("/x") }));
    let entry = origin.entry();
    assert_eq!(
        reason,
        format!(
            "fetch_hosts of the app \"app\" does not allow {entry}: add \"{entry}\" to it in holdfast.toml"
        )
    );
    assert!(get(&mut client, &other.url("/")).is_ok());
    assert_eq!((origin.opened(), other.opened()), (0, 1));

    let node = node(&[], |_| ());
    let mut client = Client::join(node.port);
    assert_has(
        &refusal(&mut client, &json!({ "url": other.url("/") })),
        "fetch_hosts",
    );
    assert_eq!(other.opened(), 1);
}

#[test]
fn names_must_not_turn_out_to_be_private() {
    let origin = Origin::saying(answer("200 OK", "", b"here"));
    let by_name = json!({ "url": format!("http://localhost:{}/", origin.port) });
    let by_address = json!({ "url": origin.url("/") });
    let any = node(&["*"], |_| ());
    let mut client = Client::join(any.port);
    for wish in [&by_name, &by_address] {
        assert_has(&refusal(&mut client, wish), "which is not a public address");
    }
    assert_eq!(origin.opened(), 0);
    let trusting = node(&["*"], |config| config.app.fetch_private = true);
    let mut client = Client::join(trusting.port);
    for wish in [&by_name, &by_address] {
        assert!(try_fetch(&mut client, wish).is_ok());
    }
    let named = node(&["*", &format!("http://localhost:{}", origin.port)], |_| ());
    let mut client = Client::join(named.port);
    assert!(try_fetch(&mut client, &by_name).is_ok());
    refusal(&mut client, &by_address);
}

#[test]
fn a_name_that_there_is_not_is_an_error() {
    // Too long a label to ask anybody for.
    let name = format!("{}.invalid", "x".repeat(64));
    let node = node(&[&name], |_| ());
    let mut client = Client::join(node.port);
    let reason = refusal(&mut client, &json!({ "url": format!("https://{name}/") }));
    assert_has(
        &reason,
        ".invalid could not be reached: its name could not be looked up",
    );
}

#[test]
fn redirects_are_left_to_the_app() {
    let origin = Origin::saying(answer("302 Found", "location: /elsewhere\r\n", b""));
    let (_node, mut client) = with(&origin);
    let (status, headers, _) = get(&mut client, &origin.url("/")).expect("an answer");
    assert_eq!(status, 302);
    assert_eq!(headers[0], json!(["location", "/elsewhere"]));
    assert_eq!(origin.heard().len(), 1);
}

#[test]
fn bodies_are_decoded() {
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    let text = "hello ".repeat(20_000);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).expect("packed");
    let gzip = gzip.finish().expect("packed");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::none());
    zlib.write_all(text.as_bytes()).expect("packed");
    let zlib = zlib.finish().expect("packed");
    assert!(zlib.len() > 65_536, "decoded on another thread");
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![0; 40 << 20]).expect("packed");
    let bomb = bomb.finish().expect("packed");
    let origin = Origin::start(move |heard, stream| {
        let (coding, body) = match heard.path() {
            "/gzip" => ("gzip", &gzip[..]),
            "/zlib" => ("deflate", &zlib[..]),
            "/bomb" => ("gzip", &bomb[..]),
            "/cut" => ("gzip", &gzip[..gzip.len() / 2]),
            "/empty" => ("gzip", &b""[..]),
            _ => ("br", &b"as it is"[..]),
        };
        let headers = format!("content-encoding: {coding}\r\n");
        stream.write_all(&answer("200 OK", &headers, body)).is_ok()
    });
    let (_node, mut client) = with(&origin);
    for path in ["/gzip", "/zlib"] {
        let (_, headers, body) = get(&mut client, &origin.url(path)).expect("an answer");
        assert_eq!((headers, body), (json!([]), json!(text.len())), "{path}");
    }
    let (_, _, body) = get(&mut client, &origin.url("/empty")).expect("an answer");
    assert_eq!(body, "");
    let (_, headers, body) = get(&mut client, &origin.url("/br")).expect("an answer");
    assert_eq!((&headers[0][1], body), (&json!("br"), json!("as it is")));
    let reason = refusal(&mut client, &json!({ "url": origin.url("/bomb") }));
    assert_has(&reason, "longer than 16777216 bytes");
    let reason = refusal(&mut client, &json!({ "url": origin.url("/cut") }));
    assert_has(&reason, "is not in its content-encoding");
    let own = json!({ "url": origin.url("/br"), "headers": [["Accept-Encoding", "br"]] });
    try_fetch(&mut client, &own).expect("an answer");
    let heard = origin.heard();
    assert_has(
        &heard.last().expect("a request").head,
        "accept-encoding: br",
    );
    assert_eq!(origin.opened(), 1, "none of this costs the connection");
}

#[test]
fn bodies_have_a_limit() {
    const MAX: usize = 2 << 20;
    let origin = Origin::start(|heard, stream| {
        let length: usize = heard.path()[2..].parse().expect("a length");
        if heard.path().starts_with("/l") {
            return stream
                .write_all(&answer("200 OK", "", &vec![b'x'; length]))
                .is_ok();
        }
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = [&b"3e8\r\n"[..], &[b'x'; 1000], b"\r\n"].concat();
        let rest = format!("{:x}\r\n{}\r\n", length % 1000, "y".repeat(length % 1000));
        let rest = if length.is_multiple_of(1000) {
            ""
        } else {
            &rest
        };
        stream.write_all(head.as_bytes()).is_ok()
            && (0..length / 1000).all(|_| stream.write_all(&chunk).is_ok())
            && stream
                .write_all(format!("{rest}0\r\n\r\n").as_bytes())
                .is_ok()
    });
    let node = node(&[&origin.entry()], |config| {
        config.app.memory_bytes_max = 32 << 20
    });
    let mut client = Client::join(node.port);
    for kind in ["l", "c"] {
        let url = |length: usize| origin.url(&format!("/{kind}{length}"));
        let (_, _, body) = get(&mut client, &url(MAX)).expect("an answer");
        assert_eq!(body, MAX);
        for length in [MAX + 1, 100 * MAX] {
            let reason = refusal(&mut client, &json!({ "url": url(length) }));
            assert_has(&reason, "longer than 2097152 bytes");
        }
    }
    let sent = json!({ "method": "PUT", "url": origin.url("/l3"), "body": MAX });
    try_fetch(&mut client, &sent).expect("an answer");
    let heard = origin.heard().pop().expect("a request");
    assert_eq!(heard.body.len(), MAX);
    let sent = json!({ "method": "PUT", "url": origin.url("/l3"), "body": MAX + 1 });
    assert_has(
        &refusal(&mut client, &sent),
        "a body of 2097153 bytes cannot be sent",
    );
    // The connections of answers that were given up are closed, those of the others used again.
    wait_until("they are closed", || origin.ended() == 4);
}

#[test]
fn an_exchange_has_its_time() {
    let origin = Origin::start(|heard, stream| {
        if heard.path() == "/drip" {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
            let mut written = stream.write_all(head);
            while written.is_ok() {
                std::thread::sleep(Duration::from_millis(5));
                written = stream.write_all(b"x");
            }
            return false;
        }
        true
    });
    let (_node, mut client) = with(&origin);
    for path in ["/never", "/drip"] {
        let began = Instant::now();
        let wish = json!({ "url": origin.url(path), "timeout": 200 });
        let reason = refusal(&mut client, &wish);
        let time = began.elapsed();
        assert_eq!(
            reason,
            format!(
                "{} had not answered completely after 200 ms",
                origin.entry()
            )
        );
        assert!(
            time >= Duration::from_millis(200) && time < Duration::from_secs(10),
            "{time:?}"
        );
    }
    wait_until("both connections are closed", || origin.ended() == 2);
}

#[test]
fn a_server_that_there_is_not_is_an_error() {
    let port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.local_addr().expect("an address").port()
    };
    let url = format!("http://127.0.0.1:{port}");
    let node = node(&[&url], |_| ());
    let mut client = Client::join(node.port);
    let reason = refusal(&mut client, &json!({ "url": url }));
    assert_has(
        &reason,
        &format!("{url} could not be reached: Connection refused"),
    );
}

/// An authority of our own as a file, and a server's TLS with a certificate of it for this name.
fn tls_for(name: &str) -> (PathBuf, Arc<ServerConfig>) {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new([name.to_owned()])
        .expect("parameters")
        .signed_by(&key, &authority)
        .expect("a certificate");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("authority-{name}-{}.pem", std::process::id()));
    std::fs::write(&file, authority.pem()).expect("written");
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a certificate");
    (file, Arc::new(config))
}

#[test]
fn tls_trusts_whom_it_is_told_to() {
    const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    for (name, other) in [("localhost", "127.0.0.1"), ("127.0.0.1", "localhost")] {
        let (authority, tls) = tls_for(name);
        let origin = Origin::saying_over_tls(tls, HELLO);
        let hosts = [name, other].map(|host| format!("{host}:{}", origin.port));
        let url = |host: &str| format!("https://{host}:{}/", origin.port);
        let trusting = node(&[&hosts[0], &hosts[1]], |config| {
            config.app.fetch_ca_file = Some(authority.clone());
        });
        let mut client = Client::join(trusting.port);
        for _ in 0..3 {
            let (status, _, body) = get(&mut client, &url(name)).expect("an answer");
            assert_eq!((status, body), (200, json!("hello")));
        }
        assert_eq!(origin.opened(), 1, "the connection is kept");
        let reason = refusal(&mut client, &json!({ "url": url(other) }));
        assert_has(&reason, "its certificate is for another host");
        let plain = node(&[&hosts[0]], |_| ());
        let mut client = Client::join(plain.port);
        let reason = refusal(&mut client, &json!({ "url": url(name) }));
        assert_has(
            &reason,
            "its certificate is of no known authority: add the authority's to fetch_ca_file",
        );
        std::fs::remove_file(authority).expect("removed");
    }
    let origin = Origin::saying(HELLO);
    let node = node(&[&format!("127.0.0.1:{}", origin.port)], |_| ());
    let mut client = Client::join(node.port);
    let wish = json!({ "url": format!("https://127.0.0.1:{}", origin.port), "timeout": 2000 });
    // It waits for more of what it takes for a request.
    let reason = refusal(&mut client, &wish);
    assert!(
        reason.contains("TLS failed") || reason.contains("had not answered"),
        "{reason}"
    );
    assert!(origin.heard().is_empty());
}

#[test]
fn wrong_settings_are_told_before_anything_starts() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-certificates.pem");
    std::fs::write(&file, "nothing\n").expect("written");
    let error = |hosts: &[&str], file: Option<&Path>| {
        let started = TestNode::try_start(|config| {
            configure(config, hosts, |config| {
                config.app.fetch_ca_file = file.map(Path::to_path_buf);
            });
        });
        started.err().expect("refused").to_string()
    };
    assert_has(
        &error(&["good.example", "bad.example/path"], None),
        "the app \"app\": fetch_hosts has \"bad.example/path\"",
    );
    assert_has(&error(&[], Some(&file)), "there is no certificate in it");
    assert_has(&error(&[], Some(Path::new("/nowhere.pem"))), "/nowhere.pem");
}

/// A server that answers each request when it is told to, and what tells it.
fn gated() -> (Origin, mpsc::Sender<()>) {
    let (open, gate) = mpsc::channel();
    let gate = Mutex::new(gate);
    let origin = Origin::start(move |heard, stream| {
        if heard.path() == "/now" {
            return stream.write_all(&answer("200 OK", "", b"now")).is_ok();
        }
        // Closed when the test is over.
        let _ = gate.lock().expect("no panic").recv();
        stream.write_all(&answer("200 OK", "", b"late")).is_ok()
    });
    (origin, open)
}

#[test]
fn requests_under_way_have_a_limit() {
    let (origin, open) = gated();
    let node = node(&[&origin.entry()], |config| config.app.fetches_max = 5);
    let mut client = Client::join(node.port);
    for token in 0..8 {
        ask(&mut client, token, &json!({ "url": origin.url("/gate") }));
    }
    for token in 5..8 {
        let said = next(&mut client);
        assert_eq!((&said[0], &said[1]), (&json!("failed"), &json!(token)));
        assert_has(
            said[2].as_str().expect("a reason"),
            "the app \"app\" has 5 requests under way",
        );
    }
    for round in 0..2 {
        for _ in 0..5 {
            open.send(()).expect("a gate");
        }
        let mut tokens: Vec<_> = (0..5)
            .map(|_| {
                let said = next(&mut client);
                assert_eq!(said[0], "fetched");
                said[1].as_u64().expect("a token")
            })
            .collect();
        tokens.sort_unstable();
        let first = round * 10;
        assert_eq!(tokens, (first..first + 5).collect::<Vec<_>>());
        for token in 10..15 {
            ask(&mut client, token, &json!({ "url": origin.url("/gate") }));
        }
    }
}

#[test]
fn all_requests_together_have_a_limit() {
    let (origin, open) = gated();
    let node = node(&[&origin.entry()], |config| {
        config.app.memory_bytes_max = 32 << 20
    });
    let mut client = Client::join(node.port);
    // A quarter is 8 MiB: four bodies of 2 MiB do not fit with their URLs.
    let wish = json!({ "method": "PUT", "url": origin.url("/gate"), "body": 2 << 20 });
    for token in 0..4 {
        ask(&mut client, token, &wish);
    }
    let said = next(&mut client);
    assert_eq!((&said[0], &said[1]), (&json!("failed"), &json!(3)));
    assert_has(
        said[2].as_str().expect("a reason"),
        "a quarter of its memory_bytes_max",
    );
    for _ in 0..3 {
        open.send(()).expect("a gate");
    }
    for _ in 0..3 {
        assert_eq!(next(&mut client)[0], "fetched");
    }
    open.send(()).expect("a gate");
    assert!(
        try_fetch(&mut client, &wish).is_ok(),
        "what they took is given back"
    );
}

#[test]
fn answers_come_when_they_are_there() {
    let (origin, open) = gated();
    let (_node, mut client) = with(&origin);
    ask(&mut client, 1, &json!({ "url": origin.url("/gate") }));
    for token in 2..50 {
        ask(&mut client, token, &json!({ "url": origin.url("/now") }));
        assert_eq!(next(&mut client)[1], token);
    }
    client.send("42[\"hello\"]");
    assert_eq!(next(&mut client), json!(["hello"]), "nobody waits for it");
    open.send(()).expect("a gate");
    let said = next(&mut client);
    assert_eq!((&said[1], &said[4]), (&json!(1), &json!("late")));
}

#[test]
fn a_new_instance_hears_nothing_of_the_requests_of_a_crashed_one() {
    let (origin, open) = gated();
    let (node, mut client) = with(&origin);
    for token in 0..10 {
        ask(&mut client, token, &json!({ "url": origin.url("/gate") }));
    }
    wait_until("all are under way", || origin.heard().len() == 10);
    client.send("42[\"trap\"]");
    assert_eq!(next(&mut client), json!(["resumed"]));
    wait_until("their connections are closed or answered", || {
        let _ = open.send(());
        origin.ended() == 10
    });
    client.send("42[\"strangers\"]");
    assert_eq!(next(&mut client), json!(["strangers", 0]));
    for _ in 0..3 {
        assert!(get(&mut client, &origin.url("/now")).is_ok());
    }
    assert_eq!(node.counters.guest_traps.total(), 1);
    assert_eq!(origin.opened(), 11);
}

#[test]
fn a_refusal_that_waits_when_the_app_crashes_is_not_told_to_the_next() {
    let node = node(&[], |_| ());
    let mut client = Client::join(node.port);
    for _ in 0..20 {
        for token in 0..10 {
            ask(&mut client, token, &json!({ "url": "https://a.example" }));
        }
        client.send("42[\"trap\"]");
        while next(&mut client) != json!(["resumed"]) {}
    }
    client.send("42[\"strangers\"]");
    let told = loop {
        let said = next(&mut client);
        if said[0] == "strangers" {
            break said;
        }
    };
    assert_eq!(told, json!(["strangers", 0]));
}

#[test]
fn a_node_that_stops_waits_for_no_answer() {
    let (origin, _open) = gated();
    let (node, mut client) = with(&origin);
    ask(&mut client, 1, &json!({ "url": origin.url("/gate") }));
    wait_until("it is under way", || origin.heard().len() == 1);
    drop(client);
    let began = Instant::now();
    node.stop().expect("a good end");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn connections_are_used_again() {
    let origin = Origin::start(|heard, stream| {
        let headers = match heard.path() {
            "/close" => "connection: close\r\n",
            _ => "",
        };
        // After `/silent` it is closed without a word; `/lost` is not answered on every other connection.
        let is_lost = heard.path() == "/lost" && heard.connection.is_multiple_of(2);
        !is_lost
            && stream.write_all(&answer("200 OK", headers, b"x")).is_ok()
            && heard.path() != "/silent"
    });
    let (_node, mut client) = with(&origin);
    let opened = |client: &mut Client, method: &str, path: &str| {
        let wish = json!({ "method": method, "url": origin.url(path) });
        let outcome = try_fetch(client, &wish);
        (outcome.map(|(status, ..)| status), origin.opened())
    };
    for _ in 0..10 {
        assert_eq!(opened(&mut client, "GET", "/"), (Ok(200), 1));
    }
    assert_eq!(opened(&mut client, "POST", "/"), (Ok(200), 1));
    assert_eq!(opened(&mut client, "GET", "/close"), (Ok(200), 1));
    assert_eq!(opened(&mut client, "GET", "/"), (Ok(200), 2));
    assert_eq!(opened(&mut client, "GET", "/silent"), (Ok(200), 2));
    wait_until("it is closed", || origin.ended() == 2);
    assert_eq!(
        opened(&mut client, "POST", "/"),
        (Ok(200), 3),
        "not on the closed one"
    );
    // Lost on the third connection, which was used before: what can be repeated is, on a fourth.
    assert_eq!(opened(&mut client, "GET", "/lost"), (Ok(200), 4));
    assert_eq!(opened(&mut client, "GET", "/close"), (Ok(200), 4));
    assert_eq!(opened(&mut client, "GET", "/"), (Ok(200), 5));
    let (outcome, count) = opened(&mut client, "POST", "/lost");
    assert_eq!(count, 5);
    assert_has(
        &outcome.expect_err("lost"),
        "closed the connection before it had answered completely",
    );
    let lost = origin
        .heard()
        .iter()
        .filter(|heard| heard.path() == "/lost")
        .count();
    assert_eq!(lost, 3, "a POST is sent once");
}

#[test]
fn nothing_smuggles_a_second_request() {
    let origin = Origin::saying(answer("200 OK", "", b"x"));
    let (_node, mut client) = with(&origin);
    let url = origin.url("/");
    for (wish, reason) in [
        (
            json!({ "method": "GET / HTTP/1.1\r\nx: y\r\n\r\nGET", "url": url }),
            "is not a method",
        ),
        (json!({ "method": "GE T", "url": url }), "is not a method"),
        (json!({ "method": "", "url": url }), "is not a method"),
        (json!({ "method": "CONNECT", "url": url }), "cannot be used"),
        (
            json!({ "url": url, "headers": [["x", "a\r\n\r\nGET /evil HTTP/1.1"]] }),
            "the value of the header x",
        ),
        (
            json!({ "url": url, "headers": [["x", "a\nb"]] }),
            "the value of the header x",
        ),
        (
            json!({ "url": url, "headers": [["x", "a\u{0}b"]] }),
            "the value of the header x",
        ),
        (
            json!({ "url": url, "headers": [["x", "\u{10a}"]] }),
            "the value of the header x",
        ),
        (
            json!({ "url": url, "headers": [["x\r\ny", "a"]] }),
            "is not a header's name",
        ),
        (
            json!({ "url": url, "headers": [["x y", "a"]] }),
            "is not a header's name",
        ),
        (
            json!({ "url": url, "headers": [["", "a"]] }),
            "is not a header's name",
        ),
        (
            json!({ "url": "/relative" }),
            "must begin with https:// or http://",
        ),
        (
            json!({ "url": "file:///etc/passwd" }),
            "only http and https",
        ),
        (
            json!({ "url": format!("http://a:b@127.0.0.1:{}", origin.port) }),
            "a name or password",
        ),
    ] {
        assert_has(&refusal(&mut client, &wish), reason);
    }
    assert!(origin.heard().is_empty());
    let framing = json!({
        "method": "POST", "body": "GET /evil HTTP/1.1\r\n\r\n", "url": origin.url("/x\r\n\r\nGET /evil"),
        "headers": [
            ["Content-Length", "0"], ["Transfer-Encoding", "chunked"], ["Host", "evil.example"], ["Connection", "upgrade"],
            ["Upgrade", "x"], ["TE", "trailers"], ["Trailer", "x"], ["Keep-Alive", "1"], ["Proxy-Connection", "x"], ["Expect", "100-continue"],
        ],
    });
    try_fetch(&mut client, &framing).expect("an answer");
    let heard = origin.heard();
    assert_eq!(heard.len(), 1);
    assert_has(&heard[0].head, "POST /xGET%20/evil HTTP/1.1\r\n");
    assert_eq!(heard[0].body, b"GET /evil HTTP/1.1\r\n\r\n");
    assert_eq!(heard[0].headers().len(), 4, "{:?}", heard[0]);
}

#[test]
fn answers_have_many_forms() {
    for (said, is_kept, expected) in [
        ("HTTP/1.0 200 OK\r\n\r\nold", false, Ok((200, "old"))),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nold",
            false,
            Ok((200, "old")),
        ),
        (
            "HTTP/1.1 200\r\n\r\nup to the end",
            false,
            Ok((200, "up to the end")),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\none\r\n4\r\n two\r\n0\r\nx-after: z\r\n\r\n",
            true,
            Ok((200, "one two")),
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", true, Ok((204, ""))),
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
            true,
            Ok((304, "")),
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            true,
            Ok((200, "ok")),
        ),
        (
            "HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n",
            true,
            Ok((999, "")),
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            true,
            Err("status 101"),
        ),
        (
            "",
            false,
            Err("closed the connection before it had answered completely"),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-le",
            false,
            Err("closed the connection"),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel",
            false,
            Err("closed the connection"),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
            false,
            Err("closed the connection"),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\nhel",
            false,
            Err("the request to"),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            false,
            Err("not HTTP/1.1"),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            false,
            Err("not HTTP/1.1"),
        ),
        (
            "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
            false,
            Err("not HTTP/1.1"),
        ),
        ("HTTP/2 200\r\n\r\n", false, Err("not HTTP/1.1")),
        ("SSH-2.0-OpenSSH_9.6\r\n", false, Err("not HTTP/1.1")),
        ("just a body", false, Err("not HTTP/1.1")),
    ] {
        let origin =
            Origin::start(move |_, stream| stream.write_all(said.as_bytes()).is_ok() && is_kept);
        let (_node, mut client) = with(&origin);
        for _ in 0..2 {
            match (get(&mut client, &origin.url("/")), expected) {
                (Ok((status, _, body)), Ok(expected)) => {
                    assert_eq!(
                        (status, body.as_str().expect("a body")),
                        expected,
                        "{said:?}"
                    );
                }
                (Err(reason), Err(part)) => assert_has(&reason, part),
                (outcome, _) => panic!("{said:?}: {outcome:?}"),
            }
        }
        let kept = usize::from(is_kept && expected.is_ok());
        assert_eq!(origin.opened(), 2 - kept, "{said:?}");
    }
}

#[test]
fn heads_have_a_limit() {
    let origin = Origin::start(|heard, stream| {
        let count: usize = heard.path()[2..].parse().expect("a count");
        let headers = if heard.path().starts_with("/h") {
            "x: y\r\n".repeat(count)
        } else {
            format!("x: {}\r\n", "y".repeat(count))
        };
        stream.write_all(&answer("200 OK", &headers, b"")).is_ok()
    });
    let (_node, mut client) = with(&origin);
    for (path, is_taken) in [
        ("/h200", true),
        ("/h300", false),
        ("/b60000", true),
        ("/b70000", false),
    ] {
        let outcome = get(&mut client, &origin.url(path));
        assert_eq!(outcome.is_ok(), is_taken, "{path} {outcome:?}");
    }
    let (status, _, body) = try_fetch(
        &mut client,
        &json!({ "method": "HEAD", "url": origin.url("/h1") }),
    )
    .expect("an answer");
    assert_eq!((status, body), (200, json!("")));
}

#[test]
fn many_clients_fetch_from_all_shards() {
    let origin = Origin::start(|heard, stream| {
        let path = heard.path().to_owned();
        stream
            .write_all(&answer("200 OK", "", path.as_bytes()))
            .is_ok()
    });
    for instances in [
        holdfast::config::Instances::One,
        holdfast::config::Instances::PerShard,
    ] {
        let node = node(&[&origin.entry()], |config| {
            config.shards = 3.into();
            config.app.instances = instances;
        });
        let mut clients: Vec<_> = (0..10).map(|_| Client::join(node.port)).collect();
        for round in 0..10 {
            for (number, client) in clients.iter_mut().enumerate() {
                let token = (round * 100 + number) as u64;
                ask(
                    client,
                    token,
                    &json!({ "url": origin.url(&format!("/{token}")) }),
                );
            }
            for (number, client) in clients.iter_mut().enumerate() {
                let token = (round * 100 + number) as u64;
                let said = next(client);
                assert_eq!(
                    (&said[1], &said[4]),
                    (&json!(token), &json!(format!("/{token}")))
                );
            }
        }
    }
}
