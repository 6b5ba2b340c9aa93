//! Where state outlives the process: Redis, a file, or nowhere. Whoever writes says what must be there already.
//!
//! A [`Backend`] knows nothing of rules, retries or clients. The one writer (`owner`) calls it, with a time limit of its
//! own, and decides what a failure means. All three kinds are run through one suite of tests.

mod file;
mod memory;
mod observer;
mod random;
mod record;
mod redis;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::{self, StorePath};

pub use file::File;
pub use memory::Memory;
pub use observer::{NoObserver, Observer};
pub use random::random_id;
pub use record::{Mode, Outcome, Parts, Position, StoreError, Stored, Update, Write};
pub use redis::Redis;

/// What a kind of store has to be able to do. Dropping a call half-way is allowed; whether it took effect is then open,
/// and a later write of the same process settles it.
pub trait Backend: Send + Sync + 'static {
    /// What it is, for health reports.
    fn mode(&self) -> Mode;

    /// Everything it holds. Values that can't be read are put aside, logged, and left out.
    fn load(&self) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Writes if it holds what the writer expects, and tells other instances.
    fn write(&self, write: &Write) -> impl Future<Output = Result<Outcome, StoreError>> + Send;

    /// Which version it holds; also the way to find out whether it answers. `None` if it is empty.
    fn position(&self) -> impl Future<Output = Result<Option<Position>, StoreError>> + Send;

    /// Hands on what other instances tell of their writes, until nobody listens any more. Messages may be lost.
    fn watch(&self, updates: mpsc::Sender<Update>) -> impl Future<Output = ()> + Send {
        async move { updates.closed().await }
    }
}

/// The store that the configuration asks for.
#[derive(Debug)]
pub enum Store {
    /// Nothing outlives the process.
    Memory(Memory),
    /// One file.
    File(File),
    /// A Redis server.
    Redis(Box<Redis>),
}

impl Store {
    /// Prepares it; nothing is opened or connected before the first call.
    ///
    /// # Errors
    /// The configuration names something that can never work.
    pub fn open(config: &config::Store, observer: Arc<dyn Observer>) -> Result<Self, StoreError> {
        if let Some(url) = &config.redis {
            let events = config.events_publish;
            let redis = Redis::new(url, &config.instance_id, events, observer)?;
            return Ok(Self::Redis(Box::new(redis)));
        }
        Ok(match &config.path {
            StorePath::Memory => Self::Memory(Memory::default()),
            StorePath::File(path) => Self::File(File::new(path.clone())),
        })
    }
}

impl Backend for Store {
    fn mode(&self) -> Mode {
        match self {
            Self::Memory(store) => store.mode(),
            Self::File(store) => store.mode(),
            Self::Redis(store) => store.mode(),
        }
    }

    async fn load(&self) -> Result<Stored, StoreError> {
        match self {
            Self::Memory(store) => store.load().await,
            Self::File(store) => store.load().await,
            Self::Redis(store) => store.load().await,
        }
    }

    async fn write(&self, write: &Write) -> Result<Outcome, StoreError> {
        match self {
            Self::Memory(store) => store.write(write).await,
            Self::File(store) => store.write(write).await,
            Self::Redis(store) => store.write(write).await,
        }
    }

    async fn position(&self) -> Result<Option<Position>, StoreError> {
        match self {
            Self::Memory(store) => store.position().await,
            Self::File(store) => store.position().await,
            Self::Redis(store) => store.position().await,
        }
    }

    async fn watch(&self, updates: mpsc::Sender<Update>) {
        match self {
            Self::Memory(store) => store.watch(updates).await,
            Self::File(store) => store.watch(updates).await,
            Self::Redis(store) => store.watch(updates).await,
        }
    }
}
