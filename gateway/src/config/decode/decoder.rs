//! The state of one decoding: where it is, what it found wrong.

use super::Dialect;
use crate::config::error::{ConfigErrors, Problem, nearest};
use crate::config::object::Field;
use crate::config::tree::{Entry, Node, Position, Value};

/// The state of one decoding.
#[derive(Debug)]
pub struct Decoder {
    pub(super) dialect: Dialect,
    path: Vec<String>,
    /// Whether the key being filled may stand without a value.
    pub(super) may_be_empty: bool,
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl Decoder {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            path: Vec::new(),
            may_be_empty: false,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The value if there was no error, with the warnings.
    pub fn finish<T>(self, value: T) -> Result<(T, Vec<Problem>), ConfigErrors> {
        if self.errors.is_empty() {
            Ok((value, self.warnings))
        } else {
            Err(ConfigErrors(self.errors))
        }
    }

    /// Decodes `fill` one level deeper, below `key`.
    pub fn within<R>(&mut self, key: &str, fill: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(key.to_owned());
        let result = fill(self);
        self.path.pop();
        result
    }

    fn problem(&self, at: &Position, message: String, hint: Option<String>) -> Problem {
        Problem {
            at: at.clone(),
            path: self.path.join(".").replace(".[", "["),
            message,
            hint,
        }
    }

    pub fn error(&mut self, at: &Position, message: impl Into<String>) {
        let problem = self.problem(at, message.into(), None);
        self.errors.push(problem);
    }

    pub fn error_with_hint(
        &mut self,
        at: &Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = self.problem(at, message.into(), Some(hint.into()));
        self.errors.push(problem);
    }

    pub fn warn(&mut self, at: &Position, message: impl Into<String>) {
        let problem = self.problem(at, message.into(), None);
        self.warnings.push(problem);
    }

    pub(super) fn unknown_key(&mut self, entry: &Entry, fields: &[Field]) {
        let known = fields
            .iter()
            .filter(|field| !field.traits.later)
            .map(|field| field.key);
        let moved = crate::config::removed::moved(&entry.key).filter(|_| self.path.is_empty());
        let hint = match crate::config::removed::hint(&self.path.join("."), &entry.key) {
            Some(hint) => hint.to_owned(),
            None if moved.is_some() => format!("in v3 it is {}", moved.unwrap_or_default()),
            None => match nearest(&entry.key, known.clone()) {
                Some(key) => format!("did you mean `{key}`?"),
                None => format!("known here: {}", known.collect::<Vec<_>>().join(", ")),
            },
        };
        let message = format!("unknown key `{}`", entry.key);
        let problem = self.problem(&entry.key_at, message, Some(hint));
        self.errors.push(problem);
    }

    /// One warning for all that is below a known option that does nothing here, unless it is switched off.
    pub(super) fn not_supported(&mut self, entry: &Entry) {
        if !is_off(entry) {
            let reason = crate::config::removed::unsupported(&self.path.join("."));
            self.warn(
                &entry.key_at,
                format!("not supported, and ignored: {reason}"),
            );
        }
    }

    /// The same for an option that is read, but that nothing uses yet.
    pub(super) fn not_used(&mut self, entry: &Entry) {
        if !is_off(entry) {
            self.warn(&entry.key_at, "not supported yet; it has no effect");
        }
    }

    /// The scalar's text, or an error that says what was expected instead.
    pub(super) fn text<'a>(&mut self, node: &'a Node, expected: &str) -> Option<&'a str> {
        match &node.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Map(map) if map.own.is_some() && self.dialect != Dialect::File => {
                let key = map.entries.first().map_or("", |entry| entry.key.as_str());
                self.error(
                    &node.at,
                    format!("expected {expected}, which has no key `{key}`"),
                );
                None
            }
            _ => {
                self.error(
                    &node.at,
                    format!("expected {expected}, not {}", node.kind()),
                );
                None
            }
        }
    }

    /// Whether a section that has no keys may stand, and then whether it is switched on.
    fn enter_section(&mut self, node: &Node, may_be_empty: bool) -> bool {
        let own = match &node.value {
            Value::Null => return false,
            Value::Scalar(scalar) => Some(scalar),
            Value::Map(map) => map.own.as_ref(),
            Value::List(_) if may_be_empty => {
                self.warn(&node.at, "expected a section, not a list; it is ignored");
                return false;
            }
            Value::List(_) => {
                self.error(&node.at, "expected a section, not a list");
                return false;
            }
        };
        let has_keys = node.entries().next().is_some();
        match own {
            _ if !has_keys && !may_be_empty => {
                let name = self.path.last().cloned().unwrap_or_default();
                self.error_with_hint(
                    &node.at,
                    format!("{name} cannot be a standalone element"),
                    "give at least one option below it, or remove it",
                );
                false
            }
            Some(own)
                if may_be_empty
                    && !own.text.is_empty()
                    && !own.text.eq_ignore_ascii_case("true") =>
            {
                if !own.text.eq_ignore_ascii_case("false") {
                    self.warn(
                        &node.at,
                        format!("expected a section, not {:?}; it is ignored", own.text),
                    );
                }
                false
            }
            _ => true,
        }
    }

    /// Whether the keys of a section are to be read. Takes the permission to be empty that the field gave.
    pub fn opens_section(&mut self, node: &Node) -> bool {
        let may_be_empty = std::mem::take(&mut self.may_be_empty);
        self.enter_section(node, may_be_empty)
    }
}

fn is_off(entry: &Entry) -> bool {
    matches!(&entry.node.value, Value::Scalar(scalar) if scalar.text.eq_ignore_ascii_case("false"))
}
