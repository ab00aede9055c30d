//! Finds a Rust that has the wasm standard library, and builds a guest crate with it.
//!
//! An installed rustup target comes first; Debian's `rustc-web` with `-Zbuild-std` is the fallback.
//! Called from build scripts and by `holdfast build`. Never installs anything: a missing tool is one sentence.

use crate::c::CTools;
use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a guest is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Rust alone: `wasm32-unknown-unknown`.
    Bare,
    /// Rust and C: `wasm32-wasip1`, with the C library of wasi-libc. The guest defines the functions of WASI
    /// itself, so that it imports nothing.
    WithC,
}

impl Target {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "wasm32-unknown-unknown",
            Self::WithC => "wasm32-wasip1",
        }
    }

    /// The variable that names cargo's linker for it.
    const fn linker_variable(self) -> &'static str {
        match self {
            Self::Bare => "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            Self::WithC => "CARGO_TARGET_WASM32_WASIP1_LINKER",
        }
    }
}
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// A way to build for wasm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// The Rust in use has the target's standard library (`rustup target add wasm32-unknown-unknown`).
    Installed {
        /// The cargo to build with.
        cargo: PathBuf,
        /// Its compiler.
        rustc: PathBuf,
    },
    /// Debian's compiler builds the standard library from Debian's sources; `linker` is `rust-lld`.
    Debian {
        /// `rust-lld`, which Debian does not ship.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// The best one on this machine.
    ///
    /// # Errors
    /// One sentence with the commands that bring one, when there is none.
    pub fn find(target: Target) -> Result<Self> {
        let rustc = tool("RUSTC", "rustc");
        let cargo = tool("CARGO", "cargo");
        if has_target(&rustc, target) {
            return Ok(Self::Installed { cargo, rustc });
        }
        let debian = Path::new(DEBIAN_RUSTC);
        if debian.exists() && Path::new(DEBIAN_CARGO).exists() {
            if has_target(debian, target) {
                return Ok(Self::Installed {
                    cargo: DEBIAN_CARGO.into(),
                    rustc: debian.into(),
                });
            }
            let sources = sysroot(debian)
                .is_some_and(|root| root.join("lib/rustlib/src/rust/library/std").exists());
            let linker = linker(&rustc).or_else(|| linker(debian));
            if let (true, Some(linker)) = (sources, linker) {
                return Ok(Self::Debian { linker });
            }
        }
        bail!(
            "no Rust standard library for {target} was found: run `rustup target add {target}`, or on Debian \
             `apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm` (`make setup` does it)",
            target = target.name()
        )
    }

    fn command(&self, target: Target) -> Command {
        match self {
            Self::Installed { cargo, rustc } => {
                let mut command = clean(cargo);
                command.env("RUSTC", rustc);
                command
            }
            Self::Debian { linker } => {
                let mut command = clean(Path::new(DEBIAN_CARGO));
                command.env("RUSTC", DEBIAN_RUSTC);
                command.env("RUSTC_BOOTSTRAP", "1");
                command.env(target.linker_variable(), linker);
                command
            }
        }
    }

    fn flags(&self) -> &'static [&'static str] {
        match self {
            Self::Installed { .. } => &[],
            Self::Debian { .. } => &["-Zbuild-std=std,panic_abort"],
        }
    }
}

/// Builds the library of the package in `package_dir` as a component, with this cargo profile, in
/// `target_dir` (share one between all guests: the standard library is built once).
///
/// # Errors
/// When there is no toolchain, the crate does not build (with the compiler's output), or the module
/// does not fit its world.
pub fn build_guest(package_dir: &Path, target_dir: &Path, profile: &str) -> Result<Vec<u8>> {
    let module = build_module(package_dir, target_dir, profile, Target::Bare)?;
    super::componentize(&module)
        .with_context(|| format!("could not make a component of {}", package_dir.display()))
}

