//! Runs a module's preparation while it is built, and ships the memory that this leaves: what the module would
//! do at each start is done once. Called by build scripts.
//!
//! The module imports nothing but a clock that stands still, so an interpreter gives what any other engine would. Never keeps more than
//! memory: a module whose globals change is refused.

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::{ConstExpr, DataSection, MemorySection, MemoryType, RawSection};
use wasmparser::{DataKind, Parser, Payload};

/// What the module may ask: how long its call has taken.
const CLOCK: (&str, &str) = ("holdfast:edge/app-clock@0.1.0", "call-ms");
/// Zeros that end a segment: shorter runs are cheaper to write out.
const GAP: usize = 64;
/// What segments begin at, so that most of the memory can be mapped as it is.
const PAGE: usize = 65_536;

/// The module with the memory it has after its function `function` has run.
///
/// # Errors
/// When the module imports something, has no such function, traps in it, or keeps state elsewhere.
pub fn prepare(module: &[u8], function: &str) -> Result<Vec<u8>> {
    rewrite(module, &run(module, function)?)
}

/// The memory after the function has run.
fn run(module: &[u8], function: &str) -> Result<Vec<u8>> {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, module).context("the module does not parse")?;
    let mut store = wasmi::Store::new(&engine, ());
    let mut linker = wasmi::Linker::new(&engine);
    let (interface, function_name) = CLOCK;
    linker.func_wrap(interface, function_name, || 0_u32)?;
    let instance = linker
        .instantiate_and_start(&mut store, &module)
        .context("the module imports something else than its clock, or does not start")?;
    instance
        .get_typed_func::<(), ()>(&store, function)
        .with_context(|| format!("the module exports no function {function}"))?
        .call(&mut store, ())
        .with_context(|| format!("{function} failed"))?;
    let memory = instance
        .get_memory(&store, "memory")
        .context("the module exports no memory")?;
    Ok(memory.data(&store).to_vec())
}

/// The module with its memory begun like this.
fn rewrite(module: &[u8], memory: &[u8]) -> Result<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    let segments = segments(memory);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("the module does not parse")?;
        match &payload {
            Payload::GlobalSection(globals) => {
                let mutable = globals
                    .clone()
                    .into_iter()
                    .filter(|global| global.as_ref().is_ok_and(|global| global.ty.mutable));
                // The one is the stack's pointer, which is back where it was.
                ensure!(mutable.count() <= 1, "the module keeps state in globals");
            }
            Payload::MemorySection(memories) => {
                let mut section = MemorySection::new();
                for (index, old) in memories.clone().into_iter().enumerate() {
                    let old = old?;
                    ensure!(
                        index == 0 && !old.memory64 && !old.shared,
                        "the module has another kind of memory"
                    );
                    section.memory(MemoryType {
                        minimum: (memory.len() / PAGE) as u64,
                        maximum: old.maximum,
                        memory64: false,
                        shared: false,
                        page_size_log2: None,
                    });
                }
                out.section(&section);
                continue;
            }
            Payload::DataCountSection { .. } => {
                let count = u32::try_from(segments.len()).context("too many segments")?;
                out.section(&wasm_encoder::DataCountSection { count });
                continue;
            }
            Payload::DataSection(old) => {
                for segment in old.clone() {
                    if matches!(segment?.kind, DataKind::Passive) {
                        bail!("the module has data that it copies by itself");
                    }
                }
                let mut section = DataSection::new();
                for (offset, bytes) in &segments {
                    let offset = i32::try_from(*offset).context("the memory is too large")?;
                    section.active(0, &ConstExpr::i32_const(offset), bytes.iter().copied());
                }
                out.section(&section);
                continue;
            }
            // It has run.
            Payload::StartSection { .. } => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            let data = module
                .get(range)
                .context("a section ends outside of the module")?;
            out.section(&RawSection { id, data });
        }
    }
    Ok(out.finish())
}

/// What is not zero, with its place.
fn segments(memory: &[u8]) -> Vec<(usize, &[u8])> {
    let mut segments = Vec::new();
    let mut start = None;
    let mut zeros = 0;
    for (at, byte) in memory.iter().enumerate() {
        if *byte != 0 {
            start.get_or_insert(at);
            zeros = 0;
            continue;
        }
        zeros += 1;
        if zeros == GAP
            && let Some(start) = start.take()
        {
            segments.push((start, memory.get(start..=at - GAP).unwrap_or_default()));
        }
    }
    if let Some(start) = start {
        segments.push((
            start,
            memory
                .get(start..memory.len() - zeros.min(memory.len()))
                .unwrap_or_default(),
        ));
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_what_is_not_zero() {
        let mut memory = vec![0; 1000];
        assert!(segments(&memory).is_empty());
        memory[10] = 1;
        memory[12] = 2;
        memory[500] = 3;
        memory[999] = 4;
        let found: Vec<_> = segments(&memory)
            .iter()
            .map(|(at, bytes)| (*at, bytes.to_vec()))
            .collect();
        assert_eq!(found, [(10, vec![1, 0, 2]), (500, vec![3]), (999, vec![4])]);
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(prepare(b"hello", "prepare").is_err());
        assert!(prepare(b"\0asm\x01\0\0\0", "prepare").is_err());
    }
}
