//! What is told about the process: log, metrics, load.

pub mod load;
pub mod log;
pub mod metrics;

pub use load::{Load, StreamMetrics};
pub use metrics::Metrics;
