//! What everybody else holds of the writer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::commit::OnCommit;
use super::health::StoreHealth;
use super::writer::{Request, Writer};
use crate::config::{Config, PersistMode};
use crate::state::{Command, CommandError, RuntimeConfig, Snapshot};
use crate::store::{Backend, Observer};

/// Commands that may wait for the writer; more wait outside.
const QUEUE: usize = 1024;

/// A handle to the one writer. Cloning it is cheap; the writer ends with the last one.
#[derive(Debug, Clone)]
pub struct Owner {
    requests: mpsc::Sender<Request>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    health: watch::Receiver<StoreHealth>,
}

/// How the writer is to behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// `STATE_PERSIST_MODE`.
    pub persist_mode: PersistMode,
    /// `TELEMETRY_BROADCAST_MS`.
    pub telemetry_broadcast: Duration,
    /// `TELEMETRY_PERSIST_MS`.
    pub telemetry_persist: Duration,
    /// `STREAM_AUTO_START`.
    pub auto_start: bool,
    /// What the environment says of the settings.
    pub settings: RuntimeConfig,
    /// How long the start waits for the store. 5 s unless a test is in a hurry.
    pub first_contact: Duration,
}

impl From<&Config> for Options {
    fn from(config: &Config) -> Self {
        Self {
            persist_mode: config.store.persist_mode,
            telemetry_broadcast: config.telemetry.broadcast,
            telemetry_persist: config.telemetry.persist,
            auto_start: config.stream.auto_start,
            settings: RuntimeConfig::from(&config.stream),
            first_contact: Duration::from_secs(5),
        }
    }
}

/// A command that was carried out.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The state afterwards, already visible to every reader.
    pub snapshot: Arc<Snapshot>,
    /// Whether it changed anything.
    pub changed: bool,
    /// Whether the state afterwards is stored. False only in `degrade` mode, and for counters.
    pub persisted: bool,
}

/// A command that changed nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApplyError {
    /// It is not possible.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The store did not take it, and `STATE_PERSIST_MODE=strict` says that it must.
    #[error("the change can't be stored at the moment")]
    NotPersisted,
    /// The process is ending.
    #[error("the stream manager is shutting down")]
    Stopped,
}

impl Owner {
    /// Loads the state and starts the writer. Comes back when the state is loaded, or after
    /// [`Options::first_contact`] with the defaults if the store does not answer; the store is then asked on and on.
    ///
    /// `on_commit` hears of the first state ([`super::CommitKind::Loaded`]) before this comes back.
    pub async fn start<B: Backend>(
        options: Options,
        store: B,
        on_commit: OnCommit,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let (writer, snapshots, health) = Writer::start(options, store, on_commit, observer).await;
        tokio::spawn(writer.run(receiver));
        Self {
            requests,
            snapshots,
            health,
        }
    }

    /// Carries out one command. What it changed is visible to [`Self::snapshot`] before this comes back.
    ///
    /// Dropping the future does not take the command back.
    ///
    /// # Errors
    /// The command is not possible, can't be stored (`strict`), or the writer has ended. Nothing was changed then.
    pub async fn apply(&self, command: Command) -> Result<Applied, ApplyError> {
        let (answer, receiver) = oneshot::channel();
        let request = Request::Apply { command, answer };
        let sent = self.requests.send(request).await;
        sent.map_err(|_| ApplyError::Stopped)?;
        receiver.await.unwrap_or(Err(ApplyError::Stopped))
    }

    /// The last committed state, counters included.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// How the store is doing.
    pub fn health(&self) -> StoreHealth {
        *self.health.borrow()
    }

    /// Stores what is not stored yet, counters included, and ends the writer. Takes two seconds at most.
    pub async fn shutdown(&self) {
        let (done, receiver) = oneshot::channel();
        if self.requests.send(Request::Shutdown { done }).await.is_ok() {
            // An error means that the writer has ended already.
            let _ = receiver.await;
        }
    }
}
