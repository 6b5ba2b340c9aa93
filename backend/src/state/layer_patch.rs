//! Changes of layers as clients send them, checked field by field.

use serde_json::{Map, Value};

use super::layer::{Layer, LayerContent, LayerTransform};
use super::number::MAX_SAFE;
use super::scene::{Asset, Point};
use super::{CommandError, FieldError};

/// Longest `source`, in bytes.
const LONGEST_SOURCE: usize = 2 * 1024;
/// Longest content, in bytes of its JSON.
const LONGEST_CONTENT: usize = 16 * 1024;
const LONGEST_NAME: usize = 200;
/// Characters of an id, beside letters and digits.
const ID_SIGNS: &[u8] = b"_-.";
const LONGEST_ID: usize = 64;

/// Some of a layer's fields. What is not given stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerPatch {
    /// For people.
    pub name: Option<String>,
    /// What it is.
    pub kind: Option<String>,
    /// Whether it is drawn.
    pub visible: Option<bool>,
    /// Higher ones cover lower ones.
    pub z_index: Option<i64>,
    /// 0 to 1.
    pub opacity: Option<f64>,
    /// Place and shape.
    pub transform: TransformPatch,
    /// What is shown.
    pub content: ContentPatch,
    /// Where it belongs.
    pub slot: Option<String>,
}

/// Some of a transform's fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransformPatch {
    pub x: Option<f64>,
    pub y: Option<f64>,
    pub scale: Option<f64>,
    pub rotation: Option<f64>,
    pub anchor_x: Option<f64>,
    pub anchor_y: Option<f64>,
}

/// Some of a content's fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContentPatch {
    pub kind: Option<String>,
    pub source: Option<String>,
    pub data: Option<Value>,
}

/// Takes fields out of an object and collects what is wrong with them.
struct Reader<'a> {
    fields: &'a Map<String, Value>,
    /// Before each field's name, for the client: `payload.` or nothing.
    prefix: &'a str,
    wrong: Vec<FieldError>,
}

impl LayerPatch {
    /// Reads the fields of a layer; `prefix` goes before their names in errors.
    ///
    /// # Errors
    /// Names each field that is not as it has to be.
    pub fn from_json(fields: &Map<String, Value>, prefix: &str) -> Result<Self, CommandError> {
        let mut reader = Reader::new(fields, prefix);
        let mut patch = Self {
            name: reader.text("name", LONGEST_NAME),
            kind: reader.word("type"),
            visible: reader.flag("visible"),
            z_index: reader.whole("zIndex"),
            opacity: reader.number("opacity", Some((0.0, 1.0))),
            slot: reader.slot(),
            ..Self::default()
        };
        let mut wrong = std::mem::take(&mut reader.wrong);
        if let Some(transform) = reader.object("transform") {
            let name = format!("{prefix}transform.");
            let mut inner = Reader::new(transform, &name);
            patch.transform = inner.transform();
            wrong.append(&mut inner.wrong);
        }
        if let Some(content) = reader.object("content") {
            let name = format!("{prefix}content.");
            let mut inner = Reader::new(content, &name);
            patch.content = inner.content();
            wrong.append(&mut inner.wrong);
        }
        wrong.append(&mut reader.wrong);
        done(patch, wrong)
    }

    /// Reads a transform alone.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn transform_from_json(fields: &Map<String, Value>) -> Result<Self, CommandError> {
        let mut reader = Reader::new(fields, "");
        let patch = Self {
            transform: reader.transform(),
            opacity: reader.number("opacity", Some((0.0, 1.0))),
            ..Self::default()
        };
        done(patch, reader.wrong)
    }

    /// Reads a content alone.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn content_from_json(fields: &Map<String, Value>) -> Result<Self, CommandError> {
        let mut reader = Reader::new(fields, "");
        let patch = Self {
            content: reader.content(),
            ..Self::default()
        };
        done(patch, reader.wrong)
    }

    /// Only whether it is drawn.
    pub fn visible(visible: bool) -> Self {
        Self {
            visible: Some(visible),
            ..Self::default()
        }
    }

    /// A whole layer: missing fields take their defaults.
    pub fn into_layer(self, id: String) -> Layer {
        let mut layer = Layer {
            name: id.clone(),
            id,
            kind: "overlay".to_owned(),
            visible: true,
            z_index: 0,
            opacity: 1.0,
            transform: LayerTransform::default(),
            content: LayerContent::default(),
            slot: "overlay".to_owned(),
        };
        self.apply_to(&mut layer);
        layer
    }

    /// Changes the fields that are given.
    pub(super) fn apply_to(self, layer: &mut Layer) {
        set(&mut layer.name, self.name);
        set(&mut layer.visible, self.visible);
        set(&mut layer.z_index, self.z_index);
        set(&mut layer.opacity, self.opacity);
        set(&mut layer.slot, self.slot);
        let (transform, patch) = (&mut layer.transform, self.transform);
        set(&mut transform.position.x, patch.x);
        set(&mut transform.position.y, patch.y);
        set(&mut transform.scale, patch.scale);
        set(&mut transform.rotation, patch.rotation);
        set(&mut transform.anchor.x, patch.anchor_x);
        set(&mut transform.anchor.y, patch.anchor_y);
        // What is shown goes by the layer's type, unless it says otherwise.
        if let Some(kind) = self.kind {
            layer.content.kind.clone_from(&kind);
            layer.kind = kind;
        }
        set(&mut layer.content.kind, self.content.kind);
        if self.content.source.is_some() {
            layer.content.source = self.content.source;
        }
        match self.content.data {
            Some(Value::Null) => layer.content.data = None,
            Some(data) => layer.content.data = Some(data),
            None => {}
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn done(patch: LayerPatch, wrong: Vec<FieldError>) -> Result<LayerPatch, CommandError> {
    if wrong.is_empty() {
        Ok(patch)
    } else {
        Err(CommandError::fields(wrong))
    }
}

/// Whether a layer may have this id: 1 to 64 of letters, digits, `_`, `-`, `.`.
pub fn is_layer_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || ID_SIGNS.contains(&byte))
}

