//! Go templates in files of the routing configuration: the part that puts in values. Blocks (`if`, `range`, `with`,
//! `define`) and functions that are not in the list below are refused by name.

use crate::config::ConfigErrors;
use crate::config::tree::Position;

/// Expands the templates of a file; `name` is what errors call it. A text without `{{` is returned as it is.
pub fn expand_template(name: &str, text: &str) -> Result<String, ConfigErrors> {
    expand(text, &|variable| {
        std::env::var(variable).unwrap_or_default()
    })
    .map_err(|(offset, message)| {
        let before = text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |last| last.chars().count())
            + 1;
        let at = Position::new(&name.into(), line, column);
        ConfigErrors::one(at, "", format!("template: {message}"))
    })
}

/// A problem and the byte offset of its action.
type Failure = (usize, String);

fn expand(text: &str, env: &dyn Fn(&str) -> String) -> Result<String, Failure> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let offset = text.len() - rest.len() + open;
        let fail = |message: String| (offset, message);
        let (before, action) = rest.split_at(open);
        let action = action.get(2..).unwrap_or_default();
        let trims_before = action
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(char::is_whitespace));
        out.push_str(if trims_before {
            before.trim_end()
        } else {
            before
        });
        let action = if trims_before {
            action.get(1..).unwrap_or_default()
        } else {
            action
        };
        let (inner, after) =
            split_action(action).ok_or_else(|| fail("the action has no end; write }}".into()))?;
        let (inner, after) = match inner
            .strip_suffix('-')
            .filter(|inner| inner.ends_with(char::is_whitespace))
        {
            Some(inner) => (inner, after.trim_start()),
            None => (inner, after),
        };
        let comment = inner
            .trim()
            .strip_prefix("/*")
            .and_then(|inner| inner.strip_suffix("*/"));
        if comment.is_none() {
            let words = words(inner).map_err(fail)?;
            out.push_str(&pipeline(&words, env).map_err(fail)?);
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// What is inside an action and what follows it. Quoted texts may hold `}}`.
fn split_action(action: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut escaped = false;
    for (i, c) in action.char_indices() {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if action.get(i..)?.starts_with("}}") => {
                return Some((action.get(..i)?, action.get(i + 2..)?));
            }
            None => {}
        }
    }
    None
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Text(String),
    Name(String),
    Pipe,
}

fn words(inner: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = inner.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '|' => (Word::Pipe, rest.get(1..).unwrap_or_default()),
            '`' => {
                let body = rest.get(1..).unwrap_or_default();
                let (text, after) = body.split_once('`').ok_or("a ` is not closed")?;
                (Word::Text(text.to_owned()), after)
            }
            '"' => quoted(rest)?,
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "|\"`".contains(c))
                    .unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                (Word::Name(name.to_owned()), after)
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// A text in double quotes, with its escapes, from the front.
fn quoted(rest: &str) -> Result<(Word, &str), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((Word::Text(text), rest.get(i + 1..).unwrap_or_default())),
            '\\' => match chars.next().map(|(_, escape)| escape) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c @ ('"' | '\\')) => text.push(c),
                other => return Err(format!("unknown escape \\{}", other.unwrap_or_default())),
            },
            _ => text.push(c),
        }
    }
    Err("a \" is not closed".to_owned())
}

/// Commands divided by `|`; each gets the result of the one before as its last argument.
fn pipeline(words: &[Word], env: &dyn Fn(&str) -> String) -> Result<String, String> {
    let mut result: Option<String> = None;
    for command in words.split(|word| *word == Word::Pipe) {
        let Some((first, arguments)) = command.split_first() else {
            return Err("a command is missing".to_owned());
        };
        if let Word::Name(name) = first
            && BLOCKS.contains(&name.as_str())
        {
            return Err(format!("the block {name:?} is not supported"));
        }
        let mut values = Vec::new();
        for argument in arguments {
            match argument {
                Word::Text(text) => values.push(text.clone()),
                Word::Name(number) if number.parse::<f64>().is_ok() => values.push(number.clone()),
                Word::Name(name) => {
                    return Err(format!("{name:?} is not supported as an argument"));
                }
                Word::Pipe => {}
            }
        }
        values.extend(result.take());
        result = Some(match first {
            Word::Text(text) if values.is_empty() => text.clone(),
            Word::Name(name) => call(name, &values, env)?,
            _ => return Err("a text is no function".to_owned()),
        });
    }
    Ok(result.unwrap_or_default())
}

