//! The rules for the picture: a scene and a wish make the next scene and what layers' viewers are told of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::layer::{Layer, LayerContent, LayerTransform, layers};
use super::layer_patch::{LayerPatch, check_asset, is_layer_id};
use super::marks::Marks;
use super::scene::{Asset, Bounds, Quadrant, SceneState};
use super::{CommandError, ErrorCode, Snapshot};

/// Types of layers that may be asked for where there is no such layer.
const TYPES: [&str; 10] = [
    "host",
    "assistant",
    "nft",
    "visualFeed",
    "overlay",
    "chat",
    "background",
    "image",
    "text",
    "video",
];

/// A wish about the picture.
#[derive(Debug, Clone, PartialEq)]
pub enum SceneEdit {
    /// Replaces the parts that are given, whole.
    Patch(ScenePatch),
    /// Adds a layer.
    Create(Box<Layer>),
    /// Replaces a layer; it keeps its id.
    Replace(Box<Layer>),
    /// Changes some fields of a layer.
    Change {
        id: String,
        patch: Box<LayerPatch>,
        /// It must not have been changed since this version.
        expected: Option<u64>,
    },
    /// Takes a layer away.
    Remove(String),
    /// All layers' ids, the lowest first.
    Order(Vec<String>),
    /// Shows, hides or (`None`) flips the layer that this word means: an id, a role or a type.
    Toggle { word: String, visible: Option<bool> },
}

/// Parts of the picture, as a client sends them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScenePatch {
    scene: SceneState,
    parts: [bool; 3],
}

/// One thing that a layer's viewers are told.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerEvent {
    pub id: String,
    /// Whether the layer is drawn, afterwards.
    pub visible: bool,
    pub change: LayerChange,
    pub version: u64,
    /// Of what viewers were told before.
    pub previous: u64,
}

/// What became of a layer.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerChange {
    Visibility,
    /// `Some` where the layer's own name, type or place changed with it.
    Content(LayerContent, Option<Box<Layer>>),
    Transform(LayerTransform, f64),
    Opacity(f64),
    /// All ids, the lowest first.
    Order(Vec<String>),
    Created(Box<Layer>),
    Removed,
}

/// What an edit leads to.
pub(super) struct Edited {
    pub(super) next: Snapshot,
    /// Empty where the picture changed as a whole.
    pub(super) events: Vec<LayerEvent>,
}

/// Where an asset is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Background,
    Quadrant(u8),
    Overlay,
}

impl Slot {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "background" => Some(Self::Background),
            "overlay" => Some(Self::Overlay),
            _ => {
                let number = name.strip_prefix("quadrant:")?.parse().ok()?;
                (number <= 4).then_some(Self::Quadrant(number))
            }
        }
    }
}

impl ScenePatch {
    /// Reads a request's body: any of `background`, `quadrants`, `overlay`; with `whole`, those that are missing are empty.
    ///
    /// # Errors
    /// A part is not as it has to be.
    pub fn from_json(body: &Map<String, Value>, whole: bool) -> Result<Self, CommandError> {
        let names = ["background", "quadrants", "overlay"];
        let given = |name: &str| body.get(name).filter(|value| !value.is_null());
        let part = |name: &str| {
            let value = given(name).cloned();
            (
                name.to_owned(),
                value.unwrap_or_else(|| Value::Array(Vec::new())),
            )
        };
        let object: Map<String, Value> = names.into_iter().map(part).collect();
        let scene = serde_json::from_value(Value::Object(object));
        let scene: SceneState =
            scene.map_err(|error| invalid(format!("Invalid scene: {error}")))?;
        if let Some(wrong) = scene.assets().find_map(check_asset) {
            return Err(invalid(format!("Invalid scene: {wrong}")));
        }
        Ok(Self {
            scene,
            parts: names.map(|name| whole || given(name).is_some()),
        })
    }

    fn apply_to(&self, scene: &mut SceneState) {
        let [background, quadrants, overlay] = self.parts;
        if background {
            scene.background.clone_from(&self.scene.background);
        }
        if quadrants {
            scene.quadrants.clone_from(&self.scene.quadrants);
        }
        if overlay {
            scene.overlay.clone_from(&self.scene.overlay);
        }
    }
}

