//! One thing that is wrong, as it is printed and as JSON.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::command::gather::shown;
use crate::config::Problem;
use crate::config::tree::Position;

/// So many objects are listed for people; programs get all.
const LISTED: usize = 8;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Something does not work.
    Error,
    /// Everything works, and something is odd.
    Warning,
}

/// See the module. The fields in this order are the JSON that the README documents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Finding {
    /// A file's path, or the flag or variable; where in doubt the name of the section.
    pub(super) file: String,
    /// From 1; 0 where it has no lines.
    pub(super) line: u32,
    /// From 1; 0 where it has no columns.
    pub(super) column: u32,
    pub(super) severity: Severity,
    /// The object (``router `app@file` ``) or option that is meant.
    pub(super) object: String,
    pub(super) message: String,
    /// What does not work because of it.
    pub(super) disables: Vec<String>,
    pub(super) suggestion: Option<String>,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        at: &Position,
        object: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let file = match at.line {
            0 => at.source.to_string(),
            _ => shown(Path::new(&*at.source)),
        };
        Self {
            file,
            line: at.line,
            column: at.column,
            severity,
            object: object.into(),
            message: message.into(),
            disables: Vec::new(),
            suggestion: None,
        }
    }

    /// What the decoder found.
    pub(super) fn of(severity: Severity, problem: &Problem) -> Self {
        Self {
            suggestion: problem.hint.clone(),
            ..Self::new(severity, &problem.at, &problem.path, &problem.message)
        }
    }

    pub(super) fn disabling(mut self, what: impl Into<String>) -> Self {
        self.disables.push(what.into());
        self
    }

    pub(super) fn suggesting(mut self, what: Option<String>) -> Self {
        self.suggestion = what.or(self.suggestion);
        self
    }
}

/// In the order of the files. One mistake that several objects suffer from is one finding: the routers of a rule that
/// is on several entry points, or all that a missing middleware of an entry point is in front of.
pub(super) fn together(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort();
    let mut out: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let place = |finding: &Finding| (finding.line, finding.column, finding.severity);
        let here =
            |known: &&mut Finding| known.file == finding.file && place(known) == place(&finding);
        let mut here = out.iter_mut().rev().take_while(here);
        let same = here.find(|known| known.message == finding.message);
        match same {
            None => out.push(finding),
            Some(known) => {
                for what in finding.disables {
                    if !known.disables.contains(&what) {
                        known.disables.push(what);
                    }
                }
            }
        }
    }
    out
}

impl fmt::Display for Finding {
    /// `file:line:column: severity: object: message`, as compilers and editors write it, and indented lines below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        f.write_str(match self.severity {
            Severity::Error => ": error: ",
            Severity::Warning => ": warning: ",
        })?;
        if !self.object.is_empty() {
            write!(f, "{}: ", self.object)?;
        }
        f.write_str(&self.message)?;
        if !self.disables.is_empty() {
            let shown = self.disables.get(..LISTED).unwrap_or(&self.disables);
            write!(f, "\n    disables: {}", shown.join(", "))?;
            if self.disables.len() > shown.len() {
                write!(f, " and {} more", self.disables.len() - shown.len())?;
            }
        }
        match &self.suggestion {
            Some(suggestion) => write!(f, "\n    suggestion: {suggestion}"),
            None => Ok(()),
        }
    }
}
