//! Swapping an app while it serves: connections stay, nothing is lost, doubled or out of order, and what cannot
//! be swapped to changes nothing.

use crate::support::client::Client;
use crate::support::node::{TestFolder, TestNode, hostile_app, script};
use holdfast::config::Instances;
use holdfast::control::SwapError;
use holdfast::guest::Source;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A version of an app that tells its number.
fn version(number: usize) -> String {
    format!(
        r#"
        import {{ Server }} from "holdfast";
        const io = new Server();
        io.on("connection", (socket) => {{
            if (!socket.recovered) {{ socket.join(["all", "of " + socket.id]); socket.data.met = {number}; }}
            socket.on("n", (n, answer) => {{ socket.emit("m", n); answer(n, {number}); }});
            socket.on("who", (answer) => answer(socket.id, [...socket.rooms].sort(), socket.data.met, {number}));
            socket.on("shout", () => io.to("all").emit("shout", {number}));
            socket.on("later", (ms) => setTimeout(() => socket.emit("late", {number}), ms));
        }});
        "#
    )
}

fn start(shards: usize, instances: Instances, folder: &TestFolder) -> TestNode {
    TestNode::start(|config| {
        config.shards = shards.into();
        config.app.file = Some(folder.file("app.js"));
        config.app.instances = instances;
    })
}

/// Its id, rooms and data as the app knows them, and the version that says so.
fn who(client: &mut Client) -> (String, usize) {
    client.send("420[\"who\"]");
    let text = client.text();
    let rest = text.strip_prefix("430").unwrap_or_else(|| panic!("{text}"));
    let values: Vec<serde_json::Value> = serde_json::from_str(rest).expect("JSON");
    let known = format!("{} {} {}", values[0], values[1], values[2]);
    (known, values[3].as_u64().expect("a version") as usize)
}

/// Messages that a client has under way at a time.
const WINDOW: usize = 64;
const CLIENTS: usize = 20;
const SWAPS: usize = 20;

/// Sends numbers and expects each of them twice, as a message and as an acknowledgement, in order, until
/// told to stop. Returns the versions that answered last.
fn talk(client: &mut Client, stop: &AtomicBool, answered: &AtomicU64) -> usize {
    let (mut sent, mut heard, mut version) = (0, 0, 0);
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        while !stopping && sent < heard + WINDOW {
            client.send(&format!("42{sent}[\"n\",{sent}]"));
            sent += 1;
        }
        if heard == sent {
            return version;
        }
        assert_eq!(client.text(), format!("42[\"m\",{heard}]"));
        let text = client.text();
        let by = text
            .strip_prefix(&format!("43{heard}[{heard},"))
            .and_then(|rest| rest.strip_suffix(']')?.parse().ok())
            .unwrap_or_else(|| panic!("after {heard}: {text}"));
        assert!(by >= version, "version {by} after {version}");
        version = by;
        heard += 1;
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn swaps_under_traffic(shards: usize, instances: Instances) {
    let folder = TestFolder::new(
        &format!("traffic-{shards}-{instances:?}"),
        &[("app.js", &version(0))],
    );
    let node = start(shards, instances, &folder);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::join(node.port)).collect();
    let known: Vec<_> = clients.iter_mut().map(|client| who(client).0).collect();
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let (stop, answered) = (&stop, &answered);
        let talking: Vec<_> = clients
            .iter_mut()
            .map(|client| scope.spawn(move || talk(client, stop, answered)))
            .collect();
        for number in 1..=SWAPS {
            let before = answered.load(Ordering::Relaxed);
            let report = node.swap("app", script(&version(number))).expect("a swap");
            assert_eq!((report.app.as_str(), report.digest.len()), ("app", 64));
            // Every version is met with traffic.
            let begun = Instant::now();
            while answered.load(Ordering::Relaxed) < before + 10 * CLIENTS as u64 {
                assert!(begun.elapsed() < Duration::from_secs(20), "traffic stands");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        stop.store(true, Ordering::Relaxed);
        for one in talking {
            one.join().expect("every message answered once, in order");
        }
    });
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered >= 4000, "only {answered} messages");
    for (client, known) in clients.iter_mut().zip(&known) {
        assert_eq!(who(client), (known.clone(), SWAPS));
    }
    clients[0].send("42[\"shout\"]");
    for client in &mut clients {
        assert_eq!(client.text(), format!("42[\"shout\",{SWAPS}]"));
    }
    assert_eq!(node.counters.guest_traps.total(), 0);
}

#[test]
fn nothing_is_lost_with_one_instance_on_one_shard() {
    swaps_under_traffic(1, Instances::One);
}

#[test]
fn nothing_is_lost_with_one_instance_for_two_shards() {
    swaps_under_traffic(2, Instances::One);
}

#[test]
fn nothing_is_lost_with_an_instance_on_one_shard() {
    swaps_under_traffic(1, Instances::PerShard);
}

#[test]
fn nothing_is_lost_with_an_instance_on_each_of_two_shards() {
    swaps_under_traffic(2, Instances::PerShard);
}

