//! Turns the tree into types. Collects every error instead of stopping at the first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::describe::OptionLine;
use super::error::{ConfigErrors, Problem, nearest};
use super::object::Field;
use super::tree::{Entry, Node, Position, Value};

/// Which family of sources a tree came from; a few keys exist only in some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    File,
    Flat,
    Label,
}

/// What sort of value a type takes, for flags and help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Switch,
    Number,
    Text,
    List,
    Section,
    Map,
    Anything,
}

/// A type that configuration can hold.
pub trait Decode: Serialize {
    const KIND: Kind;

    /// Takes over what the node says; what it does not mention stays. Problems go to the decoder.
    fn fill(&mut self, node: &Node, decoder: &mut Decoder);

    /// Whether JSON leaves it out, as Go's `omitempty` does.
    fn is_absent(&self) -> bool;

    /// The value as a user would write it; empty for none.
    fn shown(&self) -> String {
        String::new()
    }

    /// Adds the options below this one.
    fn describe(&self, _name: &str, _out: &mut Vec<OptionLine>) {}
}

/// A type with named keys; implemented by `object!`.
pub trait Section: Default {
    const FIELDS: &'static [Field];

    fn fill_field(&mut self, key: &str, node: &Node, decoder: &mut Decoder);

    fn describe_fields(&self, prefix: &str, out: &mut Vec<OptionLine>);

    /// Writes the keys that have a value, so that another object can add its own beside them.
    fn write_fields<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

/// The state of one decoding.
#[derive(Debug)]
pub struct Decoder {
    dialect: Dialect,
    path: Vec<String>,
    /// Whether the key being filled may stand without a value.
    may_be_empty: bool,
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl Decoder {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            path: Vec::new(),
            may_be_empty: false,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The value if there was no error, with the warnings.
    pub fn finish<T>(self, value: T) -> Result<(T, Vec<Problem>), ConfigErrors> {
        if self.errors.is_empty() {
            Ok((value, self.warnings))
        } else {
            Err(ConfigErrors(self.errors))
        }
    }

    /// Decodes `fill` one level deeper, below `key`.
    pub fn within<R>(&mut self, key: &str, fill: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(key.to_owned());
        let result = fill(self);
        self.path.pop();
        result
    }

    fn problem(&self, at: &Position, message: String, hint: Option<String>) -> Problem {
        Problem {
            at: at.clone(),
            path: self.path.join(".").replace(".[", "["),
            message,
            hint,
        }
    }

    pub fn error(&mut self, at: &Position, message: impl Into<String>) {
        let problem = self.problem(at, message.into(), None);
        self.errors.push(problem);
    }

    pub fn error_with_hint(
        &mut self,
        at: &Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = self.problem(at, message.into(), Some(hint.into()));
        self.errors.push(problem);
    }

    pub fn warn(&mut self, at: &Position, message: impl Into<String>) {
        let problem = self.problem(at, message.into(), None);
        self.warnings.push(problem);
    }

    fn unknown_key(&mut self, entry: &Entry, fields: &[Field]) {
        let known = fields
            .iter()
            .filter(|field| !field.traits.later)
            .map(|field| field.key);
        let hint = match super::removed::hint(&self.path.join("."), &entry.key) {
            Some(hint) => hint.to_owned(),
            None => match nearest(&entry.key, known.clone()) {
                Some(key) => format!("did you mean `{key}`?"),
                None => format!("known here: {}", known.collect::<Vec<_>>().join(", ")),
            },
        };
        let message = format!("unknown key `{}`", entry.key);
        let problem = self.problem(&entry.key_at, message, Some(hint));
        self.errors.push(problem);
    }

    /// One warning for all that is below a known option that does nothing here, unless it is switched off.
    fn not_supported(&mut self, entry: &Entry) {
        let off = matches!(&entry.node.value, Value::Scalar(scalar) if scalar.text.eq_ignore_ascii_case("false"));
        if !off {
            self.warn(&entry.key_at, "not supported; it is ignored");
        }
    }

    /// The scalar's text, or an error that says what was expected instead.
    fn text<'a>(&mut self, node: &'a Node, expected: &str) -> Option<&'a str> {
        match &node.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Map(map) if map.own.is_some() && self.dialect != Dialect::File => {
                let key = map.entries.first().map_or("", |entry| entry.key.as_str());
                self.error(
                    &node.at,
                    format!("expected {expected}, which has no key `{key}`"),
                );
                None
            }
            _ => {
                self.error(
                    &node.at,
                    format!("expected {expected}, not {}", node.kind()),
                );
                None
            }
        }
    }

    /// Whether a section that has no keys may stand, and then whether it is switched on.
    fn enter_section(&mut self, node: &Node, may_be_empty: bool) -> bool {
        let own = match &node.value {
            Value::Null => return false,
            Value::Scalar(scalar) => Some(scalar),
            Value::Map(map) => map.own.as_ref(),
            Value::List(_) if may_be_empty => {
                self.warn(&node.at, "expected a section, not a list; it is ignored");
                return false;
            }
            Value::List(_) => {
                self.error(&node.at, "expected a section, not a list");
                return false;
            }
        };
        let has_keys = node.entries().next().is_some();
        match own {
            _ if !has_keys && !may_be_empty => {
                let name = self.path.last().cloned().unwrap_or_default();
                self.error_with_hint(
                    &node.at,
                    format!("{name} cannot be a standalone element"),
                    "give at least one option below it, or remove it",
                );
                false
            }
            Some(own)
                if may_be_empty
                    && !own.text.is_empty()
                    && !own.text.eq_ignore_ascii_case("true") =>
            {
                if !own.text.eq_ignore_ascii_case("false") {
                    self.warn(
                        &node.at,
                        format!("expected a section, not {:?}; it is ignored", own.text),
                    );
                }
                false
            }
            _ => true,
        }
    }
}

