//! The process's log, and its place among what SIGUSR1 opens again.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::config::install::Log as Config;
use crate::observe::log::{Log, Options};

/// There is one log in a process, whoever starts it.
static LOG: OnceLock<Log> = OnceLock::new();

/// Starts it. Where its file cannot be opened, standard output takes its place and says why.
pub fn start(config: Option<&Config>) {
    let config = config.cloned().unwrap_or_default();
    let mut options = Options {
        level: config.level,
        json: config.format.eq_ignore_ascii_case("json"),
        no_color: config.no_color,
        path: (!config.file_path.is_empty()).then(|| PathBuf::from(config.file_path)),
    };
    let log = match Log::start(&options) {
        Ok(log) => log,
        Err(error) => {
            let path = options.path.take().unwrap_or_default();
            let log = Log::start(&options).unwrap_or_default();
            tracing::error!(path = %path.display(), %error, "cannot open log.filePath; logging to standard output");
            log
        }
    };
    if config.max_size != 0 || config.max_age != 0 || config.max_backups != 0 {
        tracing::warn!(
            "log.maxSize, maxAge and maxBackups have no effect; rotate the file outside and send SIGUSR1"
        );
    }
    LOG.set(log).ok();
}

/// Opens its file again.
pub(super) fn reopen() {
    if let Some(log) = LOG.get() {
        log.reopen();
    }
}
