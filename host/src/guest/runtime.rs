//! One compiler and clock for all guests of a process. Called by `server` and `cli` to load guests;
//! it never calls one.

use super::cache::Cache;
use super::limits::EPOCH_TICK_MS;
use super::module::{GuestError, Module, Source, World};
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// The bytes of stack a guest may use.
const STACK_BYTES_MAX: usize = 1 << 20;

/// Compiles guests and interrupts those that take too long.
#[derive(Debug, Clone)]
pub struct Runtime {
    engine: Engine,
    cache: Arc<Cache>,
    /// The epoch thread ends when the last clone of this is gone.
    _alive: Arc<()>,
}

impl Runtime {
    /// Starts the engine and its epoch thread; compiled guests are kept below `state_dir`.
    ///
    /// # Errors
    /// When this machine cannot run compiled wasm, or no thread can be started.
    pub fn new(state_dir: &Path) -> Result<Self, GuestError> {
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .concurrency_support(false)
            .epoch_interruption(true)
            .cranelift_nan_canonicalization(true)
            .max_wasm_stack(STACK_BYTES_MAX)
            .memory_init_cow(true)
            .parallel_compilation(true);
        let engine =
            Engine::new(&config).map_err(|error| GuestError::Engine(format!("{error:#}")))?;
        let alive = Arc::new(());
        tick(&engine, Arc::downgrade(&alive))
            .map_err(|error| GuestError::Engine(error.to_string()))?;
        Ok(Self {
            engine,
            cache: Arc::new(Cache::open(state_dir)),
            _alive: alive,
        })
    }

    /// Loads a guest: reads it, wraps a core module into a component, checks that it fits the world,
    /// and compiles it or takes the compiled form from the cache.
    ///
    /// # Errors
    /// A sentence for the operator: unreadable, no wasm, does not fit (with what is missing).
    pub fn load(&self, source: &Source, world: World) -> Result<Module, GuestError> {
        let origin = source.to_string();
        let bytes = source.read()?;
        let script = source.script();
        // A script's version is the engine's and its own.
        let mut digest = Sha256::new();
        digest.update(&bytes);
        digest.update(script.as_deref().unwrap_or_default());
        let digest = hex(&digest.finalize());
        let key = self.key(&bytes);
        let component = match self.compiled(&key) {
            Some(component) => component,
            None => {
                let wrapped = wrap(&bytes).map_err(|reason| GuestError::NotAGuest {
                    origin: origin.clone(),
                    reason,
                })?;
                let component = Component::new(&self.engine, &wrapped).map_err(|error| {
                    GuestError::NotAGuest {
                        origin: origin.clone(),
                        reason: format!("{error:#}"),
                    }
                })?;
                if let Ok(compiled) = component.serialize() {
                    self.cache.store(&key, &compiled);
                }
                component
            }
        };
        super::module::check_world(&self.engine, &component, world).map_err(|reason| {
            GuestError::WrongWorld {
                origin: origin.clone(),
                reason,
            }
        })?;
        Ok(Module {
            component,
            digest,
            origin,
            bytes: script.as_ref().map_or(bytes.len(), |text| text.len()) as u64,
            script,
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    fn compiled(&self, key: &str) -> Option<Component> {
        let bytes = self.cache.load(key)?;
        // SAFETY: the cache folder is private to this user and the bytes carry the digest they were
        // stored with, so they are what `Component::serialize` returned for this very engine (the key
        // includes its compatibility hash).
        #[expect(
            unsafe_code,
            reason = "loading compiled code is trusting it; see above"
        )]
        let component = unsafe { Component::deserialize(&self.engine, &bytes) };
        component.ok()
    }

    /// What the compiled form depends on: the guest, the compiler and its settings.
    fn key(&self, bytes: &[u8]) -> String {
        let mut compiler = std::hash::DefaultHasher::new();
        self.engine
            .precompile_compatibility_hash()
            .hash(&mut compiler);
        let mut digest = Sha256::new();
        digest.update(compiler.finish().to_le_bytes());
        digest.update(env!("CARGO_PKG_VERSION").as_bytes());
        digest.update(bytes);
        hex(&digest.finalize())
    }
}

/// A component as it is, a core module wrapped.
pub(super) fn wrap(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if holdfast_guest_build::is_component(bytes) {
        return Ok(bytes.to_vec());
    }
    if holdfast_guest_build::is_core_module(bytes) {
        return holdfast_guest_build::componentize(bytes).map_err(|error| format!("{error:#}"));
    }
    Err("it is not a WebAssembly file".to_owned())
}

/// Advances the epoch until the runtime is dropped.
fn tick(engine: &Engine, alive: Weak<()>) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("holdfast-epoch".to_owned())
        .spawn(move || {
            while alive.strong_count() > 0 {
                std::thread::sleep(Duration::from_millis(EPOCH_TICK_MS));
                let Some(engine) = engine.upgrade() else {
                    return;
                };
                engine.increment_epoch();
            }
        })?;
    Ok(())
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
