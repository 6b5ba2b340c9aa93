//! What goes into a store and what comes out.

use std::sync::Arc;

use crate::state::{Kind, RuntimeConfig, SceneState, SettingsRecord, Snapshot, StreamState};

/// Which kind of store it is, as health reports call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Redis.
    Redis,
    /// A file.
    Embedded,
    /// Nothing outlives the process.
    Memory,
}

impl Mode {
    /// As in health reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Embedded => "embedded",
            Self::Memory => "memory",
        }
    }
}

/// A version within the life of its counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The counter's life.
    pub epoch: Arc<str>,
    /// The counter.
    pub version: u64,
}

impl From<&Snapshot> for Position {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            epoch: Arc::clone(&snapshot.epoch),
            version: snapshot.version,
        }
    }
}

/// What a store held. Each part may be missing on its own: older services write only some.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stored {
    /// The stream.
    pub stream: Option<StreamState>,
    /// The picture.
    pub scene: Option<SceneState>,
    /// Settings changed at run time.
    pub settings: Option<SettingsRecord>,
    /// Which version it is.
    pub position: Option<Position>,
}

/// Which parts of a snapshot a store does not hold yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// The stream.
    pub stream: bool,
    /// The picture.
    pub scene: bool,
    /// Settings.
    pub settings: bool,
}

impl Parts {
    /// Everything.
    pub const ALL: Self = Self {
        stream: true,
        scene: true,
        settings: true,
    };

    /// Only the stream.
    pub const STREAM: Self = Self {
        stream: true,
        scene: false,
        settings: false,
    };

    /// Only the picture.
    pub const SCENE: Self = Self {
        stream: false,
        scene: true,
        settings: false,
    };

    /// What is in either.
    pub fn union(self, other: Self) -> Self {
        Self {
            stream: self.stream || other.stream,
            scene: self.scene || other.scene,
            settings: self.settings || other.settings,
        }
    }
}

/// One snapshot on its way into a store.
#[derive(Debug, Clone)]
pub struct Write {
    /// What the store must hold for the write to count. `None`: nothing at all.
    pub expected: Option<Position>,
    /// What it is to hold.
    pub next: Arc<Snapshot>,
    /// The settings of the environment, so that a later start can tell what was changed at run time.
    pub environment: Arc<RuntimeConfig>,
    /// What has changed since `expected`. Stores that keep everything in one place may ignore it.
    pub parts: Parts,
    /// What it is about, for other instances.
    pub kind: Kind,
    /// When it was made, Unix milliseconds.
    pub at_ms: u64,
}

impl Write {
    /// The settings as they are kept.
    pub fn settings(&self) -> SettingsRecord {
        SettingsRecord {
            values: RuntimeConfig::clone(&self.next.settings),
            environment: RuntimeConfig::clone(&self.environment),
        }
    }
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The store holds it.
    Written,
    /// Somebody else wrote in between; this is what the store holds now.
    Conflict(Position),
    /// The store holds nothing any more, so all parts have to be written.
    Empty,
}

/// The store did not do what it should; for people, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// What another instance has told of its write.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The version it has written.
    pub position: Position,
    /// The stream with its counters, when nothing else has changed. Else everything has to be loaded.
    pub counters: Option<StreamState>,
    /// When it was made, Unix milliseconds.
    pub at_ms: u64,
}
