//! Reads the routing configuration of one file or of a directory tree.

use std::path::{Path, PathBuf};

use super::{NAME, Place, expand_template, merge};
use crate::config::ConfigErrors;
use crate::config::dynamic::{Parsed, parse_text};
use crate::config::source::{Format, format_of, read_text};
use crate::config::tree::Position;

/// Directories may be nested this deep; deeper ones are a loop of mounts or a mistake.
const MAX_DEPTH: usize = 32;

/// Reads everything. One file that cannot be used refuses the whole, so that half of a change is never in force; the
/// errors name every such file.
pub fn load(place: &Place, log_templates: bool) -> Result<Parsed, ConfigErrors> {
    let directory = match place {
        Place::File(path) => return load_file(path, log_templates),
        Place::Directory(path) => path,
    };
    let mut files = Vec::new();
    collect(directory, 0, &mut files)?;
    let mut loaded = Vec::with_capacity(files.len());
    let mut problems = Vec::new();
    for path in files {
        match load_file(&path, log_templates) {
            Ok(parsed) => loaded.push((path.to_string_lossy().into_owned(), parsed)),
            Err(errors) => problems.extend(errors.0),
        }
    }
    if problems.is_empty() {
        Ok(merge(loaded))
    } else {
        Err(ConfigErrors(problems))
    }
}

fn load_file(path: &Path, log_templates: bool) -> Result<Parsed, ConfigErrors> {
    let format = format_of(path)?;
    let name = path.to_string_lossy();
    let text = expand_template(&name, &read_text(path)?)?;
    if log_templates {
        tracing::debug!(provider = NAME, file = %name, "template result: {text}");
    }
    parse_text(&name, &text, format)
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
