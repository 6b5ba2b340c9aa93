//! Names, help texts, labels and buckets of the groups of metrics.

use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::{Latency, Queues, State, Stream, WebSocket};

/// Milliseconds to seconds: what people feel, and what is an outage.
const LATENCY: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// Makes metrics and puts them into the registry.
pub(super) struct Register<'a>(pub(super) &'a Registry);

impl Register<'_> {
    fn add<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.add(IntCounter::new(name, help)?)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, Error> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn int(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.add(IntGauge::new(name, help)?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        self.add(Gauge::new(name, help)?)
    }

    fn ints(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(Histogram::with_opts(options)?)
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(HistogramVec::new(options, labels)?)
    }
}

impl WebSocket {
    pub(super) fn new(to: &Register<'_>) -> Result<Self, Error> {
        Ok(Self {
            connections: to.counters(
                "ws_connections_total",
                "Sockets ever opened.",
                &["quality"],
            )?,
            active: to.ints("ws_connections_active", "Open sockets.", &["quality"])?,
            sent: to.counters(
                "ws_messages_sent_total",
                "Messages handed to sockets.",
                &["type"],
            )?,
            received: to.counters(
                "ws_messages_received_total",
                "Messages from clients.",
                &["type"],
            )?,
            clients: to.ints("ws_clients", "Subscribers.", &["channel"])?,
            bytes_sent: to.counters(
                "ws_bytes_sent_total",
                "Bytes handed to sockets.",
                &["channel"],
            )?,
            bytes_received: to.counters(
                "ws_bytes_received_total",
                "Bytes read from sockets.",
                &["channel"],
            )?,
            errors: to.counters(
                "ws_errors_total",
                "Error messages sent to clients.",
                &["code"],
            )?,
            dropped: to.counters(
                "ws_messages_dropped_total",
                "Messages a client did not get, or that were not taken from it.",
                &["type", "reason"],
            )?,
            rejected: to.counters(
                "ws_handshake_rejected_total",
                "Upgrades refused.",
                &["reason"],
            )?,
            disconnections: to.counters("ws_disconnections_total", "Sockets closed.", &["code"])?,
            latency: Latency::new(to)?,
            queues: Queues::new(to)?,
        })
    }
}

impl Latency {
    fn new(to: &Register<'_>) -> Result<Self, Error> {
        Ok(Self {
            broadcast: to.histogram(
                "ws_broadcast_latency_seconds",
                "Commit to socket write.",
                &LATENCY,
            )?,
            rtt: to.histogram("ws_rtt_seconds", "Ping frame to pong frame.", &LATENCY)?,
        })
    }
}

impl Queues {
    fn new(to: &Register<'_>) -> Result<Self, Error> {
        Ok(Self {
            messages: to.int(
                "ws_send_queue_messages",
                "Messages that wait for clients, at the last sweep.",
            )?,
            bytes: to.int(
                "ws_send_queue_bytes",
                "Bytes that wait for clients, at the last sweep.",
            )?,
            messages_max: to.int(
                "ws_send_queue_messages_max",
                "The most messages that ever waited.",
            )?,
            bytes_max: to.int(
                "ws_send_queue_bytes_max",
                "The most bytes that ever waited.",
            )?,
        })
    }
}

impl State {
    pub(super) fn new(to: &Register<'_>) -> Result<Self, Error> {
        Ok(Self {
            updates: to.counters("state_updates_total", "Committed changes.", &["type"])?,
            persistence: to.histogram(
                "state_persistence_latency_seconds",
                "Time to store a change.",
                &[0.1, 0.5, 1.0, 2.0, 5.0],
            )?,
            redis: to.histograms(
                "redis_operation_latency_seconds",
                "Time of one Redis operation.",
                &["operation"],
                &[0.01, 0.05, 0.1, 0.5, 1.0],
            )?,
            version: to.int("state_version", "Version of the state.")?,
            degraded: to.int("state_degraded", "1 while a change is not stored.")?,
            redis_connected: to.int(
                "redis_connection_status",
                "1 while Redis answers; 0 also without one.",
            )?,
        })
    }
}

impl Stream {
    pub(super) fn new(to: &Register<'_>) -> Result<Self, Error> {
        Ok(Self {
            fps: to.gauge("stream_fps", "Frames a second, measured.")?,
            dropped: to.counter("stream_dropped_frames_total", "Frames that did not come.")?,
            render_time: to.histogram(
                "stream_render_time_seconds",
                "Time to render a frame, as told with each update.",
                &[0.016, 0.033, 0.066, 0.1, 0.2],
            )?,
            clients: to.ints("stream_active_clients", "Preview clients.", &["quality"])?,
            frame_bytes: to.histogram(
                "ws_frame_size_bytes",
                "Size of a frame's picture.",
                &[1000.0, 5000.0, 10_000.0, 50_000.0, 100_000.0],
            )?,
            batch: to.histogram(
                "ws_batch_size_frames",
                "Frames in a message; always one.",
                &[1.0, 2.0, 3.0, 4.0, 5.0],
            )?,
            processing: to.gauge(
                "frame_processing_time_ms",
                "Time to make the last frame, in all the kinds that were watched.",
            )?,
        })
    }
}
