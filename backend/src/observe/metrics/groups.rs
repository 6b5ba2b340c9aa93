//! Metrics by what they are about. The comment on a field names its labels.

use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};

/// Sockets and what goes over them.
#[derive(Debug)]
pub struct WebSocket {
    /// `quality` of the preview; `none` without one.
    pub connections: IntCounterVec,
    pub active: IntGaugeVec,
    /// `type` of the message.
    pub sent: IntCounterVec,
    pub received: IntCounterVec,
    /// `channel`.
    pub clients: IntGaugeVec,
    pub bytes_sent: IntCounterVec,
    pub bytes_received: IntCounterVec,
    /// `code` of the error message.
    pub errors: IntCounterVec,
    /// `type`, `reason`.
    pub dropped: IntCounterVec,
    /// `reason`.
    pub rejected: IntCounterVec,
    /// `code` of the close.
    pub disconnections: IntCounterVec,
    pub latency: Latency,
    pub queues: Queues,
}

/// How long messages take.
#[derive(Debug)]
pub struct Latency {
    /// Commit to socket write.
    pub broadcast: Histogram,
    /// Ping frame to pong frame.
    pub rtt: Histogram,
}

/// What waits for clients.
#[derive(Debug)]
pub struct Queues {
    pub messages: IntGauge,
    pub bytes: IntGauge,
    pub messages_max: IntGauge,
    pub bytes_max: IntGauge,
}

/// The owner of the state and its store.
#[derive(Debug)]
pub struct State {
    /// `type`: `stream`, `scene` or `preview`.
    pub updates: IntCounterVec,
    pub persistence: Histogram,
    /// `operation`.
    pub redis: HistogramVec,
    pub version: IntGauge,
    pub degraded: IntGauge,
    pub redis_connected: IntGauge,
}

/// The stream itself.
#[derive(Debug)]
pub struct Stream {
    pub fps: Gauge,
    pub dropped: IntCounter,
    pub render_time: Histogram,
    /// `quality`.
    pub clients: IntGaugeVec,
    pub frame_bytes: Histogram,
    pub batch: Histogram,
    pub processing: Gauge,
}
