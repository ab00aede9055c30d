//! Puts a script into the engine for scripts, so that both are one component. Called by `holdfast build
//! --component`. It does not look at the script.

use anyhow::{Context, Result, ensure};
use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, MemorySection, MemoryType, RawSection,
};
use wasmparser::{DataKind, ExternalKind, Operator, Parser, Payload};

/// The engine's item that says where the script is.
const SLOT: &str = "HOLDFAST_SCRIPT";
const PAGE: u64 = 65_536;

/// The engine, a core module, with this script in pages of its own behind its memory.
///
/// # Errors
/// When the module is not the engine, or the script is too long for a memory.
pub fn embed_script(engine: &[u8], script: &str) -> Result<Vec<u8>> {
    let slot = find_slot(engine)?.context("the engine has no place for a script")?;
    let length = u32::try_from(script.len()).context("the script is too long")?;
    let pages = script.len() as u64 / PAGE + 1;
    let mut out = wasm_encoder::Module::new();
    let mut place = None;
    for payload in Parser::new(0).parse_all(engine) {
        let payload = payload.context("the engine does not parse")?;
        match &payload {
            Payload::MemorySection(memories) => {
                let mut section = MemorySection::new();
                for old in memories.clone() {
                    let old = old?;
                    let at = old
                        .initial
                        .checked_mul(PAGE)
                        .and_then(|at| u32::try_from(at).ok());
                    place = place.or(at);
                    section.memory(MemoryType {
                        minimum: old.initial + pages,
                        maximum: old.maximum,
                        memory64: old.memory64,
                        shared: old.shared,
                        page_size_log2: None,
                    });
                }
                out.section(&section);
                continue;
            }
            Payload::DataCountSection { count, .. } => {
                out.section(&DataCountSection { count: count + 2 });
                continue;
            }
            Payload::DataSection(old) => {
                let place = place.context("the engine has no memory, or too large a one")?;
                let mut section = DataSection::new();
                for segment in old.clone() {
                    let segment = segment?;
                    let DataKind::Active { offset_expr, .. } = segment.kind else {
                        anyhow::bail!("the engine has data that it copies by itself");
                    };
                    let at = constant(&offset_expr)?;
                    section.active(0, &ConstExpr::i32_const(at), segment.data.iter().copied());
                }
                section.active(
                    0,
                    &ConstExpr::i32_const(place.cast_signed()),
                    script.bytes(),
                );
                let words = [place, length].map(u32::to_le_bytes);
                let words = words.as_flattened().iter().copied();
                section.active(0, &ConstExpr::i32_const(slot), words);
                out.section(&section);
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            let data = engine
                .get(range)
                .context("a section ends outside of the engine")?;
            out.section(&RawSection { id, data });
        }
    }
    Ok(out.finish())
}

/// The address of the item that says where the script is: a global with its name.
fn find_slot(engine: &[u8]) -> Result<Option<i32>> {
    let mut addresses = Vec::new();
    for payload in Parser::new(0).parse_all(engine) {
        match payload.context("the engine does not parse")? {
            Payload::GlobalSection(globals) => {
                for global in globals {
                    addresses.push(constant(&global?.init_expr).ok());
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.name == SLOT && export.kind == ExternalKind::Global {
                        return Ok(addresses.get(export.index as usize).copied().flatten());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

fn constant(expression: &wasmparser::ConstExpr<'_>) -> Result<i32> {
    let mut operators = expression.get_operators_reader();
    let Operator::I32Const { value } = operators.read()? else {
        anyhow::bail!("a place in the engine is not a constant");
    };
    ensure!(
        matches!(operators.read()?, Operator::End),
        "a place in the engine is computed"
    );
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_engine_is_refused() {
        assert!(embed_script(b"hello", "1").is_err());
        assert!(embed_script(b"\0asm\x01\0\0\0", "1").is_err());
    }
}
