//! Sources of configuration: each turns its text into the one tree.

pub mod env;
pub mod flags;
pub mod flat;
pub mod json;
pub mod kv;
pub mod labels;
pub mod toml;
pub mod yaml;
mod yaml_quotes;

use std::path::Path;

use super::error::ConfigErrors;
use super::tree::{Node, Position};

/// Sections and lists may be nested this deep; deeper input is refused rather than risk the stack.
const MAX_DEPTH: usize = 64;

/// The formats of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Yaml,
    Toml,
    Json,
}

impl Format {
    /// By the file's extension, without case.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yml" | "yaml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Parses a text; `name` is what errors call it. An empty text is an empty section.
    pub fn parse(self, name: &str, text: &str) -> Result<Node, ConfigErrors> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match self {
            Self::Yaml => yaml::parse(name, text),
            Self::Toml => toml::parse(name, text),
            Self::Json => json::parse(name, text),
        }
    }
}

/// Reads and parses a file of one of the formats.
pub fn read_file(path: &Path) -> Result<Node, ConfigErrors> {
    let text = read_text(path)?;
    format_of(path)?.parse(&path.to_string_lossy(), &text)
}

/// The format of a file, or an error that names those that are known.
pub fn format_of(path: &Path) -> Result<Format, ConfigErrors> {
    let name = path.to_string_lossy();
    let unknown = || {
        ConfigErrors::one(
            Position::named(&*name),
            "",
            "unsupported file extension; known are .yml, .yaml, .toml and .json",
        )
    };
    Format::of(path).ok_or_else(unknown)
}

/// A file's text, which must be UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigErrors> {
    let name = path.to_string_lossy();
    let failed = |what: String| ConfigErrors::one(Position::named(&*name), "", what);
    let bytes = std::fs::read(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| failed(format!("is not UTF-8 text: {error}")))
}
