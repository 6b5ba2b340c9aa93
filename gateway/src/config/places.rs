//! Where an object or option was written, found again by its name after everything was decoded.

use super::tree::{Entry, Node, Position, Value};

/// Finds places in the trees that a configuration was decoded from.
#[derive(Debug, Clone, Copy)]
pub struct Places<'t>(pub &'t [Node]);

impl<'t> Places<'t> {
    /// Where the deepest part of `path` that was written stands; `None` where not even the first `sure` parts were.
    ///
    /// Of several trees the first that has these parts counts. A part is a key or, in a list, a position (`[0]`).
    pub fn deepest(self, path: &[&str], sure: usize) -> Option<Position> {
        self.0.iter().find_map(|tree| {
            let mut at = None;
            let mut node = tree;
            for (depth, part) in path.iter().enumerate() {
                match child(node, part) {
                    Some((place, below)) => (at, node) = (Some(place), below),
                    None if depth < sure => return None,
                    None => break,
                }
            }
            at.cloned()
        })
    }

    /// The value below `path`, in the first tree that has it.
    pub fn node(self, path: &[&str]) -> Option<&'t Node> {
        self.0.iter().find_map(|tree| {
            path.iter()
                .try_fold(tree, |node, part| child(node, part).map(|(_, node)| node))
        })
    }
}

/// A part of a node, and where it stands: of a section its key, of a single value the value.
fn child<'t>(node: &'t Node, part: &str) -> Option<(&'t Position, &'t Node)> {
    if let Value::List(items) = &node.value {
        let index = part.strip_prefix('[')?.strip_suffix(']')?;
        let item = items.get(index.parse::<usize>().ok()?)?;
        return Some((&item.at, item));
    }
    let called =
        |same: fn(&str, &str) -> bool| node.entries().find(move |entry| same(&entry.key, part));
    // Names of objects differ by case; keys do not.
    let entry = called(|a, b| a == b).or_else(|| called(str::eq_ignore_ascii_case))?;
    Some((place(entry), &entry.node))
}

/// Where somebody looks who is told about `entry`.
pub fn place(entry: &Entry) -> &Position {
    match entry.node.value {
        Value::Scalar(_) => &entry.node.at,
        _ => &entry.key_at,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::source::Format;

    #[test]
    fn the_deepest_part_that_was_written() {
        let parse = |name, text| Format::Yaml.parse(name, text).unwrap();
        let trees = [
            parse("a.yml", "http:\n  routers:\n    a.b: {rule: x}\n"),
            parse(
                "b.yml",
                "HTTP:\n  routers:\n    r:\n      middlewares:\n        - one\n        - two\n    R: {}\n",
            ),
        ];
        let places = Places(&trees);
        let at = |path: &[&str]| places.deepest(path, 3).map(|at| at.to_string());
        let router = ["http", "routers", "r"];
        assert_eq!(at(&router).as_deref(), Some("b.yml:3:5"));
        assert_eq!(at(&["http", "routers", "R"]).as_deref(), Some("b.yml:7:5"));
        let second = [&router[..], &["middlewares", "[1]"]].concat();
        assert_eq!(at(&second).as_deref(), Some("b.yml:6:11"));
        let absent = [&router[..], &["service"]].concat();
        assert_eq!(at(&absent).as_deref(), Some("b.yml:3:5"));
        assert_eq!(
            at(&["http", "routers", "a.b", "rule"]).as_deref(),
            Some("a.yml:3:17")
        );
        assert_eq!(at(&["http", "routers", "none"]), None);
    }
}
