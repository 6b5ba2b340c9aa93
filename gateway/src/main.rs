//! The gateway's process: command line in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::command::dispatch(std::env::args().skip(1).collect())
}
