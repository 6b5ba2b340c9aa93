//! YAML files: anchors, aliases and merge keys, one document.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::{MAX_DEPTH, yaml_quotes};
use crate::config::error::ConfigErrors;
use crate::config::tree::{Entry, Map, Node, Position, Scalar, Value};

/// Nodes that a document may have once its aliases are put in; stops documents that grow by nesting aliases.
const MAX_NODES: usize = 1_000_000;

/// Quoted texts with badly indented lines that are mended in one document.
const MAX_MENDED: usize = 100;

/// Parses a YAML document. An empty document is an empty section.
pub fn parse(name: &str, text: &str) -> Result<Node, ConfigErrors> {
    let mut mended = Cow::Borrowed(text);
    for _ in 0..MAX_MENDED {
        let mut reader = Reader::new(name, &mended);
        let result = reader.document();
        match reader
            .badly_indented
            .and_then(|mark| yaml_quotes::indent(&mended, mark.index(), mark.col()))
        {
            Some(better) => mended = Cow::Owned(better),
            None => return result,
        }
    }
    Reader::new(name, &mended).document()
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    source: Arc<str>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// Where the quoted text begins that stopped the parser for its indentation.
    badly_indented: Option<Marker>,
}

impl<'a> Reader<'a> {
    fn new(name: &str, text: &'a str) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            source: name.into(),
            anchors: HashMap::new(),
            nodes: 0,
            badly_indented: None,
        }
    }

    fn document(&mut self) -> Result<Node, ConfigErrors> {
        let mut root = None;
        while let Some((event, at)) = self.next()? {
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(error(
                        &at,
                        "a second document begins here; a file holds one document only",
                    ));
                }
                Event::DocumentStart(_) => {
                    let (event, at) = self.expect()?;
                    root = Some(self.node(event, at, 0)?);
                }
                _ => {}
            }
        }
        let empty = || {
            Node::new(
                Position::new(&self.source, 1, 1),
                Value::Map(Map::default()),
            )
        };
        match root {
            None => Ok(empty()),
            Some(node) if node.is_null() => Ok(empty()),
            Some(
                node @ Node {
                    value: Value::Map(_),
                    ..
                },
            ) => Ok(node),
            Some(node) => Err(error(
                &node.at,
                format!("expected sections (key: value), not {}", node.kind()),
            )),
        }
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Position)>, ConfigErrors> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.position(span)))),
            Some(Err(problem)) => {
                let mark = problem.marker();
                if problem.info() == "invalid indentation in quoted scalar" {
                    self.badly_indented = Some(*mark);
                }
                let at = Position::new(&self.source, mark.line(), mark.col() + 1);
                Err(error(&at, format!("not valid YAML: {}", problem.info())))
            }
        }
    }

    fn expect(&mut self) -> Result<(Event<'a>, Position), ConfigErrors> {
        match self.next()? {
            Some(found) => Ok(found),
            None => Err(error(
                &Position::named(Arc::clone(&self.source)),
                "not valid YAML: the document ends too early",
            )),
        }
    }

    fn position(&self, span: Span) -> Position {
        Position::new(&self.source, span.start.line(), span.start.col() + 1)
    }

    fn node(&mut self, event: Event<'a>, at: Position, depth: usize) -> Result<Node, ConfigErrors> {
        if depth > MAX_DEPTH {
            return Err(error(&at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.count(1, &at)?;
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, scalar(at, &text, style, tag.as_deref()))
            }
            Event::SequenceStart(anchor, _) => (anchor, self.list(at, depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.map(at, depth)?),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(error(&at, "an alias to something that is not complete"));
                };
                self.count(size(&node), &at)?;
                (0, node)
            }
            _ => return Err(error(&at, "not valid YAML")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, at: &Position) -> Result<(), ConfigErrors> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(error(
                at,
                format!("larger than {MAX_NODES} values once its aliases are put in"),
            ));
        }
        Ok(())
    }

    fn list(&mut self, at: Position, depth: usize) -> Result<Node, ConfigErrors> {
        let mut items = Vec::new();
        loop {
            match self.expect()? {
                (Event::SequenceEnd, _) => return Ok(Node::new(at, Value::List(items))),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn map(&mut self, at: Position, depth: usize) -> Result<Node, ConfigErrors> {
        let mut map = Map::default();
        let mut merged = Vec::new();
        loop {
            match self.expect()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(key, style, ..), at) => {
                    let merge = key == "<<" && style == ScalarStyle::Plain;
                    let (event, value_at) = self.expect()?;
                    let node = self.node(event, value_at, depth + 1)?;
                    if merge {
                        merged.push(node);
                        continue;
                    }
                    map.entries.push(Entry {
                        key: key.into_owned(),
                        key_at: at,
                        node,
                    });
                }
                (_, at) => return Err(error(&at, "a key must be a single value")),
            }
        }
        if let Some((first, again)) = twice(&map.entries) {
            return Err(error(
                &again.key_at,
                format!(
                    "the key `{}` was given already in line {}",
                    again.key, first.key_at.line
                ),
            ));
        }
        for node in merged {
            merge(&mut map, node)?;
        }
        Ok(Node::new(at, Value::Map(map)))
    }
}

