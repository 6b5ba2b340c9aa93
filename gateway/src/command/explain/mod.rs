//! `gateway explain`: which router takes a request, and why, without sending it.
//!
//! The configuration is loaded as `check` loads it; the request is prepared and matched by the code that serves.

mod options;
mod show;

use std::process::ExitCode;

use self::options::Options;
use super::gather::{Asked, Gathered, gather};
use super::options::{Format, say};
use crate::app::{explain, trial};
use crate::runtime::explanation::{Explained, Question};

const USAGE: &str = "\
Says which router takes a request, and why, without sending it.

Usage: gateway explain METHOD URL [options] [flags of the gateway, such as --configFile=traefik.yml]

    -H 'Name: value'      a header field; may be repeated
    --tls                 the connection is TLS, also where the URL does not begin with https
    --client-ip ADDRESS   the address it comes from; 127.0.0.1 where not given
    --entry-point NAME    where it arrives; else the entry point of the URL's port
    --format text|json    for people, or for programs

Every router of the entry point is shown in the order tried: what of its rule did not match and what it looked at, and
where its priority is from. Then the middlewares in their order, the service with its servers, and the TLS options.
Servers' states are known only to a running gateway: ask GET /api/explain?method=&url=&header=&clientIp=&tls=&entryPoint=.
Exit code: 0 a router takes it, 1 none does or it is refused, 2 the configuration cannot be read.";

const NOBODY: u8 = 1;
const UNREADABLE: u8 = 2;

/// Explains what `args` ask for.
pub(super) fn run(args: Vec<String>) -> ExitCode {
    let options = match Options::parse(args) {
        Ok(Some(options)) => options,
        Ok(None) => {
            say(&format!("{USAGE}\n"));
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(&format!("{error}\n\n{USAGE}")),
    };
    let gathered = match gather(&options.rest) {
        Asked::Configuration(gathered) => gathered,
        Asked::Help => {
            say(&format!("{USAGE}\n"));
            return ExitCode::SUCCESS;
        }
        Asked::Unreadable(problems) => {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            return failed(&lines.join("\n"));
        }
    };
    complain(&gathered);
    match explained(&gathered, &options.question) {
        Ok(explained) => print(&explained, options.format),
        Err(error) => failed(&error),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(UNREADABLE)
}

/// What is wrong does not stop an explanation, but may be the reason for it.
fn complain(gathered: &Gathered) {
    let count = gathered.errors.len() + gathered.files.errors.len();
    if count > 0 {
        eprintln!(
            "The configuration has {count} errors, which `gateway check` names; what follows leaves out what is wrong.\n"
        );
    }
}

fn explained(gathered: &Gathered, question: &Question) -> Result<Explained, String> {
    let trial = trial::compiled(&gathered.install, &gathered.providers(), |_| {})
        .map_err(|error| format!("{error:#}"))?;
    explain::without_serving(&gathered.install, &trial, question)
}

fn print(explained: &Explained, format: Format) -> ExitCode {
    match format {
        Format::Text => say(&show::text(explained)),
        Format::Json => match serde_json::to_string_pretty(explained) {
            Ok(text) => say(&format!("{text}\n")),
            Err(error) => return failed(&error.to_string()),
        },
    }
    if explained.chosen.is_empty() || explained.refused.is_some() {
        ExitCode::from(NOBODY)
    } else {
        ExitCode::SUCCESS
    }
}
