//! Layers: the scene's assets as the admin's layer list sees them. A view, not a second store.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::marks::Marks;
use super::number;
use super::scene::{Asset, AssetKind, Point, SceneState, Transform};

/// One asset as a layer (specification, section 4.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// The asset's id.
    pub id: String,
    /// `metadata.name`, or the id.
    #[serde(default)]
    pub name: String,
    /// `chat` for an overlay asset with that role, else the asset's type.
    #[serde(rename = "type", default = "overlay")]
    pub kind: String,
    /// Whether it is drawn.
    #[serde(default = "yes")]
    pub visible: bool,
    /// Higher ones cover lower ones.
    #[serde(default)]
    pub z_index: i64,
    /// 0 to 1.
    #[serde(default = "solid", with = "number")]
    pub opacity: f64,
    /// Place and shape.
    #[serde(default)]
    pub transform: LayerTransform,
    /// What is shown.
    #[serde(default)]
    pub content: LayerContent,
    /// `background`, `overlay` or `quadrant:N`.
    #[serde(default = "overlay")]
    pub slot: String,
}

/// A layer with the version of its last change, as clients get it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Versioned {
    #[serde(flatten)]
    pub layer: Layer,
    pub version: u64,
}

impl Versioned {
    /// That layer, with its version.
    pub fn new(layer: Layer, marks: &Marks) -> Self {
        let version = marks.of(&layer.id);
        Self { layer, version }
    }
}

/// Place and shape of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerTransform {
    /// In pixels.
    pub position: Point,
    /// 1 is its own size.
    #[serde(serialize_with = "number::serialize", deserialize_with = "scale")]
    pub scale: f64,
    /// Degrees, clockwise.
    #[serde(with = "number")]
    pub rotation: f64,
    /// In parts of its size.
    pub anchor: Point,
}

impl Default for LayerTransform {
    fn default() -> Self {
        let transform = Transform::default();
        Self {
            position: Point::default(),
            scale: transform.scale,
            rotation: transform.rotation,
            anchor: transform.anchor,
        }
    }
}

/// What a layer shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerContent {
    /// The asset's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// A number, or `{x, y}` with both the same, as older writers have it.
fn scale<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Scale {
        One(f64),
        Two { x: f64, y: f64 },
    }
    match Scale::deserialize(deserializer)? {
        Scale::One(scale) => Ok(number::finite(scale)),
        Scale::Two { x, y } if x.to_bits() == y.to_bits() => Ok(number::finite(x)),
        Scale::Two { .. } => Err(serde::de::Error::custom(
            "scale has to be the same in x and y",
        )),
    }
}

fn yes() -> bool {
    true
}

fn solid() -> f64 {
    1.0
}

fn overlay() -> String {
    "overlay".to_owned()
}

/// Every asset of the scene as a layer, lowest `zIndex` first; equals keep the scene's order.
pub fn layers(scene: &SceneState) -> Vec<Layer> {
    let background = scene
        .background
        .iter()
        .map(|a| Layer::of(a, "background".to_owned()));
    let quadrants = scene.quadrants.iter().flat_map(|(number, quadrant)| {
        let assets = quadrant.assets.iter();
        assets.map(move |asset| Layer::of(asset, format!("quadrant:{number}")))
    });
    let overlay = scene
        .overlay
        .iter()
        .map(|a| Layer::of(a, "overlay".to_owned()));
    let mut layers: Vec<_> = background.chain(quadrants).chain(overlay).collect();
    layers.sort_by_key(|layer| layer.z_index);
    layers
}

impl Layer {
    /// The layer of one asset.
    pub fn of(asset: &Asset, slot: String) -> Self {
        let metadata = |name| asset.metadata.as_ref().and_then(|m| m.get(name));
        let text = |name| metadata(name).and_then(Value::as_str);
        let is_chat = slot == "overlay" && text("role") == Some("chat");
        let kind = if is_chat { "chat" } else { asset.kind.as_str() };
        Self {
            id: asset.id.clone(),
            name: text("name").unwrap_or(&asset.id).to_owned(),
            kind: kind.to_owned(),
            visible: asset.visible,
            z_index: asset.z_index,
            opacity: asset.transform.opacity,
            transform: LayerTransform {
                position: asset.position,
                scale: asset.transform.scale,
                rotation: asset.transform.rotation,
                anchor: asset.transform.anchor,
            },
            content: LayerContent {
                kind: asset.kind.as_str().to_owned(),
                source: Some(asset.source.clone()),
                data: metadata("data").cloned(),
            },
            slot,
        }
    }

    /// The asset of this layer; where it belongs is in [`Self::slot`].
    pub fn into_asset(self) -> Asset {
        let mut metadata = Map::new();
        if !self.name.is_empty() && self.name != self.id {
            metadata.insert("name".to_owned(), self.name.into());
        }
        let known = |name: &str| match name {
            "image" => Some(AssetKind::Image),
            "text" => Some(AssetKind::Text),
            "video" => Some(AssetKind::Video),
            "stream" => Some(AssetKind::Stream),
            "overlay" => Some(AssetKind::Overlay),
            _ => None,
        };
        // What has no type of its own as an asset is an overlay that plays a role: chat, host, assistant.
        let own = known(&self.kind);
        if own.is_none() && !self.kind.is_empty() {
            metadata.insert("role".to_owned(), self.kind.into());
        }
        if let Some(data) = self.content.data {
            metadata.insert("data".to_owned(), data);
        }
        let kind = known(&self.content.kind)
            .or(own)
            .unwrap_or(AssetKind::Overlay);
        Asset {
            id: self.id,
            kind,
            source: self.content.source.unwrap_or_default(),
            position: self.transform.position,
            transform: Transform {
                scale: self.transform.scale,
                rotation: self.transform.rotation,
                opacity: self.opacity,
                anchor: self.transform.anchor,
            },
            visible: self.visible,
            z_index: self.z_index,
            metadata: (!metadata.is_empty()).then_some(metadata),
            extra: Map::new(),
        }
    }
}
