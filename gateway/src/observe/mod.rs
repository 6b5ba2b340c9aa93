//! What is told about a request or the process: access record, log, metrics.

mod record;

pub use record::Record;
