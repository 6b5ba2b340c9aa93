//! Advice about rules: v2 syntax, and what v3 takes otherwise than it was meant.

use crate::config::dynamic::Router;
use crate::rule::Syntax;
use crate::rule::http::{compile, templates_taken_literally, to_v3};

/// What is wrong with a router's rule, in the words of whoever compiles it for serving.
pub(super) fn error(router: &Router) -> Option<String> {
    let error = compile(&router.rule, Syntax::named(&router.rule_syntax)).err()?;
    Some(error.to_string())
}

/// Whether a message is about a rule.
pub(super) fn is_about(message: &str) -> bool {
    message.starts_with("error while parsing rule")
}

/// The message for people: without the rule, which stands where it points to.
pub(super) fn message(router: &Router) -> Option<String> {
    let error = compile(&router.rule, Syntax::named(&router.rule_syntax)).err()?;
    let text = error.to_string();
    let rule = &router.rule;
    let mut short = text.as_str();
    for prefix in [
        format!("error while parsing rule {rule}: "),
        format!("adding rule {rule}: "),
        format!("parsing rule {rule}: "),
    ] {
        short = short.strip_prefix(&prefix).unwrap_or(short);
    }
    let place = match error.position() {
        Some(place) if place.line > 1 => {
            format!(
                " (line {}, column {} of the rule)",
                place.line, place.column
            )
        }
        Some(place) => format!(" (column {} of the rule)", place.column),
        None => String::new(),
    };
    Some(format!("the rule cannot be used: {short}{place}"))
}

/// What to write instead of a rule that cannot be used.
pub(super) fn suggestion(router: &Router) -> Option<String> {
    let error = compile(&router.rule, Syntax::named(&router.rule_syntax)).err()?;
    match to_v3(&router.rule) {
        Some(v3) => Some(in_v3(&v3)),
        None => error.hint().map(str::to_owned),
    }
}

/// A rule that v3 takes, but in which a template of v2 counts as plain text: the value, and what to write.
pub(super) fn taken_literally(router: &Router) -> Option<(String, Option<String>)> {
    if Syntax::named(&router.rule_syntax) == Syntax::V2 {
        return None;
    }
    let value = templates_taken_literally(&router.rule)?;
    Some((value, to_v3(&router.rule).map(|v3| in_v3(&v3))))
}

fn in_v3(rule: &str) -> String {
    format!("this is v2 syntax; in v3 write: {rule}, or set `ruleSyntax: v2` on the router")
}
