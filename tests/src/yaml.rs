//! YAML as JSON values, for tests that look into configuration files.

use anyhow::{Context as _, Result, bail};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The first document. Plain scalars become numbers and booleans as JSON writes them, everything else text.
pub fn parse(text: &str) -> Result<Value> {
    let mut reader = Reader { events: Vec::new() };
    for event in Parser::new_from_str(text) {
        let (event, _) = event.context("no YAML")?;
        reader.events.push(event);
    }
    reader.events.reverse();
    loop {
        match reader.events.pop().context("an empty document")? {
            Event::DocumentStart(_) => return reader.node(),
            _ => continue,
        }
    }
}

struct Reader<'text> {
    events: Vec<Event<'text>>,
}

impl Reader<'_> {
    fn node(&mut self) -> Result<Value> {
        let event = self.events.pop().context("the document ends early")?;
        Ok(match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                while !matches!(self.events.last(), Some(Event::SequenceEnd)) {
                    items.push(self.node()?);
                }
                self.events.pop();
                Value::Array(items)
            }
            Event::MappingStart(..) => {
                let mut entries = Map::new();
                while !matches!(self.events.last(), Some(Event::MappingEnd)) {
                    let key = self.node()?;
                    let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                    let value = self.node()?;
                    if entries.insert(key.clone(), value).is_some() {
                        bail!("the key {key} comes twice");
                    }
                }
                self.events.pop();
                Value::Object(entries)
            }
            other => bail!("not understood here: {other:?}"),
        })
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style == ScalarStyle::Plain {
        if text.is_empty() {
            return Value::Null;
        }
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            return value;
        }
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_maps_lists_and_scalars() -> Result<()> {
        let value = parse("a: [1, \"2\", true]\nb:\n  c: x:y\n  d:\n")?;
        let expected = serde_json::json!({"a": [1, "2", true], "b": {"c": "x:y", "d": null}});
        assert_eq!(value, expected);
        assert!(parse("a: 1\na: 2\n").is_err());
        Ok(())
    }
}
