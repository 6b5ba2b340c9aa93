//! Names in Redis.

/// JSON of the stream; also read and written by older services.
pub(super) const STREAM: &str = "streamState";
/// JSON of the picture; also read and written by older services.
pub(super) const SCENE: &str = "sceneState";
/// Layers of still older revisions; only read.
pub(super) const LAYERS: &str = "layerState";
/// The counter.
pub(super) const VERSION: &str = "stateVersion";
/// The counter's life.
pub(super) const EPOCH: &str = "stateEpoch";
/// Settings changed at run time, with the environment they were changed in.
pub(super) const SETTINGS: &str = "stateSettings";
/// Who wrote last, and the how manieth write of that process it was.
pub(super) const WRITER: &str = "stateWriter";
/// Where changes are told to other instances.
pub(super) const UPDATES: &str = "stream-manager:updates";
/// The surrounding system's history of our events.
pub(super) const HISTORY: &str = "events:history:stream:state:update";
/// Added to the name of a key whose value can't be read.
pub(super) const INVALID: &str = ":invalid";
