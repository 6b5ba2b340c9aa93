//! `gateway version`: which program this is.

use std::process::ExitCode;

/// Prints it.
pub(super) fn run() -> ExitCode {
    println!("Sluice gateway {}", env!("CARGO_PKG_VERSION"));
    println!("Speaks the configuration of Traefik v3.");
    ExitCode::SUCCESS
}
