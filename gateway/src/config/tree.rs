//! The one tree that every source of configuration becomes: nodes with a position, scalars with their raw text.

use std::fmt;
use std::sync::Arc;

/// Where something was written: a file with line and column, or the name of a flag, variable, label or key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// A file's path, or for example `flag --api.insecure`.
    pub source: Arc<str>,
    /// From 1; 0 where the source has no lines.
    pub line: u32,
    /// From 1, in characters; 0 where the source has no columns.
    pub column: u32,
}

impl Position {
    pub fn new(source: &Arc<str>, line: usize, column: usize) -> Self {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            source: Arc::clone(source),
            line: small(line),
            column: small(column),
        }
    }

    /// A place in a source without lines.
    pub fn named(source: impl Into<Arc<str>>) -> Self {
        Self {
            source: source.into(),
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: Position,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing was given after the key. It counts as if the key were not there.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Map),
}

/// A single value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    pub text: String,
    /// Whether it was written without quotes in a format where that makes a difference (a number, a boolean).
    pub plain: bool,
}

/// A section: keys in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map {
    pub entries: Vec<Entry>,
    /// The section's own value beside its keys: `--api=true --api.insecure=true`. Only flat sources have it.
    pub own: Option<Scalar>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_at: Position,
    pub node: Node,
}

impl Node {
    pub fn new(at: Position, value: Value) -> Self {
        Self { at, value }
    }

    pub fn scalar(at: Position, text: impl Into<String>, plain: bool) -> Self {
        Self::new(
            at,
            Value::Scalar(Scalar {
                text: text.into(),
                plain,
            }),
        )
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The keys of a section that have a value; nothing for other nodes.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let entries = match &self.value {
            Value::Map(map) => map.entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter(|entry| !entry.node.is_null())
    }

    /// The value below a dotted path, keys compared without case.
    pub fn get(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| {
            node.entries()
                .find(|entry| entry.key.eq_ignore_ascii_case(key))
                .map(|entry| &entry.node)
        })
    }

    /// What kind of thing this is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a section",
        }
    }

    /// Puts a value below a path, creating the sections on the way. Keys that differ only in case are one key, and the
    /// first spelling stays: the rule of flags, variables, labels and KV pairs.
    pub fn insert(&mut self, path: &[&str], at: &Position, text: &str) {
        let scalar = Scalar {
            text: text.to_owned(),
            plain: true,
        };
        let Some((key, rest)) = path.split_first() else {
            match &mut self.value {
                Value::Map(map) => map.own = Some(scalar),
                value => *value = Value::Scalar(scalar),
            }
            self.at = at.clone();
            return;
        };
        let mut map = match std::mem::replace(&mut self.value, Value::Null) {
            Value::Map(map) => map,
            Value::Scalar(own) => Map {
                entries: Vec::new(),
                own: Some(own),
            },
            Value::Null | Value::List(_) => Map::default(),
        };
        match map
            .entries
            .iter_mut()
            .find(|entry| entry.key.eq_ignore_ascii_case(key))
        {
            Some(entry) => entry.node.insert(rest, at, text),
            None => {
                let mut node = Self::new(at.clone(), Value::Null);
                node.insert(rest, at, text);
                map.entries.push(Entry {
                    key: (*key).to_owned(),
                    key_at: at.clone(),
                    node,
                });
            }
        }
        self.value = Value::Map(map);
    }
}
