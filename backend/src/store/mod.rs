//! Where state outlives the process: Redis, a file, or nowhere. Whoever writes says what must be there already.
//!
//! A [`Backend`] knows nothing of rules, retries or clients. The one writer (`owner`) calls it, with a time limit of its
//! own, and decides what a failure means. All three kinds are run through one suite of tests.

mod memory;
mod observer;
mod record;

pub use memory::Memory;
pub use observer::{NoObserver, Observer};
pub use record::{Mode, Outcome, Parts, Position, StoreError, Stored, Write};

use crate::config;
use std::sync::Arc;

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
}

/// The store that the configuration asks for.
#[derive(Debug)]
pub enum Store {
    /// Nothing outlives the process.
    Memory(Memory),
}

impl Store {
    /// Prepares it; connections are made when they are needed.
    ///
    /// # Errors
    /// The configuration names something that can never work.
    pub fn open(config: &config::Store, observer: Arc<dyn Observer>) -> Result<Self, StoreError> {
        let _ = (config, observer);
        Ok(Self::Memory(Memory::default()))
    }
}

impl Backend for Store {
    fn mode(&self) -> Mode {
        match self {
            Self::Memory(store) => store.mode(),
        }
    }

    async fn load(&self) -> Result<Stored, StoreError> {
        match self {
            Self::Memory(store) => store.load().await,
        }
    }

    async fn write(&self, write: &Write) -> Result<Outcome, StoreError> {
        match self {
            Self::Memory(store) => store.write(write).await,
        }
    }

    async fn position(&self) -> Result<Option<Position>, StoreError> {
        match self {
            Self::Memory(store) => store.position().await,
        }
    }
}
