//! What the two fuzz targets share. Built by `run.sh` with coverage.

pub mod checked;
pub mod events;
pub mod support;
