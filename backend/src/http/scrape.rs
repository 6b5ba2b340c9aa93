//! `GET /metrics` on its own port.

use std::sync::Arc;

use http::{Method, Request, StatusCode};

use super::Response;
use super::answer::{ApiError, bytes};
use crate::config::Quality;
use crate::hub::{Channel, Totals};
use crate::observe::{Metrics, metrics};
use crate::owner::{Mode, Owner, StoreStatus};
use crate::preview::Frames;

/// Puts in what others count, and writes it all down.
#[derive(Clone)]
pub struct Scrape {
    pub metrics: Arc<Metrics>,
    pub owner: Owner,
    pub frames: Frames,
    pub totals: Arc<dyn Fn() -> Totals + Send + Sync>,
}

impl Scrape {
    /// Answers a call on the metrics port.
    pub fn answer<B>(&self, request: &Request<B>) -> Response {
        let path = request.uri().path();
        if path.strip_suffix('/').unwrap_or(path) != "/metrics" {
            return ApiError::not_found().into_response();
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return ApiError::method("GET, HEAD").into_response();
        }
        self.fill();
        match self.metrics.render() {
            Ok(text) => bytes(StatusCode::OK, metrics::CONTENT_TYPE, text),
            Err(error) => {
                tracing::error!(r#type = "metrics", %error, "metrics can't be encoded");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                let message = "Metrics can't be encoded";
                ApiError::new(status, "INTERNAL_ERROR", message).into_response()
            }
        }
    }

    fn fill(&self) {
        let totals = (self.totals)();
        let ws = &self.metrics.ws;
        let set = |gauge: &prometheus::IntGauge, value: usize| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        let mut others = totals.clients;
        for quality in [Quality::Low, Quality::Medium, Quality::High] {
            let watching = self.frames.clients(quality);
            others = others.saturating_sub(watching);
            let label = [quality.as_str()];
            set(&ws.active.with_label_values(&label), watching);
            set(
                &self.metrics.stream.clients.with_label_values(&label),
                watching,
            );
        }
        set(&ws.active.with_label_values(&["none"]), others);
        for (channel, clients) in Channel::ALL.into_iter().zip(totals.channels) {
            ws.clients.with_label_values(&[channel.name()]).set(clients);
        }
        set(&ws.queues.messages, totals.messages);
        set(&ws.queues.bytes, totals.bytes);
        set(&ws.queues.messages_max, totals.most_messages);
        set(&ws.queues.bytes_max, totals.most_bytes);

        let (snapshot, health) = (self.owner.snapshot(), self.owner.health());
        let state = &self.metrics.state;
        state
            .version
            .set(i64::try_from(snapshot.version).unwrap_or(i64::MAX));
        state
            .degraded
            .set((health.status == StoreStatus::Degraded).into());
        let redis = health.mode == Mode::Redis && health.connected;
        state.redis_connected.set(redis.into());
        self.metrics.stream.fps.set(snapshot.stream.fps);
    }
}
