//! Watches the files of apps and swaps an app when one of its own has changed (`--watch`). Runs on a thread of
//! its own, started by `server`; it looks at files and asks `control` for the rest.

use crate::control::Control;
use crate::guest::Source;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;

/// How often files are looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long files must stay as they are before they are read: whoever writes them may be at it.
const SETTLE: Duration = Duration::from_millis(60);
/// Looks in a row at files that do not settle, after which they are read all the same.
const SETTLING_MAX: usize = 50;

/// Reads an app anew: what it is now, and the files that it is made of.
type Reload = Box<dyn Fn() -> Result<(Source, Vec<PathBuf>), String> + Send>;

/// What a file looked like; none: there was none.
type Stamp = Option<(i64, i64, u64, u64)>;
type Stamps = BTreeMap<PathBuf, Stamp>;

/// An app with its files.
pub struct Watched {
    /// What the config calls it.
    name: String,
    files: Vec<PathBuf>,
    /// What was seen of them, and of their folders if those are looked at.
    seen: Stamps,
    reload: Reload,
    /// Why it could not be read the last time. A file may be missing, so the folders are looked at too.
    broken: Option<String>,
}

fn stamp(file: &Path) -> Stamp {
    let data = std::fs::metadata(file).ok()?;
    Some((data.mtime(), data.mtime_nsec(), data.size(), data.ino()))
}

impl Watched {
    /// An app that was made of these files.
    pub fn new(name: String, files: Vec<PathBuf>, reload: Reload) -> Self {
        let mut watched = Self {
            name,
            files,
            seen: Stamps::new(),
            reload,
            broken: None,
        };
        watched.seen = watched.look();
        watched
    }

    /// What the files look like now.
    fn look(&self) -> Stamps {
        let folders = self.files.iter().filter_map(|file| file.parent());
        let folders = folders.filter(|_| self.broken.is_some());
        let files = self.files.iter().map(PathBuf::as_path);
        files
            .chain(folders)
            .map(|path| (path.to_owned(), stamp(path)))
            .collect()
    }

    /// What to swap to, if files have changed. An error is told once for each change of a file.
    fn changed(&mut self) -> Option<Result<Source, String>> {
        let mut now = self.look();
        if now == self.seen {
            return None;
        }
        for _ in 0..SETTLING_MAX {
            std::thread::sleep(SETTLE);
            let again = self.look();
            if again == now {
                break;
            }
            now = again;
        }
        let is_of_folders = self
            .files
            .iter()
            .all(|file| now.get(file) == self.seen.get(file));
        let reloaded = (self.reload)();
        let before = self.broken.take();
        let result = match reloaded {
            Ok((source, files)) => {
                self.files = files;
                Some(Ok(source))
            }
            Err(reason) => {
                let is_known = is_of_folders && before.as_ref() == Some(&reason);
                self.broken = Some(reason.clone());
                (!is_known).then_some(Err(reason))
            }
        };
        self.seen = self.look();
        // What has changed since it was read is seen the next time.
        for (path, stamp) in &mut self.seen {
            if let Some(before) = now.get(path) {
                *stamp = *before;
            }
        }
        result
    }
}

/// Watches until the node stops.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    control: Control,
    mut apps: Vec<Watched>,
    stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || {
            // An error: the node is no more.
            while stopped.has_changed().is_ok() && !*stopped.borrow() {
                std::thread::sleep(POLL);
                for app in &mut apps {
                    let Some(source) = app.changed() else {
                        continue;
                    };
                    let swapped = match source {
                        Ok(source) => runtime
                            .block_on(control.swap_app(&app.name, source))
                            .map_err(|error| error.to_string()),
                        Err(reason) => Err(reason),
                    };
                    if let Err(reason) = swapped {
                        tracing::error!(
                            app = app.name,
                            "the new version is refused, the old one goes on: {reason}"
                        );
                    }
                }
            }
        })?;
    Ok(())
}
