//! The whole state at one moment.

use std::sync::Arc;

use super::{RuntimeConfig, SceneState, StreamState};

/// One version of everything. Never changed after it was made; the next one shares what stayed the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Grows by one with every control or scene change; counters leave it alone.
    pub version: u64,
    /// The life of the counter: versions of different epochs can't be compared.
    pub epoch: Arc<str>,
    /// The stream.
    pub stream: Arc<StreamState>,
    /// The picture.
    pub scene: Arc<SceneState>,
    /// What can be changed at run time.
    pub settings: Arc<RuntimeConfig>,
}

impl Snapshot {
    /// A stream that was never started, in a new epoch.
    pub fn new(epoch: impl Into<Arc<str>>, settings: RuntimeConfig) -> Self {
        Self {
            version: 1,
            epoch: epoch.into(),
            stream: Arc::new(StreamState::new(settings.target_fps.into())),
            scene: Arc::new(SceneState::default()),
            settings: Arc::new(settings),
        }
    }
}
