//! Where the install configuration is taken from: one file, or the flags, or the environment, never a mixture.

mod examine;
mod find;

use std::path::PathBuf;

pub use self::examine::{Examined, examine, from_tree};
use super::{Install, help};
use crate::config::decode::{Dialect, Section as _};
use crate::config::describe::OptionLine;
use crate::config::error::{ConfigErrors, Problem};
use crate::config::source::{self, env, flags};
use crate::config::tree::{Node, Position};

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

#[cfg(test)]
mod tests;
