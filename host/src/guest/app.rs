//! One instance of an app guest. Called by `shard`, which decides what follows from a crash; it never
//! performs a command.
//!
//! The app may import WASI, of which it gets: the environment values of the config, clocks,
//! randomness, and standard output and error as log lines. No files, no network, and nothing that
//! waits: an app that blocks is stopped, because timers and requests are commands.

use super::contract::app_world::AppPre;
use super::contract::app_world::holdfast::edge::app_clock;
use super::contract::{Command, Context, Happening, LogLine, Manifest, app_world};
use super::limits::{Crash, GuestLimits};
use super::log_pipe::LogPipe;
use super::module::{GuestError, Module};
use super::runtime::Runtime;
use std::time::Instant;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{Store, StoreLimits};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// An app that has started.
pub struct AppGuest {
    store: Store<State>,
    bindings: app_world::App,
    limits: GuestLimits,
    output: LogPipe,
    /// What the app declared.
    pub manifest: Manifest,
}

struct State {
    /// When the present call began.
    called: Instant,
    limits: StoreLimits,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl app_clock::Host for State {
    fn call_ms(&mut self) -> u32 {
        u32::try_from(self.called.elapsed().as_millis()).unwrap_or(u32::MAX)
    }
}

impl AppGuest {
    /// Instantiates and starts the app.
    ///
    /// # Errors
    /// When it does not fit the contract, refuses to start (with its sentence) or crashes.
    pub fn start(
        runtime: &Runtime,
        module: &Module,
        limits: GuestLimits,
        context: &Context,
    ) -> Result<Self, GuestError> {
        let wrong = |error: &wasmtime::Error| GuestError::WrongWorld {
            origin: module.origin.clone(),
            reason: format!("{error:#}"),
        };
        let crashed = |error: &wasmtime::Error| GuestError::Crashed {
            origin: module.origin.clone(),
            reason: Crash::new(error).to_string(),
        };
        let linker = linker(runtime).map_err(|error| GuestError::Engine(format!("{error:#}")))?;
        let prepared = linker
            .instantiate_pre(&module.component)
            .map_err(|error| wrong(&error))?;
        let prepared = AppPre::new(prepared).map_err(|error| wrong(&error))?;
        let output = LogPipe::default();
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output.clone()).stderr(output.clone());
        for (name, value) in &context.env {
            wasi.env(name, value);
        }
        let state = State {
            called: Instant::now(),
            limits: limits.store(),
            wasi: wasi.build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(runtime.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(limits.ticks());
        let bindings = prepared
            .instantiate(&mut store)
            .map_err(|error| crashed(&error))?;
        let manifest = bindings
            .holdfast_edge_app_guest()
            .call_start(&mut store, context)
            .map_err(|error| crashed(&error))?
            .map_err(|reason| GuestError::Refused {
                origin: module.origin.clone(),
                reason,
            })?;
        check(&manifest).map_err(|reason| GuestError::Refused {
            origin: module.origin.clone(),
            reason,
        })?;
        Ok(Self {
            store,
            bindings,
            limits,
            output,
            manifest,
        })
    }

    /// Tells what happened and returns what is to be done. After an error the instance is dead.
    ///
    /// # Errors
    /// When the call did not return: nothing of it has happened.
    pub fn handle(&mut self, now_ms: u64, happened: &[Happening]) -> Result<Vec<Command>, Crash> {
        self.store.set_epoch_deadline(self.limits.ticks());
        self.store.data_mut().called = Instant::now();
        self.bindings
            .holdfast_edge_app_guest()
            .call_handle(&mut self.store, now_ms, happened)
            .map_err(|error| Crash::new(&error))
    }

    /// What the app wrote to standard output and error since the last time, line by line.
    pub fn take_output(&mut self) -> Vec<LogLine> {
        self.output.take_lines()
    }
}

/// WASI, with everything that waits replaced by a trap that says what to do instead.
fn linker(runtime: &Runtime) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(runtime.engine());
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    app_clock::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    linker.allow_shadowing(true);
    let mut poll = linker.instance("wasi:io/poll@0.2.12")?;
    for name in ["[method]pollable.block", "poll"] {
        poll.func_new(name, |_, _, _, _| {
            Err(wasmtime::Error::msg(
                "an app may not block (sleep, wait, poll): set a timer and return",
            ))
        })?;
    }
    Ok(linker)
}

/// Namespaces an app may declare.
const NAMESPACES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 64;

fn check(manifest: &Manifest) -> Result<(), String> {
    if manifest.name.is_empty()
        || manifest.name.len() > NAME_BYTES_MAX
        || manifest.version.len() > NAME_BYTES_MAX
    {
        return Err(format!(
            "its name {:?} or version {:?} is empty or longer than {NAME_BYTES_MAX} bytes",
            manifest.name, manifest.version
        ));
    }
    if manifest.namespaces.len() > NAMESPACES_MAX {
        return Err(format!(
            "it declares {} names to serve, at most {NAMESPACES_MAX} are taken",
            manifest.namespaces.len()
        ));
    }
    match manifest
        .namespaces
        .iter()
        .find(|name| !name.starts_with('/'))
    {
        Some(name) => Err(format!(
            "it wants to serve {name:?}, which does not begin with a slash"
        )),
        None => Ok(()),
    }
}