/// What is wrong with an asset that a client sent whole.
pub(super) fn check_asset(asset: &Asset) -> Option<String> {
    let transform = &asset.transform;
    let data = asset.metadata.as_ref().and_then(|all| all.get("data"));
    let content = data.map_or(0, |data| data.to_string().len());
    let id = asset.id.chars().take(LONGEST_ID).collect::<String>();
    if !is_layer_id(&asset.id) {
        return Some(format!("the id {id:?} must be 1 to 64 of A-Za-z0-9_-."));
    }
    if !(0.0..=1.0).contains(&transform.opacity) {
        return Some(format!("{id}: opacity must be a number from 0 to 1"));
    }
    if asset.source.len() > LONGEST_SOURCE {
        return Some(format!("{id}: source must not be longer than 2 KiB"));
    }
    (content + asset.source.len() > LONGEST_CONTENT)
        .then(|| format!("{id}: content must not be larger than 16 KiB"))
}

impl<'a> Reader<'a> {
    fn new(fields: &'a Map<String, Value>, prefix: &'a str) -> Self {
        Self {
            fields,
            prefix,
            wrong: Vec::new(),
        }
    }

    /// Takes a field if it is there; `null` counts as absent.
    fn take<T>(
        &mut self,
        name: &str,
        must: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.fields.get(name).filter(|value| !value.is_null())?;
        let taken = read(value);
        if taken.is_none() {
            self.refuse(name, must);
        }
        taken
    }

    fn refuse(&mut self, name: &str, must: &str) {
        let field = format!("{}{name}", self.prefix);
        let message = format!("{field} must be {must}");
        self.wrong.push(FieldError { field, message });
    }

    fn text(&mut self, name: &str, longest: usize) -> Option<String> {
        let must = format!("a string of at most {longest} bytes");
        self.take(name, &must, |value| {
            let text = value.as_str().filter(|text| text.len() <= longest);
            text.map(str::to_owned)
        })
    }

    fn word(&mut self, name: &str) -> Option<String> {
        let must = "a word of 1 to 64 letters, digits, _, - or .";
        self.take(name, must, |value| {
            value
                .as_str()
                .filter(|word| is_layer_id(word))
                .map(str::to_owned)
        })
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name, "a boolean", Value::as_bool)
    }

    fn whole(&mut self, name: &str) -> Option<i64> {
        self.take(name, "a whole number", |value| {
            let number = value.as_f64()?;
            #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
            (number.fract() == 0.0 && number.abs() <= MAX_SAFE).then_some(number as i64)
        })
    }

    fn number(&mut self, name: &str, range: Option<(f64, f64)>) -> Option<f64> {
        let must = match range {
            Some((from, to)) => format!("a number from {from} to {to}"),
            None => "a finite number".to_owned(),
        };
        let fits = |number: &f64| {
            number.is_finite() && range.is_none_or(|(from, to)| (from..=to).contains(number))
        };
        self.take(name, &must, |value| value.as_f64().filter(fits))
    }

    fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        self.take(name, "an object", Value::as_object)
    }

    fn slot(&mut self) -> Option<String> {
        let must = "background, overlay or quadrant:0 to quadrant:4";
        self.take("slot", must, |value| {
            let slot = value.as_str()?;
            super::scene_edit::Slot::parse(slot).map(|_| slot.to_owned())
        })
    }

    /// A point's two numbers.
    fn point(&mut self, name: &str) -> (Option<f64>, Option<f64>) {
        let Some(point) = self.object(name) else {
            return (None, None);
        };
        let prefix = format!("{}{name}.", self.prefix);
        let mut inner = Reader::new(point, &prefix);
        let numbers = (inner.number("x", None), inner.number("y", None));
        self.wrong.append(&mut inner.wrong);
        numbers
    }

    fn scale(&mut self) -> Option<f64> {
        let must = "a finite number, or {x, y} with both the same";
        self.take("scale", must, |value| {
            let number = match value {
                Value::Object(both) => {
                    let [x, y] = ["x", "y"].map(|name| both.get(name).and_then(Value::as_f64));
                    x.filter(|x| y.is_some_and(|y| x.to_bits() == y.to_bits()))
                }
                number => number.as_f64(),
            };
            number.filter(|number| number.is_finite())
        })
    }

    fn transform(&mut self) -> TransformPatch {
        let ((x, y), (anchor_x, anchor_y)) = (self.point("position"), self.point("anchor"));
        TransformPatch {
            x,
            y,
            scale: self.scale(),
            rotation: self.number("rotation", None),
            anchor_x,
            anchor_y,
        }
    }

    fn content(&mut self) -> ContentPatch {
        let content = ContentPatch {
            kind: self.word("type"),
            source: self.text("source", LONGEST_SOURCE),
            // `null` takes it away.
            data: self.fields.get("data").cloned(),
        };
        if Value::Object(self.fields.clone()).to_string().len() > LONGEST_CONTENT {
            self.refuse("data", "small: content must not be larger than 16 KiB");
        }
        content
    }
}

impl TransformPatch {
    /// A place alone, for tests and tools.
    pub fn position(point: Point) -> Self {
        Self {
            x: Some(point.x),
            y: Some(point.y),
            ..Self::default()
        }
    }
}
