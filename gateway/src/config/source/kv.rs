//! Pairs of a key-value store: `traefik/http/routers/x/rule`.

use super::flat::Builder;
use crate::config::error::ConfigErrors;
use crate::config::tree::{Node, Position};

/// Pairs below `root`; others are left out. `origin` is what errors call the store.
pub fn parse<'a>(
    origin: &str,
    root: &str,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Node, ConfigErrors> {
    let root = root.trim_matches('/');
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_unstable();
    let mut builder = Builder::new(origin);
    for (key, value) in pairs {
        let path = key
            .trim_matches('/')
            .strip_prefix(root)
            .and_then(|path| path.strip_prefix('/'));
        let Some(path) = path else { continue };
        // A key that ends with a slash is a folder of the store, not a value.
        if key.ends_with('/') && value.is_empty() {
            continue;
        }
        builder.add(
            path,
            '/',
            &Position::named(format!("{origin}: key {key}")),
            value,
        );
    }
    builder.finish()
}