/// The first key that was given before, and where.
fn twice(entries: &[Entry]) -> Option<(&Entry, &Entry)> {
    /// Fewer are compared with each other faster than hashed.
    const FEW: usize = 8;
    if entries.len() <= FEW {
        let mut places = entries.iter().enumerate();
        return places.find_map(|(place, entry)| {
            let mut before = entries.iter().take(place);
            Some((before.find(|first| first.key == entry.key)?, entry))
        });
    }
    let mut seen: HashMap<&str, &Entry> = HashMap::with_capacity(entries.len());
    entries
        .iter()
        .find_map(|entry| Some((seen.insert(&entry.key, entry)?, entry)))
}

/// Puts in the keys of a merge key's value that the section does not have itself.
fn merge(map: &mut Map, node: Node) -> Result<(), ConfigErrors> {
    match node.value {
        Value::Map(other) => {
            for entry in other.entries {
                if !map.entries.iter().any(|own| own.key == entry.key) {
                    map.entries.push(entry);
                }
            }
            Ok(())
        }
        Value::List(items) => items.into_iter().try_for_each(|item| merge(map, item)),
        Value::Null => Ok(()),
        Value::Scalar(_) => Err(error(
            &node.at,
            "a merge key (<<) needs a section or a list of sections",
        )),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(map) => {
            1 + map
                .entries
                .iter()
                .map(|entry| size(&entry.node))
                .sum::<usize>()
        }
        _ => 1,
    }
}

fn scalar(at: Position, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Node {
    let tagged = tag.is_some_and(|tag| tag.suffix == "str");
    let plain = style == ScalarStyle::Plain && !tagged;
    if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Node::new(at, Value::Null);
    }
    Node::new(
        at,
        Value::Scalar(Scalar {
            text: text.to_owned(),
            plain,
        }),
    )
}

fn error(at: &Position, message: impl Into<String>) -> ConfigErrors {
    ConfigErrors::one(at.clone(), "", message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn text<'a>(node: &'a Node, path: &str) -> &'a str {
        match &node.get(path).unwrap().value {
            Value::Scalar(scalar) => &scalar.text,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn positions_and_plain_values() {
        let root = parse(
            "a.yml",
            "http:\n  routers:\n    r: { rule: \"x\", priority: 07 }\n",
        )
        .unwrap();
        let priority = root.get("HTTP.routers.R.priority").unwrap();
        assert_eq!(priority.at.to_string(), "a.yml:3:31");
        assert_eq!(
            priority.value,
            Value::Scalar(Scalar {
                text: "07".into(),
                plain: true
            })
        );
        assert!(
            matches!(&root.get("http.routers.r.rule").unwrap().value, Value::Scalar(s) if !s.plain)
        );
    }

    #[test]
    fn anchors_aliases_and_merge_keys() {
        let root = parse(
            "a.yml",
            "x: &base { a: 1, b: 2 }\ny: { <<: *base, b: 3 }\nz: { <<: [*base, {c: 4}] }",
        )
        .unwrap();
        assert_eq!((text(&root, "y.a"), text(&root, "y.b")), ("1", "3"));
        assert_eq!((text(&root, "z.b"), text(&root, "z.c")), ("2", "4"));
    }

    #[test]
    fn quoted_lines_indented_too_little() {
        let root = parse(
            "a.yml",
            "x:\n  y: 'one\n  it''s\n\n two'\n  z: \"a \\\" b\nc\"\n",
        )
        .unwrap();
        assert_eq!(
            (text(&root, "x.y"), text(&root, "x.z")),
            ("one it's\ntwo", "a \" b c")
        );
        assert_eq!(root.get("x.z").unwrap().at.to_string(), "a.yml:6:6");
        assert!(parse("a.yml", "x:\n  y: 'one\ntwo").is_err());
    }

    #[test]
    fn refused_documents() {
        for (bad, expected) in [
            ("a: [", "a.yml:"),
            (
                "a: 1\na: 2",
                "a.yml:2:1: the key `a` was given already in line 1",
            ),
            ("a: 1\n---\nb: 2", "second document"),
            ("- a", "not a list"),
            ("text", "not a single value"),
            ("{[a]: b}", "a key must be a single value"),
            ("a: *nowhere", "a.yml:"),
            ("a: &x [*x]", "a.yml:"),
        ] {
            let message = parse("a.yml", bad).unwrap_err().to_string();
            assert!(message.contains(expected), "{bad}: {message}");
        }
    }

    #[test]
    fn empty_documents() {
        for empty in ["", "# nothing\n", "---\n", "~", "{}"] {
            assert_eq!(
                parse("a.yml", empty).unwrap().entries().count(),
                0,
                "{empty:?}"
            );
        }
    }

    #[test]
    fn growth_and_depth_are_bounded() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..9 {
            let items = vec![format!("*a{}", i - 1); 10].join(",");
            bomb.push_str(&format!("a{i}: &a{i} [{items}]\n"));
        }
        assert!(
            parse("a.yml", &bomb)
                .unwrap_err()
                .to_string()
                .contains("once its aliases are put in")
        );
        let deep = format!("a: {}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(parse("a.yml", &deep).is_err());
    }
}
