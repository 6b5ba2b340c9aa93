//! The gateway's process: command line in, exit code out.

use std::process::ExitCode;

/// Measured beside the system's and jemalloc: the fewest instructions a request, and a tenth less memory an idle tunnel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gateway::command::dispatch(std::env::args().skip(1).collect())
}
