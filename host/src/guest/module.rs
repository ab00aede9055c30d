//! One loaded guest, and the errors of loading. Called by `runtime`; it never runs a guest.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

/// The longest guest file that is read.
const GUEST_BYTES_MAX: u64 = 256 << 20;

/// A compiled guest, ready to be instantiated any number of times. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(super) component: Component,
    /// SHA-256 of the file, in hexadecimal: the version's name.
    pub digest: String,
    /// Where it came from, for people.
    pub origin: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The text that the guest is to run, if it is the engine for scripts.
    pub script: Option<Arc<str>>,
}

impl Module {
    /// The first 12 characters of the digest, for logs.
    pub fn short_digest(&self) -> &str {
        self.digest.get(..12).unwrap_or(&self.digest)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Module({} {})", self.origin, self.short_digest())
    }
}

/// Where a guest comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Built into the binary: what it is, and its bytes.
    Embedded(&'static str, &'static [u8]),
    /// A component or core module on disk.
    File(PathBuf),
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// A script, run by the engine that is built in.
    Script {
        /// What people call it: the entry's file.
        title: String,
        /// The text that the engine takes (`guest/js/README.md`).
        text: Arc<str>,
    },
}

/// The engine for scripts.
const ENGINE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/engine.wasm"));

impl Source {
    /// The engine for scripts, as a core module.
    pub fn engine() -> &'static [u8] {
        ENGINE
    }

    /// The text to run, of a script.
    pub(super) fn script(&self) -> Option<Arc<str>> {
        match self {
            Self::Script { text, .. } => Some(Arc::clone(text)),
            _ => None,
        }
    }

    pub(super) fn read(&self) -> Result<Vec<u8>, GuestError> {
        match self {
            Self::Embedded(_, bytes) => Ok(bytes.to_vec()),
            Self::Script { .. } => Ok(ENGINE.to_vec()),
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::File(path) => {
                let unreadable = |reason: String| GuestError::Unreadable {
                    origin: path.display().to_string(),
                    reason,
                };
                let metadata =
                    std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
                if !metadata.is_file() {
                    return Err(unreadable("it is not a file".to_owned()));
                }
                if metadata.len() > GUEST_BYTES_MAX {
                    return Err(unreadable(format!(
                        "it has {} bytes, at most {GUEST_BYTES_MAX} are read",
                        metadata.len()
                    )));
                }
                std::fs::read(path).map_err(|error| unreadable(error.to_string()))
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(name, _) => write!(formatter, "{name} (built in)"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Bytes(_) => write!(formatter, "bytes"),
            Self::Script { title, .. } => write!(formatter, "{title}"),
        }
    }
}

/// Which of the contract's worlds a guest is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// `holdfast:edge/protocol`
    Protocol,
    /// `holdfast:edge/app`
    App,
}

impl World {
    /// The interface a guest of this world exports.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Protocol => "holdfast:edge/protocol-guest@0.1.0",
            Self::App => "holdfast:edge/app-guest@0.1.0",
        }
    }

    /// The functions of that interface.
    pub(super) const fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Protocol => &["configure", "describe", "restore", "handle"],
            Self::App => &["start", "handle"],
        }
    }
}

/// Why a guest could not be loaded: the operator's to mend.
#[expect(missing_docs, reason = "each message says what its fields are")]
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GuestError {
    /// The file cannot be read.
    #[error("the guest {origin} cannot be read: {reason}")]
    Unreadable { origin: String, reason: String },
    /// The file is not something that can be run.
    #[error("{origin} is not a guest: {reason}")]
    NotAGuest { origin: String, reason: String },
    /// It is a component, of another world.
    #[error(
        "the guest {origin} does not fit: {reason}; `holdfast inspect` shows what it imports and exports"
    )]
    WrongWorld { origin: String, reason: String },
    /// It runs, and refuses its settings or to start.
    #[error("the guest {origin} refuses to start: {reason}")]
    Refused { origin: String, reason: String },
    /// It crashed before it could serve.
    #[error("the guest {origin} crashed while starting: {reason}")]
    Crashed { origin: String, reason: String },
    /// wasmtime cannot run here.
    #[error("WebAssembly cannot be run on this machine: {0}")]
    Engine(String),
}

/// What an app may ask of us during a call.
const APP_CLOCK: &str = "holdfast:edge/app-clock@0.1.0";

/// Says what is missing or too much, by name.
pub(super) fn check_world(
    engine: &Engine,
    component: &Component,
    world: World,
) -> Result<(), String> {
    let kind = component.component_type();
    if world == World::Protocol {
        let imports: Vec<_> = kind
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        if !imports.is_empty() {
            return Err(format!(
                "a protocol guest imports nothing, this one imports {}",
                imports.join(", ")
            ));
        }
    } else if let Some((name, _)) = kind
        .imports(engine)
        .find(|(name, _)| !name.starts_with("wasi:") && *name != APP_CLOCK)
    {
        return Err(format!(
            "it imports {name}; an app guest may import WASI and {APP_CLOCK} only"
        ));
    }
    let Some(export) = kind
        .exports(engine)
        .find(|(name, _)| *name == world.interface())
    else {
        let other = if world == World::Protocol {
            World::App
        } else {
            World::Protocol
        };
        let hint = if kind
            .exports(engine)
            .any(|(name, _)| name == other.interface())
        {
            format!(
                "; it is a guest of the other world, it exports {}",
                other.interface()
            )
        } else {
            String::new()
        };
        return Err(format!("it does not export {}{hint}", world.interface()));
    };
    let ComponentItem::ComponentInstance(instance) = export.1.ty else {
        return Err(format!(
            "its export {} is not an interface",
            world.interface()
        ));
    };
    for function in world.functions() {
        if !instance.exports(engine).any(|(name, _)| name == *function) {
            return Err(format!(
                "its export {} lacks the function {function}",
                world.interface()
            ));
        }
    }
    Ok(())
}
