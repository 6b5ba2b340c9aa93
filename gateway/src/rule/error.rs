//! Why a rule cannot be used: Traefik's own text, the place in the rule, and a hint for the person who wrote it.

use std::fmt;

/// A rule that does not parse or whose arguments are wrong.
///
/// `Display` is the text Traefik shows for the same mistake in its API and log, so that tools which compare the two keep
/// working. [`RuleError::position`] and [`RuleError::hint`] add what Traefik leaves out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    message: String,
    position: Option<Position>,
    hint: Option<String>,
}

/// A place in a rule's text: line and column count from 1, columns in bytes as Go counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// The place of the byte at `offset` in `text`; past the end means the end.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        Self {
            line,
            column: before.len() - start + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl RuleError {
    /// Where in the rule the mistake is, when it is at one place.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// What to do about it, e.g. the nearest matcher that exists.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The text, the place and the hint in one line, for `check` and for logs.
    pub fn detailed(&self) -> String {
        let mut text = self.message.clone();
        if let Some(Position { line, column }) = self.position {
            text.push_str(&match line {
                1 => format!(" (at column {column} of the rule)"),
                _ => format!(" (at line {line}, column {column} of the rule)"),
            });
        }
        if let Some(hint) = &self.hint {
            text.push_str("; ");
            text.push_str(hint);
        }
        text
    }

    pub(super) fn wrap(rule: &str, prefix: &str, fault: Fault) -> Self {
        Self {
            message: format!("{prefix}{}", fault.message),
            position: fault.offset.map(|offset| Position::of(rule, offset)),
            hint: fault.hint,
        }
    }
}

/// A mistake on its way out of the parser or compiler, before the outer texts are put around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) offset: Option<usize>,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            offset: None,
            hint: None,
        }
    }

    pub(super) fn at(mut self, offset: usize) -> Self {
        self.offset.get_or_insert(offset);
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    pub(super) fn prefixed(mut self, prefix: &str) -> Self {
        self.message.insert_str(0, prefix);
        self
    }
}

/// `text` as Go's `%q` prints it, which Traefik uses for values inside its messages.
pub(super) fn go_quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The known name nearest to `wanted`, if one is near enough to be what was meant.
pub(super) fn nearest<'a>(wanted: &str, known: &[&'a str]) -> Option<&'a str> {
    let wanted = wanted.to_ascii_lowercase();
    known
        .iter()
        .map(|name| (edit_distance(&wanted, &name.to_ascii_lowercase()), *name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .map(|(_, name)| name)
}

/// Levenshtein distance over bytes; names longer than any matcher's are not worth comparing.
fn edit_distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    if a.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one() {
        assert_eq!(Position::of("ab\ncd", 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of("ab\ncd", 4), Position { line: 2, column: 2 });
        assert_eq!(Position::of("ab", 99), Position { line: 1, column: 3 });
    }

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["Host", "HostRegexp", "PathPrefix"];
        assert_eq!(nearest("hots", &known), Some("Host"));
        assert_eq!(nearest("Pathprefx", &known), Some("PathPrefix"));
        assert_eq!(nearest("Cookie", &known), None);
        assert_eq!(nearest(&"x".repeat(1000), &known), None);
    }

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(go_quote("a\"b\\\u{1}é"), "\"a\\\"b\\\\\\x01é\"");
    }
}
