//! Finds a C compiler and a C library for wasm: the WASI SDK (`WASI_SDK` names its folder), or Debian's `clang`,
//! `llvm` and `wasi-libc`. Called by `toolchain` for guests with C in them. Never installs or downloads.

use anyhow::{Result, bail};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tools that build C for `wasm32-wasip1`.
#[derive(Debug)]
pub(crate) struct CTools {
    clang: PathBuf,
    archiver: PathBuf,
    sysroot: PathBuf,
    /// Where `libc.a` is.
    libraries: PathBuf,
}

impl CTools {
    /// The best ones on this machine.
    ///
    /// # Errors
    /// One sentence with the commands that bring them, when there are none.
    pub(crate) fn find() -> Result<Self> {
        if let Some(sdk) = env::var_os("WASI_SDK").map(PathBuf::from) {
            let sysroot = sdk.join("share/wasi-sysroot");
            let libraries = ["wasm32-wasip1", "wasm32-wasi"]
                .map(|name| sysroot.join("lib").join(name))
                .into_iter()
                .find(|folder| folder.join("libc.a").exists());
            let (clang, archiver) = (sdk.join("bin/clang"), sdk.join("bin/llvm-ar"));
            match libraries {
                Some(libraries) if clang.exists() && archiver.exists() => {
                    return Ok(Self {
                        clang,
                        archiver,
                        sysroot,
                        libraries,
                    });
                }
                _ => bail!(
                    "WASI_SDK names {}, which is no WASI SDK: bin/clang, bin/llvm-ar and share/wasi-sysroot are expected there",
                    sdk.display()
                ),
            }
        }
        let (sysroot, libraries) = (PathBuf::from("/usr"), PathBuf::from("/usr/lib/wasm32-wasi"));
        let has_library =
            libraries.join("libc.a").exists() && Path::new("/usr/include/wasm32-wasi").exists();
        match (has_library, on_path("clang"), on_path("llvm-ar")) {
            (true, Some(clang), Some(archiver)) => Ok(Self {
                clang,
                archiver,
                sysroot,
                libraries,
            }),
            _ => bail!(
                "no C compiler and library for wasm were found: on Debian run \
                 `apt-get install --no-install-recommends clang llvm wasi-libc` (`make setup` does it), elsewhere \
                 install the WASI SDK and let WASI_SDK name its folder"
            ),
        }
    }

    /// Sets what cargo's build scripts and linker need.
    pub(crate) fn set(&self, command: &mut Command, needs_library: bool) {
        let mut flags = OsString::from("--target=wasm32-wasi -O2 --sysroot=");
        flags.push(&self.sysroot);
        command
            .env("RQUICKJS_SYS_NO_WASI_SDK", "1")
            .env("CC_wasm32_wasip1", &self.clang)
            .env("AR_wasm32_wasip1", &self.archiver)
            .env("CFLAGS_wasm32_wasip1", flags);
        if needs_library {
            let mut search = OsString::from("-L");
            search.push(&self.libraries);
            command.env("CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS", search);
        }
    }
}

/// A program on the search path, or the same with the version of an LLVM behind its name.
fn on_path(name: &str) -> Option<PathBuf> {
    let folders: Vec<_> = env::split_paths(&env::var_os("PATH")?).collect();
    let versions = (11..40).rev().map(|version| format!("{name}-{version}"));
    std::iter::once(name.to_owned())
        .chain(versions)
        .find_map(|name| {
            let mut files = folders.iter().map(|folder| folder.join(&name));
            files.find(|file| file.is_file())
        })
}
