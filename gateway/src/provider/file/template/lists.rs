//! Functions on lists and dictionaries, by Sprig's names and in Sprig's order of arguments.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{TemplateError, Value};

use super::functions::{Named, Result, exactly, number, text};

/// Lists longer than this are no configuration.
const LONGEST: usize = 100_000;

pub(super) const ALL: &[Named] = &[
    ("list", |given| Ok(given.to_vec().into())),
    ("tuple", |given| Ok(given.to_vec().into())),
    ("split", split),
    ("splitList", split_list),
    ("join", |given| {
        let [between, list] = exactly("join", given)?;
        let texts: Vec<String> = items(list).iter().map(text).collect();
        Ok(texts.join(&text(between)).into())
    }),
    ("first", |given| one("first", given, <[Value]>::first)),
    ("last", |given| one("last", given, <[Value]>::last)),
    ("rest", |given| {
        let [list] = exactly("rest", given)?;
        Ok(items(list).into_iter().skip(1).collect::<Vec<_>>().into())
    }),
    ("initial", |given| {
        let [list] = exactly("initial", given)?;
        let mut items = items(list);
        items.pop();
        Ok(items.into())
    }),
    ("append", |given| {
        let [list, item] = exactly("append", given)?;
        let mut items = items(list);
        items.push(item.clone());
        Ok(items.into())
    }),
    ("has", |given| {
        let [item, list] = exactly("has", given)?;
        Ok(Value::Bool(items(list).contains(item)))
    }),
    ("uniq", |given| {
        let [list] = exactly("uniq", given)?;
        let mut kept: Vec<Value> = Vec::new();
        for item in items(list) {
            if !kept.contains(&item) {
                kept.push(item);
            }
        }
        Ok(kept.into())
    }),
    ("sortAlpha", |given| {
        let [list] = exactly("sortAlpha", given)?;
        let mut texts: Vec<String> = items(list).iter().map(text).collect();
        texts.sort();
        let sorted: Vec<Value> = texts.into_iter().map(Value::from).collect();
        Ok(sorted.into())
    }),
    ("until", |given| {
        let [end] = exactly("until", given)?;
        steps(0, number(end)?, 1)
    }),
    ("untilStep", |given| {
        let [start, end, step] = exactly("untilStep", given)?;
        steps(number(start)?, number(end)?, number(step)?)
    }),
    ("dict", dict),
    ("get", |given| {
        let [dict, key] = exactly("get", given)?;
        let found = entries(dict).and_then(|entries| entries.get(text(key).as_str()));
        // Sprig answers with nothing, not with an error.
        Ok(found.cloned().unwrap_or_else(|| "".into()))
    }),
    ("hasKey", |given| {
        let [dict, key] = exactly("hasKey", given)?;
        let known = entries(dict).is_some_and(|entries| entries.contains_key(text(key).as_str()));
        Ok(Value::Bool(known))
    }),
    ("keys", |given| {
        let [dict] = exactly("keys", given)?;
        let keys = entries(dict).into_iter().flatten();
        let keys: Vec<Value> = keys.map(|(key, _)| Value::from(Arc::clone(key))).collect();
        Ok(keys.into())
    }),
    ("values", |given| {
        let [dict] = exactly("values", given)?;
        let values = entries(dict).into_iter().flatten();
        let values: Vec<Value> = values.map(|(_, value)| value.clone()).collect();
        Ok(values.into())
    }),
];

fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.to_vec(),
        Value::Nil => Vec::new(),
        one => vec![one.clone()],
    }
}

fn entries(value: &Value) -> Option<&BTreeMap<Arc<str>, Value>> {
    match value {
        Value::Map(entries) => Some(entries),
        _ => None,
    }
}

fn one(name: &str, given: &[Value], choose: fn(&[Value]) -> Option<&Value>) -> Result {
    let [list] = exactly(name, given)?;
    Ok(choose(&items(list)).cloned().unwrap_or(Value::Nil))
}

/// Traefik's: the text first, then what is between its parts.
fn split(given: &[Value]) -> Result {
    let [whole, between] = exactly("split", given)?;
    Ok(parts(&text(whole), &text(between)))
}

/// Sprig's: the other way round.
fn split_list(given: &[Value]) -> Result {
    let [between, whole] = exactly("splitList", given)?;
    Ok(parts(&text(whole), &text(between)))
}

fn parts(whole: &str, between: &str) -> Value {
    let parts: Vec<Value> = whole.split(between).map(Value::from).collect();
    parts.into()
}

fn steps(start: i64, end: i64, step: i64) -> Result {
    let mut all = Vec::new();
    let mut at = start;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        if all.len() >= LONGEST {
            return Err(TemplateError::Exec(
                "until: the list gets too long".to_owned(),
            ));
        }
        all.push(Value::Int(at));
        at = at.saturating_add(step);
    }
    Ok(all.into())
}

fn dict(given: &[Value]) -> Result {
    let pairs = given.chunks(2).map(|pair| {
        let value = pair.get(1).cloned().unwrap_or_else(|| "".into());
        (text(&pair[0]), value)
    });
    Ok(pairs.collect::<BTreeMap<String, Value>>().into())
}
