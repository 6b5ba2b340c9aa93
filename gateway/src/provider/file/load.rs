//! Reads the routing configuration of one file or of a directory tree.

use std::path::{Path, PathBuf};

use super::{NAME, Place, expand_template, merge};
use crate::config::decode::Dialect;
use crate::config::dynamic::{self, Parsed};
use crate::config::source::{Format, format_of, read_text};
use crate::config::tree::{Node, Position};
use crate::config::{ConfigErrors, Problem};

/// Directories may be nested this deep; deeper ones are a loop of mounts or a mistake.
const MAX_DEPTH: usize = 32;

/// What is at a place, with all that is wrong with it.
#[derive(Debug, Default)]
pub struct Examined {
    /// Without what could not be decoded.
    pub parsed: Parsed,
    pub errors: Vec<Problem>,
    /// What each file says that could be read; where objects were written is told by it.
    pub trees: Vec<Node>,
    /// Files (or the directory) of which nothing could be read.
    pub unreadable: Vec<PathBuf>,
}

/// Reads everything. One file that cannot be used refuses the whole, so that half of a change is never in force; the
/// errors name every such file.
pub fn load(place: &Place, log_templates: bool) -> Result<Parsed, ConfigErrors> {
    let examined = examine(place, log_templates);
    if examined.errors.is_empty() {
        Ok(examined.parsed)
    } else {
        Err(ConfigErrors(examined.errors))
    }
}

/// Reads everything that can be read.
pub fn examine(place: &Place, log_templates: bool) -> Examined {
    let mut examined = Examined::default();
    let mut files = Vec::new();
    match place {
        Place::File(path) => files.push(path.clone()),
        Place::Directory(path) => {
            if let Err(errors) = collect(path, 0, &mut files) {
                examined.errors.extend(errors.0);
                examined.unreadable.push(path.clone());
                files.clear();
            }
        }
    }
    let mut loaded = Vec::with_capacity(files.len());
    for path in files {
        match read_tree(&path, log_templates) {
            Ok(tree) => {
                let (parsed, errors) = dynamic::examine(&tree, Dialect::File);
                loaded.push((path.to_string_lossy().into_owned(), parsed));
                examined.errors.extend(errors);
                examined.trees.push(tree);
            }
            Err(errors) => {
                examined.errors.extend(errors.0);
                examined.unreadable.push(path);
            }
        }
    }
    examined.parsed = merge(loaded);
    examined
}

fn read_tree(path: &Path, log_templates: bool) -> Result<Node, ConfigErrors> {
    let format = format_of(path)?;
    let name = path.to_string_lossy();
    let text = expand_template(&name, &read_text(path)?)?;
    if log_templates {
        tracing::debug!(provider = NAME, file = %name, "template result: {text}");
    }
    format.parse(&name, &text)
}

/// The YAML and TOML files of a directory and those below it, in the order of their names.
fn collect(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ConfigErrors> {
    let failed = |error: &std::io::Error| {
        let at = Position::named(&*directory.to_string_lossy());
        ConfigErrors::one(at, "", format!("cannot read the directory: {error}"))
    };
    if depth > MAX_DEPTH {
        return Err(failed(&std::io::Error::other(format!(
            "nested deeper than {MAX_DEPTH} levels"
        ))));
    }
    let mut entries = std::fs::read_dir(directory)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&error))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a directory is not followed: `..data` of a mounted volume would be read twice.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, depth + 1, files)?;
        } else if matches!(Format::of(&path), Some(Format::Yaml | Format::Toml)) {
            files.push(path);
        }
    }
    Ok(())
}
