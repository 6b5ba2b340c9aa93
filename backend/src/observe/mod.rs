//! What is told about the process: log, metrics, load.

pub mod log;
