//! From a tree to an install configuration: decoded, completed, checked.

use super::{Loaded, Source};
use crate::config::decode::{Decoder, Dialect, Section as _, fill_section};
use crate::config::dynamic::Dynamic;
use crate::config::error::{ConfigErrors, Problem, nearest};
use crate::config::install::Install;
use crate::config::install::effective::complete;
use crate::config::install::validate::validate;
use crate::config::tree::{Entry, Map, Node, Value};

/// Everything that is right and wrong with an install configuration.
#[derive(Debug)]
pub struct Examined {
    /// Completed, without what could not be decoded.
    pub config: Install,
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

/// Decodes, completes and checks an install configuration.
pub fn from_tree(tree: &Node, dialect: Dialect) -> Result<Loaded, ConfigErrors> {
    let Examined {
        config,
        errors,
        warnings,
    } = examine(tree, dialect);
    if !errors.is_empty() {
        return Err(ConfigErrors(errors));
    }
    Ok(Loaded {
        config,
        source: Source::Defaults,
        warnings,
    })
}

/// The same, but goes on with what is right where something is wrong.
pub fn examine(tree: &Node, dialect: Dialect) -> Examined {
    let mut decoder = Decoder::new(dialect);
    let mut config = Install::default();
    let root = match dialect {
        Dialect::File => sections_of_file(tree, &mut decoder),
        _ => tree.clone(),
    };
    fill_section(&mut config, &root, &mut decoder);
    complete(&mut config);
    validate(&config, &root, &mut decoder);
    Examined {
        config,
        errors: decoder.errors,
        warnings: decoder.warnings,
    }
}

/// The sections of a file that are install configuration. Unknown sections are passed over, as Traefik does, but named;
/// a file with nothing of use is refused.
fn sections_of_file(tree: &Node, decoder: &mut Decoder) -> Node {
    let is_one_of = |fields: &[crate::config::object::Field], entry: &Entry| {
        fields
            .iter()
            .any(|field| field.key.eq_ignore_ascii_case(&entry.key))
    };
    let mut entries = Vec::new();
    for entry in tree.entries() {
        if is_one_of(Install::FIELDS, entry)
            || crate::config::removed::hint("", &entry.key).is_some()
        {
            entries.push(entry.clone());
        } else if !is_one_of(Dynamic::FIELDS, entry) {
            let hint = nearest(&entry.key, Install::FIELDS.iter().map(|field| field.key));
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
    if entries.is_empty() {
        decoder.error(&tree.at, "no valid configuration found in file");
    }
    Node::new(tree.at.clone(), Value::Map(Map { entries, own: None }))
}
