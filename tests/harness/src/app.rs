//! Where an app comes from: a file, bytes, or a crate that is built first. Used by `node`.

use crate::node::StartError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// An app to load. A path is a file: a component, a core module, or a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App(Origin);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    File(PathBuf),
    Bytes(Vec<u8>),
    Folder(PathBuf),
}

impl App {
    /// A file: whatever `holdfast --app` takes. Paths start from the folder of the package under test.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Origin::File(path.into()))
    }

    /// The bytes of a component or core module.
    #[must_use]
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Origin::Bytes(bytes.into()))
    }

    /// A crate written with `holdfast-sdk`: built for wasm, once a process, in release mode.
    #[must_use]
    pub fn crate_folder(path: impl Into<PathBuf>) -> Self {
        Self(Origin::Folder(path.into()))
    }

    /// The file to name in the config; what is no file yet is written into `folder`.
    pub(crate) fn into_file(
        self,
        folder: &Path,
        state: &Path,
        name: &str,
    ) -> Result<PathBuf, StartError> {
        let bytes = match self.0 {
            Origin::File(path) => return Ok(std::path::absolute(path)?),
            Origin::Bytes(bytes) => bytes,
            Origin::Folder(path) => build(&path, state)?,
        };
        let file = folder.join(format!("{name}.wasm"));
        std::fs::write(&file, bytes)?;
        Ok(file)
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for App {
    fn from(path: &P) -> Self {
        Self::file(path.as_ref())
    }
}

impl From<PathBuf> for App {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

/// Builds a crate, or takes what was built of it before in this process.
fn build(folder: &Path, state: &Path) -> Result<Vec<u8>, StartError> {
    static BUILT: Mutex<BTreeMap<PathBuf, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let folder = folder
        .canonicalize()
        .map_err(|error| StartError::Build(format!("{}: {error}", folder.display())))?;
    // Held while building: several tests that want the same crate build it once.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(component) = built.get(&folder) {
        return Ok(component.clone());
    }
    let component = holdfast_guest_build::build_guest(&folder, &state.join("guests"), "release")
        .map_err(|error| StartError::Build(format!("{error:#}")))?;
    built.insert(folder, component.clone());
    Ok(component)
}
