//! JSON texts: files, and what the REST and HTTP providers receive.

use super::yaml;
use crate::config::error::ConfigErrors;
use crate::config::tree::{Entry, Map, Node, Position, Scalar, Value};

/// Parses a JSON object. An empty text is an empty section.
pub fn parse(name: &str, text: &str) -> Result<Node, ConfigErrors> {
    if text.trim().is_empty() {
        return Ok(Node::new(Position::named(name), Value::Map(Map::default())));
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|problem| {
        let at = Position::new(&name.into(), problem.line(), problem.column().max(1));
        ConfigErrors::one(at, "", format!("not valid JSON: {problem}"))
    })?;
    // Valid JSON is YAML but for a few escapes, and the YAML parser knows the positions.
    match yaml::parse(name, text) {
        Ok(node) => Ok(node),
        Err(_) if value.is_object() => Ok(node(&Position::named(name), &value)),
        Err(error) => Err(error),
    }
}

fn node(at: &Position, value: &serde_json::Value) -> Node {
    let scalar = |text: String, plain| Value::Scalar(Scalar { text, plain });
    let value = match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(switch) => scalar(switch.to_string(), true),
        serde_json::Value::Number(number) => scalar(number.to_string(), true),
        serde_json::Value::String(text) => scalar(text.clone(), false),
        serde_json::Value::Array(items) => {
            Value::List(items.iter().map(|item| node(at, item)).collect())
        }
        serde_json::Value::Object(keys) => Value::Map(Map {
            entries: keys
                .iter()
                .map(|(key, value)| Entry {
                    key: key.clone(),
                    key_at: at.clone(),
                    node: node(at, value),
                })
                .collect(),
            own: None,
        }),
    };
    Node::new(at.clone(), value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn positions_and_escapes() {
        let root = parse("a.json", "{\n\t\"a\": {\"b\": \"x\\/y\", \"c\": null}}").unwrap();
        assert_eq!(root.get("a.b").unwrap().at.to_string(), "a.json:2:13");
        assert!(root.get("a.c").is_none());
        let pair = parse("a.json", r#"{"a": "😀 \ud83d\ude00"}"#).unwrap();
        assert!(matches!(&pair.get("a").unwrap().value, Value::Scalar(s) if s.text == "😀 😀"));
    }

    #[test]
    fn what_is_no_json() {
        assert!(
            parse("a.json", "{a: 1}")
                .unwrap_err()
                .to_string()
                .starts_with("a.json:1:2: not valid JSON")
        );
        assert!(parse("a.json", "[1]").is_err());
        assert_eq!(parse("a.json", " ").unwrap().entries().count(), 0);
    }
}
