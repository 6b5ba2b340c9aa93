//! The users that `basicAuth` and `digestAuth` let in: lines of the configuration and of a file.

use crate::types::UserLine;

/// The lines of `file`, without blanks and comments, then those `configured`. There must be some.
pub(super) fn lines(file: &str, configured: &[UserLine]) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    if !file.is_empty() {
        let text =
            std::fs::read_to_string(file).map_err(|error| format!("open {file}: {error}"))?;
        let found = text.lines().map(str::trim);
        lines.extend(
            found
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(str::to_owned),
        );
    }
    lines.extend(configured.iter().map(|line| line.expose().to_owned()));
    match lines.is_empty() {
        true => Err(format!("no users found in {file}")),
        false => Ok(lines),
    }
}
