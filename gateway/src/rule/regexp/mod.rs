//! Regular expressions in Go's dialect (RE2), run by the `regex` crate.
//!
//! The two dialects differ in small ways that change what a rule admits: `\d` is ASCII in Go and Unicode here, `[a&&b]` is a
//! set of three there and an intersection here, `\Q…\E` and octal escapes exist there only. So every expression is read by
//! Go's grammar first and written out again in terms that mean the same here; what Go refuses is refused with Go's text.

mod class;
mod template;
#[cfg(test)]
mod tests;
mod translate;

use std::borrow::Cow;

pub use template::Template;

/// A compiled expression. Matching is linear in the input, whatever the expression.
#[derive(Debug, Clone)]
pub struct GoRegexp {
    source: Box<str>,
    compiled: regex::Regex,
    prefix: Option<Box<str>>,
}

/// An expression that Go refuses, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{part}`")]
pub struct RegexpError {
    reason: &'static str,
    part: String,
}

impl RegexpError {
    fn new(reason: &'static str, part: impl Into<String>) -> Self {
        Self {
            reason,
            part: part.into(),
        }
    }
}

impl GoRegexp {
    /// Compiles an expression of Go's dialect.
    pub fn new(source: &str) -> Result<Self, RegexpError> {
        let translated = translate::translate(source)?;
        let compiled = regex::RegexBuilder::new(&translated.pattern)
            .nest_limit(1000)
            .size_limit(64 << 20)
            .build()
            .map_err(|_| RegexpError::new("expression too large", source))?;
        Ok(Self {
            source: source.into(),
            compiled,
            prefix: translated.prefix.map(Into::into),
        })
    }

    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Text that everything the expression matches starts with, where that can be told.
    pub fn literal_prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The expression as the `regex` crate has it, for replacing; its groups are those of the source.
    pub fn compiled(&self) -> &regex::Regex {
        &self.compiled
    }

    /// Whether the expression matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }

    /// The same for bytes that need not be UTF-8: each byte that is no part of a character counts as U+FFFD, as in Go.
    pub fn is_match_bytes(&self, bytes: &[u8]) -> bool {
        self.compiled.is_match(&go_text(bytes))
    }
}

/// `bytes` as text, each invalid byte replaced on its own. Allocates only where something is invalid.
fn go_text(bytes: &[u8]) -> Cow<'_, str> {
    let mut rest = match std::str::from_utf8(bytes) {
        Ok(text) => return Cow::Borrowed(text),
        Err(_) => bytes,
    };
    let mut out = String::with_capacity(bytes.len() * 2);
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                out.push_str(text);
                return Cow::Owned(out);
            }
            Err(error) => {
                let (valid, bad) = rest.split_at(error.valid_up_to());
                out.push_str(&String::from_utf8_lossy(valid));
                out.push('\u{fffd}');
                rest = bad.get(1..).unwrap_or_default();
            }
        }
    }
}
