//! What is told about the process: log, metrics, load.

pub mod load;
pub mod metrics;

pub use load::{Load, StreamMetrics};
pub use metrics::Metrics;
