//! A real node on an ephemeral port of this process, and guests built for tests.

use holdfast::config::Config;
use holdfast::control::{Control, SwapError, SwapReport};
use holdfast::counters::Counters;
use holdfast::guest::Source;
use holdfast::server::{Node, NodeError, bind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A node that serves until it is dropped.
pub struct TestNode {
    pub port: u16,
    pub counters: Arc<Counters>,
    pub control: Control,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), NodeError>>>,
}

impl TestNode {
    /// Starts a node with the embedded guests, changed by `change`.
    pub fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::try_start(change).expect("the guests start")
    }

    /// The same, where a guest may refuse its settings.
    pub fn try_start(change: impl FnOnce(&mut Config)) -> Result<Self, NodeError> {
        let mut config = Config {
            state_dir: target().join("test-state"),
            ..Config::default()
        };
        change(&mut config);
        let node = Node::prepare(config)?;
        let (counters, control) = (node.counters(), node.control());
        let listeners = bind(&[SocketAddr::from(([127, 0, 0, 1], 0))]).expect("a free port");
        let port = listeners[0].local_addr().expect("an address").port();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(node.run(listeners, async {
                let _ = stopped.await;
            }))
        });
        Ok(Self {
            port,
            counters,
            control,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Asks the node to stop, without waiting.
    pub fn ask_to_stop(&mut self) {
        self.stop.take();
    }

    /// Stops the node and returns how it ended.
    pub fn stop(mut self) -> Result<(), NodeError> {
        self.ask_to_stop();
        self.thread
            .take()
            .expect("not stopped before")
            .join()
            .expect("no panic")
    }

    /// Swaps an app, and waits.
    pub fn swap(&self, app: &str, source: Source) -> Result<SwapReport, SwapError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime
            .expect("a runtime")
            .block_on(self.control.swap_app(app, source))
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                assert!(matches!(ended, Ok(Ok(()))), "the node ended with {ended:?}");
            }
        }
    }
}

/// The folder cargo builds into.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a target folder")
        .to_path_buf()
}

/// The app guest that misbehaves on request, as a file.
pub fn hostile_app() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| built("hostile")).clone()
}

/// The app guest that sends requests, as a file.
pub fn fetching_app() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| built("fetching")).clone()
}

/// The protocol guest that crashes on request, as a file.
pub fn fragile_protocol() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| built("fragile")).clone()
}

/// A script of one file as an app.
pub fn script(text: &str) -> Source {
    let module = serde_json::json!({ "name": "app.js", "kind": "esm", "source": text, "map": null, "imports": { "holdfast": "holdfast" } });
    let bundle = serde_json::json!({ "holdfast": 1, "entry": "app.js", "modules": [module] });
    Source::Script {
        title: "app.js".to_owned(),
        text: bundle.to_string().into(),
    }
}

/// A folder of a test's own, with these files, removed when it is dropped.
pub struct TestFolder(pub PathBuf);

impl TestFolder {
    pub fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        let folder = Self(path);
        for (file, text) in files {
            folder.write(file, text);
        }
        folder
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.join(file), text).expect("a file");
    }

    pub fn file(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        // Left behind, it does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn built(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("guests")
        .join(name);
    let component = holdfast_guest_build::build_guest(&folder, &target().join("guests"), "guest")
        .expect("the guest builds");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.wasm"));
    std::fs::write(&file, component).expect("the guest is written");
    file
}
