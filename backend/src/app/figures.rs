//! How the process does: told to viewers while the stream is live, and to the log now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::observe::{Load, StreamMetrics};
use crate::ws::{Server, wire};

/// Between two lines of the log (specification, section 9).
const LOG: Duration = Duration::from_secs(10);

/// Begins to tell them at that interval; the figures of `metricsUpdate` and `GET …/metrics` for whoever asks.
pub(super) fn start(
    server: &Arc<Server>,
    interval: Duration,
) -> Arc<dyn Fn() -> StreamMetrics + Send + Sync> {
    let load = load(server);
    tokio::spawn(tell(Arc::clone(&load), Arc::clone(server), interval));
    load
}

fn load(server: &Arc<Server>) -> Arc<dyn Fn() -> StreamMetrics + Send + Sync> {
    let (owner, hub) = (server.owner.clone(), Arc::clone(&server.hub));
    let (metrics, load) = (Arc::clone(&server.metrics), Load::new());
    Arc::new(move || {
        let (snapshot, totals) = (owner.snapshot(), hub.totals());
        let (cpu_usage, memory_usage, messages_per_second) = load.measure(metrics.messages_sent());
        StreamMetrics {
            fps: snapshot.stream.fps,
            dropped_frames: snapshot.stream.dropped_frames,
            buffer_health: 100.0,
            cpu_usage,
            memory_usage,
            connected_clients: totals.clients,
            messages_per_second,
            queue_depth: totals.messages,
            ..StreamMetrics::default()
        }
    })
}

/// Tells everyone on `state`, and the log, as long as the stream is live.
async fn tell(
    load: Arc<dyn Fn() -> StreamMetrics + Send + Sync>,
    server: Arc<Server>,
    interval: Duration,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut logged: Option<Instant> = None;
    loop {
        ticks.tick().await;
        if !server.owner.snapshot().stream.is_live {
            continue;
        }
        let figures = load();
        server.hub.publish(&wire::metrics_update(&figures));
        if logged.is_none_or(|at| at.elapsed() >= LOG) {
            logged = Some(Instant::now());
            log(&figures);
        }
    }
}

fn log(figures: &StreamMetrics) {
    tracing::info!(
        r#type = "metrics",
        event = "performance",
        fps = figures.fps,
        droppedFrames = figures.dropped_frames,
        clients = figures.connected_clients,
        messagesPerSecond = figures.messages_per_second,
        queueDepth = figures.queue_depth,
        cpuUsage = figures.cpu_usage,
        memoryUsage = figures.memory_usage,
        "how it goes"
    );
}
