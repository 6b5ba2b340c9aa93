//! As much of JSON Schema as the documents of the API use; a keyword that is not known here is an error.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// A document whose `#/…` references are followed.
pub struct Schemas(pub Value);

impl Schemas {
    /// Whether a value is as a schema says.
    ///
    /// # Errors
    /// The first place where it isn't.
    pub fn check(&self, value: &Value, schema: &Value) -> Result<()> {
        let keywords = schema
            .as_object()
            .with_context(|| format!("no schema: {schema}"))?;
        for (keyword, rule) in keywords {
            self.keyword(value, keyword, rule, schema)?;
        }
        Ok(())
    }

    fn keyword(&self, value: &Value, keyword: &str, rule: &Value, schema: &Value) -> Result<()> {
        match keyword {
            "$ref" => {
                let pointer = rule.as_str().and_then(|rule| rule.strip_prefix('#'));
                let target = self.0.pointer(pointer.context("a local reference")?);
                self.check(
                    value,
                    target.with_context(|| format!("{rule} is not there"))?,
                )
            }
            "type" => {
                let one = |kind: &Value| is(value, kind.as_str().unwrap_or_default());
                let fits = rule
                    .as_array()
                    .map_or_else(|| one(rule), |kinds| kinds.iter().any(one));
                ensure!(fits, "{value} is not of type {rule}");
                Ok(())
            }
            "const" => {
                ensure!(value == rule, "{value} is not {rule}");
                Ok(())
            }
            "enum" => {
                let listed = rule.as_array().is_some_and(|list| list.contains(value));
                ensure!(listed, "{value} is none of {rule}");
                Ok(())
            }
            "required" => {
                let names = rule.as_array().into_iter().flatten();
                for name in names.filter_map(Value::as_str) {
                    ensure!(value.get(name).is_some(), "{name} is missing in {value}");
                }
                Ok(())
            }
            "properties" => self.properties(value, rule),
            "items" => {
                let items = value.as_array().into_iter().flatten();
                items
                    .into_iter()
                    .try_for_each(|item| self.check(item, rule))
            }
            "description" => Ok(()),
            other => bail!("the keyword {other} is not understood, in {schema}"),
        }
    }

    fn properties(&self, value: &Value, rules: &Value) -> Result<()> {
        for (name, rule) in rules.as_object().into_iter().flatten() {
            if let Some(property) = value.get(name) {
                self.check(property, rule).with_context(|| name.clone())?;
            }
        }
        Ok(())
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
