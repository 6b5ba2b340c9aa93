//! State in one JSON file, for installations without Redis.
//!
//! The file is replaced whole: written beside it, synced, renamed, and the folder synced, so a crash leaves the old or the
//! new one. A lock file keeps a second process off. A file that can't be read is kept beside it, never written over.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Backend, Mode, Outcome, Parts, Position, StoreError, Stored, Write};
use crate::state::{Invalid, SceneState, SettingsRecord, StreamState};

/// A store in a file.
#[derive(Debug)]
pub struct File {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    open: Mutex<Open>,
}

/// What is known of the file; held while it is read or written, so calls that were given up can't cross others.
#[derive(Debug, Default)]
struct Open {
    /// Locked as long as it is open.
    lock: Option<fs::File>,
    /// What the file holds, once it was read.
    held: Option<Option<Position>>,
}

/// The file's content.
#[derive(Serialize)]
struct Content<'a> {
    format: u32,
    epoch: &'a str,
    version: u64,
    stream: &'a StreamState,
    scene: &'a SceneState,
    settings: &'a SettingsRecord,
}

/// The same on its way in, part by part: one that can't be read must not take the others with it.
#[derive(Deserialize)]
struct Parsed {
    epoch: Option<String>,
    version: Option<u64>,
    stream: Option<Value>,
    scene: Option<Value>,
    settings: Option<Value>,
}

impl File {
    /// Keeps state at `path`; folders are made as needed.
    pub fn new(path: PathBuf) -> Self {
        let open = Mutex::default();
        Self {
            shared: Arc::new(Shared { path, open }),
        }
    }

    /// Runs on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path, &mut Open) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || {
            let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
            let result = lock(&shared.path, &mut open);
            let result = result.and_then(|()| work(&shared.path, &mut open));
            result.map_err(|error| StoreError(format!("{}: {error}", shared.path.display())))
        });
        done.await
            .unwrap_or_else(|error| Err(StoreError(error.to_string())))
    }
}

impl Backend for File {
    fn mode(&self) -> Mode {
        Mode::Embedded
    }

    async fn load(&self) -> Result<Stored, StoreError> {
        self.run(|path, open| {
            let stored = load(path)?;
            open.held = Some(stored.position.clone());
            Ok(stored)
        })
        .await
    }

    async fn write(&self, write: &Write) -> Result<Outcome, StoreError> {
        let write = write.clone();
        self.run(move |path, open| {
            match (&open.held, &write.expected) {
                (Some(Some(held)), expected) if expected.as_ref() != Some(held) => {
                    // Ours, written by a call that was given up? Then this one is newer.
                    let own = held.epoch == write.next.epoch && held.version <= write.next.version;
                    if !(own && write.parts == Parts::ALL) {
                        return Ok(Outcome::Conflict(held.clone()));
                    }
                }
                (Some(None), Some(_)) if write.parts != Parts::ALL => return Ok(Outcome::Empty),
                _ => {}
            }
            save(path, &write)?;
            open.held = Some(Some(Position::from(&*write.next)));
            Ok(Outcome::Written)
        })
        .await
    }

    async fn position(&self) -> Result<Option<Position>, StoreError> {
        self.run(|path, open| {
            if open.held.is_none() {
                open.held = Some(load(path)?.position);
            }
            Ok(open.held.clone().flatten())
        })
        .await
    }
}

/// Makes the folder, and keeps other processes off.
fn lock(path: &Path, open: &mut Open) -> std::io::Result<()> {
    if open.lock.is_some() {
        return Ok(());
    }
    fs::create_dir_all(folder(path))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(path, "lock"))?;
    match file.try_lock() {
        Ok(()) => open.lock = Some(file),
        Err(TryLockError::WouldBlock) => {
            return Err(std::io::Error::other(
                "another process keeps its state there; give each its own STORE_PATH",
            ));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(())
}

fn load(path: &Path) -> std::io::Result<Stored> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Stored::default()),
        Err(error) => return Err(error),
    };
    let mut problems = Vec::new();
    let stored = match serde_json::from_slice::<Parsed>(&bytes) {
        Ok(parsed) => stored(parsed, &mut problems),
        Err(error) => {
            problems.push(error.to_string());
            Stored::default()
        }
    };
    if !problems.is_empty() {
        let aside = keep_aside(path, &bytes)?;
        tracing::error!(
            path = %path.display(),
            aside = %aside.display(),
            error = problems.join("; "),
            "the stored state can't be read: it is kept aside, and defaults take the place of what is wrong"
        );
    }
    Ok(stored)
}

fn stored(parsed: Parsed, problems: &mut Vec<String>) -> Stored {
    fn read<T>(
        name: &str,
        value: Option<Value>,
        problems: &mut Vec<String>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        match parse(&value?.to_string()) {
            Ok(value) => Some(value),
            Err(error) => {
                problems.push(format!("{name}: {error}"));
                None
            }
        }
    }
    let settings = |text: &str| serde_json::from_str(text).map_err(|e| Invalid(e.to_string()));
    let position = parsed.epoch.zip(parsed.version);
    Stored {
        stream: read("stream", parsed.stream, problems, StreamState::from_stored),
        scene: read("scene", parsed.scene, problems, SceneState::from_stored),
        settings: read("settings", parsed.settings, problems, settings),
        position: position.map(|(epoch, version)| Position {
            epoch: epoch.into(),
            version,
        }),
    }
}

/// Copies a file that can't be read to the first free name beside it.
fn keep_aside(path: &Path, bytes: &[u8]) -> std::io::Result<PathBuf> {
    let mut aside = beside(path, "invalid");
    for number in 1.. {
        match OpenOptions::new().write(true).create_new(true).open(&aside) {
            Ok(mut file) => {
                file.write_all(bytes)?;
                file.sync_all()?;
                break;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                // The same file again, after a start that did not get as far as writing.
                if fs::read(&aside).is_ok_and(|kept| kept == bytes) {
                    break;
                }
                aside = beside(path, &format!("invalid.{number}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(aside)
}

fn save(path: &Path, write: &Write) -> std::io::Result<()> {
    let next = &write.next;
    let content = Content {
        format: 1,
        epoch: &next.epoch,
        version: next.version,
        stream: &next.stream,
        scene: &next.scene,
        settings: &write.settings(),
    };
    let mut bytes = serde_json::to_vec_pretty(&content)?;
    bytes.push(b'\n');
    let temporary = beside(path, "tmp");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // The new name is safe only with its folder.
    fs::File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}