/// The functions of Go templates and Sprig that put in and change texts.
fn call(name: &str, arguments: &[String], env: &dyn Fn(&str) -> String) -> Result<String, String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match (name, arguments.as_slice()) {
        ("env", [variable]) => env(variable),
        ("default", [fallback]) | ("default", [fallback, ""]) => (*fallback).to_owned(),
        ("default", [_, value]) => (*value).to_owned(),
        ("required", [message, ""]) | ("fail", [message]) => return Err((*message).to_owned()),
        ("required", [_, value]) => (*value).to_owned(),
        ("lower", [value]) => value.to_lowercase(),
        ("upper", [value]) => value.to_uppercase(),
        ("trim", [value]) => value.trim().to_owned(),
        ("trimPrefix", [prefix, value]) => value.strip_prefix(prefix).unwrap_or(value).to_owned(),
        ("trimSuffix", [suffix, value]) => value.strip_suffix(suffix).unwrap_or(value).to_owned(),
        ("replace", [from, to, value]) => value.replace(from, to),
        ("quote", [value]) => format!("{value:?}"),
        ("squote", [value]) => format!("'{value}'"),
        (known, _) if FUNCTIONS.contains(&known) => {
            return Err(format!(
                "wrong number of arguments for {known}: {}",
                arguments.len()
            ));
        }
        _ => {
            return Err(format!(
                "function {name:?} not defined; known are {}",
                FUNCTIONS.join(", ")
            ));
        }
    };
    Ok(result)
}

const BLOCKS: [&str; 8] = [
    "if", "else", "end", "range", "with", "define", "template", "block",
];

const FUNCTIONS: [&str; 12] = [
    "env",
    "default",
    "required",
    "fail",
    "lower",
    "upper",
    "trim",
    "trimPrefix",
    "trimSuffix",
    "replace",
    "quote",
    "squote",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn env(name: &str) -> String {
        if name == "NAME" {
            "b".to_owned()
        } else {
            String::new()
        }
    }

    #[test]
    fn values_are_put_in() {
        for (text, expected) in [
            ("no template }}", "no template }}"),
            ("Host(`{{ env \"NAME\" }}.test`)", "Host(`b.test`)"),
            ("/{{ `{{ x }}` }}", "/{{ x }}"),
            ("{{\"lit\\\"\"}}", "lit\""),
            ("a {{- /* gone */ -}} b", "ab"),
            ("a\n{{- \" x \" -}}\n b", "a x b"),
            ("{{ env \"NONE\" | default \"d\" | upper }}", "D"),
            (
                "{{ trimPrefix \"/\" \"/x\" }}{{ replace \"a\" \"b\" `aa` | quote }}",
                "x\"bb\"",
            ),
        ] {
            assert_eq!(expand(text, &env).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_place() {
        for (text, expected) in [
            (
                "a:\n  b: {{ nofunc }}",
                "d.yml:2:6: template: function \"nofunc\" not defined",
            ),
            ("{{ fail \"no\" }}", "d.yml:1:1: template: no"),
            ("{{ if true }}", "block \"if\" is not supported"),
            ("{{ env }}", "wrong number of arguments for env: 0"),
            ("{{ env \"x\"", "has no end"),
            ("{{ }}", "a command is missing"),
            ("{{ \"a\" | }}", "a command is missing"),
            ("{{ lower .Name }}", "not supported as an argument"),
            ("{{ \"a\\q\" }}", "unknown escape"),
        ] {
            let message = expand_template("d.yml", text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
