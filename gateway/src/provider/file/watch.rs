//! Notices changes of a file or a directory tree: by the system's notifications, or by looking where there are none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{NAME, Place};

/// Between two looks where the system does not notify.
const POLL: Duration = Duration::from_secs(2);
/// Changes that follow each other within this time are one change.
pub(super) const QUIET: Duration = Duration::from_millis(100);
/// A change is read after this time at the latest, however fast others follow.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches a place.
#[derive(Debug)]
pub(super) struct Watcher {
    place: Place,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Notified {
        watcher: notify::RecommendedWatcher,
        /// Holds at most one change; more are the same news.
        changes: mpsc::Receiver<()>,
    },
    Polled {
        seen: Vec<Fingerprint>,
    },
}

/// What changes when a file does.
type Fingerprint = (PathBuf, Option<SystemTime>, u64);

impl Watcher {
    pub(super) fn new(place: &Place) -> Self {
        let way = notified(place).unwrap_or_else(|error| {
            tracing::warn!(
                provider = NAME,
                "changes are looked for every {} s, because the system does not notify of them: {error}",
                POLL.as_secs()
            );
            Way::Polled { seen: fingerprints(place) }
        });
        Self {
            place: place.clone(),
            way,
        }
    }

    /// Completes when something has changed.
    pub(super) async fn changed(&mut self) {
        match &mut self.way {
            Way::Notified { changes, .. } => {
                if changes.recv().await.is_none() {
                    std::future::pending::<()>().await;
                }
            }
            Way::Polled { seen } => loop {
                tokio::time::sleep(POLL).await;
                let now = fingerprints(&self.place);
                if now != *seen {
                    *seen = now;
                    return;
                }
            },
        }
    }

    /// Watches again what links point to now, after they may have been turned.
    pub(super) fn renew(&mut self) {
        if let Way::Notified { watcher, .. } = &mut self.way {
            for file in files(&self.place) {
                // The file may be gone, or never have been watched; the directory's watch remains in any case.
                let _ = watcher.unwatch(&file);
                let _ = watcher.watch(&file, RecursiveMode::NonRecursive);
            }
        }
    }
}

/// Waits for the next change; for ever where nothing is watched.
pub(super) async fn changed(watcher: &mut Option<Watcher>) {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits until no change has followed another for a while.
pub(super) async fn settle(watcher: &mut Option<Watcher>) {
    let latest = Instant::now() + PATIENCE;
    loop {
        let quiet = (Instant::now() + QUIET).min(latest);
        tokio::select! {
            () = sleep_until(quiet) => return,
            () = changed(watcher) => {}
        }
    }
}

fn notified(place: &Place) -> notify::Result<Way> {
    let (sender, changes) = mpsc::channel(1);
    let name: Option<OsString> = match place {
        Place::File(path) => path.file_name().map(Into::into),
        Place::Directory(_) => None,
    };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let relevant = match event {
            Ok(event) => is_change(&event.kind) && concerns(&event, name.as_ref()),
            // Events were lost: look.
            Err(_) => true,
        };
        if relevant {
            // Full means that a change waits to be noticed already.
            let _ = sender.try_send(());
        }
    })?;
    match place {
        Place::Directory(path) => watcher.watch(path, RecursiveMode::Recursive)?,
        Place::File(path) => {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            watcher.watch(
                parent.unwrap_or(Path::new(".")),
                RecursiveMode::NonRecursive,
            )?;
        }
    }
    for file in files(place) {
        // The directory is watched; this adds what a link points to, where there is one.
        let _ = watcher.watch(&file, RecursiveMode::NonRecursive);
    }
    Ok(Way::Notified { watcher, changes })
}

/// Reading a file must not look like a change of it.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(access) => *access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// Of one watched file only events count that name it, as in Traefik: other files beside it may change all the time.
fn concerns(event: &Event, name: Option<&OsString>) -> bool {
    name.is_none_or(|name| {
        event.need_rescan()
            || event
                .paths
                .iter()
                .any(|path| path.file_name() == Some(name))
    })
}

/// The watched file, or the files at the top of the watched directory that may be links.
fn files(place: &Place) -> Vec<PathBuf> {
    match place {
        Place::File(path) => vec![path.clone()],
        Place::Directory(path) => {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.path())
                .filter(|path| path.is_symlink() && path.is_file())
                .collect()
        }
    }
}

fn fingerprints(place: &Place) -> Vec<Fingerprint> {
    let mut found = Vec::new();
    match place {
        Place::File(path) => fingerprint(path, &mut found, 0),
        Place::Directory(path) => fingerprint(path, &mut found, 0),
    }
    found.sort_unstable();
    found
}

fn fingerprint(path: &Path, found: &mut Vec<Fingerprint>, depth: usize) {
    let Ok(metadata) = std::fs::metadata(path) else {
        return;
    };
    found.push((path.to_owned(), metadata.modified().ok(), metadata.len()));
    if metadata.is_dir() && depth < 8 {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            fingerprint(&entry.path(), found, depth + 1);
        }
    }
}
