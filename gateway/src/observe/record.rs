//! What is known of one request when it ends: the source of the access log line and of the metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Filled in while a request travels; read once, when its last byte was sent.
#[derive(Debug)]
pub struct Record {
    /// When the request's head was complete.
    pub start: Instant,
    /// Router that matched, as `name@provider`.
    pub router: Option<Arc<str>>,
    /// Service that the router named, as `name@provider`.
    pub service: Option<Arc<str>>,
    /// Server that answered, its URL as configured.
    pub server: Option<Arc<str>>,
    /// Status of the server's answer; `None` where no server answered.
    pub origin_status: Option<u16>,
    /// From sending to the server until its head was there.
    pub origin_duration: Duration,
    /// Body bytes received from the server.
    pub origin_bytes: u64,
    /// User name that an authenticating middleware found.
    pub user: Option<Box<str>>,
    /// How often the request was sent again.
    pub retries: u32,
}

impl Record {
    /// A record of a request whose head was complete at `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            router: None,
            service: None,
            server: None,
            origin_status: None,
            origin_duration: Duration::ZERO,
            origin_bytes: 0,
            user: None,
            retries: 0,
        }
    }
}
