//! The place of what a message is about: the object, or the value in it that the message quotes.

use super::references::{Kind, provider};
use crate::command::gather::Gathered;
use crate::config::places::{Places, place};
use crate::config::tree::{Node, Position, Value};

/// Values shorter than this must stand between quotes in a message to be what it is about.
const TELLING: usize = 6;

impl Gathered {
    /// Where the object is written, and its node; `None` for objects of the gateway's own.
    pub(super) fn object(&self, kind: Kind, name: &str) -> Option<(Position, &Node)> {
        let places = Places(&self.files.trees);
        let name = self.written(kind, name);
        let path = ["http", kind.section(), name.rsplit_once('@')?.0];
        Some((places.deepest(&path, 3)?, places.node(&path)?))
    }

    /// The name as it was written: a router on several entry points with models is several routers (`web-app@file`).
    pub(super) fn written<'n>(&self, kind: Kind, name: &'n str) -> &'n str {
        let places = Places(&self.files.trees);
        let is_written = |name: &str| {
            let bare = name.rsplit_once('@').map_or(name, |(bare, _)| bare);
            places.node(&["http", kind.section(), bare]).is_some()
        };
        if kind != Kind::Router || is_written(name) {
            return name;
        }
        let entries = self.install.entry_points.keys();
        entries
            .filter_map(|entry| name.strip_prefix(entry.as_str())?.strip_prefix('-'))
            .find(|whole| is_written(whole))
            .unwrap_or(name)
    }

    /// Where the value stands that `message` is about, within the object.
    pub(super) fn place(&self, kind: Kind, name: &str, message: &str) -> Position {
        let Some((at, node)) = self.object(kind, name) else {
            let source = self.tree.at.source.clone();
            return quoted(&self.tree, message, provider(name))
                .unwrap_or_else(|| Position::named(source));
        };
        quoted(node, message, provider(name))
            // Middlewares of entry points are in front of every router.
            .or_else(|| quoted(&self.tree, message, provider(name)))
            .unwrap_or(at)
    }
}

/// The longest value below `node` that `message` quotes; of several that long the one whose key the message names.
pub(super) fn quoted(node: &Node, message: &str, provider: &str) -> Option<Position> {
    let mut best = None;
    search(node, "", message, provider, &mut best);
    best.map(|(_, at)| at)
}

type Best = Option<((usize, bool), Position)>;

fn search(node: &Node, key: &str, message: &str, provider: &str, best: &mut Best) {
    match &node.value {
        Value::Scalar(scalar) => {
            let text = scalar.text.as_str();
            let quotes = |text: &str| message.contains(&format!("\"{text}\""));
            let found = !text.is_empty()
                && (quotes(text)
                    || quotes(&format!("{text}@{provider}"))
                    || (text.len() >= TELLING && message.contains(text))
                    || message.ends_with(&format!(" {text}@{provider}")));
            let word = key.trim_end_matches('s').to_ascii_lowercase();
            let named = !word.is_empty() && message.to_ascii_lowercase().contains(&word);
            let rank = (text.len(), named);
            if found && best.as_ref().is_none_or(|(known, _)| rank > *known) {
                *best = Some((rank, node.at.clone()));
            }
        }
        Value::List(items) => {
            for item in items {
                search(item, key, message, provider, best);
            }
        }
        Value::Map(_) => {
            for entry in node.entries() {
                search(&entry.node, &entry.key, message, provider, best);
            }
        }
        Value::Null => {}
    }
}

/// Where the key `key` of an object stands, or the object.
pub(super) fn key(gathered: &Gathered, kind: Kind, name: &str, key: &str) -> Option<Position> {
    let (at, node) = gathered.object(kind, name)?;
    let entry = node
        .entries()
        .find(|entry| entry.key.eq_ignore_ascii_case(key));
    Some(entry.map_or(at, |entry| place(entry).clone()))
}
