//! What can be changed while the process runs, under the names of the environment.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{CommandError, ErrorCode, FieldError};
use crate::config::{self, Bitrate, Quality, Resolution, ValueError};

/// The answer of `GET …/config`: six keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct RuntimeConfig {
    /// `WxH`.
    pub stream_resolution: Resolution,
    /// 1 to 60.
    pub target_fps: u32,
    /// `low`, `medium` or `high`.
    pub render_quality: Quality,
    /// 1 to 100.
    pub max_layers: u32,
    /// As it was written.
    pub stream_bitrate: Bitrate,
    /// Can't be changed at run time.
    pub enable_hardware_acceleration: bool,
}

impl From<&config::Stream> for RuntimeConfig {
    fn from(stream: &config::Stream) -> Self {
        Self {
            stream_resolution: stream.resolution,
            target_fps: stream.target_fps,
            render_quality: stream.quality,
            max_layers: stream.max_layers,
            stream_bitrate: stream.bitrate.clone(),
            enable_hardware_acceleration: stream.hardware_acceleration,
        }
    }
}

/// Settings as they are stored: with the environment they were changed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRecord {
    /// The settings in force.
    pub values: RuntimeConfig,
    /// What the environment said then.
    pub environment: RuntimeConfig,
}

impl SettingsRecord {
    /// The settings after a new start: a change made at run time holds until the environment says something new.
    pub fn restore(&self, environment: &RuntimeConfig) -> RuntimeConfig {
        let Self {
            values,
            environment: then,
        } = self;
        fn pick<T: PartialEq + Clone>(value: &T, then: &T, now: &T) -> T {
            if then == now {
                value.clone()
            } else {
                now.clone()
            }
        }
        let now = environment;
        RuntimeConfig {
            stream_resolution: pick(
                &values.stream_resolution,
                &then.stream_resolution,
                &now.stream_resolution,
            ),
            target_fps: pick(&values.target_fps, &then.target_fps, &now.target_fps),
            render_quality: pick(
                &values.render_quality,
                &then.render_quality,
                &now.render_quality,
            ),
            max_layers: pick(&values.max_layers, &then.max_layers, &now.max_layers),
            stream_bitrate: pick(
                &values.stream_bitrate,
                &then.stream_bitrate,
                &now.stream_bitrate,
            ),
            // Can't be changed at run time, so only the environment counts.
            enable_hardware_acceleration: now.enable_hardware_acceleration,
        }
    }
}

/// The keys that a request may name.
const KEYS: &str = "STREAM_RESOLUTION, TARGET_FPS, RENDER_QUALITY, MAX_LAYERS, STREAM_BITRATE";

/// Some of the settings, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsPatch {
    /// `STREAM_RESOLUTION`.
    pub stream_resolution: Option<Resolution>,
    /// `TARGET_FPS`; also the stream's `targetFPS`.
    pub target_fps: Option<u32>,
    /// `RENDER_QUALITY`.
    pub render_quality: Option<Quality>,
    /// `MAX_LAYERS`.
    pub max_layers: Option<u32>,
    /// `STREAM_BITRATE`.
    pub stream_bitrate: Option<Bitrate>,
}

impl SettingsPatch {
    /// Reads a request's body.
    ///
    /// # Errors
    /// Names every field that is unknown or has a wrong value; then nothing of the patch counts.
    pub fn from_json(value: &Value) -> Result<Self, CommandError> {
        let Value::Object(fields) = value else {
            return Err(CommandError {
                code: ErrorCode::ValidationError,
                message: format!("the body must be an object with any of {KEYS}"),
                fields: Vec::new(),
                details: None,
            });
        };
        let mut patch = Self::default();
        let mut wrong = Vec::new();
        for (name, value) in fields {
            if let Err(message) = patch.set(name, value) {
                wrong.push(FieldError {
                    field: name.clone(),
                    message,
                });
            }
        }
        if wrong.is_empty() {
            Ok(patch)
        } else {
            Err(CommandError::fields(wrong))
        }
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "STREAM_RESOLUTION" => self.stream_resolution = Some(text(name, value)?),
            "TARGET_FPS" => self.target_fps = Some(number(name, value, 60)?),
            "RENDER_QUALITY" => self.render_quality = Some(text(name, value)?),
            "MAX_LAYERS" => self.max_layers = Some(number(name, value, 100)?),
            "STREAM_BITRATE" => {
                // Bits a second may come as a number.
                let digits = value.as_u64().map(|bits| Value::String(bits.to_string()));
                self.stream_bitrate = Some(text(name, digits.as_ref().unwrap_or(value))?);
            }
            "ENABLE_HARDWARE_ACCELERATION" => {
                return Err(format!("{name} can't be changed at run time"));
            }
            _ => return Err(format!("{} is not a setting; allowed: {KEYS}", shown(name))),
        }
        Ok(())
    }

    /// The settings after the patch.
    pub fn applied_to(&self, settings: &RuntimeConfig) -> RuntimeConfig {
        let bitrate = self.stream_bitrate.as_ref();
        RuntimeConfig {
            stream_resolution: self.stream_resolution.unwrap_or(settings.stream_resolution),
            target_fps: self.target_fps.unwrap_or(settings.target_fps),
            render_quality: self.render_quality.unwrap_or(settings.render_quality),
            max_layers: self.max_layers.unwrap_or(settings.max_layers),
            stream_bitrate: bitrate.unwrap_or(&settings.stream_bitrate).clone(),
            enable_hardware_acceleration: settings.enable_hardware_acceleration,
        }
    }
}

impl RuntimeConfig {
    /// The keys in which `other` differs.
    pub fn changes(&self, other: &Self) -> Vec<&'static str> {
        let differs = [
            (
                "STREAM_RESOLUTION",
                self.stream_resolution != other.stream_resolution,
            ),
            ("TARGET_FPS", self.target_fps != other.target_fps),
            (
                "RENDER_QUALITY",
                self.render_quality != other.render_quality,
            ),
            ("MAX_LAYERS", self.max_layers != other.max_layers),
            (
                "STREAM_BITRATE",
                self.stream_bitrate != other.stream_bitrate,
            ),
            (
                "ENABLE_HARDWARE_ACCELERATION",
                self.enable_hardware_acceleration != other.enable_hardware_acceleration,
            ),
        ];
        let differs = differs.into_iter();
        differs
            .filter_map(|(name, differs)| differs.then_some(name))
            .collect()
    }
}

fn text<T: std::str::FromStr<Err = ValueError>>(name: &str, value: &Value) -> Result<T, String> {
    let parsed = value.as_str().unwrap_or_default().parse();
    parsed.map_err(|error: ValueError| format!("{name} must be {}", error.allowed))
}

fn number(name: &str, value: &Value, most: u32) -> Result<u32, String> {
    // 30.0 is a whole number too.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range"
    )]
    let number = value
        .as_f64()
        .filter(|n| n.fract() == 0.0 && (1.0..=f64::from(most)).contains(n))
        .map(|n| n as u32);
    number.ok_or_else(|| format!("{name} must be a whole number from 1 to {most}"))
}

/// A name from outside, short enough to be repeated.
fn shown(name: &str) -> impl Display {
    name.chars().take(64).collect::<String>()
}
