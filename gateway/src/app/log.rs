//! The process log, until the observe room has its own.

use crate::config::install::Log;

/// Starts it.
pub fn start(log: Option<&Log>) {
    let level = log.map_or("error", |log| log.level.as_str()).to_lowercase();
    let filter = tracing_subscriber::EnvFilter::try_new(level).unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .try_init()
        .ok();
}
