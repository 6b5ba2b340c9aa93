//! What the command line can ask for, one room or file a command.

mod check;
pub mod dev;
mod explain;
mod gather;
mod healthcheck;
mod options;
mod run;
mod version;

use std::process::ExitCode;

/// Runs what `args` (without the program's name) ask for.
pub fn dispatch(args: Vec<String>) -> ExitCode {
    match args.first().map(String::as_str) {
        Some("check") => check::run(args.get(1..).unwrap_or_default().to_vec()),
        Some("dev") => dev::run(args.get(1..).unwrap_or_default()),
        Some("explain") => explain::run(args.get(1..).unwrap_or_default().to_vec()),
        Some("healthcheck") => healthcheck::run(args.get(1..).unwrap_or_default()),
        Some("version") => version::run(),
        _ => run::run(args),
    }
}
