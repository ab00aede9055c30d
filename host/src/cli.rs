//! The commands: run, check, inspect. Called by `main`; it decides exit codes and what is printed, and
//! serves nothing itself.

use crate::config::{Config, What, load};
use crate::files::client_version;
use crate::guest::{Runtime, Source, inspect};
use crate::script::is_script;
use crate::server::{Node, NodeError, bind};
use anyhow::Context;
use std::ffi::OsString;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// The operator's to mend: settings, guests, ports.
const REFUSED: u8 = 2;

/// Runs the command line and returns the exit code: 0 done, 1 failed while serving, 2 refused before
/// listening.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    folder: &Path,
) -> ExitCode {
    let started = Instant::now();
    let command = match load(arguments, environment, folder) {
        Ok(command) => command,
        Err(errors) => return refuse(&errors.to_string()),
    };
    match command.what {
        What::Say(text) | What::PrintConfig(text) => say(&text),
        What::Inspect(file) => Runtime::new(&command.config.state_dir)
            .and_then(|runtime| inspect(&runtime, &Source::File(file)))
            .map_or_else(
                |error| refuse(&error.to_string()),
                |inspection| say(&inspection.to_string()),
            ),
        What::Build {
            source,
            file,
            component,
        } => match build(&source, &file, component) {
            Ok(bytes) => say(&format!(
                "wrote {} ({bytes} bytes); try it: holdfast run {}",
                file.display(),
                file.display()
            )),
            Err(error) => refuse(&format!("{error:#}")),
        },
        What::New { name, rust } => match crate::script::new_project(&name, rust, folder) {
            Ok(text) => say(&text),
            Err(error) => refuse(&error),
        },
        What::Check => {
            crate::telemetry::start(&command.config);
            match Node::prepare(command.config) {
                Ok(node) => say(&format!(
                    "the config and the guests are in order\n{}",
                    guests(&node)
                )),
                Err(error) => refuse(&error.to_string()),
            }
        }
        What::Run => {
            crate::telemetry::start(&command.config);
            serve(command.config, started)
        }
    }
}

/// Builds an app and returns the size of what was written.
fn build(source: &Path, file: &Path, component: bool) -> anyhow::Result<usize> {
    let built = if !is_script(source) {
        build_crate(source)?
    } else if component {
        let text = crate::script::text(source).map_err(anyhow::Error::msg)?;
        let module = holdfast_guest_build::embed_script(Source::engine(), &text)?;
        holdfast_guest_build::componentize(&module)?
    } else {
        crate::script::bundle(source)
            .map_err(anyhow::Error::msg)?
            .into_bytes()
    };
    std::fs::write(file, &built)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(built.len())
}

/// Builds a Rust app as a component.
fn build_crate(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let target = folder.join("target").join("holdfast");
    std::fs::create_dir_all(&target)
        .with_context(|| format!("{} cannot be made", target.display()))?;
    let target = target.canonicalize()?;
    holdfast_guest_build::build_guest(folder, &target, "release")
}

fn serve(config: Config, started: Instant) -> ExitCode {
    let addresses = config.listen.clone();
    let (page, client) = (config.page, config.serve_client);
    let prepared = Node::prepare(config).and_then(|node| Ok((node, bind(&addresses)?)));
    let (node, listeners) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&error.to_string()),
    };
    let bound: Vec<SocketAddr> = listeners
        .iter()
        .filter_map(|listener| listener.local_addr().ok())
        .collect();
    announce(&node, &bound, page, client, started);
    match run_until_told(node, listeners) {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(%error, "the node cannot go on");
            ExitCode::FAILURE
        }
    }
}

/// What is served, where, and by which guests.
fn announce(node: &Node, bound: &[SocketAddr], page: bool, client: bool, started: Instant) {
    for (role, name, version, module) in &node.guests {
        tracing::info!(
            role,
            name,
            version,
            digest = module.short_digest(),
            origin = module.origin,
            "guest"
        );
    }
    for address in bound {
        let host = if address.ip().is_unspecified() {
            "localhost".to_owned()
        } else {
            bracketed(*address)
        };
        let url = format!("http://{host}:{}", address.port());
        tracing::info!(%address, page = if page { format!("{url}/") } else { "off".to_owned() }, sessions = format!("{url}{}/", node.mount_path()), "listening");
    }
    if client && client_version().is_none() {
        tracing::warn!(
            "this binary was built without the browser client: build it where Node is installed, after `make setup`"
        );
    }
    tracing::info!(
        ready_ms = started.elapsed().as_millis(),
        shards = node.shard_count(),
        "ready"
    );
}

fn bracketed(address: SocketAddr) -> String {
    if address.is_ipv6() {
        format!("[{}]", address.ip())
    } else {
        address.ip().to_string()
    }
}

fn guests(node: &Node) -> String {
    node.guests
        .iter()
        .map(|(role, name, version, module)| {
            format!(
                "{role:9} {name} {version}, {} ({} bytes), {}\n",
                module.origin,
                module.bytes,
                module.short_digest()
            )
        })
        .collect()
}

fn run_until_told(node: Node, listeners: Vec<TcpListener>) -> Result<(), NodeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(node.run(listeners, told_to_stop()))
}

/// Resolves at SIGINT or SIGTERM. A second one ends the process at once.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::error!("signals cannot be heard: stop the process by force");
        return std::future::pending().await;
    };
    let name = tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    };
    tracing::info!(
        signal = name,
        "stopping: clients are told; once more to stop at once"
    );
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(1);
    });
}

fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn refuse(text: &str) -> ExitCode {
    let mut out = std::io::stderr().lock();
    for line in text.trim_end().lines() {
        let _ = writeln!(out, "holdfast: {line}");
    }
    ExitCode::from(REFUSED)
}
