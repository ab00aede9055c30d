//! What a guest file is, read off it: world, imports, exports, size, digest. Called by `cli`; it never
//! runs the guest.

use super::module::{GuestError, Source, World, check_world};
use super::runtime::{Runtime, hex};
use sha2::{Digest, Sha256};
use std::fmt;
use wasmtime::component::Component;

/// The answer of `holdfast inspect`.
#[derive(Debug)]
pub struct Inspection {
    /// The file.
    pub origin: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256: the version's name.
    pub digest: String,
    /// Whether it is a component already, or a core module that is wrapped when it is loaded.
    pub wrapped: bool,
    /// The world it fits, or why it fits none.
    pub world: Result<World, String>,
    /// What it can call: the sandbox, read off.
    pub imports: Vec<String>,
    /// What can be called.
    pub exports: Vec<String>,
}

/// Reads a guest file.
///
/// # Errors
/// When it cannot be read or is no WebAssembly.
pub fn inspect(runtime: &Runtime, source: &Source) -> Result<Inspection, GuestError> {
    let origin = source.to_string();
    let bytes = source.read()?;
    let not_a_guest = |reason: String| GuestError::NotAGuest {
        origin: origin.clone(),
        reason,
    };
    let wrapped = holdfast_guest_build::is_core_module(&bytes);
    let binary = super::runtime::wrap(&bytes).map_err(not_a_guest)?;
    let component = Component::new(runtime.engine(), &binary)
        .map_err(|error| not_a_guest(format!("{error:#}")))?;
    let kind = component.component_type();
    let world = check_world(runtime.engine(), &component, World::Protocol)
        .map(|()| World::Protocol)
        .or_else(|protocol| {
            check_world(runtime.engine(), &component, World::App)
                .map(|()| World::App)
                .map_err(|app| {
                    if protocol.contains("imports") {
                        protocol
                    } else {
                        app
                    }
                })
        });
    Ok(Inspection {
        origin,
        bytes: bytes.len() as u64,
        digest: hex(&Sha256::digest(&bytes)),
        wrapped,
        world,
        imports: kind
            .imports(runtime.engine())
            .map(|(name, _)| name.to_owned())
            .collect(),
        exports: kind
            .exports(runtime.engine())
            .map(|(name, _)| name.to_owned())
            .collect(),
    })
}

impl fmt::Display for Inspection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "file     {}", self.origin)?;
        writeln!(
            formatter,
            "form     {}",
            if self.wrapped {
                "core module (wrapped into a component when loaded)"
            } else {
                "component"
            }
        )?;
        writeln!(formatter, "size     {} bytes", self.bytes)?;
        writeln!(formatter, "digest   sha256:{}", self.digest)?;
        match &self.world {
            Ok(World::Protocol) => writeln!(formatter, "world    holdfast:edge/protocol")?,
            Ok(World::App) => writeln!(formatter, "world    holdfast:edge/app")?,
            Err(reason) => writeln!(formatter, "world    none: {reason}")?,
        }
        list(
            formatter,
            "imports",
            &self.imports,
            "none: it can call nothing outside the sandbox",
        )?;
        list(formatter, "exports", &self.exports, "none")
    }
}

fn list(
    formatter: &mut fmt::Formatter<'_>,
    title: &str,
    names: &[String],
    empty: &str,
) -> fmt::Result {
    writeln!(
        formatter,
        "{title:8} {}",
        names.first().map_or(empty, String::as_str)
    )?;
    names
        .iter()
        .skip(1)
        .try_for_each(|name| writeln!(formatter, "         {name}"))
}
