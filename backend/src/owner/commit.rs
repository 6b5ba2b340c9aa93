//! What listeners are told of a change.

use std::sync::Arc;
use std::time::Instant;

use crate::state::{Kind, LayerEvent, Snapshot};

/// Told of every commit, in order, on the writer's task. Must not block.
pub type OnCommit = Box<dyn FnMut(&Arc<Commit>) + Send>;

/// One change that counts from now on.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The state after it.
    pub snapshot: Arc<Snapshot>,
    /// What it was about.
    pub kind: CommitKind,
    /// The fields that changed, as on the wire, with those of counters that were not told yet. Empty for the picture.
    pub changes: Vec<&'static str>,
    /// What viewers of the layers are told, in order. Empty where the picture changed as a whole, or not at all.
    pub layers: Vec<LayerEvent>,
    /// When it was made, Unix milliseconds.
    pub at_ms: u64,
    /// The same for measuring latencies.
    pub committed: Instant,
}

/// What a commit was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitKind {
    /// The first one of all: what was stored, or the defaults.
    Loaded,
    /// Control of the stream.
    Stream,
    /// Settings, and `targetFPS` with them.
    Settings,
    /// Counters only, at most every `TELEMETRY_BROADCAST_MS`; the version is that of the commit before.
    Telemetry,
    /// The picture.
    Scene,
    /// The stream's state was set back to the defaults.
    Reset,
    /// The store held something newer, written by another instance or before this process started. The epoch may be
    /// another one, and anything may have changed.
    Replaced,
}

impl From<Kind> for CommitKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Stream => Self::Stream,
            Kind::Settings => Self::Settings,
            Kind::Telemetry => Self::Telemetry,
            Kind::Scene => Self::Scene,
            Kind::Reset => Self::Reset,
        }
    }
}