/// Applies an edit. `Ok(None)`: everything is as it wants it.
pub(super) fn edit(state: &Snapshot, edit: &SceneEdit) -> Result<Option<Edited>, CommandError> {
    let mut scene = SceneState::clone(&state.scene);
    let changes = match edit {
        SceneEdit::Patch(patch) => {
            patch.apply_to(&mut scene);
            return whole(state, scene);
        }
        SceneEdit::Create(layer) => create(state, &mut scene, layer)?,
        SceneEdit::Replace(layer) => {
            let layer = Layer::clone(layer);
            change(state, &mut scene, &layer.id.clone(), None, |old| {
                *old = layer;
            })?
        }
        SceneEdit::Change {
            id,
            patch,
            expected,
        } => {
            let patch = LayerPatch::clone(patch);
            change(state, &mut scene, id, *expected, |layer| {
                patch.apply_to(layer);
            })?
        }
        SceneEdit::Remove(id) => {
            take(&mut scene, id).ok_or_else(|| no_layer(id))?;
            vec![(id.clone(), false, LayerChange::Removed)]
        }
        SceneEdit::Order(order) => reorder(&mut scene, order)?,
        SceneEdit::Toggle { word, visible } => {
            let found = find_by_word(&scene, word)?;
            let visible = visible.unwrap_or(!found.visible);
            change(state, &mut scene, &found.id, None, |layer| {
                layer.visible = visible;
            })?
        }
    };
    Ok(told(state, scene, changes))
}

type Change = (String, bool, LayerChange);

/// Numbers what changed.
fn told(state: &Snapshot, scene: SceneState, changes: Vec<Change>) -> Option<Edited> {
    let mut marks = Marks::clone(&state.marks);
    let mut version = state.version;
    let mut events = Vec::with_capacity(changes.len());
    for (id, visible, change) in changes {
        version += 1;
        let previous = marks.last;
        match &change {
            LayerChange::Removed => marks.forget(&id, version),
            LayerChange::Order(order) => order.iter().for_each(|id| marks.touch(id, version)),
            _ => marks.touch(&id, version),
        }
        events.push(LayerEvent {
            id,
            visible,
            change,
            version,
            previous,
        });
    }
    let next = Snapshot {
        version,
        scene: Arc::new(scene),
        marks: Arc::new(marks),
        ..state.clone()
    };
    (version > state.version).then_some(Edited { next, events })
}

/// Checks a picture that was changed as a whole.
fn whole(state: &Snapshot, scene: SceneState) -> Result<Option<Edited>, CommandError> {
    let mut ids = BTreeSet::new();
    if let Some(twice) = scene.assets().find(|asset| !ids.insert(&asset.id)) {
        return Err(invalid(format!(
            "Invalid scene: the id {} is given twice",
            twice.id
        )));
    }
    let most = state.settings.max_layers;
    if ids.len() > usize::try_from(most).unwrap_or(usize::MAX) {
        return Err(invalid(format!(
            "Invalid scene: it has more than {most} layers"
        )));
    }
    if scene == *state.scene {
        return Ok(None);
    }
    let version = state.version + 1;
    let marks = state.marks.replaced(&state.scene, &scene, version);
    let next = Snapshot {
        version,
        scene: Arc::new(scene),
        marks: Arc::new(marks),
        ..state.clone()
    };
    let events = Vec::new();
    Ok(Some(Edited { next, events }))
}

fn create(
    state: &Snapshot,
    scene: &mut SceneState,
    layer: &Layer,
) -> Result<Vec<Change>, CommandError> {
    if !is_layer_id(&layer.id) {
        return Err(invalid("id must be 1 to 64 of A-Za-z0-9_-.".to_owned()));
    }
    if scene.assets().any(|asset| asset.id == layer.id) {
        return Err(conflict("Layer already exists".to_owned()));
    }
    let most = usize::try_from(state.settings.max_layers).unwrap_or(usize::MAX);
    if scene.assets().count() >= most {
        return Err(conflict("Maximum number of layers reached".to_owned()));
    }
    let slot = Slot::parse(&layer.slot).unwrap_or(Slot::Overlay);
    put(state, scene, slot, layer.clone().into_asset());
    let made = find(scene, &layer.id).ok_or_else(|| no_layer(&layer.id))?;
    let change = LayerChange::Created(Box::new(made));
    Ok(vec![(layer.id.clone(), layer.visible, change)])
}

