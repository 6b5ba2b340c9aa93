//! Reads one variable after the other, notes what is wrong, and goes on with the default.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigErrors, Problem, Secret, ValueError, Warning};

/// The environment and what was found wrong with it so far.
pub(super) struct Reader {
    vars: HashMap<String, String>,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Reader {
    pub(super) fn new(vars: impl Iterator<Item = (String, String)>) -> Self {
        // Compose files hand on `NAME=` for what was not set.
        let vars = vars
            .map(|(name, value)| (name, value.trim().to_owned()))
            .filter(|(_, value)| !value.is_empty());
        Self {
            vars: vars.collect(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// What was read, if nothing was wrong.
    pub(super) fn finish<T>(self, value: T) -> Result<(T, Vec<Warning>), ConfigErrors> {
        if self.problems.is_empty() {
            Ok((value, self.warnings))
        } else {
            Err(ConfigErrors(self.problems))
        }
    }

    /// The text of a variable, `None` when unset or empty.
    pub(super) fn text(&self, variable: &'static str) -> Option<String> {
        self.vars.get(variable).cloned()
    }

    /// As [`Self::text`], never to be shown.
    pub(super) fn secret(&self, variable: &'static str) -> Option<Secret> {
        self.text(variable).map(Secret::new)
    }

    /// A text of limited length.
    pub(super) fn short_text(&mut self, variable: &'static str, default: &str) -> String {
        const LONGEST: usize = 128;
        match self.text(variable) {
            None => default.to_owned(),
            Some(text) if text.len() <= LONGEST => text,
            Some(_) => {
                self.problem(variable, "is too long", format!("up to {LONGEST} bytes"));
                default.to_owned()
            }
        }
    }

    /// A value with a syntax of its own.
    pub(super) fn value<T>(&mut self, variable: &'static str, default: T) -> T
    where
        T: FromStr<Err = ValueError>,
    {
        match self.text(variable).map(|text| text.parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.problem(variable, error.reason, error.allowed);
                default
            }
        }
    }

    /// A whole number within limits, both included.
    pub(super) fn number<T>(
        &mut self,
        variable: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> T
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(variable) else {
            return default;
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let reason = match text.parse() {
            Ok(number) if digits && range.contains(&number) => return number,
            _ if digits => "is out of range",
            _ => "is not a whole number",
        };
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        self.problem(variable, reason, allowed);
        default
    }

    /// A number of milliseconds within limits.
    pub(super) fn millis(
        &mut self,
        variable: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_millis(self.number(variable, default, range))
    }

    /// Only the text `true` is true; anything but `false` beside it earns a warning.
    pub(super) fn flag(&mut self, variable: &'static str, default: bool) -> bool {
        match self.text(variable).as_deref() {
            None => default,
            Some("true") => true,
            Some("false") => false,
            Some(other) => {
                let message = format!("{other:?} counts as false; write true or false");
                self.warn(variable, message);
                false
            }
        }
    }

    /// A comma-separated list; empty entries are left out.
    pub(super) fn list<T>(&mut self, variable: &'static str) -> Option<Vec<T>>
    where
        T: FromStr<Err = ValueError>,
    {
        let text = self.text(variable)?;
        let mut values = Vec::new();
        for entry in entries(&text) {
            match entry.parse::<T>() {
                Ok(value) => values.push(value),
                Err(error) => {
                    let reason = format!("{entry:?} {error}");
                    self.problem(variable, reason, error.allowed);
                }
            }
        }
        Some(values)
    }

    /// Notes a mistake and shows the value.
    pub(super) fn problem(
        &mut self,
        variable: &'static str,
        reason: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        let value = self.text(variable);
        self.push(variable, value, reason.into(), allowed.into());
    }

    /// Notes a mistake in a value that must not be shown.
    pub(super) fn secret_problem(
        &mut self,
        variable: &'static str,
        reason: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        self.push(variable, None, reason.into(), allowed.into());
    }

    pub(super) fn warn(&mut self, variable: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.warnings.push(Warning { variable, message });
    }

    fn push(
        &mut self,
        variable: &'static str,
        value: Option<String>,
        reason: String,
        allowed: String,
    ) {
        self.problems.push(Problem {
            variable,
            value,
            reason,
            allowed,
        });
    }
}

/// The entries of a comma-separated list.
pub(super) fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}
