//! The log, whatever keeps it.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::file;
use super::redis::Redis;
use crate::chat::addresses::AddressMute;
use crate::chat::model::Event;
use crate::chat::presence::Roll;
use crate::chat::state::State;
use crate::config::{self, StorePath};
use crate::store::{StoreError, random_id};

use super::news::{Heard, Loaded, Missed, Place};

/// See the head of this file.
#[derive(Debug)]
pub struct Log(Kind);

#[derive(Debug)]
enum Kind {
    /// This process decides alone.
    Local {
        epoch: String,
        next: AtomicU64,
        file: Option<file::File>,
    },
    /// Several instances, in one order.
    Redis(Box<Redis>),
}

impl Log {
    /// The log that the configuration asks for.
    ///
    /// # Errors
    /// It names something that can never work.
    pub fn open(config: &config::Store) -> Result<Self, StoreError> {
        if let Some(url) = &config.redis {
            let redis = Redis::new(url, &config.instance_id)?;
            return Ok(Self(Kind::Redis(Box::new(redis))));
        }
        let file = match &config.path {
            StorePath::Memory => None,
            StorePath::File(path) => Some(file::File::beside(path)),
        };
        Ok(Self(Kind::Local {
            epoch: random_id(),
            next: AtomicU64::new(1),
            file,
        }))
    }

    /// Whether others may write to it.
    pub(in crate::chat) fn is_shared(&self) -> bool {
        matches!(self.0, Kind::Redis(_))
    }

    pub(in crate::chat) async fn load(&self) -> Result<Loaded, StoreError> {
        match &self.0 {
            Kind::Redis(redis) => redis.load().await,
            Kind::Local { epoch, file, .. } => {
                let state = match file {
                    Some(file) => file.load().await?,
                    None => State::default(),
                };
                Ok(Loaded {
                    state,
                    epoch: epoch.clone(),
                    sequence: 0,
                })
            }
        }
    }

    /// Adds an event, unless it is there already; its place.
    pub(in crate::chat) async fn append(&self, event: &Event) -> Result<Place, StoreError> {
        match &self.0 {
            Kind::Redis(redis) => redis.append(event).await,
            Kind::Local { epoch, next, .. } => Ok(Place {
                epoch: epoch.clone(),
                sequence: next.fetch_add(1, Ordering::Relaxed),
            }),
        }
    }

    /// The events after that place, in order; `None` where some of them are kept no longer, or the log is another one.
    pub(in crate::chat) async fn since(&self, place: &Place) -> Result<Option<Missed>, StoreError> {
        match &self.0 {
            Kind::Redis(redis) => redis.since(place).await,
            Kind::Local { epoch, .. } => Ok(Some(Missed {
                epoch: epoch.clone(),
                events: Vec::new(),
            })),
        }
    }

    /// Keeps the state, where the log itself keeps nothing.
    pub(in crate::chat) async fn save(&self, state: &State) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Local {
                file: Some(file), ..
            } => file.save(state).await,
            Kind::Local { .. } | Kind::Redis(_) => Ok(()),
        }
    }

    /// Keeps a mute of an address, or its end, and tells other instances.
    pub(in crate::chat) async fn mute_address(&self, mute: &AddressMute) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Redis(redis) => redis.mute_address(mute).await,
            Kind::Local { .. } => Ok(()),
        }
    }

    /// The mutes of addresses that are kept, where others may have added to them.
    pub(in crate::chat) async fn muted_addresses(&self) -> Result<Vec<AddressMute>, StoreError> {
        match &self.0 {
            Kind::Redis(redis) => redis.muted_addresses().await,
            Kind::Local { .. } => Ok(Vec::new()),
        }
    }

    /// Gives it what it has lost, but for what it has again.
    pub(in crate::chat) async fn restore(&self, state: &State) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Redis(redis) => redis.restore(state).await,
            Kind::Local { .. } => Ok(()),
        }
    }

    /// Tells other instances of the users of this one.
    pub(in crate::chat) async fn tell(&self, roll: &Roll) {
        if let Kind::Redis(redis) = &self.0
            && let Err(error) = redis.tell(roll).await
        {
            tracing::debug!(%error, "other instances were not told who is in chat");
        }
    }

    /// Hands on what other instances tell, until nobody listens any more.
    pub(in crate::chat) async fn watch(&self, heard: mpsc::Sender<Heard>) {
        match &self.0 {
            Kind::Redis(redis) => redis.watch(&heard).await,
            Kind::Local { .. } => heard.closed().await,
        }
    }
}
