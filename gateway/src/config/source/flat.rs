//! What flags, variables, labels and KV pairs share: a dotted path and a value make a place in the tree.

use crate::config::error::{ConfigErrors, Problem};
use crate::config::tree::{Map, Node, Position, Value};

/// Collects pairs of path and value into one tree.
#[derive(Debug)]
pub struct Builder {
    root: Node,
    errors: Vec<Problem>,
}

impl Builder {
    pub fn new(name: &str) -> Self {
        Self {
            root: Node::new(Position::named(name), Value::Map(Map::default())),
            errors: Vec::new(),
        }
    }

    /// Adds a value. Segments are divided by `separator`; `domains[0]` is a segment and a position.
    pub fn add(&mut self, path: &str, separator: char, at: &Position, value: &str) {
        match segments(path, separator) {
            Ok(segments) => self.root.insert(&segments, at, value),
            Err(message) => {
                self.errors.push(Problem {
                    at: at.clone(),
                    path: path.to_owned(),
                    message,
                    hint: None,
                });
            }
        }
    }

    pub fn finish(self) -> Result<Node, ConfigErrors> {
        if self.errors.is_empty() {
            Ok(self.root)
        } else {
            Err(ConfigErrors(self.errors))
        }
    }
}

/// Deeper paths than any option has are refused, so that no input can exhaust the stack.
fn segments(path: &str, separator: char) -> Result<Vec<&str>, String> {
    let mut segments = Vec::new();
    for part in path.split(separator) {
        if part.is_empty() {
            return Err("a part of the name is empty".to_owned());
        }
        match part.find('[') {
            Some(0) if part.ends_with(']') => segments.push(part),
            Some(0) => {
                return Err(format!(
                    "{part:?} begins with a bracket but does not end with one"
                ));
            }
            Some(bracket) if part.ends_with(']') => {
                segments.push(&part[..bracket]);
                segments.push(&part[bracket..]);
            }
            _ => segments.push(part),
        }
    }
    if segments.len() > super::MAX_DEPTH {
        return Err(format!("the name has more than {} parts", super::MAX_DEPTH));
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn keys_differing_in_case_are_one() {
        let mut builder = Builder::new("test");
        let at = Position::named("flag");
        builder.add("entryPoints.web.address", '.', &at, ":80");
        builder.add(
            "ENTRYPOINTS.WEB.http.tls.domains[0].main",
            '.',
            &at,
            "a.test",
        );
        builder.add("entrypoints.web", '.', &at, "true");
        let root = builder.finish().unwrap();
        assert_eq!(root.entries().count(), 1);
        assert!(
            root.get("entrypoints.web.http.tls.domains.[0].main")
                .is_some()
        );
        assert!(
            matches!(&root.get("entrypoints.web").unwrap().value, Value::Map(map) if map.own.is_some())
        );
    }

    #[test]
    fn malformed_names() {
        let deep = "a.".repeat(70) + "b";
        for bad in ["a..b", "", ".a", "a.[0", &deep] {
            let mut builder = Builder::new("test");
            builder.add(bad, '.', &Position::named("label"), "x");
            assert!(builder.finish().is_err(), "{bad}");
        }
    }
}
