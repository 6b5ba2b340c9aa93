//! Go templates in files of the routing configuration, as Traefik expands them: the whole language, with Sprig's functions that
//! configurations are written with.

mod blocks;
mod functions;
mod lists;
#[cfg(test)]
mod tests;

use gotmpl::{Template, TemplateError, Value};

use crate::config::ConfigErrors;
use crate::config::tree::Position;

/// Rounds of all `range`s of a file together: enough for any configuration, and an end for one that has none.
const ROUNDS: u64 = 1_000_000;

/// Expands the templates of a file; `name` is what errors call it. A text without `{{` is returned as it is.
pub fn expand_template(name: &str, text: &str) -> Result<String, ConfigErrors> {
    expand(name, text, |variable| {
        std::env::var(variable).unwrap_or_default()
    })
}

fn expand(
    name: &str,
    text: &str,
    env: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Result<String, ConfigErrors> {
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    blocks::check(text).map_err(|(offset, message)| {
        let before = text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let at = Position::new(&name.into(), line, column);
        ConfigErrors::one(at, "", format!("template: {message}"))
    })?;
    Template::new(name)
        .max_range_iters(ROUNDS)
        .funcs(functions::all(env))
        .parse(text)
        .and_then(|template| template.execute_to_string(&Value::Nil))
        .map_err(|error| failure(name, &error))
}

/// The error with its place, where it has one: what fails while a template runs does not say where.
fn failure(name: &str, error: &TemplateError) -> ConfigErrors {
    let (at, message) = match error {
        TemplateError::Parse {
            line, col, message, ..
        }
        | TemplateError::Lex {
            line, col, message, ..
        } => (Position::new(&name.into(), *line, *col), message.clone()),
        TemplateError::Exec(message) => (Position::named(name), message.clone()),
        other => (Position::named(name), other.to_string()),
    };
    ConfigErrors::one(at, "", format!("template: {message}"))
}
