//! The place of what a message is about: the object, or the value in it that the message quotes.

use std::collections::HashMap;

use super::references::{Kind, provider};
use crate::command::gather::Gathered;
use crate::config::places::place;
use crate::config::tree::{Node, Position, Value};

/// Values shorter than this must stand between quotes in a message to be what it is about.
const TELLING: usize = 6;

/// The objects of the routing files by kind and name: where each is written, and its node.
pub(super) struct Index<'g> {
    gathered: &'g Gathered,
    objects: HashMap<(Kind, &'g str), (&'g Position, &'g Node)>,
}

impl<'g> Index<'g> {
    pub(super) fn new(gathered: &'g Gathered) -> Self {
        let mut objects = HashMap::new();
        for tree in &gathered.files.trees {
            for kind in Kind::ALL {
                let section = tree.get("http").and_then(|http| http.get(kind.section()));
                for entry in section.into_iter().flat_map(Node::entries) {
                    // Of several files the first one counts.
                    objects
                        .entry((kind, entry.key.as_str()))
                        .or_insert((&entry.key_at, &entry.node));
                }
            }
        }
        Self { gathered, objects }
    }

    /// Where the object is written, and its node; `None` for objects of the gateway's own.
    pub(super) fn object(&self, kind: Kind, name: &str) -> Option<(&'g Position, &'g Node)> {
        let name = self.written(kind, name);
        self.objects.get(&(kind, bare(name))).copied()
    }

    /// The name as it was written: a router on several entry points with models is several routers (`web-app@file`).
    pub(super) fn written<'n>(&self, kind: Kind, name: &'n str) -> &'n str {
        let is_written = |name: &str| self.objects.contains_key(&(kind, bare(name)));
        if kind != Kind::Router || is_written(name) {
            return name;
        }
        let entries = self.gathered.install.entry_points.keys();
        entries
            .filter_map(|entry| name.strip_prefix(entry.as_str())?.strip_prefix('-'))
            .find(|whole| is_written(whole))
            .unwrap_or(name)
    }

    /// Where the value stands that `message` is about, within the object.
    pub(super) fn place(&self, kind: Kind, name: &str, message: &str) -> Position {
        let install = &self.gathered.tree;
        let object = self.object(kind, name);
        object
            .and_then(|(_, node)| quoted(node, message, provider(name)))
            // Middlewares of entry points are in front of every router.
            .or_else(|| quoted(install, message, provider(name)).filter(|_| !message.is_empty()))
            .or_else(|| object.map(|(at, _)| at.clone()))
            .unwrap_or_else(|| Position::named(install.at.source.clone()))
    }

    /// Where the key `key` of an object stands, or the object.
    pub(super) fn key(&self, kind: Kind, name: &str, key: &str) -> Option<Position> {
        let (at, node) = self.object(kind, name)?;
        let mut entries = node.entries();
        let entry = entries.find(|entry| entry.key.eq_ignore_ascii_case(key));
        Some(entry.map_or(at, place).clone())
    }
}

/// A name without its provider.
pub(super) fn bare(name: &str) -> &str {
    name.rsplit_once('@').map_or(name, |(bare, _)| bare)
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