#[test]
fn what_is_refused_changes_nothing() {
    let folder = TestFolder::new("refused", &[("app.js", &version(1))]);
    for (shards, instances) in [(1, Instances::One), (2, Instances::PerShard)] {
        let node = start(shards, instances, &folder);
        let mut client = Client::join(node.port);
        let before = who(&mut client);
        for wrong in [
            Source::Bytes(b"nothing".to_vec()),
            script("throw new Error('told to')"),
            script("for (;;) {}"),
            script("import { nothing } from 'holdfast';"),
        ] {
            let refused = node.swap("app", wrong);
            assert!(matches!(refused, Err(SwapError::Guest(_))), "{refused:?}");
        }
        let unknown = node.swap("ap", script(&version(2))).unwrap_err();
        assert_eq!(unknown.to_string(), "there is no app \"ap\": there are app");
        assert_eq!(who(&mut client), before);
        node.swap("app", script(&version(2))).expect("a swap");
        assert_eq!(who(&mut client), (before.0, 2));
    }
}

#[test]
fn a_version_that_serves_what_another_app_does_is_refused() {
    let folder = TestFolder::new("taken", &[("app.js", &version(1))]);
    let node = TestNode::start(|config| {
        let mut other = config.app.clone();
        other.file = Some(folder.file("other.js"));
        folder.write(
            "other.js",
            &version(1).replace("io.on", "io.of('/other').on"),
        );
        config.app.file = Some(folder.file("app.js"));
        config.apps = [("one", config.app.clone()), ("two", other)]
            .map(|(name, app)| (name.to_owned(), app))
            .into();
    });
    let mut client = Client::join(node.port);
    let refused = node.swap("two", script(&version(2))).unwrap_err();
    assert!(
        refused.to_string().contains("both serve \"/\""),
        "{refused}"
    );
    assert_eq!(who(&mut client).1, 1);
}

#[test]
fn timers_end_with_their_version() {
    let folder = TestFolder::new("timers", &[("app.js", &version(1))]);
    let node = start(1, Instances::One, &folder);
    let mut client = Client::join(node.port);
    client.send("42[\"later\",300]");
    who(&mut client);
    node.swap("app", script(&version(2))).expect("a swap");
    client.send("42[\"later\",600]");
    assert_eq!(
        client.text(),
        "42[\"late\",2]",
        "and no word of the old one"
    );
}

#[test]
fn sockets_that_are_served_no_more_are_disconnected() {
    let folder = TestFolder::new("served", &[("app.js", "")]);
    let both = "io.of('/b').on('connection', (socket) => socket.on('x', () => {}));";
    folder.write("app.js", &format!("{}{both}", version(1)));
    for shards in [1, 2] {
        let node = start(shards, Instances::One, &folder);
        let mut clients: Vec<_> = (0..4).map(|_| Client::join(node.port)).collect();
        for client in &mut clients {
            client.send("40/b,");
            let text = client.text();
            assert!(text.starts_with("40/b,{"), "{text}");
        }
        node.swap("app", script(&version(2))).expect("a swap");
        for client in &mut clients {
            assert_eq!(client.text(), "41/b,");
            assert_eq!(who(client).1, 2, "the others stay");
            client.send("40/b,");
            assert_eq!(client.text(), "44/b,{\"message\":\"Invalid namespace\"}");
        }
        node.swap("app", script(&format!("{}{both}", version(3))))
            .expect("a swap");
        for client in &mut clients {
            client.send("40/b,");
            let text = client.text();
            assert!(text.starts_with("40/b,{"), "{text}");
        }
    }
}

#[test]
fn a_component_is_swapped_for_a_script_and_back() {
    let node = TestNode::start(|config| config.app.file = Some(hostile_app()));
    let mut client = Client::join(node.port);
    node.swap("app", script(&version(1))).expect("a swap");
    assert_eq!(who(&mut client).1, 1);
    node.swap("app", Source::File(hostile_app()))
        .expect("a swap");
    assert_eq!(client.text(), "42[\"resumed\"]");
    client.send("42[\"trap\"]");
    assert_eq!(client.text(), "42[\"resumed\"]", "it is its own successor");
}

#[test]
fn a_node_that_has_stopped_swaps_nothing() {
    let folder = TestFolder::new("stopped", &[("app.js", &version(1))]);
    let node = start(1, Instances::One, &folder);
    let control = node.control.clone();
    node.stop().expect("a stop");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let late = runtime.block_on(control.swap_app("app", script(&version(2))));
    assert_eq!(late, Err(SwapError::Stopping));
}

/// Asks until this version answers.
fn wait_for(client: &mut Client, expected: usize) {
    let begun = Instant::now();
    while who(client).1 != expected {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it is not swapped"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn files_are_watched() {
    let folder = TestFolder::new("watched", &[("app.js", &version(1))]);
    let node = TestNode::start(|config| {
        config.app.file = Some(folder.file("app.js"));
        config.watch = true;
    });
    let mut client = Client::join(node.port);
    assert_eq!(who(&mut client).1, 1);
    folder.write("app.js", &version(2));
    wait_for(&mut client, 2);
    // A mistake leaves it running; a file that was missing is found when it comes to be.
    folder.write("app.js", "import './more.js' oh no");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(who(&mut client).1, 2);
    folder.write("app.js", "import './more.js';");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(who(&mut client).1, 2);
    folder.write("more.js", &version(3));
    wait_for(&mut client, 3);
    // It is of the app now. Editors replace files.
    folder.write("new.js", &version(4));
    std::fs::rename(folder.file("new.js"), folder.file("more.js")).unwrap();
    wait_for(&mut client, 4);
}
