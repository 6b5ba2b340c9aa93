//! The log of the process itself: level, format and place as Traefik's `log` option says.

mod format;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use format::Lines;

/// What the log is to be.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Traefik's level, in any case; what is none counts as `ERROR`.
    pub level: String,
    /// One JSON object a line.
    pub json: bool,
    /// No colours, even on a terminal.
    pub no_color: bool,
    /// `None` is standard output.
    pub path: Option<PathBuf>,
}

/// The log as it runs.
#[derive(Debug, Default)]
pub struct Log {
    file: Option<(PathBuf, Arc<Mutex<File>>)>,
}

impl Log {
    /// Starts it; the file is there at once. A second start in one process changes nothing.
    pub fn start(options: &Options) -> io::Result<Self> {
        let level = level(&options.level);
        let file = match &options.path {
            Some(path) => Some((path.clone(), Arc::new(Mutex::new(open(path)?)))),
            None => None,
        };
        match &file {
            Some((_, file)) => {
                let file = Shared(Arc::clone(file));
                install(options, false, level, move || file.clone());
            }
            None => {
                let color = !options.no_color && io::stdout().is_terminal();
                install(options, color, level, io::stdout);
            }
        }
        if level.is_none() {
            tracing::error!(
                level = %options.level,
                "unknown log level, using ERROR; write TRACE, DEBUG, INFO, WARN, ERROR, FATAL or PANIC"
            );
        }
        Ok(Self { file })
    }

    /// Opens the file again, after someone moved it away.
    pub fn reopen(&self) {
        let Some((path, file)) = &self.file else {
            return;
        };
        match open(path) {
            Ok(fresh) => *file.lock().unwrap_or_else(PoisonError::into_inner) = fresh,
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "cannot reopen the log; still writing to the old file");
            }
        }
    }
}

/// The file of the moment.
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<File>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

fn install<W>(options: &Options, color: bool, level: Option<LevelFilter>, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = level.unwrap_or(LevelFilter::ERROR);
    // The words of libraries are for those who ask for everything.
    let of_libraries = if level == LevelFilter::TRACE {
        LevelFilter::TRACE
    } else {
        level.min(LevelFilter::WARN)
    };
    let targets = Targets::new()
        .with_target("gateway", level)
        .with_target("backend", level)
        .with_default(of_libraries);
    let lines = Lines {
        json: options.json,
        color,
    };
    let layer = tracing_subscriber::fmt::layer()
        .event_format(lines)
        .with_ansi(color)
        .with_writer(writer)
        .with_filter(targets);
    tracing_subscriber::registry().with(layer).try_init().ok();
}

/// Traefik's level; `None` where it is none.
fn level(name: &str) -> Option<LevelFilter> {
    Some(match name.to_ascii_lowercase().as_str() {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        "warn" => LevelFilter::WARN,
        "" | "error" => LevelFilter::ERROR,
        // What ends the process is told on standard error in any case.
        "fatal" | "panic" | "disabled" => LevelFilter::OFF,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_traefiks() {
        assert_eq!(level("DEBUG"), Some(LevelFilter::DEBUG));
        assert_eq!(level("panic"), Some(LevelFilter::OFF));
        assert_eq!(level("loud"), None);
    }
}
