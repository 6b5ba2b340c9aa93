//! No subcommand: the gateway as Traefik runs.

use std::process::ExitCode;

use crate::app::{self, Options};
use crate::config::install::{Outcome, load};
use crate::types::Duration;

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
pub(super) fn own_options(args: Vec<String>) -> Result<(Options, Vec<String>), String> {
    let mut options = Options::default();
    let mut rest = Vec::with_capacity(args.len());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        let set: fn(&mut Options, &str) -> Result<(), String> = match name {
            "--max-connections" => max_connections,
            "--max-connections-per-client" => max_connections_per_client,
            "--workers" => workers,
            "--tunnel-idle-timeout" => tunnel_idle_timeout,
            _ => {
                rest.push(arg);
                continue;
            }
        };
        let value = value.or_else(|| args.next()).unwrap_or_default();
        set(&mut options, &value).map_err(|usage| format!("{arg}: {usage}"))?;
    }
    Ok((options, rest))
}

fn workers(options: &mut Options, value: &str) -> Result<(), String> {
    let count = value.parse().ok();
    options.workers = count
        .filter(|count| (1..=1024).contains(count))
        .ok_or("write --workers=N with N from 1 to 1024, the number of worker threads")?;
    Ok(())
}

fn max_connections(options: &mut Options, value: &str) -> Result<(), String> {
    options.max_connections = connections(value)?;
    Ok(())
}

fn max_connections_per_client(options: &mut Options, value: &str) -> Result<(), String> {
    options.max_connections_per_client = connections(value)?;
    Ok(())
}

fn connections(value: &str) -> Result<usize, String> {
    value
        .parse()
        .map_err(|_| "write a number of connections, or 0 for no limit".to_owned())
}

fn tunnel_idle_timeout(options: &mut Options, value: &str) -> Result<(), String> {
    let duration: Duration = value.parse().map_err(|error| {
        format!("{error}; write --tunnel-idle-timeout=5m, or 0 to keep idle tunnels")
    })?;
    options.tunnel_idle_timeout = duration.limit();
    Ok(())
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

    #[test]
    fn connections_are_limited_only_where_that_is_asked_for() {
        let limits = |args: &[&str]| {
            let args = args.iter().map(|&arg| arg.to_owned()).collect();
            let (options, rest) = own_options(args)?;
            assert!(rest.is_empty());
            Ok::<_, String>((options.max_connections, options.max_connections_per_client))
        };
        assert_eq!(limits(&[]), Ok((0, 0)));
        let both = ["--max-connections=9", "--max-connections-per-client", "3"];
        assert_eq!(limits(&both), Ok((9, 3)));
        assert!(limits(&["--max-connections=-1"]).is_err());
        assert!(limits(&["--max-connections"]).is_err());
    }

    #[test]
    fn idle_tunnels_end_only_where_that_is_asked_for() {
        let timeout = |arg: &str| {
            let (options, rest) = own_options(vec![arg.to_owned()])?;
            assert!(rest.is_empty());
            Ok::<_, String>(options.tunnel_idle_timeout)
        };
        assert_eq!(Options::default().tunnel_idle_timeout, None);
        let minutes = std::time::Duration::from_secs(90);
        assert_eq!(timeout("--tunnel-idle-timeout=1m30s"), Ok(Some(minutes)));
        assert_eq!(timeout("--tunnel-idle-timeout=0"), Ok(None));
        assert!(timeout("--tunnel-idle-timeout=soon").is_err());
    }
}
