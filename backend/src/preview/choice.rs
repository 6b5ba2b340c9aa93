//! What a client may choose, and what it is given for it.

use crate::config::{Quality, Resolution};

/// How a frame's picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Png,
    Jpeg,
}

/// How a frame goes over the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// A text message with the picture in base64.
    Json,
    /// A header of 20 bytes and the picture.
    Binary,
}

/// A picture of one quality in one format: what is encoded once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    pub quality: Quality,
    pub format: Format,
}

/// What one client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub variant: Variant,
    pub encoding: Encoding,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            variant: Variant {
                quality: Quality::Medium,
                format: Format::Png,
            },
            encoding: Encoding::Json,
        }
    }
}

impl Format {
    /// As on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
        }
    }

    /// The format of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Png, Self::Jpeg]
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// What HTTP calls it.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}

impl Encoding {
    /// As on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }

    /// The encoding of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Json, Self::Binary]
            .into_iter()
            .find(|encoding| encoding.name() == name)
    }
}

impl Variant {
    pub const COUNT: usize = 6;

    /// All there are, in the order of [`Self::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        let qualities = [Quality::Low, Quality::Medium, Quality::High].into_iter();
        qualities.flat_map(|quality| {
            [Format::Png, Format::Jpeg]
                .into_iter()
                .map(move |format| Self { quality, format })
        })
    }

    /// Its number, below [`Self::COUNT`].
    pub const fn index(self) -> usize {
        self.quality as usize * 2 + self.format as usize
    }
}

impl Choice {
    pub const COUNT: usize = 2 * Variant::COUNT;

    /// Its number, below [`Self::COUNT`].
    pub const fn index(self) -> usize {
        self.variant.index() * 2 + self.encoding as usize
    }

    /// A set with this choice alone.
    pub const fn audience(self) -> u16 {
        1 << self.index()
    }
}

/// Frames a second at most.
pub(super) const fn most_fps(quality: Quality) -> u32 {
    match quality {
        Quality::Low => 10,
        Quality::Medium => 20,
        Quality::High => 30,
    }
}

/// JPEG quality.
pub(super) const fn jpeg_quality(quality: Quality) -> u8 {
    match quality {
        Quality::Low => 60,
        Quality::Medium => 75,
        Quality::High => 85,
    }
}

/// The size that a picture of this size is given: within the quality's, never larger than it is, both sides even.
pub(super) fn fitted(size: Resolution, quality: Quality) -> Resolution {
    let (width, height) = match quality {
        Quality::Low => (854, 480),
        Quality::Medium => (1280, 720),
        Quality::High => (1920, 1080),
    };
    let scale = (f64::from(width) / f64::from(size.width))
        .min(f64::from(height) / f64::from(size.height))
        .min(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 2 and the side itself"
    )]
    let side = |side: u32| ((f64::from(side) * scale / 2.0).round() as u32 * 2).max(2);
    Resolution {
        width: side(size.width),
        height: side(size.height),
    }
}
