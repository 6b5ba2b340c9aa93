//! No subcommand: the gateway as Traefik runs.

use std::process::ExitCode;

use crate::app::{self, Options};
use crate::config::install::{Outcome, load};

/// Loads the install configuration and runs until a signal ends it.
pub(super) fn run(args: Vec<String>) -> ExitCode {
    let (options, args) = match own_options(args) {
        Ok(split) => split,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let loaded = match load(&args, std::env::vars()) {
        Ok(Outcome::Run(loaded)) => loaded,
        Ok(Outcome::Help(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::FAILURE;
        }
    };
    app::log::start(loaded.config.log.as_ref());
    match app::run(*loaded, &options, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Takes out the options that Traefik does not have.
fn own_options(args: Vec<String>) -> Result<(Options, Vec<String>), String> {
    let mut options = Options::default();
    let mut rest = Vec::with_capacity(args.len());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let value = match arg.strip_prefix("--workers") {
            Some("") => args.next(),
            Some(tail) => tail.strip_prefix('=').map(str::to_owned),
            None => {
                rest.push(arg);
                continue;
            }
        };
        let count = value
            .as_deref()
            .and_then(|text| text.parse().ok())
            .filter(|count| (1..=1024).contains(count));
        options.workers = count.ok_or_else(|| {
            format!("{arg}: write --workers=N with N from 1 to 1024, the number of worker threads")
        })?;
    }
    Ok((options, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn workers_is_ours_and_everything_else_is_traefiks() {
        let args = |list: &[&str]| list.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
        let (options, rest) = own_options(args(&["--workers=3", "--api"])).unwrap();
        assert_eq!((options.workers, rest), (3, args(&["--api"])));
        assert_eq!(own_options(args(&["--workers", "2"])).unwrap().0.workers, 2);
        assert!(own_options(args(&["--workers=0"])).is_err());
        assert!(own_options(args(&["--workers"])).is_err());
    }
}
