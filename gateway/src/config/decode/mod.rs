//! Turns the tree into types. Collects every error instead of stopping at the first.

mod containers;
mod decoder;
mod scalars;
mod section;

use serde::Serialize;

pub use decoder::Decoder;
pub use scalars::Anything;
pub(crate) use section::section_impls;
pub use section::{Presence, fill_entries, fill_section};

use super::describe::OptionLine;
use super::object::Field;
use super::tree::Node;

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

    /// The keys that have a value.
    fn present(&self) -> Vec<&'static str>;

    /// Writes the keys that have a value, so that another object can add its own beside them.
    fn write_fields<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}
