//! From trees and files to the routing configuration.

use std::path::Path;

use super::Dynamic;
use crate::config::decode::{Decoder, Dialect, Section as _, fill_entries};
use crate::config::error::{ConfigErrors, Problem, nearest};
use crate::config::install::Install;
use crate::config::source::{self, Format};
use crate::config::tree::{Entry, Node};

/// A routing configuration and what is odd about it, but no error.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    pub config: Dynamic,
    pub warnings: Vec<Problem>,
}

/// Decodes a tree. In files, top-level sections that are none of the routing configuration are passed over, because one
/// file may hold the install configuration as well; an unknown key anywhere else is an error.
pub fn from_tree(tree: &Node, dialect: Dialect) -> Result<Parsed, ConfigErrors> {
    let (parsed, errors) = examine(tree, dialect);
    if errors.is_empty() {
        Ok(parsed)
    } else {
        Err(ConfigErrors(errors))
    }
}

/// The same, but goes on with what is right where something is wrong; with what is wrong.
pub fn examine(tree: &Node, dialect: Dialect) -> (Parsed, Vec<Problem>) {
    let mut decoder = Decoder::new(dialect);
    let mut config = Dynamic::default();
    let known = |entry: &&Entry| {
        Dynamic::FIELDS
            .iter()
            .any(|field| field.key.eq_ignore_ascii_case(&entry.key))
    };
    let (ours, others): (Vec<&Entry>, Vec<&Entry>) = tree.entries().partition(known);
    for entry in others {
        let install = Install::FIELDS
            .iter()
            .any(|field| field.key.eq_ignore_ascii_case(&entry.key));
        if !install {
            let hint = nearest(&entry.key, Dynamic::FIELDS.iter().map(|field| field.key));
            let hint = match (hint, crate::config::removed::moved(&entry.key)) {
                (_, Some(now)) => format!("; in v3 it is {now}"),
                (Some(key), None) => format!("; did you mean `{key}`?"),
                (None, None) => String::new(),
            };
            decoder.warn(
                &entry.key_at,
                format!("unknown section `{}` is ignored{hint}", entry.key),
            );
        }
    }
    fill_entries(&mut config, ours, &mut decoder);
    let Decoder {
        errors, warnings, ..
    } = decoder;
    (Parsed { config, warnings }, errors)
}

/// Decodes a text; `name` is what errors call it.
pub fn parse_text(name: &str, text: &str, format: Format) -> Result<Parsed, ConfigErrors> {
    from_tree(&format.parse(name, text)?, Dialect::File)
}

/// Reads and decodes a file, without templates.
pub fn parse_file(path: &Path) -> Result<Parsed, ConfigErrors> {
    from_tree(&source::read_file(path)?, Dialect::File)
}
