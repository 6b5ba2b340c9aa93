//! The end: signals, and the time that requests under way are given (Traefik's `lifeCycle`).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::longest;
use super::workers::Phase;
use crate::config::install::Install;

/// How often the end of the workers is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// What ends the gateway.
pub enum Stop {
    /// SIGTERM or SIGINT.
    Signal,
    /// Whenever this is ready; for who runs the gateway inside another program.
    When(Pin<Box<dyn Future<Output = ()>>>),
}

/// Waits until the gateway is to end, and then for the time in which it still accepts.
/// `terminating` is set as soon as it is to end.
pub(super) async fn wait(stop: Stop, install: &Install, terminating: &AtomicBool) {
    match stop {
        Stop::Signal => signalled().await,
        Stop::When(told) => told.await,
    }
    terminating.store(true, Ordering::Relaxed);
    let grace = longest(install, |cycle| cycle.request_accept_grace_timeout);
    if !grace.is_zero() {
        tracing::info!(?grace, "stopping soon; requests are still accepted");
        tokio::time::sleep(grace).await;
    }
}

/// Waits for SIGTERM or SIGINT.
pub async fn signalled() {
    match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "cannot wait for signals; only SIGKILL ends this process");
            std::future::pending::<()>().await;
        }
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
