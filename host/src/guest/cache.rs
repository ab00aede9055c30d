//! Compiled guests on disk, by digest: the second start compiles nothing. Called by `runtime`; it never
//! decides whether a guest is acceptable.
//!
//! Compiled code is trusted code, so the folder must belong to this user and be writable by nobody
//! else, and every file begins with the digest of the rest.

use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const DIGEST_BYTES: usize = 32;
const FOLDER: &str = "compiled";

/// A folder of compiled guests.
#[derive(Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// Opens the cache below `state_dir`, making the folder. A folder that cannot be used safely is
    /// logged, and nothing is cached.
    pub fn open(state_dir: &Path) -> Self {
        let folder = state_dir.join(FOLDER);
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        let folder = match made
            .map_err(|error| error.to_string())
            .and_then(|()| private(&folder))
        {
            Ok(()) => Some(folder),
            Err(reason) => {
                tracing::warn!(folder = %folder.display(), reason, "compiled guests are not kept: set state_dir to a private folder");
                None
            }
        };
        Self { folder }
    }

    /// The compiled form stored under this key, if it is there and whole.
    pub fn load(&self, key: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path(key)?).ok()?;
        let (digest, compiled) = bytes.split_at_checked(DIGEST_BYTES)?;
        if Sha256::digest(compiled).as_slice() == digest {
            return Some(compiled.to_vec());
        }
        tracing::warn!(
            key,
            "a compiled guest on disk is damaged: compiling it again"
        );
        None
    }

    /// Stores a compiled form. Failing to is logged, not an error: the next start compiles again.
    pub fn store(&self, key: &str, compiled: &[u8]) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(path) = self.path(key) else { return };
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{unique}.tmp", std::process::id()));
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(&Sha256::digest(compiled))?;
                file.write_all(compiled)
            })
            .and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "a compiled guest could not be kept");
            let _ = fs::remove_file(&temporary);
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{key}.cwasm")))
    }
}

/// Whether only this user can write to the folder.
fn private(folder: &Path) -> Result<(), String> {
    let metadata = fs::metadata(folder).map_err(|error| error.to_string())?;
    // SAFETY: geteuid has no preconditions and cannot fail.
    #[expect(
        unsafe_code,
        reason = "the standard library does not tell the effective user"
    )]
    let user = unsafe { libc::geteuid() };
    if metadata.uid() != user {
        return Err(format!(
            "it belongs to user {}, this is user {user}",
            metadata.uid()
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!(
            "its mode {:o} lets others write to it",
            metadata.mode() & 0o777
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("holdfast-cache-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn keeps_and_returns() {
        let folder = folder("keeps");
        let cache = Cache::open(&folder);
        assert_eq!(cache.load("a"), None);
        cache.store("a", b"code");
        assert_eq!(cache.load("a").as_deref(), Some(b"code".as_slice()));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn damaged_or_cut_files_are_not_used() {
        let folder = folder("damaged");
        let cache = Cache::open(&folder);
        cache.store("a", b"code");
        let path = cache.path("a").unwrap();
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(cache.load("a"), None);
        fs::write(&path, b"short").unwrap();
        assert_eq!(cache.load("a"), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_write_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder("open");
        fs::create_dir_all(folder.join(FOLDER)).unwrap();
        fs::set_permissions(folder.join(FOLDER), fs::Permissions::from_mode(0o777)).unwrap();
        let cache = Cache::open(&folder);
        cache.store("a", b"code");
        assert_eq!(cache.load("a"), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
