//! What is told about a request or the process: access record, access log, metrics, log.
//!
//! The data path hands over one [`Record`] a request. What is to become of it is decided when the configuration is
//! compiled ([`Observer`]), and each worker writes to memory of its own ([`PerWorker`]).

pub mod access;
pub mod log;
pub mod metrics;
mod observer;
mod record;
mod subject;
pub mod time;
mod worker;

pub use observer::{Asks, Observed, ObservedService, Observer};
pub use record::{Asked, Record};
pub use worker::{Own, PerWorker, become_worker};
