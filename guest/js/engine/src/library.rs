//! The JavaScript that is embedded: `guest/js/lib`.

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// What the names of these modules begin with.
pub(crate) const PREFIX: &str = "holdfast:";

/// A file by its path below `lib`.
pub(crate) fn source(path: &str) -> Option<&'static str> {
    let index = FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok()?;
    FILES.get(index).map(|(_, source)| *source)
}
