//! The picture: a background, four quadrants and one absolute area, an overlay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::stream::Invalid;
use super::{number, quadrants};

/// Everything that is shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SceneState {
    /// Behind everything.
    pub background: Vec<Asset>,
    /// 0 is placed absolutely; 1 to 4 are top left, top right, bottom left, bottom right. On the wire a list of pairs.
    #[serde(with = "quadrants")]
    pub quadrants: BTreeMap<u8, Quadrant>,
    /// In front of everything.
    pub overlay: Vec<Asset>,
    /// Fields other services put here: kept and written back as they were.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One thing in the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    /// Unique over the scene.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AssetKind,
    /// Where it comes from: a URL, a path, or a text.
    #[serde(default)]
    pub source: String,
    /// Its place in pixels.
    #[serde(default)]
    pub position: Point,
    /// How it is drawn.
    #[serde(default)]
    pub transform: Transform,
    /// Whether it is drawn.
    #[serde(default = "yes")]
    pub visible: bool,
    /// Higher ones cover lower ones.
    #[serde(default)]
    pub z_index: i64,
    /// Anything; `name`, `role` and `data` have a meaning for layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Fields other services put here: kept and written back as they were.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What an asset is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssetKind {
    /// A still picture.
    Image,
    /// Text.
    Text,
    /// A moving picture.
    Video,
    /// Another stream.
    Stream,
    /// Drawn over everything.
    Overlay,
    /// What another service calls by another name.
    #[serde(untagged)]
    Other(String),
}

impl AssetKind {
    /// As on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Image => "image",
            Self::Text => "text",
            Self::Video => "video",
            Self::Stream => "stream",
            Self::Overlay => "overlay",
            Self::Other(name) => name,
        }
    }
}

/// A place, in pixels or (anchors) in parts of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Point {
    /// From the left.
    #[serde(with = "number")]
    pub x: f64,
    /// From the top.
    #[serde(with = "number")]
    pub y: f64,
}

/// How an asset is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transform {
    /// 1 is its own size.
    #[serde(with = "number")]
    pub scale: f64,
    /// Degrees, clockwise.
    #[serde(with = "number")]
    pub rotation: f64,
    /// 0 is invisible, 1 is solid.
    #[serde(with = "number")]
    pub opacity: f64,
    /// The point it turns and scales around, in parts of its size.
    pub anchor: Point,
}

impl Default for Transform {
    fn default() -> Self {
        Self {
            scale: 1.0,
            rotation: 0.0,
            opacity: 1.0,
            anchor: Point { x: 0.5, y: 0.5 },
        }
    }
}

/// One part of the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quadrant {
    /// Its number, 0 to 4.
    pub id: u8,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Its edges in pixels.
    #[serde(default)]
    pub bounds: Bounds,
    /// Pixels kept free inside its edges.
    #[serde(default = "padding", with = "number")]
    pub padding: f64,
    /// What is in it.
    #[serde(default)]
    pub assets: Vec<Asset>,
    /// Fields other services put here: kept and written back as they were.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Edges in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Bounds {
    /// Left edge.
    #[serde(with = "number")]
    pub left: f64,
    /// Top edge.
    #[serde(with = "number")]
    pub top: f64,
    /// Right edge.
    #[serde(with = "number")]
    pub right: f64,
    /// Bottom edge.
    #[serde(with = "number")]
    pub bottom: f64,
}

fn yes() -> bool {
    true
}

fn padding() -> f64 {
    20.0
}

impl SceneState {
    /// Reads a stored value, also one of the service before this one (specification, section 4.2).
    ///
    /// # Errors
    /// Not a JSON object with `background` and `overlay` lists and `quadrants` as pairs or as an object.
    pub fn from_stored(text: &str) -> Result<Self, Invalid> {
        serde_json::from_str(text).map_err(|error| Invalid(error.to_string()))
    }

    /// Every asset: background, quadrants in order, overlay.
    pub fn assets(&self) -> impl Iterator<Item = &Asset> {
        let quadrants = self.quadrants.values().flat_map(|q| &q.assets);
        self.background.iter().chain(quadrants).chain(&self.overlay)
    }
}

/// Reads `layerState` of older revisions, whose layers become the overlay.
///
/// # Errors
/// Not a JSON object with a list `layers` of objects that have an `id`.
pub fn scene_from_layer_state(text: &str) -> Result<SceneState, Invalid> {
    #[derive(Deserialize)]
    struct LayerState {
        layers: Vec<super::Layer>,
    }
    let state: LayerState = serde_json::from_str(text).map_err(|e| Invalid(e.to_string()))?;
    let overlay = state.layers.into_iter().map(super::Layer::into_asset);
    Ok(SceneState {
        overlay: overlay.collect(),
        ..SceneState::default()
    })
}