/// Builds the library of the package in `package_dir` as a core module, likewise.
///
/// # Errors
/// When there is no toolchain, for C too where that is asked for, or the crate does not build.
pub fn build_module(
    package_dir: &Path,
    target_dir: &Path,
    profile: &str,
    target: Target,
) -> Result<Vec<u8>> {
    let toolchain = Toolchain::find(target)?;
    let mut command = toolchain.command(target);
    if target == Target::WithC {
        let needs_library = matches!(toolchain, Toolchain::Debian { .. });
        CTools::find()?.set(&mut command, needs_library);
    }
    let output = command
        .current_dir(package_dir)
        .args([
            "rustc",
            "--lib",
            "--crate-type",
            "cdylib",
            "--profile",
            profile,
            "--target",
            target.name(),
        ])
        .args(toolchain.flags())
        .arg("--message-format=json-render-diagnostics")
        .env("CARGO_TARGET_DIR", target_dir)
        .output()
        .with_context(|| format!("could not start cargo in {}", package_dir.display()))?;
    if !output.status.success() {
        bail!(
            "building the guest in {} failed:\n{}",
            package_dir.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let module = artifact(&String::from_utf8_lossy(&output.stdout))
        .with_context(|| format!("cargo built no module in {}", package_dir.display()))?;
    std::fs::read(&module).with_context(|| format!("could not read {}", module.display()))
}

/// The last `.wasm` file that cargo's JSON messages name: the crate asked for is built last.
fn artifact(messages: &str) -> Option<PathBuf> {
    let line = messages
        .lines()
        .rev()
        .find(|line| line.contains("\"compiler-artifact\"") && line.contains(".wasm\""))?;
    let end = line.find(".wasm\"")? + ".wasm".len();
    let start = line.get(..end)?.rfind('"')? + 1;
    Some(PathBuf::from(line.get(start..end)?))
}

fn tool(variable: &str, name: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from)
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    print(rustc, &["--print", "sysroot"])
}

fn has_target(rustc: &Path, target: Target) -> bool {
    let arguments = ["--print", "target-libdir", "--target", target.name()];
    let Some(folder) = print(rustc, &arguments) else {
        return false;
    };
    std::fs::read_dir(folder).is_ok_and(|mut files| {
        files.any(|file| {
            file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
        })
    })
}

fn linker(rustc: &Path) -> Option<PathBuf> {
    let version = Command::new(rustc).arg("-vV").output().ok()?;
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "))?;
    let path = sysroot(rustc)?
        .join("lib/rustlib")
        .join(host)
        .join("bin/rust-lld");
    path.exists().then_some(path)
}

fn print(rustc: &Path, args: &[&str]) -> Option<PathBuf> {
    let output = Command::new(rustc)
        .args(args)
        .env_remove("RUSTC_WRAPPER")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

/// A cargo that does not inherit what the outer cargo set for its build script.
fn clean(cargo: &Path) -> Command {
    let mut command = Command::new(cargo);
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let keep = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TERM_COLOR"].contains(&name)
            || name.starts_with("CARGO_REGISTRIES_")
            || name.starts_with("CARGO_SOURCE_")
            || name.starts_with("CARGO_HTTP_");
        let outer = name.starts_with("CARGO")
            || name.starts_with("RUSTC")
            || name.starts_with("DEP_")
            || [
                "RUSTFLAGS",
                "RUSTDOCFLAGS",
                "MAKEFLAGS",
                "TARGET",
                "HOST",
                "PROFILE",
                "OPT_LEVEL",
                "DEBUG",
                "NUM_JOBS",
                "OUT_DIR",
                "LD_LIBRARY_PATH",
                "RUST_LOG",
            ]
            .contains(&name);
        if outer && !keep {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_module_in_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"filenames\":[\"/t/deps/liba.rlib\"]}\n\
                        {\"reason\":\"compiler-artifact\",\"filenames\":[\"/t/my_app.wasm\"],\"executable\":null}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(artifact(messages), Some(PathBuf::from("/t/my_app.wasm")));
        assert_eq!(artifact("nothing"), None);
    }

    #[test]
    fn some_toolchain_is_named_or_the_sentence_says_what_to_run() {
        match Toolchain::find(Target::Bare) {
            Ok(_) => {}
            Err(error) => assert!(error.to_string().contains("make setup")),
        }
    }
}
