//! Metrics under Traefik's names. Requests are counted in shards, one a worker ([`Shard`]); the page for Prometheus
//! gathers them when it is asked for.

mod cache;
mod kind;
mod names;
pub mod page;
mod process;
mod registry;
mod shard;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::HeaderName;

pub use cache::{CacheCounters, CacheResult};
pub use kind::Kind;
pub use names::Group;
pub use registry::Metrics;
pub use shard::{Gauge, Sample, Shard};

use super::PerWorker;

/// What is counted (Traefik's `metrics.prometheus`).
#[derive(Debug, Clone)]
pub struct Options {
    /// `addEntryPointsLabels`
    pub entry_points: bool,
    /// `addRoutersLabels`
    pub routers: bool,
    /// `addServicesLabels`
    pub services: bool,
    /// Upper bounds of the duration's buckets, in seconds.
    pub buckets: Vec<f64>,
    /// Labels of the request counters that are taken from a request's headers, by label.
    pub header_labels: Vec<(String, HeaderName)>,
}

/// A served certificate, as its gauge names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateExpiry {
    pub common_name: String,
    /// DNS names, sorted, joined by commas.
    pub alternative_names: String,
    /// Decimal.
    pub serial: String,
    /// Unix seconds.
    pub not_after: i64,
}

/// A server whose health is checked, as its gauge names it.
#[derive(Debug, Clone)]
pub struct ServerUp {
    pub service: String,
    pub url: String,
    pub up: Arc<AtomicBool>,
}

/// Counters of one entry point, router or service.
pub type Scope = PerWorker<Shard>;
