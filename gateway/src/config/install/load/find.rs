//! Which configuration file there is: the one that was named, or the first of Traefik's default places.

use std::path::{Path, PathBuf};

/// The first file that exists: the one that was named, then Traefik's default places.
pub(super) fn find(named: Option<&str>, env: &[(String, String)]) -> Option<PathBuf> {
    let named = named
        .filter(|name| !name.trim().is_empty())
        .map(str::to_owned);
    let defaults = [
        "/etc/traefik/traefik",
        "$XDG_CONFIG_HOME/traefik",
        "$HOME/.config/traefik",
        "./traefik",
    ];
    let defaults = defaults
        .iter()
        .flat_map(|base| ["toml", "yaml", "yml"].map(|ext| format!("{base}.{ext}")));
    let path = named
        .into_iter()
        .chain(defaults)
        .map(|path| expand(&path, env))
        .find(|path| Path::new(path).exists())?;
    let path = PathBuf::from(path);
    Some(std::path::absolute(&path).unwrap_or(path))
}

/// Whether the file that was named is there.
pub(super) fn exists(name: &str, env: &[(String, String)]) -> bool {
    Path::new(&expand(name, env)).exists()
}

/// Puts in the values of `$NAME` and `${NAME}`; a variable that is not set is empty.
fn expand(text: &str, env: &[(String, String)]) -> String {
    let value = |name: &str| {
        env.iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let mut parts = text.split('$');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let braced = part.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (name, rest) = braced.unwrap_or_else(|| {
            let end = part
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(part.len());
            part.split_at(end)
        });
        expanded.push_str(value(name));
        expanded.push_str(rest);
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_paths() {
        let env = [("A".to_owned(), "x".to_owned())];
        assert_eq!(expand("$A/${A}b/$NONE/$A.toml", &env), "x/xb//x.toml");
    }
}
