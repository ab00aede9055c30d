//! The `holdfast` binary: hands the process's arguments and environment to `cli`. Nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    holdfast::cli::run(std::env::args_os(), std::env::vars_os(), &folder)
}
