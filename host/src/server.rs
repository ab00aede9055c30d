//! A node: loads the guests, starts the shards, accepts connections, stops.
//!
//! Called by `main` and by tests: [`Node::prepare`] does everything that can be refused, [`Node::run`]
//! serves until it is told to stop. It never handles a request itself.

use crate::app::App;
use crate::apps::{Apps, Started};
use crate::clock::Clock;
use crate::config::{Config, Instances};
use crate::connection::Surroundings;
use crate::control::Control;
use crate::counters::Counters;
use crate::files::{Files, client_version};
use crate::guest::contract::{Description, Setting};
use crate::guest::{GuestError, GuestLimits, Module, ProtocolGuest, Runtime, Source, World};
use crate::http::Http;
use crate::inbox::Inbox;
use crate::mailbox::{Letter, Shards};
use crate::outgoing::LOOKUPS_MAX;
use crate::protocol::{Protocol, ProtocolSettings};
use crate::shard::{AppStart, Shard};
use crate::telemetry::limited;
use crate::tickets::Tickets;
use crate::watch::Watched;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// The embedded guests.
const PROTOCOL: Source = Source::Embedded(
    "protocol",
    include_bytes!(concat!(env!("OUT_DIR"), "/protocol.wasm")),
);
/// How long accepting pauses when the system is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long answers that are being written may take when the node stops.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Why a node could not start, or could not go on.
#[expect(missing_docs, reason = "each message says what its fields are")]
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A guest was refused or failed.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// A script could not be loaded: with file, line and column.
    #[error("{0}")]
    Script(String),
    /// An address could not be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen { address: String, reason: String },
    /// Apps cannot run together, or one asks for too much.
    #[error("{0}")]
    Apps(String),
    /// A setting of what an app may fetch is wrong.
    #[error("{0}")]
    Fetching(String),
    /// The system refused something a shard needs.
    #[error("a shard could not be started: {0}")]
    Shard(#[from] io::Error),
    /// A shard's thread ended without a word: a defect in the host.
    #[error("a shard ended unexpectedly: this is a defect, please report it with the log")]
    Ended,
}

/// A node whose guests are loaded and started, ready to serve.
pub struct Node {
    config: Config,
    shards: Shards,
    clock: Clock,
    apps: Arc<Apps>,
    /// Their instances, by number.
    started: Vec<Started>,
    /// One for each shard.
    protocols: Vec<(ProtocolSettings, ProtocolGuest)>,
    description: Description,
    counters: Arc<Counters>,
    /// Whether the node stops, and who hears of it.
    stopping: watch::Sender<bool>,
    control: Control,
    /// Role, name, version and module of each guest, for people.
    pub guests: Vec<(String, String, String, Module)>,
}

