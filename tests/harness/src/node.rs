//! A node on a free port of this process, and how it is set up. Used by tests. It takes the same settings
//! as the binary, by the same code: what a config file would say is written into one.

use crate::app::App;
use crate::client::{Client, Connecting};
use crate::http::{Answer, Request};
use crate::limits::{LOG_LINES_SHOWN, PATIENCE};
use crate::log::Log;
use crate::session::{Failure, Target, Transport};
use holdfast::config::{Config, What, load};
use holdfast::counters::Counters;
use holdfast::server::{Node as Server, NodeError, bind};
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;
use toml::{Table, Value};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is refused: what the binary would say.
    #[error("{0}")]
    Settings(String),
    /// A crate was not built.
    #[error("{0}")]
    Build(String),
    /// A guest is refused.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A file or a thread.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What a node is to be like. Begins with the defaults of the binary and the demo app.
///
/// ```no_run
/// use holdfast_test::{App, Node};
///
/// let node = Node::builder()
///     .app(App::crate_folder(env!("CARGO_MANIFEST_DIR")))
///     .env("GREETING", "hello")
///     .setting("protocol.ping_interval", 300)
///     .setting("app.memory_bytes_max", 16 << 20)
///     .start()?;
/// # Ok::<(), holdfast_test::StartError>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    settings: Vec<(String, Value)>,
    apps: Vec<(Option<String>, App)>,
    patience: Option<Duration>,
}

impl Builder {
    /// Loads an app: a path to a component, a core module or a script, or whatever [`App`] can be.
    pub fn app(mut self, app: impl Into<App>) -> Self {
        self.apps.push((None, app.into()));
        self
    }

    /// Loads one of several apps, `[apps.NAME]` in the config. Its settings: `setting("apps.NAME.…", …)`.
    pub fn app_named(mut self, name: &str, app: impl Into<App>) -> Self {
        self.apps.push((Some(name.to_owned()), app.into()));
        self
    }

    /// Says that the built-in demo app is meant.
    pub fn demo(self) -> Self {
        self
    }

    /// A setting by its name in the config file: `protocol.ping_interval`, `limits.outbox_bytes_max`,
    /// `shards`, … The last one of a name counts.
    pub fn setting(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// An environment value of the app.
    pub fn env(self, name: &str, value: &str) -> Self {
        self.setting(&format!("app.env.{name}"), value)
    }

    /// How many event loops there are; by default one a core.
    pub fn shards(self, shards: u16) -> Self {
        self.setting("shards", i64::from(shards))
    }

    /// What is logged: `debug`, `info,holdfast=trace`, …
    pub fn log(self, filter: &str) -> Self {
        self.setting("log", filter)
    }

    /// How long anything is waited for, at the node and its clients.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Loads the app and serves on a free port of this machine.
    ///
    /// # Errors
    /// What the binary would refuse to start with.
    pub fn start(self) -> Result<Node, StartError> {
        let patience = self.patience.unwrap_or(PATIENCE);
        let state = state_folder();
        let folder = Folder::create(&state)?;
        let config = self.config(&state, &folder.0)?;
        let log = Log::default();
        let dispatch = log.dispatch(&config.log);
        let prepared = tracing::dispatcher::with_default(&dispatch, || Server::prepare(config));
        let server = prepared.inspect_err(|_| show(&log))?;
        let counters = server.counters();
        let path = server.mount_path().to_owned();
        let listeners = bind(&[SocketAddr::from(([127, 0, 0, 1], 0))])?;
        let first = listeners.first().map(std::net::TcpListener::local_addr);
        let address = first.unwrap_or_else(|| Err(io::Error::other("no listener")))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (end, ended) = mpsc::channel();
        std::thread::Builder::new()
            .name("test-node".to_owned())
            .spawn(move || {
                let run = || -> Result<(), NodeError> {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()?;
                    runtime.block_on(server.run(listeners, async {
                        let _ = stopped.await;
                    }))
                };
                let _ = end.send(tracing::dispatcher::with_default(&dispatch, run));
            })?;
        Ok(Node {
            address,
            path,
            counters,
            log,
            patience,
            stop: Some(stop),
            ended,
            _folder: folder,
        })
    }

    /// The config, as the binary would read it from a file.
    fn config(self, state: &Path, folder: &Path) -> Result<Config, StartError> {
        let mut table = Table::new();
        set(&mut table, "page", false.into())?;
        set(
            &mut table,
            "state_dir",
            state.to_string_lossy().into_owned().into(),
        )?;
        for (number, (name, app)) in self.apps.into_iter().enumerate() {
            let file = app.into_file(folder, state, &format!("app-{number}"))?;
            let key = name.map_or("app.file".to_owned(), |name| format!("apps.{name}.file"));
            set(&mut table, &key, file.to_string_lossy().into_owned().into())?;
        }
        for (name, value) in self.settings {
            set(&mut table, &name, value)?;
        }
        let file = folder.join("holdfast.toml");
        std::fs::write(&file, table.to_string())?;
        let arguments = ["holdfast".into(), "--config".into(), file.into_os_string()];
        let command = load(arguments, Vec::<(OsString, OsString)>::new(), folder)
            .map_err(|errors| StartError::Settings(errors.to_string()))?;
        match command.what {
            What::Run => Ok(command.config),
            what => Err(StartError::Settings(format!(
                "the settings mean something else: {what:?}"
            ))),
        }
    }
}

/// Puts a value where a name with dots says.
fn set(table: &mut Table, name: &str, value: Value) -> Result<(), StartError> {
    let Some((section, rest)) = name.split_once('.') else {
        table.insert(name.to_owned(), value);
        return Ok(());
    };
    let inner = table
        .entry(section)
        .or_insert_with(|| Value::Table(Table::new()));
    match inner {
        Value::Table(inner) => set(inner, rest, value),
        _ => Err(StartError::Settings(format!(
            "{section} is a setting, and {section}.{rest} another"
        ))),
    }
}

/// A running node. It stops when it is dropped.
#[derive(Debug)]
pub struct Node {
    address: SocketAddr,
    path: String,
    counters: Arc<Counters>,
    log: Log,
    patience: Duration,
    stop: Option<oneshot::Sender<()>>,
    ended: mpsc::Receiver<Result<(), NodeError>>,
    _folder: Folder,
}

impl Node {
    /// A node to be set up.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A client in a namespace.
    ///
    /// # Panics
    /// When it is not let in.
    #[must_use]
    #[track_caller]
    pub fn connect(&self, namespace: &str) -> Client {
        self.client(namespace)
            .connect()
            .unwrap_or_else(|failure| panic!("a client of {namespace}: {failure}"))
    }

