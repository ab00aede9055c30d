//! Wraps a core wasm module, as `cargo build --target wasm32-unknown-unknown` leaves it, into a
//! component. Never reads files.

use anyhow::{Context, Result, bail};
use wit_component::ComponentEncoder;

/// The first bytes of every wasm binary.
const MAGIC: &[u8] = b"\0asm";
/// Version and layer of a core module.
const CORE: &[u8] = &[1, 0, 0, 0];
/// Version and layer of a component.
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];

/// Whether these bytes begin like a core wasm module.
pub fn is_core_module(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) && bytes.get(4..8) == Some(CORE)
}

/// Whether these bytes begin like a wasm component.
pub fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) && bytes.get(4..8) == Some(COMPONENT)
}

/// The component for a core module that was built against a WIT world (`wit-bindgen` leaves the world
/// in a custom section).
///
/// # Errors
/// When the bytes are no core module, carry no world, or do not fit the world they carry.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>> {
    if !is_core_module(module) {
        bail!("not a core wasm module");
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .context("the module carries no component world: build it with wit-bindgen or an SDK")?
        .encode()
        .context("the module does not fit the world it was built against")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_modules_from_components() {
        assert!(is_core_module(b"\0asm\x01\0\0\0"));
        assert!(!is_core_module(b"\0asm\x0d\0\x01\0"));
        assert!(is_component(b"\0asm\x0d\0\x01\0"));
        assert!(!is_component(b"\0asm"));
        assert!(!is_core_module(b""));
    }

    #[test]
    fn refuses_what_is_no_guest() {
        assert!(componentize(b"hello").is_err());
        assert!(componentize(b"\0asm\x01\0\0\0\xff\xff\xff\xff").is_err());
    }
}