/// Changes one layer, and lists what is to be told, in the order of the specification.
fn change(
    state: &Snapshot,
    scene: &mut SceneState,
    id: &str,
    expected: Option<u64>,
    apply: impl FnOnce(&mut Layer),
) -> Result<Vec<Change>, CommandError> {
    let before = find(scene, id).ok_or_else(|| no_layer(id))?;
    let last = state.marks.of(id);
    if let Some(expected) = expected.filter(|expected| last > *expected) {
        let message = format!("Layer was changed since version {expected}, by version {last}");
        return Err(conflict(message));
    }
    let mut after = before.clone();
    apply(&mut after);
    replace(state, scene, &before, after);
    let after = find(scene, id).ok_or_else(|| no_layer(id))?;
    let mut changes = Vec::new();
    let mut push = |change| changes.push((id.to_owned(), after.visible, change));
    if before.visible != after.visible {
        push(LayerChange::Visibility);
    }
    let renamed = (&before.name, &before.kind) != (&after.name, &after.kind);
    if before.content != after.content || renamed {
        let layer = renamed.then(|| Box::new(after.clone()));
        push(LayerChange::Content(after.content.clone(), layer));
    }
    if before.transform != after.transform {
        push(LayerChange::Transform(
            after.transform.clone(),
            after.opacity,
        ));
    }
    if before.opacity.to_bits() != after.opacity.to_bits() {
        push(LayerChange::Opacity(after.opacity));
    }
    if (before.z_index, &before.slot) != (after.z_index, &after.slot) {
        push(LayerChange::Order(order(scene)));
    }
    Ok(changes)
}

/// Writes a layer back into its asset. What other services put there stays.
fn replace(state: &Snapshot, scene: &mut SceneState, before: &Layer, after: Layer) {
    let Some(old) = take_with_place(scene, &before.id) else {
        return;
    };
    let (mut asset, slot, place) = old;
    // A role goes with the type that it made of the asset.
    let same_kind = before.kind == after.kind;
    let wanted = Slot::parse(&after.slot).unwrap_or(slot);
    let new = after.into_asset();
    let kept = asset.metadata.take().unwrap_or_default();
    let mut metadata: Map<String, Value> = kept
        .into_iter()
        .filter(|(name, _)| match name.as_str() {
            "name" | "data" => false,
            "role" => same_kind,
            _ => true,
        })
        .collect();
    metadata.extend(new.metadata.unwrap_or_default());
    let asset = Asset {
        metadata: (!metadata.is_empty()).then_some(metadata),
        extra: asset.extra,
        ..new
    };
    if wanted == slot {
        let list = list_of(scene, slot);
        list.insert(place.min(list.len()), asset);
    } else {
        put(state, scene, wanted, asset);
    }
}

fn reorder(scene: &mut SceneState, wanted: &[String]) -> Result<Vec<Change>, CommandError> {
    let known: BTreeSet<_> = scene.assets().map(|asset| asset.id.clone()).collect();
    let given: BTreeSet<_> = wanted.iter().cloned().collect();
    if let Some(unknown) = given.difference(&known).next() {
        return Err(invalid(format!("order: there is no layer {unknown}")));
    }
    if let Some(missing) = known.difference(&given).next() {
        return Err(invalid(format!("order: the layer {missing} is missing")));
    }
    if given.len() != wanted.len() {
        return Err(invalid("order: a layer is named twice".to_owned()));
    }
    let mut changed = false;
    for asset in assets_mut(scene) {
        let place = wanted.iter().position(|id| *id == asset.id);
        let place = place
            .and_then(|place| i64::try_from(place).ok())
            .unwrap_or(0);
        changed |= asset.z_index != place;
        asset.z_index = place;
    }
    let first = wanted.first().and_then(|id| find(scene, id));
    Ok(match first.filter(|_| changed) {
        Some(first) => vec![(first.id, first.visible, LayerChange::Order(wanted.to_vec()))],
        None => Vec::new(),
    })
}

/// The ids of all layers, the lowest first.
fn order(scene: &SceneState) -> Vec<String> {
    layers(scene).into_iter().map(|layer| layer.id).collect()
}

