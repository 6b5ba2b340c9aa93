//! What the stream manager knows about its stream, and the rules by which that changes. Pure: no clock, no I/O.
//!
//! [`reduce`] takes a [`Snapshot`] and a [`Command`] and says what the next snapshot is. Whoever holds the state applies
//! it; nobody else changes anything. Shapes and names are those of the wire (specification, section 4).

mod command;
mod error;
mod layer;
mod layer_patch;
mod marks;
mod number;
mod quadrants;
mod reduce;
mod scene;
mod scene_edit;
mod settings;
mod snapshot;
mod stream;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use command::{Command, Counters};
pub use error::{CommandError, ErrorCode, FieldError};
pub use layer::{Layer, LayerContent, LayerTransform, Versioned, layers};
pub use layer_patch::{ContentPatch, LayerPatch, TransformPatch, is_layer_id};
pub use marks::Marks;
pub use reduce::{Kind, Reduced, reduce};
pub use scene::{
    Asset, AssetKind, Bounds, Point, Quadrant, SceneState, Transform, scene_from_layer_state,
};
pub use scene_edit::{LayerChange, LayerEvent, SceneEdit, ScenePatch, find, find_by_word};
pub use settings::{RuntimeConfig, SettingsPatch, SettingsRecord};
pub use snapshot::Snapshot;
pub use stream::{Invalid, StreamState};