/// Fills a section from a node, key by key.
pub fn fill_section<T: Section>(target: &mut T, node: &Node, decoder: &mut Decoder) {
    for entry in node.entries() {
        let dialect = decoder.dialect;
        let Some(field) = T::FIELDS
            .iter()
            .find(|field| field.is_called(&entry.key, dialect))
        else {
            decoder.unknown_key(entry, T::FIELDS);
            continue;
        };
        let traits = field.traits;
        let passed_over = match dialect {
            Dialect::Label => traits.no_label,
            Dialect::File => traits.no_file,
            Dialect::Flat => false,
        };
        if passed_over {
            let message = format!("`{}` has no effect here and is ignored", entry.key);
            decoder.warn(&entry.key_at, message);
            continue;
        }
        decoder.within(field.key, |decoder| {
            if traits.later {
                decoder.not_supported(entry);
            } else {
                decoder.may_be_empty = traits.empty;
                target.fill_field(field.key, &entry.node, decoder);
            }
        });
    }
}

impl Field {
    fn is_called(&self, key: &str, dialect: Dialect) -> bool {
        let name = if self.traits.server && dialect != Dialect::File {
            "server"
        } else {
            self.key
        };
        // Flat sources other than labels may also use the list's own name.
        name.eq_ignore_ascii_case(key)
            || (dialect == Dialect::Flat && self.key.eq_ignore_ascii_case(key))
    }
}

/// `Decode` and `Serialize` for a `Section`.
macro_rules! section_impls {
    ($name:ident) => {
        impl $crate::config::decode::Decode for $name {
            const KIND: $crate::config::decode::Kind = $crate::config::decode::Kind::Section;

            fn fill(
                &mut self,
                node: &$crate::config::tree::Node,
                decoder: &mut $crate::config::decode::Decoder,
            ) {
                if decoder.opens_section(node) {
                    $crate::config::decode::fill_section(self, node, decoder);
                }
            }

            fn is_absent(&self) -> bool {
                false
            }

            fn describe(&self, name: &str, out: &mut Vec<$crate::config::describe::OptionLine>) {
                $crate::config::decode::Section::describe_fields(self, name, out);
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $crate::config::decode::Section::write_fields(self, &mut map)?;
                serde::ser::SerializeMap::end(map)
            }
        }
    };
}

pub(crate) use section_impls;

impl Decoder {
    /// Whether the keys of a section are to be read. Takes the permission to be empty that the field gave.
    pub fn opens_section(&mut self, node: &Node) -> bool {
        let may_be_empty = std::mem::take(&mut self.may_be_empty);
        self.enter_section(node, may_be_empty)
    }
}

/// A section without keys: it is there or it is not (`healthCheck: {}`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Presence {}

impl Section for Presence {
    const FIELDS: &'static [Field] = &[];

    fn fill_field(&mut self, _key: &str, _node: &Node, _decoder: &mut Decoder) {}