/// The layer that a word means: an id, then a role, then a type; of several the lowest.
pub fn find_by_word(scene: &SceneState, word: &str) -> Result<Layer, CommandError> {
    let role = if word == "nft" { "visualFeed" } else { word };
    let all = layers(scene);
    let roles = |layer: &Layer| {
        let asset = scene.assets().find(|asset| asset.id == layer.id);
        let metadata = asset.and_then(|asset| asset.metadata.as_ref());
        metadata
            .and_then(|all| all.get("role"))
            .and_then(Value::as_str)
            == Some(role)
    };
    let found = all
        .iter()
        .find(|layer| layer.id == word)
        .or_else(|| all.iter().find(|layer| roles(layer)))
        .or_else(|| all.iter().find(|layer| layer.kind == word));
    match found {
        Some(layer) => Ok(layer.clone()),
        None if TYPES.contains(&word) || word == "stream" => Err(CommandError {
            code: ErrorCode::LayerNotFound,
            message: format!("Layer not found: {word}"),
            fields: Vec::new(),
            details: None,
        }),
        None => {
            let word: String = word.chars().take(64).collect();
            Err(invalid(format!("Invalid layer type: {word}")))
        }
    }
}

/// One layer.
pub fn find(scene: &SceneState, id: &str) -> Option<Layer> {
    layers(scene).into_iter().find(|layer| layer.id == id)
}

fn list_of(scene: &mut SceneState, slot: Slot) -> &mut Vec<Asset> {
    match slot {
        Slot::Background => &mut scene.background,
        Slot::Overlay => &mut scene.overlay,
        Slot::Quadrant(number) => {
            let quadrant = scene.quadrants.entry(number);
            &mut quadrant
                .or_insert_with(|| empty(number, Bounds::default()))
                .assets
        }
    }
}

/// Puts an asset at the end of a place; a quadrant that does not exist yet gets its part of the picture.
fn put(state: &Snapshot, scene: &mut SceneState, slot: Slot, asset: Asset) {
    if let Slot::Quadrant(number) = slot {
        let size = state.settings.stream_resolution;
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let quadrant = || empty(number, bounds(number, width, height));
        scene.quadrants.entry(number).or_insert_with(quadrant);
    }
    list_of(scene, slot).push(asset);
}

fn empty(number: u8, bounds: Bounds) -> Quadrant {
    let names = [
        "Absolute",
        "Top Left",
        "Top Right",
        "Bottom Left",
        "Bottom Right",
    ];
    let name = names.get(usize::from(number)).copied().unwrap_or_default();
    Quadrant {
        id: number,
        name: name.to_owned(),
        bounds,
        padding: 20.0,
        assets: Vec::new(),
        extra: Map::new(),
    }
}

fn bounds(number: u8, width: f64, height: f64) -> Bounds {
    let (left, right) = match number {
        1 | 3 => (0.0, width / 2.0),
        2 | 4 => (width / 2.0, width),
        _ => (0.0, width),
    };
    let (top, bottom) = match number {
        1 | 2 => (0.0, height / 2.0),
        3 | 4 => (height / 2.0, height),
        _ => (0.0, height),
    };
    Bounds {
        left,
        top,
        right,
        bottom,
    }
}

fn assets_mut(scene: &mut SceneState) -> impl Iterator<Item = &mut Asset> {
    let quadrants = scene.quadrants.values_mut().flat_map(|q| &mut q.assets);
    let background = scene.background.iter_mut();
    background.chain(quadrants).chain(&mut scene.overlay)
}

fn take(scene: &mut SceneState, id: &str) -> Option<Asset> {
    take_with_place(scene, id).map(|(asset, ..)| asset)
}

/// Takes an asset out, and says where it was.
fn take_with_place(scene: &mut SceneState, id: &str) -> Option<(Asset, Slot, usize)> {
    let quadrants: Vec<u8> = scene.quadrants.keys().copied().collect();
    let slots = [Slot::Background, Slot::Overlay];
    let slots = slots
        .into_iter()
        .chain(quadrants.into_iter().map(Slot::Quadrant));
    for slot in slots {
        let list = list_of(scene, slot);
        if let Some(place) = list.iter().position(|asset| asset.id == id) {
            return Some((list.remove(place), slot, place));
        }
    }
    None
}

fn no_layer(id: &str) -> CommandError {
    let id: String = id.chars().take(64).collect();
    CommandError {
        code: ErrorCode::LayerNotFound,
        message: "Layer not found".to_owned(),
        fields: Vec::new(),
        details: Some(Value::String(format!("Layer not found: {id}"))),
    }
}

fn invalid(message: String) -> CommandError {
    error(ErrorCode::ValidationError, message)
}

fn conflict(message: String) -> CommandError {
    error(ErrorCode::Conflict, message)
}

fn error(code: ErrorCode, message: String) -> CommandError {
    CommandError {
        code,
        message,
        fields: Vec::new(),
        details: None,
    }
}
