//! Every metric of the stream manager, by the name that dashboards query (spec section 5).
//!
//! A registry belongs to one running stream manager: two in one process don't see each other's numbers. Client ids and
//! addresses never become labels. The counts of clients are kept by the hub and put in when somebody reads.

mod groups;
mod process;
mod register;

use prometheus::{Encoder as _, HistogramVec, IntCounterVec, Registry, TextEncoder};

pub use groups::{Latency, Queues, State, Stream, WebSocket};
pub use prometheus::Error;
pub use prometheus::local::LocalHistogram;

use process::Process;
use register::Register;

/// What `Content-Type` the text of [`Metrics::render`] has.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// See the head of this file.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    process: Process,
    pub ws: WebSocket,
    pub state: State,
    pub stream: Stream,
    /// `http_request_duration_seconds`; `method`, `route` (a template), `code`.
    pub requests: HistogramVec,
    /// `rate_limited_total`; `surface`.
    pub rate_limited: IntCounterVec,
}

impl Metrics {
    /// A registry with everything in it.
    ///
    /// # Errors
    /// Two metrics have the same name.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let register = Register(&registry);
        Ok(Self {
            process: Process::new(&register)?,
            ws: WebSocket::new(&register)?,
            state: State::new(&register)?,
            stream: Stream::new(&register)?,
            requests: register.histograms(
                "http_request_duration_seconds",
                "Time from a request's head to its answer's head.",
                &["method", "route", "code"],
                &[0.1, 0.3, 0.5, 0.7, 1.0, 3.0, 5.0, 7.0, 10.0],
            )?,
            rate_limited: register.counters(
                "rate_limited_total",
                "Calls and messages refused for their rate.",
                &["surface"],
            )?,
            registry,
        })
    }

    /// Messages handed to sockets so far, of whatever type.
    pub fn messages_sent(&self) -> u64 {
        let families = prometheus::core::Collector::collect(&self.ws.sent);
        let samples = families.iter().flat_map(|family| family.get_metric());
        let count = samples
            .map(|sample| sample.get_counter().get_value())
            .sum::<f64>();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        let count = count as u64;
        count
    }

    /// All of it as Prometheus text 0.0.4.
    ///
    /// # Errors
    /// A metric can't be encoded.
    pub fn render(&self) -> Result<Vec<u8>, Error> {
        self.process.update();
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_names_what_dashboards_query() {
        let metrics = Metrics::new().unwrap();
        metrics.ws.sent.with_label_values(&["stateUpdate"]).inc();
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        assert!(text.contains("ws_messages_sent_total{type=\"stateUpdate\"} 1"));
        for name in [
            "process_resident_memory_bytes",
            "process_open_fds",
            "state_version",
        ] {
            assert!(text.contains(&format!("\n{name} ")), "{name} in {text}");
        }
    }
}
