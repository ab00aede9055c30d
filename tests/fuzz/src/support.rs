//! The tests' host in miniature, as it is. Used by the fuzz targets.

#[path = "../../support/guest.rs"]
pub mod guest;
#[path = "../../support/protocol.rs"]
pub mod protocol;
