//! The whole configuration as `check` and `explain` see it: found, read and decoded as the gateway does it, but going on
//! where something is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Problem;
use crate::config::dynamic::Dynamic;
use crate::config::install::{self, Found, Install, Source};
use crate::config::source::flags::COMMAND_LINE;
use crate::config::tree::{Node, Position};
use crate::provider::file::{self, Place};

/// See the module.
pub(super) struct Gathered {
    /// What could be decoded.
    pub(super) install: Arc<Install>,
    /// What it was decoded from.
    pub(super) tree: Node,
    pub(super) source: Source,
    /// What keeps the gateway from starting.
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// What the file provider reads.
    pub(super) files: file::Examined,
}

/// What the command line asks for.
pub(super) enum Asked {
    Configuration(Box<Gathered>),
    /// `--help`
    Help,
    /// Nothing can be said: a file is missing or cannot be parsed.
    Unreadable(Vec<Problem>),
}

/// Reads everything. `args` are the gateway's own flags; the environment and the default files count as they do for it.
pub(super) fn gather(args: &[String]) -> Asked {
    let raw = match install::find(args, std::env::vars()) {
        Ok(Found::Tree(raw)) => *raw,
        Ok(Found::Help(_)) => return Asked::Help,
        Err(errors) => return Asked::Unreadable(errors.0),
    };
    if let Some(missing) = raw.missing {
        return Asked::Unreadable(vec![Problem {
            at: Position::named(missing),
            path: String::new(),
            message: "there is no such file".to_owned(),
            hint: Some("the gateway would start without it, as Traefik does".to_owned()),
        }]);
    }
    // The gateway starts without a word that is no flag. Who asks about a configuration means it.
    let stray = |problem: &&Problem| &*problem.at.source == COMMAND_LINE;
    if let Some(problem) = raw.warnings.iter().find(stray) {
        return Asked::Unreadable(vec![Problem {
            hint: Some("a file is named by --configFile=traefik.yml".to_owned()),
            ..problem.clone()
        }]);
    }
    let mut warnings = raw.warnings;
    let examined = install::examine(&raw.tree, raw.dialect);
    warnings.extend(examined.warnings);
    let place = examined.config.providers.file.as_ref().and_then(Place::of);
    let files = place.map_or_else(file::Examined::default, |place| {
        file::examine(&place, false)
    });
    Asked::Configuration(Box::new(Gathered {
        install: Arc::new(examined.config),
        tree: raw.tree,
        source: raw.source,
        errors: examined.errors,
        warnings,
        files,
    }))
}

impl Gathered {
    /// What each provider says.
    pub(super) fn providers(&self) -> BTreeMap<String, Dynamic> {
        [(file::NAME.to_owned(), self.files.parsed.config.clone())].into()
    }

    /// Where the install configuration is from, in words.
    pub(super) fn source(&self) -> String {
        match &self.source {
            Source::File(path) => shown(path),
            Source::Flags => "flags".to_owned(),
            Source::Environment => "environment".to_owned(),
            Source::Defaults => "defaults".to_owned(),
        }
    }
}

/// A path as people write it: from where they are.
pub(super) fn shown(path: &std::path::Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::new());
    match path.strip_prefix(&here) {
        Ok(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
        _ => path.display().to_string(),
    }
}
