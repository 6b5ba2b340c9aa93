//! Where the install configuration is taken from: one file, or the flags, or the environment, never a mixture.

mod find;

use std::path::PathBuf;

use super::effective::complete;
use super::validate::validate;
use super::{Install, help};
use crate::config::decode::{Decoder, Dialect, Section as _, fill_section};
use crate::config::describe::OptionLine;
use crate::config::dynamic::Dynamic;
use crate::config::error::{ConfigErrors, Problem, nearest};
use crate::config::source::{self, env, flags};
use crate::config::tree::{Entry, Map, Node, Position, Value};

/// An install configuration that holds, completed with what follows from it.
#[derive(Debug)]
pub struct Loaded {
    pub config: Install,
    pub source: Source,
    /// For the log: what was ignored and why.
    pub warnings: Vec<Problem>,
}

/// Which of the sources was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    Flags,
    Environment,
    /// None was given.
    Defaults,
}

/// What the command line asked for.
#[derive(Debug)]
pub enum Outcome {
    Run(Box<Loaded>),
    /// `--help`: the text to print.
    Help(String),
}

/// Every option with its type and default.
pub fn options() -> Vec<OptionLine> {
    let mut lines = Vec::new();
    Install::default().describe_fields("", &mut lines);
    lines
}

/// What the command line, the files and the environment say, before it is decoded.
#[derive(Debug)]
pub enum Found {
    Tree(Box<Raw>),
    /// `--help`: the text to print.
    Help(String),
}

/// An install configuration as it was written.
#[derive(Debug)]
pub struct Raw {
    pub tree: Node,
    pub dialect: Dialect,
    pub source: Source,
    /// What was ignored and why.
    pub warnings: Vec<Problem>,
    /// The `--configFile` that was asked for, where there is no such file.
    pub missing: Option<String>,
}

/// Everything that is right and wrong with an install configuration.
#[derive(Debug)]
pub struct Examined {
    /// Completed, without what could not be decoded.
    pub config: Install,
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

/// Finds and decodes the install configuration. `args` are those after the program's name.
pub fn load(
    args: &[String],
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Outcome, ConfigErrors> {
    let raw = match find(args, env)? {
        Found::Help(text) => return Ok(Outcome::Help(text)),
        Found::Tree(raw) => raw,
    };
    let mut warnings = raw.warnings;
    let mut loaded = from_tree(&raw.tree, raw.dialect)?;
    warnings.append(&mut loaded.warnings);
    Ok(Outcome::Run(Box::new(Loaded {
        source: raw.source,
        warnings,
        ..loaded
    })))
}

/// Finds the install configuration and reads it.
///
/// As in Traefik a configuration file counts alone, flags count before variables, and a `--configFile` that does not
/// exist is passed over.
pub fn find(
    args: &[String],
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Found, ConfigErrors> {
    let env: Vec<(String, String)> = env.into_iter().collect();
    let flags = flags::parse(args, &options())?;
    if flags.help {
        return Ok(Found::Help(help()));
    }
    let mut warnings = flags.warnings;
    let file = find::find(flags.config_file.as_deref(), &env);
    let named = flags.config_file.filter(|name| !name.trim().is_empty());
    let missing = named.filter(|name| !find::exists(name, &env));
    let (tree, dialect, source) = if let Some(path) = file {
        let at = Position::named(path.to_string_lossy().as_ref());
        for entry in flags.tree.entries() {
            let message = format!("ignored, because the configuration is taken from {at}");
            warnings.push(Problem {
                at: entry.key_at.clone(),
                path: String::new(),
                message,
                hint: None,
            });
        }
        (source::read_file(&path)?, Dialect::File, Source::File(path))
    } else if !args.is_empty() {
        (flags.tree, Dialect::Flat, Source::Flags)
    } else {
        let sections: Vec<&str> = Install::FIELDS.iter().map(|field| field.key).collect();
        match env::parse(env, &sections)? {
            Some(tree) => (tree, Dialect::Flat, Source::Environment),
            None => (flags.tree, Dialect::Flat, Source::Defaults),
        }
    };
    Ok(Found::Tree(Box::new(Raw {
        tree,
        dialect,
        source,
        warnings,
        missing,
    })))
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

#[cfg(test)]
mod tests;
