//! The stream's operational state, as stored and as sent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::number;

/// Whether the stream is live, and how it is doing. Serialises to the nine fields of the wire, then the extra ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamState {
    /// Whether it was started and not stopped.
    pub is_live: bool,
    /// Live, but producing no frames.
    pub is_paused: bool,
    /// Frames a second, measured.
    #[serde(with = "number")]
    pub fps: f64,
    /// Frames a second, wanted.
    #[serde(rename = "targetFPS")]
    pub target_fps: u64,
    /// Frames produced since the start.
    pub frame_count: u64,
    /// Frames that were due and did not come.
    pub dropped_frames: u64,
    /// Milliseconds a frame takes to render.
    #[serde(with = "number")]
    pub average_render_time: f64,
    /// When it was started, Unix milliseconds.
    pub start_time: Option<u64>,
    /// The last failure, for people.
    pub error: Option<String>,
    /// Fields other services put here: kept and written back as they were.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The fields of [`StreamState`] that have names of their own, as on the wire.
const OWN: [&str; 9] = [
    "isLive",
    "isPaused",
    "fps",
    "targetFPS",
    "frameCount",
    "droppedFrames",
    "averageRenderTime",
    "startTime",
    "error",
];

/// Why a stored value can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl StreamState {
    /// A stream that was never started.
    pub fn new(target_fps: u64) -> Self {
        Self {
            is_live: false,
            is_paused: false,
            fps: 0.0,
            target_fps,
            frame_count: 0,
            dropped_frames: 0,
            average_render_time: 0.0,
            start_time: None,
            error: None,
            extra: Map::new(),
        }
    }

    /// Reads a stored value, also one of the service before this one (specification, section 4.2).
    ///
    /// # Errors
    /// Not a JSON object, or one of the six mandatory fields is missing or of another type.
    pub fn from_stored(text: &str) -> Result<Self, Invalid> {
        let value: Value = serde_json::from_str(text).map_err(|e| Invalid(e.to_string()))?;
        let Value::Object(mut fields) = value else {
            return Err(Invalid("it is not a JSON object".to_owned()));
        };
        let state = Self {
            is_live: flag(&fields, "isLive")?,
            is_paused: flag(&fields, "isPaused")?,
            fps: mandatory(&fields, "fps")?,
            target_fps: number::count(mandatory(&fields, "targetFPS")?),
            frame_count: number::count(mandatory(&fields, "frameCount")?),
            dropped_frames: number::count(mandatory(&fields, "droppedFrames")?),
            average_render_time: optional(&fields, "averageRenderTime").unwrap_or(0.0),
            start_time: optional(&fields, "startTime").map(number::count),
            error: fields
                .get("error")
                .and_then(Value::as_str)
                .map(str::to_owned),
            extra: Map::new(),
        };
        for name in OWN {
            fields.remove(name);
        }
        Ok(Self {
            extra: fields,
            ..state
        })
    }

    /// The names of the fields in which `other` differs, as on the wire. Extra fields are not told apart.
    pub fn changes(&self, other: &Self) -> Vec<&'static str> {
        let differs = [
            self.is_live != other.is_live,
            self.is_paused != other.is_paused,
            self.fps.to_bits() != other.fps.to_bits(),
            self.target_fps != other.target_fps,
            self.frame_count != other.frame_count,
            self.dropped_frames != other.dropped_frames,
            self.average_render_time.to_bits() != other.average_render_time.to_bits(),
            self.start_time != other.start_time,
            self.error != other.error,
        ];
        let names = OWN.into_iter().zip(differs);
        names
            .filter_map(|(name, differs)| differs.then_some(name))
            .collect()
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> Result<bool, Invalid> {
    let value = fields.get(name).and_then(Value::as_bool);
    value.ok_or_else(|| Invalid(format!("{name} is not a boolean")))
}

fn mandatory(fields: &Map<String, Value>, name: &str) -> Result<f64, Invalid> {
    optional(fields, name).ok_or_else(|| Invalid(format!("{name} is not a number")))
}

fn optional(fields: &Map<String, Value>, name: &str) -> Option<f64> {
    fields.get(name).and_then(Value::as_f64).map(number::finite)
}