impl Node {
    /// Loads and starts the guests that the config names. Opens no port.
    ///
    /// # Errors
    /// When a guest cannot be loaded, refuses its settings, or crashes: a sentence for the operator.
    pub fn prepare(config: Config) -> Result<Self, NodeError> {
        let shards = Shards::new(config.shards.count());
        let clock = Clock::start();
        let runtime = Runtime::new(&config.state_dir)?;
        let (apps, started) = Apps::start(&runtime, clock, shards.count(), &config)?;
        let asked = apps.asked_settings(&config);
        let module = runtime.load(
            &config.protocol.file.clone().map_or(PROTOCOL, Source::File),
            World::Protocol,
        )?;
        let turn_bytes_max = config.limits.turn_bytes_max;
        let protocol_settings = ProtocolSettings {
            runtime: runtime.clone(),
            module: module.clone(),
            limits: GuestLimits {
                memory_bytes_max: config.protocol.memory_bytes_max,
                deadline_ms: config.protocol.deadline_ms,
            },
            settings: protocol_guest_settings(&config, &asked),
            batch_bytes_max: batch_bytes_max(turn_bytes_max, config.protocol.memory_bytes_max),
        };
        let protocols = (0..shards.count())
            .map(|shard| {
                let settings = protocol_settings.of_shard(shard, shards.count());
                settings.start().map(|guest| (settings, guest))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| asked_by(error, &asked))?;
        let description = protocols
            .first()
            .map(|(_, guest)| guest.description.clone())
            .ok_or(NodeError::Ended)?;
        give_memory_back();
        let mut guests = vec![(
            "protocol".to_owned(),
            description.name.clone(),
            description.version.clone(),
            module,
        )];
        for (entry, started) in apps.entries.iter().zip(&started) {
            let role = if config.apps.is_empty() {
                "app".to_owned()
            } else {
                format!("app {}", entry.name)
            };
            let version = &started.version;
            guests.push((
                role,
                version.manifest.name.clone(),
                version.manifest.version.clone(),
                version.module.clone(),
            ));
        }
        let apps = Arc::new(apps);
        let (stopping, stopped) = watch::channel(false);
        Ok(Self {
            control: Control::new(apps.clone(), shards.clone(), stopped),
            config,
            shards,
            clock,
            apps,
            started,
            protocols,
            description,
            counters: Arc::default(),
            stopping,
            guests,
        })
    }

    /// What can be done to the node while it serves.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// What the node counts.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// How many event loops there are.
    pub fn shard_count(&self) -> usize {
        self.shards.count()
    }

    /// The path under which sessions are served.
    pub fn mount_path(&self) -> &str {
        &self.description.mount_path
    }

    /// Serves on these listeners until `shutdown` resolves, then tells clients, closes and returns
    /// within `shutdown_timeout_ms`.
    ///
    /// # Errors
    /// When a shard cannot start or cannot go on.
    pub async fn run(
        self,
        listeners: Vec<TcpListener>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), NodeError> {
        raise_file_limit();
        let Self {
            config,
            shards,
            clock,
            apps,
            started,
            protocols,
            description,
            counters,
            stopping,
            control,
            guests,
        } = self;
        let stopped = stopping.subscribe();
        let (ended, mut ends) = mpsc::unbounded_channel();
        let tickets = Tickets::new(
            config.limits.connections_max,
            config.limits.connections_per_address_max,
        );
        let node = describe_node(guests, apps.clone(), shards.count(), clock);
        if config.watch {
            crate::watch::start(control, watched(&apps), stopped.clone())?;
        }
        let mut threads = Vec::new();
        let starts = app_starts(&apps, started, shards.count());
        for ((shard, (settings, guest)), apps) in protocols.into_iter().enumerate().zip(starts) {
            let told = apps
                .iter()
                .map(|app| (app.manifest.clone(), app.place as u32));
            let listeners = listeners
                .iter()
                .map(TcpListener::try_clone)
                .collect::<io::Result<Vec<_>>>()?;
            let start = ShardStart {
                shard,
                shards: shards.clone(),
                clock,
                protocol: Protocol::new(settings, guest, told.collect()),
                apps,
                description: description.clone(),
                counters: counters.clone(),
                config: config.clone(),
                files: Files {
                    page: config.page,
                    node: node.clone(),
                },
                tickets: tickets.clone(),
                listeners,
                stopped: stopped.clone(),
            };
            let ended = ended.clone();
            // A shard logs where the thread that runs the node does.
            let log = tracing::dispatcher::get_default(Clone::clone);
            let thread = std::thread::Builder::new()
                .name(format!("shard-{shard}"))
                .spawn(move || {
                    // The receiver lives as long as any shard.
                    let run = || run_shard(start);
                    let _ = ended.send(tracing::dispatcher::with_default(&log, run));
                })?;
            threads.push(thread);
        }
        drop(ended);
        drop(listeners);
        let mut result = tokio::select! {
            () = shutdown => Ok(()),
            end = ends.recv() => end.unwrap_or(Err(NodeError::Ended)),
        };
        // Nobody listens any more if all shards have ended.
        let _ = stopping.send(true);
        (0..shards.count()).for_each(|shard| shards.send(shard, Letter::Stop));
        while let Some(end) = ends.recv().await {
            result = result.and(end);
        }
        for thread in threads {
            result = result.and(thread.join().map_err(|_| NodeError::Ended));
        }
        result
    }
}

/// What part of a guest's memory the events of one call may take: it holds them several times over while
/// it works on them.
const MEMORY_PER_BATCH: u64 = 16;

/// Bytes of events for one call of a guest with so much memory.
pub fn batch_bytes_max(turn_bytes_max: u64, memory_bytes_max: u64) -> usize {
    let bytes = turn_bytes_max.min(memory_bytes_max / MEMORY_PER_BATCH);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// What each shard begins with of each app.
fn app_starts(apps: &Apps, started: Vec<Started>, shards: usize) -> Vec<Vec<AppStart>> {
    let mut starts: Vec<Vec<AppStart>> = (0..shards).map(|_| Vec::new()).collect();
    for (entry, started) in apps.entries.iter().zip(started) {
        let per_shard = entry.config.instances == Instances::PerShard;
        let first = entry.places.first().map_or(0, |(place, _)| *place as usize);
        let places = entry.places.iter().map(|(place, _)| *place as usize);
        let mut instances: Vec<Option<App>> = (0..shards).map(|_| None).collect();
        for (place, app) in places.zip(started.instances) {
            if let Some(instance) = instances.get_mut(place) {
                *instance = Some(app);
            }
        }
        for ((shard, of_shard), app) in starts.iter_mut().enumerate().zip(instances) {
            of_shard.push(AppStart {
                app,
                manifest: started.version.manifest.clone(),
                place: if per_shard { shard } else { first },
                per_shard,
            });
        }
    }
    starts
}

/// The apps whose files are to be watched.
fn watched(apps: &Apps) -> Vec<Watched> {
    let of_files = apps.entries.iter().filter_map(|entry| {
        let file = entry.config.file.clone()?;
        let reload = Box::new(move || crate::script::load(&file));
        Some(Watched::new(
            entry.name.to_string(),
            entry.files.clone(),
            reload,
        ))
    });
    of_files.collect()
}

/// An error of the protocol guest over its settings, with the app that asked for the one it names.
fn asked_by(error: GuestError, asked: &[(&str, Setting)]) -> GuestError {
    match error {
        GuestError::Refused { origin, reason } => {
            let named = |key: &str| {
                let mut words = reason.split(|c: char| !(c.is_alphanumeric() || "_.-".contains(c)));
                words.any(|word| word == key)
            };
            let by = asked.iter().find(|(_, setting)| named(&setting.key));
            let reason = match by {
                Some((app, setting)) => {
                    format!("{reason} (the app {app:?} asks for {})", setting.key)
                }
                None => reason,
            };
            GuestError::Refused { origin, reason }
        }
        other => other,
    }
}

/// The settings for the protocol guest: what it must know of the host, what apps ask for, what the operator
/// says.
fn protocol_guest_settings(config: &Config, asked: &[(&str, Setting)]) -> Vec<Setting> {
    let setting = |key: &str, value: &str| Setting {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    // What comes later wins.
    let mut settings = vec![setting("serve_client", &config.serve_client.to_string())];
    settings.extend(asked.iter().map(|(_, setting)| setting.clone()));
    let own = config.protocol.settings.iter();
    settings.extend(own.map(|(key, value)| setting(key, value)));
    let memory = config.protocol.memory_bytes_max.to_string();
    settings.push(setting("memory_bytes_max", &memory));
    settings
}

/// Opens the addresses of the config. `[::]` takes both families where the system lets it.
///
/// # Errors
/// Which address, why, and what to do.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, NodeError> {
    addresses
        .iter()
        .map(|address| bind_one(*address).map_err(|error| listen_error(*address, &error)))
        .collect()
}

fn listen_error(address: SocketAddr, error: &io::Error) -> NodeError {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another process listens there; end it, or choose another address with --listen"
        }
        io::ErrorKind::PermissionDenied => ": ports below 1024 need root or CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
        _ => "",
    };
    NodeError::Listen {
        address: address.to_string(),
        reason: format!("{error}{advice}"),
    }
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol as Tcp, Socket, Type};
    let any = address.ip().is_unspecified();
    let socket = match Socket::new(Domain::for_address(address), Type::STREAM, Some(Tcp::TCP)) {
        // A system without IPv6: the other family alone.
        Err(_) if any && address.is_ipv6() => {
            return bind_one(SocketAddr::from(([0, 0, 0, 0], address.port())));
        }
        other => other?,
    };
    if address.is_ipv6() {
        socket.set_only_v6(!any)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

/// What a shard's thread begins with.
struct ShardStart {
    shard: usize,
    shards: Shards,
    clock: Clock,
    protocol: Protocol,
    apps: Vec<AppStart>,
    description: Description,
    counters: Arc<Counters>,
    config: Config,
    files: Files,
    tickets: Tickets,
    listeners: Vec<TcpListener>,
    stopped: watch::Receiver<bool>,
}

fn run_shard(start: ShardStart) -> Result<(), NodeError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(COMPRESSING_THREADS_MAX + LOOKUPS_MAX)
        .build_local(LocalOptions::default())?;
    let limits = &start.config.limits;
    let surroundings = Rc::new(Surroundings {
        inbox: Inbox::new(
            limits.frames_per_turn_max,
            usize::try_from(limits.turn_bytes_max).unwrap_or(usize::MAX),
        ),
        shards: start.shards.clone(),
        shard: start.shard,
        counters: start.counters,
        outbox_bytes_max: usize::try_from(limits.outbox_bytes_max).unwrap_or(usize::MAX),
        turn_bytes_max: usize::try_from(limits.turn_bytes_max).unwrap_or(usize::MAX),
        notes_bytes_max: usize::try_from(start.config.protocol.memory_bytes_max)
            .unwrap_or(usize::MAX),
        close_timeout: Duration::from_millis(limits.close_timeout_ms),
        write_timeout: Duration::from_millis(limits.write_timeout_ms),
        messages_per_second_max: limits.messages_per_second_max,
    });
    let http = Rc::new(Http {
        shards: start.shards,
        shard: start.shard,
        description: start.description,
        files: start.files,
        body_timeout: Duration::from_millis(limits.body_timeout_ms),
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.request_head_timeout_ms))
        .max_buf_size(
            usize::try_from(limits.request_head_bytes_max)
                .unwrap_or(usize::MAX)
                .max(8192),
        )
        .max_headers(HEADERS_MAX);
    let alive = Rc::new(());
    for listener in start.listeners {
        let accepting = Accepting {
            server: server.clone(),
            http: http.clone(),
            tickets: start.tickets.clone(),
            surroundings: surroundings.clone(),
            stopped: start.stopped.clone(),
            alive: alive.clone(),
        };
        runtime.spawn_local(accepting.run(listener));
    }
    let mut shard = Shard::new(
        surroundings,
        start.clock,
        start.protocol,
        start.apps,
        &runtime,
    );
    let result = shard.run(&runtime, limits.shutdown_timeout_ms);
    finish_answers(&runtime, &alive);
    // Tasks that still run must not hold the thread: their sockets are closed with it.
    runtime.shutdown_background();
    result.map_err(NodeError::from)
}

