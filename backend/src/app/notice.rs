//! Who is told of changes: the hub's clients, and the metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::chat::OnNotice;
use crate::config::Quality;
use crate::hub::Publication;
use crate::observe::Metrics;
use crate::owner::{Commit, CommitKind, Observer, OnCommit};
use crate::preview::{Choice, Encoding, Event, Frames, OnEvent};
use crate::state::{Snapshot, StreamState};
use crate::ws::{Hub, Server, wire};

/// Publishes each commit, in order. Appends to lists and returns.
pub(super) fn on_commit(hub: Arc<Hub>, metrics: Arc<Metrics>, frames: Frames) -> OnCommit {
    let mut dropped_before = None;
    let mut before: Option<Arc<Snapshot>> = None;
    Box::new(move |commit: &Arc<Commit>| {
        let mut publications = publications(commit, before.as_deref());
        publications.extend(preview(commit, before.as_deref(), &frames));
        before = Some(Arc::clone(&commit.snapshot));
        hub.commit(&commit.snapshot, &publications);

        if let Some(kind) = label(commit.kind) {
            metrics.state.updates.with_label_values(&[kind]).inc();
        }
        let stream = &commit.snapshot.stream;
        let dropped = stream.dropped_frames;
        let before = dropped_before.replace(dropped).unwrap_or(dropped);
        metrics
            .stream
            .dropped
            .inc_by(dropped.saturating_sub(before));
        if commit.kind == CommitKind::Telemetry {
            let seconds = stream.average_render_time / 1000.0;
            metrics.stream.render_time.observe(seconds);
        }
        log(commit, &publications, &hub);
    })
}

/// What those who watch the preview are told of a commit.
fn preview(commit: &Commit, before: Option<&Snapshot>, frames: &Frames) -> Vec<Publication> {
    let (now, mut told) = (&commit.snapshot, Vec::new());
    let Some(before) = before else {
        return told;
    };
    let shown = |stream: &StreamState| (stream.is_live, stream.is_paused, stream.target_fps);
    if shown(&now.stream) != shown(&before.stream) {
        told.push(wire::preview_state_changed(&now.stream));
    }
    let size = now.settings.stream_resolution != before.settings.stream_resolution;
    if size || now.stream.target_fps != before.stream.target_fps {
        told.extend(configs(frames, now));
    }
    told
}

fn configs(frames: &Frames, snapshot: &Snapshot) -> Vec<Publication> {
    let qualities = [Quality::Low, Quality::Medium, Quality::High].into_iter();
    let configs = qualities.flat_map(|quality| {
        let (size, fps) = frames.delivered(quality, snapshot);
        wire::preview_configs(quality, size, fps)
    });
    configs.collect()
}

/// Tells those who watch that they get something else from now on.
pub(super) fn on_reconfigured(server: &Arc<Server>) -> Box<dyn Fn() + Send + Sync> {
    let server = Arc::clone(server);
    Box::new(move || {
        for publication in configs(&server.frames, &server.owner.snapshot()) {
            server.hub.publish(&publication);
        }
    })
}

/// Publishes frames, each once for each encoding; who has chosen which is the clients' affair.
pub(super) fn on_event(hub: Arc<Hub>, metrics: Arc<Metrics>, watched: Frames) -> OnEvent {
    Box::new(move |event| match event {
        Event::Frames(frames) => {
            for frame in frames {
                metrics.stream.frame_bytes.observe(float(frame.bytes.len()));
                metrics.stream.batch.observe(1.0);
                for encoding in [Encoding::Json, Encoding::Binary] {
                    let variant = frame.variant;
                    if watched.is_watched(Choice { variant, encoding }) {
                        hub.publish(&wire::frame(&frame, encoding));
                    }
                }
            }
        }
        Event::SourceSilent => {
            let error = wire::stream_error("FRAME_SOURCE", "no frame for 5 s", "HIGH");
            hub.publish(&error);
        }
        Event::Made(took) => metrics.stream.processing.set(took.as_secs_f64() * 1000.0),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a size for a histogram")]
fn float(bytes: usize) -> f64 {
    bytes as f64
}

/// Publishes what happens in chat, in order.
pub(super) fn on_notice(hub: Arc<Hub>) -> OnNotice {
    Box::new(move |notice| {
        for publication in wire::chat_notice(notice) {
            hub.publish(&publication);
        }
    })
}

/// The `type` of `state_updates_total`; the first state of all updates nothing.
fn label(kind: CommitKind) -> Option<&'static str> {
    match kind {
        CommitKind::Loaded => None,
        CommitKind::Scene => Some("scene"),
        CommitKind::Stream
        | CommitKind::Settings
        | CommitKind::Telemetry
        | CommitKind::Reset
        | CommitKind::Replaced => Some("stream"),
    }
}

/// The messages that tell of a commit, by channel. `before`: what the last one told of.
fn publications(commit: &Commit, before: Option<&Snapshot>) -> Vec<Publication> {
    let snapshot = &commit.snapshot;
    let mut publications = Vec::new();
    if commit.kind != CommitKind::Scene {
        let update = wire::state_update(snapshot, &commit.changes, commit.at_ms);
        publications.push(update);
    }
    let updates = commit.layers.iter();
    publications
        .extend(updates.map(|event| wire::layer_update(event, &snapshot.epoch, commit.at_ms)));
    let other = before
        .is_none_or(|before| before.marks != snapshot.marks || before.epoch != snapshot.epoch);
    if other && commit.layers.is_empty() {
        publications.push(wire::layers_replaced(snapshot));
    }
    publications
}

fn log(commit: &Commit, publications: &[Publication], hub: &Hub) {
    let bytes: usize = publications
        .iter()
        .map(|publication| publication.message.bytes().len())
        .sum();
    let (version, changes) = (commit.snapshot.version, commit.changes.join(","));
    let clients = hub.totals().clients;
    if commit.kind == CommitKind::Telemetry {
        tracing::debug!(
            r#type = "state",
            event = "update",
            version,
            changes,
            clients,
            bytes,
            "counters updated"
        );
    } else {
        tracing::info!(
            r#type = "state",
            event = "update",
            kind = ?commit.kind,
            version,
            changes,
            clients,
            bytes,
            "state updated"
        );
    }
}

/// What the owner and the store tell of their times. Commits are counted where they are published.
pub(super) struct Recorder(pub(super) Arc<Metrics>);

impl Observer for Recorder {
    fn persisted(&self, took: Duration) {
        self.0.state.persistence.observe(took.as_secs_f64());
    }

    fn redis_operation(&self, operation: &'static str, took: Duration) {
        let redis = &self.0.state.redis;
        let histogram = redis.with_label_values(&[operation]);
        histogram.observe(took.as_secs_f64());
    }
}