    fn describe_fields(&self, _prefix: &str, _out: &mut Vec<OptionLine>) {}

    fn write_fields<M: serde::ser::SerializeMap>(&self, _map: &mut M) -> Result<(), M::Error> {
        Ok(())
    }
}

section_impls!(Presence);

impl<T: Decode + Default> Decode for Option<T> {
    const KIND: Kind = T::KIND;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        if node.is_null() {
            return;
        }
        if matches!(T::KIND, Kind::Section) {
            if !decoder.opens_section(node) {
                *self = None;
                return;
            }
            decoder.may_be_empty = true;
        }
        self.get_or_insert_default().fill(node, decoder);
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn shown(&self) -> String {
        match self {
            Some(value) => value.shown(),
            None if T::KIND == Kind::Section => "false".to_owned(),
            None => String::new(),
        }
    }

    fn describe(&self, name: &str, out: &mut Vec<OptionLine>) {
        match self {
            Some(value) => value.describe(name, out),
            None => T::default().describe(name, out),
        }
    }
}

impl<T: Decode + Default> Decode for BTreeMap<String, T> {
    const KIND: Kind = Kind::Map;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        if !decoder.opens_section(node) {
            return;
        }
        for entry in node.entries() {
            decoder.within(&entry.key, |decoder| {
                // The name alone makes an entry with its defaults.
                decoder.may_be_empty = true;
                let value = self.entry(entry.key.clone()).or_default();
                value.fill(&entry.node, decoder);
            });
        }
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn describe(&self, name: &str, out: &mut Vec<OptionLine>) {
        let name = format!("{name}.<name>");
        let value = T::default();
        out.push(OptionLine {
            name: name.clone(),
            kind: T::KIND,
            default: value.shown(),
            doc: &[],
            later: false,
            empty: T::KIND == Kind::Section,
        });
        value.describe(&name, out);
    }
}

impl<T: Decode + Default> Decode for Vec<T> {
    const KIND: Kind = Kind::List;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        if node.is_null() {
            return;
        }
        self.clear();
        let sections = matches!(T::KIND, Kind::Section);
        match &node.value {
            Value::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    decoder.within(&format!("[{i}]"), |decoder| {
                        self.push(element(item, decoder))
                    });
                }
            }
            Value::Scalar(_) if sections => {
                decoder.warn(
                    &node.at,
                    "expected a list of sections, not a single value; it is ignored",
                );
            }
            Value::Scalar(scalar) => {
                for part in scalar.text.split(',').filter(|_| !scalar.text.is_empty()) {
                    self.push(element(
                        &Node::scalar(node.at.clone(), part.trim(), scalar.plain),
                        decoder,
                    ));
                }
            }
            Value::Map(_) => match indexed(node) {
                Some(items) => {
                    for (i, item) in items {
                        decoder.within(&format!("[{i}]"), |decoder| {
                            self.push(element(item, decoder))
                        });
                    }
                }
                None if sections && decoder.dialect != Dialect::File => {
                    self.push(element(node, decoder))
                }
                None => decoder.error(&node.at, "expected a list, not a section"),
            },
            Value::Null => {}
        }
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn shown(&self) -> String {
        self.iter()
            .map(Decode::shown)
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn describe(&self, name: &str, out: &mut Vec<OptionLine>) {
        T::default().describe(&format!("{name}[n]"), out);
    }
}

fn element<T: Decode + Default>(node: &Node, decoder: &mut Decoder) -> T {
    let mut value = T::default();
    if node.is_null() && T::KIND != Kind::Section {
        decoder.error(&node.at, "the list has an entry without a value");
    } else {
        decoder.may_be_empty = true;
        value.fill(node, decoder);
        decoder.may_be_empty = false;
    }
    value
}

/// The children of a node whose keys are all positions (`[0]` or `0`), in their order.
fn indexed(node: &Node) -> Option<Vec<(usize, &Node)>> {
    let position = |entry: &Entry| {
        let key = entry
            .key
            .strip_prefix('[')
            .and_then(|key| key.strip_suffix(']'))
            .unwrap_or(&entry.key);
        key.parse::<usize>().ok()
    };
    let mut items: Vec<_> = node
        .entries()
        .map(|entry| position(entry).map(|i| (i, &entry.node)))
        .collect::<Option<_>>()?;
    items.sort_by_key(|(i, _)| *i);
    Some(items)
}

mod scalars;
pub use scalars::Anything;
