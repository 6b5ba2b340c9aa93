//! The path, host and query templates of v2 rules: literal text with `{name}` and `{name:expression}` in it.
//!
//! They are those of gorilla/mux, of which Traefik carries a copy.

use crate::rule::error::{Fault, go_quote};
use crate::rule::regexp::GoRegexp;

/// What a template describes, which decides what `{name}` alone stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum Part {
    Host,
    Path,
    PathPrefix,
    Query,
}

/// A template as an expression, and the names of its variables.
#[derive(Debug)]
pub(in crate::rule) struct Template<'t> {
    pub(in crate::rule) pattern: String,
    pub(in crate::rule) names: Vec<&'t str>,
}

impl<'t> Template<'t> {
    pub(in crate::rule) fn new(text: &'t str, part: Part) -> Result<Self, Fault> {
        let mut pattern = String::from(if part == Part::Host { "(?i)^" } else { "^" });
        let mut names = Vec::new();
        let mut end = 0;
        for (from, to) in braces(text)? {
            pattern.push_str(&regex::escape(&text[end..from]));
            end = to;
            let inside = &text[from + 1..to - 1];
            let (name, expression) = inside.split_once(':').unwrap_or((inside, part.default()));
            if name.is_empty() || expression.is_empty() {
                return Err(Fault::new(format!(
                    "mux: missing name or pattern in {}",
                    go_quote(&text[from..to])
                )));
            }
            // Each expression has to stand on its own too, so that an unbalanced one cannot lean on its neighbours.
            GoRegexp::new(&format!("^{expression}$"))
                .map_err(|error| Fault::new(error.to_string()))?;
            pattern.push_str(&format!("(?P<v{}>{expression})", names.len()));
            names.push(name);
        }
        pattern.push_str(&regex::escape(&text[end..]));
        if part == Part::Query
            && text
                .split_once('=')
                .is_none_or(|(_, value)| value.is_empty())
        {
            pattern.push_str(part.default());
        }
        if part != Part::PathPrefix {
            pattern.push('$');
        }
        Ok(Self { pattern, names })
    }

    /// The template as an expression that a person would write, without names and anchors; none where it is no template.
    pub(in crate::rule) fn expression(text: &str, part: Part) -> Option<String> {
        let braces = braces(text).ok().filter(|braces| !braces.is_empty())?;
        let mut out = String::new();
        let mut end = 0;
        for (from, to) in braces {
            out.push_str(&regex::escape(&text[end..from]).replace("\\-", "-"));
            end = to;
            let inside = &text[from + 1..to - 1];
            let (_, expression) = inside.split_once(':').unwrap_or((inside, part.default()));
            match expression.contains('|') {
                true => out.push_str(&format!("(?:{expression})")),
                false => out.push_str(expression),
            }
        }
        out.push_str(&regex::escape(&text[end..]).replace("\\-", "-"));
        Some(out)
    }

    pub(in crate::rule) fn compile(&self) -> Result<GoRegexp, Fault> {
        GoRegexp::new(&self.pattern).map_err(|error| Fault::new(error.to_string()))
    }
}

impl Part {
    /// What a variable without an expression matches.
    fn default(self) -> &'static str {
        match self {
            Self::Host => "[^.]+",
            Self::Path | Self::PathPrefix => "[^/]+",
            Self::Query => ".*",
        }
    }
}

/// Where the outermost braces open, and the place behind where they close.
fn braces(text: &str) -> Result<Vec<(usize, usize)>, Fault> {
    let unbalanced = || Fault::new(format!("mux: unbalanced braces in {}", go_quote(text)));
    let mut out = Vec::new();
    let mut open = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' => match (open.pop(), open.is_empty()) {
                (Some(from), true) => out.push((from, at + 1)),
                (Some(_), false) => {}
                (None, _) => return Err(unbalanced()),
            },
            _ => {}
        }
    }
    match open.is_empty() {
        true => Ok(out),
        false => Err(unbalanced()),
    }
}