/// Threads of a shard that compress long answers, and inflate those of other servers; more of them wait.
const COMPRESSING_THREADS_MAX: usize = 1;
/// Header lines of one request.
const HEADERS_MAX: usize = 512;

/// Lets hyper write the answers that have been decided; what is not written in time is cut off.
fn finish_answers(runtime: &LocalRuntime, alive: &Rc<()>) {
    runtime.block_on(async {
        let _ = timeout(LAST_ANSWERS, async {
            while Rc::strong_count(alive) > 1 {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    });
}

/// One listener's task.
struct Accepting {
    server: http1::Builder,
    http: Rc<Http>,
    tickets: Tickets,
    surroundings: Rc<Surroundings>,
    /// Whether the node is about to stop.
    stopped: watch::Receiver<bool>,
    /// Held by this task and by every HTTP connection's.
    alive: Rc<()>,
}

impl Accepting {
    async fn run(self, listener: TcpListener) {
        let listener = match listener
            .set_nonblocking(true)
            .and_then(|()| tokio::net::TcpListener::from_std(listener))
        {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "a listener could not be registered"),
        };
        let mut stopped = self.stopped.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            match accepted {
                Ok((socket, peer)) => self.serve(socket, peer),
                Err(error) if is_of_one_peer(&error) => {}
                Err(error) => {
                    limited!(warn, %error, "no connection can be accepted: raise the limit of open files");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn serve(&self, socket: tokio::net::TcpStream, peer: SocketAddr) {
        let address = peer.ip().to_canonical();
        let Some(ticket) = self.tickets.take(address) else {
            self.surroundings.counters.connections_refused.add(1);
            limited!(warn, %address, "turned a connection away: there are limits.connections_max, or limits.connections_per_address_max from this address");
            return;
        };
        self.surroundings.counters.connections_opened.add(1);
        // Only latency is at stake.
        let _ = socket.set_nodelay(true);
        let http = self.http.clone();
        let ticket = Arc::new(ticket);
        let service =
            service_fn(move |request| http.clone().serve(request, address, ticket.clone()));
        let connection = self
            .server
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let (mut stopped, alive) = (self.stopped.clone(), self.alive.clone());
        tokio::task::spawn_local(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                _ = stopped.wait_for(|stopped| *stopped) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            drop(alive);
            if let Err(error) = ended {
                tracing::debug!(%address, %error, "an HTTP connection ended");
            }
        });
    }
}

/// Errors of `accept` that concern only the connection that was being accepted.
fn is_of_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Compiling guests takes tens of megabytes that are never needed again.
pub fn give_memory_back() {
    // SAFETY: malloc_trim has no preconditions; it only returns free pages to the system.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(
        unsafe_code,
        reason = "the standard library does not know the allocator"
    )]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Allows as many open files as the system lets this process have.
fn raise_file_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls get a pointer to a limit that lives on this stack.
    #[expect(
        unsafe_code,
        reason = "the standard library does not know resource limits"
    )]
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
        }
    };
    if raised {
        tracing::debug!(
            open_files_max = limit.rlim_cur,
            "raised the limit of open files"
        );
    } else {
        tracing::warn!("the limit of open files could not be raised");
    }
}

