//! `gateway check`: everything that is wrong with a configuration, without starting.
//!
//! It goes the way of the running gateway: the same files are found, read, decoded, merged and compiled by the same code,
//! and what the compiler reports is led back to the places in the files.

mod finding;
mod habits;
mod names;
mod objects;
mod places;
mod references;
mod rules;
#[cfg(test)]
mod tests;
mod tls;

use std::cell::Cell;
use std::process::ExitCode;

use self::finding::{Finding, Severity};
use self::objects::Objects;
use self::places::Index;
use self::references::{Kind, References};
use super::gather::{Asked, Gathered, gather, shown};
use super::options::{Format, say, split_format};
use crate::aggregate::Merged;
use crate::app::trial::{self, Trial};
use crate::config::dynamic::Router;

const USAGE: &str = "\
Checks a configuration without starting: install and routing, as the gateway would load them.

Usage: gateway check [--format text|json] [flags of the gateway, such as --configFile=traefik.yml]

Prints what is wrong, one mistake a line with its place, then what it disables and what to write instead.
Exit code: 0 nothing is wrong (there may be warnings), 1 there are errors, 2 nothing could be read.";

/// Exit codes: part of what the command promises.
const ERRORS: u8 = 1;
const UNREADABLE: u8 = 2;

/// Routers of this name stand for objects that nothing uses, so that these are built and looked at too.
const UNUSED: &str = "\u{0}unused-";

/// What was found, and how it ends.
struct Outcome {
    findings: Vec<Finding>,
    /// What was looked at, in words.
    looked_at: String,
    unreadable: bool,
}

/// Checks what `args` name.
pub(super) fn run(args: Vec<String>) -> ExitCode {
    let (format, args) = match split_format(args) {
        Ok(split) => split,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(UNREADABLE);
        }
    };
    let outcome = match gather(&args) {
        Asked::Help => {
            say(&format!("{USAGE}\n"));
            return ExitCode::SUCCESS;
        }
        Asked::Unreadable(problems) => Outcome {
            findings: problems
                .iter()
                .map(|problem| Finding::of(Severity::Error, problem).disabling("everything"))
                .collect(),
            looked_at: String::new(),
            unreadable: true,
        },
        Asked::Configuration(gathered) => check(&gathered),
    };
    print(&outcome, format)
}

fn print(outcome: &Outcome, format: Format) -> ExitCode {
    let of = |severity| {
        let findings = outcome.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    match format {
        Format::Json => match serde_json::to_string_pretty(&outcome.findings) {
            Ok(text) => say(&format!("{text}\n")),
            Err(error) => eprintln!("{error}"),
        },
        Format::Text => {
            let mut text = String::new();
            for finding in &outcome.findings {
                text.push_str(&format!("{finding}\n"));
            }
            let number = |count: usize, word: &str| match count {
                0 => format!("no {word}s"),
                1 => format!("1 {word}"),
                _ => format!("{count} {word}s"),
            };
            let (errors, warnings) = (number(errors, "error"), number(warnings, "warning"));
            say(&format!(
                "{text}{}{errors}, {warnings}\n",
                outcome.looked_at
            ));
        }
    }
    match (outcome.unreadable, errors) {
        (true, _) => ExitCode::from(UNREADABLE),
        (false, 0) => ExitCode::SUCCESS,
        _ => ExitCode::from(ERRORS),
    }
}

fn check(gathered: &Gathered) -> Outcome {
    let mut findings = read(gathered);
    match trial::compiled(&gathered.install, &gathered.providers(), use_unused) {
        Ok(trial) => findings.extend(compiled(gathered, &trial)),
        Err(error) => findings.push(Finding::new(
            Severity::Error,
            &gathered.tree.at,
            "",
            format!("{error:#}"),
        )),
    }
    let findings = finding::together(findings);
    let files = &gathered.files;
    let count = files.trees.len() + files.unreadable.len();
    let routing = match (files.trees.as_slice(), count) {
        (_, 0) => String::new(),
        ([tree], 1) => format!(" and {}", shown(std::path::Path::new(&*tree.at.source))),
        (_, 1) => " and 1 routing file".to_owned(),
        _ => format!(" and {count} routing files"),
    };
    Outcome {
        findings,
        looked_at: format!("{}{routing}: ", gathered.source()),
        unreadable: files.trees.is_empty() && !files.unreadable.is_empty(),
    }
}

/// What was wrong while the configuration was read.
fn read(gathered: &Gathered) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files = &gathered.files;
    for problem in &gathered.errors {
        findings.push(Finding::of(Severity::Error, problem).disabling("the start of the gateway"));
    }
    for problem in &files.errors {
        let finding = Finding::of(Severity::Error, problem);
        findings.push(finding.disabling("everything of the provider `file`"));
    }
    for problem in gathered.warnings.iter().chain(&files.parsed.warnings) {
        findings.push(Finding::of(Severity::Warning, problem));
    }
    if !files.unreadable.is_empty() && !files.trees.is_empty() {
        let names: Vec<_> = files.unreadable.iter().map(|path| shown(path)).collect();
        let at = crate::config::tree::Position::named("references");
        let message = format!(
            "whether what is named exists was not checked: it may be in {}, which cannot be read",
            names.join(", ")
        );
        findings.push(Finding::new(Severity::Warning, &at, "", message));
    }
    findings
}

/// What is wrong with what could be read.
fn compiled(gathered: &Gathered, trial: &Trial) -> Vec<Finding> {
    let references = References::of(&trial.merged);
    let index = Index::new(gathered);
    let objects = Objects {
        gathered,
        index: &index,
        trial,
        references: &references,
        suggested: Cell::new(0),
    };
    let mut findings = objects.findings();
    findings.extend(objects.unused());
    findings.extend(tls::findings(gathered, &index, trial));
    findings.extend(habits::findings(gathered, &index, trial));
    findings
}

/// Puts each service and middleware that nothing uses in a router that nobody reaches.
fn use_unused(merged: &mut Merged) {
    let references = References::of(merged);
    let services = merged.services.keys().map(|name| (Kind::Service, name));
    let middlewares = merged
        .middlewares
        .keys()
        .map(|name| (Kind::Middleware, name));
    let entry_points = merged
        .routers
        .values()
        .find_map(|router| (!router.entry_points.is_empty()).then(|| router.entry_points.clone()));
    let unused: Vec<_> = services
        .chain(middlewares)
        .map(|(kind, name)| (kind, name.clone()))
        .filter(|object| !object.1.ends_with("@internal") && !references.uses(object))
        .collect();
    for (kind, name) in unused {
        let mut router = Router {
            entry_points: entry_points.clone().unwrap_or_default(),
            rule: "Host(`unused.invalid`)".to_owned(),
            service: "noop@internal".to_owned(),
            ..Router::default()
        };
        match kind {
            Kind::Service => router.service.clone_from(&name),
            _ => router.middlewares.push(name.clone()),
        }
        let key = format!("{UNUSED}{}-{name}", kind.word());
        merged.routers.insert(key, router);
    }
}
