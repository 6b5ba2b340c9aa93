//! Decoding of what may be absent, of lists and of maps with free names.

use std::collections::BTreeMap;

use super::{Decode, Decoder, Dialect, Kind};
use crate::config::describe::OptionLine;
use crate::config::tree::{Entry, Node, Value};

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

/// The entries of a map, whatever their names.
trait FillEntries {
    fn fill_entries(&mut self, prefix: &str, node: &Node, decoder: &mut Decoder);
}

impl<T: Decode + Default> FillEntries for BTreeMap<String, T> {
    fn fill_entries(&mut self, prefix: &str, node: &Node, decoder: &mut Decoder) {
        for entry in node.entries() {
            let name = if prefix.is_empty() {
                entry.key.clone()
            } else {
                format!("{prefix}.{}", entry.key)
            };
            // Where values are single, a section can only be a name that has dots in it and was not quoted.
            let single = matches!(T::KIND, Kind::Text | Kind::Number | Kind::Switch);
            if single && matches!(entry.node.value, Value::Map(_)) {
                self.fill_entries(&name, &entry.node, decoder);
                continue;
            }
            decoder.within(&name, |decoder| {
                // The name alone makes an entry with its defaults.
                decoder.may_be_empty = true;
                self.entry(name.clone())
                    .or_default()
                    .fill(&entry.node, decoder);
            });
        }
    }
}

impl<T: Decode + Default> Decode for BTreeMap<String, T> {
    const KIND: Kind = Kind::Map;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        if !decoder.opens_section(node) {
            return;
        }
        self.fill_entries("", node, decoder);
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
            default: if T::KIND == Kind::Section {
                "false".to_owned()
            } else {
                value.shown()
            },
            doc: &[],
            later: false,
            idle: false,
            empty: T::KIND == Kind::Section,
        });
        value.describe(&name, out);
    }
}

impl<T: Decode + Default> Decode for Vec<T> {
    const KIND: Kind = Kind::List;

    fn fill(&mut self, node: &Node, decoder: &mut Decoder) {
        // Traefik takes a list of nothing for none at all, and leaves the default.
        if node.is_null() || matches!(&node.value, Value::List(items) if items.is_empty()) {
            return;
        }
        self.clear();
        let sections = matches!(T::KIND, Kind::Section);
        match &node.value {
            Value::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    decoder.within(&format!("[{i}]"), |decoder| {
                        self.push(element(item, decoder));
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
                            self.push(element(item, decoder));
                        });
                    }
                }
                None if sections && decoder.dialect != Dialect::File => {
                    self.push(element(node, decoder));
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
