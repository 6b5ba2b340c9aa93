//! Chat in one JSON file beside the state's, replaced whole.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::chat::state::State;
use crate::store::StoreError;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct File(PathBuf);

impl File {
    /// `data/stream-manager.json` keeps its chat in `data/stream-manager.json.chat`.
    pub(super) fn beside(path: &Path) -> Self {
        Self(with(path, "chat"))
    }

    pub(super) async fn load(&self) -> Result<State, StoreError> {
        let path = self.0.clone();
        run("read", move || {
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(State::default());
                }
                Err(error) => return Err(error),
            };
            serde_json::from_slice(&bytes).or_else(|error| {
                let aside = with(&path, "invalid");
                fs::write(&aside, &bytes)?;
                let (path, aside) = (path.display(), aside.display());
                tracing::error!(%path, %aside, %error, "the stored chat can't be read: it is kept aside");
                Ok(State::default())
            })
        })
        .await
    }

    pub(super) async fn save(&self, state: &State) -> Result<(), StoreError> {
        let path = self.0.clone();
        let bytes = serde_json::to_vec(state).map_err(|error| StoreError(error.to_string()))?;
        run("write", move || {
            if let Some(folder) = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
            {
                fs::create_dir_all(folder)?;
            }
            let temporary = with(&path, "tmp");
            let mut file = fs::File::create(&temporary)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        })
        .await
    }
}

/// Files are waited for on a thread of their own.
async fn run<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let failed = |error: &dyn std::fmt::Display| StoreError(format!("chat file, {what}: {error}"));
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

fn with(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}