    /// A client to be set up: transport, auth, headers, query.
    pub fn client(&self, namespace: &str) -> Connecting<'static> {
        let target = Target {
            address: self.address,
            path: self.path.clone(),
            transport: Transport::default(),
            headers: Vec::new(),
            query: String::new(),
            patience: self.patience,
        };
        Connecting::new(target, namespace)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Its last log lines.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Waits for a log line with this text, and gives it.
    ///
    /// # Panics
    /// When there is none in time.
    #[track_caller]
    pub fn expect_log(&self, text: &str) -> String {
        self.log.wait(text, self.patience).unwrap_or_else(|| {
            panic!("no log line with {text:?} within {:?}", self.patience);
        })
    }

    /// Sends a plain HTTP request.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn http(&self, method: &str, target: &str, body: &str) -> Result<Answer, Failure> {
        let request = Request {
            address: self.address,
            method,
            target,
            headers: &[],
            body: body.as_bytes(),
            patience: self.patience,
        };
        let stream = request.connect()?;
        stream.set_read_timeout(Some(self.patience))?;
        Ok(request.exchange(&stream)?)
    }

    /// Stops it, as SIGTERM would: clients are told.
    ///
    /// # Panics
    /// When it failed, or does not stop in time.
    #[track_caller]
    pub fn stop(mut self) {
        if let Err(reason) = self.end() {
            panic!("{reason}");
        }
    }

    /// Stops it, once.
    fn end(&mut self) -> Result<(), String> {
        if self.stop.take().is_none() {
            return Ok(());
        }
        match self.ended.recv_timeout(STOPPING + self.patience) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the node failed: {error}")),
            Err(_) => Err("the node does not stop, or its thread panicked".to_owned()),
        }
    }
}

/// How long a node may take to stop by its settings, at least.
const STOPPING: Duration = Duration::from_secs(10);

impl Drop for Node {
    fn drop(&mut self) {
        let ended = self.end();
        if std::thread::panicking() {
            show(&self.log);
        } else if let Err(reason) = ended {
            panic!("{reason}");
        }
    }
}

/// Shows the end of a log, for whoever looks into why a test failed.
fn show(log: &Log) {
    let lines = log.lines();
    let left_out = lines.len().saturating_sub(LOG_LINES_SHOWN);
    eprintln!(
        "--- the node's log{}",
        if left_out > 0 { ", the end of it" } else { "" }
    );
    for line in lines.iter().skip(left_out) {
        eprintln!("{line}");
    }
    eprintln!("---");
}

/// Where compiled guests and built crates are kept between tests: in cargo's target folder, if there is one.
fn state_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let target = test
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists());
    target
        .map_or_else(std::env::temp_dir, Path::to_path_buf)
        .join("holdfast-test")
}

/// A folder of one node, removed with it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn create(state: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = state.join(format!("nodes/{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