/// What `/holdfast.json` says: asked for by the page.
fn describe_node(
    guests: Vec<(String, String, String, Module)>,
    apps: Arc<Apps>,
    shards: usize,
    clock: Clock,
) -> Arc<dyn Fn() -> String + Send + Sync> {
    let describe = |role: &str, name: &str, version: &str, module: &Module| serde_json::json!({ "role": role, "name": name, "version": version, "digest": module.digest, "bytes": module.bytes });
    Arc::new(move || {
        // The apps are those that serve now.
        let versions = apps.versions();
        let now = versions
            .iter()
            .map(|of_app| (&of_app.manifest, &of_app.module));
        let of_protocol = guests.first().into_iter();
        let described: Vec<_> = of_protocol
            .map(|(role, name, version, module)| describe(role, name, version, module))
            .chain(
                guests
                    .iter()
                    .skip(1)
                    .zip(now)
                    .map(|((role, ..), (manifest, module))| {
                        describe(role, &manifest.name, &manifest.version, module)
                    }),
            )
            .collect();
        serde_json::json!({
            "name": "holdfast",
            "version": env!("CARGO_PKG_VERSION"),
            "shards": shards,
            "uptime_ms": clock.uptime_ms(),
            "guests": described,
            "client": client_version(),
        })
        .to_string()
    })
}
