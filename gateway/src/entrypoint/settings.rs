//! An entry point as the data path needs it: its install options checked and taken apart.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::normalize::TargetRules;
use crate::h1::Limits;
use crate::http::forwarded::ForwardedRules;
use crate::net::Admission;
use crate::observe::metrics::Gauge;
use crate::observe::{Observed, PerWorker};
use crate::types::IpSet;

/// What to do with fields whose name holds an underscore (Traefik's `underscoreHeadersStrategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Underscores {
    /// Pass them.
    #[default]
    Keep,
    /// Drop them and pass the request.
    Delete,
    /// Refuse the request with 400.
    Reject,
}

/// Whose PROXY headers count (Traefik's `proxyProtocol`). Others' are read and ignored.
#[derive(Debug, Default)]
pub struct ProxyProtocol {
    /// Everybody's.
    pub insecure: bool,
    /// Those of these.
    pub trusted: IpSet,
}

/// How long a client may take to say what it speaks, where no `readTimeout` says so.
const OPENING: Duration = Duration::from_secs(60);

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
    /// Limits on open connections.
    pub admission: Option<Arc<Admission>>,
    /// Whose PROXY headers count; `None` where there are none.
    pub proxy_protocol: Option<ProxyProtocol>,
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
    /// Time in which a client has to take something of an answer.
    pub write_timeout: Duration,
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
    /// How long a client may take for its first byte, a PROXY header, the start of HTTP/2 or a TLS handshake. Never
    /// without end, whatever the timeouts say.
    pub fn opening_timeout(&self) -> Duration {
        if self.read_timeout.is_zero() {
            OPENING
        } else {
            self.read_timeout
        }
    }

    /// Whether a PROXY header of this peer says who its client is.
    pub fn believes_proxy(&self, peer: IpAddr) -> bool {
        let rules = self.proxy_protocol.as_ref();
        rules.is_some_and(|rules| rules.insecure || rules.trusted.contains(peer))
    }

    /// Whether a connection has served its time.
    pub fn is_worn(&self, requests: u64, opened: Instant) -> bool {
        (self.max_requests > 0 && requests >= self.max_requests)
            || (!self.max_age.is_zero() && opened.elapsed() >= self.max_age)
    }
}
