//! State in Redis, under the keys of the service before this one (specification, section 4.2).
//!
//! One script compares, writes and publishes, so other instances and readers see whole changes only. A connection that
//! failed, or whose call was given up, is not used again: what it still delivers late is recognised by the script.

mod fanout;
mod keys;
mod load;
mod operation;
mod script;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::mpsc;

use operation::Operation;

use super::{Backend, Mode, Observer, Outcome, Position, StoreError, Stored, Update, Write};
use crate::config::Secret;

/// The longest a connection or an answer may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A Redis server.
pub struct Redis {
    client: Client,
    idle: Mutex<Option<MultiplexedConnection>>,
    observer: Arc<dyn Observer>,
    /// Names this instance to the others.
    origin: String,
    /// Names this process's writes, so that late ones are told from other instances' ones.
    writer: String,
    sequence: AtomicU64,
    events: bool,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client holds the password.
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl Redis {
    /// Prepares it; the first call connects.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(
        url: &Secret,
        instance_id: &str,
        events: bool,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, StoreError> {
        // For `rediss://`; an error means that the process has chosen already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::open(url.expose())
            // The error may repeat the URL, and with it the password.
            .map_err(|_| StoreError("REDIS_URL can't be used".to_owned()))?;
        let writer = super::random_id();
        Ok(Self {
            client,
            idle: Mutex::new(None),
            observer,
            origin: format!("{instance_id}:{writer}"),
            writer,
            sequence: AtomicU64::new(0),
            events,
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<MultiplexedConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// Begins one operation.
    fn begin(&self, operation: &'static str) -> Operation<'_> {
        // Taken out, so that giving up the operation gives up the connection.
        let idle = self.idle().take();
        Operation {
            redis: self,
            name: operation,
            start: Instant::now(),
            reused: idle.is_some(),
            connection: idle,
        }
    }
}

impl Backend for Redis {
    fn mode(&self) -> Mode {
        Mode::Redis
    }

    async fn load(&self) -> Result<Stored, StoreError> {
        let mut operation = self.begin("load");
        loop {
            let result = load::load(operation.connection().await?).await;
            if let Some(result) = operation.end(result) {
                return result;
            }
        }
    }

    async fn write(&self, write: &Write) -> Result<Outcome, StoreError> {
        let call = script::Call {
            writer: &self.writer,
            // The same in a second attempt, by which the script knows what the first one did.
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed) + 1,
            message: fanout::message(&self.origin, write),
            event: self.events.then(|| fanout::event(write)).flatten(),
        };
        let mut operation = self.begin("write");
        loop {
            let result = script::write(operation.connection().await?, write, &call).await;
            if let Some(result) = operation.end(result) {
                return result;
            }
        }
    }

    async fn position(&self) -> Result<Option<Position>, StoreError> {
        let mut operation = self.begin("position");
        loop {
            let result = load::position(operation.connection().await?).await;
            if let Some(result) = operation.end(result) {
                return result;
            }
        }
    }

    async fn watch(&self, updates: mpsc::Sender<Update>) {
        fanout::watch(&self.client, &self.origin, &updates).await;
    }
}
