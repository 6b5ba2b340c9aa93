//! The end: signals, and the time that requests under way are given (Traefik's `lifeCycle`).

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::workers::Phase;
use crate::config::install::{Install, LifeCycle};
use crate::types;

/// How often the end of the workers is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// What is done first when a signal has come; for who runs the gateway inside another program.
pub type Farewell = Pin<Box<dyn Future<Output = ()>>>;

/// SIGTERM and SIGINT, caught from the moment this is made: one that comes during the start ends it in order too.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
    }
}

/// Waits until the gateway is to end, and then for the time in which it still accepts.
/// `terminating` is set as soon as it is to end.
pub(super) async fn wait(
    mut signals: Signals,
    farewell: Option<Farewell>,
    install: &Install,
    terminating: &AtomicBool,
) {
    signals.told().await;
    terminating.store(true, Ordering::Relaxed);
    if let Some(farewell) = farewell {
        farewell.await;
    }
    let grace = longest(install, |cycle| cycle.request_accept_grace_timeout);
    if !grace.is_zero() {
        tracing::info!(?grace, "stopping soon; requests are still accepted");
        tokio::time::sleep(grace).await;
    }
}

/// Lets requests under way finish, then ends the workers.
pub(super) async fn drain(
    install: &Install,
    phases: &watch::Sender<Phase>,
    workers: Vec<JoinHandle<()>>,
) {
    let grace = longest(install, |cycle| cycle.grace_time_out);
    phases.send_replace(Phase::Drain);
    let all_ended = async {
        while !workers.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(grace, all_ended).await.is_err() {
        tracing::warn!(
            ?grace,
            "connections are still open at the end of the grace time; closing them"
        );
    }
    phases.send_replace(Phase::Stop);
    for worker in workers {
        if worker.join().is_err() {
            tracing::error!("a worker had panicked");
        }
    }
}

/// The longest of a life cycle option over all entry points.
fn longest(install: &Install, option: impl Fn(&LifeCycle) -> types::Duration) -> Duration {
    install
        .entry_points
        .values()
        .filter_map(|entry| option(&entry.transport.life_cycle).limit())
        .max()
        .unwrap_or_default()
}
