//! The access log: which requests get a line, what it holds, and who writes it.

mod fields;
mod json;
mod line;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use fields::{Field, Fields, Headers, Mode};
pub(super) use line::{Entry, Origin, REDACTED, Request, first};

use crate::types::StatusRanges;
use writer::Writer;

/// How a line is written (`accessLog.format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `common`: the common log format with Traefik's additions.
    Common,
    /// `genericCLF`: without them.
    GenericClf,
    /// `json`
    Json,
}

/// What the access log is to be (Traefik's `accessLog`).
#[derive(Debug)]
pub struct Options {
    /// `None` is standard output.
    pub path: Option<PathBuf>,
    pub format: Format,
    pub fields: Fields,
    pub headers: Headers,
    /// Whether paths are shown with their query.
    pub keep_query: bool,
    pub filters: Filters,
}

/// Which requests get a line: those that fit one of the filters, all where there are none.
#[derive(Debug, Default)]
pub struct Filters {
    pub status_codes: StatusRanges,
    /// Those that were sent again.
    pub retry_attempts: bool,
    /// Those that took longer.
    pub min_duration: Option<Duration>,
}

impl Filters {
    fn keep(&self, entry: &Entry<'_>) -> bool {
        let none =
            self.status_codes.is_empty() && !self.retry_attempts && self.min_duration.is_none();
        none || self.status_codes.contains(entry.status)
            || (self.retry_attempts && entry.retries > 0)
            || self
                .min_duration
                .is_some_and(|least| entry.duration > least)
    }
}

/// See the module. One for the process.
#[derive(Debug)]
pub struct AccessLog {
    options: Options,
    writer: Writer,
}

impl AccessLog {
    /// Opens it for `workers` threads.
    pub fn open(options: Options, workers: usize) -> io::Result<Self> {
        let writer = Writer::start(options.path.clone(), workers)?;
        Ok(Self { options, writer })
    }

    /// Which headers lines have.
    pub fn headers(&self) -> &Headers {
        &self.options.headers
    }

    /// Opens the file again, after someone moved it away.
    pub fn reopen(&self) {
        self.writer.shared.reopen();
    }

    /// Writes what waits. Lines that come later are lost.
    pub fn close(&self) {
        self.writer.close();
    }

    /// Adds the line of a request that ended at `at`. Never waits for the disk.
    pub(super) fn write(&self, at: Instant, entry: &Entry<'_>) {
        // A request without a line is counted all the same, by an empty one.
        let keep = self.options.filters.keep(entry);
        self.writer.shared.push(at, |out| {
            keep.then(|| line::write(out, entry, &self.options))
                .flatten()
        });
    }
}
