//! The whole state at one moment.

use std::sync::Arc;

use super::{Marks, RuntimeConfig, SceneState, StreamState};

/// One version of everything. Never changed after it was made; the next one shares what stayed the same.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Grows by one with every control change and everything that a scene change tells of; counters leave it alone.
    pub version: u64,
    /// The life of the counter: versions of different epochs can't be compared.
    pub epoch: Arc<str>,
    /// The stream.
    pub stream: Arc<StreamState>,
    /// The picture.
    pub scene: Arc<SceneState>,
    /// Which versions changed the picture last.
    pub marks: Arc<Marks>,
    /// What can be changed at run time.
    pub settings: Arc<RuntimeConfig>,
}

/// The same version of the same things. What is known of when they changed is no part of that.
impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
            && self.epoch == other.epoch
            && self.stream == other.stream
            && self.scene == other.scene
            && self.settings == other.settings
    }
}

impl Snapshot {
    /// A stream that was never started, in a new epoch.
    pub fn new(epoch: impl Into<Arc<str>>, settings: RuntimeConfig) -> Self {
        Self {
            version: 1,
            epoch: epoch.into(),
            stream: Arc::new(StreamState::new(settings.target_fps.into())),
            scene: Arc::new(SceneState::default()),
            marks: Arc::default(),
            settings: Arc::new(settings),
        }
    }
}
