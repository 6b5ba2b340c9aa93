//! An entry point as the data path needs it: its install options checked and taken apart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::normalize::TargetRules;
use crate::h1::Limits;
use crate::http::forwarded::ForwardedRules;
use crate::observe::metrics::Gauge;
use crate::observe::{Observed, PerWorker};

/// What to do with fields whose name holds an underscore (Traefik's `underscoreHeadersStrategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Underscores {
    /// Pass them.
    #[default]
    Keep,
    /// Drop them.
    Drop,
    /// Refuse the request with 400.
    Reject,
}

/// See the module. Timeouts of zero mean none.
#[derive(Debug)]
pub struct EntryPoint {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in the snapshot.
    pub index: usize,
    /// Where requests are recorded that no router takes.
    pub unrouted: PerWorker<Observed>,
    /// Its open connections, where they are counted.
    pub open: Option<PerWorker<Gauge>>,
    /// Whose forwarding fields are believed.
    pub forwarded: ForwardedRules,
    /// How targets are normalised.
    pub target: TargetRules,
    /// Escapes a routed path may not hold, e.g. `%2F`.
    pub denied_escapes: Vec<&'static str>,
    /// Fields with an underscore.
    pub underscores: Underscores,
    /// Limits of heads.
    pub limits: Limits,
    /// Silence allowed while a request is read.
    pub read_timeout: Duration,
    /// Silence allowed between two requests.
    pub idle_timeout: Duration,
    /// Silence allowed in a tunnel; Traefik has none, so off by default.
    pub tunnel_idle_timeout: Option<Duration>,
    /// Requests after which a connection is closed; 0 is no limit.
    pub max_requests: u64,
    /// Age after which a connection is closed; zero is no limit.
    pub max_age: Duration,
    /// HTTP/2: requests at once on one connection.
    pub max_concurrent_streams: u32,
    /// HTTP/2: bytes of the HPACK table we keep for the client's fields.
    pub header_table_size: u32,
}

impl EntryPoint {
    /// Whether a connection has served its time.
    pub fn is_worn(&self, requests: u64, opened: Instant) -> bool {
        (self.max_requests > 0 && requests >= self.max_requests)
            || (!self.max_age.is_zero() && opened.elapsed() >= self.max_age)
    }
}
