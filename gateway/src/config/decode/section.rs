//! Decoding of sections: keys to fields, by the list that `object!` makes.

use super::{Decoder, Dialect, Section};
use crate::config::describe::OptionLine;
use crate::config::object::Field;
use crate::config::tree::{Entry, Node};

/// Fills a section from a node, key by key.
pub fn fill_section<T: Section>(target: &mut T, node: &Node, decoder: &mut Decoder) {
    fill_entries(target, node.entries(), decoder);
}

/// Fills a section from some of a node's keys.
pub fn fill_entries<'a, T: Section>(
    target: &mut T,
    entries: impl IntoIterator<Item = &'a Entry>,
    decoder: &mut Decoder,
) {
    for entry in entries {
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
                if traits.idle {
                    decoder.not_used(entry);
                }
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

/// A section without keys: it is there or it is not (`healthCheck: {}`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Presence {}

impl Section for Presence {
    const FIELDS: &'static [Field] = &[];

    fn fill_field(&mut self, _key: &str, _node: &Node, _decoder: &mut Decoder) {}

    fn describe_fields(&self, _prefix: &str, _out: &mut Vec<OptionLine>) {}

    fn present(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn write_fields<M: serde::ser::SerializeMap>(&self, _map: &mut M) -> Result<(), M::Error> {
        Ok(())
    }
}

section_impls!(Presence);
