//! The log: one JSON object a line on standard output, or lines for people (specification, section 9).
//!
//! [`layer`] can be added to a subscriber that the process already has, and then tells of the stream manager alone;
//! [`install`] makes one for a process of its own, which also tells of other libraries' warnings. Neither is needed for
//! the stream manager to run. Every line has `level time msg service component environment timestamp`; the event's own
//! fields follow, `snake_case` names as `camelCase`. Fields named after secrets show `***`, whatever they hold.

mod line;

#[cfg(test)]
mod tests;

use std::io::Write as _;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{Config, Environment, LogLevel};

/// The targets of the stream manager's own events.
const OWN: &str = env!("CARGO_CRATE_NAME");

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Lines below it are left out. At `Fatal`, only events with a field `fatal = true` are left.
    pub level: LogLevel,
    /// For people instead of JSON.
    pub pretty: bool,
    /// Told in every line.
    pub environment: Environment,
}

/// What holds until the configuration is known.
impl Default for Settings {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            pretty: false,
            environment: Environment::Development,
        }
    }
}

impl Settings {
    /// For an environment that can't be used, whose mistakes have to be logged all the same: what is right in it counts.
    pub fn from_vars(vars: impl Iterator<Item = (String, String)>) -> Self {
        let mut settings = Self::default();
        for (name, value) in vars {
            match name.as_str() {
                "LOG_LEVEL" => settings.level = value.parse().unwrap_or(settings.level),
                "LOG_PRETTY_PRINT" => settings.pretty = value == "true",
                "NODE_ENV" => settings.environment = value.parse().unwrap_or(settings.environment),
                _ => {}
            }
        }
        settings
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            level: config.log.level,
            pretty: config.log.pretty,
            environment: config.environment,
        }
    }
}

/// A layer that writes the stream manager's own events to `writer`, usually `std::io::stdout`.
pub fn layer<S, W>(settings: Settings, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    Lines { settings, writer }.with_filter(Targets::new().with_target(OWN, filter(settings.level)))
}

/// Makes it the log of the whole process. Libraries' warnings are told too, and at `trace` everything.
///
/// # Errors
/// The process has a log already.
pub fn install(settings: Settings) -> Result<(), TryInitError> {
    let own = filter(settings.level);
    let others = if settings.level == LogLevel::Trace {
        own
    } else {
        own.min(LevelFilter::WARN)
    };
    let lines = Lines {
        settings,
        writer: std::io::stdout,
    };
    let targets = Targets::new().with_target(OWN, own).with_default(others);
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .try_init()
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Fatal | LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

struct Lines<W> {
    settings: Settings,
    writer: W,
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(line) = line::render(event, &self.settings, crate::clock::now_ms()) else {
            return;
        };
        // One call a line, so lines of several threads stay whole. Where a log can't be written, nothing can be told.
        let _ = self
            .writer
            .make_writer_for(event.metadata())
            .write_all(line.as_bytes());
    }
}
