//! Values with a syntax of their own, shared by the environment and by changes at run time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not such a value, and what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ValueError {
    /// What is wrong.
    pub reason: &'static str,
    /// What would be accepted.
    pub allowed: &'static str,
}

/// A picture size in pixels, written `1280x720`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Resolution {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Resolution {
    /// Sides that can still be rendered and held in memory.
    const SIDES: std::ops::RangeInclusive<u32> = 16..=7680;
    const ALLOWED: &'static str = "WIDTHxHEIGHT in pixels, each from 16 to 7680, as 1280x720";

    /// The default, 720p.
    pub const HD: Self = Self {
        width: 1280,
        height: 720,
    };
}

impl FromStr for Resolution {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = |reason| ValueError {
            reason,
            allowed: Self::ALLOWED,
        };
        let side = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| text.parse().ok())
        };
        let (width, height) = text
            .split_once(['x', 'X'])
            .ok_or(error("is not a picture size"))?;
        let (Some(Some(width)), Some(Some(height))) = (side(width), side(height)) else {
            return Err(error("is not a picture size"));
        };
        if !Self::SIDES.contains(&width) || !Self::SIDES.contains(&height) {
            return Err(error("is out of range"));
        }
        Ok(Self { width, height })
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl From<Resolution> for String {
    fn from(resolution: Resolution) -> Self {
        resolution.to_string()
    }
}

impl TryFrom<String> for Resolution {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

/// A video bit rate, kept as it was written: `2000k`, `2M` or bits a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bitrate(String);

impl Bitrate {
    const ALLOWED: &'static str = "2000k, 2M, or a whole number of bits a second";

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Bitrate {
    fn default() -> Self {
        Self("2000k".to_owned())
    }
}

impl FromStr for Bitrate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digits = text.strip_suffix(['k', 'K', 'm', 'M']).unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match digits.parse::<u64>() {
            Ok(number) if plain && number > 0 => Ok(Self(text.to_owned())),
            _ => Err(ValueError {
                reason: "is not a bit rate",
                allowed: Self::ALLOWED,
            }),
        }
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Bitrate> for String {
    fn from(bitrate: Bitrate) -> Self {
        bitrate.0
    }
}

impl TryFrom<String> for Bitrate {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

/// How good preview pictures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// 854×480, 10 frames a second.
    Low,
    /// 1280×720, 20 frames a second.
    Medium,
    /// 1920×1080, 30 frames a second.
    High,
}

impl Quality {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl FromStr for Quality {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "low" => Ok(Self::Low),
            "medium" => Ok(Self::Medium),
            "high" => Ok(Self::High),
            _ => Err(ValueError {
                reason: "is not a quality",
                allowed: "low, medium or high",
            }),
        }
    }
}

/// What the frame source hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameFormat {
    /// Pixels as they are.
    Raw,
    /// Compressed with loss.
    Jpeg,
}

impl FromStr for FrameFormat {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "raw" => Ok(Self::Raw),
            "jpeg" => Ok(Self::Jpeg),
            _ => Err(ValueError {
                reason: "is not a frame format",
                allowed: "raw or jpeg",
            }),
        }
    }
}
