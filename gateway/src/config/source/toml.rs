//! TOML files.

use std::ops::Range;
use std::sync::Arc;

use toml_edit::{Array, Document, InlineTable, Item, Key, Table, TomlError};

use super::MAX_DEPTH;
use crate::config::error::ConfigErrors;
use crate::config::tree::{Entry, Map, Node, Position, Value};

/// Parses a TOML document.
pub fn parse(name: &str, text: &str) -> Result<Node, ConfigErrors> {
    let places = Places::new(name, text);
    let document = Document::parse(text).map_err(|problem| places.error(&problem))?;
    places.table(document.as_table(), Position::new(&places.source, 1, 1), 0)
}

/// Turns byte offsets into lines and columns.
struct Places<'a> {
    source: Arc<str>,
    text: &'a str,
    /// The byte offset at which each line begins.
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(name: &str, text: &'a str) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(i, _)| i + 1))
            .collect();
        Self {
            source: name.into(),
            text,
            lines,
        }
    }

    fn at(&self, span: Option<Range<usize>>) -> Position {
        let offset = span.map_or(0, |span| span.start);
        let line = self.lines.partition_point(|begin| *begin <= offset).max(1);
        let begin = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self
            .text
            .get(begin..offset)
            .map_or(0, |before| before.chars().count());
        Position::new(&self.source, line, column + 1)
    }

    fn error(&self, problem: &TomlError) -> ConfigErrors {
        let at = self.at(problem.span());
        let message = if self.text.trim_start().starts_with('{') {
            "not valid TOML: expected '.' or '=', but got '{' instead; this looks like JSON"
                .to_owned()
        } else {
            format!(
                "not valid TOML: {}",
                problem.message().trim().replace('\n', "; ")
            )
        };
        ConfigErrors::one(at, "", message)
    }

    fn table(&self, table: &Table, at: Position, depth: usize) -> Result<Node, ConfigErrors> {
        self.section(
            table.iter().filter_map(|(key, _)| table.get_key_value(key)),
            at,
            depth,
        )
    }

    fn inline(
        &self,
        table: &InlineTable,
        at: Position,
        depth: usize,
    ) -> Result<Node, ConfigErrors> {
        self.section(
            table.iter().filter_map(|(key, _)| table.get_key_value(key)),
            at,
            depth,
        )
    }

    fn section<'t>(
        &self,
        items: impl Iterator<Item = (&'t Key, &'t Item)>,
        at: Position,
        depth: usize,
    ) -> Result<Node, ConfigErrors> {
        if depth > MAX_DEPTH {
            return Err(ConfigErrors::one(
                at,
                "",
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        let mut map = Map::default();
        for (key, item) in items {
            let key_at = self.at(key.span());
            let node = self.item(item, &key_at, depth + 1)?;
            map.entries.push(Entry {
                key: key.get().to_owned(),
                key_at,
                node,
            });
        }
        Ok(Node::new(at, Value::Map(map)))
    }

    fn item(&self, item: &Item, key_at: &Position, depth: usize) -> Result<Node, ConfigErrors> {
        let at = item
            .span()
            .map_or_else(|| key_at.clone(), |span| self.at(Some(span)));
        match item {
            Item::None => Ok(Node::new(at, Value::Null)),
            Item::Table(table) => self.table(table, at, depth),
            Item::ArrayOfTables(tables) => {
                let items = tables
                    .iter()
                    .map(|table| self.table(table, self.at(table.span()), depth));
                Ok(Node::new(at, Value::List(items.collect::<Result<_, _>>()?)))
            }
            Item::Value(value) => self.value(value, at, depth),
        }
    }

    fn value(
        &self,
        value: &toml_edit::Value,
        at: Position,
        depth: usize,
    ) -> Result<Node, ConfigErrors> {
        let node = match value {
            toml_edit::Value::String(text) => Node::scalar(at, text.value(), false),
            toml_edit::Value::Integer(number) => Node::scalar(at, number.value().to_string(), true),
            toml_edit::Value::Float(number) => Node::scalar(at, number.value().to_string(), true),
            toml_edit::Value::Boolean(switch) => Node::scalar(at, switch.value().to_string(), true),
            toml_edit::Value::Datetime(time) => Node::scalar(at, time.value().to_string(), true),
            toml_edit::Value::Array(array) => self.array(array, at, depth)?,
            toml_edit::Value::InlineTable(table) => self.inline(table, at, depth)?,
        };
        Ok(node)
    }

    fn array(&self, array: &Array, at: Position, depth: usize) -> Result<Node, ConfigErrors> {
        if depth > MAX_DEPTH {
            return Err(ConfigErrors::one(
                at,
                "",
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        let items = array
            .iter()
            .map(|value| self.value(value, self.at(value.span()), depth + 1));
        Ok(Node::new(at, Value::List(items.collect::<Result<_, _>>()?)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn positions() {
        let root = parse(
            "a.toml",
            "[http.routers.r]\n  Rule = \"x\"\n  n = 1_000\n[[a]]\nb = [\"é\", 2]\n",
        )
        .unwrap();
        let rule = root.get("http.routers.r.rule").unwrap();
        assert_eq!(rule.at.to_string(), "a.toml:2:10");
        assert!(
            matches!(&root.get("http.routers.r.n").unwrap().value, Value::Scalar(s) if s.text == "1000" && s.plain)
        );
        let Value::List(tables) = &root.get("a").unwrap().value else {
            panic!("no list")
        };
        let Value::List(items) = &tables[0].get("b").unwrap().value else {
            panic!("no list")
        };
        assert_eq!(items[1].at.to_string(), "a.toml:5:11");
    }

    #[test]
    fn broken_documents() {
        let message = parse("a.toml", "a = 1\nb = = 2").unwrap_err().to_string();
        assert!(message.starts_with("a.toml:2:"), "{message}");
        let message = parse("a.toml", "{\n \"who\": [\"am\"]\n}")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("expected '.' or '=', but got '{' instead"),
            "{message}"
        );
        assert!(
            parse(
                "a.toml",
                &format!("a = {}{}", "[".repeat(3_000), "]".repeat(3_000))
            )
            .is_err()
        );
        assert_eq!(parse("a.toml", "").unwrap().entries().count(), 0);
    }
}
